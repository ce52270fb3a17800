"""A process by more than its number, which the system gives to another one later.

Its birth is the machine's boot, the pid namespace in which its number counts, and
when it began. With it one can prove that a process has ended; without it a number
that is in use proves nothing.
"""

from __future__ import annotations

import os

from flowloom.ports import procs
from flowloom.terminal.text import shorten, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from flowloom.store.shapes import Process

    Life = Literal["runs", "stopped", "ended", "unknown"]

# A record of an older release has no birth; a process that began so long after it is another one.
LATER_S = 60.0
# The states of a process that does nothing, and what makes it continue.
STANDS = {"T": "stopped", "t": "stopped by a debugger", "D": "waiting for a disk"}
CONTINUES = {"T": "continue it: kill -CONT {}", "t": "let the debugger continue it", "D": "see to that disk"}
CALLED_COLUMNS = 60
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


def described(pid: int) -> tuple[str, str]:
    """Return which process this is, for a person whom it keeps waiting, and what to do about it."""
    state, _ = procs.seen(pid)
    if state in ("", "Z"):
        return "a process that cannot be seen from here", ""
    called = shorten(visible(" ".join(_plain(procs.command(pid)))), CALLED_COLUMNS)
    who = f"process {pid} ({called})" if called else f"process {pid}"
    end = f"end it: kill -KILL {pid}"
    if state in STANDS:
        return f"{who}, which is {STANDS[state]}", f"{CONTINUES[state].format(pid)}, or {end}"
    return who, f"wait, or {end}"


def _plain(words: list[str]) -> list[str]:
    """Return a command line as a person knows it: without the Python that runs a program of ours."""
    if "-m" in words[1:3]:
        return words[words.index("-m") + 1 :]
    if "-c" in words[1:4]:
        words = [part for word in words[2:5] for part in word.split() if part.startswith("flowloom.")][:1] or words[:1]
    is_script = len(words) > 1 and os.path.basename(words[0]).startswith("python")
    named = words[1:] if is_script else words
    return [os.path.basename(each) for each in named[:1]] + named[1:]


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
