"""From the agent's empty box to its receipt: what a delivery means for the task's journal.

How the text gets there is the transport's. Who delivers holds the first place in line (`queue.line`), so no other
process does; the agent's lock is taken only to write.
"""

from __future__ import annotations

from flowloom.clock import SYSTEM
from flowloom.queue import line
from flowloom.store import files, layout
from flowloom.store.log import log
from flowloom.tasks import frame
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.transports.paste import held_up
from flowloom.transports.paste.transport import Paste
from flowloom.transports.text import Text
from flowloom.turns import observed, receipts, reported, spool, status, task_lock
from flowloom.turns.states import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from flowloom.agents.agent import Agent
    from flowloom.clock import Clock
    from flowloom.config.settings import Settings
    from flowloom.ports.tmux.formats import Look
    from flowloom.providers.protocol import Question
    from flowloom.tasks.record import Task
    from flowloom.transports.protocol import AgentWindow, Ledger, Transport
    from flowloom.turns.record import Status


class Delivery:
    """One attempt to bring a task to its agent. `step` is called until the task is accepted or unknown."""

    def __init__(
        self,
        agent: Agent,
        task_id: str,
        settings: Settings,
        *,
        clock: Clock = SYSTEM,
        transport: Callable[[AgentWindow, Ledger, float, Clock], Transport] = Paste,
    ) -> None:
        self.agent = agent
        self.task_id = task_id
        self.waits_for = ""
        self.sent_as = 0  # `seq` of the status with which this step has sent the text, 0 where it has not
        self._task: Task
        self.transport = transport(agent, self, settings.typing_pause_s, clock)
        self._for_another: Callable[[str], Delivery] = lambda task_id: Delivery(
            agent, task_id, settings, clock=clock, transport=transport
        )
        self._instead: Delivery | None = None

    @property
    def again_s(self) -> float:
        """Return how soon the next step is worth while, in seconds."""
        return self.transport.again_s

    @property
    def only_waits(self) -> bool:
        """Tell whether a fresh look at the window would tell nothing yet."""
        return self.transport.only_waits

    def step(self, task: Task, now: Status, look: Look) -> Task:
        """Do what the window allows now and return the task as it is then.

        `waits_for` says what the task waits for, and is never empty afterwards.
        """
        self._task, self.sent_as = task, 0
        if task["status"] is Step.CREATED:
            self.waits_for = self._not_yet(now, look) or self.transport.ready(now, look)
            if not self.waits_for:
                self.waits_for = self._send(task, now, look)
        elif task["status"] in (Step.TYPED, Step.PASTED):
            self.waits_for = self._await_receipt(task, now, look)
        else:
            self.waits_for = f"it is {task['status']}"
        if self.waits_for in held_up.PASSING:
            self.waits_for = self.transport.stuck or self.waits_for
        return self._task

    # What the transport tells.

    def note(self, fact: str) -> None:
        """Note a fact on the task."""
        with self._hold() as task:
            tasks.note_fact(task, fact)
            self._task = task

    def _hold(self) -> task_lock.hold:
        """Hold the task and its agent: what is to be done is decided again then, another process can have moved it."""
        return task_lock.hold(self.task_id, self.agent.ref)

    def unsent(self, task_id: str) -> None:
        """Give a task back whose text is taken out of the box.

        One that counts as unknown has no process any more that would deliver it.
        """
        known = tasks.find(task_id)
        if known is None or known["agent_id"] != self.agent.agent_id:
            return
        with task_lock.hold(task_id) as left:
            if left["status"] in (Step.TYPED, Step.PASTED):
                tasks.note_step(left, Step.CREATED, "found unsent in the box, and taken out of it")
            elif left["status"] is Step.UNKNOWN:
                tasks.note_step(left, Step.INTERRUPTED, "found unsent in the box, and taken out of it; ask again")

    def blocked(self, question: Question) -> None:
        """Take the agent for blocked on a question that its window shows."""
        with spool.lock(self.agent.ref):
            observed.dialog(self.agent.ref, self.agent.status(), question)

    # The steps.

    def _not_yet(self, now: Status, look: Look) -> str:
        """Return why nothing may be sent whatever the window shows; empty where it may."""
        if self._another_is_handed_over(now, look):
            return held_up.ANOTHER
        if now["status"] not in (State.IDLE, State.PARKED):
            return f"its agent is {now['status']} ({now['why']})"
        return ""

    def _another_is_handed_over(self, now: Status, look: Look) -> bool:
        """Tell whether a living process is at another task's text; act in place of one that is stopped.

        A process that takes up a task whose waiter died gets its former place, which can
        be before one that is being delivered.
        """
        other = tasks.find(now["delivering"])
        if other is None or other["task_id"] == self.task_id or other["status"] not in (Step.TYPED, Step.PASTED):
            return False
        if not line.waited_for(self.agent.ref, other["task_id"]):
            return False
        if not line.stopped(self.agent.ref, other["task_id"]):
            self._instead = None
        elif self._instead is None or self._instead.task_id != other["task_id"]:
            # It can be on the very point of sending: from here on, its text is refused when it runs again.
            self._instead = self._for_another(other["task_id"])
            self.transport.claim(text_of(other["task_id"]), now)
        else:
            self._instead.step(other, now, look)
        return True

    def _send(self, task: Task, now: Status, look: Look) -> str:
        """Hand the task's text to the transport; return what is waited for next.

        Anything can happen between the step `typed` and the submission: we can be stopped there, and others go first.
        """
        agent, text = self.agent, text_of(self.task_id)
        if not tasks.prompt_kept(task):
            why = f"{layout.prompt(self.task_id)} is gone or was changed; nothing was sent"
            with self._hold() as mine:
                tasks.note_step(mine, Step.FAILED, why)
                self._task = mine
            return why
        first = frame.first_line(self.task_id, task["asker"], prompt_path=receipts.prompt_path(task))
        files.write(text.first_path, first.encode(), durable=False)
        files.write(text.body_path, frame.body(self.task_id, tasks.prompt_of(task)).encode(), durable=False)
        with self._hold() as mine:
            fresh, self._task = agent.status(), mine
            if fresh["seq"] != now["seq"] or mine["status"] is not Step.CREATED:
                return held_up.MOVED  # look again
            tasks.note_step(mine, Step.TYPED, "its text is being sent")
            status.note(agent.ref, fresh, delivering=self.task_id)
            seq = fresh["seq"]
        came_to = self.transport.submit(text, now, look)
        with self._hold() as mine:
            self._task = mine
            if came_to == "moved":
                tasks.note_step(mine, Step.CREATED, "another text was put into the window first")
                return held_up.MOVED
            if came_to == "refused":
                tasks.note_step(mine, Step.CREATED, "the window takes no input")
                return "its window takes no input"
            tasks.note_step(mine, Step.PASTED, "its text is in the input box")
            if mine["status"] is Step.CREATED:
                return held_up.MOVED  # we were stopped meanwhile, and another process took it out of the box
        self.sent_as = seq
        return held_up.RECEIPT

    def _await_receipt(self, task: Task, now: Status, look: Look) -> str:
        """See to a text that is out; decide about one that was not confirmed, by what is known of it."""
        text, whole = text_of(self.task_id), task["status"] is Step.PASTED
        if self.agent.provider().dialect.RECEIPT == "transcript" and self._conclude(now, look, None, ""):
            return held_up.RECEIPT
        why, evidence = self.transport.pursue(text, now, look, whole=whole)
        if evidence == "mixed":
            self._conclude(now, look, Step.CREATED, f"{held_up.MIXED}; both are kept")
        elif evidence == "absent":
            said = "neither the window nor the transcript shows it: nothing was sent"
            self._conclude(now, look, Step.CREATED, said)
        elif evidence == "unsure":
            self._conclude(now, look, Step.UNKNOWN, "it was typed, and the agent never confirmed it")
        elif evidence == "taken":
            self._take_for_accepted(now)
        elif evidence == "hidden" and not self._conclude(now, look, None, ""):
            return self.transport.uncover(now, look)
        return why

    def _take_for_accepted(self, now: Status) -> None:
        """Accept a task whose program gives no receipt: its text was submitted, and stands in the box no more."""
        why = "submitted, and gone from the box; its program confirms no prompt"
        with self._hold() as task:
            fresh, self._task = self.agent.status(), task
            # The end of its turn can have been reported since the look.
            if fresh["seq"] == now["seq"] and task["status"] is Step.PASTED:
                observed.found_accepted(self.agent.ref, fresh, task, why)

    def _conclude(self, now: Status, look: Look, step: Step | None, why: str) -> bool:
        """Move a delivery that was not confirmed to `step`, or to accepted where the transcript has its text.

        Return whether it was moved, by this or by something else meanwhile.
        """
        accepted = reported.in_transcript(now["transcript"], self.task_id)
        if step is None and not accepted:
            return False
        with self._hold() as task:
            fresh, self._task = self.agent.status(), task
            if fresh["seq"] != now["seq"] or task["status"] not in (Step.TYPED, Step.PASTED):
                return True
            if accepted:
                observed.found_accepted(self.agent.ref, fresh, task)
            elif step is not None:
                tasks.note_step(task, step, why)
            if step is Step.UNKNOWN and not accepted:
                status.note(self.agent.ref, fresh)
                log("warning", "delivery", why, task=self.task_id, screen=look.screen[-2000:])
        return True


def judge_dead(agent: Agent, task_id: str, now: Status) -> None:
    """Decide about a text that an agent had in its box, or just submitted, when it died: its transcript tells which."""
    accepted = reported.in_transcript(now["transcript"], task_id)
    with task_lock.hold(task_id) as task:
        if agent.status()["seq"] != now["seq"]:
            return  # its receipt came late, or it was started again: look again
        why = f"the agent died while it worked on it ({now['why']})" if accepted else "the agent died before it had it"
        tasks.note_step(task, Step.FAILED if accepted else Step.CREATED, why)


def dialog_gone(agent: Agent, now: Status, look: Look) -> None:
    """Free an agent that was blocked by a question on its screen, once the box stands there again."""
    if now["question"] and now["question"]["call"]:
        return  # a permission: its own hooks, or its session, will tell
    if agent.read_screen(look)["kind"] == "box":
        with spool.lock(agent.ref):
            observed.box(agent.ref, agent.status())


def text_of(task_id: str) -> Text:
    """Return a task's text as this process would send it."""
    return Text(task_id, line.typed(task_id))
