"""A submitted text: which task it belongs to, whether the agent has all of it, and what else it holds."""

from __future__ import annotations

from flowloom.store import files, layout
from flowloom.store.log import log
from flowloom.tasks import frame
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import parking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.providers.protocol import Report
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status


def addressed(now: Status, prompt: str, prompt_id: str | None) -> Task | None:
    """Return the task whose frame stands in a submitted text and that still waits for this receipt."""
    for task_id in frame.task_ids(prompt):
        task = tasks.find(task_id)
        if task is None or task["agent"] is None or str(tasks.agent_of(task)) != now["agent_id"]:
            continue  # its hook calls write under this agent's lock, and so no task of another one
        if task["status"] in (Step.TYPED, Step.PASTED, Step.UNKNOWN) and task["prompt_id"] is None:
            return task
        if task["status"] is Step.ACCEPTED and task["prompt_id"] in (None, prompt_id) and not _is_known(now, task_id):
            return task  # a call that was killed between the two has written the task's receipt, but not the turn
    return None


def of_no_task(now: Status, prompt: str) -> str:
    """Say what an agent works on that no task waits for: a person's text, or that of a task which has ended already."""
    for task_id in frame.task_ids(prompt):
        task = tasks.find(task_id)
        if task is not None and task["agent"] and str(tasks.agent_of(task)) == now["agent_id"] and tasks.ended(task):
            return f"works on task {task_id}, which has ended already ({task['status']})"
    return "a person gave it something to do"


def _is_known(now: Status, task_id: str) -> bool:
    """Tell whether a status names a task that its agent has taken."""
    turns = (now["turn"], now["last_turn"], *parking.entries(now))
    return task_id in now["queued"] or any(turn["task"] == task_id for turn in turns if turn)


def receive(task: Task, prompt: str, prompt_id: str | None, why: str) -> bool:
    """Write a task's receipt down; tell whether the agent has the whole of it."""
    first = frame.first_line(task["task_id"], task["asker"], prompt_path=prompt_path(task))
    how = frame.received(prompt, first, task["task_id"], tasks.prompt_of(task))
    if how == "cut":
        tasks.note_step(task, Step.UNKNOWN, "only a part of it reached the agent; look at its window")
        return False
    task["prompt_id"] = prompt_id
    task["altered"] = how == "altered"
    if how == "altered":
        why += ", together with something that was typed there"
        _keep(task, frame.around(prompt, task["task_id"]))
    return task["status"] is Step.ACCEPTED or tasks.note_step(task, Step.ACCEPTED, why)


def _keep(task: Task, words: str) -> None:
    """Write down a person's words that were submitted with a task's text: no other file has them."""
    path = layout.drafts(tasks.agent_of(task))
    try:
        files.append(path, words)
    except OSError as error:
        log("error", "turns", f"{path}: {error}", task=task["task_id"])
    else:
        task["notes"].append(f"what was typed in its window is kept, at the end of {path}")


def names(report: Report, task_id: str | None) -> bool:
    """Tell whether the end of a turn can be this task's: not if it tells of another text that the turn began with."""
    prompt = report.get("prompt")
    return not prompt or not task_id or task_id in frame.task_ids(prompt)


def found(task: Task, report: Report) -> str:
    """Return what shows that a turn was this task's, of which only the end is reported; empty for nothing.

    A program without receipts may name the text that the turn began with. If it does not, the first turn that
    ends after a text was submitted is taken for that text's.
    """
    prompt = report.get("prompt")
    if prompt:
        return "named by the end of its turn" if names(report, task["task_id"]) else ""
    if report.get("delivered"):
        return "seen in the transcript; its receipt was lost"
    submitted = report.get("receipt") == "none" and task["status"] is Step.PASTED
    return "submitted before this turn ended; its program confirms no prompt" if submitted else ""


def prompt_path(task: Task) -> str:
    """Return the path that the first line names: of the exact prompt, where a terminal changes it."""
    return "" if task["exact"] else layout.prompt(task["task_id"])
