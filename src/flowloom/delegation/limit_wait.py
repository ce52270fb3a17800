"""A parked task: the wait for background work, or for a usage limit to reset, as the agent's window shows it."""

from __future__ import annotations

from flowloom.clock import SYSTEM
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import limits, parking, spool, task_lock
from flowloom.turns.states import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents.agent import Agent
    from flowloom.clock import Clock
    from flowloom.ports.tmux.formats import Look
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status

# The window shows within a second what Claude Code will do; one that shows nothing of it for so long does nothing.
SHOWN_S = 6.0
# It continues up to 95 s after the reset, in steps of a minute.
LATE_S = 300.0
# Background work that is over starts a turn of its own 70 ms later; one that a person's turn took up never does.
UNPARK_S = 5.0


class LimitWait:
    """One task's wait for a reset."""

    def __init__(self, agent: Agent, pause_s: float, clock: Clock = SYSTEM) -> None:
        self.agent = agent
        self._clock = clock
        self.pause_s = pause_s
        self._asks, self._asks_since_s = "", 0.0
        self._unseen_since_s = 0.0
        self._waited = False

    def carry(self, task: Task, now: Status, look: Look | None) -> str:
        """Do a step for the task that waits; one that its agent does not wait for any more is over."""
        if parking.of(now, task["task_id"]):
            return self.step(now, look)
        with task_lock.hold(task["task_id"]) as fresh:
            if fresh["status"] is Step.PARKED and not parking.of(self.agent.status(), task["task_id"]):
                tasks.note_step(fresh, Step.INTERRUPTED, "its agent no longer waits for its usage limit; ask again")
        return ""

    def step(self, now: Status, look: Look | None) -> str:
        """Return what is waited for; end the task where the window shows that it will not be continued."""
        at_s, now_s = limits.until(now), self._clock.wall_s()
        shown = self.agent.provider().screen.limit(look.screen) if look is not None else ""
        free = now["status"] in (State.PARKED, State.IDLE)
        # Below an empty box it would say so. Behind a transcript or a menu of a person's it says nothing.
        hidden = look is None or (not shown and now_s < at_s + LATE_S and not self._empty_box(look))
        if shown == "waits" or hidden or not free:
            self._unseen_since_s = 0.0
            self._waited = self._waited or shown == "waits"
            return limits.waits_for(at_s, now_s)
        if look is not None and shown == "asks":
            if not self._left_alone(look):
                return "the dialog of its usage limit to be answered; a person may be reading it in its window"
            # Its dialog offers to stop, which is what this comes to; left open it would hold up the next task.
            # Where something has moved since the look, the key would reach what came after it.
            if self._give_up(now, Step.FAILED, "the agent does not continue by itself"):
                self.agent.tmux(now).press(now["pane_id"] or "", "Escape", stamp=look.stamp)
            return ""
        self._unseen_since_s = self._unseen_since_s or self._clock.steady_s()
        over = self._clock.steady_s() - self._unseen_since_s >= SHOWN_S
        if over and self.agent.session_says(now) != "busy" and not (at_s < now_s < at_s + LATE_S and limits.until(now)):
            # Once cancelled, it is not offered again for this limit.
            if self._waited or shown == "cancelled":
                self._give_up(now, Step.INTERRUPTED, "its automatic continue was cancelled in its window")
            else:
                self._give_up(now, Step.FAILED, "the agent does not continue by itself")
        return limits.waits_for(at_s, now_s)

    def _left_alone(self, look: Look) -> bool:
        """Tell whether its dialog has looked the same for the pause that a person's reading may take."""
        if look.screen != self._asks:
            self._asks, self._asks_since_s = look.screen, self._clock.steady_s()
        return self._clock.steady_s() - self._asks_since_s >= self.pause_s

    def _empty_box(self, look: Look) -> bool:
        screen = self.agent.read_screen(look)
        return screen["kind"] == "box" and not screen["draft"]

    def _give_up(self, seen: Status, step: Step, why: str) -> bool:
        """End the task and the wait; return False where something has moved since the look."""
        with spool.lock(self.agent.ref):
            now = self.agent.status()
            if now["seq"] != seen["seq"] or not limits.until(now):
                return False
            again = limits.ask_again(limits.until(now), self._clock.wall_s())
            limits.give_up(self.agent.ref, now, step, f"the usage limit was reached; {why}; {again}")
            return True

    def background_left_s(self, task: Task, now: Status, park_s: float) -> float:
        """Return how long a task's background work is waited for still; complete it where that has ended unheard."""
        parked = now["status"] is State.PARKED and self._clock.elapsed_s(now["last_active"]) > UNPARK_S
        if parked and self.agent.session_says(now) != "busy":
            self.agent.unpark(task["task_id"])
        return park_s - self._clock.elapsed_s(task["journal"][-1]["at"])
