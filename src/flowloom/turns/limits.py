"""A usage limit that stopped a task's turn: until when, and what became of the wait for it.

Claude Code tells the time in its error, in the local clock (`resets 3:43pm (UTC)`). From 2.1.330 on it may wait for it
and continue by itself, 45 to 95 s after the reset; only its window shows whether it does.
"""

from __future__ import annotations

import time

from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import observed, parking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.store.layout import AgentRef
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Parked, Status, Turn

# Claude Code gives the time without seconds and without a day: one that has just passed is today's, not tomorrow's.
OVER_S = 600.0
DAY_S = 86_400.0
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_RESETS = (
    r"\bresets (?:at )?(?:(?P<month>[A-Z][a-z]{2}) (?P<day>\d{1,2})(?:,| at)? )?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))? ?(?P<half>[ap]m)?\b"
)


def reset_at(said: str, now_s: float) -> float:
    """Return when a limit resets, as a time of day, out of the words of the error; 0 where they tell no time."""
    import re  # noqa: PLC0415 - 1.3 ms of each hook call, and few need it

    found = re.search(_RESETS, said)
    if found is None:
        return 0.0
    here = time.localtime(now_s)
    hour = int(found["hour"]) % 12 + 12 * (found["half"] == "pm") if found["half"] else int(found["hour"])
    month = MONTHS.index(found["month"]) + 1 if found["month"] in MONTHS else here.tm_mon
    day = int(found["day"] or here.tm_mday)
    year = here.tm_year + (month < here.tm_mon)
    at_s = time.mktime((year, month, day, hour, int(found["minute"] or 0), 0, 0, 0, -1))
    return at_s if found["day"] or at_s > now_s - OVER_S else at_s + DAY_S


def clock(at_s: float, now_s: float) -> str:
    """Return a time of day in the local clock, with its day where that is not today's."""
    same = time.localtime(at_s)[:3] == time.localtime(now_s)[:3]
    return time.strftime("%H:%M" if same else "%a %d %b %H:%M", time.localtime(at_s))


def until(now: Status) -> float:
    """Return when the limit resets that an agent waits for, 0 where it waits for none."""
    entry = parking.limited(now)
    return entry.get("until", 0.0) if entry else 0.0


def waits_for(at_s: float, now_s: float) -> str:
    """Return what is waited for, the same words at each look."""
    return f"the usage limit, which resets at {clock(at_s, now_s)}; the agent continues by itself then"


def park(task: Task, turn: Turn, at_s: float, error: str, now_s: float) -> Parked:
    """Let a task wait for the reset of the limit that stopped its turn. The caller holds the agent's lock."""
    task["until"] = at_s
    if not tasks.note_step(task, Step.PARKED, f"its program reported: {error}"):
        tasks.note_fact(task, f"the usage limit stopped it again, until {clock(at_s, now_s)}")
    return {"task": task["task_id"], "before": turn["before"], "ids": [], "until": at_s}


def go_on(entry: Parked) -> None:
    """Mark the task that waited for a reset as running again. The caller holds the agent's lock."""
    task = tasks.find(entry["task"])
    if task is not None and task["until"]:
        task["until"] = 0.0
        tasks.note_step(task, Step.ACCEPTED, "continues: its usage limit has reset")


def give_up(agent: AgentRef, now: Status, step: Step, why: str, *, at: float | None = None) -> None:
    """End the task that waits for a reset, and the wait. The caller holds the agent's lock."""
    entry = parking.limited(now)
    if entry is not None:
        observed.end_task(entry["task"], step, why)
        observed.release(agent, now, why, entry["task"], at=at)


def ask_again(at_s: float, now_s: float) -> str:
    """Return what a person can do about a task that Claude Code does not continue."""
    return f"ask again after {clock(at_s, now_s)}"
