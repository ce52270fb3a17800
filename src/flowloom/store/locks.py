"""The lock of what a hook call writes. The kernel frees it when its holder dies, however it dies.

No hook call waits for such a lock, and what one stores meanwhile waits for its holder. So a holder reads and
writes state files and does nothing that takes long: `refuse_slow` says so at every port.
"""

from __future__ import annotations

import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_HELD: list[str] = []
# What is done once nothing is held, by the folder that it is done for: each once.
_POSTPONED: dict[str, Callable[[str], None]] = {}


class Lock:
    """An exclusive lock on the lock file `path`."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def take(self, *, wait: bool = True) -> bool:
        """Take the lock and return True; without `wait`, return False at once where another process holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, OSError) and error.filename is None:
                error.filename = self._path
            raise
        self._descriptor = descriptor
        _HELD.append(self._path)
        return True

    def release(self) -> None:
        """Let go of the lock; nothing where it is not held."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            _HELD.remove(self._path)
            os.close(descriptor)
            while _POSTPONED and not _HELD:
                directory, what = _POSTPONED.popitem()
                what(directory)


def postpone(what: Callable[[str], None], directory: str) -> bool:
    """Have `what` done for a folder when the lock is released; return False where this process holds none."""
    if _HELD:
        _POSTPONED[directory] = what
    return bool(_HELD)


def refuse_slow(what: str) -> None:
    """Refuse to do what can take long while this process holds a lock that a hook call needs.

    Raises:
        RuntimeError: it does, which is a bug: look first, then take the lock, and act when it is released.
    """
    if _HELD:
        raise RuntimeError(f"{what} while {_HELD[-1]} is held")
