"""An agent's lock that another process holds and does not let go of, as the wait for a task sees it."""

from __future__ import annotations

from flowloom.clock import SYSTEM
from flowloom.store import state_folder
from flowloom.turns import payloads, spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.clock import Clock
    from flowloom.store.layout import AgentRef

# How often it is looked whether reports of hooks are still stored, which is how a held lock shows.
LOOK_AGAIN_S = 0.5
# A task in line looks at the lock when it is woken.
LONG_S = 3600.0
# A process that holds the lock for longer than this is stopped, or hangs.
HELD_S = 1.0


class LockWatch:
    """Tells the wait for a task that its agent's lock is held: what the agent's hooks report is not heard meanwhile."""

    def __init__(self, agent: AgentRef, clock: Clock = SYSTEM) -> None:
        self._agent = agent
        self._clock = clock
        self._looked_at_s = clock.steady_s()
        self._since_s, self._by = clock.steady_s(), ""  # who holds it, in words, and since when that was so
        self._met = False
        self._behind: tuple[str, float] | None = None

    def meet(self) -> None:
        """Note that a step was refused the lock: the next ones do not begin while it is held."""
        self._met = True

    def refuse(self) -> None:
        """Let a step begin; to be asked before each.

        Raises:
            LockHeld: it would wait for the lock in vain.
        """
        at_s = self._clock.steady_s()
        if not self._met and at_s - self._looked_at_s < LOOK_AGAIN_S:
            return
        self._looked_at_s = at_s
        error = spool.refusal(self._agent) if self._met or payloads.names(self._agent) else None
        if error is None:
            self._met, self._by = False, ""
            return
        if str(error) != self._by:
            # Of several that hold it in turn, none is stopped.
            self._since_s, self._by = at_s, str(error)
        if self._met or at_s - self._since_s >= HELD_S:
            self._met = True
            raise error

    def behind(self) -> tuple[str, float]:
        """Return what holds up the tasks before ours in line, if it is this lock, and how soon to look again.

        A lock that is only busy, or not for long, is not told.
        """
        error, at_s = spool.refusal(self._agent), self._clock.steady_s()
        if error is None:
            self._behind = None
            return "", LONG_S
        if self._behind is None or self._behind[0] != str(error):
            self._behind = str(error), at_s
        told = state_folder.named(error) if at_s - self._behind[1] >= HELD_S else ""
        return told, HELD_S
