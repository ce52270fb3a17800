"""Run Python on `flowloom` as a process that has its modules loaded already: a tenth of a second less, often.

One Python a test worker imports all of FlowLoom and forks for each command. What a
command sees is what `python -m flowloom` gives it: its arguments, environment, folder and
streams, its own pid, signals as at a start. `/proc/PID/cmdline` and `/proc/PID/environ`
are those of the one that forks. A command that these could matter to is started cold.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

# Read while Python, or a library of ours, is loaded: what differs here is for a cold start. Images of Python set more,
# such as PYTHON_VERSION.
AT_LOADING, NAMES_AN_IMAGE = ("PYTHON", "LC_", "LANG", "COV"), "PYTHON_"
# The fixtures take the user's others out of every test's environment.
LOADED = {"LANG": "C.UTF-8", **{n: v for n, v in os.environ.items() if n == "PYTHONPATH" or n.startswith("LC_")}}
LIBRARIES = ("click", "psutil")  # loaded by functions that need them
STREAMS = ("stdin", "stdout", "stderr")
# Our programs that run `flowloom` with a fault or another clock.
SUPPORT = os.path.dirname(os.path.abspath(__file__))


def may_be_warm(words: Sequence[str], environment: dict[str, str], options: dict[str, Any]) -> bool:
    """Tell whether a command runs as it would from a cold start: by what it is given, on this system."""
    if words[0] != sys.executable or (words[1:3] != ("-m", "flowloom") and os.path.dirname(words[1]) != SUPPORT):
        return False
    usual = not options.keys() - {"stdin", "stdout", "stderr", "cwd"}
    given = {name: value for name, value in environment.items() if not name.startswith(NAMES_AN_IMAGE)}
    loaded = {name: value for name, value in given.items() if name.startswith(AT_LOADING)}
    return sys.platform == "linux" and usual and loaded == LOADED


class Warm(subprocess.Popen[bytes]):
    """A started `python -m flowloom` or `python SCRIPT`, to be used as any Popen."""

    def __init__(self, words: Sequence[str], environment: dict[str, str], **options: Any) -> None:
        self._request = {"argv": words[1:], "env": environment, "cwd": os.fspath(options["cwd"])}
        self._report = -1
        super().__init__(words, env=environment, **options)

    def _execute_child(self, *args: Any) -> None:
        """Let it be forked; the streams' six descriptors are the same in every release of Python."""
        pipes = args[10:16]
        reading, writing = os.pipe()
        given = [pipes[0], pipes[3], pipes[5]]
        streams = [number if given_fd == -1 else given_fd for number, given_fd in enumerate(given)]
        _forker().fork(self._request, [*streams, writing])
        os.close(writing)
        self._report = reading
        self.pid = struct.unpack("i", os.read(reading, 4))[0]
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined] # as Popen's own does

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        """Return its pid and how it ended, as `waitpid` does: its parent is not this process."""
        if self._report < 0 or (wait_flags & os.WNOHANG and not select.select([self._report], [], [], 0)[0]):
            return 0, 0
        told = os.read(self._report, 4)
        os.close(self._report)
        self._report = -1
        return self.pid, struct.unpack("i", told)[0] if told else signal.SIGKILL

    def _internal_poll(self, _deadstate: int | None = None, *_: Any) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):  # type: ignore[attr-defined]
            try:
                if self.returncode is None:
                    pid, status = self._try_wait(os.WNOHANG)
                    if pid:
                        self._handle_exitstatus(status)  # type: ignore[attr-defined]
            finally:
                self._waitpid_lock.release()  # type: ignore[attr-defined]
        return self.returncode


class Forker:
    """The process that forks, from outside."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.socket, theirs = socket.socketpair()
        # Of no world: whatever has the FLOWLOOM_HOME of one is killed at its end.
        environment = {**LOADED, "PATH": os.environ["PATH"], "HOME": "/nowhere"}
        command = [sys.executable, __file__, str(theirs.fileno())]
        self.process = subprocess.Popen(
            command, env=environment, cwd="/", stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
        )
        theirs.close()
        atexit.register(self.end)

    def fork(self, request: dict[str, Any], descriptors: list[int]) -> None:
        text = json.dumps(request).encode()
        with self.lock:
            socket.send_fds(self.socket, [struct.pack("I", len(text))], descriptors)
            self.socket.sendall(text)

    def end(self) -> None:
        self.socket.close()
        self.process.wait()


_forkers: list[Forker] = []
_beginning = threading.Lock()


def _forker() -> Forker:
    with _beginning:
        if not _forkers:
            _forkers.append(Forker())
    return _forkers[0]


# What follows runs in the process that forks.


def load() -> None:
    import flowloom  # noqa: PLC0415 - not in the tests' own process

    for module in pkgutil.walk_packages(flowloom.__path__, "flowloom."):
        if not module.name.endswith("__main__"):
            # Some are for the type checker only; a command that needs a broken one says so as from a cold start.
            with contextlib.suppress(ImportError, SyntaxError):
                importlib.import_module(module.name)
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Return the next command and its descriptors; None once the tests have ended."""
    head, fds, _, _ = socket.recv_fds(connection, 4, 4)
    if not head:
        return None
    size, text = struct.unpack("I", head)[0], b""
    while len(text) < size:
        text += connection.recv(size - len(text))
    return json.loads(text), list(array.array("i", fds))


def serve(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Fork for each command, and report its pid and its end; return in each child, with what it is to run."""
    reports: dict[int, int] = {}
    ended, wake = socket.socketpair()
    ended.setblocking(False)
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready = select.select([connection, ended], [], [])[0]
        if ended in ready:
            ended.recv(4096)
            while reports:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                report = reports.pop(pid)
                try:
                    os.write(report, struct.pack("i", status))
                except BrokenPipeError:
                    pass  # nobody waits for it any more
                os.close(report)
        if connection in ready:
            received = receive(connection)
            if received is None:
                return None
            *streams, report = received[1]
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for descriptor in (*reports.values(), report, ended.detach(), wake.detach(), connection.detach()):
                    os.close(descriptor)
                return received[0], streams
            reports[pid] = report
            os.write(report, struct.pack("i", pid))
            for descriptor in streams:
                os.close(descriptor)


def become(request: dict[str, Any], streams: list[int]) -> None:
    """Make this process one that `python -m flowloom` has just begun."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    for number, name in enumerate(STREAMS):
        former = getattr(sys, name)
        opened = open(number, "wb" if number else "rb", closefd=False)  # noqa: SIM115 - for as long as we run
        line_buffering = name == "stderr" or os.isatty(number)
        stream = io.TextIOWrapper(opened, former.encoding, former.errors, "\n", line_buffering)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.path[0] = os.getcwd() if request["argv"][0] == "-m" else SUPPORT
    sys.argv = request["argv"][1:] if request["argv"][0] == "-m" else request["argv"]


if __name__ == "__main__":
    # The tests' own Ctrl-C is not for this one; a command hears it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    load()
    task = serve(socket.socket(fileno=int(sys.argv[1])))
    if task is not None:
        become(*task)
        if task[0]["argv"][0] == "-m":
            runpy.run_module("flowloom", run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
