"""The command `start`, and the wait until an agent is ready."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowloom.agents import folders, launch, life
from flowloom.agents.agent import Agent, named
from flowloom.cli import completion
from flowloom.cli.live import LiveLine
from flowloom.cli.options import AGENT, flag, limit, offered, tell_unheeded, value
from flowloom.cli.program import Argument, command
from flowloom.clock import Deadline, steady_s
from flowloom.config import settings as config
from flowloom.errors import AgentFailed, Blocked, FlowLoomError, TimedOut
from flowloom.ports import git
from flowloom.store import layout, projects
from flowloom.store.bell import Bell
from flowloom.terminal.durations import age, span
from flowloom.turns import questions
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
    root = git.project_root(projects.here())
    agent = named(name, projects.here())
    root = projects.root_of(agent.slug) or root
    place = folders.project_at(agent.slug, root, directory) if directory else root
    moved, root = place != root, place
    settings = config.load(root)
    tell_unheeded(settings)
    launch.prepare(agent, settings, root=root, provider=provider, directory=directory, args=list(args), trust=trust)
    if moved:
        projects.move(agent.slug, root)
        sys.stderr.write(f"the project {agent.slug} is in {root} from now on\n")
    before, _ = agent.reconcile()
    now = await_ready(agent, settings, Deadline(timeout))
    ran = before["status"] not in NO_PROGRAM and before["window_id"] == now["window_id"]
    is_now = f"was running already; it is {now['status']}" if ran else f"is {now['status']}"
    sys.stderr.write(f"{agent.agent_id} {is_now} (see it: flowloom attach {name})\n")
    return 0


def await_ready(agent: Agent, settings: config.Settings, deadline: Deadline) -> Status:
    """Start an agent unless it runs, and wait until it is ready; a question on its screen is told at once."""
    up, tell = life.BringUp(agent, settings, by_person=True), _Told(agent, deadline)
    bell = Bell(layout.agent_dir(agent.ref))
    try:
        while True:
            now, look = agent.reconcile()
            if now["status"] in NO_PROGRAM and up.started:
                raise AgentFailed(
                    f"{agent.agent_id} did not come up: {now['why']}", hint=f"see: flowloom attach {agent.name}"
                )
            if now["up"] and now["status"] not in (State.STARTING, State.BLOCKED):
                return now
            ready = up.step(now, look)
            tell(up)
            if deadline.over():
                raise _not_ready(agent, up)
            if ready:
                return agent.status()
            bell.wait(deadline.within_s(up.again_s))
    finally:
        tell.live.clear()
        bell.close()


class _Told:
    """What a person is told of a start, each thing once, and a line that says how long it takes."""

    def __init__(self, agent: Agent, deadline: Deadline) -> None:
        self.deadline = deadline
        self.agent_id, self.name = agent.agent_id, agent.name
        self.trusted = bool((agent.spec() or {}).get("trust"))
        self.live, self.began_s = LiveLine("Ctrl-C stops waiting"), steady_s()
        self.told = ""

    def __call__(self, up: life.BringUp) -> None:
        question = up.question
        if question and not (question["kind"] == "trust" and self.trusted):
            attach = f"  {question['how']}: flowloom attach {self.name}\n"
            left_s = self.deadline.left_s()
            limit = "" if left_s is None else f" for up to {span(round(left_s))}"
            attach += f"  waiting for the answer{limit}; Ctrl-C stops waiting\n"
            self._say(question["text"], questions.blocked_on(self.agent_id, question), attach)
        for said in (up.began_anew, up.says and f"{self.agent_id}: {up.says}"):
            self._say(said, said)
        waits_for = f"blocked on {question['kind']}" if question else "starting"
        self.live.draw(f"{self.agent_id}  {waits_for} {age(steady_s() - self.began_s)}")

    def _say(self, what: str, said: str, more: str = "") -> None:
        if what and what not in self.told:
            self.told += f"{what}\n"
            self.live.say(f"{said}\n")
            if more:
                self.live.say(more)


def _not_ready(agent: Agent, up: life.BringUp) -> FlowLoomError:
    """Return the error for an agent that is not ready in time."""
    hint = f"flowloom attach {agent.name}"
    if up.question:
        asks = f"{agent.agent_id} is blocked on {up.question['kind']}, and was not answered in time"
        return Blocked(asks, hint=f"{up.question['how']}: {hint}")
    why = up.says and f": {up.says}"
    return TimedOut(f"{agent.agent_id} is not ready yet{why}", hint=hint)
