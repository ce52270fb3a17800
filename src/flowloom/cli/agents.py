"""The command `agents`."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from flowloom.agents import folders
from flowloom.agents.survey import survey
from flowloom.cli import published
from flowloom.cli.options import JSON
from flowloom.cli.output import print_json, say
from flowloom.cli.program import command
from flowloom.cli.tables import Cell, show, state
from flowloom.clock import wall_s
from flowloom.delegation import overview
from flowloom.errors import FlowLoomError
from flowloom.ports import git
from flowloom.roles import builtin
from flowloom.store import projects
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.terminal.durations import age
from flowloom.terminal.style import RED

if TYPE_CHECKING:
    from flowloom.agents.agent import Agent
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status


@command("agents", JSON)
def list_agents(as_json: bool = False) -> int:
    """List agents and what each is doing."""
    found = survey()
    for project in projects.unlistable():
        say(FlowLoomError(f"the agents in {project} cannot be listed", hint=f"it must be your own: ls -ld {project}"))
    rows = [status for _, status in found]
    if as_json:
        document: published.Agents = {"version": 1, "agents": [published.agent(row) for row in rows]}
        print_json(document)
    elif rows:
        overview.asking(found)
        _table(found)
        _tell_unstarted(found)
    else:
        sys.stderr.write("no agents yet; start one: flowloom start planning\n")
    return 0


def _tell_unstarted(found: list[tuple[Agent, Status]]) -> None:
    """Name on a terminal the roles of this project that have no agent yet: a task starts each."""
    slug = projects.slug_of(git.project_root(projects.here()))
    names = {agent.name for agent, _ in found if agent.slug == slug}
    left = [name for name in builtin.ROLES if name not in names]
    if left and sys.stderr.isatty():
        sys.stderr.write(f"not started yet: {', '.join(left)}\n")


def _table(found: list[tuple[Agent, Status]]) -> None:
    now_s = wall_s()
    failed = {task["agent_id"]: task for task in overview.failures()}
    unread = Counter(task["agent_id"] for task in overview.replies())
    show(
        ("AGENT", "STATUS", "SINCE", "TASK", "WHY"),
        [
            (
                row["agent_id"],
                state("unknown" if "unreachable" in row else row["status"]),
                Cell(age(now_s - row["since"]) if row["since"] else "-", right=True),
                row["current_task"] or "-",
                _why(agent, row, failed.get(row["agent_id"]), unread[row["agent_id"]]),
            )
            for agent, row in found
        ],
    )


def _why(agent: Agent, row: Status, failed: Task | None, unread: int) -> Cell | str:
    """Return what a person has to know of an agent: a failure until it is looked at, unread replies, its state."""
    if "unreachable" in row:
        return row["unreachable"] if "unread" in row else f"was {row['status']}; {row['unreachable']}"
    gone = folders.remark(agent)
    if gone:
        return Cell(gone, RED)
    if failed is not None:
        return Cell(f"✗ task {failed['task_id']} {failed['status']}: {failed['error']}", RED)
    why = _held_up(row) or row["why"]
    return f"✉ {unread} unread; {why}" if unread else why


def _held_up(row: Status) -> str:
    """Return what holds an agent's next task up; empty where nothing does."""
    held = row["held_up"]
    task = tasks.find(held["task"]) if held else None
    # Its waiter may have been killed, and the one that took it up need not say so.
    if held is None or task is None or task["status"] not in (Step.CREATED, Step.TYPED, Step.PASTED):
        return ""
    return f"task {held['task']} waits for {age(int(wall_s() - held['since']))}: {held['why']}"
