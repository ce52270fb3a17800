"""The command `stop`."""

from __future__ import annotations

import sys

from flowloom.agents import stopping
from flowloom.agents.agent import Agent, list_agents
from flowloom.cli.busy import agreed, busy_with, each_of, in_line, started, working_on
from flowloom.cli.options import OPTIONAL_AGENTS, flag
from flowloom.cli.program import command
from flowloom.errors import FlowLoomError, UsageError
from flowloom.queue import line
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.terminal.text import shorten

# How an agent was stopped, in the words of `stopping.stop`.
STOPPED = {
    "left": "stopped {0}",
    "was ended": "stopped {0}; its program had to be ended",
    "was not running": "{0} was not running",
}


@command(
    "stop",
    OPTIONAL_AGENTS,
    flag("--all", "all_agents", help="Stop every agent."),
    flag("--force", help="Stop even if it works (its task fails) or cannot be reached."),
)
def stop(names: tuple[str, ...], all_agents: bool, force: bool) -> int:
    """Stop agents; their conversations are kept."""
    if names and all_agents:
        raise UsageError("name the agents to stop or use --all, not both", hint=f"flowloom stop {' '.join(names)}")
    if not names and not all_agents:
        raise UsageError("name the agents to stop, or use --all", hint="list them: flowloom agents")
    agents = list_agents() if all_agents else started(names)
    if not force and not _may_stop(agents, "--all" if all_agents else " ".join(names)):
        sys.stderr.write("nothing was stopped\n")
        return 1
    # One that is damaged must not keep the others running.
    return each_of(agents, lambda agent: _stop(agent, named=not all_agents, force=force))


def _may_stop(agents: list[Agent], word: str) -> bool:
    """Tell whether agents may be ended: nothing runs in them, or the person on the terminal agrees.

    Raises:
        FlowLoomError: one works, and there is no terminal to ask on.
    """
    busy = []
    for agent in agents:
        try:
            doing = busy_with(agent.reconcile()[0])
        except (FlowLoomError, OSError):
            continue  # stopping it says why
        if doing:
            busy.append(f"{agent.agent_id}: {doing}")
    if not busy:
        return True
    said = "\n".join(busy)
    if not sys.stdin.isatty():
        raise FlowLoomError(said, hint=f"stop anyway, its task then fails: flowloom stop {word} --force")
    sys.stderr.write(f"{said}\n")
    return agreed("Stop it? Its task fails." if len(busy) == 1 else "Stop them? Their tasks fail.")


def _stop(agent: Agent, *, named: bool, force: bool) -> None:
    # Before all who wait: none of them may start it again, or deliver to it, while it is closing.
    place = line.enter(agent.ref, line.STOP, first=True)
    try:
        if place is not None:
            place.say("it stops the agent")
        hit = [task_id for task_id in working_on(agent.status()) if not tasks.ended(tasks.read(task_id))]
        how = stopping.stop(agent, force=force)
        waiting = in_line(agent)
    finally:
        if place is not None:
            place.leave()
    if named or how != "was not running":
        sys.stderr.write(f"{STOPPED.get(how, '{0} ' + how).format(agent.agent_id)}\n")
    tell_kept(agent)
    if named or how != "was not running":
        _tell_left(agent)
    for task_id in hit:
        task = tasks.read(task_id)
        if tasks.ended(task) and task["status"] is not Step.DONE:
            sys.stderr.write(f"task {task_id} {task['status']}: {task['error']}\n")
    for task_id in waiting:
        sys.stderr.write(f"task {task_id} is queued and will restart it; cancel with: flowloom cancel {task_id}\n")


def tell_kept(agent: Agent) -> None:
    """Say where the draft is that stood in a stopped agent's box."""
    if agent.kept:
        sys.stderr.write(f"the draft in its box is kept, at the end of {agent.kept}\n")


def _tell_left(agent: Agent) -> None:
    left = stopping.left_running(agent)
    if left:
        named = ", ".join(f"{shorten(command, 60)} (process {pid})" for pid, command in left)
        pids = " ".join(str(pid) for pid, _ in left)
        sys.stderr.write(f"{agent.agent_id} left running: {named}; end with: kill {pids}\n")
