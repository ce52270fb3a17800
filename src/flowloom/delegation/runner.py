"""One task, carried from its place in line to its end.

`Runner.step` does what can be done now and returns what there is to see; it
never blocks for long, so that a caller can draw, read keys and wait between two
steps on `Runner.wake_fd` or for `View.again_s` seconds, whichever comes first.
"""

from __future__ import annotations

from flowloom.agents import life
from flowloom.agents.agent import Agent
from flowloom.clock import SYSTEM
from flowloom.delegation import ask, executors, handover, limit_wait
from flowloom.delegation.delivery import Delivery, dialog_gone, judge_dead
from flowloom.delegation.line_wait import LineWait
from flowloom.delegation.lock_watch import LockWatch
from flowloom.delegation.running_turn import BELIEVED_S, RunningTurn
from flowloom.delegation.settling import Settling
from flowloom.delegation.waiting import LOOK_AGAIN_S, View, Wait
from flowloom.delegation.whole_reply import WholeReply
from flowloom.errors import (
    ConversationOpen,
    DamagedFile,
    FlowLoomError,
    LockHeld,
    StateFailed,
    TmuxFailed,
    TmuxUnreachable,
)
from flowloom.queue import line
from flowloom.store import state_folder
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import ENDED, Step
from flowloom.turns import limits, spool, status, task_lock
from flowloom.turns.states import NO_PROGRAM, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.clock import Clock
    from flowloom.config.settings import Settings
    from flowloom.ports.tmux.formats import Look
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status

__all__ = ["Runner", "View"]

# After a Stop the session is idle 30 ms later, unless a Stop hook of the user's sends it on.
SETTLE_AGAIN_S = 0.004
# How often the transcript is looked at for the last part of a reply that passed the output limit.
WHOLE_AGAIN_S = 0.01
# How often the program is asked about its sessions, which is slow, where its session file says nothing.
THOROUGH_S = 2.0
# How often a tmux server that cannot be reached is tried again.
REACH_AGAIN_S = 2.0


class Runner:
    """Carries one task to its end; holds its place in line until `close`. A waiter has `inherited` it; -1 for none."""

    def __init__(
        self,
        task_id: str,
        settings: Settings,
        agent: Agent | None = None,
        *,
        inherited: int | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self.settings = settings
        self.task_id = task_id
        self._is_waiter = inherited is not None
        self._task = task = tasks.read(task_id)
        ref = tasks.agent_of(task)
        self.agent = agent if agent is not None and agent.ref == ref else Agent(ref)
        self.agent.load()
        if inherited is None or inherited < 0:
            self.place = line.enter(ref, task_id)
        else:
            self.place = line.adopt(ref, task_id, inherited)
        try:
            self._line_wait = LineWait(self.agent, task_id)
        except BaseException:
            if self.place is not None:
                self.place.leave()  # held by a process that does not carry it, it would keep every other one out
            raise
        self._delivery: Delivery | None = None
        self._clock = clock
        self._thorough_at_s = clock.steady_s()
        self._looked_at_s = 0.0
        self._seen: Look | None = None
        self._settling = Settling(self.agent, task_id, clock)
        self._start = life.BringUp(self.agent, settings, clock=clock)
        self._quiet_since_s: float | None = None
        self._wait = Wait(self.agent, task_id, clock)
        self.waits_on = self.failed = False
        self.shows_window = False  # set by a caller that shows what `View.screen` has
        self._running_turn = RunningTurn(self.agent, task_id, clock)
        self._whole = WholeReply(self.agent, clock)
        self._limit = limit_wait.LimitWait(self.agent, settings.typing_pause_s, clock)
        self._lock_watch = LockWatch(self.agent.ref, clock)

    @property
    def wake_fd(self) -> int:
        """What can be read once a step is due; it can change with each step."""
        return self._line_wait.bell.fd

    def wait_on(self) -> None:
        """Wait for what the agent says next, to a person in its window, after its task was interrupted."""
        self.waits_on = True
        with spool.lock(self.agent.ref):
            status.note(self.agent.ref, self.agent.status(), adopt=self.task_id)

    def close(self) -> None:
        """Give up the place in line and the wake-up pipe; an unfinished task gets a waiter of its own."""
        self._entrust()
        self._give_up_place()
        if self.waits_on:
            handover.adopt_no_more(self.agent.ref, self.task_id)
        self._line_wait.close()

    def _give_up_place(self) -> None:
        place, self.place = self.place, None
        if place is not None:
            place.leave()
        self._wait.over()

    def _entrust(self) -> None:
        """Leave a task that has not ended to a waiter, whatever ended the wait: a bug of ours, a Ctrl-C, tmux."""
        if self.place is None or self._is_waiter:
            return
        task = tasks.find(self.task_id)
        if task is not None and not tasks.ended(task) and task["status"] is not Step.UNKNOWN:
            self.leave()

    def leave(self) -> None:
        """Give the task to a process of its own that outlives this one, with its place in line."""
        place, self.place = self.place, None
        handover.to_waiter(self.task_id, place)

    def give_up(self, error: FlowLoomError, *, fails: bool) -> View:
        """Return the end of a task that cannot be carried on; where it `fails`, it has ended with the reason.

        Otherwise `close` leaves it to a waiter. One that another process carries is left
        alone. The view of a waiter's task has not `ended` while its end cannot be written.
        """
        view, mine = self._without_agent(error), self.place is not None
        failed = fails and mine and handover.fail(self.task_id, state_folder.named(error))
        kept = f"the task is kept: flowloom wait {self.task_id}, or flowloom cancel {self.task_id}"
        view.ended = failed or not (fails and mine and self._is_waiter)
        if view.ended:
            again = f"the task has failed: flowloom show {self.task_id}" if failed else kept
            error.hint = f"{error.hint}; {again}" if error.hint else again
            view.phase = "ended"
        self.failed = failed
        if failed:
            view.task = tasks.find(self.task_id) or view.task
            self._give_up_place()
        return view

    def held_up(self, error: FlowLoomError, *, again_s: float) -> View:
        """Return the view of a task that an error holds up, which is tried again; who comes behind is told."""
        if self.place is not None:
            self.place.say(str(error))
        view = self._without_agent(error)
        view.waits_for, view.again_s = state_folder.named(error), again_s
        return view

    def _without_agent(self, error: FlowLoomError) -> View:
        view = View(tasks.find(self.task_id) or self._task, None)
        view.error = error
        return view

    def step(self) -> View:
        """Do what can be done now and return what there is to see.

        It reads the status and the task once, when it begins. What another process writes meanwhile rings the bell
        and is the next step's; what this one writes, it decides on once more under the lock.

        A tmux server that cannot be reached moves nothing: the view says why, and
        who comes behind goes first as long as nothing was handed over. Nor does anything while its lock is held.
        """
        try:
            self._lock_watch.refuse()
            seen = self._running_turn.view(self.wake_fd)
            if seen is not None:
                return seen
            view = self._step()
        except TmuxUnreachable as error:
            if self.place is not None:
                self.place.say(str(error))
            view = self._out_of_reach(error)
            self._wait.tell(view)
            return view
        except LockHeld as error:
            self._lock_watch.meet()
            return self._out_of_reach(error)
        if self.place is not None:
            self.place.say("")
        self._wait.tell(view)
        return view

    def _out_of_reach(self, error: FlowLoomError) -> View:
        view = View(tasks.read(self.task_id), self.agent.status())
        view.phase, view.again_s = "out of reach", LOOK_AGAIN_S if isinstance(error, LockHeld) else REACH_AGAIN_S
        view.says = view.waits_for = state_folder.named(error)
        if view.agent:
            view.agent["unreachable"] = view.waits_for
        return view

    def _step(self) -> View:
        self._line_wait.bell.drain()
        # In this order: a task is ended before its agent's status says why.
        now = self.agent.status()
        self._task = task = tasks.read(self.task_id)
        if task["status"] is Step.DONE:
            if self._settling.over(now):
                return self._end_whole(task, now)
            if now["status"] is State.IDLE:
                view, again_s = View(task, now), SETTLE_AGAIN_S
            else:
                # A Stop hook of the user's continued the turn: that can take minutes, and the agent can die meanwhile.
                view, again_s = self._carry(task, now), LOOK_AGAIN_S
            view.phase, view.again_s = "settling", again_s
            return view
        if (task["status"] in ENDED - {Step.DONE} or task["status"] is Step.UNKNOWN) and not self.waits_on:
            return self._end_whole(task, now)
        if self.place is None:
            # Another process carries it: watch, and take over when that one is gone.
            self.place = line.enter(tasks.agent_of(task), self.task_id)
        if self.place is None:
            return self._line_wait.beside(task, now)
        watched_s = executors.of(task).watch(self.task_id)
        if watched_s is not None:
            view = View(task, now)
            view.phase, view.again_s = "working", watched_s  # it runs without us
            return view
        passed = ""
        if task["status"] in (Step.CREATED, Step.TYPED, Step.PASTED) and not self._hands_over(task, now):
            ahead, passed = ask.before(self.place)
            if ahead:
                held, again_s = self._lock_watch.behind()
                view = self._line_wait.behind(task, now, ahead, passed or held)
                view.again_s = min(view.again_s, again_s)
                return view
        self._line_wait.first(self.place)
        view = self._carry(task, now)
        view.says = view.says or passed
        return view

    def _hands_over(self, task: Task, now: Status) -> bool:
        """Tell whether the agent has the task's text already: then it continues, even behind another one in line."""
        return task["status"] is not Step.CREATED and now["delivering"] == self.task_id

    def _end_whole(self, task: Task, now: Status) -> View:
        """Return the end, unless parts of the reply are still to come into the transcript."""
        if self._whole.again(task, now):
            view = View(task, now)
            view.phase, view.again_s = "settling", WHOLE_AGAIN_S
            return view
        return self._end(tasks.read(self.task_id) if self._whole.wrote else task, now)

    def _end(self, task: Task, now: Status) -> View:
        # A caller of several tasks may still wait for the others: those behind this one must not.
        self._give_up_place()
        view = View(task, now)
        view.phase, view.ended = "ended", True
        return view

    def _carry(self, task: Task, seen: Status) -> View:
        """Do the next thing for the task that is first in line; its agent's state says what."""
        now, look = self._look(task, seen)
        if now["seq"] != seen["seq"]:
            task = tasks.read(self.task_id)  # the look has moved the agent, and with it perhaps the task
        view = View(task, now)
        view.screen = look.screen if look else ""
        if self.waits_on and task["status"] is not Step.DONE:
            self._await_person(now, view)
            return view
        if task["status"] in ENDED or task["status"] is Step.UNKNOWN:
            view.again_s = 0.0
            return view
        if now["status"] in NO_PROGRAM:
            self._bring_up(task, now, view)
        elif not now["up"] or now["status"] is State.STARTING:
            self._await_start(now, look, view)
        elif task["status"] in (Step.CREATED, Step.TYPED, Step.PASTED):
            self._deliver(now, look, view)
        else:
            self._watch(task, now, view)
        view.began_anew = self._start.began_anew
        return view

    def _look(self, task: Task, now: Status) -> tuple[Status, Look | None]:
        """Return the agent's status and a look at its window, reconciled.

        While the task only waits for a report of the agent's hooks, which wake us, the
        look may be LOOK_AGAIN_S old. A fresh one is a tmux process (4 ms), and
        each turn wakes us several times just when Claude Code needs the cores.
        A turn that is running is looked at every BELIEVED_S, unless its window is shown.
        """
        at_s = self._clock.steady_s()
        sent = task["status"] is Step.PASTED and self._delivery is not None and self._delivery.only_waits
        at_work = now["up"] and now["status"] in (State.IDLE, State.WORKING)
        age_s = at_s - self._looked_at_s
        young = age_s < LOOK_AGAIN_S or (age_s < BELIEVED_S and not self.shows_window and self.agent.works(now))
        if at_work and (sent or task["status"] is Step.ACCEPTED) and young:
            return now, self._seen
        self._looked_at_s = at_s
        thorough = task["status"] in (Step.ACCEPTED, Step.PARKED) and at_s - self._thorough_at_s >= THOROUGH_S
        if thorough:
            self._thorough_at_s = at_s
        now, self._seen = self.agent.reconcile(thorough=thorough, binary=self.settings.claude)
        return now, self._seen

    def _bring_up(self, task: Task, now: Status, view: View) -> None:
        if task["status"] in (Step.TYPED, Step.PASTED):
            judge_dead(self.agent, self.task_id, now)
            view.again_s = 0.0
            return
        self._delivery, told = None, self._start.began_anew
        view.phase = "starting"
        try:
            self._start.step(now, None)
        except (TmuxFailed, StateFailed, DamagedFile):
            raise  # such an error can pass: the loop tries again
        except ConversationOpen as error:
            view.waits_for, view.again_s = f"{error}; {error.hint}", REACH_AGAIN_S
            return
        except FlowLoomError as error:
            self._fail(state_folder.named(error), view)
            return
        if self._start.began_anew != told:
            with task_lock.hold(self.task_id) as task:
                tasks.note_fact(task, self._start.began_anew)
        view.agent = self.agent.status()
        view.waits_for, view.again_s = self._start.waits_for, self._start.again_s

    def _fail(self, why: str, view: View) -> None:
        with task_lock.hold(self.task_id) as task:
            tasks.note_step(task, Step.FAILED, why)
        view.again_s = 0.0

    def _await_start(self, now: Status, look: Look | None, view: View) -> None:
        view.phase = "starting"
        self._start.step(now, look)
        view.question, view.says, view.again_s = self._start.question, self._start.says, self._start.again_s

    def _deliver(self, now: Status, look: Look | None, view: View) -> None:
        view.phase = "delivering"
        if look is None:
            view.waits_for = "its window cannot be looked at"
            return
        if now["status"] is State.BLOCKED:
            dialog_gone(self.agent, now, look)
            view.phase = "blocked"
            return
        if limits.until(now):
            # The task that waits for the limit has a stopped process: this one looks after its wait.
            view.waits_for = self._limit.step(now, look) or "its agent to leave its usage limit"
            return
        if self._delivery is None:
            self._delivery = Delivery(self.agent, self.task_id, self.settings, clock=self._clock)
        view.task = self._delivery.step(view.task, now, look)
        view.waits_for, view.again_s = self._delivery.waits_for, self._delivery.again_s
        if self._delivery.sent_as and self._line_wait.moved_since(view.task, self._delivery.sent_as):
            view.again_s = 0.0

    def _await_person(self, now: Status, view: View) -> None:
        """Watch the window while a person continues an interrupted task; the agent's next message is the reply."""
        view.phase, view.says = "with a person", "the agent's next message in its window will be the reply"
        if now["status"] in NO_PROGRAM or now["adopt"] != self.task_id:
            self.waits_on = False

    def _watch(self, task: Task, now: Status, view: View) -> None:
        """Wait for the end of the turn; hand a parked task's message over after a time."""
        view.phase = "blocked" if now["status"] is State.BLOCKED else "working"
        if task["status"] is Step.PARKED and task["until"]:
            view.phase, view.waits_for = "parked", self._limit.carry(task, now, self._seen)
            return
        if task["status"] is Step.PARKED:
            view.phase, view.provisional = "parked", True
            left_s = self._limit.background_left_s(task, now, self.settings.park_s)
            view.ended, view.again_s = left_s <= 0, min(LOOK_AGAIN_S, max(0.0, left_s))
            return
        turn = now["turn"]
        if now["status"] in (State.IDLE, State.PARKED) or (turn is not None and turn["task"] != self.task_id):
            # The agent is idle or has another turn, and the task has not ended: its Stop was lost.
            if self._quiet_since_s is None:
                self._quiet_since_s = self._clock.steady_s()
            elif self._clock.steady_s() - self._quiet_since_s > 3.0 and self.task_id not in now["queued"]:
                self.agent.settle_lost(self.task_id)
        else:
            self._quiet_since_s = None
            if not self.shows_window:
                self._running_turn.keep(view, now, self._looked_at_s)
