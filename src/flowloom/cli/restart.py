"""The command `restart`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowloom.agents import launch, stopping
from flowloom.agents.agent import Agent
from flowloom.cli.busy import busy_with, each_of, in_line, started, working_on
from flowloom.cli.options import AGENTS, LOOK_AGAIN_S, flag, limit, tell_unheeded
from flowloom.cli.program import command
from flowloom.cli.start import START_TIMEOUT_S, await_ready
from flowloom.cli.stop import tell_kept
from flowloom.clock import Deadline
from flowloom.config import settings as config
from flowloom.errors import FlowLoomError, UsageError
from flowloom.ports import git
from flowloom.queue import line
from flowloom.store import layout, projects
from flowloom.store.bell import Bell
from flowloom.tasks import store as tasks
from flowloom.turns import status

if TYPE_CHECKING:
    from flowloom.turns.record import Status


@command(
    "restart",
    AGENTS,
    flag("--wait", help="Wait until the tasks in line are done."),
    flag("--force", help="Restart even while it works; its task fails."),
    limit("How long to wait for its tasks, then until it is ready", "default: 2m", START_TIMEOUT_S),
)
def restart(names: tuple[str, ...], wait: bool, force: bool, timeout: float) -> int:
    """Stop agents and start them again with their conversations."""
    return each_of(started(names), lambda agent: _restart(agent, wait=wait, force=force, timeout=timeout))


def _restart(agent: Agent, *, wait: bool, force: bool, timeout: float) -> None:
    root = projects.root_of(agent.slug) or git.project_root(projects.here())
    settings = config.load(root)
    tell_unheeded(settings)
    # Refused before it is stopped: what cannot be started again keeps running.
    launch.specify(agent, settings, root=root)
    # A place in line: no task is delivered to the agent, or starts it, while it is away.
    place = line.enter(agent.ref, line.RESTART, first=force)
    if place is None:
        raise UsageError(f"{agent.agent_id} is already being restarted", hint="see: flowloom agents")
    try:
        if not force:
            _await_free(agent, place, Deadline(timeout if wait else 0.0))
        place.say("it restarts the agent")
        now, _ = agent.reconcile()
        hit = [task_id for task_id in working_on(now) if not tasks.ended(tasks.read(task_id))]
        waiting = [task_id for task_id in in_line(agent) if task_id not in hit]
        how = stopping.stop(agent, force=force)
        tell_kept(agent)
        for task_id in hit:
            task = tasks.read(task_id)
            sys.stderr.write(f"task {task_id} {task['status']}: {task['error'] or task['journal'][-1]['why']}\n")
        # What the configuration says by now: its role, its arguments.
        launch.prepare(agent, settings, root=root)
        now = await_ready(agent, settings, Deadline(timeout))
    finally:
        place.leave()
    kept = "its" if status_why(agent).startswith("started again, with") else "an empty"
    before = "was not running; it" if how == "was not running" else "was restarted; it"
    sys.stderr.write(f"{agent.agent_id} {before} is {now['status']} with {kept} conversation\n")
    if waiting:
        sys.stderr.write(f"still in line for {agent.name}: {', '.join(waiting)}\n")


def status_why(agent: Agent) -> str:
    """Return what the agent's last start said of itself."""
    starts = [event for event in status.read_events(agent.ref) if event.get("event") == "spawn"]
    return str(starts[-1].get("why", "")) if starts else ""


def _await_free(agent: Agent, place: line.Place, deadline: Deadline) -> None:
    """Wait until an agent has nothing to do and no task is before us in its line.

    Raises:
        FlowLoomError: it has when the deadline is over; says what.
    """
    bell = Bell(layout.agent_dir(agent.ref))
    try:
        while True:
            now, _ = agent.reconcile()
            busy = _busy(agent, now, place)
            if not busy:
                return
            if deadline.over():
                raise FlowLoomError(
                    f"{agent.agent_id} is not free: {busy}",
                    hint=f"wait for it: flowloom restart {agent.name} --wait; or end its work: --force",
                )
            bell.wait(deadline.within_s(LOOK_AGAIN_S))
    finally:
        bell.close()


def _busy(agent: Agent, now: Status, place: line.Place) -> str:
    """Say what an agent has to do first; nothing where it is free."""
    to_come = in_line(agent)
    ahead = [line.COMMANDS.get(each, each) for each in place.ahead() if each in to_come or each in line.COMMANDS]
    return busy_with(now) or (f"in line for it: {', '.join(ahead)}" if ahead else "")
