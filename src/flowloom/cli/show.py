"""The command `show`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowloom.agents.agent import named
from flowloom.cli import completion, options, published
from flowloom.cli.options import JSON
from flowloom.cli.output import print_json, print_line
from flowloom.cli.program import command
from flowloom.clock import wall_s
from flowloom.delegation import ask, executors, overview
from flowloom.errors import BadName, NoSuchAgent, NoSuchTask
from flowloom.store import files, layout, projects
from flowloom.tasks import store as tasks
from flowloom.tasks.remarks import remarks
from flowloom.terminal.durations import age, moment
from flowloom.terminal.text import visible

if TYPE_CHECKING:
    from flowloom.tasks.record import Task

BEGINNING_CHARS = 600


@command("show", options.task(completion.all_tasks), JSON)
def show(task_id: str, as_json: bool) -> int:
    """Show a task: who asked, its steps, prompt and reply."""
    if not layout.is_task_id(task_id) or tasks.find(task_id) is None:
        _refuse_agent(task_id)
    task = tasks.read(task_id)
    if not tasks.ended(task):
        why = executors.refresh(task_id)
        if why:
            sys.stderr.write(f"flowloom: {why}\n")
        task = tasks.read(task_id)
    reply, kind = _reply_of(task)
    ask.mark_seen(task)
    if as_json:
        shown: published.Shown = {
            "version": 1,
            "task": published.task(task),
            "prompt_begins": _beginning(tasks.prompt_of(task)),
            "reply_begins": None if reply is None else _beginning(reply),
            "reply_kind": kind,
        }
        print_json(shown)
        return 0
    _show(task, reply, kind)
    return 0


def _refuse_agent(name: str) -> None:
    """Refuse the name of an agent, which has a log and no journal.

    Raises:
        NoSuchTask: it is one.
    """
    try:
        is_agent = named(name, projects.here()).spec() is not None
    except (BadName, NoSuchAgent):
        return
    if is_agent:
        raise NoSuchTask(f"{name} is an agent, not a task", hint=f"see what it did: flowloom logs {name}")


def _reply_of(task: Task) -> tuple[str | None, str]:
    """Return the text of a task's reply, or what there is of one, and which of the two it is."""
    for kind, raw in (
        ("reply", tasks.reply_of(task["task_id"])),
        ("provisional", tasks.provisional_of(task["task_id"])),
        ("partial", files.read(layout.partial(task["task_id"]))),
    ):
        if raw is not None:
            return raw.decode("utf-8", "replace"), kind
    return None, ""


def _beginning(text: str) -> str:
    kept = text if len(text) <= BEGINNING_CHARS else text[:BEGINNING_CHARS].rstrip() + " …"
    return kept.encode("utf-8", "replace").decode()


def _show(task: Task, reply: str | None, kind: str) -> None:
    task_id = task["task_id"]
    once = executors.of(task).LABEL
    unread = ", unread" if kind == "reply" and task["read"] is None else ""
    ago = age(wall_s() - task["created"])
    print_line(f"task {task['task_id']} for {task['agent_id']}{once}: {task['status']}{unread}")
    print_line(f"asked by {task['asker']} at {moment(task['created'])}, {ago} ago")
    if task["error"]:
        print_line(f"error: {task['error']}")
    left = ["left running"] if task["left"] and not tasks.ended(task) else []
    if overview.unattended(task):
        left = [f"no process waits for it; send it: flowloom wait {task['task_id']}"]
    for note in [*remarks(task, provisional=kind == "provisional"), *left, *task["notes"]]:
        print_line(f"note: {note}")
    print_line("\njournal")
    for entry in task["journal"]:
        after = entry["at"] - task["created"]
        # Who asked stands above.
        why = "" if entry["why"] == f"asked by {task['asker']}" else entry["why"]
        print_line(f"  {moment(entry['at'])}  +{_after(after):<9} {entry['step']:<11} {why}".rstrip())
    print_line(f"\nprompt ({task['prompt_bytes']} bytes, {layout.prompt(task_id)})")
    print_line(_indented(_beginning(tasks.prompt_of(task))))
    if reply is not None:
        name, path = {
            "reply": ("reply", layout.reply(task_id)),
            "provisional": ("provisional reply", layout.provisional(task_id)),
            "partial": ("what there is of a reply", layout.partial(task_id)),
        }[kind]
        print_line(f"\n{name} ({len(reply.encode('utf-8', 'replace'))} bytes, {path})")
        print_line(_indented(_beginning(reply)))


def _after(seconds: float) -> str:
    return f"{max(0.0, seconds):.2f}s" if seconds < 60 else age(seconds)


def _indented(text: str) -> str:
    # A text from outside must not move the reader's cursor.
    clean = visible(text.replace("\t", "    "))
    return "\n".join(f"  {each}" for each in clean.rstrip("\n").split("\n"))
