"""Locks that another process holds: how long is waited, what a person is told, and that nothing is waited for twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.world import ROOT

from flowloom.clock import Clock, Deadline
from flowloom.delegation import lock_watch
from flowloom.errors import LockHeld
from flowloom.ports import births
from flowloom.store import layout, locks
from flowloom.store.layout import AgentRef
from flowloom.turns import payloads, spool

HERON = AgentRef("site", "heron")
HOLDER = """
import sys
from flowloom.store import locks
locks.Lock(sys.argv[1]).take()
print("held", flush=True)
sys.stdin.read()
"""


class Moved(Clock):
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.at: dict[float, Callable[[], object]] = {}

    def steady_s(self) -> float:
        return self.now_s

    def pause(self, seconds: float) -> None:
        self.now_s += seconds
        for at_s in [at_s for at_s in self.at if at_s <= self.now_s]:
            self.at.pop(at_s)()


@pytest.fixture
def clock() -> Moved:
    return Moved()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path))
    Path(layout.agent_dir(HERON)).mkdir(parents=True)
    return layout.agent_lock(HERON)


@pytest.fixture
def holder(path: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], cwd=ROOT / "src", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_lock_that_does_not_become_free_is_told_and_given_up(
    path: str, holder: subprocess.Popen[bytes], clock: Moved
) -> None:
    told: list[tuple[float, str]] = []
    says = f"heron@site is locked by process {holder.pid}"
    todo = f"if it is stopped, continue it: kill -CONT {holder.pid}; or end it: kill -KILL {holder.pid}"
    with (
        locks.LockWait(clock=clock, tell=lambda words: told.append((clock.now_s, words))),
        pytest.raises(LockHeld) as held,
    ):
        locks.Lock(path).take()
    assert (str(held.value), held.value.hint) == (says, todo)
    assert [words for _, words in told] == [f"{says}. {todo[:1].upper()}{todo[1:]}"]
    assert told[0][0] == pytest.approx(100 + locks.TELL_S, abs=0.1)
    assert clock.now_s == pytest.approx(100 + locks.LIMIT_S, abs=0.1)


def test_a_lock_that_becomes_free_is_taken_and_its_holder_written_down(
    path: str, holder: subprocess.Popen[bytes], clock: Moved
) -> None:
    assert locks.holder(path) == holder.pid

    def end() -> None:
        holder.kill()
        holder.wait()

    clock.at[101.0] = end
    lock = locks.Lock(path)
    with locks.LockWait(clock=clock):
        assert lock.take()
    assert locks.holder(path) == os.getpid()
    assert clock.now_s == pytest.approx(101, abs=0.1)
    lock.release()


@pytest.mark.parametrize("listed", [True, False])
def test_a_process_that_does_not_hold_the_lock_is_not_named(
    path: str, holder: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    """A holder of an older release writes no number: the file has that of the process before it, which runs."""
    Path(path).write_text(f"{os.getpid()}\n")
    if not listed:
        monkeypatch.setattr(locks, "LISTED", str(tmp_path / "locks"))
        (tmp_path / "locks").write_text("1: POSIX  ADVISORY  WRITE 1 00:01:1 0 EOF\n")
    error = locks.refusal(path)
    assert str(os.getpid()) not in f"{error} {error.hint}"
    assert str(error) == f"heron@site is locked by {f'process {holder.pid}' if listed else 'another process'}"


WAITS: dict[str, tuple[Callable[[Moved], locks.LockWait], float]] = {
    "a limit of its own": (lambda clock: locks.LockWait(limit_s=0.3, clock=clock), 0.3),
    "a deadline": (lambda clock: locks.LockWait(deadline=Deadline(4.0, clock), clock=clock), 4.0),
    "a deadline that is over": (lambda clock: locks.LockWait(deadline=Deadline(0.0, clock), clock=clock), 0.25),
    "a Ctrl-C": (lambda clock: locks.LockWait(is_over=lambda: clock.now_s > 102.0, clock=clock), 2.0),
    "no wait at all": (lambda clock: locks.LockWait(limit_s=0.0, clock=clock), 0.0),
}


@pytest.mark.parametrize("what", WAITS)
@pytest.mark.parametrize("kind", [locks.Lock, locks.locked])
def test_a_wait_for_a_lock_ends_with(
    path: str, holder: subprocess.Popen[bytes], clock: Moved, what: str, kind: type
) -> None:
    lock_wait, waited_s = WAITS[what]
    lock = kind(path)
    with lock_wait(clock), locks.LockWait(), pytest.raises(LockHeld):
        lock.take() if kind is locks.Lock else lock.__enter__()
    assert clock.now_s - 100 == pytest.approx(waited_s, abs=0.05)


def test_who_does_not_wait_is_told_nothing(path: str, holder: subprocess.Popen[bytes]) -> None:
    assert not locks.Lock(path).take(wait=False)


def test_a_holder_that_wrote_no_number_is_another_process(
    path: str, holder: subprocess.Popen[bytes], clock: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of an older release, or on a full disk, where the system does not list it either."""
    monkeypatch.setattr(locks, "LISTED", f"{path}.none")
    Path(path).write_bytes(b"")
    with locks.LockWait(clock=clock), pytest.raises(LockHeld, match=r"heron@site is locked by another process$"):
        locks.Lock(path).take()


NAMES = {
    "agents/site/heron/start.lock": "the start of heron@site",
    "agents/site/heron/line.lock": "the line of heron@site",
    "agents/site/.headless/lock": "the headless tasks of site",
    "tasks/7k2m/lock": "task 7k2m",
    "index/lock": "the index of tasks",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_is_named_for_what_it_keeps_others_out_of(path: str, name: str) -> None:
    assert str(locks.refusal(f"{layout.home()}/{name}")) == f"{NAMES[name]} is locked by another process"


def test_a_stopped_holder_is_described_as_a_person_knows_it(holder: subprocess.Popen[bytes]) -> None:
    assert births.described(holder.pid)[1] == f"wait, or end it: kill -KILL {holder.pid}"
    holder.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, holder.pid, os.WSTOPPED | os.WNOWAIT)
    assert births.described(holder.pid) == (
        f"process {holder.pid} (flowloom.store), which is stopped",
        f"continue it: kill -CONT {holder.pid}, or end it: kill -KILL {holder.pid}",
    )
    holder.kill()
    holder.wait()
    assert births.described(holder.pid) == ("a process that cannot be seen from here", "")


CALLED = {
    ("python", "-m", "flowloom", "ask", "planning", "a\nb"): ["flowloom", "ask", "planning", "a\nb"],
    ("/x/.venv/bin/python", "-I", "-S", "-c", "import os\nfrom flowloom.hook.call import take"): ["flowloom.hook.call"],
    ("/x/.venv/bin/python", "/x/.venv/bin/flowloom", "stop"): ["flowloom", "stop"],
    ("/usr/bin/vim", "x"): ["vim", "x"],
    (): [],
}


@pytest.mark.parametrize("words", CALLED)
def test_a_program_of_ours_is_called_by_its_own_name(words: tuple[str, ...]) -> None:
    assert births._plain(list(words)) == CALLED[words]


HOOK_STORED = [
    ("nothing is stored", False, [None] * 4),
    ("what a hook reports stays stored", True, [None, None, "held", "held"]),
]


@pytest.mark.parametrize(("what", "stored", "seen"), HOOK_STORED)
def test_a_wait_sees_a_held_lock_by_what_stays_stored(
    path: str, holder: subprocess.Popen[bytes], clock: Moved, what: str, stored: bool, seen: list[str | None]
) -> None:
    watch = lock_watch.LockWatch(HERON, clock)
    if stored:
        payloads.store(HERON, payloads.Payload("", 1, 1.0, 0, "echo"), b"{}")
    told: list[str | None] = []
    for _ in seen:
        clock.now_s += 0.6
        told.append(met(watch))
    assert told == seen
    holder.kill()
    holder.wait()
    assert met(watch) is None


def test_a_step_that_was_refused_a_lock_is_not_tried_while_it_is_held(
    path: str, holder: subprocess.Popen[bytes], clock: Moved
) -> None:
    watch = lock_watch.LockWatch(HERON, clock)
    assert met(watch) is None
    watch.meet()
    assert [met(watch), met(watch)] == ["held", "held"]
    holder.kill()
    holder.wait()
    assert met(watch) is None


def met(watch: lock_watch.LockWatch) -> str | None:
    try:
        watch.refuse()
    except LockHeld:
        return "held"
    return None


def test_a_lock_that_several_hold_in_turn_is_not_told_as_held(
    path: str, clock: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = lock_watch.LockWatch(HERON, clock)
    payloads.store(HERON, payloads.Payload("", 1, 1.0, 0, "claude"), b"{}")
    held_by = [11, 12, 13, 14, 14, 14]
    monkeypatch.setattr(spool, "refusal", lambda _: LockHeld(f"locked by process {held_by.pop(0)}"))
    for _ in range(6):
        watch.refuse()
        clock.now_s += lock_watch.LOOK_AGAIN_S
    with pytest.raises(LockHeld, match="process 14"):
        watch.refuse()
