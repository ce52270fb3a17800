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


def enter(folder: Path, task_id: str) -> line.Place:
    place = line.enter(str(folder), task_id)
    assert place is not None
    return place


def test_who_comes_first_is_first_and_everybody_moves_up(tmp_path: Path) -> None:
    places = [enter(tmp_path, task_id) for task_id in ("dddd", "aaaa", "cccc")]
    assert [place.ahead() for place in places] == [[], ["dddd"], ["dddd", "aaaa"]]
    places[1].leave()
    assert [places[0].ahead(), places[2].ahead()] == [[], ["dddd"]]
    places[0].leave()
    assert places[2].ahead() == []
    places[2].leave()
    assert os.listdir(tmp_path / "line") == []


def test_a_task_is_waited_for_once(tmp_path: Path) -> None:
    assert not line.waited_for(str(tmp_path), "aaaa")
    place = enter(tmp_path, "aaaa")
    assert line.waited_for(str(tmp_path), "aaaa")
    assert line.enter(str(tmp_path), "aaaa") is None
    place.leave()
    assert not line.waited_for(str(tmp_path), "aaaa")
    enter(tmp_path, "aaaa").leave()


def test_leaving_wakes_those_behind(tmp_path: Path) -> None:
    reader, _ = files.open_wake(str(tmp_path))
    enter(tmp_path, "aaaa").leave()
    assert os.read(reader, 10) == b"\n"
    os.close(reader)


DIES = "import os, sys; from flowloom.queue import line; line.enter(*sys.argv[1:]); os.kill(os.getpid(), 9)"


def die_in_line(folder: Path, task_id: str) -> None:
    done = subprocess.run([sys.executable, "-c", DIES, folder, task_id], cwd=ROOT / "src", check=False)
    assert done.returncode == -9


def test_the_place_of_a_dead_holder_holds_nobody_up(tmp_path: Path) -> None:
    die_in_line(tmp_path, "aaaa")
    second = enter(tmp_path, "bbbb")
    assert second.ahead() == []
    assert not line.waited_for(str(tmp_path), "aaaa")
    second.leave()


def test_who_takes_a_dead_holders_task_up_keeps_its_rank(tmp_path: Path) -> None:
    die_in_line(tmp_path, "aaaa")
    second, third = enter(tmp_path, "bbbb"), enter(tmp_path, "cccc")
    again = enter(tmp_path, "aaaa")
    assert [again.ahead(), second.ahead(), third.ahead()] == [[], ["aaaa"], ["aaaa", "bbbb"]]
    for place in (again, second, third):
        place.leave()


def test_who_leaves_and_comes_again_is_last(tmp_path: Path) -> None:
    first, second = enter(tmp_path, "aaaa"), enter(tmp_path, "bbbb")
    first.leave()
    first = enter(tmp_path, "aaaa")
    assert [first.ahead(), second.ahead()] == [["bbbb"], []]
    first.leave()
    second.leave()


def test_a_place_lives_on_in_a_child_that_inherits_it(tmp_path: Path) -> None:
    place = enter(tmp_path, "aaaa")
    os.set_inheritable(place.descriptor, True)
    code = (
        "import sys; from flowloom.queue import line; place = line.adopt(sys.argv[1], 'aaaa', int(sys.argv[2]))\n"
        "print(place.name, flush=True); sys.stdin.readline(); place.leave()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path, str(place.descriptor)],
        cwd=ROOT / "src",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[place.descriptor],
    )
    assert child.stdout is not None
    assert child.stdout.readline().decode().strip() == place.name
    os.close(place.descriptor)
    behind = enter(tmp_path, "bbbb")
    assert (line.waited_for(str(tmp_path), "aaaa"), behind.ahead()) == (True, ["aaaa"])
    child.communicate(b"\n")
    assert (line.waited_for(str(tmp_path), "aaaa"), behind.ahead()) == (False, [])
    behind.leave()


def test_a_place_whose_file_is_gone_can_still_be_left(tmp_path: Path) -> None:
    place = enter(tmp_path, "aaaa")
    os.unlink(tmp_path / "line" / place.name)
    place.leave()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(place.descriptor)


STOPS = (
    "import os, signal, sys; from flowloom.queue import line; place = line.enter(*sys.argv[1:])\n"
    "print('in line', flush=True); os.kill(os.getpid(), signal.SIGSTOP)"
)


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Callable[[str, str], None]]:
    """Let a task stand in line: `dead`, `stopped`, with words of its own, or with none."""
    stopped: list[subprocess.Popen[bytes]] = []

    def begin(task_id: str, how: str) -> None:
        if how != "stopped":
            place = enter(tmp_path, task_id)
            if how == "dead":
                os.close(place.descriptor)  # as the kernel does it for a process that is killed
            else:
                place.say(how)
            return
        command = [sys.executable, "-c", STOPS, str(tmp_path), task_id]
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
def test_a_place_whose_note_cannot_be_read_is_held_all_the_same(tmp_path: Path, note: bytes) -> None:
    first, second = enter(tmp_path, "aaaa"), enter(tmp_path, "bbbb")
    (tmp_path / "line" / first.name).write_bytes(note)
    known = second.look(first.name)
    assert known is not None
    assert (known.task_id, known.pid, known.says, known.stopped) == ("aaaa", 0, "", False)


@pytest.mark.parametrize("command", [line.STOP, line.RESTART])
def test_no_task_has_the_id_of_a_command_in_line(tmp_path: Path, command: str) -> None:
    assert not layout.is_task_id(command)
    place, behind = enter(tmp_path, command), enter(tmp_path, "aaaa")
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
    tmp_path: Path, stand: Callable[[str, str], None], behind: list[str], woken: list[int]
) -> None:
    first = enter(tmp_path, "aaaa")
    names = ["bbbb", "cccc", "dddd"]
    bells = [Bell(files.ensure_dir(layout.task_dir(name))) for name in names]
    for name, how in zip(names, behind, strict=True):
        stand(name, how)
    first.leave()
    assert [number for number, bell in enumerate(bells) if select.select([bell.fd], [], [], 0)[0]] == woken
    for bell in bells:
        bell.close()
