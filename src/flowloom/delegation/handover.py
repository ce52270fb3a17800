"""A task handed over to a waiter: a process of its own that outlives the one that asked."""

from __future__ import annotations

import os

from flowloom.delegation import announce
from flowloom.ports import procs
from flowloom.store import layout
from flowloom.store.log import log
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.queue.line import Place


def to_waiter(agent_dir: str, task_id: str, place: Place | None, *, left: bool) -> None:
    """Start the waiter of a task, which takes over its place in line; without a place another process waits already.

    Where no waiter can be started, a task that was not sent ends as failed. One that its agent has is completed by
    the agent's own hooks.
    """
    with status.lock(agent_dir):
        task = tasks.read(task_id)
        if left:
            task["left"] = True
            task["left_tty"], task["left_tmux"] = announce.origin()
        try:
            tasks.write(task)
        except OSError as error:
            # On a full disk it must have a waiter more than ever.
            log(layout.home(), "error", "leave", f"not noted that it was left: {error}", task=task_id)
    if place is None:
        return
    try:
        procs.detach("flowloom.delegation.waiter", [task_id, str(place.descriptor)], keep=[place.descriptor])
    except OSError as error:
        place.leave()
        _unattended(agent_dir, task_id, error)
        return
    os.close(place.descriptor)


def _unattended(agent_dir: str, task_id: str, error: OSError) -> None:
    why = f"no process could be started to wait for it: {error.strerror}"
    log(layout.home(), "error", "leave", why, task=task_id)
    with status.lock(agent_dir):
        task = tasks.read(task_id)
        if task["status"] is Step.CREATED:
            tasks.note_step(task, Step.FAILED, why)
