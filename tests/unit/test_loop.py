"""The loop that carries tasks, on a clock that the test moves: who is stepped when, and whose error is whose."""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import Any

import pytest

from flowloom.agents.agent import Agent
from flowloom.clock import Clock, Deadline
from flowloom.config.settings import Settings
from flowloom.delegation import ask
from flowloom.delegation import loop as waits
from flowloom.delegation import runner as running
from flowloom.delegation.line_wait import LineWait
from flowloom.delegation.runner import Runner
from flowloom.delegation.waiting import View
from flowloom.errors import Bug, DamagedFile, FlowLoomError, StateFailed, TmuxFailed, UsageError
from flowloom.ports import procs
from flowloom.queue import line
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import record as task_record
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import record as status_record
from flowloom.turns import spool, status, whereabouts


class Moved(Clock):
    """A clock that the test moves."""

    def __init__(self, at: list[float]) -> None:
        self.at = at

    def steady_s(self) -> float:
        return self.at[0]


class Paced:
    """A task whose steps the test writes down: how long each lasts until the next, an error, or the end."""

    clock: list[float]

    def __init__(self, name: str, steps: list[Any]) -> None:
        self.task_id = name
        self.steps = steps
        self.stepped: list[float] = []
        self.said: list[str] = []
        self.unwritten = 0
        self.wake_fd, self.bell = os.pipe()

    def ring(self) -> None:
        os.write(self.bell, b"\n")

    def view(self) -> View:
        return View(task_record.empty_task(self.task_id, "planning@site", AgentRef("site", "planning")), None)

    def step(self) -> View:
        self.stepped.append(self.clock[0])
        step = self.steps.pop(0) if self.steps else 1000.0
        if isinstance(step, Exception):
            raise step
        seen = self.view()
        if step == "end":
            seen.ended = True
        else:
            seen.again_s = step
        return seen

    def held_up(self, error: FlowLoomError, *, again_s: float) -> View:
        self.said.append(f"held up: {error}")
        seen = self.view()
        seen.error, seen.again_s = error, again_s
        return seen

    def give_up(self, error: FlowLoomError, *, fails: bool) -> View:
        self.said.append(f"{'failed' if fails else 'kept'}: {error}")
        seen, self.unwritten = self.view(), self.unwritten - 1
        seen.ended, seen.error = self.unwritten < 0, error
        return seen


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    at = [100.0]
    monkeypatch.setattr(Paced, "clock", at, raising=False)
    return at


def loop_of(*members: Paced, patient: bool = False) -> waits.Loop:
    return waits.Loop(members, patient=patient, clock=Moved(Paced.clock))  # type: ignore[arg-type]


def run(loop: waits.Loop, clock: list[float], until_s: float) -> None:
    """Let the loop run to a time, from one due step to the next."""
    while True:
        loop.turn()
        due = [slot.due_s for slot in loop.slots if not slot.over]
        if not due or min(due) > until_s:
            clock[0] = until_s
            return
        clock[0] = max(clock[0], min(due))


def test_each_task_is_stepped_at_its_own_pace(clock: list[float]) -> None:
    slow, quick = Paced("slow", [30.0, 30.0]), Paced("quick", [2.0, 3.0, 100.0])
    run(loop_of(slow, quick), clock, 140.0)
    assert [at - 100 for at in slow.stepped] == [0, 30]
    assert [at - 100 for at in quick.stepped] == [0, 2, 5]


def test_only_the_task_whose_bell_rings_is_stepped_before_its_time(clock: list[float]) -> None:
    one, other = Paced("one", [30.0]), Paced("other", [30.0])
    loop = loop_of(one, other)
    loop.turn()
    clock[0] += 5
    other.ring()
    loop.turn(loop.wait(0.0))
    assert (len(one.stepped), len(other.stepped)) == (1, 2)


def test_a_task_is_added_and_taken_out_while_others_continue(clock: list[float]) -> None:
    one, other = Paced("one", [10.0] * 9), Paced("other", [10.0] * 9)
    loop = loop_of(one)
    run(loop, clock, 115.0)
    slot = loop.add(other)  # type: ignore[arg-type]
    assert loop.wait(1000.0) == set()  # it is due at once
    run(loop, clock, 126.0)
    loop.remove(slot)
    run(loop, clock, 145.0)
    assert [at - 100 for at in other.stepped] == [15, 25]
    assert [at - 100 for at in one.stepped] == [0, 10, 20, 30, 40]


# What a step raises, and what becomes of its task in a loop that a person waits for, and in a patient one.
ERRORS: list[tuple[Exception, str, str]] = [
    (UsageError("there is no provider 'x'"), "failed", "failed"),
    (FlowLoomError("no program 'claude'"), "failed", "failed"),
    (RuntimeError("a slip"), "failed", "failed"),
    (RecursionError("deep"), "failed", "failed"),
    (OSError(5, "Input/output error"), "failed", "failed"),
    (StateFailed("no room"), "kept", "held up"),
    (OSError(28, "No space left on device"), "kept", "held up"),
    (TmuxFailed("tmux: no"), "kept", "held up"),
]


@pytest.mark.parametrize("patient", [False, True])
@pytest.mark.parametrize(
    ("error", "hasty", "patiently"), ERRORS, ids=[f"{type(each[0]).__name__}-{each[1]}" for each in ERRORS]
)
def test_an_error_is_that_of_one_task_and_the_others_continue(
    clock: list[float], error: Exception, hasty: str, patiently: str, patient: bool
) -> None:
    broken, sound = Paced("broken", [1.0, error]), Paced("sound", [1.0] * 4 + ["end"])
    loop = loop_of(broken, sound, patient=patient)
    run(loop, clock, 104.5)
    assert len(sound.stepped) == 5
    assert broken.said[0].startswith(patiently if patient else hasty), broken.said
    assert bool(list(Path(layout.home()).glob("log/bug-*"))) == (
        not isinstance(error, FlowLoomError) and "failed" in hasty
    )


def test_damage_to_the_tasks_own_record_does_not_pass(clock: list[float]) -> None:
    broken = Paced("nonsuch", [DamagedFile("task.json is damaged")])
    run(loop_of(broken, patient=True), clock, 101.0)
    assert broken.said == ["failed: task.json is damaged"]


def test_what_tmux_refuses_is_tried_again_later_each_time_and_then_fails(clock: list[float]) -> None:
    broken = Paced("broken", [TmuxFailed("tmux: no") for _ in range(20)])
    run(loop_of(broken, patient=True), clock, 1000.0)
    passed = [later - earlier for earlier, later in zip(broken.stepped, broken.stepped[1:], strict=False)]
    assert passed == list(waits.PAUSES_S)
    assert broken.said[-1] == "failed: tmux: no"


def test_a_pause_begins_again_small_once_a_step_went_well(clock: list[float]) -> None:
    no = TmuxFailed("tmux: no")
    broken = Paced("broken", [no, no, no, 1.0, no, no, "end"])
    run(loop_of(broken, patient=True), clock, 1000.0)
    assert [at - 100 for at in broken.stepped] == [0, 1, 3, 7, 8, 9, 11]


def test_a_full_disk_is_waited_for_without_limit(clock: list[float]) -> None:
    broken = Paced("broken", [*(StateFailed("no room") for _ in range(50)), "end"])
    run(loop_of(broken, patient=True), clock, 100 + 50 * waits.TRY_AGAIN_S)
    assert len(broken.stepped) == 51


def test_an_end_that_cannot_be_written_is_tried_again_and_holds_nothing_up(clock: list[float]) -> None:
    broken, sound = Paced("broken", [RuntimeError("a slip")]), Paced("sound", [1.0] * 100)
    broken.unwritten = 3
    run(loop_of(broken, sound, patient=True), clock, 150.0)
    assert len(broken.said) == 4
    assert set(broken.said) == {broken.said[0]}
    assert (len(broken.stepped), len(sound.stepped)) == (1, 51)


def test_a_bell_does_not_shorten_a_pause_and_is_not_waited_for_meanwhile(clock: list[float]) -> None:
    """Every report of the agent's hooks rings, and the task that is held up tells those behind it, which rings too."""
    broken = Paced("broken", [*(TmuxFailed("not now") for _ in range(3)), "end"])
    loop = loop_of(broken, patient=True)
    loop.turn()
    broken.ring()
    for _ in range(20):
        loop.turn(loop.wait(0.0))
    assert (len(broken.stepped), len(broken.said)) == (1, 1)
    assert loop.wait(0.0) == set()
    run(loop, clock, 200.0)
    assert [at - 100 for at in broken.stepped] == [0, 1, 3, 7]


def test_an_end_that_cannot_be_written_is_not_tried_with_every_bell(clock: list[float]) -> None:
    broken = Paced("broken", [RuntimeError("a slip")])
    broken.unwritten = 1000
    loop = loop_of(broken, patient=True)
    loop.turn()
    broken.ring()
    for _ in range(20):
        loop.turn(loop.wait(0.0))
    assert len(broken.said) == 1


# The foreground: who is told what.


def test_the_views_come_back_when_one_of_two_cannot_be_carried(clock: list[float]) -> None:
    members = [Paced("broken", [UsageError("no")]), Paced("sound", ["end"])]
    views = waits.await_ends(members, Deadline(None), lambda seen: True)  # type: ignore[arg-type]
    assert views is not None
    assert [str(view.error) if view.error else "" for view in views] == ["no", ""]


def test_the_error_of_the_only_task_is_raised(clock: list[float]) -> None:
    members = [Paced("one", [RuntimeError("a slip")])]
    with pytest.raises(Bug, match="a slip"):
        waits.await_ends(members, Deadline(None), lambda seen: True)  # type: ignore[arg-type]


# A real task.


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> task_record.Task:
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    state_folder.ensure()
    folder = AgentRef("site", "planning")
    files.ensure_dir(layout.agent_dir(folder))
    status.write(folder, status_record.empty_status("planning@site", "planning", "planning", "site", "echo"))
    return tasks.open_task("planning@site", folder, "what?", asker="shell", asker_kind="shell")


def test_a_task_that_cannot_be_carried_has_failed_and_has_no_place_any_more(
    opened: task_record.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Runner) -> View:
        raise UsageError("there is no provider 'x'", hint="there are: echo")

    monkeypatch.setattr(Runner, "_step", broken)
    runner = Runner(opened["task_id"], Settings())
    with pytest.raises(UsageError) as caught:
        waits.await_ends([runner], Deadline(None), lambda seen: True)
    runner.close()
    task = tasks.read(opened["task_id"])
    assert (task["status"], task["error"]) == (Step.FAILED, "there is no provider 'x'; there are: echo")
    assert caught.value.hint.endswith(f"flowloom show {opened['task_id']}")
    assert not line.standing(tasks.agent_of(opened))


def test_a_task_that_cannot_be_taken_up_after_it_has_its_place_has_failed_too(
    opened: task_record.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: Any) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(running, "LineWait", none_left)
    with pytest.raises(FlowLoomError):
        waits.open_runner(opened["task_id"], Settings())
    assert not line.standing(tasks.agent_of(opened))
    assert tasks.read(opened["task_id"])["status"] is Step.FAILED


def test_a_task_that_cannot_be_noted_as_left_has_a_waiter_all_the_same_and_so_have_the_others(
    opened: task_record.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tasks.open_task("planning@site", tasks.agent_of(opened), "and?", asker="shell", asker_kind="shell")
    waiters: list[str] = []

    def refused(*_: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(spool, "lock", refused)
    monkeypatch.setattr(procs, "detach", lambda _, words, keep: waiters.append(words[0]))
    waits.entrust([opened["task_id"], other["task_id"]], Settings())
    assert waiters == [opened["task_id"], other["task_id"]]


def test_a_process_that_only_watches_does_not_fail_a_task_that_another_one_carries(
    opened: task_record.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Runner) -> View:
        raise RuntimeError("a slip")

    place = line.enter(tasks.agent_of(opened), opened["task_id"])
    assert place is not None
    monkeypatch.setattr(Runner, "_step", broken)
    watching = Runner(opened["task_id"], Settings())
    with pytest.raises(Bug):
        waits.await_ends([watching], Deadline(None), lambda seen: True)
    watching.close()
    assert tasks.read(opened["task_id"])["status"] is Step.CREATED
    place.leave()


@pytest.mark.parametrize("error", [UsageError("no"), RuntimeError("a slip"), StateFailed("full")])
def test_a_task_that_cannot_even_be_taken_up_has_failed(
    opened: task_record.Task, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: Any) -> None:
        raise error

    monkeypatch.setattr(Agent, "load", broken)
    with pytest.raises(FlowLoomError) as caught:
        waits.open_runner(opened["task_id"], Settings())
    assert opened["task_id"] in caught.value.hint
    assert tasks.read(opened["task_id"])["status"] is Step.FAILED
    assert isinstance(caught.value, Bug) == isinstance(error, RuntimeError)


@pytest.mark.parametrize("moves", ["nothing", "the task", "the agent"])
def test_what_a_process_has_written_itself_does_not_wake_it(opened: task_record.Task, moves: str) -> None:
    agent = Agent(tasks.agent_of(opened))
    waits_in_line = LineWait(agent, opened["task_id"])
    with spool.lock(agent.ref):
        tasks.note_step(opened, Step.TYPED, "its text is being sent")
        now = agent.status()
        status.note(agent.ref, now, delivering=opened["task_id"])
    moved = tasks.read(opened["task_id"])
    if moves == "the task":
        tasks.note_step(moved, Step.PASTED, "by another process")
    elif moves == "the agent":
        status.note(agent.ref, agent.status())
    assert waits_in_line.moved_since(opened, now["seq"]) is (moves != "nothing")
    assert select.select([waits_in_line.bell.fd], [], [], 0)[0] == []
    tasks.note_fact(tasks.read(opened["task_id"]), "what is written later rings again")
    assert select.select([waits_in_line.bell.fd], [], [], 0)[0] != []
    waits_in_line.close()


def test_in_a_long_line_only_the_next_listens_to_the_agent_and_the_others_look_seldom(
    opened: task_record.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whereabouts, "look", lambda now: None)
    first = line.enter(tasks.agent_of(opened), "aaaa")
    assert first is not None
    more = [
        tasks.open_task("planning@site", tasks.agent_of(opened), f"{number}", asker="shell", asker_kind="shell")
        for number in range(40)
    ]
    runners = [Runner(task["task_id"], Settings()) for task in [opened, *more]]
    for runner in runners:
        runner.step()
    seen = [runner.step() for runner in runners]
    assert [view.ahead for view in seen] == list(range(1, 42))
    assert [view.again_s for view in seen[:4]] == [1.0, 6.0, 9.0, 12.0]
    assert max(view.again_s for view in seen) == 30.0
    assert sum(1 / view.again_s for view in seen) < 3.0

    def rung() -> list[int]:
        return [number for number, each in enumerate(runners) if select.select([each.wake_fd], [], [], 0)[0]]

    for runner in runners:
        runner._line_wait.bell.drain()
    files.wake(layout.agent_dir(tasks.agent_of(opened)))  # the agent says something
    assert rung() == [0]
    runners[0]._line_wait.bell.drain()
    tasks.note_step(more[9], Step.CANCELLED, "cancelled")
    assert rung() == [0, 10]
    runners[0]._line_wait.bell.drain()
    runners[10]._line_wait.bell.drain()
    first.leave()
    assert rung() == [0]
    for runner, task in zip(runners, [opened, *more], strict=True):
        tasks.note_step(task, Step.CANCELLED, "cancelled")  # it needs no waiter
        runner.close()


def test_a_process_that_waits_with_the_one_in_line_is_woken_by_its_task_only(opened: task_record.Task) -> None:
    places = [line.enter(tasks.agent_of(opened), name) for name in ("aaaa", opened["task_id"])]
    watching = Runner(opened["task_id"], Settings())
    assert watching.step().again_s == 0.0
    assert watching.step().again_s == 3.0

    def rung() -> bool:
        return bool(select.select([watching.wake_fd], [], [], 0)[0])

    files.wake(layout.agent_dir(tasks.agent_of(opened)))
    assert not rung()
    task = tasks.read(opened["task_id"])
    tasks.note_step(task, Step.TYPED, "it is first now")
    assert rung()
    watching.step()
    assert watching.step().again_s == 1.0
    files.wake(layout.agent_dir(tasks.agent_of(opened)))
    assert rung()
    watching.close()
    for place in places:
        assert place is not None
        place.leave()


# How the tasks before one stand in line, first in line first, and how many of them go first.
STEPS = {
    "created": [],
    "accepted": [Step.TYPED, Step.PASTED, Step.ACCEPTED],
    "parked": [Step.TYPED, Step.PASTED, Step.ACCEPTED, Step.PARKED],
    "unknown": [Step.TYPED, Step.PASTED, Step.UNKNOWN],
    "failed": [Step.FAILED],
}


@pytest.mark.parametrize(
    ("before", "ahead"),
    [
        ("", 0),
        ("created", 1),
        ("accepted created created", 3),
        ("parked", 0),
        ("parked unknown failed dead", 0),
        ("parked accepted", 1),
        ("accepted parked", 1),
        ("accepted dead dead dead", 1),
        ("parked accepted created parked", 2),
        ("dead accepted created dead", 2),
        ("dead created", 1),
    ],
)
def test_those_who_hold_nothing_up_are_passed_over(opened: task_record.Task, before: str, ahead: int) -> None:
    places = []
    for how in before.split():
        task = tasks.open_task("planning@site", tasks.agent_of(opened), how, asker="shell", asker_kind="shell")
        for step in STEPS.get(how, []):
            tasks.note_step(task, step, "so it went")
        place = line.enter(tasks.agent_of(opened), task["task_id"])
        assert place is not None
        if how == "dead":
            os.close(place.descriptor)  # as the kernel does it for a process that is killed
        else:
            places.append(place)
    mine = line.enter(tasks.agent_of(opened), opened["task_id"])
    assert mine is not None
    assert ask.before(mine) == (ahead, "")
    for place in [*places, mine]:
        place.leave()
