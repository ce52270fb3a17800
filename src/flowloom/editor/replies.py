"""Replies and failures that a person has not looked at, and the text that each becomes in a draft."""

from __future__ import annotations

from flowloom.delegation import ask
from flowloom.editor import parts, prompt_file
from flowloom.errors import DamagedFile
from flowloom.store.layout import HEADLESS
from flowloom.tasks import index
from flowloom.tasks import store as tasks
from flowloom.tasks.index_files import UNREAD
from flowloom.tasks.steps import FAILURES, Step
from flowloom.turns import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status

# The clock of every file system ticks more often than this.
SETTLED_S = 2.5


class UnreadTasks:
    """A project's tasks that have ended and have not been looked at; a second look reads only what has changed."""

    def __init__(self, slug: str) -> None:
        self._slug = slug
        # Of each: when its folder last changed, and its record.
        self._known: dict[str, tuple[int, Task | None]] = {}

    def look(self, now_s: float) -> list[Task]:
        """Return them, newest first; `now_s` is the time of day.

        The failure of a task that was not left was already shown to its asker, so it
        counts only while its agent has no newer task.
        """
        known, shown = {}, []
        for entry in index.unread_of(self._slug):
            changed_ns = tasks.changed_ns(entry.task_id)
            former = self._known.get(entry.task_id)
            # A folder can change twice within one tick of its clock: what has just changed is read again.
            if former is None or former[0] != changed_ns or now_s - former[0] / 1e9 < SETTLED_S:
                former = changed_ns, tasks.find(entry.task_id)
            known[entry.task_id] = former
            task = former[1]
            if task is None or task["read"] is not None:
                index.correct(entry, UNREAD)
            elif _counts(task):
                shown.append(task)
        self._known = known
        return sorted(shown, key=lambda task: -task["created"])


def _counts(task: Task) -> bool:
    if task["status"] not in FAILURES:
        return tasks.unread(task)
    if task["left"] or index.is_newest(task):
        return True
    index.supersede(task)
    return False


def words(task: Task) -> str:
    """Return a task's prompt on one line, or why it cannot be read."""
    try:
        return " ".join(tasks.prompt_of(task).split())
    except OSError as error:
        return f"({error})"


def beginning(task: Task) -> str:
    """Return the beginning of a task's reply on one line, or what is wrong with it."""
    try:
        reply = tasks.reply_of(task["task_id"]) or b""
    except (DamagedFile, OSError) as error:
        return f"({error})"
    return " ".join(reply[:400].decode("utf-8", "replace").split())


def failure(task: Task) -> str:
    """Return a short line that says that a task has no reply, and why."""
    return f"task {task['task_id']} {task['status']}: {task['error']}".removesuffix(": ")


def content(task: Task) -> str:
    """Return what there is to read of an ended task: its reply, or why there is none."""
    if task["status"] is Step.DONE:
        return (tasks.reply_of(task["task_id"]) or b"").decode("utf-8", "replace")
    again = "Enter puts the prompt back into your box, to send it again:"
    return f"{failure(task)}\n\n{again}\n\n{tasks.prompt_of(task)}"


def as_draft(task: Task, *, plain: bool) -> bytes:
    """Return what of an ended task goes into a draft: its reply, or why there is none and its prompt.

    Raises:
        AgentFailed: its reply is gone from the disk.
    """
    name, prompt = task["agent_id"].partition("@")[0], tasks.prompt_of(task)
    if task["status"] is not Step.DONE:
        # Without an agent's name, a headless task has this one, which no prompt can be sent to.
        nameless = task.get("headless") is not None and name == HEADLESS.removeprefix(".")
        return parts.unanswered(name, prompt, task["error"] or f"it is {task['status']}", route=not nameless)
    reply = tasks.reply_of(task["task_id"])
    if reply is None:
        raise ask.failure(task)
    return prompt_file.with_reply(name, task, prompt, reply, plain=plain)


def asked_agent(task_ids: list[str]) -> Status | None:
    """Return the last known status of the agent of the one task that these are, None for several."""
    task = tasks.find(task_ids[0]) if len(task_ids) == 1 else None
    try:
        return status.read(tasks.agent_of(task)) if task else None
    except DamagedFile:
        return None
