"""The status line: what waits for a person, counted by whoever moves a state."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from flowloom.delegation import announce, ask
from flowloom.store import layout, news
from flowloom.store.layout import AgentRef
from flowloom.tasks import record as task_record
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import record as status_record
from flowloom.turns import status
from flowloom.turns.states import Event, State


@pytest.fixture
def agent() -> AgentRef:
    directory = AgentRef("site", "planning")
    os.makedirs(layout.agent_dir(directory))
    now = status_record.empty_status("planning@site", "planning", "planning", "site", "echo")
    now.update({"status": State.WORKING, "up": True})
    status.write(directory, now)
    return directory


def shown() -> str:
    path = Path(layout.status_line())
    return path.read_text() if path.exists() else "(no file)"


def open_question(agent: AgentRef) -> str:
    now = status.read(agent)
    assert now is not None
    return now["questions"][0]


def left(agent: AgentRef) -> task_record.Task:
    task = tasks.open_task("planning@site", agent, "go", asker="chief", asker_kind="chief")
    task["left"] = True
    for step in (Step.TYPED, Step.PASTED, Step.ACCEPTED):
        tasks.note_step(task, step, "")
    return task


def move(agent: AgentRef, event: Event, call: str = "ls") -> None:
    now = status.read(agent)
    assert now is not None
    asked: Any = {"kind": "permission", "text": "Bash: ls", "how": "", "call": call, "options": []}
    facts = {"question": asked} if event is Event.ASK else {}
    status.apply(agent, now, event, why="", source="hook", at=None, **facts)


def test_a_question_is_counted_by_the_event_that_asks_it_and_gone_with_its_answer(agent: AgentRef) -> None:
    move(agent, Event.ASK)
    assert shown() == "?1\n"
    move(agent, Event.ASK)
    assert shown() == "?1\n"
    move(agent, Event.ASK, "rm")
    assert shown() == "?2\n"
    move(agent, Event.SIGN)
    assert shown() == ""


@pytest.mark.parametrize("event", [Event.SIGN, Event.STOP, Event.QUIET, Event.END, Event.GONE])
def test_no_way_out_of_a_question_leaves_it_counted(agent: AgentRef, event: Event) -> None:
    move(agent, Event.ASK)
    move(agent, event)
    assert shown() == ""


def test_an_event_that_moves_no_question_does_not_touch_the_line(agent: AgentRef) -> None:
    for event in (Event.STOP, Event.ACCEPT, Event.STOP):
        move(agent, event)
    assert shown() == "(no file)"


def test_a_left_reply_is_counted_until_it_is_read(agent: AgentRef) -> None:
    task = left(agent)
    assert shown() == "(no file)"
    tasks.complete(task, "the reply", "")
    assert shown() == "✉1\n"
    ask.mark_read(task["task_id"])
    assert shown() == ""


def test_a_reply_that_was_taken_at_once_is_never_counted(agent: AgentRef) -> None:
    task = tasks.open_task("planning@site", agent, "go", asker="chief", asker_kind="chief")
    tasks.note_step(task, Step.TYPED, "")
    tasks.complete(task, "the reply", "")
    assert shown() == "(no file)"


@pytest.mark.parametrize("step", [Step.FAILED, Step.INTERRUPTED, Step.UNKNOWN])
def test_a_left_failure_is_counted_until_it_is_looked_at_and_a_late_reply_is_news_again(
    agent: AgentRef, step: Step
) -> None:
    task = left(agent)
    tasks.note_step(task, step, "500: overloaded")
    assert shown() == "✗1\n"
    ask.mark_read(task["task_id"])
    assert shown() == ""
    tasks.complete(tasks.read(task["task_id"]), "after all", "")
    assert shown() == "✉1\n"


def test_a_task_that_was_cancelled_is_no_news(agent: AgentRef) -> None:
    tasks.note_step(left(agent), Step.CANCELLED, "cancelled")
    assert shown() == "(no file)"


def test_all_three_stand_in_one_line(agent: AgentRef) -> None:
    move(agent, Event.ASK)
    for _ in range(2):
        tasks.complete(left(agent), "the reply", "")
    tasks.note_step(left(agent), Step.FAILED, "500")
    assert shown() == "?1 ✉2 ✗1\n"
    assert (news.waiting(news.QUESTION), len(news.waiting(news.REPLY))) == ([open_question(agent)], 2)


def test_of_many_that_write_at_once_the_line_misses_none() -> None:
    many = 40
    together = threading.Barrier(8)

    def write(first: int) -> None:
        together.wait()
        for number in range(first, many, 8):
            news.note(news.REPLY, f"task{number}", True)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert shown() == f"✉{many}\n"


def test_a_status_line_that_cannot_be_written_stops_nothing(agent: AgentRef) -> None:
    Path(layout.home(), "fleet").write_text("in the way")
    move(agent, Event.ASK)
    now = status.read(agent)
    assert now is not None
    assert now["status"] is State.BLOCKED
    assert "the status line was not updated" in Path(layout.home(), "log", "flowloom.jsonl").read_text()


def test_a_notice_rings_and_reaches_the_terminal_around_tmux() -> None:
    assert announce.notice("hi", in_tmux=False) == b"\x1b]9;hi\x07\x07"
    assert announce.notice("hi", in_tmux=True) == b"\x1bPtmux;\x1b\x1b]9;hi\x07\x1b\\\x07"


@pytest.mark.parametrize(("state", "hint"), [(State.IDLE, "flowloom attach planning"), (State.OFFLINE, "ask again")])
def test_a_window_that_is_gone_is_not_offered(agent: AgentRef, state: State, hint: str) -> None:
    task = left(agent)
    tasks.note_step(task, Step.FAILED, "500")
    now = status.read(agent)
    assert now is not None
    status.write(agent, {**now, "status": state})
    said = ask.failure(task).hint
    assert hint in said
    assert ("attach" in said) is (state is State.IDLE)


def test_the_line_is_written_where_no_agent_has_ever_run() -> None:
    news.renew()
    assert shown() == ""
