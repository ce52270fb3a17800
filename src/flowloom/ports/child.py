"""A program that one of our processes starts and whose end it sees."""

from __future__ import annotations

import os
import select
import signal
import subprocess

from flowloom.ports import procs
from flowloom.store import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowloom.clock import Deadline


def begin(command: Sequence[str], *, stdin: str, stdout: str, stderr: str, env: dict[str, str], cwd: str) -> Child:
    """Start a program in a process group of its own, its three descriptors on files; it may outlive us."""
    files.refuse_slow("a program is started")
    with open(stdin, "rb") as given, open(stdout, "wb") as out, open(stderr, "wb") as err:
        process = subprocess.Popen(
            list(command), stdin=given, stdout=out, stderr=err, env=env, cwd=cwd, start_new_session=True
        )
    return Child(process)


class Child:
    """A program that we started and whose end we see."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid
        self.started = procs.started(process.pid)

    def await_end(self, deadline: Deadline) -> tuple[int | None, int | None]:
        """Wait for its end, a signal to us, or the deadline; return its exit code and the signal, None for neither.

        Only from the main thread. SIGINT, SIGTERM and SIGHUP are taken here
        instead of breaking into whatever runs; the first one ends the wait.
        """
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        watched = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        former = {number: signal.signal(number, lambda *_: None) for number in watched}
        woken = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        try:
            while True:
                code = self._process.poll()
                if code is not None:
                    return code, None
                if deadline.over():
                    return None, None
                ready, _, _ = select.select([reading], [], [], deadline.left_s())
                came = os.read(reading, 4096) if ready else b""
                asked = [number for number in came if number != signal.SIGCHLD]
                if asked:
                    return self._process.poll(), asked[0]
        finally:
            signal.set_wakeup_fd(woken)
            for number, handler in former.items():
                signal.signal(number, handler)
            os.close(reading)
            os.close(writing)

    def end(self) -> None:
        """End it and all of its process group: terminate, wait, kill."""
        procs.end_group(self.pid, grace_s=procs.GRACE_S)
        self._process.wait()
