"""A task handed over to a waiter: a process of its own that outlives the one that asked."""

from __future__ import annotations

import os

from flowloom.delegation import announce
from flowloom.errors import FlowLoomError, LockHeld, NoSuchTask
from flowloom.ports import procs
from flowloom.store import locks, state_folder
from flowloom.store.log import log
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import spool, status, task_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.queue.line import Place
    from flowloom.store.layout import AgentRef

# Who leaves a task does not wait longer than this for its agent's lock: its waiter notes then that it was left.
LEAVES_S = 0.5


def to_waiter(task_id: str, place: Place | None, origin: tuple[str, str] | None = None) -> None:
    """Start the waiter of a task, which takes over its place in line; without a place another process waits already.

    `origin` is the terminal and the tmux server that it was left from, where that is not this process's.

    Where no waiter can be started, a task that was not sent ends as failed. One that its agent has is completed by
    the agent's own hooks.
    """
    origin = announce.origin() if origin is None else origin
    with locks.LockWait(limit_s=LEAVES_S):
        noted = note_left(task_id, *origin)
    if place is None:
        return
    try:
        _begin(task_id, place.descriptor, () if noted else origin)
    except OSError as error:
        place.leave()
        _unattended(task_id, error)
        return
    os.close(place.descriptor)


def without_place(task_id: str, origin: tuple[str, str] | None = None) -> None:
    """Start the waiter of a task that could not be put in line; it takes a place as soon as there is one."""
    _begin(task_id, -1, announce.origin() if origin is None else origin)


def _begin(task_id: str, descriptor: int, origin: tuple[str, ...]) -> None:
    """Start a waiter; the `origin` of a task is for the waiter to note where we could not."""
    keep = [descriptor] if descriptor >= 0 else []
    procs.detach("flowloom.delegation.waiter", [task_id, str(descriptor), *origin], keep=keep)


def note_left(task_id: str, tty: str, tmux: str) -> bool:
    """Note that a task's asker does not wait for it any more, and from where it was left; tell whether it is noted."""
    try:
        with task_lock.hold(task_id) as task:
            task["left"] = True
            task["left_tty"], task["left_tmux"] = tty, tmux
            tasks.write(task)
    except (OSError, FlowLoomError) as error:
        # On a full disk, or with a damaged file, it must have a waiter more than ever, which tries again or ends it.
        log("error", "leave", f"not noted that it was left: {error}", task=task_id)
        return False
    return True


def adopt_no_more(agent: AgentRef, task_id: str) -> None:
    """Stop taking the next message in an agent's window for a task's reply: no caller waits for it any more.

    The caller has its outcome by now, and keeps it where this cannot be written.
    """
    try:
        seen = status.read(agent)
        if seen is None or seen["adopt"] != task_id:
            return  # the message has come
        with locks.LockWait(limit_s=LEAVES_S), spool.lock(agent):
            now = status.read(agent)
            if now is not None and now["adopt"] == task_id:
                status.note(agent, now, adopt=None)
    except (OSError, FlowLoomError) as error:
        log("error", "leave", f"still waits for a person's message: {state_folder.named(error)}", task=task_id)


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
    except (OSError, LockHeld) as error:
        log("error", "loop", f"its end is not noted: {state_folder.named(error)}", task=task_id)
        return False
    return True


def _unattended(task_id: str, error: OSError) -> None:
    why = f"no process could be started to wait for it: {error.strerror}"
    log("error", "leave", why, task=task_id)
    with task_lock.hold(task_id) as task:
        if task["status"] is Step.CREATED:
            tasks.note_step(task, Step.FAILED, why)
