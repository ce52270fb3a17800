"""When a usage limit resets, out of the words of Claude Code, and what its window shows of the wait for it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.window import At

from flowloom.delegation.limit_wait import LATE_S, SHOWN_S, LimitWait
from flowloom.ports.tmux.formats import Look
from flowloom.providers import protocol, registry
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import limits, status
from flowloom.turns import record as status_record
from flowloom.turns.states import State

CLAUDE = registry.find("claude")


def at(*fields: int) -> float:
    year, month, day, hour, minute = fields
    return time.mktime((year, month, day, hour, minute, 0, 0, 0, -1))


NOW = (2026, 11, 21, 15, 40)
TABLE = [
    ("You've hit your 5-hour limit · resets 3:43pm (UTC)", (2026, 11, 21, 15, 43)),
    ("You've hit your session limit · resets 9pm (Europe/Berlin)", (2026, 11, 21, 21, 0)),
    ("limit · resets 12am (UTC)", (2026, 11, 22, 0, 0)),
    ("limit · resets 12:05pm", (2026, 11, 22, 12, 5)),
    ("limit · resets 15:38", (2026, 11, 21, 15, 38)),  # it was this minute; not tomorrow
    ("limit · resets 3:43", (2026, 11, 22, 3, 43)),
    ("weekly limit · resets Nov 24, 3pm (UTC)", (2026, 11, 24, 15, 0)),
    ("weekly limit · resets Nov 24 at 3:30pm (UTC)", (2026, 11, 24, 15, 30)),
    ("weekly limit · resets Jan 2, 9am", (2027, 1, 2, 9, 0)),
]


@pytest.mark.parametrize(("said", "then"), TABLE)
def test_the_time_of_a_reset_is_read_in_the_local_clock(said: str, then: tuple[int, ...]) -> None:
    assert limits.reset_at(said, at(*NOW)) == at(*then)


@pytest.mark.parametrize("said", ["", "Overloaded", "it resets soon", "presets 3pm"])
def test_words_that_tell_no_time_are_no_limit_that_resets(said: str) -> None:
    assert limits.reset_at(said, at(*NOW)) == 0.0


def test_a_time_of_another_day_is_told_with_its_day() -> None:
    assert limits.clock(at(*NOW), at(*NOW)) == "15:40"
    assert limits.clock(at(2026, 11, 24, 15, 0), at(*NOW)) == "Tue 24 Nov 15:00"


# The wait, by what the window shows.

RULE = "─" * 40
BOX = f"● Usage limit reached\n{RULE}\n❯\xa0{{}}\n{RULE}\n{{}}"
WAITS = BOX.format("", "  ⚠ Usage limit reached\n    Continuing automatically at 6:07pm · Esc to cancel")
QUIET = BOX.format("", "  ? for shortcuts")
MENU = BOX.format("/mod", "  /model   Change the model")
TRANSCRIPT = f"● Usage limit reached\n{RULE}\n  Showing detailed transcript · ctrl+o to toggle"
ASKS = f"{RULE}\n  What do you want to do?\n  ❯ 1. Stop and wait for limit to reset\n    2. Upgrade"
RESET_S = 5000.0
PAUSE_S = 2.0


@dataclass
class Window:
    """A window that shows what a test puts there and remembers its keys, and the agent in it."""

    ref: AgentRef
    task_id: str
    clock: list[float]
    wait: Any = None
    keys: list[str] = field(default_factory=list)

    def provider(self) -> Any:
        return CLAUDE

    def status(self) -> status_record.Status:
        now = status.read(self.ref)
        assert now is not None
        return now

    def tmux(self, now: status_record.Status) -> Window:
        return self

    def press(self, pane: str, *keys: str, stamp: str) -> None:
        assert stamp == "7/"
        self.keys += keys

    def read_screen(self, look: Look) -> protocol.Screen:
        return CLAUDE.screen.read(look.screen)

    def session_says(self, now: status_record.Status) -> str:
        return "idle"

    def shows(self, screen: str, seconds: float, now: status_record.Status | None = None) -> Step:
        """Show a screen for some seconds; return what has become of the task."""
        for _ in range(2):
            self.wait.step(now or self.status(), Look(f"0||0|7|,||@1|8|7/|planning@site|/tmp/s\n{screen}"))
            self.clock[0] += seconds / 2
        self.wait.step(now or self.status(), Look(f"0||0|7|,||@1|8|7/|planning@site|/tmp/s\n{screen}"))
        return tasks.read(self.task_id)["status"]


@pytest.fixture
def window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Window:
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    state_folder.ensure()
    folder = AgentRef("site", "planning")
    files.ensure_dir(layout.agent_dir(folder))
    task = tasks.open_task("planning@site", folder, "too much", asker="shell", asker_kind="shell")
    for step in (Step.TYPED, Step.PASTED, Step.ACCEPTED):
        tasks.note_step(task, step, "so it went")
    turn: status_record.Turn = {
        "prompt_id": "1",
        "whose": "task",
        "task": task["task_id"],
        "at": 0.0,
        "at_ns": 0,
        "before": [],
    }
    now = status_record.empty_status("planning@site", "planning", "planning", "site", "claude")
    parked = limits.park(task, turn, RESET_S, "limit", 0.0)
    now.update({"status": State.PARKED, "up": True, "pane_id": "%1", "pid": 7, "parked": parked})
    status.write(folder, now)
    clock = [1000.0]
    found = Window(folder, task["task_id"], clock)
    found.wait = LimitWait(found, PAUSE_S, At(clock))  # type: ignore[arg-type]
    return found


def test_a_task_that_its_agent_does_not_wait_for_any_more_is_over(window: Window) -> None:
    task, look = tasks.read(window.task_id), Look(f"0||0|7|,||@1|8|7/|planning@site|/tmp/s\n{WAITS}")
    assert window.wait.carry(task, window.status(), look).startswith("the usage limit, which resets at ")
    assert tasks.read(window.task_id)["status"] is Step.PARKED
    now = window.status()
    now["parked"] = None
    status.write(window.ref, now)
    assert window.wait.carry(task, now, look) == ""
    assert tasks.read(window.task_id)["status"] is Step.INTERRUPTED


@pytest.mark.parametrize("hides", [TRANSCRIPT, MENU, ""])
def test_what_a_person_has_open_over_the_box_ends_no_wait(window: Window, hides: str) -> None:
    assert window.shows(WAITS, 1.0) is Step.PARKED
    assert window.shows(hides, 100 * SHOWN_S) is Step.PARKED
    assert window.shows(WAITS, 1.0) is Step.PARKED
    # But not for ever: it would have continued long since.
    window.clock[0] = RESET_S + LATE_S
    assert window.shows(hides, SHOWN_S) is Step.INTERRUPTED


@pytest.mark.parametrize("state", [State.PARKED, State.IDLE])
@pytest.mark.parametrize(("first", "then"), [(WAITS, Step.INTERRUPTED), (TRANSCRIPT, Step.FAILED)])
def test_an_empty_box_that_says_nothing_of_it_ends_the_wait(
    window: Window, state: State, first: str, then: Step
) -> None:
    now = window.status()
    now["status"] = state  # an Esc in a person's turn leaves it idle
    status.note(window.ref, now)
    window.shows(first, 1.0)
    assert window.shows(QUIET, SHOWN_S - 1) is Step.PARKED
    assert window.shows(QUIET, 1.0) is then
    assert (window.status()["status"], window.status()["parked"], window.keys) == (State.IDLE, None, [])


def test_its_dialog_is_left_but_not_once_something_has_moved(window: Window) -> None:
    seen = window.status()
    status.note(window.ref, window.status(), why="a person has answered it")
    assert window.shows(ASKS, PAUSE_S, seen) is Step.PARKED
    assert window.keys == []
    assert window.shows(ASKS, 0.0) is Step.FAILED
    assert window.keys == ["Escape"]


def test_its_dialog_is_left_to_a_person_who_is_at_it(window: Window) -> None:
    assert window.shows(ASKS, PAUSE_S - 0.1) is Step.PARKED
    # They have gone to another choice and come back; one that the cursor is elsewhere in is any other menu.
    for other in (ASKS.replace("❯ 1", "  1").replace("  2", "❯ 2"), f"{ASKS}\n  Enter to confirm"):
        assert window.shows(other, PAUSE_S - 0.1) is Step.PARKED
    assert window.shows(ASKS, PAUSE_S - 0.1) is Step.PARKED
    assert window.keys == []
    assert window.shows(ASKS, 0.2) is Step.FAILED
    assert window.keys == ["Escape"]
