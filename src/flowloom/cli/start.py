"""The command `start`, and the wait until an agent is ready."""

from __future__ import annotations

import select
import sys
from typing import TYPE_CHECKING

from flowloom.agents import folders, launch
from flowloom.agents.agent import Agent, named
from flowloom.agents.startup import Startup
from flowloom.cli import completion
from flowloom.cli.live import Live
from flowloom.cli.options import AGENT, flag, limit, offered, tell_unheeded, value
from flowloom.cli.program import Argument, command
from flowloom.clock import Deadline, steady_s
from flowloom.config import settings
from flowloom.errors import AgentFailed, Blocked, TimedOut
from flowloom.ports import git
from flowloom.store import files, layout
from flowloom.terminal.durations import age
from flowloom.turns.states import NO_PROGRAM, State

if TYPE_CHECKING:
    from flowloom.turns.record import Status

START_TIMEOUT_S = 120.0


@command(
    "start",
    AGENT,
    Argument("args", nargs=-1, required=False, metavar="ARGS", help="Arguments for the agent's program, after --."),
    value(
        "--provider",
        metavar="NAME",
        help="The agent's program: claude or echo.",
        **offered(completion.programs),
    ),
    value("--dir", "directory", metavar="DIR", help="Its working directory; default: the project."),
    flag("--trust", help="Accept Claude Code's trust prompt for that folder."),
    limit("How long to wait until it is ready", "default: 2m", START_TIMEOUT_S),
)
def start(
    name: str, args: tuple[str, ...], provider: str | None, directory: str | None, trust: bool, timeout: float
) -> int:
    """Start an agent in its own tmux window and wait until it is ready.

    Not needed before `flowloom ask` or Ctrl-G, which start it themselves.
    """
    root = git.project_root(layout.here())
    agent = named(name, layout.here())
    root = layout.project_root(agent.slug) or root
    place = folders.project_at(agent.slug, root, directory) if directory else root
    moved, root = place != root, place
    chosen = settings.load(root)
    tell_unheeded(chosen)
    launch.prepare(agent, chosen, root=root, provider=provider, directory=directory, args=list(args), trust=trust)
    if moved:
        layout.move_project(agent.slug, root)
        sys.stderr.write(f"the project {agent.slug} is in {root} from now on\n")
    before, _ = agent.reconcile()
    lost = launch.spawn(agent, chosen)
    if lost:
        sys.stderr.write(f"{lost}\n")
    now = await_ready(agent, Deadline(timeout))
    ran = before["status"] not in NO_PROGRAM and before["window_id"] == now["window_id"]
    is_now = f"was running already; it is {now['status']}" if ran else f"is {now['status']}"
    sys.stderr.write(f"{agent.agent_id} {is_now} (see it: flowloom attach {name})\n")
    return 0


def await_ready(agent: Agent, deadline: Deadline) -> Status:
    """Wait until an agent that was spawned is ready; a question on its screen is told at once."""
    startup = Startup(agent)
    told, began_s, live = "", steady_s(), Live("Ctrl-C stops waiting")
    wake_fd, wake_path = files.open_wake(agent.directory)
    try:
        while True:
            now, look = agent.reconcile()
            if now["status"] is State.OFFLINE:
                raise AgentFailed(
                    f"{agent.agent_id} did not come up: {now['why']}", hint=f"see: flowloom attach {agent.name}"
                )
            if now["up"] and now["status"] not in (State.STARTING, State.BLOCKED):
                return now
            question, says = startup.step(now, look) if look else (None, "")
            if says and says != told:
                told = says
                live.say(f"{agent.agent_id}: {says}\n")
            agreed = question and question["kind"] == "trust" and (agent.spec() or {}).get("trust")
            if question and not agreed and question["text"] != told:
                told = question["text"]
                live.say(f"{agent.agent_id} is blocked on {question['kind']}: {told}\n")
                live.say(f"  {question['how']}: flowloom attach {agent.name}\n")
            if deadline.over():
                if question:
                    raise Blocked(
                        f"{agent.agent_id} is blocked on {question['kind']}", hint=f"flowloom attach {agent.name}"
                    )
                why = f": {says}" if says else ""
                raise TimedOut(f"{agent.agent_id} is not ready yet{why}", hint=f"flowloom attach {agent.name}")
            if startup.ready:
                return agent.status()
            waits_for = f"blocked on {question['kind']}" if question else "starting"
            live.draw(f"{agent.agent_id}  {waits_for} {age(steady_s() - began_s)}")
            select.select([wake_fd], [], [], deadline.within_s(startup.again_s))
            files.drain_wake(wake_fd)
    finally:
        live.clear()
        files.close_wake(wake_fd, wake_path)
