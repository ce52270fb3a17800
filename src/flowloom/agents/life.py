"""The one owner of an agent's life: who needs an agent that runs calls `ensure_up`, and nothing else starts one."""

from __future__ import annotations

import time

from flowloom.agents import folders, launch
from flowloom.agents.restart_policy import Decision, recent, restart_policy
from flowloom.agents.startup import Startup
from flowloom.clock import SYSTEM
from flowloom.errors import AgentFailed
from flowloom.turns import spool, status
from flowloom.turns.observed import LAST
from flowloom.turns.states import NO_PROGRAM, Event, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from flowloom.agents.agent import Agent
    from flowloom.clock import Clock
    from flowloom.config.settings import Settings
    from flowloom.ports.tmux.formats import Look
    from flowloom.providers.protocol import Question
    from flowloom.turns.record import Status

    # Makes sure that an agent's working directory is there and returns it; called each time before its program starts,
    # perhaps by two processes at once, of which one then starts it.
    Workplace = Callable[[Agent], str]

# While an agent is in backoff, others may start it.
LOOK_AGAIN_S = 1.0


class UpResult:
    """What `ensure_up` did: `began_anew` says why the conversation is empty, `again_at` when it may start again."""

    def __init__(self, *, began_anew: str = "", again_at: float = 0.0) -> None:
        self.began_anew = began_anew
        self.again_at = again_at


def ensure_up(
    agent: Agent,
    settings: Settings,
    *,
    by_person: bool = False,
    workplace: Workplace = folders.ensure,
    clock: Clock = SYSTEM,
) -> UpResult:
    """Start an agent's program unless it runs, and return before it is ready.

    One that has died again is in backoff until `UpResult.again_at`, and one that has died too
    often has failed; a person who starts it by name (`by_person`) overrides both.

    Raises:
        AgentFailed: it has died too often.
        ConversationOpen: another program has its conversation open.
        FolderGone: its folder no longer exists.
        TmuxFailed: its window could not be opened.
        FlowLoomError: its program is not installed.
    """
    if not by_person:
        again_at = _held_back(agent, clock)
        if again_at:
            return UpResult(again_at=again_at)
    if agent.status()["status"] not in NO_PROGRAM:
        return UpResult()
    return UpResult(began_anew=launch.spawn(agent, settings, workplace(agent)))


def _held_back(agent: Agent, clock: Clock) -> float:
    """Return the time of day before which an agent does not start again, 0 where it may; record what holds it back.

    Raises:
        AgentFailed: it has died too often.
    """
    with spool.lock(agent.ref):
        now, now_s = agent.status(), clock.wall_s()
        decision, until_s = restart_policy(now["deaths"], now_s)
        if now["status"] not in NO_PROGRAM or decision is Decision.START:
            return 0.0
        count, last = len(recent(now["deaths"], now_s)), now["why"].rpartition(LAST)[2]
        if decision is Decision.WAIT:
            if now["status"] is not State.BACKOFF:
                at = time.strftime("%H:%M:%S", time.localtime(until_s))
                why = f"died {count} times, starts again at {at}{LAST}{last}"
                status.apply(agent.ref, now, Event.DELAY, why=why, source="policy", again_at=until_s)
            return until_s
        why = f"died {count} times within two minutes{LAST}{last}"
        if now["status"] is not State.FAILED:
            status.apply(agent.ref, now, Event.GIVE_UP, why=why, source="policy", again_at=0.0)
    hint = f"look at its window: flowloom attach {agent.name}; start it: flowloom start {agent.name}"
    raise AgentFailed(f"{agent.agent_id} {why}", hint=hint)


class BringUp:
    """Brings an agent up for whoever waits for it: starts it as soon as it may start, and watches it until it is ready.

    After a step, `waits_for` says what keeps it from starting, `question` what stands on
    its screen, `says` what takes too long, and `again_s` when to look again.
    """

    def __init__(
        self,
        agent: Agent,
        settings: Settings,
        *,
        by_person: bool = False,
        workplace: Workplace = folders.ensure,
        clock: Clock = SYSTEM,
    ) -> None:
        self.agent = agent
        self.settings = settings
        self.by_person = by_person
        self.workplace = workplace
        self.clock = clock
        self.started = False
        self.began_anew = ""
        self.question: Question | None = None
        self.waits_for = self.says = ""
        self._startup = Startup(agent, clock)
        self.again_s = self._startup.again_s

    def step(self, now: Status, look: Look | None) -> bool:
        """Do what can be done now for an agent that does not run or is not ready; tell whether it has become ready.

        Raises:
            what `ensure_up` raises.
        """
        self.question, self.says, self.waits_for = None, "", ""
        if now["status"] in NO_PROGRAM:
            self._ensure_up()
            return False
        if look is not None:
            self.question, self.says = self._startup.step(now, look)
        self.again_s = self._startup.again_s
        return self._startup.ready

    def _ensure_up(self) -> None:
        up = ensure_up(self.agent, self.settings, by_person=self.by_person, workplace=self.workplace, clock=self.clock)
        if up.again_at:
            self.waits_for = f"{self.agent.name} {self.agent.status()['why']}"
            self.again_s = min(LOOK_AGAIN_S, max(0.0, up.again_at - self.clock.wall_s()))
            return
        self.started, self.began_anew = True, up.began_anew or self.began_anew
        self._startup = Startup(self.agent, self.clock)
        self.again_s = self._startup.again_s
