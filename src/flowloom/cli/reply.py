"""The command `reply`, and how every command prints a reply."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowloom.agents.agent import Agent
from flowloom.cli import completion, options, output, published
from flowloom.cli.options import JSON, flag
from flowloom.cli.program import command
from flowloom.delegation import ask, executors
from flowloom.errors import FlowLoomError
from flowloom.store import files, layout
from flowloom.tasks import store as tasks
from flowloom.tasks.remarks import remarks
from flowloom.tasks.steps import Step

if TYPE_CHECKING:
    from flowloom.tasks.record import Task


@command(
    "reply",
    options.task(completion.replies),
    flag("--now", help="Print an unfinished reply as far as it is."),
    JSON,
)
def reply(task_id: str, now: bool, as_json: bool) -> int:
    """Print a task's reply."""
    task = tasks.read(task_id)
    agent = Agent(tasks.agent_of(task))
    why = executors.refresh(task_id)
    if why:
        sys.stderr.write(f"flowloom: {why}\n")
    task = tasks.read(task_id)
    if not tasks.ended(task) and not now and tasks.reply_of(task_id) is None and task["status"] is not Step.PARKED:
        raise FlowLoomError(
            f"{agent.agent_id} is still working on {task_id}"
            if task["status"] is Step.ACCEPTED
            else f"task {task_id} has no reply yet ({task['status']})",
            hint=f"wait for it: flowloom wait {task_id}",
        )
    return print_reply(task_id, as_json=as_json, now=now)


def print_reply(task_id: str, *, as_json: bool, now: bool = False) -> int:
    """Print a task's reply, byte for byte; its provisional one where there is no other."""
    task = tasks.read(task_id)
    reply = tasks.reply_of(task_id)
    provisional = False
    if reply is None and (now or task["status"] is Step.PARKED):
        reply = tasks.provisional_of(task_id)
        provisional = reply is not None
    if reply is None and now:
        reply = files.read(layout.partial(task_id))
    if reply is None and now and not tasks.ended(task):
        raise FlowLoomError(
            f"{task['agent_id']} has said nothing yet for task {task_id} ({task['status']})",
            hint=f"wait for its reply: flowloom wait {task_id}",
        )
    if as_json:
        text = None if reply is None else reply.decode("utf-8", "replace")
        answer: published.Answer = {
            "version": 1,
            "task": published.task(task),
            "text": text,
            "provisional": provisional,
        }
        output.print_json(answer)
        if reply is None:
            ask.mark_seen(task)
            return ask.failure(task).exit_code
    elif reply is None:
        ask.mark_seen(task)
        raise ask.failure(task)
    else:
        output.put(reply)
    if not provisional:
        ask.mark_read(task_id)
    _tell_remarks(tasks.read(task_id), provisional=provisional)
    return 0


def _tell_remarks(task: Task, *, provisional: bool) -> None:
    for note in executors.of(task).notes(task):
        sys.stderr.write(f"flowloom: task {task['task_id']}: {note}\n")
    for said in remarks(task, provisional=provisional):
        sys.stderr.write(f"flowloom: task {task['task_id']}: {said}\n")
