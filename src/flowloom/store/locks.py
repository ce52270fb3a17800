"""Locks on files. The kernel frees one when its holder dies, however it dies.

A holder that is stopped, or whose disk hangs, lets go of nothing. So no process waits for a lock without a limit, and
who waits is told which process holds it: each holder writes its number into the lock file.
"""

from __future__ import annotations

import fcntl
import os

from flowloom.clock import SYSTEM
from flowloom.errors import LockHeld
from flowloom.store import files, layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from flowloom.clock import Clock, Deadline

# A holder reads and writes a few files, which takes milliseconds. After this time it is stopped, or its disk hangs.
LIMIT_S = 10.0
# A person is told after this time what is waited for.
TELL_S = 1.5
# What only shows what there is waits no longer, and shows then what is on disk.
GLANCE_S = 0.3
# A wait whose time is over still tries for so long: a lock that is only busy is free by then.
LEAST_S = 0.25
# The pauses between two tries, each half as long again as the one before.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.0005, 0.02
# Where Linux lists the locks on files, each with its holder.
LISTED = "/proc/locks"


def _numbered(pid: int) -> tuple[str, str]:
    """Return which process this is, and what to do about it, where nothing is known of it but its number."""
    return f"process {pid}", f"if it is stopped, continue it: kill -CONT {pid}; or end it: kill -KILL {pid}"


class LockWait:
    """How long this process waits for locks that others hold, and how it tells a person that it does.

    `with LockWait(…)` applies to every lock that is waited for within; what is not given stays as it was. No wait is
    longer than `limit_s`, goes on after the `deadline`, or while `is_over()`. `tell` gets a sentence; `words` return
    for the number of a process which one it is, and what to do about it.
    """

    __slots__ = ("clock", "deadline", "is_over", "limit_s", "tell", "words")

    def __init__(
        self,
        *,
        limit_s: float | None = None,
        deadline: Deadline | None = None,
        is_over: Callable[[], bool] | None = None,
        tell: Callable[[str], object] | None = None,
        words: Callable[[int], tuple[str, str]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        before = _waits[-1] if _waits else None
        self.limit_s: float | None = limit_s if limit_s is not None or before is None else before.limit_s
        self.deadline: Deadline | None = deadline or (before.deadline if before else None)
        self.is_over: Callable[[], bool] = is_over or (before.is_over if before else bool)
        self.tell: Callable[[str], object] = tell or (before.tell if before else bool)
        self.words: Callable[[int], tuple[str, str]] = words or (before.words if before else _numbered)
        self.clock: Clock = clock or (before.clock if before else SYSTEM)

    def __enter__(self) -> LockWait:
        _waits.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _waits.remove(self)

    def await_free(self, path: str, take: Callable[[], bool], limit_s: float) -> None:
        """Try to `take` the lock on `path` until that succeeds.

        Raises:
            LockHeld: another process has held it all the time.
        """
        began_s, pause_s, told = self.clock.steady_s(), FIRST_PAUSE_S, False
        limit_s = limit_s if self.limit_s is None else min(limit_s, self.limit_s)
        while not take():
            waited_s = self.clock.steady_s() - began_s
            over = self.is_over() or (self.deadline is not None and self.deadline.over())
            if waited_s >= (min(limit_s, LEAST_S) if over else limit_s):
                raise refusal(path, self)
            if waited_s >= TELL_S and not told:
                told = True
                self.tell(refusal(path, self).sentences())
            self.clock.pause(pause_s)
            pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)


_waits: list[LockWait] = []
_waits.append(LockWait())


def refusal(path: str, wait: LockWait | None = None) -> LockHeld:
    """Return the error for a lock that another process holds: which one, and what to do about it."""
    pid = holder(path)
    who, todo = (wait or _waits[-1]).words(pid) if pid else ("another process", "")
    return LockHeld(f"{_named(path)} is locked by {who}", hint=todo)


def _named(path: str) -> str:
    """Return what a lock file keeps others out of, in words."""
    agent = layout.ref_of(os.path.dirname(path))
    whose = f"the headless tasks of {agent.project}" if agent.name == layout.HEADLESS else str(agent)
    return {
        layout.agent_lock(agent): whose,
        layout.start_lock(agent): f"the start of {whose}",
        layout.line_lock(agent): f"the line of {whose}",
        layout.task_lock(agent.name): f"task {agent.name}",
        layout.index_lock(): "the index of tasks",
    }.get(path, path)


def holder(path: str) -> int:
    """Return the process that holds the lock on `path`; 0 where that is not known.

    The file has the number of the last one that wrote it down. Its holder can be another process: of an older release,
    in another pid namespace, or between the two calls. So the system must list it, where it lists any.
    """
    text = (files.read(path) or b"")[:20].strip()
    noted = int(text) if text.isdigit() else 0
    raw = files.read(LISTED)
    if raw is None:
        return noted
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return 0  # its folder was removed just now
    whole = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    on_file: list[int] = []
    for words in map(str.split, raw.decode().splitlines()):
        if words[1:4:2] == ["FLOCK", "WRITE"] and words[5].endswith(f":{found.st_ino}"):
            pid = int(words[4])
            if pid == noted:
                return noted  # a file system with devices of its own (btrfs) is listed as another one
            on_file += [pid] if words[5] == whole else []
    return on_file[0] if len(on_file) == 1 else 0


class Lock:
    """An exclusive lock on the lock file `path`.

    One that a hook call needs is held only while state files are read and written: `files.refuse_slow` refuses, at
    every port, what can take long.
    """

    __slots__ = ("_descriptor", "_path", "_slow", "limit_s")

    def __init__(self, path: str, *, slow: bool = False, limit_s: float = LIMIT_S) -> None:
        self._path = path
        self._slow = slow  # no hook call needs it, so it can be held while a program runs
        self.limit_s = limit_s
        self._descriptor = -1

    def take(self, *, wait: bool = True) -> bool:
        """Take the lock and return True; without `wait`, return False at once where another process holds it.

        Raises:
            LockHeld: another process holds it, and this one does not wait for it any longer (`LockWait`).
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if not _take(descriptor):
                if not wait:
                    os.close(descriptor)
                    return False
                _waits[-1].await_free(self._path, lambda: _take(descriptor), self.limit_s)
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, OSError) and error.filename is None:
                error.filename = self._path
            raise
        self._descriptor = descriptor
        if not self._slow:
            files.HELD.append(self._path)
        return True

    def release(self) -> None:
        """Let go of the lock; nothing where it is not held."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            if not self._slow:
                files.HELD.remove(self._path)
            os.close(descriptor)
            files.wake_postponed()


def _take(descriptor: int) -> bool:
    """Lock a file unless another process has, and write down who holds it now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    try:
        os.pwrite(descriptor, b"%-10d\n" % os.getpid(), 0)
    except OSError:
        return True  # on a full disk the lock holds all the same; only its holder's number is missing
    return True


class locked:  # noqa: N801 - used as a function; importing contextlib for it takes 0.5 ms of every hook call
    """Hold an exclusive lock on the lock file `path` that no hook call needs; block until it is free.

    Raises:
        LockHeld: it does not become free.
    """

    def __init__(self, path: str, *, limit_s: float = LIMIT_S) -> None:
        self._lock = Lock(path, slow=True, limit_s=limit_s)

    def __enter__(self) -> None:
        self._lock.take()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
