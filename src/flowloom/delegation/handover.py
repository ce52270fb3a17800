"""A task handed over to a waiter: a process of its own that outlives the one that asked."""

from __future__ import annotations

import os

from flowloom.delegation import announce
from flowloom.errors import FlowLoomError, NoSuchTask
from flowloom.ports import procs
from flowloom.store import state_folder
from flowloom.store.log import log
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import task_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.queue.line import Place


def to_waiter(task_id: str, place: Place | None) -> None:
    """Start the waiter of a task, which takes over its place in line; without a place another process waits already.

    Where no waiter can be started, a task that was not sent ends as failed. One that its agent has is completed by
    the agent's own hooks.
    """
    origin = announce.origin()
    try:
        with task_lock.hold(task_id) as task:
            task["left"] = True
            task["left_tty"], task["left_tmux"] = origin
            tasks.write(task)
    except (OSError, FlowLoomError) as error:
        # On a full disk, or with a damaged file, it must have a waiter more than ever, which tries again or ends it.
        log("error", "leave", f"not noted that it was left: {error}", task=task_id)
    if place is None:
        return
    try:
        procs.detach("flowloom.delegation.waiter", [task_id, str(place.descriptor)], keep=[place.descriptor])
    except OSError as error:
        place.leave()
        _unattended(task_id, error)
        return
    os.close(place.descriptor)


def fail(task_id: str, why: str) -> bool:
    """End a task that cannot be carried on, unless it has ended; tell whether that could be written."""
    task = tasks.find(task_id)
    if task is None or tasks.ended(task):
        return True
    try:
        with task_lock.hold(task_id) as fresh:
            if not tasks.ended(fresh):
                tasks.note_step(fresh, Step.FAILED, why)
    except NoSuchTask:
        return True  # it was removed just now
    except OSError as error:
        log("error", "loop", f"its end is not noted: {state_folder.named(error)}", task=task_id)
        return False
    return True


def _unattended(task_id: str, error: OSError) -> None:
    why = f"no process could be started to wait for it: {error.strerror}"
    log("error", "leave", why, task=task_id)
    with task_lock.hold(task_id) as task:
        if task["status"] is Step.CREATED:
            tasks.note_step(task, Step.FAILED, why)
