"""What an agent is busy with, before a command ends it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from flowloom.agents.agent import Agent, named
from flowloom.cli.output import say
from flowloom.clock import wall_s
from flowloom.delegation import ask
from flowloom.errors import FlowLoomError
from flowloom.queue import line
from flowloom.store import projects, state_folder
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.terminal.durations import age
from flowloom.turns import parking
from flowloom.turns.states import NO_PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowloom.turns.record import Status


Thing = TypeVar("Thing")


def working_on(now: Status) -> list[str]:
    """Return the tasks that an agent has in its hands."""
    turn, waiting = now["turn"], [entry["task"] for entry in parking.entries(now)]
    found = [turn["task"] if turn else None, *waiting, now["delivering"], *now["queued"]]
    return list(dict.fromkeys(task_id for task_id in found if task_id))


def in_line(agent: Agent) -> list[str]:
    """Return the tasks that a process waits for and that are still to be given to an agent, first in line first.

    A task that its agent has keeps its place until it has ended, parked or not.
    """
    found = [tasks.find(task_id) for task_id in line.standing(agent.ref)]
    return [task["task_id"] for task in found if task and task["status"] in (Step.CREATED, Step.TYPED, Step.PASTED)]


def busy_with(now: Status) -> str:
    """Say what keeps an agent busy; nothing where it is free."""
    if now["status"] in NO_PROGRAM:
        return ""
    mine = working_on(now)
    if mine:
        return f"it is working on task {', '.join(mine)} ({now['status']} for {age(wall_s() - now['since'])})"
    if now["turn"] is not None:
        return "you are using its window"
    return "it has background work running" if now["background"] else ""


def started(names: Sequence[str]) -> list[Agent]:
    """Return the agents with these names, each once.

    Raises:
        NoSuchAgent: one of them was never started; nothing was done to any.
    """
    found = {agent.agent_id: agent for agent in (named(name, projects.here()) for name in names)}
    for agent in found.values():
        ask.refuse_unstarted(agent)
    return list(found.values())


def each_of(things: Sequence[Thing], do: Callable[[Thing], None]) -> int:
    """Do something to each of several; what fails for one is told, the others still have their turn.

    Return the exit code: that of the last failure.

    Raises:
        FlowLoomError: there is only one, and it failed.
    """
    code = 0
    for thing in things:
        try:
            do(thing)
        except (FlowLoomError, OSError) as error:
            known = state_folder.trouble(error) if isinstance(error, OSError) else error
            if len(things) == 1 or known is None:
                raise
            say(known)
            code = known.exit_code
    return code


def agreed(question: str) -> bool:
    """Ask a yes-or-no question on the terminal; Enter means no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
