"""What a person must know about a reply besides its text, in the same words wherever it is shown."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.tasks.record import Task

JOINED = "joined"


def remarks(task: Task, *, provisional: bool = False) -> list[str]:
    """Return the caveats about a task's reply, one sentence each."""
    cut = task["cut"]
    altered = "what the agent was given is not exactly your prompt: something was typed in its window"
    said = [
        (provisional, "provisional: its background work is still running"),
        (bool(cut) and cut != JOINED, f"incomplete: it passed the output limit, and this is its last part; {cut}"),
        (cut == JOINED, "it passed the output limit; its parts were joined from the transcript"),
        (task["altered"], f"{altered}, and is kept: flowloom show {task['task_id']}"),
        (task["shared"], "the reply also answers something else that was typed in its window"),
        (task["recovered"], "the reply was recovered from the transcript"),
        (task["replaced"], "characters of the reply that are not valid Unicode were replaced by U+FFFD"),
    ]
    return [what for on, what in said if on]


def wrong_without(task: Task, *, provisional: bool = False) -> list[str]:
    """Return only the remarks without which the reply's text would mislead."""
    missing = bool(task["cut"]) and task["cut"] != JOINED
    return remarks(task, provisional=provisional)[: int(provisional) + int(missing)]


def beside(task: Task, *, provisional: bool = False) -> list[str]:
    """Return the other remarks: they are told where they do not enter a text that must be the reply alone."""
    return remarks(task, provisional=provisional)[len(wrong_without(task, provisional=provisional)) :]
