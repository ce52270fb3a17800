"""What an agent is taken to be doing, by what its session says and who has the terminal of its window."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flowloom.agents import agent as agents
from flowloom.agents.agent import BELIEVED_S, Agent
from flowloom.ports import procs
from flowloom.ports.tmux.formats import Look
from flowloom.store import layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import record as status_record
from flowloom.turns import status, whereabouts
from flowloom.turns.states import State

# No process has this number.
PID = 2**22 + 1
BEGAN_S = 1_800_000_000.0


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Agent:
    """An agent that has just confirmed a task, and whose session file is from before."""
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    state_folder.ensure()
    folder = AgentRef("site", "planning")
    Path(layout.agent_dir(folder)).mkdir(parents=True)
    task = tasks.open_task("planning@site", folder, "do it", asker="shell", asker_kind="shell")
    for step in (Step.TYPED, Step.PASTED, Step.ACCEPTED):
        tasks.note_step(task, step, "so it went")
    turn: status_record.Turn = {
        "prompt_id": "p",
        "whose": "task",
        "task": task["task_id"],
        "at": BEGAN_S,
        "at_ns": 0,
        "before": [],
    }
    now = status_record.empty_status("planning@site", "planning", "planning", "site", "claude")
    now.update({"status": State.WORKING, "up": True, "pane_id": "%1", "pid": PID, "turn": turn})
    now.update({"since": BEGAN_S, "last_active": BEGAN_S})
    status.write(folder, now)
    monkeypatch.setattr(whereabouts, "look", lambda now: LOOK)
    says(tmp_path, "idle", BEGAN_S - 1)
    return Agent(folder)


LOOK = Look("0||0|1|,|/dev/pts/9|@1|8|1/|planning@site|/tmp/s\n")


def says(home: Path, what: str, at_s: float) -> None:
    """Write the session file."""
    folder = home / ".claude" / "sessions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{PID}.json").write_text(json.dumps({"pid": PID, "status": what, "statusUpdatedAt": int(at_s * 1000)}))


@pytest.fixture
def at(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> Callable[[float, bool], State]:
    """Return what the agent is taken for at a time, with its terminal lent or not."""

    def look(after_s: float, lent: bool) -> State:
        monkeypatch.setattr(agents, "wall_s", lambda: BEGAN_S + after_s)
        monkeypatch.setattr(agents, "elapsed_s", lambda since: BEGAN_S + after_s - since)
        monkeypatch.setattr(procs, "is_lent", lambda tty: lent)
        return agent.compare(agent.status(), LOOK)["status"]

    return look


def task_of(agent: Agent) -> Step:
    return next(task["status"] for task in tasks.of_agent(agent.agent_id))


def test_an_idle_session_counts_against_a_receipt_only_once_its_program_has_its_terminal(
    agent: Agent, at: Callable[[float, bool], State], tmp_path: Path
) -> None:
    assert {at(second, True) for second in range(1, 60)} == {State.WORKING}
    assert at(59 + BELIEVED_S - 0.1, False) is State.WORKING
    # The editor is closed, and the turn begins.
    says(tmp_path, "busy", BEGAN_S + 68)
    assert {at(second, False) for second in range(68, 100)} == {State.WORKING}
    assert task_of(agent) is Step.ACCEPTED


def test_a_turn_that_does_not_begin_once_the_editor_is_closed_is_over(
    agent: Agent, at: Callable[[float, bool], State]
) -> None:
    assert {at(second, True) for second in range(1, 60)} == {State.WORKING}
    assert at(59 + BELIEVED_S + 0.1, False) is State.IDLE
    assert task_of(agent) is Step.INTERRUPTED


def test_an_idle_session_without_an_editor_ends_the_turn(agent: Agent, at: Callable[[float, bool], State]) -> None:
    assert at(BELIEVED_S - 0.1, False) is State.WORKING
    assert at(BELIEVED_S + 0.1, False) is State.IDLE
    assert task_of(agent) is Step.INTERRUPTED
