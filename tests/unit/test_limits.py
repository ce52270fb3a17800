"""When a usage limit resets, out of the words of Claude Code."""

from __future__ import annotations

import time

import pytest

from flowloom import limits


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
