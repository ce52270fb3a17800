"""A process by more than its number, which the system gives to another one later.

Its birth is the machine's boot, the pid namespace in which its number counts, and
when it began. With it one can prove that a process has ended; without it a number
that is in use proves nothing.
"""

from __future__ import annotations

import os

from flowloom.ports import procs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from flowloom.store.shapes import Process

    Life = Literal["runs", "stopped", "ended", "unknown"]

# A record of an older release has no birth; a process that began so long after it is another one.
LATER_S = 60.0
_BOOT: list[str] = []


def of(pid: int | None) -> str:
    """Return the birth of a process, nothing where there is none or nothing is known of it."""
    state, began = procs.seen(pid or 0)
    return f"{_boot()}/{_namespace()}/{began}" if state and began else ""


def noted(pid: int | None) -> Process | None:
    """Return what is to be written down of a process that runs."""
    return {"pid": pid, "birth": of(pid)} if pid else None


def life(process: Process | None, *, noted_s: float = 0.0) -> Life:
    """Tell what has become of a process that was noted.

    `ended` is proven: no process has its number, or another one does, or the
    machine was started again since. In another pid namespace (a sandbox, a
    container) nothing is proven and the answer is `unknown`. `noted_s` is the
    time of day of a record that has no birth.
    """
    if process is None or not process.get("pid"):
        return "unknown"
    pid, birth = process["pid"], process.get("birth") or ""
    boot, _, rest = birth.partition("/")
    namespace, _, began = rest.partition("/")
    if boot and _boot() and boot != _boot():
        return "ended"
    if birth and namespace != _namespace():
        return "unknown"
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return "ended"
    except PermissionError:
        pass
    state, began_now = procs.seen(pid)
    if not state:
        return "unknown"  # it ends just now, or belongs to a user whose processes are hidden
    later = bool(not birth and noted_s) and procs.started(pid) > noted_s + LATER_S
    if state == "Z" or (began and began != began_now) or later:
        return "ended"
    return "stopped" if state == "T" else "runs"


def _boot() -> str:
    """Return what names this start of the machine; nothing where the system does not tell."""
    if not _BOOT:
        _BOOT.append(procs.boot())
    return _BOOT[0]


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
