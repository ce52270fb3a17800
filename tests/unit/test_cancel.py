"""Cancelling a task: what is said of it is what its window took."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from flowloom.agents.agent import Agent
from flowloom.delegation import windowed
from flowloom.ports import procs
from flowloom.ports.tmux.formats import Look
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import frame
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import record as status_record
from flowloom.turns import status
from flowloom.turns.states import State


class Window:
    """A window that takes keys or not."""

    def __init__(self, *, takes: bool = True, stamp: str = "7/") -> None:
        self.takes, self.stamp = takes, stamp
        self.pressed: list[str] = []
        self.screen = ""

    def press(self, pane: str, *keys: str, stamp: str = "") -> bool:
        if stamp and stamp != self.stamp:
            return False
        self.pressed += keys
        return self.takes

    def claim(self, pane: str, typed: str) -> str:
        return self.stamp

    def look(self, pane: str) -> Any:
        return Look(f"0||1|7|,||@1|8|{self.stamp}|planning@site|/tmp/s\n{self.screen}")


@pytest.mark.parametrize(
    ("takes", "says"),
    [
        (True, "the agent was interrupted"),
        (False, "its window takes no keys, so the agent continues; look at it: flowloom attach planning"),
    ],
)
def test_an_agent_is_said_to_be_interrupted_only_where_its_window_took_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takes: bool, says: str
) -> None:
    task_id = sent(tmp_path, monkeypatch, Step.ACCEPTED, Window(takes=takes))
    assert windowed.cancel(task_id) == says
    assert tasks.read(task_id)["status"] is Step.CANCELLED


@pytest.mark.parametrize(
    ("step", "stamp", "says"),
    [
        (Step.TYPED, "7/", "it will not be delivered"),
        (Step.TYPED, "7/abcd.1.0", "it will not be delivered"),
        (
            Step.PASTED,
            "7/{}.1.0",
            "its text may be sent already; if so, press Esc in its window: flowloom attach planning",
        ),
        (
            Step.ACCEPTED,
            "7/{}.1.0",
            "its agent has queued it already and will work on it; remove it there: flowloom attach planning",
        ),
    ],
)
def test_what_is_said_of_a_task_that_came_into_another_turn_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Step, stamp: str, says: str
) -> None:
    window = Window()
    task_id = sent(tmp_path, monkeypatch, step, window)
    window.stamp = stamp.format(task_id)
    agent = Agent(tasks.agent_of(tasks.read(task_id)))
    turn: status_record.Turn = {"prompt_id": "1", "whose": "person", "task": None, "at": 0.0, "at_ns": 0, "before": []}
    now = agent.status()
    now.update({"turn": turn, "queued": [task_id] if step is Step.ACCEPTED else []})
    status.write(agent.ref, now)
    assert windowed.cancel(task_id) == says
    assert tasks.read(task_id)["status"] is Step.CANCELLED


@pytest.mark.parametrize("step", [Step.PASTED, Step.ACCEPTED])
def test_no_key_reaches_a_persons_editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Step) -> None:
    window = Window()
    task_id = sent(tmp_path, monkeypatch, step, window)
    agent = Agent(tasks.agent_of(tasks.read(task_id)))
    if step is Step.PASTED:
        # An editor with a window of its own leaves the box on the screen.
        status.write(agent.ref, {**agent.status(), "turn": None, "status": State.IDLE})
        window.stamp = f"7/{task_id}.1.0"
        first = frame.first_line(task_id, "shell")
        text = (first + frame.body(task_id, "what?")).replace("\n", "\n  ")
        window.screen = f"{'─' * 40}\n❯\xa0{text}\n{'─' * 40}\n  ? for shortcuts"
        files.write(f"{layout.task_dir(task_id)}/first", first.encode())
        files.write(f"{layout.task_dir(task_id)}/body", frame.body(task_id, "what?").encode())
    monkeypatch.setattr(procs, "is_lent", lambda tty: True)
    said = {
        Step.PASTED: "its text may be sent already; if so, press Esc in its window: flowloom attach planning",
        Step.ACCEPTED: "an editor is open in its window, so the agent continues; "
        "close it, and interrupt the agent: flowloom attach planning",
    }
    assert (windowed.cancel(task_id), window.pressed) == (said[step], [])


def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: Step, window: Window) -> str:
    """Bring a task as far as `last`, in a turn of its own; return its id."""
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    state_folder.ensure()
    folder = AgentRef("site", "planning")
    files.ensure_dir(layout.agent_dir(folder))
    task = tasks.open_task("planning@site", folder, "what?", asker="shell", asker_kind="shell")
    for step in (Step.TYPED, Step.PASTED, Step.ACCEPTED):
        if task["status"] is not last:
            tasks.note_step(task, step, "so it went")
    turn: status_record.Turn = {
        "prompt_id": "1",
        "whose": "task",
        "task": task["task_id"],
        "at": 0.0,
        "at_ns": 0,
        "before": [],
    }
    now = status_record.empty_status("planning@site", "planning", "planning", "site", "echo")
    now.update({"status": State.WORKING, "up": True, "pane_id": "%1", "turn": turn})
    status.write(folder, now)
    monkeypatch.setattr(Agent, "reconcile", lambda self: (self.status(), window.look("%1")))
    monkeypatch.setattr(Agent, "tmux", lambda self, now: window)
    return task["task_id"]


@pytest.mark.parametrize("when", ["before the look", "after it"])
def test_no_key_reaches_what_came_after_the_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    window = Window()
    task_id = sent(tmp_path, monkeypatch, Step.ACCEPTED, window)
    agent = Agent(tasks.agent_of(tasks.read(task_id)))
    looks = itertools.count(1)

    def look(pane: str) -> Any:
        # The first look is that of the cancel, the second one that of the key. Its hooks are heard all the time.
        seen = Window.look(window, pane)
        if next(looks) == 2 and when == "before the look":
            status.write(agent.ref, {**agent.status(), "turn": None, "status": State.IDLE})
        elif when == "after it":
            window.stamp += "b"  # the next task's text has been pasted
        return seen

    monkeypatch.setattr(window, "look", look)
    assert (windowed.cancel(task_id), window.pressed) == ("its turn has just ended", [])
    assert tasks.read(task_id)["status"] is Step.CANCELLED
