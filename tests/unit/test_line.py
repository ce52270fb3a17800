"""The line before an agent."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.support.world import ROOT

from flowloom.queue import line
from flowloom.store import files, layout
from flowloom.store.bell import Bell
from flowloom.store.layout import AgentRef

AGENT = AgentRef("site", "planning")
# What a child runs first.
OURS = (
    "import os, signal, sys; from flowloom.queue import line; from flowloom.store.layout import AgentRef\n"
    "agent = AgentRef('site', 'planning')\n"
)


@pytest.fixture(autouse=True)
def folder() -> Path:
    """The folder of the places in line."""
    files.ensure_dir(layout.agent_dir(AGENT))
    return Path(layout.line_dir(AGENT))


def enter(task_id: str) -> line.Place:
    place = line.enter(AGENT, task_id)
    assert place is not None
    return place


def test_who_comes_first_is_first_and_everybody_moves_up(folder: Path) -> None:
    places = [enter(task_id) for task_id in ("dddd", "aaaa", "cccc")]
    assert [place.ahead() for place in places] == [[], ["dddd"], ["dddd", "aaaa"]]
    places[1].leave()
    assert [places[0].ahead(), places[2].ahead()] == [[], ["dddd"]]
    places[0].leave()
    assert places[2].ahead() == []
    places[2].leave()
    assert os.listdir(folder) == []


def test_a_task_is_waited_for_once() -> None:
    assert not line.waited_for(AGENT, "aaaa")
    place = enter("aaaa")
    assert line.waited_for(AGENT, "aaaa")
    assert line.enter(AGENT, "aaaa") is None
    place.leave()
    assert not line.waited_for(AGENT, "aaaa")
    enter("aaaa").leave()


def test_leaving_wakes_those_behind() -> None:
    reader, _ = files.open_wake(layout.agent_dir(AGENT))
    enter("aaaa").leave()
    assert os.read(reader, 10) == b"\n"
    os.close(reader)


DIES = f"{OURS}line.enter(agent, sys.argv[1]); os.kill(os.getpid(), 9)"


def die_in_line(task_id: str) -> None:
    done = subprocess.run([sys.executable, "-c", DIES, task_id], cwd=ROOT / "src", check=False)
    assert done.returncode == -9


def test_the_place_of_a_dead_holder_holds_nobody_up() -> None:
    die_in_line("aaaa")
    second = enter("bbbb")
    assert second.ahead() == []
    assert not line.waited_for(AGENT, "aaaa")
    second.leave()


def test_who_takes_a_dead_holders_task_up_keeps_its_rank() -> None:
    die_in_line("aaaa")
    second, third = enter("bbbb"), enter("cccc")
    again = enter("aaaa")
    assert [again.ahead(), second.ahead(), third.ahead()] == [[], ["aaaa"], ["aaaa", "bbbb"]]
    for place in (again, second, third):
        place.leave()


def test_who_leaves_and_comes_again_is_last() -> None:
    first, second = enter("aaaa"), enter("bbbb")
    first.leave()
    first = enter("aaaa")
    assert [first.ahead(), second.ahead()] == [["bbbb"], []]
    first.leave()
    second.leave()


def test_a_place_lives_on_in_a_child_that_inherits_it() -> None:
    place = enter("aaaa")
    os.set_inheritable(place.descriptor, True)
    code = (
        f"{OURS}place = line.adopt(agent, 'aaaa', int(sys.argv[1]))\n"
        "print(place.name, flush=True); sys.stdin.readline(); place.leave()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(place.descriptor)],
        cwd=ROOT / "src",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[place.descriptor],
    )
    assert child.stdout is not None
    assert child.stdout.readline().decode().strip() == place.name
    os.close(place.descriptor)
    behind = enter("bbbb")
    assert (line.waited_for(AGENT, "aaaa"), behind.ahead()) == (True, ["aaaa"])
    child.communicate(b"\n")
    assert (line.waited_for(AGENT, "aaaa"), behind.ahead()) == (False, [])
    behind.leave()


def test_a_place_whose_file_is_gone_can_still_be_left(folder: Path) -> None:
    place = enter("aaaa")
    os.unlink(folder / place.name)
    place.leave()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(place.descriptor)


STOPS = (
    f"{OURS}place = line.enter(agent, sys.argv[1])\nprint('in line', flush=True); os.kill(os.getpid(), signal.SIGSTOP)"
)


@pytest.fixture
def stand() -> Iterator[Callable[[str, str], None]]:
    """Let a task stand in line: `dead`, `stopped`, with words of its own, or with none."""
    stopped: list[subprocess.Popen[bytes]] = []

    def begin(task_id: str, how: str) -> None:
        if how != "stopped":
            place = enter(task_id)
            if how == "dead":
                os.close(place.descriptor)  # as the kernel does it for a process that is killed
            else:
                place.say(how)
            return
        command = [sys.executable, "-c", STOPS, task_id]
        child = subprocess.Popen(command, cwd=ROOT / "src", stdout=subprocess.PIPE)
        stopped.append(child)
        assert child.stdout is not None
        child.stdout.readline()
        while psutil.Process(child.pid).status() != psutil.STATUS_STOPPED:
            os.sched_yield()

    yield begin
    for child in stopped:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("note", [b"", b"[]", b"3", b'{"pid": "x"}', b'{"pid": [1]}', b"{"])
def test_a_place_whose_note_cannot_be_read_is_held_all_the_same(folder: Path, note: bytes) -> None:
    first, second = enter("aaaa"), enter("bbbb")
    (folder / first.name).write_bytes(note)
    known = second.look(first.name)
    assert known is not None
    assert (known.task_id, known.pid, known.says, known.stopped) == ("aaaa", 0, "", False)


@pytest.mark.parametrize("command", [line.STOP, line.RESTART])
def test_no_task_has_the_id_of_a_command_in_line(command: str) -> None:
    assert not layout.is_task_id(command)
    place, behind = enter(command), enter("aaaa")
    known = behind.look(place.name)
    assert known is not None
    assert known.what == f"flowloom {command[1:]}"


# How those behind a place stand there, and which of them are woken when it is left.
WOKEN = [
    (["", "", ""], [0]),
    (["dead", "", ""], [1]),
    (["dead", "dead", ""], [2]),
    (["stopped", "", ""], [0, 1]),
    (["stopped", "dead", ""], [0, 2]),
    (["its tmux cannot be reached", "", ""], [0, 1]),
    (["", "stopped", ""], [0]),
    (["dead", "stopped", "says"], [1, 2]),
]


@pytest.mark.parametrize(("behind", "woken"), WOKEN)
def test_who_leaves_wakes_the_next_that_can_continue_and_nobody_further_back(
    stand: Callable[[str, str], None], behind: list[str], woken: list[int]
) -> None:
    first = enter("aaaa")
    names = ["bbbb", "cccc", "dddd"]
    bells = [Bell(files.ensure_dir(layout.task_dir(name))) for name in names]
    for name, how in zip(names, behind, strict=True):
        stand(name, how)
    first.leave()
    assert [number for number, bell in enumerate(bells) if select.select([bell.fd], [], [], 0)[0]] == woken
    for bell in bells:
        bell.close()
