"""Whether an agent whose program has died is started again, and when: values in, values out."""

from __future__ import annotations

from enum import Enum

from flowloom.turns.observed import DEATHS_WITHIN_S

# The pause after the first death, after the second, …; after one more, tasks do not start the agent any more.
PAUSES_S = (0.0, 2.0, 8.0)


class Decision(Enum):
    """What may be done for an agent that has no program."""

    START = "start"
    WAIT = "wait until"
    GIVE_UP = "give up"


def recent(deaths: list[float], now_s: float) -> list[float]:
    """Return the deaths that count. One in the future is from before the clock was set back, and does not."""
    return [at_s for at_s in deaths if abs(now_s - at_s) < DEATHS_WITHIN_S]


def restart_policy(deaths: list[float], now_s: float) -> tuple[Decision, float]:
    """Return what may be done now, and for `WAIT` the time of day until which; times are seconds since the epoch."""
    counted = recent(deaths, now_s)
    if not counted:
        return Decision.START, now_s
    if len(counted) > len(PAUSES_S):
        return Decision.GIVE_UP, now_s
    # A clock that was set back makes no pause longer.
    until_s = min(max(counted), now_s) + PAUSES_S[len(counted) - 1]
    return (Decision.WAIT if until_s > now_s else Decision.START), until_s
