"""What an agent is busy with, before a command ends it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowloom import parking
from flowloom.ages import age
from flowloom.clock import wall_s
from flowloom.states import NO_PROGRAM

if TYPE_CHECKING:
    from flowloom.records import Status


def working_on(now: Status) -> list[str]:
    """Return the tasks that an agent has in its hands."""
    turn, waiting = now["turn"], [entry["task"] for entry in parking.entries(now)]
    found = [turn["task"] if turn else None, *waiting, now["delivering"], *now["queued"]]
    return list(dict.fromkeys(task_id for task_id in found if task_id))


def busy_with(now: Status) -> str:
    """Say what keeps an agent busy; nothing where it is free."""
    if now["status"] in NO_PROGRAM:
        return ""
    mine = working_on(now)
    if mine:
        return f"it is working on task {', '.join(mine)} ({now['status']} for {age(wall_s() - now['since'])})"
    if now["turn"] is not None:
        return "you are using its window"
    return "it has background work running" if now["background"] else ""


def agreed(question: str) -> bool:
    """Ask a yes-or-no question on the terminal; Enter means no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
