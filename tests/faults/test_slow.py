"""What is only slow is not gone, not interrupted and not answered: each pause comes where it could deceive."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support import leftovers
from tests.support.install import Install
from tests.support.world import World

from flowloom.agents.agent import named
from flowloom.agents.answering import KEY_S
from flowloom.delegation import ask as asking
from flowloom.delegation import loop, waiter
from flowloom.delegation.limit_wait import UNPARK_S
from flowloom.ports import procs
from flowloom.ports.tmux import reach
from flowloom.providers.claude.program import TIMING
from flowloom.queue import line

pytestmark = pytest.mark.faults


@pytest.fixture
def install(tmp_path: Path) -> Install:
    return Install(tmp_path / "copy")


def slow_tmux(world: World, *lines: str) -> dict[str, str]:
    """Return what makes `tmux` a script that does what `lines` say; `$real` is the real one."""
    folder = world.folder / "slow"
    folder.mkdir()
    (folder / "tmux").write_text("\n".join(["#!/bin/sh", f"real={shutil.which('tmux')}", *lines, 'exec "$real" "$@"']))
    (folder / "tmux").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_an_agent_that_starts_while_windows_are_listed_is_not_taken_for_gone(world: World) -> None:
    world.start("coding")
    world.start("planning")
    world.flowloom("stop", "planning")
    listed, go = world.folder / "listed", world.folder / "go"
    wait = f'said=$($real "$@"); : >{listed}; while [ ! -e {go} ]; do sleep 0.02; done; echo "$said"; exit'
    env = slow_tmux(world, f'case "$*" in *list-panes*) {wait};; esac')
    looking = world.begin("agents", "--json", env=env)
    world.until(listed.exists, "the windows are listed")
    world.start("planning")
    go.touch()
    out, err = looking.communicate(timeout=20)
    assert looking.returncode == 0, err
    assert {agent["name"]: agent["status"] for agent in json.loads(out)["agents"]} == {
        "coding": "idle",
        "planning": "idle",
    }
    assert world.status("planning")["deaths"] == []


def test_a_waiter_outlasts_a_tmux_that_does_not_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Both are ten and more seconds, for which nobody should have to wait here.
    monkeypatch.setattr(reach, "COMMAND_LIMIT_S", 0.5)
    monkeypatch.setattr(loop, "TRY_AGAIN_S", 0.1)
    world.start()
    server = int(world.tmux("display-message", "-p", "#{pid}"))
    agent = named("planning", str(world.project))
    task_id = asking.ask(agent, "are you there?", asker="shell", asker_kind="shell")["task_id"]
    place = line.enter(agent.ref, task_id)
    assert place is not None
    os.kill(server, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as pool:
            carried = pool.submit(waiter.carry, task_id, place.descriptor)
            world.until(lambda: carried.done() or "does not answer" in world.log(), "tmux is silent")
            os.kill(server, signal.SIGCONT)
            assert carried.result(timeout=30) == 0
    finally:
        os.kill(server, signal.SIGCONT)
    assert world.steps() == ["created", "typed", "pasted", "accepted", "done"]
    leftovers.check(world)


def say(world: World, status: str) -> None:
    """Let the agent's own file say something that has been overtaken, as where it is written late."""
    session = next(world.state.glob(f"agents/*/planning/sessions/{world.status()['pid']}.json"))
    session.write_text(json.dumps(json.loads(session.read_text()) | {"status": status}))


def test_a_session_that_is_still_busy_does_not_take_a_dialog_for_answered(world: World) -> None:
    world.start()
    asked = world.flowloom("ask", "planning", "remove it\necho:ask Bash rm", "--no-wait").stdout.decode().strip()
    world.until_status("blocked")
    say(world, "busy")
    waited = world.flowloom("wait", asked, "--timeout", "2")
    assert (waited.returncode, world.status()["status"]) == (3, "blocked"), world.describe()
    assert world.status()["question"]["text"] == "Bash: rm"
    world.keys("1")
    assert world.flowloom("wait", asked).returncode == 0


def test_a_session_that_still_waits_does_not_block_an_agent_that_shows_its_box(world: World) -> None:
    world.start()
    go = world.folder / "go"
    asked = world.flowloom("ask", "planning", f"slow\necho:hold {go}", "--no-wait").stdout.decode().strip()
    world.until_step("accepted")
    say(world, "waiting")
    waited = world.flowloom("wait", asked, "--timeout", "2")
    assert (waited.returncode, world.status()["status"]) == (124, "working"), world.describe()
    go.touch()
    assert world.flowloom("wait", asked).returncode == 0


def test_a_session_end_that_is_heard_after_the_restart_ends_nobody(world: World, install: Install) -> None:
    world.flowloom("start", "planning", env=install.environment)
    world.ask("planning", "before", env=install.environment)
    go = world.folder / "go"
    # The hook of the session that ends is called, and gets no processor until the next session is up.
    install.behave(
        f'case "$*" in *flowloom.hook.*) if [ ! -e {go}.first ]; then : >{go}.first;',
        f"while [ -d {world.folder} ] && [ ! -e {go} ]; do sleep 0.02; done; fi;; esac",
    )
    done = world.flowloom("restart", "planning", env=install.environment)
    assert done.returncode == 0, done
    assert (go.with_name("go.first")).exists()
    go.touch()
    world.until(lambda: not leftovers.processes(world), "the late hook has ended")
    assert world.status()["status"] == "idle", world.describe()
    assert world.ask("planning", "after", env=install.environment).startswith("echo heard: after")
    leftovers.check(world)


ASKS_FOR_TRUST = """#!{python}
import os, sys, time, tty
if "--version" in sys.argv:
    sys.exit("2.1.329")
tty.setraw(0)
print("─" * 40, " Quick safety check: Is this a project you created or one you trust?", "",
      " ❯ 1. Yes, I trust this folder", "   2. No, exit", sep="\\r\\n", flush=True)
while not os.path.exists("{go}"):
    time.sleep(0.02)
open("{keys}", "wb").write(os.read(0, 100))
time.sleep(60)
"""


def test_a_key_that_is_not_read_yet_is_not_pressed_again(world: World) -> None:
    go, keys, program = world.folder / "go", world.folder / "keys", world.folder / "claude"
    program.write_text(ASKS_FOR_TRUST.format(python=sys.executable, go=go, keys=keys))
    program.chmod(0o755)
    env = {"FLOWLOOM_PROVIDER": "claude", "FLOWLOOM_CLAUDE": str(program)}
    # A second Enter would answer the next dialog, whatever it asks.
    done = world.flowloom("start", "planning", "--trust", "--timeout", str(2 * KEY_S + 1), env=env)
    assert done.returncode == 3, done
    go.touch()
    assert world.until(keys.read_bytes) == b"\r"
    world.flowloom("stop", "planning")
    leftovers.check(world)


DRAWS_LATE = """#!{python}
import json, os, select, subprocess, sys, time, tty
if "--version" in sys.argv:
    sys.exit("2.1.329")
hook = ["sh", os.environ["FLOWLOOM_HOME"] + "/hooks/agent-event", "claude"]
started = {{"hook_event_name": "SessionStart", "source": "startup", "session_id": "s1"}}
subprocess.run(hook, input=json.dumps(started).encode())
tty.setraw(0)
def show(*lines):
    print("\\x1b[H\\x1b[2J" + "\\r\\n".join(lines), end="", flush=True)
box = ["─" * 60, "❯\\xa0", "─" * 60, "  ? for shortcuts"]
show(*box)
while not os.path.exists("{go}"):
    time.sleep(0.02)
transcript = True
while True:
    show("─" * 60, "  Showing detailed transcript · ctrl+o to toggle") if transcript else show(*box)
    pressed = os.read(0, 4096)
    with open("{keys}", "ab") as stream:
        stream.write(pressed)
    transcript ^= pressed.count(b"\\x0f") % 2
    time.sleep(3.5 if b"\\x0f" in pressed else 0)
"""


def test_a_view_that_is_left_by_the_key_that_opens_it_is_left_once_where_that_shows_late(world: World) -> None:
    go, keys, program = world.folder / "go", world.folder / "keys", world.folder / "claude"
    program.write_text(DRAWS_LATE.format(python=sys.executable, go=go, keys=keys))
    program.chmod(0o755)
    env = {"FLOWLOOM_PROVIDER": "claude", "FLOWLOOM_CLAUDE": str(program)}
    done = world.flowloom("start", "planning", env=env)
    assert done.returncode == 0, (done, world.describe())
    go.touch()
    world.until(lambda: "detailed transcript" in world.screen())
    task_id = world.flowloom("ask", "planning", "heron", "--no-wait", env=env).stdout.decode().strip()
    world.until(lambda: b"heron" in keys.read_bytes(), limit_s=30)
    assert keys.read_bytes().count(b"\x0f") == 1
    world.flowloom("cancel", task_id)
    world.flowloom("stop", "planning")


def test_an_agent_that_hangs_is_not_cleared_twice(world: World) -> None:
    frozen = world.folder / "frozen"
    world.start()
    world.ask("planning", f"before\necho:freeze {frozen}")
    world.keys("-l", "[flowloom task abcd from chief] left behind")
    world.until(lambda: "left behind" in world.screen(), "a text of ours stands in its box")
    frozen.touch()
    world.until(lambda: frozen.with_suffix(".frozen").exists(), "it hangs")
    asked = world.begin_ahead("ask", "planning", "heron")
    tty = world.tmux("display-message", "-p", "-t", world.pane(), "#{pane_tty}").strip()
    world.until(lambda: procs.unread_bytes(tty), "the key that empties the box is on its way")
    assert asked.stderr
    while b"does not read what is typed" not in (line := asked.stderr.readline()):
        assert line
    # By a second one, taken at once with the first, Claude Code leaves.
    world.advance(asked, TIMING["clear_again_s"] + 1)
    assert procs.unread_bytes(tty) == 1
    frozen.unlink()
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, out.startswith(b"echo heard: heron")) == (0, True), (err, world.describe())
    leftovers.check(world)


def test_a_parked_task_waits_for_the_turn_that_its_background_work_began(world: World, install: Install) -> None:
    count, go = world.folder / "count", world.folder / "go"
    # Behind a start and two tasks comes the receipt of the turn that the end of the background work begins.
    late = f"[ $(wc -l <{count}) = 6 ] && while [ ! -e {go} ]; do sleep 0.02; done"
    install.behave(f'case "$*" in *flowloom.hook.*) echo x >>{count}; {late};; esac')
    world.flowloom("start", "planning", env=install.environment)
    ask = ("ask", "planning", "--no-wait")
    parked = world.flowloom(*ask, "one\necho:background 1.5", env=install.environment).stdout.decode().strip()
    world.until(lambda: "parked" in world.steps(0), "it is parked")
    world.flowloom(*ask, "two\necho:work 2", env=install.environment)
    world.until(lambda: count.exists() and len(count.read_text().split()) == 6, "its own turn begins")
    waiting = world.begin_ahead("wait", parked, env=install.environment)
    world.advance(waiting, UNPARK_S + 2, reads=4)
    go.touch()
    out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, out) == (0, b"background done"), (err, world.describe())
    leftovers.check(world)


def test_a_draft_is_put_aside_once_where_that_is_shown_late(world: World) -> None:
    world.user_config("typing_pause_s = 0.3\n")
    frozen = world.folder / "frozen"
    world.start()
    world.ask("planning", f"before\necho:choke {frozen}")
    world.keys("-l", "a draft of mine")
    world.until(lambda: "a draft of mine" in world.screen())
    frozen.touch()
    asked = world.begin_ahead("ask", "planning", "heron")
    world.until(lambda: frozen.with_suffix(".frozen").exists(), "it hangs with the key read")
    tty = world.tmux("display-message", "-p", "-t", world.pane(), "#{pane_tty}").strip()
    world.advance(asked, 1.5)
    # A second one would bring the draft back.
    assert procs.unread_bytes(tty) == 0
    frozen.unlink()
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, out.startswith(b"echo heard: heron")) == (0, True), (err, world.describe())
    assert (world.agent_dir() / "drafts.txt").read_text() == "a draft of mine\n"
    leftovers.check(world)
