"""What wakes a task in line, and how often it looks by itself; only the next one listens to the agent."""

from __future__ import annotations

import os

from flowloom.delegation.waiting import LOOK_AGAIN_S, View
from flowloom.queue import line
from flowloom.store import layout
from flowloom.store.bell import Bell
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import spool, whereabouts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents.agent import Agent
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status

# How often a task in line looks by itself: the next one, and one far behind. A process that is killed rings no bell.
NEXT_AGAIN_S, LINE_AGAIN_S = 1.0, 30.0
# How often a process that waits with the one in line looks if that one was killed.
BESIDE_AGAIN_S = 3.0
# The further behind, the less often: from this many places on, every LINE_AGAIN_S.
FAR = 10


class LineWait:
    """The bell that one task's process listens to: its agent's or, with several tasks before it in line, its own."""

    def __init__(self, agent: Agent, task_id: str) -> None:
        self.agent = agent
        self.task_id = task_id
        self._agent_dir = layout.agent_dir(agent.ref)
        self.bell = Bell(self._agent_dir)
        self._stands = False
        self._tried = False

    def behind(self, task: Task, now: Status, ahead: int, passed: str) -> View:
        """Return the view of a task that stands behind others, and listen as fits its place.

        Otherwise every report of an agent would wake all processes in its line, and a
        hundred of them would look at each other twice a second.
        """
        view = View(task, now)
        if not self._stands:
            # Once, so that a caller that cannot reach the window learns it now and not when its turn comes.
            self._stands = True
            whereabouts.look(now)
        view.phase, view.ahead, view.says = "in line", ahead, passed
        moved = self._listen_to(self._agent_dir if ahead == 1 else layout.task_dir(self.task_id))
        view.again_s = NEXT_AGAIN_S if ahead == 1 else LINE_AGAIN_S * min(ahead, FAR) / FAR
        if moved:
            view.again_s = 0.0  # the new bell has missed what happened before it was there
        return view

    def beside(self, task: Task, now: Status) -> View:
        """Return the view of a task that another process carries."""
        if not self._tried:
            # Once, so that a caller learns now that the agent's lock cannot be used: a patient waiter would not tell.
            self._tried = True
            spool.refusal(self.agent.ref)
        view = View(task, now)
        stopped = line.stopped(self.agent.ref, self.task_id)
        if stopped:
            view.says = f"its own process {stopped} is stopped; continue it with fg, or: kill -CONT {stopped}"
        elif not task["left"] and not task["until"]:
            view.says = "another process already waits for it; waiting with it"
        in_line = task["status"] is Step.CREATED
        moved = self._listen_to(layout.task_dir(self.task_id) if in_line else self._agent_dir)
        view.again_s = 0.0 if moved else BESIDE_AGAIN_S if in_line else LOOK_AGAIN_S
        return view

    def first(self, place: line.Place) -> None:
        """Listen to the agent: the task is first in line; the one behind it is the next now."""
        if self._listen_to(self._agent_dir) or self._stands:
            self._stands = False
            place.wake_next()

    def _listen_to(self, directory: str) -> bool:
        """Wake up by the bell of a directory from now on; tell whether it was another one before."""
        if directory == self.bell.directory:
            return False
        self.close()
        self.bell = Bell(directory)
        return True

    def moved_since(self, task: Task, seq: int) -> bool:
        """Stop the bell that this process has rung itself; tell whether another one has moved the task or its agent.

        `task`, and `seq` of the status, are what this process has written. What is written later rings again.
        """
        self.bell.drain()
        return self.agent.status()["seq"] != seq or tasks.read(self.task_id)["journal"] != task["journal"]

    def close(self) -> None:
        """Take the bell down."""
        self.bell.close()
        if self.bell.directory != self._agent_dir and self.bell.path:
            try:
                os.rmdir(os.path.dirname(self.bell.path))
            except OSError:
                pass  # another process listens there, or the task was removed
