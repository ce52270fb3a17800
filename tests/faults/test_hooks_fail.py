"""Our hook is killed, hangs, fails, is gone, or hears nonsense: the agent is not disturbed, the reply arrives."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.support import leftovers
from tests.support.install import Install
from tests.support.world import AGENT_EVENT, World

pytestmark = pytest.mark.faults

# What becomes of one hook call. `first` is true for the first call of the chosen event.
SPOOLED = {
    "python fails before it reads": "exit 1",
    "python is killed before it reads": "kill -9 $$",
    "python is not to be started": "exit 126",
}


@pytest.fixture
def install(tmp_path: Path) -> Install:
    return Install(tmp_path / "copy")


def hook_call(world: World, payload: bytes, *, command: Path = AGENT_EVENT, **environment: str | None) -> None:
    """Call our hook by hand; whatever happens it exits 0 and prints nothing."""
    env = {"FLOWLOOM_AGENT_DIR": str(world.agent_dir())} | environment
    done = world.run("/bin/sh", str(command), "echo", stdin=payload, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def left(world: World, install: Install, prompt: str) -> str:
    """Ask with `--no-wait` and return the task's id once the agent works on it."""
    done = world.flowloom("ask", "planning", prompt, "--no-wait", env=install.environment)
    assert done.returncode == 0, done
    world.until_step("accepted")
    return done.stdout.decode().strip()


@pytest.mark.parametrize("name", SPOOLED)
@pytest.mark.parametrize("event", ["SessionStart", "UserPromptSubmit", "Stop"])
def test_a_hook_that_fails_at_one_event_costs_no_reply(world: World, install: Install, event: str, name: str) -> None:
    # The payload is looked at in the shell's kept copy only: this Python knows its event by counting.
    number = {"SessionStart": 1, "UserPromptSubmit": 2, "Stop": 3}[event]
    count = install.folder / "count"
    install.behave(
        f'case "$*" in *flowloom.hook.*) echo x >>{count}; [ $(wc -l <{count}) = {number} ] && {SPOOLED[name]};; esac'
    )
    assert world.ask("planning", "remember the word heron", env=install.environment).startswith("echo heard: remember")
    assert world.steps() == ["created", "typed", "pasted", "accepted", "done"]
    assert world.ask("planning", "and the word egret", env=install.environment).startswith("echo heard: and the word")
    assert count.read_text().count("x") >= 3
    leftovers.check(world)


def test_a_receipt_and_a_stop_that_failed_together_are_heard_later_in_their_order(
    world: World, install: Install
) -> None:
    world.flowloom("start", "planning", env=install.environment)
    broken = install.folder / "broken"
    install.behave(f"[ -e {broken} ] && exit 1")
    broken.touch()
    asked = world.begin("ask", "planning", "first", env=install.environment)
    world.until(lambda: len(world.kept()) >= 0 and world.steps() != ["created"])
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, out) == (0, b"echo heard: first"), err
    broken.unlink()
    # A call that finds kept payloads is later than all of them.
    assert "echo heard: second" in world.ask("planning", "second", env=install.environment)
    leftovers.check(world)


def test_an_event_that_comes_right_after_kept_ones_is_not_taken_for_a_late_one(world: World, install: Install) -> None:
    world.flowloom("start", "planning", env=install.environment)
    stop = {"hook_event_name": "Stop", "session_id": world.status()["session_id"], "last_assistant_message": "hm"}
    receipt = {"hook_event_name": "UserPromptSubmit", "prompt": "by hand", "prompt_id": "p1"}
    spool = world.agent_dir() / "spool"
    spool.mkdir(exist_ok=True)
    (spool / "late-1-77.json").write_text(json.dumps(receipt))
    (spool / "late-1-78.json").write_text(json.dumps(stop | {"prompt_id": "p1"}))
    hook_call(world, json.dumps(receipt | {"prompt_id": "p2", "prompt": "later"}).encode())
    assert (world.status()["status"], world.status()["turn"]["prompt_id"]) == ("working", "p2")
    assert list(spool.iterdir()) == []


def test_a_hook_that_was_killed_while_it_took_kept_payloads_loses_none(world: World, install: Install) -> None:
    world.flowloom("start", "planning", env=install.environment)
    hold = world.folder / "go"
    task_id = left(world, install, f"long\necho:hold {hold}")
    leftovers.kill_waiter(world, task_id)
    # The Stop is kept by the shell, and the call that takes it is killed in the middle.
    install.behave('case "$*" in *flowloom.hook.*) exit 1;; esac')
    hold.touch()
    world.until(world.kept, "the Stop is kept")
    install.behave()
    turns = install.module("turns/reported")
    good = turns.read_text()
    turns.write_text(good + "\n\ndef hear(*_):\n    import os\n    os.kill(os.getpid(), 9)\n")
    hook_call(world, b'{"hook_event_name": "PostToolUse"}', command=install.agent_event)
    turns.write_text(good)
    done = world.flowloom("wait", world.task()["task_id"], env=install.environment)
    assert (done.returncode, done.stdout) == (0, b"echo heard: long"), (done, world.describe())
    leftovers.check(world)


HOLDER = """
import os, signal
from flowloom.store.layout import AgentRef
from flowloom.turns import spool
with spool.lock(AgentRef("site", "planning")):
    print("held", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.mark.parametrize("end", [signal.SIGCONT, signal.SIGKILL], ids=["runs again", "is killed"])
def test_a_hook_does_not_wait_for_a_stopped_process_that_holds_the_agents_lock(
    world: World, end: signal.Signals
) -> None:
    world.start()
    command = [sys.executable, "-c", HOLDER]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **world.environment})
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    os.waitpid(holder.pid, os.WUNTRACED)
    try:
        before = world.status()
        receipt = {"hook_event_name": "UserPromptSubmit", "prompt": "by hand", "session_id": before["session_id"]}
        stub = world.state / "hooks" / "agent-event"
        for number in (1, 2):  # each returns, and the holder has not moved
            hook_call(world, json.dumps(receipt | {"prompt_id": f"p{number}"}).encode(), command=stub)
        assert (psutil.Process(holder.pid).status(), world.status()) == (psutil.STATUS_STOPPED, before)
    finally:
        holder.send_signal(end)
        holder.communicate()
    if end is signal.SIGKILL:
        assert world.flowloom("agents").returncode == 0
    assert (world.status()["status"], world.status()["turn"]["prompt_id"]) == ("working", "p2")
    assert list((world.agent_dir() / "spool").iterdir()) == []


def put(path: Path, text: str) -> None:
    """Replace a module at once: the call that is just loading it must not find a part of it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


# Where in the call it is killed, and how its module looks then.
KILLED = "\n\ndef {}(*_, **__):\n    import os\n    os.kill(os.getpid(), 9)\n"


@pytest.mark.parametrize(
    "where", ["turns/spool:drain", "turns/reported:hear", "tasks/store:complete", "turns/status:apply"]
)
def test_a_hook_that_is_killed_in_the_middle_loses_nothing(world: World, install: Install, where: str) -> None:
    world.flowloom("start", "planning", env=install.environment)
    hold = world.folder / "go"
    task_id = left(world, install, f"long\necho:hold {hold}")
    leftovers.kill_waiter(world, task_id)
    module, _, name = where.partition(":")
    path = install.module(module)
    good = path.read_text()
    put(path, good + KILLED.format(name))
    hold.touch()
    world.until(world.kept, "the Stop is stored")
    put(path, good)
    done = world.flowloom("wait", task_id, env=install.environment)
    assert (done.returncode, done.stdout) == (0, b"echo heard: long"), (done, world.describe())
    assert world.task()["recovered"] is False
    leftovers.check(world)


NONSENSE = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "a number": b"7",
    "no event": b"{}",
    "an unknown event": b'{"hook_event_name": "Telepathy"}',
    "an event that is a list": b'{"hook_event_name": ["Stop"]}',
    "a prompt that is a number": b'{"hook_event_name": "UserPromptSubmit", "prompt": 7}',
    "a tool input that is a list": b'{"hook_event_name": "PermissionRequest", "tool_name": "Bash", "tool_input": [1]}',
    "background that is a number": b'{"hook_event_name": "Stop", "background_tasks": 3}',
    "bytes that are no UTF-8": b'{"hook_event_name": "\xff\xfe"}',
    "half a surrogate": b'{"hook_event_name": "UserPromptSubmit", "prompt": "\\ud800", "prompt_id": "\\udfff"}',
    "ten megabytes": b'{"hook_event_name": "UserPromptSubmit", "prompt": "' + b"x" * 10_000_000 + b'"}',
    "a hundred thousand brackets": b"[" * 100_000,
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_on_a_hooks_stdin_hurts_nobody(world: World, name: str) -> None:
    world.start()
    for _ in range(3):
        hook_call(world, NONSENSE[name])
    for words in (["agents"], ["tasks"]):
        assert world.flowloom(*words).returncode == 0
    hook_call(world, b'{"hook_event_name": "Stop", "last_assistant_message": "x"}')
    assert world.ask("planning", "still there?") == "echo heard: still there?"
    assert world.steps()[-1] == "done"


def test_a_stranger_is_not_heard(world: World) -> None:
    world.start()
    before = world.status()
    payload = json.dumps({"hook_event_name": "Stop", "last_assistant_message": "of another"}).encode()
    stub = world.state / "hooks" / "agent-event"
    moved = AGENT_EVENT.with_name("agent-event")
    gone = world.state / "agents" / "site" / "gone"
    for command in (moved, stub):
        hook_call(world, payload, command=command, FLOWLOOM_AGENT_DIR=None)
        hook_call(world, payload, command=command, FLOWLOOM_AGENT_DIR="")
        hook_call(world, payload, command=command, FLOWLOOM_AGENT_DIR=str(gone))
        assert not gone.exists()
    assert world.status() == before


def test_a_hook_of_a_stranger_makes_nothing_where_flowloom_is_gone(world: World, install: Install) -> None:
    world.flowloom("start", "planning", env=install.environment)
    shutil.rmtree(install.folder)
    stub = world.state / "hooks" / "agent-event"
    gone = world.state / "agents" / "site" / "gone"
    for directory in (None, "", str(gone)):
        hook_call(world, b"{}", command=stub, FLOWLOOM_AGENT_DIR=directory)
    assert not gone.exists()
    assert not Path("/spool").exists()


def test_events_from_before_a_restart_of_the_machine_do_not_make_all_later_ones_late(world: World) -> None:
    world.start()
    world.ask("planning", "one")
    world.flowloom("stop", "planning")
    path = world.agent_dir() / "status.json"
    # The steady clock begins anew when the machine does.
    path.write_text(json.dumps(world.status() | {"seen_ns": time.monotonic_ns() + 10**18}))
    (world.agent_dir() / "spool").mkdir(exist_ok=True)
    kept = {"hook_event_name": "PostToolUse", "tool_name": "Bash"}
    (world.agent_dir() / "spool" / f"{time.monotonic_ns() + 10**18}-7.json").write_text(json.dumps(kept))
    assert "two" in world.ask("planning", "two")


def test_late_and_repeated_events_move_nothing(world: World) -> None:
    world.start()
    world.ask("planning", "one")
    task, before = world.task(), world.status()
    prompt_id = before["last_turn"]["prompt_id"]
    common = {"session_id": before["session_id"], "prompt_id": prompt_id}
    spool = world.agent_dir() / "spool"
    spool.mkdir(exist_ok=True)
    late: list[dict[str, object]] = [
        {"hook_event_name": "UserPromptSubmit", "prompt": "one"},
        {"hook_event_name": "PermissionRequest", "tool_name": "Bash", "tool_input": {"command": "rm"}},
        {"hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_input": {"command": "rm"}},
        {"hook_event_name": "SessionStart", "source": "startup"},
        {"hook_event_name": "SessionEnd", "reason": "other"},
        {"hook_event_name": "Stop", "last_assistant_message": "echo heard: one"},
        {"hook_event_name": "Stop", "last_assistant_message": "echo heard: one", "agent_id": "sub"},
    ]
    for number, payload in enumerate(late):
        (spool / f"{number + 1}-1.json").write_text(json.dumps(payload | common))
    assert world.flowloom("agents").returncode == 0
    after = world.status()
    assert list(spool.iterdir()) == []
    assert (after["status"], after["turn"], after["up"]) == ("idle", None, True)
    assert world.task()["journal"] == task["journal"]
    assert "two" in world.ask("planning", "two")


def test_a_stop_that_comes_before_its_receipt_still_brings_the_reply(world: World, install: Install) -> None:
    world.flowloom("start", "planning", env=install.environment)
    # The receipt's call is slow, and ends after that of the Stop.
    install.behave('case "$*" in *flowloom.hook.*) [ -e "$0.slow" ] || { : >"$0.slow"; sleep 1; };; esac')
    assert world.ask("planning", "overtaken", env=install.environment) == "echo heard: overtaken"
    leftovers.check(world)


@pytest.mark.parametrize("waited", [True, False], ids=["with a waiter", "with nobody"])
def test_while_flowloom_is_gone_the_agent_goes_on_and_after_repair_the_reply_is_there(
    world: World, install: Install, waited: bool
) -> None:
    world.flowloom("start", "planning", env=install.environment)
    hold = world.folder / "go"
    task_id = left(world, install, f"long\necho:hold {hold}")
    if not waited:
        leftovers.kill_waiter(world, task_id)
    away = install.folder.with_name("away")
    install.folder.rename(away)
    hold.touch()
    if waited:
        world.until_step("done")  # the waiter is loaded, and takes what is kept
    else:
        kept = world.until(world.kept, "the Stop is kept")
        assert b"echo heard: long" in kept[0].read_bytes()
    assert "hook" not in world.screen()
    away.rename(install.folder)
    done = world.flowloom("wait", task_id, env=install.environment)
    assert (done.returncode, done.stdout) == (0, b"echo heard: long"), (done, world.describe())
    leftovers.check(world)


def test_without_any_python_the_payload_is_kept(world: World, install: Install) -> None:
    world.flowloom("start", "planning", env=install.environment)
    install.python.unlink()
    tools = world.folder / "tools"
    tools.mkdir()
    for name in ("sh", "mkdir", "cat", "mv", "rm", "date"):
        (tools / name).symlink_to(str(shutil.which(name)))
    payload = b'{"hook_event_name": "UserPromptSubmit", "prompt": "by hand", "prompt_id": "p9"}'
    hook_call(world, payload, command=install.agent_event, PATH=str(tools))
    assert [path.read_bytes() for path in (world.agent_dir() / "spool").iterdir()] == [payload]
    install.behave()
    assert world.flowloom("agents", env=install.environment).returncode == 0
    assert world.status()["turn"]["prompt_id"] == "p9"


def test_a_status_that_is_damaged_loses_no_event(world: World) -> None:
    world.start()
    hold = world.folder / "go"
    done = world.flowloom("ask", "planning", f"long\necho:hold {hold}", "--no-wait")
    task_id = done.stdout.decode().strip()
    world.until_step("accepted")
    path = world.agent_dir() / "status.json"
    good = path.read_bytes()
    path.write_bytes(good[:40])
    hold.touch()
    world.until(world.kept, "the Stop is kept")
    hook_call(world, b'{"hook_event_name": "PostToolUse", "tool_name": "Bash"}')
    for words in (["ask", "planning", "hello"], ["wait", task_id]):
        done = world.flowloom(*words)
        assert done.returncode == 1
        assert f"{path} is damaged" in done.stderr.decode()
        assert "mv " in done.stderr.decode()
    assert f"{path} is damaged" in world.flowloom("agents").stdout.decode()
    path.write_bytes(good)
    done = world.flowloom("wait", task_id)
    assert (done.returncode, done.stdout) == (0, b"echo heard: long"), (done, world.describe())


def test_a_hook_that_hangs_is_ended_and_the_reply_arrives(world: World, install: Install) -> None:
    world.flowloom("start", "planning", env=install.environment)
    settings = world.agent_dir() / "program" / "settings.json"
    assert json.loads(settings.read_text())["hooks"]["Stop"][0]["hooks"][0]["timeout"] <= 30
    slow = install.folder / "slow"
    number = 100_000 + os.getpid()  # so that it is known again among all processes
    install.behave(f'case "$*" in *flowloom.hook.*) [ -e {slow} ] && {{ rm {slow}; exec sleep {number}; }};; esac')
    slow.touch()
    asked = world.begin("ask", "planning", "slowly", env=install.environment)
    world.until(lambda: not slow.exists())
    lines = subprocess.getoutput("ps -eo pid,args").splitlines()
    for pid in [line.split()[0] for line in lines if line.endswith(f"sleep {number}")]:
        os.kill(int(pid), 9)
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, out) == (0, b"echo heard: slowly"), err
