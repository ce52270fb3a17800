"""The wait as lines: values in, values out."""

from __future__ import annotations

import pytest

from flowloom import screens, wait_view
from flowloom.coordinator import View
from flowloom.records import empty_status, empty_task
from flowloom.states import State, Step

STEPS = {Step.CREATED: 100.0, Step.TYPED: 100.02, Step.PASTED: 100.4, Step.ACCEPTED: 190.0}


def view(name: str, status: State = State.WORKING, *, asks: str = "") -> View:
    task = empty_task("abcd", f"{name}@site", "")
    task["journal"] = [{"at": at, "step": step, "why": ""} for step, at in STEPS.items()]
    now = empty_status(f"{name}@site", name, name, "site", "echo")
    now.update({"status": status, "since": 100.0, "source": "hook"})
    if asks:
        now["question"] = {"kind": "permission", "text": asks, "how": "", "call": ""}
    made = View(task, now)
    made.screen = "\n".join(f"{name} row {number}" for number in range(200))
    return made


def text(views: list[View], columns: int, rows: int, chosen: int = 0) -> list[str]:
    prompts = [f"prompt {number} 日本語" for number in range(len(views))]
    shown = wait_view.lines(views, prompts, columns, rows, now_s=104.0, waited_s=4, chosen=chosen)
    return [screens.plain_text(line) for line in shown]


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
    shown = text([view(f"agent{number}") for number in range(20)], 80, 5, chosen=17)
    assert [line.startswith("▸ agent17") for line in shown].count(True) == 1


def test_a_status_stands_with_its_age_and_who_says_it() -> None:
    assert text([view("one")], 80, 20)[1] == "working for 4s, says its hook"


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (80, "created → typed 0.0 s → pasted 0.4 s → accepted 1m30s"),
        (40, "… → pasted 0.4 s → accepted 1m30s"),
        (5, ""),
    ],
)
def test_the_journal_is_told_in_one_line_and_its_end_where_it_is_too_long(columns: int, line: str) -> None:
    assert wait_view.journal(view("one").task, columns) == line
