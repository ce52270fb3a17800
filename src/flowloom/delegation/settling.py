"""The end of a turn: its reply is there, and its session is idle again or goes on."""

from __future__ import annotations

from flowloom.clock import SYSTEM
from flowloom.turns import observed, spool
from flowloom.turns.states import NO_PROGRAM, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents.agent import Agent
    from flowloom.clock import Clock
    from flowloom.turns.record import Status

# A session that is not idle so long after its Stop was sent on by a Stop hook of the user's.
SETTLE_S = 0.3


class Settling:
    """One task's wait between its reply and the end of its turn."""

    def __init__(self, agent: Agent, task_id: str, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self.agent = agent
        self.task_id = task_id
        self._since_s = 0.0
        self._seq: int | None = None

    def over(self, now: Status) -> bool:
        """Tell whether the turn that brought the reply is really over: the session idle again."""
        if now["status"] in NO_PROGRAM:
            return True
        said = self.agent.session_says(now)
        if said != "busy":
            self._rest(now)
            return True
        turn = now["turn"]
        if turn is not None and turn["task"] != self.task_id:
            return True  # busy with something else already
        if now["seq"] != self._seq:
            self._seq, self._since_s = now["seq"], self._clock.steady_s()  # each Stop starts the time again
        elif now["status"] is State.IDLE and self._clock.steady_s() - self._since_s > SETTLE_S:
            with spool.lock(self.agent.ref):
                fresh = self.agent.status()
                if fresh["seq"] == now["seq"]:
                    observed.goes_on(self.agent.ref, fresh, "its session is still busy")
        return False

    def _rest(self, now: Status) -> None:
        """Take an agent that we held to go on after its Stop for idle again: its session says so."""
        turn = now["turn"]
        if now["status"] is State.WORKING and turn is not None and turn["task"] == self.task_id:
            with spool.lock(self.agent.ref):
                fresh = self.agent.status()
                if fresh["seq"] == now["seq"]:
                    observed.quiet(self.agent.ref, fresh, "its turn ended")
