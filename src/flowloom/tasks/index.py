"""What the index of tasks says: which are unfinished, which ends no person has looked at, which were asked last.

Readers correct it by the tasks that they read. It is built again where it is missing, or of an older format.
"""

from __future__ import annotations

import os

from flowloom.clock import elapsed_s
from flowloom.errors import LockHeld, NewerFormat
from flowloom.store import files, layout, locks, state_folder
from flowloom.store.log import log
from flowloom.tasks import index_files
from flowloom.tasks import store as tasks
from flowloom.tasks.index_files import ASKED, UNFINISHED, UNREAD
from flowloom.tasks.steps import FAILURES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowloom.tasks.record import Task

FORMAT = 1
# A file is newer than its record for a few milliseconds. Within this time no reader takes it for a leftover.
SETTLED_S = 60.0


class Entry:
    """One task in the index: its id, and its agent's."""

    __slots__ = ("agent_id", "name", "task_id")

    def __init__(self, name: str) -> None:
        self.name = name
        self.task_id, _, self.agent_id = name.partition("-")


def unfinished() -> list[Task]:
    """Return the tasks that have not ended, the oldest first."""
    return _read(UNFINISHED)


def unread() -> list[Task]:
    """Return the tasks with a reply or a failure that no person has looked at, the oldest first."""
    return _read(UNREAD)


def unread_of(slug: str) -> list[Entry]:
    """Return the entries of one project's tasks with a reply or a failure that no person has looked at."""
    entries = map(Entry, _names(layout.index_dir(UNREAD))) if ensure() else map(_entry, unread())
    return [entry for entry in entries if entry.agent_id.endswith(f"@{slug}")]


def newest(agent_id: str = "") -> list[Entry]:
    """Return every task, or those of one agent, the one that was asked last first; also one whose folder is gone."""
    if not ensure():
        found = sorted(_all(), key=lambda task: -task["created"])
        return [_entry(task) for task in found if agent_id in ("", task["agent_id"])]
    names = []
    for each in [agent_id] if agent_id else _names(layout.index_dir(ASKED)):
        names += [f"{name}-{each}" for name in _names(layout.asked_dir(index_files.owner(each)))]
    return [Entry(name.partition("-")[2]) for name in sorted(names, reverse=True)]


def is_newest(task: Task) -> bool:
    """Tell whether its agent was given no task after this one."""
    for entry in newest(task["agent_id"]):
        if entry.task_id == task["task_id"]:
            return True
        if os.path.isdir(layout.task_dir(entry.task_id)):
            return False
    return True


def supersede(task: Task) -> None:
    """Take a failure that its asker was shown out of what is unread: its agent has been given a newer task."""
    path = layout.index_entry(UNREAD, index_files.name(task))
    if _is_settled(path):
        index_files.remove(path)
        now = tasks.find(task["task_id"])
        if now is not None and (now["status"] not in FAILURES or now["left"]):
            index_files.agree(now)  # it changed meanwhile


def correct(entry: Entry, kind: str) -> None:
    """Make the index agree with what is on disk of a task, where a reader saw that it does not."""
    if not _is_settled(layout.index_entry(kind, entry.name)):
        return  # a process can be changing the task
    task = tasks.find(entry.task_id)
    if task is None:
        if not os.path.isdir(layout.task_dir(entry.task_id)):
            index_files.remove_all(entry.name)
        return
    index_files.agree(task)
    # No lock is needed: a writer makes the index agree after its record is written, and we have read the record again.
    now = tasks.find(entry.task_id)
    if now is not None:
        index_files.agree(now)


def ensure() -> bool:
    """Build the index where it is missing, or of an older format; tell whether there is one to be read.

    There is none where it cannot be written; then all tasks are read.

    Raises:
        NewerFormat: a newer FlowLoom keeps it.
    """
    if _format() == FORMAT or not os.path.isdir(layout.tasks_dir()):
        return True
    try:
        files.ensure_dir(os.path.dirname(layout.index_lock()))
        with locks.locked(layout.index_lock()):
            if _format() != FORMAT:
                _build()
    except (OSError, LockHeld) as error:
        log("error", "index", f"it cannot be built: {state_folder.named(error)}")
        return False
    return True


def _build() -> None:
    if _format() is not None:
        from shutil import rmtree  # noqa: PLC0415 - 5 ms of every Ctrl-G, for a folder of an older format

        for kind in (UNFINISHED, UNREAD, ASKED):
            rmtree(layout.index_dir(kind), ignore_errors=True)
    for task in _all():
        index_files.enter(task)
    files.write(layout.index_format(), f"{FORMAT}\n".encode(), durable=False)


def _all() -> Iterator[Task]:
    for task_id in tasks.all_ids():
        task = tasks.find(task_id)
        if task is not None:
            yield task


def _format() -> int | None:
    """Return the format of the index that is there; None if there is none."""
    path = layout.index_format()
    raw = files.read(path)
    if raw is None:
        return None
    text = raw.decode(errors="replace").strip()
    found = int(text) if text.isascii() and text.isdigit() else 0
    if found > FORMAT:
        raise NewerFormat(f"{path} has the format {found}, and this FlowLoom reads up to {FORMAT}")
    return found


def _read(kind: str) -> list[Task]:
    if not ensure():
        return sorted((task for task in _all() if index_files.belongs(task, kind)), key=lambda task: task["created"])
    found = []
    for name in _names(layout.index_dir(kind)):
        entry = Entry(name)
        task = tasks.find(entry.task_id)
        if task is not None and index_files.belongs(task, kind):
            found.append(task)
        else:
            correct(entry, kind)
    return sorted(found, key=lambda task: task["created"])


def _entry(task: Task) -> Entry:
    return Entry(index_files.name(task))


def _is_settled(path: str) -> bool:
    try:
        return elapsed_s(os.lstat(path).st_mtime) > SETTLED_S
    except FileNotFoundError:
        return False


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
