"""Whether an agent that died is started again, as a table: seconds ago that it died, and what may be done."""

from __future__ import annotations

import pytest

from flowloom.agents.restart_policy import PAUSES_S, Decision, restart_policy

NOW_S = 1_000_000.0
START, WAIT, GIVE_UP = Decision.START, Decision.WAIT, Decision.GIVE_UP

# Died so many seconds ago (below 0: the clock was set back); what may be done, and in how many seconds.
CASES: list[tuple[list[float], Decision, float]] = [
    ([], START, 0),
    ([0], START, 0),
    ([3], START, 0),
    ([0.5, 0], WAIT, 2),
    ([30, 1], WAIT, 1),
    ([30, 2], START, 0),
    ([119, 0], WAIT, 2),
    ([120, 0], START, 0),
    ([20, 10, 0], WAIT, 8),
    ([20, 10, 5], WAIT, 3),
    ([20, 10, 8], START, 0),
    ([30, 20, 10, 0], GIVE_UP, 0),
    ([30, 20, 10, 9], GIVE_UP, 0),
    ([119, 100, 90, 80], GIVE_UP, 0),
    ([120, 100, 90, 80], START, 0),
    ([500, 400, 300, 200], START, 0),
    ([60, 50, 40, 30, 20, 10], GIVE_UP, 0),
    ([-3600, -3600, -3600, -3600], START, 0),
    ([-60, -60], WAIT, 2),
]


@pytest.mark.parametrize(("ago_s", "decision", "in_s"), CASES)
def test_what_may_be_done_after_deaths(ago_s: list[float], decision: Decision, in_s: float) -> None:
    decided, until_s = restart_policy([NOW_S - each for each in ago_s], NOW_S)
    assert decided is decision
    if decision is WAIT:
        assert until_s == NOW_S + in_s


def test_each_pause_is_longer_than_the_one_before() -> None:
    assert list(PAUSES_S) == sorted(set(PAUSES_S))
