"""Ending a program: one grace for all of its processes, then the kill."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from flowloom.clock import Deadline
from flowloom.ports import procs


@pytest.fixture
def stubborn() -> Iterator[subprocess.Popen[bytes]]:
    """A program with three children, all deaf to SIGTERM."""
    wait = "tail -f /dev/null"
    script = f"trap '' TERM; {wait} & {wait} & {wait} & echo; exec {wait}"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        family = [*psutil.Process(leader.pid).children(), psutil.Process(leader.pid)]
        yield leader
        for process in family:
            if process.is_running():
                process.kill()


def test_one_grace_for_all_processes_and_then_the_kill(
    stubborn: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[float] = []

    def deadline(timeout_s: float) -> Deadline:
        made.append(timeout_s)
        # The grace after SIGTERM is over at once; a killed process takes a moment.
        return Deadline(0.0 if len(made) == 1 else timeout_s)

    monkeypatch.setattr(procs, "Deadline", deadline)
    children = psutil.Process(stubborn.pid).children()
    assert len(children) == 3
    assert procs.end(stubborn.pid, grace_s=20.0)
    assert made == [20.0, 20.0]
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("verbs", [["terminate"], ["terminate", "kill"]])
def test_a_process_that_is_not_ours_to_signal_is_no_bug(
    stubborn: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, verbs: list[str]
) -> None:
    theirs = psutil.Process(stubborn.pid).children()[0].pid

    def refusing(verb: str) -> Any:
        real = getattr(psutil.Process, verb)

        def act(process: psutil.Process) -> None:
            if process.pid == theirs:
                raise psutil.AccessDenied(theirs)
            real(process)

        return act

    with monkeypatch.context() as patched:
        for verb in verbs:
            patched.setattr(psutil.Process, verb, refusing(verb))
        assert procs.end(stubborn.pid, grace_s=0.2) is (verbs == ["terminate"])
    assert procs.alive(theirs) is (verbs != ["terminate"])


def test_only_a_process_that_reads_a_terminal_is_its_reader() -> None:
    master, slave = pty.openpty()
    tty = os.ttyname(slave)
    # It has the terminal, but reads from a pipe, as a server of the program that was suspended does.
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=slave, stderr=slave) as server:
        assert not procs.has_other_reader(tty, os.getpid())
        with subprocess.Popen(["tail", "-f", "/dev/null"], stdin=slave, stdout=slave) as editor:
            assert procs.has_other_reader(tty, os.getpid())
            assert not procs.has_other_reader(tty, editor.pid)
            editor.kill()
        assert not procs.has_other_reader(tty, os.getpid())
        server.kill()
    os.close(master)
    os.close(slave)


def test_a_process_that_may_not_be_looked_at_is_a_reader_of_its_own_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(path: str) -> str:
        raise PermissionError(path)

    master, slave = pty.openpty()
    tty = os.ttyname(slave)
    monkeypatch.setattr(os, "readlink", refuses)
    assert not procs.has_other_reader(tty, os.getpid())
    own = "import fcntl, os, signal, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", own], stdin=slave) as editor:
        assert procs.await_true(lambda: procs.has_other_reader(tty, os.getpid()), timeout_s=20.0)
        editor.kill()
    os.close(master)
    os.close(slave)
