"""Replies and failures that a person has not looked at, and the text that each becomes in a draft."""

from __future__ import annotations

from flowloom.delegation import ask
from flowloom.editor import parts, prompt_file
from flowloom.errors import DamagedFile
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status

# Longer than a tick of any file system's clock.
SETTLED_S = 2.5


class Unseen:
    """A project's tasks that have ended and have not been looked at; a second look reads only what has changed."""

    def __init__(self, slug: str) -> None:
        self._project = f"@{slug}"
        self._known: dict[str, _Known] = {}

    def look(self, now_s: float) -> list[Task]:
        """Return them, newest first; `now_s` is the time of day.

        The failure of a task that was not left was already shown to its asker, so it
        counts only while its agent has no newer task.
        """
        known = {}
        for changed_ns, task_id in tasks.changed():
            former = self._known.get(task_id)
            # A folder can change twice within one tick of its clock: what has just changed is read again.
            if former is None or former.changed_ns != changed_ns or now_s - former.changed_ns / 1e9 < SETTLED_S:
                former = _Known(changed_ns, tasks.find(task_id), self._project)
            known[task_id] = former
        self._known = known
        mine = sorted((each for each in known.values() if each.agent_id), key=lambda each: -each.created)
        newest: dict[str, _Known] = {}
        for each in mine:
            newest.setdefault(each.agent_id, each)
        return [each.task for each in mine if each.task and _counts(each.task, each is newest[each.agent_id])]


class _Known:
    """What was read of one task: its record only while it has not been looked at, no agent for another project's."""

    __slots__ = ("agent_id", "changed_ns", "created", "task")

    def __init__(self, changed_ns: int, task: Task | None, project: str) -> None:
        mine = task is not None and task["agent_id"].endswith(project)
        self.changed_ns = changed_ns
        self.agent_id = task["agent_id"] if task is not None and mine else ""
        self.created = task["created"] if task is not None else 0.0
        self.task = task if task is not None and mine and task["read"] is None else None


def _counts(task: Task, newest: bool) -> bool:
    if task["status"] in tasks.FAILURES:
        return tasks.unseen_failure(task) or newest
    return tasks.unread(task)


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


def told(task: Task) -> str:
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
        return parts.unanswered(name, prompt, task["error"] or f"it is {task['status']}")
    reply = tasks.reply_of(task["task_id"])
    if reply is None:
        raise ask.failure(task)
    return prompt_file.with_reply(name, task, prompt, reply, plain=plain)


def asked_agent(task_ids: list[str]) -> Status | None:
    """Return the last known status of the agent of the one task that these are, None for several."""
    task = tasks.find(task_ids[0]) if len(task_ids) == 1 else None
    try:
        return status.read(task["agent_dir"]) if task else None
    except DamagedFile:
        return None
