"""The one loop in which tasks are carried, one or many: each is stepped when its bell rings or its time has come.

An error is that of one task, whatever it is: it ends as failed with the reason, and
the others continue. What can pass by itself is tried again by a patient loop; another
one gives the task up unharmed, for a waiter to carry on.
"""

from __future__ import annotations

import select

from flowloom import crash
from flowloom.clock import SYSTEM
from flowloom.delegation import handover
from flowloom.delegation.runner import Runner
from flowloom.errors import DamagedFile, FlowLoomError, LockHeld, StateFailed, TmuxFailed
from flowloom.queue import line
from flowloom.store import locks, state_folder
from flowloom.store.log import log
from flowloom.tasks import store as tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowloom.agents.agent import Agent
    from flowloom.clock import Clock, Deadline
    from flowloom.config.settings import Settings
    from flowloom.delegation.waiting import View

# How often it is checked whether a full disk has room again.
TRY_AGAIN_S = 5.0
# How long one step may wait for a lock where a person waits for the task.
LOCKED_S = 2.0
# The pauses after which a command that tmux refuses is tried again; after the last one its task fails.
PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


class Slot:
    """One task in the loop: its runner, what was seen of it last, and when it is stepped next."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.view: View | None = None
        self.due_s = 0.0
        self.pauses: Iterator[float] = iter(PAUSES_S)
        # What has ended it, while that cannot be written.
        self.fatal: FlowLoomError | None = None

    @property
    def over(self) -> bool:
        """Tell whether there is nothing left to do: its task has ended, or cannot be carried on here."""
        return self.view is not None and self.view.ended

    @property
    def pauses_after_error(self) -> bool:
        """Tell whether an error is tried again when its pause is over: a bell tells nothing about it, and ends none."""
        return self.view is not None and self.view.error is not None


class Loop:
    """Carries tasks, each at its own pace; more can be added and taken out at any time."""

    def __init__(self, runners: Iterable[Runner] = (), *, patient: bool = False, clock: Clock = SYSTEM) -> None:
        self.patient = patient
        self.clock = clock
        self.slots: list[Slot] = []
        for runner in runners:
            self.add(runner)

    def add(self, runner: Runner) -> Slot:
        """Let the loop carry one more task, from its next turn on."""
        slot = Slot(runner)
        self.slots.append(slot)
        return slot

    def remove(self, slot: Slot) -> None:
        """Take a task out of the loop; its runner is the caller's again."""
        self.slots.remove(slot)

    def turn(self, rung: Iterable[int] = ()) -> None:
        """Step every task whose time has come or whose bell is among those that `rung`."""
        rung, now_s = set(rung), self.clock.steady_s()
        for slot in [slot for slot in self.slots if not slot.over]:
            woken = not slot.pauses_after_error and slot.runner.wake_fd in rung
            if slot.view is None or woken or slot.due_s <= now_s:
                self._step(slot)

    def wait(self, limit_s: float | None, fds: Sequence[int] = ()) -> set[int]:
        """Block until a task is due, one of `fds` can be read or the time is over; return what can be read."""
        going, now_s = [slot for slot in self.slots if not slot.over], self.clock.steady_s()
        until_s = [max(0.0, slot.due_s - now_s) for slot in going if slot.view is not None]
        if any(slot.view is None for slot in going):
            until_s.append(0.0)  # it was added just now
        if limit_s is not None:
            until_s.append(limit_s)
        bells = [slot.runner.wake_fd for slot in going if not slot.pauses_after_error]
        return set(select.select([*bells, *fds], [], [], min(until_s, default=None))[0])

    def _step(self, slot: Slot) -> None:
        if slot.fatal is not None:
            self._give_up(slot, slot.fatal)
            return
        try:
            slot.view = slot.runner.step()
        except FlowLoomError as error:
            self._failed(slot, error)
        except Exception as error:  # noqa: BLE001 - one task's error, even a bug's, must not take the others down
            known = state_folder.trouble(error) if isinstance(error, OSError) else None
            self._failed(slot, known or crash.report(error, f"task {slot.runner.task_id}"))
        else:
            slot.pauses = iter(PAUSES_S)
            slot.due_s = self.clock.steady_s() + slot.view.again_s

    def _failed(self, slot: Slot, error: FlowLoomError) -> None:
        """Try what failed again later where it can pass by itself; else end the task with the reason."""
        runner = slot.runner
        passes = _can_pass(runner.task_id, error)
        if passes and self.patient:
            # A full disk may have room again after any time. What tmux refuses has a limit.
            pause_s = next(slot.pauses, None) if isinstance(error, TmuxFailed) else TRY_AGAIN_S
            if pause_s is not None:
                log("error", "loop", str(error), task=runner.task_id)
                slot.view = runner.held_up(error, again_s=pause_s)
                slot.due_s = self.clock.steady_s() + pause_s
                return
        self._give_up(slot, error, fails=self.patient or not passes)

    def _give_up(self, slot: Slot, error: FlowLoomError, *, fails: bool = True) -> None:
        """End a task; where that cannot be written, the others continue until it can."""
        slot.view, slot.fatal = slot.runner.give_up(error, fails=fails), error
        slot.due_s = self.clock.steady_s() + TRY_AGAIN_S


def open_runner(task_id: str, settings: Settings, agent: Agent | None = None) -> Runner:
    """Return the runner of a task that was opened just now; one that cannot be carried has failed with the reason.

    `agent` is the task's, where the caller has it at hand.

    Raises:
        FlowLoomError: why; its hint names the task.
    """
    try:
        return Runner(task_id, settings, agent)
    except LockHeld as error:
        handover.without_place(task_id)
        kept = f"the task is kept: flowloom wait {task_id}"
        error.hint = f"{error.hint}; {kept}" if error.hint else kept
        raise
    except FlowLoomError as error:
        known = error
    except Exception as error:  # noqa: BLE001 - as in `Loop`: a task must not be left without a waiter
        trouble = state_folder.trouble(error) if isinstance(error, OSError) else None
        known = trouble or crash.report(error, f"task {task_id}")
    task = tasks.find(task_id)
    if task is not None and not line.waited_for(tasks.agent_of(task), task_id):
        handover.fail(task_id, state_folder.named(known))
    see = f"your prompt is saved: flowloom show {task_id}"
    known.hint = f"{known.hint}; {see}" if known.hint else see
    raise known


def entrust(task_ids: Iterable[str], settings: Settings) -> None:
    """Leave tasks that were opened, and that nothing carries yet, to waiters; one that cannot be carried has failed."""
    for task_id in task_ids:
        try:
            open_runner(task_id, settings).close()
        except (FlowLoomError, OSError) as error:
            log("error", "loop", f"it is not left to a waiter: {error}", task=task_id)


def _can_pass(task_id: str, error: FlowLoomError) -> bool:
    """Tell whether an error can pass by itself; damage to the task's own record cannot."""
    if isinstance(error, DamagedFile) and tasks.find(task_id) is None:
        return False
    return isinstance(error, (StateFailed, DamagedFile, TmuxFailed))


def await_ends(
    runners: Sequence[Runner],
    deadline: Deadline,
    on_views: Callable[[list[View]], bool],
    *,
    fds: Sequence[int] = (),
    any_of: bool = False,
    tick: Callable[[], float | None] = lambda: None,
    patient: bool = False,
) -> list[View] | None:
    """Carry tasks until all have ended (one of them with `any_of`) and return the last views.

    Returns None when the deadline is over or `on_views` returns False. It sees every
    turn, and is called when one of `fds` can be read and every `tick()` seconds.

    Raises:
        FlowLoomError: the only task could not be carried on; of several, the view says why (`View.error`).
    """
    loop = Loop(runners, patient=patient)
    rung: set[int] = set()
    # A key, a signal or the end of the time ends a wait for a lock, too; the view tells of it, and it is stepped again.
    lock_wait = locks.LockWait(
        limit_s=None if patient else LOCKED_S,
        deadline=deadline,
        is_over=lambda: bool(select.select(fds, [], [], 0)[0]),
        tell=lambda _: None,
    )
    while True:
        with lock_wait:
            loop.turn(rung)
        views = [slot.view for slot in loop.slots if slot.view is not None]
        if not on_views(views):
            return None
        ended = [view for view in views if view.ended]
        if len(ended) == len(views) or (any_of and ended):
            if len(views) == 1 and ended[0].error is not None:
                raise ended[0].error
            return views
        tick_s, left_s = tick(), deadline.left_s()
        if left_s == 0.0:
            return None
        rung = loop.wait(min((limit for limit in (tick_s, left_s) if limit is not None), default=None), fds)


def await_end(
    runner: Runner, deadline: Deadline, on_view: Callable[[View], bool], *, patient: bool = False
) -> View | None:
    """Do what `await_ends` does, for one task."""
    views = await_ends([runner], deadline, lambda seen: on_view(seen[0]), patient=patient)
    return views[0] if views else None
