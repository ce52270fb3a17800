"""Deadlines, on a clock that stands until a test moves it."""

from __future__ import annotations

import pytest

from flowloom import clock


class FakeClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    monkeypatch.setattr(clock, "steady_s", fake)
    return fake


def test_a_deadline_is_over_when_its_time_has_passed_and_not_before(steady: FakeClock) -> None:
    deadline = clock.Deadline(5.0)
    seen = []
    for steady.now_s in (100.0, 104.9, 105.0, 200.0):
        seen.append((deadline.over(), deadline.left_s(), deadline.within_s(2.0)))
    assert seen == [
        (False, 5.0, 2.0),
        (False, pytest.approx(0.1), pytest.approx(0.1)),
        (True, 0.0, 0.0),
        (True, 0.0, 0.0),
    ]


def test_a_deadline_without_a_time_is_never_over(steady: FakeClock) -> None:
    deadline = clock.Deadline(None)
    steady.now_s = 1e9
    assert (deadline.over(), deadline.left_s(), deadline.within_s(3.0)) == (False, None, 3.0)


def test_a_deadline_of_nothing_is_over_at_once(steady: FakeClock) -> None:
    assert clock.Deadline(0.0).over()


def test_the_steady_clock_never_goes_back_and_the_wall_clock_is_of_our_days() -> None:
    assert clock.steady_s() <= clock.steady_s()
    assert clock.wall_s() > 1_700_000_000
