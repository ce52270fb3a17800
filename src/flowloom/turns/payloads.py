"""The payloads of hook calls that are not applied yet: one file each, whose name says when and by which process.

Every call stores its payload first, so that a call that is killed loses nothing. `spool` applies them.
"""

from __future__ import annotations

import os
import stat
import time

from flowloom.store import files, layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from flowloom.store.layout import AgentRef

# The start of the machine is named by this file on Linux. Elsewhere the time of day tells a restart.
BOOT_ID = "/proc/sys/kernel/random/boot_id"
# The file of a call that applies its payload itself, and one that was left to the holder of the lock. A process of an
# older release reads those that were left, and fails where one of them is gone a moment after it has seen it.
OWN, LEFT = ".payload", ".json"
# The end of one that was set aside.
BAD = ".bad"
NEVER_NS = 1 << 63


class Payload:
    """One stored payload. `at_ns` is the monotonic time of its call, `at` the time of day in seconds.

    `pid` is the process of the agent's program, and `provider` its provider; 0 and empty where that is not known.
    """

    __slots__ = ("at", "at_ns", "name", "pid", "provider", "raw")

    def __init__(self, name: str, at_ns: int, at: float, pid: int, provider: str, raw: bytes | None = None) -> None:
        self.name = name
        self.at_ns = at_ns
        self.at = at
        self.pid = pid
        self.provider = provider
        self.raw = raw  # of one that could not be stored


def store(agent: AgentRef, called: Payload, raw: bytes) -> None:
    """Store the payload of a hook call. It is there whole or not at all."""
    boot = _boot()
    name = f"{called.at_ns}-{os.getpid()}-{called.pid}-{int(called.at * 1e9)}-{boot}-{called.provider}"
    own = layout.payload(agent, f"{name}{OWN}")
    try:
        files.write(own, raw, durable=False)
    except FileNotFoundError:
        files.ensure_dir(layout.spool_dir(agent))
        files.write(own, raw, durable=False)


def names(agent: AgentRef) -> list[str]:
    """Return the names of the stored payloads, in no order."""
    try:
        found = os.listdir(layout.spool_dir(agent))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return list({name[: -len(end)] for name in found for end in (OWN, LEFT) if name.endswith(end)})


def _paths(agent: AgentRef, name: str) -> list[str]:
    """Return both names of a payload's file. Another call renames it from the first to the second at any moment.

    So whoever tries them in this order finds it.
    """
    return [layout.payload(agent, f"{name}{end}") for end in (OWN, LEFT)]


def read(agent: AgentRef, name: str) -> bytes | None:
    """Return a stored payload; None where it has been applied."""
    found = (files.read(path) for path in _paths(agent, name))
    return next((raw for raw in found if raw is not None), None)


def kind(agent: AgentRef, name: str) -> Literal["gone", "stored", "unreadable"]:
    """Tell whether a payload is still stored, and whether it is a file that can ever be read: no link, no folder."""
    for path in _paths(agent, name):
        found = _seen(path)
        if found is not None and stat.S_ISREG(found.st_mode) and os.access(path, os.R_OK):
            return "stored"
        if found is not None and _seen(path) is not None:
            return "unreadable"
    return "gone"


def set_aside(agent: AgentRef, name: str) -> None:
    """Keep a payload that cannot be applied out of the way of the others; the doctor tells of it."""
    for path in _paths(agent, name):
        try:
            os.rename(path, f"{path}{BAD}")
        except FileNotFoundError:
            continue
        return


def _seen(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def leave(agent: AgentRef) -> None:
    """Leave all payloads to the process that holds the lock, which can be one of an older release."""
    for name in names(agent):
        try:
            os.rename(layout.payload(agent, f"{name}{OWN}"), layout.payload(agent, f"{name}{LEFT}"))
        except FileNotFoundError:
            continue  # it was left already, or has been applied


def remove(agent: AgentRef, name: str) -> None:
    """Remove a payload that has been applied."""
    for end in (OWN, LEFT):
        try:
            os.unlink(layout.payload(agent, f"{name}{end}"))
        except FileNotFoundError:
            continue  # it has its other name, or an older release has applied it


def stored(agent: AgentRef) -> list[Payload]:
    """Return the stored payloads in the order of their calls."""
    found = names(agent)
    return sorted(_read(agent, found), key=lambda each: (each.at_ns, each.at, each.name)) if found else []


def _read(agent: AgentRef, found: list[str]) -> Iterator[Payload]:
    boot, now_ns = _boot(), time.monotonic_ns()
    ahead_ns = time.time_ns() - now_ns
    for name in found:
        parts = name.split("-", 5)
        if len(parts) == 6 and all(part.isdigit() for part in parts[:4]):
            at_ns, _, pid, wall_ns = (int(part) for part in parts[:4])
            if parts[4] != boot:
                # The machine was started again since: before all that its clock has measured.
                at_ns = min(wall_ns - ahead_ns, -1)
            yield Payload(name, min(at_ns, now_ns), wall_ns / 1e9, pid, parts[5])
            continue
        # Stored by a shell, where Python was missing, or by an older release: the file tells the time. Never later
        # than now: a stamp from before a restart would be, and so would the file's time if the clock was set back.
        seen = next((seen for seen in map(_seen, _paths(agent, name)) if seen is not None), None)
        if seen is None:
            continue  # it has been applied just now
        wall_ns = seen.st_mtime_ns
        at_ns = int(parts[0]) if parts[0].isdigit() else NEVER_NS
        pid = int(parts[3]) if parts[0] == "late" and len(parts) == 4 and parts[3].isdigit() else 0
        yield Payload(name, min(at_ns, wall_ns - ahead_ns, now_ns), wall_ns / 1e9, pid, "")


def _boot() -> str:
    """Return what names this start of the machine, without dashes; empty where the system does not tell."""
    try:
        with open(BOOT_ID, "rb", buffering=0) as stream:
            return stream.readall().decode().strip().replace("-", "")
    except OSError:
        return ""
