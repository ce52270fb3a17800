"""A process that holds a lock and does not let go of it, stopped by a Ctrl-Z or hanging on its disk: no command waits
for it without a word or without a limit, and no prompt is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.support import leftovers
from tests.support.seat import ChiefSeat
from tests.support.world import ROOT, World

HOLDER = ROOT / "tests" / "support" / "lock_holder.py"


@pytest.fixture
def hold(world: World) -> Iterator[Callable[[Path], subprocess.Popen[bytes]]]:
    """Have a stopped process hold a lock."""
    held = []

    def begin(path: Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, str(HOLDER), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        held.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        os.kill(process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        return process

    yield begin
    for process in held:
        process.kill()
        process.communicate()


def says(holder: subprocess.Popen[bytes], what: str = "planning@site") -> str:
    """Return how a command names a stopped holder."""
    return f"{what} is locked by process {holder.pid} (lock_holder.py"


def test_what_only_shows_says_that_a_lock_is_held_and_shows_what_is_on_disk(
    world: World, hold: Callable[[Path], subprocess.Popen[bytes]]
) -> None:
    world.start()
    go = world.folder / "go"
    task_id = world.flowloom("ask", "planning", f"slow\necho:hold {go}", "--no-wait").stdout.decode().strip()
    world.until_step("accepted")
    holder = hold(world.agent_dir() / "lock")
    go.touch()
    world.until(world.kept, "its Stop is stored")
    shown = {words: world.flowloom(*words) for words in (("agents",), ("status",), ("show", task_id), ("tasks",))}
    assert {done.returncode for done in shown.values()} == {0}
    for words in (("agents",), ("status",), ("show", task_id)):
        text = (shown[words].stdout + shown[words].stderr).decode()
        assert says(holder) in text, words
        assert f"kill -CONT {holder.pid}" in text, words
    assert "unknown" in shown["agents",].stdout.decode()
    assert "accepted" in shown["show", task_id].stdout.decode()
    holder.kill()
    assert world.flowloom("wait", task_id).stdout.startswith(b"echo heard: slow")
    leftovers.check(world)


def test_an_ask_that_meets_a_held_lock_keeps_its_time_and_its_prompt(
    world: World, hold: Callable[[Path], subprocess.Popen[bytes]]
) -> None:
    world.start()
    holder = hold(world.agent_dir() / "lock")
    asked = world.flowloom("ask", "planning", "first", "--timeout", "1")
    assert asked.returncode == 124, asked
    told = asked.stderr.decode()
    assert told.count(says(holder)) == 1, told
    assert f"continue it: kill -CONT {holder.pid}" in told
    assert "it stays in line" in told
    second = world.flowloom("ask", "planning", "second", "--no-wait").stdout.decode().strip()
    holder.kill()
    # Its waiter gives it to the agent, first in line first, and it counts as left.
    assert world.flowloom("wait", second).stdout.startswith(b"echo heard: second")
    world.until(lambda: [task["status"] for task in world.tasks()] == ["done", "done"], "both have ended")
    assert [task["left"] for task in world.tasks()] == [True, True]
    assert 'before this: "first"' in (world.state / "tasks" / second / "reply.md").read_text()
    leftovers.check(world)


def test_a_wait_for_a_reply_tells_of_a_lock_that_keeps_it_from_being_heard(
    world: World, hold: Callable[[Path], subprocess.Popen[bytes]]
) -> None:
    world.start()
    go, said = world.folder / "go", world.folder / "said"
    with said.open("wb") as stderr, (world.folder / "reply").open("wb") as stdout:
        asking = world.begin("ask", "planning", f"slow\necho:hold {go}", stdout=stdout, stderr=stderr)
    world.until_step("accepted")
    holder = hold(world.agent_dir() / "lock")
    go.touch()
    world.until(lambda: says(holder) in said.read_text(), "it tells")
    holder.kill()
    assert asking.wait(30) == 0
    assert (world.folder / "reply").read_text().startswith("echo heard: slow")
    leftovers.check(world)


def test_ctrl_g_shows_a_held_lock_and_can_be_left(
    world: World, hold: Callable[[Path], subprocess.Popen[bytes]]
) -> None:
    world.start()
    holder = hold(world.agent_dir() / "lock")
    seat, path = ChiefSeat(world, columns=120), world.prompt_file("@planning hello")
    seat.ctrl_g(path)
    assert f"process {holder.pid}" in seat.shows("planning@site is locked by")
    seat.shows(f"kill -CONT {holder.pid}")
    seat.press("l")
    assert seat.ended()["code"] == 0
    assert path.read_bytes() == b""
    holder.kill()
    assert world.flowloom("wait", world.task()["task_id"]).stdout.startswith(b"echo heard: hello")
    leftovers.check(world)


def test_an_ask_that_stands_behind_others_tells_of_the_lock_that_stops_them(
    world: World, hold: Callable[[Path], subprocess.Popen[bytes]]
) -> None:
    world.start()
    holder, said = hold(world.agent_dir() / "lock"), world.folder / "said"
    first = world.flowloom("ask", "planning", "first", "--no-wait").stdout.decode().strip()
    world.until(lambda: world.waited_for(first), "its waiter stands in line")
    with said.open("wb") as stderr, (world.folder / "reply").open("wb") as stdout:
        asking = world.begin("ask", "planning", "second", stdout=stdout, stderr=stderr)
    world.until(lambda: says(holder) in said.read_text(), "it tells")
    assert "1 ahead" in said.read_text()
    holder.kill()
    assert asking.wait(30) == 0
    assert 'before this: "first"' in (world.folder / "reply").read_text()
    leftovers.check(world)


HELD = {
    "stop": ("lock", "planning@site"),
    "restart": ("lock", "planning@site"),
    "ask": ("line.lock", "the line of planning@site"),
}


@pytest.mark.parametrize("command", HELD)
def test_a_command_that_needs_a_held_lock_says_what_it_waits_for_and_gives_up(
    world: World, hold: Callable[[Path], subprocess.Popen[bytes]], command: str
) -> None:
    name, what = HELD[command]
    world.start()
    pid = world.status()["pid"]
    holder, said = hold(world.agent_dir() / name), world.folder / "said"
    with said.open("wb") as stderr:
        begun = world.begin_ahead(command, "planning", *(["hello"] if command == "ask" else []), stderr=stderr)
    for _ in range(3):
        world.advance(begun, 2.0)
    world.until(lambda: says(holder, what) in said.read_text(), "it says what it waits for")
    assert begun.poll() is None
    world.advance(begun, 30.0)
    assert begun.wait(30) == 1
    told = said.read_text()
    assert told.startswith("flowloom: waiting: ")
    assert f"\nflowloom: {says(holder, what)}" in told
    assert told.count(f"kill -KILL {holder.pid}") == 2
    # Nothing was ended, and a prompt is on disk with a waiter.
    assert world.status()["pid"] == pid
    assert psutil.pid_exists(pid)
    holder.kill()
    if command == "ask":
        assert "the task is kept: flowloom wait" in told
        world.until_step("done")
    leftovers.check(world)
