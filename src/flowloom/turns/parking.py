"""The tasks that an agent has parked: whose turn has ended, and which wait for background work or a usage limit.

An agent takes other tasks meanwhile, so it can have several. `parked` in its status is the newest, `also_parked`
has the others. The caller holds the agent's lock.
"""

from __future__ import annotations

from flowloom.tasks import store as tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.turns.record import Parked, Status, Turn


def entries(now: Status) -> list[Parked]:
    """Return what is parked, the newest first."""
    return [*([now["parked"]] if now["parked"] else []), *now["also_parked"]]


def of(now: Status, task_id: str | None) -> Parked | None:
    """Return the entry of a task; None if it is not parked."""
    return next((entry for entry in entries(now) if entry["task"] == task_id), None)


def limited(now: Status) -> Parked | None:
    """Return the entry that waits for a usage limit to reset; None if none does."""
    return next((entry for entry in entries(now) if entry.get("until")), None)


def without(now: Status, *task_ids: str | None) -> dict[str, Any]:
    """Return the facts of a status in which these tasks are not parked."""
    return _facts([entry for entry in entries(now) if entry["task"] not in task_ids])


def put(now: Status, entry: Parked) -> dict[str, Any]:
    """Return the facts of a status in which a task is parked, too."""
    return _facts([entry, *(other for other in entries(now) if other["task"] != entry["task"])])


def _facts(left: list[Parked]) -> dict[str, Any]:
    return {"parked": left[0] if left else None, "also_parked": left[1:]}


def background(turn: Turn, running: list[str]) -> list[str]:
    """Return what a turn began, or waited for, of the background work that runs."""
    return [name for name in running if name not in turn["before"]]


def is_over(entry: Parked, running: list[str]) -> bool:
    """Tell whether none of the background work that an entry waits for runs."""
    if entry["ids"]:
        return not set(entry["ids"]) & set(running)
    return not set(running) - set(entry["before"])


def entry_of_turn(now: Status, ended: list[str]) -> Parked | None:
    """Return the entry that a turn of the agent's own belongs to; background work that ended has started the turn.

    Without a name in `ended` it continues after a usage limit, or an older release has written the entry. A turn that
    tells of several tasks' work belongs to one of them; the others are marked for `complete_others`.
    """
    for entry in entries(now):
        entry.pop("told", None)  # of a turn that did not come to its end
    found = [entry for entry in entries(now) if set(entry["ids"]) & set(ended)]
    for other in found[1:]:
        other["told"] = is_over(other, [name for name in now["background"] if name not in ended])
    if found:
        return found[0]
    known = {name for entry in entries(now) for name in entry["ids"]} | set(now["background"])
    if set(ended) & known:
        return None  # a person began it
    return (None if ended else limited(now)) or now["parked"]


def background_before(now: Status, entry: Parked) -> list[str]:
    """Return the background work that ran before a turn of the agent's own, without the work its task waits for."""
    ids = entry["ids"]
    return [name for name in now["background"] if name not in ids] if ids else entry["before"]


def complete_others(now: Status, message: str) -> list[str]:
    """Complete the other parked tasks whose work a turn was told of, and return them."""
    ended = [entry["task"] for entry in entries(now) if entry.get("told")]
    for task_id in ended:
        task = tasks.find(task_id)
        if task is not None and not tasks.ended(task):
            task["shared"] = True
            tasks.complete(task, message, "its background work ended together with another task's")
    return ended
