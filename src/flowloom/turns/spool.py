"""Payloads of hook calls: applied at once, or stored until they can be."""

from __future__ import annotations

import json
import os
import time

from flowloom.errors import DamagedFile, FlowLoomError
from flowloom.providers.registry import find
from flowloom.store import files, layout
from flowloom.store.log import log
from flowloom.tasks import frame
from flowloom.turns import reported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.providers.protocol import Provider, Report
    from flowloom.turns.record import Status

SPOOL = "spool"
NEVER_NS = 1 << 63


def hear(agent_dir: str, provider: str, raw: bytes, at_ns: int, pid: str = "") -> None:
    """Apply one payload to the agent in `agent_dir`; `pid` is the process that called the hook, if known."""
    text = raw.decode("utf-8", "replace")
    payload = json.loads(text)
    if not isinstance(payload, dict):
        raise ValueError("not a JSON object")
    report = find(provider).report(payload)
    if report is None:
        return
    if "\\ud" in text or "\\uD" in text:
        _make_valid(report)
    report["at_ns"] = at_ns
    if pid.isdigit():
        report["pid"] = int(pid)
    if not reported.hear(agent_dir, report, lambda now: shown(find(provider), agent_dir, now)):
        log(layout.home(), "warning", "agent-event", "this agent no longer exists", agent_dir=agent_dir)


def shown(provider: Provider, agent_dir: str, now: Status) -> str:
    """Return how the id of the session begins that the agent's own program says it shows; empty if it does not say."""
    environment = files.read_json(f"{agent_dir}/environment.json") or {}
    known = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    path = provider.session_file(known, now["pid"]) if now["pid"] else ""
    raw = files.read(path) if path else None
    return provider.shown(raw.decode(errors="replace")) if raw else ""


def _make_valid(report: Report) -> None:
    """Replace half characters in a report, except in the message, where `tasks.complete` replaces and notes them.

    JSON can contain them and UTF-8 cannot. In a status, task or event they would break every listing.
    Paths in those documents may contain bytes that are not UTF-8; these stay unchanged.
    """
    for key, value in report.items():
        if key != "message":
            report[key] = frame.valid_in(value)  # type: ignore[literal-required]


def keep(agent_dir: str, raw: bytes, at_ns: int) -> None:
    """Store a payload that could not be applied, for `drain`."""
    try:
        files.ensure_dir(f"{agent_dir}/{SPOOL}")
        files.write(f"{agent_dir}/{SPOOL}/{at_ns}-{os.getpid()}.json", raw)
    except OSError as error:
        log(layout.home(), "error", "agent-event", f"a payload is lost: {error}", agent_dir=agent_dir)


def drain(agent_dir: str, provider: str) -> int:
    """Apply the payloads that were stored while FlowLoom was broken or missing, oldest first; return how many.

    An invalid payload is renamed to `.bad`. If the agent's own files are damaged, all
    payloads stay stored.
    """
    folder = f"{agent_dir}/{SPOOL}"
    if not _waiting(folder):
        return 0
    # Apply first, then remove, under a lock: a kill in between loses nothing, and applying twice changes nothing.
    with files.locked(f"{agent_dir}/{SPOOL}.lock"):
        waiting = _waiting(folder)
        for done, (at_ns, name) in enumerate(waiting):
            path = f"{folder}/{name}"
            try:
                hear(agent_dir, provider, files.read(path) or b"", at_ns)
            except (DamagedFile, OSError) as error:
                log(layout.home(), "error", "spool", f"kept payloads wait: {error}", agent_dir=agent_dir)
                return done
            except (FlowLoomError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                log(
                    layout.home(), "error", "spool", f"a kept payload is bad: {error!r}", agent_dir=agent_dir, name=name
                )
                os.rename(path, f"{path}.bad")
            else:
                os.unlink(path)
    return len(waiting)


def _waiting(folder: str) -> list[tuple[int, str]]:
    """Return the stored payloads with the time of their hook call, in nanoseconds of the monotonic clock.

    A payload that the shell script stored has no such time in its name; the age of its file gives it.
    """
    found = []
    ahead_ns = time.time_ns() - time.monotonic_ns()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".json"):
                    stamp = entry.name.split("-")[0]
                    at_ns = int(stamp) if stamp.isdigit() else NEVER_NS
                    # Never later than now: a stamp from before a reboot would be, and so would the time
                    # of a file if the clock was set back.
                    at_ns = min(at_ns, entry.stat().st_mtime_ns - ahead_ns, time.monotonic_ns())
                    found.append((at_ns, entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(found)
