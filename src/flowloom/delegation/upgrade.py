"""What runs on through an upgrade of FlowLoom: waiters of the older release are replaced, a person's editor never."""

from __future__ import annotations

from flowloom.agents import hook_shims
from flowloom.delegation import handover
from flowloom.errors import LockHeld
from flowloom.ports import births, procs
from flowloom.queue import line
from flowloom.store import files, state_folder
from flowloom.store.log import log
from flowloom.tasks import index
from flowloom.tasks import store as tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.queue.line import PlaceAhead
    from flowloom.tasks.record import Task

# The module that a waiter runs, by its name in each release.
WAITERS = frozenset({"flowloom.waiter", "flowloom.delegation.waiter"})
# Stands in the file of the format before the task whose waiter is being replaced.
BEGUN = "0 "


def replace_waiters() -> list[str]:
    """End the waiters of older releases and start ones of this release on their tasks; return the tasks.

    It does so once after an upgrade, and costs the reading of one small file after that. A waiter keeps nothing but
    its place in line, which its successor gets; what it has put into a window is found there.
    """
    wanted = f"{line.FORMAT}\n".encode()
    noted = files.read(state_folder.waiters_format()) or b""
    if noted == wanted:
        return []
    try:
        return _replace(noted, wanted)
    except OSError as error:
        # On a full disk, for example: the older waiters still run, and the next command tries again.
        log("error", "upgrade", f"waiters of an older release are not replaced yet: {state_folder.named(error)}")
        return []


def _replace(noted: bytes, wanted: bytes) -> list[str]:
    begun = noted.decode(errors="replace").removeprefix(BEGUN).strip()
    # The agents' hooks of an older release would not know the tasks of this one. It can still be installed elsewhere.
    hook_shims.ensure_stubs()
    replaced = []
    for task in index.unfinished():
        if task["agent"] is None:
            continue  # no process waits for it
        task_id, agent = task["task_id"], tasks.agent_of(task)
        holder = line.holder(agent, task_id)
        if holder is None and task_id != begun:
            continue
        if holder is not None:
            if not _is_old_waiter(holder):
                continue
            # Where we are killed before its successor is started, the next command starts that one.
            files.write(state_folder.waiters_format(), f"{BEGUN}{task_id}\n".encode(), durable=False)
            if not procs.end(holder.pid, grace_s=procs.GRACE_S):
                why = f"its waiter {holder.pid} of an older release runs on"
                log("error", "upgrade", why, task=task_id)
                continue
        replaced.append(task_id)
        _begin(task)
    files.write(state_folder.waiters_format(), wanted, durable=False)
    return replaced


def _begin(task: Task) -> None:
    """Start the waiter of a task; it was left from where its former waiter has noted."""
    task_id, origin = task["task_id"], (task["left_tty"], task["left_tmux"])
    try:
        place = line.enter(tasks.agent_of(task), task_id)
    except LockHeld:
        handover.without_place(task_id, origin)
        return
    if place is not None:
        handover.to_waiter(task_id, place, origin)


def _is_old_waiter(holder: PlaceAhead) -> bool:
    """Tell whether a place is held by a waiter of an older release, proven by its birth and its command line."""
    if holder.format >= line.FORMAT or births.life(holder.process) not in ("runs", "stopped"):
        return False
    words = procs.command(holder.pid)
    return holder.task_id in words and not WAITERS.isdisjoint(words)
