"""A waiter that cannot carry its task on ends it with the reason; a task is never left without either."""

from __future__ import annotations

import errno
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from flowloom.delegation import handover, loop, waiter, waiting
from flowloom.delegation.runner import Runner
from flowloom.errors import AgentFailed, BadConfig, DamagedFile, FlowLoomError, StateFailed, TmuxFailed, UsageError
from flowloom.ports import procs
from flowloom.queue import line
from flowloom.store import files, layout
from flowloom.store.layout import AgentRef
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step


def opened() -> tuple[str, line.Place]:
    agent = AgentRef("site", "planning")
    files.ensure_dir(layout.agent_dir(agent))
    task_id = tasks.open_task("planning@site", agent, "heron", asker="shell", asker_kind="shell")["task_id"]
    place = line.enter(agent, task_id)
    assert place is not None
    return task_id, place


# What stops a waiter, and what its task's error must hold.
STOPS: list[tuple[Exception, str]] = [
    (RuntimeError("a slip"), "a bug in FlowLoom (RuntimeError: a slip); the report is in "),
    (MemoryError(), "a bug in FlowLoom (MemoryError"),
    (RecursionError("deep"), "a bug in FlowLoom (RecursionError: deep)"),
    (OSError(errno.EIO, "Input/output error"), "a bug in FlowLoom (OSError: "),
    (UsageError("there is no provider 'x'", hint="there are: echo"), "there is no provider 'x'; there are: echo"),
    (BadConfig("config.toml: no"), "config.toml: no"),
    (FlowLoomError("no program", hint="install it"), "no program; install it"),
    (AgentFailed("lost"), "lost"),
    (TmuxFailed("tmux new-window: no room", hint="try tmux ls"), "tmux new-window: no room; try tmux ls"),
]


@pytest.mark.parametrize("early", [True, False], ids=["before it waits", "while it waits"])
@pytest.mark.parametrize(("error", "said"), STOPS, ids=[type(error).__name__ for error, _ in STOPS])
def test_what_stops_a_waiter_ends_its_task_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str, early: bool
) -> None:
    def stopped(*args: Any) -> None:
        raise error

    task_id, place = opened()
    monkeypatch.setattr(waiter, "load", stopped) if early else monkeypatch.setattr(Runner, "step", stopped)
    monkeypatch.setattr(loop, "PAUSES_S", (0.0, 0.0))
    monkeypatch.setattr(sys, "argv", ["waiter", task_id, str(place.descriptor)])
    waiter.main()
    task = tasks.read(task_id)
    assert (task["status"], task["error"][: len(said)]) == (Step.FAILED, said)
    reports = list(Path(layout.home()).glob("log/bug-*"))
    assert bool(reports) == ("a bug" in said)


@pytest.mark.parametrize("error", [TmuxFailed("tmux: no"), StateFailed("full"), DamagedFile("status.json is damaged")])
def test_what_can_pass_by_itself_is_tried_again(monkeypatch: pytest.MonkeyPatch, error: FlowLoomError) -> None:
    task_id, place = opened()
    said = []

    def step(runner: Any) -> waiting.View:
        said.append(line.PlaceAhead(runner.place.agent, runner.place.name).says)
        if len(said) < 3:
            raise error
        seen = waiting.View(tasks.read(task_id), None)
        seen.ended = True
        return seen

    monkeypatch.setattr(Runner, "step", step)
    monkeypatch.setattr(loop, "PAUSES_S", (0.0, 0.0))
    monkeypatch.setattr(loop, "TRY_AGAIN_S", 0.0)
    monkeypatch.setattr(sys, "argv", ["waiter", task_id, str(place.descriptor)])
    waiter.main()
    # Those behind it are told why nothing comes of its place.
    assert said == ["", str(error), str(error)]
    assert tasks.read(task_id)["status"] is Step.CREATED


def test_an_end_that_cannot_be_written_is_written_once_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    task_id, _ = opened()
    real, left = files.write, [OSError(errno.ENOSPC, "full"), OSError(errno.ENFILE, "too many")]

    def write(*args: Any, **more: Any) -> None:
        if left:
            raise left.pop()
        real(*args, **more)

    monkeypatch.setattr(files, "write", write)
    assert [handover.fail(task_id, "no way on") for _ in range(3)] == [False, False, True]
    assert (tasks.read(task_id)["status"], tasks.read(task_id)["error"]) == (Step.FAILED, "no way on")


@pytest.mark.parametrize("step", [Step.CREATED, Step.TYPED])
def test_a_task_for_which_no_waiter_can_be_started_has_an_end(monkeypatch: pytest.MonkeyPatch, step: Step) -> None:
    def no_process(*args: Any, **more: Any) -> int:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    task_id, place = opened()
    if step is Step.TYPED:
        tasks.note_step(tasks.read(task_id), step, "its text is being sent")
    monkeypatch.setattr(procs, "detach", no_process)
    handover.to_waiter(task_id, place)
    task = tasks.read(task_id)
    # What may have been sent is not taken for failed: the agent's hooks tell.
    assert task["status"] is (Step.FAILED if step is Step.CREATED else step)
    assert not line.waited_for(place.agent, task_id)


def test_a_task_whose_agent_was_removed_ends() -> None:
    task_id, _ = opened()
    shutil.rmtree(layout.agent_dir(tasks.agent_of(tasks.read(task_id))))

    assert handover.fail(task_id, "there is no agent planning@site")
    assert tasks.read(task_id)["status"] is Step.FAILED
