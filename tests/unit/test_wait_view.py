"""The wait as lines: values in, values out."""

from __future__ import annotations

from typing import Any

import pytest

from flowloom.delegation.runner import View
from flowloom.editor import wait_lines
from flowloom.store.layout import AgentRef
from flowloom.tasks.record import empty_task
from flowloom.tasks.steps import Step
from flowloom.terminal import ansi
from flowloom.terminal.durations import age
from flowloom.turns.record import empty_status
from flowloom.turns.states import State

STEPS = {Step.CREATED: 100.0, Step.TYPED: 100.02, Step.PASTED: 100.4, Step.ACCEPTED: 190.0}


def view(name: str, status: State = State.WORKING, *, asks: str = "") -> View:
    task = empty_task("abcd", f"{name}@site", AgentRef("site", "planning"))
    task["journal"] = [{"at": at, "step": step, "why": ""} for step, at in STEPS.items()]
    now = empty_status(f"{name}@site", name, name, "site", "echo")
    now.update({"status": status, "since": 100.0, "source": "hook"})
    if asks:
        now["question"] = {"kind": "permission", "text": asks, "how": "", "call": "", "options": []}
    made = View(task, now)
    made.since = 100.0
    made.screen = "\n".join(f"{name} row {number}" for number in range(200))
    return made


def text(views: list[View], columns: int, rows: int, selected: int = 0) -> list[str]:
    prompts = [f"prompt {number} 日本語" for number in range(len(views))]
    shown = wait_lines.lines(views, prompts, columns, rows, now_s=104.0, waited_s=4, selected=selected)
    return [ansi.plain_text(line) for line in shown]


SIX = ["one", "two", "three", "four", "five-with-a-name-that-is-longer-than-its-column", "six"]


@pytest.mark.parametrize(
    ("columns", "rows", "beside"), [(300, 98, 6), (200, 48, 3), (130, 40, 2), (80, 22, 1), (80, 8, 1), (30, 6, 1)]
)
def test_parts_stand_side_by_side_as_far_as_they_fit_and_every_one_is_seen(
    columns: int, rows: int, beside: int
) -> None:
    shown = text([view(name) for name in SIX], columns, rows)
    assert len(shown) <= rows
    assert [len(line) <= columns for line in shown] == [True] * len(shown)
    assert shown[0].count(" │ ") == beside - 1
    assert [name for name in SIX if not any(name[:12] in line for line in shown)] == []


@pytest.mark.parametrize(("columns", "rows"), [(300, 98), (200, 48), (80, 22), (80, 12), (80, 6)])
def test_a_question_is_seen_whatever_the_room(columns: int, rows: int) -> None:
    views = [*(view(name) for name in SIX[:5]), view("six", State.BLOCKED, asks="Bash: make")]
    assert "permission: Bash: make" in "\n".join(text(views, columns, rows))


def test_the_chosen_part_is_seen_where_not_all_are() -> None:
    shown = text([view(f"agent{number}") for number in range(20)], 80, 5, selected=17)
    assert [line.startswith("▸ agent17") for line in shown].count(True) == 1


def test_a_status_stands_with_its_age() -> None:
    assert text([view("one")], 80, 20)[1] == "working 4s"


def test_a_status_has_its_own_age_while_the_task_is_in_line() -> None:
    made = view("one")
    made.phase, made.ahead, made.since = "in line", 1, 102.0
    assert text([made], 80, 20)[1] == "working 4s · in line, 1 ahead"


def test_a_question_is_told_to_its_end_in_a_tile_that_has_the_room() -> None:
    asks = " ".join(f"word{number}" for number in range(40))
    shown = text([view(name, State.BLOCKED, asks=asks) for name in SIX[:3]], 160, 24)
    first = [line.split(" │ ")[0].strip() for line in shown]
    assert asks in " ".join(first)
    assert "Press a to answer in its window." in first


BOX = ["it said this", "and that", "──── docs ──", "❯ ", "────────────", "  auto mode on"]


@pytest.mark.parametrize(("rows", "seen"), [(4, ["it said this", "and that"]), (20, BOX)])
def test_where_a_window_has_few_rows_its_input_box_is_left_out(rows: int, seen: list[str]) -> None:
    assert [ansi.plain_text(line) for line in wait_lines.live_end("\n".join(BOX), 80, rows)] == seen


def test_an_empty_window_shows_its_box() -> None:
    assert len(wait_lines.live_end("\n".join(["", *BOX[2:]]), 80, 5)) == 5


def test_the_wait_says_what_is_waited_for_and_since_when() -> None:
    made = view("one")
    made.phase = "working"
    shown = [ansi.plain_text(line) for line in wait_lines.standing(made, 80, 104.0)]
    assert shown == ["one is working  4s", f"delivered in {age(90)}"]


def test_on_few_rows_a_question_leaves_them_to_its_window() -> None:
    made = view("one", State.BLOCKED, asks="Bash: make")
    made.phase = "blocked"
    low, high = (wait_lines.state(made, "the prompt", 80, rows, 104.0) for rows in (24, 40))
    assert [ansi.plain_text(line).strip() for line in low] == [
        "the prompt",
        "one is waiting for you  4s",
        "permission: Bash: make",
    ]
    assert "Press a to answer in its window." in " ".join(high)
    made.question = {"kind": "login", "text": "Log in", "how": "log in once in its window", "call": "", "options": []}
    assert "log in once in its window" in " ".join(wait_lines.state(made, "the prompt", 80, 24, 104.0))


LEGENDS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "working": ({}, ["a open its window", "l leave it running", "^X interrupt", "q stop", "? all keys"]),
    "in line": ({"phase": "in line"}, ["^X take it out of line"]),
    "blocked": ({"asks": "Bash: make"}, ["a answer"]),
    "parked": ({"parked": True}, ["m take the message so far"]),
}


@pytest.mark.parametrize("case", LEGENDS)
def test_the_legend_says_what_is_true_now(case: str) -> None:
    facts, words = LEGENDS[case]
    made = view("one", State.BLOCKED if "asks" in facts else State.WORKING, asks=str(facts.get("asks", "")))
    made.phase = facts.get("phase", "working")
    made.task["status"] = Step.PARKED if facts.get("parked") else Step.ACCEPTED
    shown = ansi.plain_text(" ".join(wait_lines.legend(made, 100, 4, several=False)))
    assert [word for word in words if word not in shown] == []
    assert ("take the message" in shown) is bool(facts.get("parked"))


@pytest.mark.parametrize("columns", [50, 60, 80])
def test_of_several_parts_the_legend_keeps_the_keys_that_answer_and_leave(columns: int) -> None:
    shown = ansi.plain_text(" ".join(wait_lines.legend(view("one", State.BLOCKED, asks="x"), columns, 2, several=True)))
    assert [word for word in ("a answer one", "l leave", "q stop", "? all keys") if word not in shown] == []


def test_the_question_of_a_task_in_line_says_what_becomes_of_it() -> None:
    made = view("one")
    made.phase = "in line"
    shown = ansi.plain_text(" ".join(wait_lines.our_question("back", made, 100, several=False)))
    assert "stop waiting (the task stays in line)" in shown
    assert "take it out of line" in shown
    assert "keeps working" not in shown


def test_the_last_parts_have_the_room_of_those_that_are_not_there() -> None:
    shown = text([view(name) for name in SIX[:3]], 120, 40)
    last = [line for line in shown if line.startswith("three row")]
    assert last
    assert [line for line in shown if line.startswith("one row") and " │ two row" in line]
    assert not [line for line in last if "│" in line]


def test_a_log_on_a_narrow_terminal_keeps_its_reasons() -> None:
    event = {"at": 100.0, "from": "idle", "to": "working", "task": "abcd", "why": "working on task abcd"}
    assert wait_lines.log_lines([event], 50)[0].endswith("  working  working on task abcd")
    assert "idle → working" in wait_lines.log_lines([event], 80)[0]


def test_a_bad_end_has_a_line_for_each_thing_to_do() -> None:
    said = wait_lines.bad_end("flowloom: task x: 400 nope", "look at its window: flowloom attach a; it is saved: b")
    assert said.splitlines() == [
        "task x: 400 nope",
        "",
        "Look at its window: flowloom attach a",
        "It is saved: b",
        "Your draft is unchanged.",
    ]


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (80, "created → typed 0.0 s → pasted 0.4 s → accepted 1m30s"),
        (40, "… → pasted 0.4 s → accepted 1m30s"),
        (5, ""),
    ],
)
def test_the_journal_is_told_in_one_line_and_its_end_where_it_is_too_long(columns: int, line: str) -> None:
    assert wait_lines.journal(view("one").task, columns) == line
