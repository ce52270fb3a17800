"""What a task waits for and since when: in every phase, for who waits with it and for who only looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowloom.agents.agent import Agent
from flowloom.clock import Clock
from flowloom.delegation import waiting
from flowloom.delegation.waiting import View, Wait
from flowloom.providers import protocol
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import record as task_record
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.transports.paste import held_up
from flowloom.turns import record as status_record
from flowloom.turns import status
from flowloom.turns.states import State


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> task_record.Task:
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    state_folder.ensure()
    folder = AgentRef("site", "planning")
    files.ensure_dir(layout.agent_dir(folder))
    status.write(folder, status_record.empty_status("planning@site", "planning", "planning", "site", "echo"))
    return tasks.open_task("planning@site", folder, "what?", asker="shell", asker_kind="shell")


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


class At(Clock):
    """A clock that a test moves."""

    def __init__(self, at: list[float]) -> None:
        self.at = at

    def wall_s(self) -> float:
        return self.at[0]


def view(task: task_record.Task, phase: waiting.Phase, **facts: Any) -> View:
    now = Agent(tasks.agent_of(task)).status()
    now["since"] = 900.0
    seen = View(task, now)
    seen.phase = phase
    for name, value in facts.items():
        setattr(seen, name, value)
    return seen


ASKED: protocol.Question = {"kind": "permission", "text": "Bash: touch x", "how": "", "call": "", "options": []}


@pytest.mark.parametrize(
    ("phase", "facts", "waits_for"),
    [
        ("in line", {"ahead": 2}, "2 ahead of it in line"),
        ("starting", {}, "planning to start"),
        ("delivering", {}, "planning to take it"),
        ("delivering", {"waits_for": "a person types in its window"}, "a person types in its window"),
        ("blocked", {}, "an answer to planning"),
        ("parked", {}, "the background work of planning"),
        ("settling", {}, "the end of the turn of planning"),
        ("working", {}, "the reply of planning"),
        ("with a person", {}, "the next message of planning in its window"),
        ("waiting", {}, "the process that already handles it"),
        ("waiting", {"says": "another process already waits for it"}, "another process already waits for it"),
    ],
)
def test_every_phase_says_what_it_waits_for(
    task: task_record.Task, clock: list[float], phase: waiting.Phase, facts: dict[str, Any], waits_for: str
) -> None:
    seen = view(task, phase, **facts)
    Wait(Agent(tasks.agent_of(task)), task["task_id"], At(clock)).tell(seen)
    assert seen.waits_for == waits_for
    assert seen.since > 0


def test_a_question_is_what_a_blocked_agent_waits_for(task: task_record.Task, clock: list[float]) -> None:
    seen = view(task, "blocked", question=ASKED)
    assert seen.agent
    seen.agent["status"] = State.BLOCKED
    Wait(Agent(tasks.agent_of(task)), task["task_id"], At(clock)).tell(seen)
    assert (seen.waits_for, seen.since) == ("an answer to planning (permission: Bash: touch x)", 900.0)


def test_an_unknown_task_waits_for_a_person(task: task_record.Task, clock: list[float]) -> None:
    tasks.note_step(task, Step.TYPED, "out")
    tasks.note_step(task, Step.UNKNOWN, "it was typed, and the agent never confirmed it")
    seen = view(task, "delivering")
    Wait(Agent(tasks.agent_of(task)), task["task_id"], At(clock)).tell(seen)
    assert seen.waits_for == "a person to look: it was typed, and the agent never confirmed it"


def test_what_holds_a_task_up_has_an_age_and_is_kept_once_it_lasts(task: task_record.Task, clock: list[float]) -> None:
    agent = Agent(tasks.agent_of(task))
    wait = Wait(agent, task["task_id"], At(clock))
    first = view(task, "delivering", waits_for="a person types in its window")
    wait.tell(first)
    assert (first.says, first.since, agent.status()["held_up"]) == ("a person types in its window", 1000.0, None)
    clock[0] += 40
    later = view(task, "delivering", waits_for="a person types in its window")
    wait.tell(later)
    kept = {"task": task["task_id"], "why": "a person types in its window", "since": 1000.0}
    assert (later.since, agent.status()["held_up"]) == (1000.0, kept)
    seq = agent.status()["seq"]
    wait.tell(view(task, "delivering", waits_for="a person types in its window"))
    assert agent.status()["seq"] == seq  # written when it changes, not at each look
    wait.tell(view(task, "working"))
    assert agent.status()["held_up"] is None


def test_what_passes_within_a_moment_is_not_worth_a_line(task: task_record.Task, clock: list[float]) -> None:
    wait = Wait(Agent(tasks.agent_of(task)), task["task_id"], At(clock))
    said = []
    for _ in range(3):
        seen = view(task, "delivering", waits_for=held_up.RECEIPT)
        wait.tell(seen)
        said.append(seen.says)
        clock[0] += 3.0
    assert said == ["", "", held_up.RECEIPT]


def test_who_gives_up_a_wait_takes_down_only_its_own_word(task: task_record.Task, clock: list[float]) -> None:
    agent = Agent(tasks.agent_of(task))
    mine, other = Wait(agent, task["task_id"], At(clock)), Wait(agent, "zzzz", At(clock))
    for wait in (mine, other):
        wait.tell(view(task, "delivering", waits_for="x"))
    clock[0] += 2
    for wait in (mine, other):
        wait.tell(view(task, "delivering", waits_for="x"))
    mine.over()
    left = agent.status()["held_up"]
    assert left is not None
    assert left["task"] == "zzzz"
    other.over()
    assert agent.status()["held_up"] is None


def test_an_attempt_that_came_to_the_same_is_journaled_once(task: task_record.Task) -> None:
    for _ in range(3):
        tasks.note_step(task, Step.TYPED, "its text is being sent")
        tasks.note_step(task, Step.CREATED, "the window takes no input")
    assert [entry["step"] for entry in task["journal"]] == ["created", "typed", "created"]
    tasks.note_step(task, Step.TYPED, "its text is being sent")
    tasks.note_step(task, Step.CREATED, "another reason")
    assert [entry["why"] for entry in task["journal"]][-1] == "another reason"
    assert tasks.read(task["task_id"])["journal"] == task["journal"]


def test_the_age_of_an_obstacle_is_not_begun_again_by_what_passes_between_two_looks_at_it(
    task: task_record.Task, clock: list[float]
) -> None:
    wait = Wait(Agent(tasks.agent_of(task)), task["task_id"], At(clock))
    said = []
    for words in ("a person types in its window", held_up.SETTLES, "no key puts it aside", held_up.RECEIPT, "y", "z"):
        seen = view(task, "delivering", waits_for=words)
        wait.tell(seen)
        said.append((seen.says, seen.since))
        clock[0] += 4
    # What passes is said only once it has lasted by itself; another obstacle right behind one has its own age.
    assert said == [
        ("a person types in its window", 1000.0),
        ("", 1000.0),
        ("no key puts it aside", 1000.0),
        ("", 1000.0),
        ("y", 1000.0),
        ("z", 1020.0),
    ]


def test_a_session_that_is_busy_for_a_moment_after_the_turn_before_is_not_told(
    task: task_record.Task, clock: list[float]
) -> None:
    wait, told = Wait(Agent(tasks.agent_of(task)), task["task_id"], At(clock)), []
    for clock[0] in (1000.0, 1002.0, 1006.0):
        seen = view(task, "delivering", waits_for="its session is busy, with no task of FlowLoom's")
        wait.tell(seen)
        told.append(bool(seen.says))
    assert told == [False, False, True]
