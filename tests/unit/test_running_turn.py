"""A turn that is running costs its wait nothing, and whatever ends it is seen at the next step."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowloom.delegation.running_turn import BELIEVED_S, RunningTurn
from flowloom.delegation.waiting import View
from flowloom.ports import births
from flowloom.store import files, layout
from flowloom.store.layout import AgentRef
from flowloom.tasks import record as task_record
from flowloom.turns import record as status_record


class Wait:
    """The wait for a task whose agent works: a process, the three files, a bell and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at_s = 1000.0
        clock: Any = SimpleNamespace(steady_s=lambda: self.at_s)
        self.program = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        self.now = status_record.empty_status("planning@site", "planning", "", "site", "echo")
        self.now["process"] = births.noted(self.program.pid)
        ref = AgentRef("site", "planning")
        self.task, self.status = Path(layout.task("7k2m")), Path(layout.status(ref))
        self.session = Path(layout.agent_dir(ref), "session.json")
        for path in (self.task, self.status, self.session):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
        self.says = str(self.session)
        self.wake_fd, self.bell = os.pipe()
        agent: Any = SimpleNamespace(ref=ref, works=lambda now: self.says)
        self.running_turn = RunningTurn(agent, "7k2m", clock)
        self.view = View(task_record.empty_task("7k2m", "planning@site", ref), self.now)

    def step(self) -> bool:
        """Do what a runner's step does; tell whether it had to look."""
        if self.running_turn.view(self.wake_fd) is self.view:
            return False
        self.running_turn.keep(self.view, self.now, self.at_s)
        return True

    def ring(self) -> None:
        os.write(self.bell, b"\n")

    def end_program(self) -> None:
        self.program.kill()
        self.program.wait()

    def close(self) -> None:
        self.end_program()
        assert self.program.stdin is not None
        self.program.stdin.close()
        os.close(self.wake_fd)
        os.close(self.bell)


@pytest.fixture
def wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wait]:
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    made = Wait(monkeypatch)
    yield made
    made.close()


def test_a_turn_that_is_running_is_looked_at_once_a_minute(wait: Wait) -> None:
    looked = [wait.step() for wait.at_s in range(1000, 1300)]
    # Twice at first: only then is it known which file the program keeps.
    assert [number for number, each in enumerate(looked) if each] == [0, 1, *range(61, 300, int(BELIEVED_S))]


CHANGES: dict[str, Callable[[Wait], object]] = {
    "its task": lambda wait: files.write(str(wait.task), b"{ }"),
    "its status, written as long as before": lambda wait: files.write(str(wait.status), b"[]"),
    "what its session says": lambda wait: wait.session.write_text("idle"),
    "no session any more": lambda wait: wait.session.unlink(),
    "its bell": lambda wait: wait.ring(),
    "its program has ended": lambda wait: wait.end_program(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changes_is_seen_at_the_next_step(wait: Wait, change: Callable[[Wait], object]) -> None:
    assert [wait.step() for _ in range(3)] == [True, True, False]
    change(wait)
    assert wait.step()


def test_a_program_that_does_not_say_that_it_works_is_looked_at_each_time(wait: Wait) -> None:
    wait.says = ""
    assert [wait.step() for _ in range(4)] == [True] * 4
