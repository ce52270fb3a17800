"""The index of tasks: an empty file for each task that is unfinished, or has an end that no person has looked at.

It is a cache, so that no command has to read every task there ever was. The task's folder is the truth. A file is
created before the task's record says what it stands for and removed after the record stopped saying it, so a process
that is killed in between leaves a file too many, which a reader removes (`index.py`). A third file, kept as long as
the task, gives it its place among its agent's tasks.
"""

from __future__ import annotations

import os

from flowloom.store import files, layout
from flowloom.store.log import log
from flowloom.tasks.steps import ENDED, FAILURES, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.tasks.record import Task

UNFINISHED, UNREAD, ASKED = "unfinished", "unread", "asked"


def belongs(task: Task, kind: str) -> bool:
    """Tell whether a task is unfinished, or unread: it has a reply or a failure that no person has looked at."""
    if kind == UNFINISHED:
        return task["status"] not in ENDED
    return task["read"] is None and (task["status"] is Step.DONE or task["status"] in FAILURES)


def name(task: Task) -> str:
    """Return the name of a task's files: readers choose by the agent's id, which stands in it."""
    return f"{task['task_id']}-{owner(task['agent_id'])}"


def add(task: Task) -> None:
    """Create the files that a record needs which is about to be written."""
    try:
        path = layout.index_entry(UNFINISHED, name(task)) if belongs(task, UNFINISHED) else ""
        if path and not os.path.exists(path):
            _create(_asked(task))
            _create(path)
        if belongs(task, UNREAD):
            _create(layout.index_entry(UNREAD, name(task)))
    except OSError as error:
        _distrust(error, task)


def agree(task: Task) -> None:
    """Make the files of a task those of a record that has been written."""
    try:
        unfinished, unread = (layout.index_entry(kind, name(task)) for kind in (UNFINISHED, UNREAD))
        # A reader that had read the former record may have removed what belongs there just now.
        if belongs(task, UNFINISHED):
            _create(unfinished)
        elif not remove(unfinished):
            _create(_asked(task))  # a task of a release that kept no index
        if belongs(task, UNREAD):
            _create(unread)
        else:
            remove(unread)
    except OSError as error:
        _distrust(error, task)


def forget(task: Task) -> None:
    """Remove all files of a task that has been removed."""
    try:
        remove(_asked(task))
    except OSError as error:
        _stays(error, task["task_id"])
    remove_all(name(task))


def remove_all(named: str) -> None:
    """Remove what says that a task is unfinished, or unread."""
    try:
        for kind in (UNFINISHED, UNREAD):
            remove(layout.index_entry(kind, named))
    except OSError as error:
        _stays(error, named)


def _stays(error: OSError, task: str) -> None:
    log("error", "index", f"a removed task stays in the index: {error}", task=task)


def enter(task: Task) -> None:
    """Create all files of a task that the index does not know.

    Raises:
        OSError: they cannot be written.
    """
    _create(_asked(task))
    for kind in (UNFINISHED, UNREAD):
        if belongs(task, kind):
            _create(layout.index_entry(kind, name(task)))


def _asked(task: Task) -> str:
    """Return the file that gives a task its place among its agent's tasks."""
    asked_us = int(max(0.0, task["created"]) * 1e6)
    return layout.asked_entry(owner(task["agent_id"]), f"{asked_us:017d}-{task['task_id']}")


def owner(agent_id: str) -> str:
    """Return an agent's id as a part of a file's name: an older release may have written any text."""
    return agent_id.replace("/", "_")


def _create(path: str) -> None:
    while True:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        except FileExistsError:
            return
        except FileNotFoundError:
            files.ensure_dir(os.path.dirname(path))
            continue
        return


def remove(path: str) -> bool:
    """Remove one file of the index; tell whether it was there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def _distrust(error: OSError, task: Task) -> None:
    """Have the index built again by its next reader: it lacks a file, because of a full disk, for example."""
    log("error", "index", f"it will be built again: {error}", task=task["task_id"])
    try:
        os.unlink(layout.index_format())
    except OSError:
        return  # there is none, or nothing can be written here: then no record is written either
