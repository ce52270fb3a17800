"""What a task waits for and since when: recorded where every command can read it."""

from __future__ import annotations

from flowloom.clock import SYSTEM
from flowloom.errors import LockHeld
from flowloom.store.log import log
from flowloom.tasks.steps import Step
from flowloom.transports.paste.held_up import PASSING
from flowloom.turns import limits, questions, spool, status
from flowloom.turns.states import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from flowloom.agents.agent import Agent
    from flowloom.clock import Clock
    from flowloom.errors import FlowLoomError
    from flowloom.providers.protocol import Question
    from flowloom.tasks.record import Task
    from flowloom.turns.record import HeldUp, Status

    # Where a task is, for who waits for it: finer than its step, which is written down.
    Phase = Literal[
        "waiting",
        "in line",
        "starting",
        "delivering",
        "blocked",
        "working",
        "parked",
        "settling",
        "with a person",
        "out of reach",
        "ended",
    ]

# How long a step may wait for a wake-up before it looks by itself. Only what no
# hook reports depends on it: Esc, deaths, dialogs at the start.
LOOK_AGAIN_S = 1.0
# An obstacle that lasts less than this is neither shown nor written down.
SAY_AFTER_S = 1.0
# An obstacle that normally passes by itself is shown after this time.
PASSES_S = 5.0


class View:
    """What a person waiting for a task can be told now.

    `waits_for` says what the task waits for, in every phase but `ended`, and
    `since` since when, as a time of day. `says` is the same where it is worth a
    line of its own: something holds the task up.
    """

    def __init__(self, task: Task, now: Status | None) -> None:
        self.task = task
        self.agent = now
        self.phase: Phase = "waiting"
        self.ahead = 0
        self.question: Question | None = now["question"] if now else None
        self.says = ""
        self.waits_for = ""
        self.since = task["created"]
        self.began_anew = ""
        self.screen = ""
        self.ended = False
        self.provisional = False
        # Why the task cannot be carried on, or not now; the task itself has not failed.
        self.error: FlowLoomError | None = None
        self.again_s = LOOK_AGAIN_S


class Wait:
    """The wait of one task, from one look to the next."""

    def __init__(self, agent: Agent, task_id: str, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self.agent = agent
        self.task_id = task_id
        self._for = ""
        self._for_since = self._since = clock.wall_s()
        self._kept = ""

    def tell(self, view: View) -> None:
        """Complete a view: what its task waits for and since when, and whether that is worth a line."""
        if view.ended:
            return
        held_up, now_s = view.waits_for, self._clock.wall_s()
        view.waits_for = held_up or view.says or reason(view, now_s)
        if view.waits_for != self._for:
            # Something short came between two looks at the same obstacle: its age is that of the whole wait.
            passes = held_up in PASSING or self._for in PASSING
            self._since = self._since if held_up and self._for and passes else now_s
            self._for, self._for_since = view.waits_for, now_s
        view.since = self._since if held_up else since(view, self._since)
        lasts = now_s - self._since >= SAY_AFTER_S
        if held_up and (held_up not in PASSING or now_s - self._for_since >= PASSES_S):
            view.says = held_up
        self._keep(held_up if held_up and lasts else "")

    def over(self) -> None:
        """Remove the note of what held the task up: it is delivered, has ended, or is carried by another process."""
        self._keep("")

    def _keep(self, text: str) -> None:
        """Note with the agent what holds its next task up; written only when that changes."""
        if text == self._kept:
            return
        self._kept = text
        held_up: HeldUp | None = {"task": self.task_id, "why": text, "since": round(self._since, 3)} if text else None
        try:
            with spool.lock(self.agent.ref):
                now = self.agent.status()
                kept = now["held_up"]
                if held_up or (kept is not None and kept["task"] == self.task_id):
                    status.note(self.agent.ref, now, held_up=held_up)
        except (OSError, LockHeld) as error:
            # Only other commands read this; the wait itself works without it.
            log("error", "waiting", f"what holds it up is not noted: {error}", task=self.task_id)


def reason(view: View, now_s: float) -> str:
    """Return what a task waits for where nothing holds it up."""
    name = view.task["agent_id"].partition("@")[0]
    asked = view.question
    if asked is not None and view.agent is not None and view.agent["status"] is State.BLOCKED:
        return f"an answer to {name} ({questions.words(asked)})"
    if view.task["until"] and view.task["status"] is Step.PARKED:
        return limits.waits_for(view.task["until"], now_s)
    if view.task["status"] is Step.UNKNOWN:
        return f"a person to look: {view.task['error']}"
    reasons: dict[Phase, str] = {
        "in line": f"{view.ahead} ahead of it in line",
        "starting": f"{name} to start",
        "delivering": f"{name} to take it",
        "blocked": f"an answer to {name}",
        "parked": f"the background work of {name}",
        "settling": f"the end of the turn of {name}",
        "with a person": f"the next message of {name} in its window",
        "waiting": "the process that already handles it",
    }
    return reasons.get(view.phase, f"the reply of {name}")


def since(view: View, first_seen: float) -> float:
    """Return since when a task is in its phase, as it is written down; `first_seen` is when this process saw it."""
    now, task = view.agent, view.task
    if view.phase in ("in line", "waiting"):
        return task["created"]
    if view.phase in ("starting", "blocked") and now is not None:
        return now["since"]
    if task["status"] in (Step.CREATED, Step.TYPED, Step.PASTED):
        return first_seen
    return task["journal"][-1]["at"] if task["journal"] else first_seen
