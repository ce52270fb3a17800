"""A running turn, and whether anything that a step reads has changed since the last one: mostly nothing has."""

from __future__ import annotations

import os
import select

from flowloom.clock import SYSTEM
from flowloom.store import layout
from flowloom.turns import whereabouts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents.agent import Agent
    from flowloom.clock import Clock
    from flowloom.delegation.waiting import View
    from flowloom.turns.record import Status

    Stamp = tuple[int, int, int]

# For so long a turn is believed to run on without a look at its window.
BELIEVED_S = 60.0


class RunningTurn:
    """The running turn of a task, as the last step saw it; tells whether another step would see anything else.

    It costs three `stat` calls and a look at the agent's process. A step costs ten times
    that, and its look at the window is a process of tmux.
    """

    def __init__(self, agent: Agent, task_id: str, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._agent = agent
        self._paths = [layout.task(task_id), layout.status(agent.ref)]
        self._session = ""
        self._before: list[Stamp | None] = []
        self._kept: list[Stamp | None] = []
        self._view: View | None = None
        self._now: Status | None = None
        self._until_s = 0.0

    def view(self, wake_fd: int) -> View | None:
        """Return the view of the step that was kept, if nothing has changed since; to be asked before every step."""
        rung = bool(select.select([wake_fd], [], [], 0)[0])
        self._before = [_stamp(path) for path in (*self._paths, self._session)]
        same = not rung and self._before == self._kept and self._clock.steady_s() < self._until_s
        return self._view if same and self._now and whereabouts.life(self._now) == "runs" else None

    def keep(self, view: View, now: Status, looked_at_s: float) -> None:
        """Keep what a step has seen, where the agent's program says that the turn is running."""
        path = self._agent.works(now)
        # The first time, the file was not among those that `view` looked at before the step: the next step keeps it.
        self._view = view if path and path == self._session else None
        self._session, self._kept, self._now = path, self._before, now
        self._until_s = looked_at_s + BELIEVED_S


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
