"""Time as an argument: deadlines, the two clocks, and the pause between two tries."""

from __future__ import annotations

import time


def wall_s() -> float:
    """Return the time of day in seconds since the epoch: for people and for files."""
    return time.time()


def elapsed_s(at_s: float) -> float:
    """Return the seconds between now and a recorded time of day; never negative, even if the clock was set back."""
    return abs(time.time() - at_s)


def steady_s() -> float:
    """Return monotonic seconds, the same for every process since boot: for waiting and for order."""
    return time.monotonic()


class Clock:
    """Both clocks as one argument: what decides by time gets one, and a test hands in its own."""

    def steady_s(self) -> float:
        """Return `steady_s()`."""
        return steady_s()

    def wall_s(self) -> float:
        """Return `wall_s()`."""
        return wall_s()

    def elapsed_s(self, at_s: float) -> float:
        """Return the seconds between now and a recorded time of day; never negative, as `elapsed_s`."""
        return abs(self.wall_s() - at_s)

    def pause(self, seconds: float) -> None:
        """Block for a time. Only for what nothing announces: where something does, wait for that (`store.bell`)."""
        time.sleep(seconds)  # noqa: TID251 - where a test hands in its own clock, nothing sleeps


SYSTEM = Clock()


class Deadline:
    """A point in time to pass down to every function that waits; a timeout of None never ends."""

    def __init__(self, timeout_s: float | None, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self.at_s = None if timeout_s is None else clock.steady_s() + timeout_s

    def left_s(self) -> float | None:
        """Return the seconds left: 0.0 once the deadline has passed, None if there is no limit."""
        return None if self.at_s is None else max(0.0, self.at_s - self._clock.steady_s())

    def over(self) -> bool:
        """Tell whether the deadline has passed."""
        return self.at_s is not None and self._clock.steady_s() >= self.at_s

    def within_s(self, limit_s: float) -> float:
        """Return `limit_s` or the seconds left, whichever is less."""
        left = self.left_s()
        return limit_s if left is None else min(limit_s, left)
