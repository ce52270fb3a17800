"""The line before an agent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.world import ROOT

from flowloom.queue import line
from flowloom.store import files


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
