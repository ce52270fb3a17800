"""A task that waits for hours, replayed on a clock that stands until a test moves it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.world import ROOT

from flowloom.agents.agent import Agent
from flowloom.clock import Clock
from flowloom.config.settings import Settings
from flowloom.delegation.runner import Runner
from flowloom.store import files, layout, locks, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import record as status_record
from flowloom.turns import status
from flowloom.turns.states import State

HOUR_S = 3600.0
HOLDER = ROOT / "tests" / "support" / "lock_holder.py"
SITE = AgentRef("site", "planning")


class Ahead(Clock):
    """The machine's clock at the beginning of a test, and how far it was moved since."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self._wall_s, self._steady_s = time.time(), time.monotonic()

    def wall_s(self) -> float:
        return self._wall_s + self.ahead_s

    def steady_s(self) -> float:
        return self._steady_s + self.ahead_s


class Story:
    """A task that is parked, its agent, and the process that waits for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, until: float | None = None, park_s: float = HOUR_S) -> None:
        state_folder.ensure()
        files.ensure_dir(layout.agent_dir(SITE))
        self.clock = Ahead()
        task = tasks.open_task("planning@site", SITE, "what?", asker="shell", asker_kind="shell")
        self.task_id = task["task_id"]
        now = status_record.empty_status("planning@site", "planning", "planning", "site", "echo")
        now.update({"status": State.PARKED, "up": True, "last_active": self.clock.wall_s()})
        parked: status_record.Parked = {"task": self.task_id, "before": [], "ids": ["w1"]}
        if until is not None:
            parked["until"] = task["until"] = self.clock.wall_s() + until
        now["parked"] = parked
        status.write(SITE, now)
        for step in (Step.TYPED, Step.PASTED, Step.ACCEPTED, Step.PARKED):
            tasks.note_step(task, step, "")
        # Its window is not looked at: what it shows is the subject of other tests.
        monkeypatch.setattr(Agent, "reconcile", lambda agent, **_: (agent.status(), None))
        monkeypatch.setattr(Agent, "session_says", lambda *_, **__: "busy")
        settings = Settings()
        settings.park_s = park_s
        self.runner = Runner(self.task_id, settings, clock=self.clock)

    def after(self, seconds: float) -> Any:
        """Return what there is to see after a time."""
        self.clock.ahead_s = seconds
        return self.runner.step()


@pytest.fixture
def stories(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Story]]:
    made: list[Story] = []
    yield made
    for story in made:
        tasks.note_step(tasks.read(story.task_id), Step.CANCELLED, "the test is over")
        story.runner.close()


def test_a_provisional_reply_is_handed_over_after_its_time(
    stories: list[Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    stories.append(Story(monkeypatch, park_s=HOUR_S))
    seen = [stories[0].after(seconds) for seconds in (0.0, 10.0, HOUR_S - 5.0, HOUR_S + 5.0)]
    assert [view.ended for view in seen] == [False, False, False, True]
    assert [view.provisional for view in seen] == [True] * 4
    assert seen[2].again_s <= 1.0


def test_an_hour_of_a_usage_limit_is_waited_for_to_its_end(
    stories: list[Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    stories.append(Story(monkeypatch, until=HOUR_S))
    story = stories[0]
    began_s = time.monotonic()
    seen = [story.after(60.0 * minute) for minute in range(75)]
    assert not any(view.ended for view in seen)
    assert {view.phase for view in seen} == {"parked"}
    assert "limit" in seen[0].waits_for
    assert {view.since for view in seen} == {seen[0].since}
    # The agent continues by itself.
    now = story.runner.agent.status()
    now.update({"status": State.WORKING, "parked": None})
    status.write(SITE, now)
    task = tasks.read(story.task_id)
    task["until"] = 0.0
    tasks.note_step(task, Step.ACCEPTED, "continues")
    tasks.complete(task, "done", "its turn ended")
    now.update({"status": State.IDLE})
    status.write(SITE, now)
    monkeypatch.setattr(Agent, "session_says", lambda *_, **__: "idle")
    view = story.after(75 * 60.0)
    while not view.ended:
        view = story.after(story.clock.ahead_s + 0.1)
    assert view.task["status"] is Step.DONE
    assert time.monotonic() - began_s < HOUR_S / 60


@pytest.mark.parametrize("came", [True, False])
def test_a_runner_is_closed_with_its_outcome_whoever_holds_the_lock(
    monkeypatch: pytest.MonkeyPatch, came: bool
) -> None:
    """The prompt file has the reply by then: an error would keep Claude Code from reading it."""
    story = Story(monkeypatch)
    runner = story.runner
    tasks.note_step(tasks.read(runner.task_id), Step.CANCELLED, "interrupted in its window (Esc)")
    runner.wait_on()
    if came:
        status.note(SITE, runner.agent.status(), adopt=None)
    holder = subprocess.Popen(
        [sys.executable, HOLDER, layout.agent_lock(SITE)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with locks.LockWait(clock=story.clock):
            monkeypatch.setattr(story.clock, "pause", lambda _: setattr(story.clock, "ahead_s", HOUR_S))
            runner.close()
        holder.kill()
    assert os.listdir(layout.wake_dir(layout.agent_dir(SITE))) == []
    logged = Path(layout.log())
    assert (logged.exists() and "is locked by" in logged.read_text()) is not came
