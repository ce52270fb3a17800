"""The command `cancel`."""

from __future__ import annotations

import sys

from flowloom.cli import completion, options
from flowloom.cli.busy import each_of
from flowloom.cli.program import command
from flowloom.delegation import executors
from flowloom.errors import UsageError
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step


@command("cancel", options.tasks(completion.unfinished))
def cancel(task_ids: tuple[str, ...]) -> int:
    """Cancel tasks.

    A task in line is removed from it; an agent that works on one is interrupted.
    """
    for task_id in task_ids:
        tasks.read(task_id)
    return each_of(task_ids, _cancel)


def _cancel(task_id: str) -> None:
    task = tasks.read(task_id)
    if tasks.ended(task):
        see = "print its reply: flowloom reply" if task["status"] is Step.DONE else "see what happened: flowloom show"
        raise UsageError(f"task {task_id} has already ended ({task['status']})", hint=f"{see} {task_id}")
    done = executors.cancel(task_id)
    sys.stderr.write(f"task {task_id}: {done}\n")
