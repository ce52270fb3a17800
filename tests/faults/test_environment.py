"""What the machine does to FlowLoom: clocks, pauses, hang-ups, other users, upgrades, poor file systems, settings."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.support import leftovers
from tests.support.another_user import TheirWorld, another_user
from tests.support.desk import Desk
from tests.support.install import Install
from tests.support.messages_api import MessagesApi
from tests.support.world import EDITOR, ROOT, World, waits_for_lock

from flowloom.providers.claude.program import TIMING

pytestmark = pytest.mark.faults

FAILING = str(ROOT / "tests/support/failing.py")


@pytest.fixture
def install(tmp_path: Path) -> Install:
    return Install(tmp_path / "copy")


@pytest.fixture
def theirs() -> Iterator[TheirWorld]:
    with another_user() as world:
        yield world


# File systems. No FAT and no NFS can be mounted in a test, so the call itself fails, with their errno.


@pytest.mark.parametrize("number", ["EPERM", "EOPNOTSUPP"])
def test_without_named_pipes_a_task_goes_its_way_by_looking_again(world: World, number: str) -> None:
    world.start()
    done = world.run(sys.executable, FAILING, number, "os:mkfifo", "--", "flowloom", "ask", "planning", "one")
    assert (done.returncode, done.stdout) == (0, b"echo heard: one"), done
    path = world.prompt_file("@planning two\n")
    done = world.run(sys.executable, FAILING, number, "os:mkfifo", "--", "editor", str(path))
    assert done.returncode == 0, done
    assert "echo heard: two" in path.read_text()
    for words in (["start", "coding"], ["restart", "planning"]):
        done = world.run(sys.executable, FAILING, number, "os:mkfifo", "--", "flowloom", *words)
        assert done.returncode == 0, done
    done = world.run(sys.executable, FAILING, number, "os:mkfifo", "--", "flowloom", "doctor")
    assert "mkfifo on" in done.stdout.decode()
    leftovers.check(world)


def test_without_locks_the_folder_is_named_and_nothing_is_sent(world: World) -> None:
    world.start()
    path = world.prompt_file("@planning one\n")
    for words in (["flowloom", "ask", "planning", "one"], ["editor", str(path)]):
        done = world.run(sys.executable, FAILING, "ENOLCK", "fcntl:flock", "--", *words)
        # Our own 1 leaves the editor as 101, and hooks/editor as 1.
        assert (done.returncode % 100, done.stdout) == (1, b""), done
        assert "has no locks" in done.stderr.decode()
        assert "et FLOWLOOM_HOME to a folder on a local disk" in done.stderr.decode()
    assert path.read_text() == "@planning one\n"
    assert "one" not in world.screen()


# The clock.


def shift(install: Install, seconds: float) -> None:
    """Set the clock of every process of this install, from now on; the real one belongs to everybody."""
    changed = []
    for path in sorted((ROOT / "src" / "flowloom").rglob("*.py")):
        name, plain = str(path.relative_to(ROOT / "src" / "flowloom").with_suffix("")), path.read_text()
        if "/echo/" in name or not re.search(r"time\.time(_ns)?\(\)", plain):
            continue  # the agent's program may read its own clock
        changed.append(name)
        moved = plain.replace("time.time()", f"(time.time() + {seconds})")
        install.module(name).write_text(moved.replace("time.time_ns()", f"(time.time_ns() + {int(seconds * 1e9)})"))
    assert "clock" in changed


@pytest.mark.parametrize("seconds", [-7200.0, 7200.0], ids=["back", "forward"])
def test_a_clock_that_is_set_makes_nobody_deaf(world: World, install: Install, seconds: float) -> None:
    environment = install.environment
    assert world.ask("planning", "one", env=environment) == "echo heard: one"
    go = world.folder / "go"
    asked = world.begin("ask", "planning", f"two\necho:hold {go}", env=environment)
    world.until(lambda: world.steps(1)[-1] == "accepted" and world.status()["status"] == "working")
    shift(install, seconds)
    # Every age is shown, none is negative.
    for command in ("agents", "tasks"):
        shown = world.flowloom(command, env=environment).stdout.decode()
        assert re.findall(r"-\d+ (?:s|min|h|d)\b", shown) == [], shown
    # An Esc that no hook tells of is seen within seconds, not when the clock has caught up.
    world.keys("Escape")
    out, err = asked.communicate(timeout=15)
    assert (asked.returncode, b"interrupted in its window" in err) == (1, True), (out, err, world.describe())
    # And what a hook had to keep is heard, as well as what comes after it.
    spool = world.agent_dir() / "spool"
    spool.mkdir(exist_ok=True)
    kept = {"hook_event_name": "UserPromptSubmit", "prompt": "by hand", "prompt_id": "p1"}
    stop = {"hook_event_name": "Stop", "prompt_id": "p1", "last_assistant_message": "x"}
    (spool / "late-1-1.json").write_text(json.dumps(kept))
    (spool / "late-1-2.json").write_text(json.dumps(stop))
    assert world.ask("planning", "three", env=environment).startswith("echo heard: three")
    assert world.status()["seen_ns"] <= time.monotonic_ns()
    seqs = [json.loads(line)["seq"] for line in (world.agent_dir() / "events.jsonl").read_text().splitlines()]
    assert seqs == sorted(seqs)
    leftovers.check(world)


def test_deaths_of_before_the_clock_was_set_back_do_not_forbid_a_start(world: World) -> None:
    world.start()
    world.flowloom("stop", "planning")
    path = world.agent_dir() / "status.json"
    path.write_text(json.dumps(world.status() | {"deaths": [time.time() + 3600] * 3, "since": time.time() + 3600}))
    assert "  0s" in world.flowloom("agents").stdout.decode()
    assert world.ask("planning", "one") == "echo heard: one"


# Pauses.


def paused(pid: int, world: World) -> None:
    os.kill(pid, signal.SIGSTOP)
    world.until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "it stands still")


# tmux wakes a program that is stopped alone, so an agent stands still only where its tmux does.
STOPPED = {
    "who waits": ["who waits"],
    "tmux": ["tmux"],
    "tmux and the agent": ["tmux", "agent"],
    "everything": ["who waits", "tmux", "agent"],
}


def pause(world: World, whom: str, asked: subprocess.Popen[bytes] | None = None) -> None:
    """Stop processes for three seconds, as a lid that is closed does."""
    known = {"tmux": int(world.tmux("display-message", "-p", "#{pid}")), "agent": int(world.status()["pid"])}
    if asked is not None:
        known["who waits"] = asked.pid
    pids = [known[name] for name in STOPPED[whom] if name in known]
    for pid in pids:
        paused(pid, world)
    resume_at = time.monotonic() + 3.0
    world.until(lambda: time.monotonic() > resume_at)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("whom", STOPPED)
def test_a_pause_of_three_seconds_costs_three_seconds(world: World, whom: str) -> None:
    world.start()
    asked = world.begin("ask", "planning", "remember the word heron\necho:work 1")
    world.until_step("accepted")
    pause(world, whom, asked)
    out, err = asked.communicate(timeout=20)
    assert (asked.returncode, out.startswith(b"echo heard: remember")) == (0, True), (out, err, world.describe())
    assert world.steps() == ["created", "typed", "pasted", "accepted", "done"]
    assert world.ask("planning", "again").startswith("echo heard: again")
    leftovers.check(world)


@pytest.mark.parametrize("whom", ["tmux", "tmux and the agent"])
def test_a_pause_before_the_delivery_sends_the_task_once(world: World, whom: str) -> None:
    world.start()
    pids = [int(world.tmux("display-message", "-p", "#{pid}")), int(world.status()["pid"])][: len(STOPPED[whom])]
    for pid in pids:
        paused(pid, world)
    asked = world.begin("ask", "planning", "remember the word heron")
    world.until(lambda: world.tasks(), "the task is open")
    resume_at = time.monotonic() + 3.0
    world.until(lambda: time.monotonic() > resume_at)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGCONT)
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, out.startswith(b"echo heard: remember")) == (0, True), (out, err, world.describe())
    assert sum(path.read_text().count("heron") for path in world.agent_dir().glob("memory/*.json")) == 1
    leftovers.check(world)


# The line is cut.


@pytest.mark.parametrize("what", ["ask", "ctrl-g"])
def test_a_lost_ssh_connection_leaves_the_task_to_a_waiter(world: World, what: str) -> None:
    """sshd closes its end of the terminal: the kernel sends SIGHUP to the session leader, and the terminal is dead."""
    world.start()
    go = world.folder / "go"
    prompt = f"remember the word heron\necho:hold {go}"
    path = world.prompt_file(f"@planning {prompt}\n")
    words = {
        "ask": [sys.executable, "-m", "flowloom", "ask", "planning", prompt],
        # The login shell is the leader; Claude Code and its editor share the terminal.
        "ctrl-g": ["sh", "-c", f"'{EDITOR}' '{path}'; exit $?"],
    }[what]
    environment = {**os.environ, **world.environment}
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(world.project)
        os.execvpe(words[0], words, environment)
    world.until_step("accepted")
    os.close(master)
    world.until(lambda: os.waitpid(pid, os.WNOHANG) != (0, 0), "the session has ended")
    world.until(lambda: world.task()["left"], "it is left to a waiter")
    assert path.read_text() == f"@planning {prompt}\n"
    go.touch()
    world.until_step("done")
    assert world.flowloom("reply", world.task()["task_id"]).stdout.startswith(b"echo heard: remember")
    leftovers.check(world)


# Two users.


def test_two_users_with_agents_of_the_same_name_do_not_meet(world: World, theirs: TheirWorld) -> None:
    # The same socket name, the same folder for sockets, the same name of session and agent.
    shared = Path(theirs.environment["TMUX_TMPDIR"])
    shared.chmod(0o1777)
    world.environment |= {"TMUX_TMPDIR": str(shared), "FLOWLOOM_TMUX_SOCKET": theirs.socket}
    world.socket = theirs.socket
    theirs.start()
    world.start()
    assert theirs.ask("planning", "mine") == "echo heard: mine"
    assert world.ask("planning", "yours") == "echo heard: yours"
    assert sorted(path.name for path in shared.iterdir()) == ["tmux-0", "tmux-65534"]
    assert len(theirs.tasks()) == len(world.tasks()) == 1
    assert theirs.flowloom("stop", "planning").returncode == 0
    assert world.status()["status"] == "idle"


def test_the_state_of_another_user_is_refused_and_stays_as_it_is(theirs: TheirWorld, world: World) -> None:
    theirs.ask("planning", "one")
    task_id = theirs.task()["task_id"]
    before = {path: path.lstat().st_mtime_ns for path in theirs.state.rglob("*")}
    refused = f"the state folder {theirs.state} belongs to another user".encode()
    draft = world.prompt_file("@planning two\n")
    environment = {"FLOWLOOM_HOME": str(theirs.state)}
    commands = [["agents"], ["tasks"], ["reply", task_id], ["ask", "planning", "two"], ["stop", "--all"], ["clean"]]
    # Root may read all of it, and would leave files that their owner cannot use.
    for words in commands:
        done = world.flowloom(*words, env=environment)
        assert (done.returncode, done.stdout, refused in done.stderr) == (1, b"", True), (words, done)
    done = world.ctrl_g(draft, env=environment)
    assert (done.returncode, draft.read_text(), refused in done.stderr) == (1, "@planning two\n", True), done
    assert {path: path.lstat().st_mtime_ns for path in theirs.state.rglob("*")} == before
    # And the other way round.
    world.ask("planning", "one")
    refused = f"the state folder {world.state} belongs to another user".encode()
    for words in commands:
        done = theirs.flowloom(*words, env={"FLOWLOOM_HOME": str(world.state)})
        assert (done.returncode, done.stdout, refused in done.stderr) == (1, b"", True), (words, done)


# Upgrades.


def newer(install: Install, folder: Path) -> Install:
    """Return a copy of an install that knows one more key of a status and one more of a task."""
    made = Install(folder)
    for name, key in (("turns/record", '"release": "",\n    }'), ("tasks/record", '"left_tmux": "",\n    }')):
        module = made.module(name)
        text = module.read_text()
        assert text.count(key) == 1
        module.write_text(text.replace(key, key.replace("\n    }", '\n        "mood": "fine",\n    }')))
    return made


@pytest.mark.parametrize("moved", [False, True], ids=["in its place", "to another place"])
def test_an_upgrade_while_an_agent_works_costs_no_reply(
    world: World, install: Install, tmp_path: Path, moved: bool
) -> None:
    go = world.folder / "go"
    first = world.flowloom(
        "ask", "planning", f"remember the word heron\necho:hold {go}", "--no-wait", env=install.environment
    )
    world.until_step("accepted")
    assert "mood" not in world.status()
    fresh = newer(install, tmp_path / "newer")
    shutil.rmtree(install.folder)
    if not moved:
        fresh.folder.rename(install.folder)
        fresh.folder = install.folder
    environment = {"PYTHONPATH": str(fresh.folder / "src")}
    # The second one is asked by the new release, of an agent and beside a waiter of the old one.
    second = world.flowloom("ask", "planning", "and the word egret", "--no-wait", env=environment)
    assert second.returncode == 0, second
    go.touch()
    for task_id, words in ((first, "remember the word heron"), (second, "and the word egret")):
        done = world.flowloom("wait", task_id.stdout.decode().strip(), env=environment)
        assert (done.returncode, done.stdout.startswith(f"echo heard: {words}".encode())) == (0, True), (
            done,
            world.describe(),
        )
    assert world.ask("planning", "third", env=environment).startswith("echo heard: third")
    assert (world.status()["mood"], world.task()["mood"]) == ("fine", "fine")
    # Back to the older release: what it does not know does not hurt it.
    assert world.ask("planning", "fourth").startswith("echo heard: fourth")
    assert not list(world.agent_dir().glob("spool/*.bad"))
    leftovers.check(world)


# Claude Code's settings.


@pytest.mark.claude
@pytest.mark.newest
@pytest.mark.timeout(300)
def test_settings_that_turn_hooks_off_are_named_when_an_agent_stays_silent(claude: World, api: MessagesApi) -> None:
    claude.user_settings(disableAllHooks=True)
    path = claude.home / ".claude" / "settings.json"
    silent = f"its hooks are silent, because {path} has disableAllHooks; see: flowloom doctor"
    for words in (["start", "planning"], ["ask", "planning", "hello"]):
        begun = claude.begin_ahead(*words, "--timeout", "60")
        Desk(claude, api).until_box("")
        # From the look that finds the box.
        claude.advance(begun, TIMING["silent_s"])
        claude.advance(begun, TIMING["silent_s"])
        claude.advance(begun, 60.0)
        out, err = begun.communicate(timeout=20)
        assert (begun.returncode, out, silent in err.decode()) == (124, b"", True), (words, err, claude.screen())
    assert api.requests == [] or "hello" not in str(api.requests)
    doctor = claude.flowloom("doctor").stdout.decode()
    assert "~/.claude/settings.json has disableAllHooks" in " ".join(doctor.split())
    claude.flowloom("cancel", claude.task()["task_id"])
    claude.user_settings()
    claude.flowloom("stop", "planning")
    assert claude.ask("planning", "hello") == "answer 1: hello"


# What is left, and who stands in line.


def test_half_written_files_of_killed_commands_are_swept_and_those_of_living_ones_are_not(world: World) -> None:
    world.start()
    world.flowloom("stop", "planning")
    gone = subprocess.Popen(["true"])
    gone.wait()
    old = time.time() - 3600
    task = world.state / "tasks" / "abcd"
    task.mkdir(parents=True)
    swept = [folder / f"x.{gone.pid}.tmp" for folder in (world.agent_dir(), task, world.state / "hooks")]
    kept = [task / f"x.{os.getpid()}.tmp", task / "notes.tmp", task / f"fresh.{gone.pid}.tmp", task / "reply.md"]
    for path in (*swept, *kept):
        path.write_text("x")
        if not path.name.startswith("fresh"):
            os.utime(path, (old, old))
    world.start()
    assert [path.exists() for path in swept] == [False, True, True], "a start sweeps its agent's folder"
    assert world.flowloom("clean", "--dry-run", "--older-than", "1d").returncode == 0
    assert swept[1].exists()
    done = world.flowloom("clean")
    assert (done.returncode, b"removed 2 unused files: left by killed commands, or old caches" in done.stderr) == (
        0,
        True,
    ), done
    assert [path.exists() for path in (*swept, *kept)] == [False] * 3 + [True] * 4


def test_stop_closes_an_agent_before_a_task_in_line_starts_it_again(world: World) -> None:
    world.start()
    go = world.folder / "go"
    first = world.begin("ask", "planning", f"first\necho:hold {go}")
    world.until_step("accepted")
    second = world.flowloom("ask", "planning", "second", "--no-wait").stdout.decode().strip()
    pid = world.status()["pid"]
    done = world.flowloom("stop", "planning", "--force")
    assert done.returncode == 0, done
    assert f"task {second} is queued and will restart it" in done.stderr.decode()
    assert first.wait(timeout=20) == 1
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert world.flowloom("wait", second).stdout.startswith(b"echo heard: second")
    events = [json.loads(line) for line in (world.agent_dir() / "events.jsonl").read_text().splitlines()]
    moves = [event["event"] for event in events if event["event"] in ("spawn", "end", "gone")]
    assert moves == ["spawn", "end", "spawn"], events
    leftovers.check(world)


def test_stop_ends_an_agent_that_somebody_was_just_starting(world: World) -> None:
    # Its release is asked for before its window is opened, while the agent's lock is held.
    go, asked, program = world.folder / "go", world.folder / "asked", world.folder / "program"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] || exec cat\n: >"{asked}"\n'
        f'until [ -e "{go}" ]; do sleep 0.05; done\necho 9.9.9\n'
    )
    program.chmod(0o755)
    environment = {"FLOWLOOM_PROVIDER": "claude", "FLOWLOOM_CLAUDE": str(program)}
    starting = world.begin("start", "planning", env=environment)
    world.until(asked.exists, "its release is asked for")
    stopping = world.begin("stop", "planning", env=environment)
    world.until(lambda: waits_for_lock(stopping.pid, world.agent_dir() / "start.lock"), "stop waits for the start")
    go.touch()
    _, said = stopping.communicate(timeout=20)
    assert (stopping.returncode, said) == (0, b"stopped planning@site; its program had to be ended\n")
    _, said = starting.communicate(timeout=20)
    assert (starting.returncode, b"did not come up: you stopped it" in said) == (1, True), said
    assert world.tmux("list-panes", "-a") == ""
    assert world.status()["status"] == "offline"
    leftovers.check(world)


def test_stop_all_stops_the_others_beside_a_damaged_one(world: World) -> None:
    world.start("planning")
    world.start("coding")
    path = world.agent_dir("coding") / "status.json"
    path.write_text("{")
    done = world.flowloom("stop", "--all")
    assert (done.returncode, f"{path} is damaged" in done.stderr.decode()) == (1, True), done
    assert world.status("planning")["status"] == "offline"


def test_an_idle_from_before_the_turn_is_not_taken_for_its_interruption(world: World) -> None:
    """A Claude Code that gets no processor tells of its session seconds late."""
    world.start()
    asked = world.begin("ask", "planning", f"slow\necho:hold {world.folder / 'go'}")
    world.until_step("accepted")
    pid = world.status()["pid"]
    session = next(world.state.glob(f"agents/*/planning/sessions/{pid}.json"))
    said = json.loads(session.read_text())
    assert said["status"] == "busy"
    session.write_text(json.dumps(said | {"status": "idle", "statusUpdatedAt": int(said["statusUpdatedAt"]) - 1000}))
    waited = world.flowloom("wait", world.task()["task_id"], "--timeout", "2")
    assert (waited.returncode, world.status()["status"]) == (124, "working")
    # What is told after the prompt came is believed.
    session.write_text(json.dumps(said | {"status": "idle", "statusUpdatedAt": int(time.time() * 1000)}))
    assert asked.wait(10) == 1
    _, err = asked.communicate()
    assert b"interrupted in its window" in err
    (world.folder / "go").touch()


def test_few_open_files_are_refused_before_anything_is_sent_and_a_soft_limit_is_raised(world: World) -> None:
    world.start()
    flowloom = f"exec {shlex.quote(sys.executable)} -m flowloom"
    for limit in (6, 8, 12, 40):
        done = world.run("sh", "-c", f"ulimit -n {limit}; {flowloom} ask planning hello")
        said = done.stderr.decode()
        assert (done.returncode, f"only {limit} files may be open" in said) == (1, True), said
    assert world.tasks() == []
    path = world.prompt_file("@planning hello\n")
    done = world.run("sh", "-c", f"ulimit -n 12; exec {shlex.quote(str(EDITOR))} {shlex.quote(str(path))}")
    assert (done.returncode, path.read_text(), world.tasks()) == (1, "@planning hello\n", [])
    done = world.run("sh", "-c", f"ulimit -S -n 12; {flowloom} ask planning hello")
    assert (done.returncode, done.stdout) == (0, b"echo heard: hello")
    done = world.run("sh", "-c", f"ulimit -n 12; {flowloom} doctor")
    assert (done.returncode, "FAIL  open files" in done.stdout.decode()) == (1, True), done
