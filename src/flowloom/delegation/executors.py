"""How a task is carried out: in the window of its agent, or headless. No caller asks which."""

from __future__ import annotations

from flowloom.delegation import headless, windowed
from flowloom.errors import LockHeld
from flowloom.store import locks, state_folder
from flowloom.tasks import store as tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from flowloom.tasks.record import Task

    class Executor(Protocol):
        """One way to carry a task out: the functions that each module of this kind has."""

        LABEL: str  # what its tasks are shown with, behind their agent's name

        def refresh(self, task: Task) -> str:
            """Bring what is known of a task up to date; return why that cannot be done, nothing where it can."""
            ...

        def watch(self, task_id: str) -> float | None:
            """Return how soon to look again, in seconds; None where the runner carries the task itself."""
            ...

        def cancel(self, task_id: str) -> str:
            """Take a task back; return what was done."""
            ...

        def notes(self, task: Task) -> list[str]:
            """Return the notes that its reply is printed with."""
            ...

        def after_failure(self, task: Task) -> str:
            """Return what to do next about a task that ended without a reply."""
            ...


def of(task: Task) -> Executor:
    """Return the way in which a task is carried out."""
    return windowed if task.get("headless") is None else headless


def refresh(task_id: str) -> str:
    """Bring what is known of a task up to date; return why that cannot be done, nothing where it can."""
    task = tasks.read(task_id)
    try:
        with locks.LockWait(limit_s=locks.GLANCE_S):
            return of(task).refresh(task)
    except LockHeld as error:
        return state_folder.named(error)


def cancel(task_id: str) -> str:
    """Take a task back; return what was done."""
    return of(tasks.read(task_id)).cancel(task_id)
