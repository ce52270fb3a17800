"""The line of tasks that wait for an agent, served in the order in which they were asked.

A place is a lock file whose name holds its rank. The kernel frees the lock when
its holder dies, so a place never outlives the process that waits in it; a child that
inherits the descriptor keeps it.
"""

from __future__ import annotations

import json
import os

from flowloom.clock import steady_s
from flowloom.ports import births
from flowloom.store import files, layout, locks
from flowloom.store.log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.store.layout import AgentRef
    from flowloom.store.shapes import Process

# The release of a process that holds a place: its format is that of the files which it reads and writes.
FORMAT = 1
# What a command that keeps all tasks out of an agent stands in line as; no task has such an id.
STOP, RESTART = "!stop", "!restart"
COMMANDS = {STOP: "flowloom stop", RESTART: "flowloom restart"}


class Place:
    """One task's place in the line of one agent."""

    def __init__(self, agent: AgentRef, task_id: str, descriptor: int, name: str) -> None:
        self.agent = agent
        self.task_id = task_id
        self.descriptor = descriptor
        self.name = name
        self._says = ""
        self._write()

    def ahead(self) -> list[str]:
        """Return the tasks ahead of this one whose places are held by a running process, first in line first."""
        return [name.split("-", 1)[1] for name in self.before() if _alive(self.agent, name)]

    def before(self) -> list[str]:
        """Return the names of the places before this one, first in line first, also those whose process was killed."""
        return [name for name in _names(self.agent) if name < self.name]

    def look(self, name: str) -> PlaceAhead | None:
        """Return what is known of a place and its holder; None where no running process holds it."""
        return PlaceAhead(self.agent, name) if _alive(self.agent, name) else None

    def say(self, why: str) -> None:
        """Tell the processes behind why this place makes no progress; empty when it does again."""
        if why != self._says:
            self._says = why
            self._write()
            files.wake(layout.agent_dir(self.agent))

    def _write(self) -> None:
        """Note who holds the place. Its lock alone cannot tell: a child inherits it."""
        note = json.dumps({"format": FORMAT, **(births.noted(os.getpid()) or {}), "says": self._says}).encode()
        try:
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, note, 0)
        except OSError:
            return  # on a full disk, the place is still held

    def wake_next(self) -> None:
        """Wake the task behind this place, and the next one too where that cannot continue.

        Only these: a line of a hundred would otherwise wake a hundred processes for
        each that leaves it. Whoever stands further back looks by itself, less often.
        """
        for name in _names(self.agent):
            behind = self.look(name) if name > self.name else None
            if behind is None:
                continue
            files.wake(layout.task_dir(behind.task_id))
            if not behind.stopped and not behind.says:
                return

    def leave(self) -> None:
        """Give up the place and wake the task behind it."""
        try:
            os.unlink(layout.place(self.agent, self.name))
        except FileNotFoundError:
            pass
        except OSError as error:
            # Without its lock it holds nothing up.
            log("error", "line", f"the place of task {self.task_id} stays behind: {error}")
        os.close(self.descriptor)
        files.wake(layout.agent_dir(self.agent))
        self.wake_next()


class PlaceAhead:
    """A place ahead of ours in line, and what is known about its holder."""

    def __init__(self, agent: AgentRef, name: str) -> None:
        self.task_id = name.split("-", 1)[1]
        try:
            note = json.loads(files.read(layout.place(agent, name)) or b"{}")
            holder: Process = {"pid": int(note.get("pid") or 0), "birth": str(note.get("birth") or "")}
            self.says = str(note.get("says") or "")
            self.format = int(note.get("format") or 0)
        except (ValueError, TypeError, AttributeError):
            # It is just being written, or is no note of ours: its lock counts all the same.
            holder, self.says, self.format = {"pid": 0, "birth": ""}, "", 0
        self.pid, self.process = holder["pid"], holder
        self.stopped = births.life(holder) == "stopped"

    @property
    def what(self) -> str:
        """Return what holds the place, in words: a task, or a command that keeps all tasks out."""
        return COMMANDS.get(self.task_id, f"task {self.task_id}")


def enter(agent: AgentRef, task_id: str, *, first: bool = False) -> Place | None:
    """Take the last place in line for a task, or one of COMMANDS; return None if a running process has one for it.

    With `first` it is the place before all others.
    """
    files.ensure_dir(layout.line_dir(agent))
    with locks.locked(layout.line_lock(agent)):
        names = _names(agent)
        kept = None
        for name in names:
            if name.endswith(f"-{task_id}"):
                if _alive(agent, name):
                    return None
                # Its waiter died; a process that takes over the task keeps its rank.
                kept = name
                try:
                    os.unlink(layout.place(agent, name))
                except FileNotFoundError:
                    pass  # it left just now
        last = int(names[-1].split("-")[0]) if names else 0
        name = kept or f"{0 if first else last + 1:010d}-{task_id}"
        return Place(agent, task_id, files.hold(layout.place(agent, name)), name)


def adopt(agent: AgentRef, task_id: str, descriptor: int) -> Place | None:
    """Return the place whose lock this process inherited as `descriptor`."""
    name = next((name for name in _names(agent) if name.endswith(f"-{task_id}")), None)
    if name is None:
        # Someone cleared the folder: the place is gone, but the task is not.
        os.close(descriptor)
        return enter(agent, task_id)
    return Place(agent, task_id, descriptor, name)


def waited_for(agent: AgentRef, task_id: str) -> bool:
    """Tell whether a living process waits for this task."""
    return any(name.endswith(f"-{task_id}") and _alive(agent, name) for name in _names(agent))


def holder(agent: AgentRef, task_id: str) -> PlaceAhead | None:
    """Return the place of a task that a living process waits for, and what is known of that process."""
    held = (name for name in _names(agent) if name.endswith(f"-{task_id}") and _alive(agent, name))
    return next((PlaceAhead(agent, name) for name in held), None)


def stopped(agent: AgentRef, task_id: str) -> int:
    """Return the process that waits for this task if it is stopped, and does nothing until it is continued; else 0."""
    holders = [PlaceAhead(agent, name) for name in _names(agent) if name.endswith(f"-{task_id}")]
    return next((holder.pid for holder in holders if holder.stopped), 0)


def typed(task_id: str) -> str:
    """Return a name for what is put into a window for a task now; nothing else ever has it."""
    return f"{task_id}.{os.getpid()}.{steady_s():.6f}"


def standing(agent: AgentRef) -> list[str]:
    """Return the tasks whose places are held by a running process, first in line first."""
    return [name.split("-", 1)[1] for name in _names(agent) if _alive(agent, name)]


def abandoned(agent: AgentRef) -> list[str]:
    """Return what has a place that no process holds any more: its holder was killed."""
    return [name.split("-", 1)[1] for name in _names(agent) if not _alive(agent, name)]


def _names(agent: AgentRef) -> list[str]:
    try:
        # Files that something else put there (an editor, NFS) have no rank.
        return sorted(name for name in os.listdir(layout.line_dir(agent)) if name[:10].isdigit() and name[10:11] == "-")
    except FileNotFoundError:
        return []


def _alive(agent: AgentRef, name: str) -> bool:
    return files.held(layout.place(agent, name))
