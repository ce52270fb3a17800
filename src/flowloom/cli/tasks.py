"""The command `tasks`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowloom.agents.agent import named
from flowloom.cli import completion, published
from flowloom.cli.options import JSON, flag, number, offered
from flowloom.cli.output import print_json, say
from flowloom.cli.program import Argument, command
from flowloom.cli.tables import Cell, show, state, words
from flowloom.clock import wall_s
from flowloom.delegation import ask, overview
from flowloom.errors import DamagedFile, NoSuchTask
from flowloom.ports import git
from flowloom.store import projects
from flowloom.tasks import index
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import FAILURES
from flowloom.terminal.durations import age
from flowloom.terminal.style import BOLD, RED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowloom.tasks.record import Task


@command(
    "tasks",
    Argument(
        "agent",
        required=False,
        metavar="AGENT",
        help="Only this agent's: planning, or planning@site.",
        **offered(completion.agents),
    ),
    flag("--unread", help="Only unread replies."),
    flag("--failed", help="Only tasks that ended without a reply."),
    flag("--project", help="Only this project's agents."),
    number("--limit", "-n", help="Show the newest N (default 20).", least=1, default=20),
    JSON,
)
def list_tasks(
    agent: str | None = None,
    unread: bool = False,
    failed: bool = False,
    project: bool = False,
    limit: int = 20,
    as_json: bool = False,
) -> int:
    """List tasks, newest last."""
    overview.count_unread()
    asked = named(agent, projects.here()) if agent is not None else None
    at = asked.agent_id if asked else f"@{projects.slug_of(git.project_root(projects.here()))}" if project else ""
    ids = _ids(at, unread=unread and not failed) if not as_json else reversed(tasks.all_ids())
    found = _read(ids, at, unread=unread, failed=failed, limit=None if as_json else limit)
    if asked is not None and not found and not index.newest(asked.agent_id):
        ask.refuse_unstarted(asked)
    if as_json:
        document: published.Tasks = {"version": 1, "tasks": [published.task(task) for task in found]}
        print_json(document)
    elif found:
        _table(found)
    elif at or unread or failed:
        sys.stderr.write("no tasks match\n")
    else:
        sys.stderr.write("no tasks yet; ask: flowloom ask planning …\n")
    return 0


def _ids(at: str, *, unread: bool) -> Iterable[str]:
    """Return the tasks of the agents whose ids end in `at`, the newest first; where that is enough, only the unread."""
    if unread:
        return [task["task_id"] for task in reversed(index.unread())]
    return (entry.task_id for entry in index.newest() if entry.agent_id.endswith(at))


def _read(ids: Iterable[str], at: str, *, unread: bool, failed: bool, limit: int | None) -> list[Task]:
    """Return the newest tasks that are asked for, the oldest of them first; no more are read than that takes."""
    found: list[Task] = []
    for task_id in ids:
        try:
            task = tasks.read(task_id)
        except NoSuchTask:
            continue  # its folder is just being made, or was removed
        except DamagedFile as error:
            say(error)
            continue
        if task["agent_id"].endswith(at) and (not (unread or failed) or _is(task, unread=unread, failed=failed)):
            found.append(task)
        if len(found) == limit:
            break
    return sorted(found, key=lambda task: task["created"])


def _is(task: Task, *, unread: bool, failed: bool) -> bool:
    return (unread and tasks.unread(task)) or (failed and task["status"] in FAILURES)


def _table(shown: list[Task]) -> None:
    now_s = wall_s()
    show(
        ("TASK", "AGENT", "STATUS", "AGE", "", "PROMPT"),
        [
            (
                task["task_id"],
                task["agent_id"],
                state(task["status"]),
                Cell(age(now_s - task["created"]), right=True),
                *_news(task),
            )
            for task in shown
        ],
    )


def _news(task: Task) -> tuple[Cell, Cell]:
    """Return what a person has not seen of a task, and its prompt; the error in its place where that was not seen."""
    if tasks.unread(task):
        return Cell("unread", BOLD), Cell(words(task), BOLD)
    if tasks.unseen_failure(task):
        return Cell("✗", RED), Cell(f"{task['error']} · {words(task)}", RED)
    if overview.unattended(task):
        return Cell("!", RED), Cell(f"no process waits for it: flowloom wait {task['task_id']} · {words(task)}", RED)
    return Cell(""), Cell(words(task))
