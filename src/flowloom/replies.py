"""Replies and failures that a person has not looked at, and the text that each becomes in a draft."""

from __future__ import annotations

from flowloom import asking, parts, prompt_file, tasks
from flowloom.errors import DamagedFile
from flowloom.states import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.records import Task


def unseen(slug: str) -> list[Task]:
    """Return a project's tasks that have ended and have not been looked at, newest first.

    The failure of a task that was not left was already shown to its asker, so it
    counts only while its agent has no newer task.
    """
    found = [task for task_id in tasks.all_ids() if (task := tasks.find(task_id))]
    mine = [task for task in found if task["agent_id"].endswith(f"@{slug}")]
    mine.sort(key=lambda task: -task["created"])
    newest: dict[str, str] = {}
    for task in mine:
        newest.setdefault(task["agent_id"], task["task_id"])
    return [task for task in mine if task["read"] is None and _counts(task, newest[task["agent_id"]])]


def _counts(task: Task, newest_id: str) -> bool:
    if task["status"] in tasks.FAILURES:
        return tasks.unseen_failure(task) or task["task_id"] == newest_id
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
        raise asking.failure(task)
    return prompt_file.with_reply(name, task, prompt, reply, plain=plain)
