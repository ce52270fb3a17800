"""Cancelling a task: what is said of it is what its window took."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowloom import asking, files, paths, records, status, tasks
from flowloom.agents import Agent
from flowloom.looks import Look
from flowloom.states import State, Step


class Window:
    """A window that takes keys or not."""

    def __init__(self, *, takes: bool) -> None:
        self.takes = takes

    def press(self, pane: str, *keys: str) -> bool:
        return self.takes


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
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    paths.ensure_home()
    folder = paths.agent_dir("site", "planning")
    files.ensure_dir(folder)
    task = tasks.open_task("planning@site", folder, "what?", asker="shell", asker_kind="shell")
    for step in (Step.TYPED, Step.PASTED, Step.ACCEPTED):
        tasks.note_step(task, step, "so it went")
    turn: records.Turn = {"prompt_id": "1", "whose": "task", "task": task["task_id"], "at": 0.0, "before": []}
    now = records.empty_status("planning@site", "planning", "planning", "site", "echo")
    now.update({"status": State.WORKING, "up": True, "pane_id": "%1", "turn": turn})
    status.write(folder, now)
    look: Any = Look("0||1|7|,||@1|8|planning@site|/tmp/s\n")
    monkeypatch.setattr(Agent, "reconcile", lambda self: (self.status(), look))
    monkeypatch.setattr(Agent, "tmux", lambda self, now: Window(takes=takes))
    assert asking.cancel(task["task_id"]) == says
    assert tasks.read(task["task_id"])["status"] is Step.CANCELLED
