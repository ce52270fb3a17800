"""Waiters come and go while others wake them: nobody fails, nobody is ended by SIGPIPE, nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flowloom.store import files

pytestmark = pytest.mark.faults

WAKER = """
import signal, sys
from flowloom.store import files
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
while True:
    files.wake(sys.argv[1])
"""


def test_a_waiter_is_neither_lost_nor_a_danger_while_it_comes_and_goes(tmp_path: Path) -> None:
    wakers = [subprocess.Popen([sys.executable, "-c", WAKER, str(tmp_path)]) for _ in range(2)]
    try:
        for _ in range(2000):
            descriptor, path = files.open_wake(str(tmp_path))
            assert Path(path).exists()
            os.close(descriptor)
            Path(path).unlink(missing_ok=True)
        assert [waker.poll() for waker in wakers] == [None, None]
    finally:
        for waker in wakers:
            waker.send_signal(signal.SIGKILL)
            waker.wait()
    assert list((tmp_path / "wake").iterdir()) == []
