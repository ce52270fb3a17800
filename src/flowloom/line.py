"""The line before an agent: who asks first is served first.

A place is a lock file whose name holds its rank. The kernel frees the lock when
its holder dies, so a place never outlives whoever waits in it; a child that
inherits the descriptor keeps it.
"""

from __future__ import annotations

import os

from flowloom import files

LINE = "line"


class Place:
    """One task's place in the line of one agent."""

    def __init__(self, agent_dir: str, task_id: str, descriptor: int, name: str) -> None:
        self.agent_dir = agent_dir
        self.task_id = task_id
        self.descriptor = descriptor
        self.name = name

    def ahead(self) -> list[str]:
        """Return the tasks whose living places are before this one, the first in line first."""
        before = [name for name in _names(self.agent_dir) if name < self.name and _alive(self.agent_dir, name)]
        return [name.split("-", 1)[1] for name in before]

    def leave(self) -> None:
        """Give the place up and wake those behind."""
        try:
            os.unlink(f"{self.agent_dir}/{LINE}/{self.name}")
        except FileNotFoundError:
            pass
        os.close(self.descriptor)
        files.wake(self.agent_dir)


def enter(agent_dir: str, task_id: str, *, first: bool = False) -> Place | None:
    """Take the last place in line for a task, None where somebody living waits for this task already.

    With `first` it is the place before all others.
    """
    folder = files.ensure_dir(f"{agent_dir}/{LINE}")
    with files.locked(f"{agent_dir}/{LINE}.lock"):
        names = _names(agent_dir)
        kept = None
        for name in names:
            if name.endswith(f"-{task_id}"):
                if _alive(agent_dir, name):
                    return None
                # Its waiter died; whoever takes the task up keeps its rank.
                kept = name
                os.unlink(f"{folder}/{name}")
        last = int(names[-1].split("-")[0]) if names else 0
        name = kept or f"{0 if first else last + 1:010d}-{task_id}"
        return Place(agent_dir, task_id, files.hold(f"{folder}/{name}"), name)


def adopt(agent_dir: str, task_id: str, descriptor: int) -> Place | None:
    """Return the place whose lock this process inherited as `descriptor`."""
    name = next((name for name in _names(agent_dir) if name.endswith(f"-{task_id}")), None)
    if name is None:
        # Somebody cleared the folder; the place is gone, the task is not.
        os.close(descriptor)
        return enter(agent_dir, task_id)
    return Place(agent_dir, task_id, descriptor, name)


def waited_for(agent_dir: str, task_id: str) -> bool:
    """Tell whether a living process waits for this task."""
    return any(name.endswith(f"-{task_id}") and _alive(agent_dir, name) for name in _names(agent_dir))


def standing(agent_dir: str) -> list[str]:
    """Return the tasks that have a living place, the first in line first."""
    return [name.split("-", 1)[1] for name in _names(agent_dir) if _alive(agent_dir, name)]


def _names(agent_dir: str) -> list[str]:
    try:
        # What somebody else put there (an editor, NFS) has no rank.
        return sorted(name for name in os.listdir(f"{agent_dir}/{LINE}") if name[:10].isdigit() and name[10:11] == "-")
    except FileNotFoundError:
        return []


def _alive(agent_dir: str, name: str) -> bool:
    return files.held(f"{agent_dir}/{LINE}/{name}")
