"""Payloads of hook calls: applied, or kept until they can be."""

from __future__ import annotations

import json
import os
import time

from flowloom import files, frame, paths, turns
from flowloom.errors import DamagedFile, FlowLoomError
from flowloom.logs import log
from flowloom.providers import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.providers import Provider
    from flowloom.records import Report, Status

SPOOL = "spool"
NEVER_NS = 1 << 63


def hear(agent_dir: str, provider: str, raw: bytes, at_ns: int, pid: str = "") -> None:
    """Apply one payload to the agent in `agent_dir`; `pid` is the program's that called the hook, where it is known."""
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
    if not turns.hear(agent_dir, report, lambda now: moved_to(find(provider), agent_dir, now)):
        log(paths.home(), "warning", "agent-event", "there is no agent here any more", agent_dir=agent_dir)


def moved_to(provider: Provider, agent_dir: str, now: Status) -> str:
    """Return what the agent's own program says of the session that it was moved to, empty where it was not."""
    environment = files.read_json(f"{agent_dir}/environment.json") or {}
    known = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    path = provider.session_file(known, now["pid"]) if now["pid"] else ""
    raw = files.read(path) if path else None
    return provider.moved_to(raw.decode(errors="replace")) if raw else ""


def _make_valid(report: Report) -> None:
    """Take halves of characters out of a report, but for the message: `tasks.complete` does that, and notes it.

    JSON can hold them and UTF-8 cannot. Here they stop before status, task and events, from where
    they would end every listing; a path in those documents may hold bytes that are no UTF-8 and stays as it is.
    """
    for key, value in report.items():
        if key != "message":
            report[key] = frame.valid_in(value)  # type: ignore[literal-required]


def keep(agent_dir: str, raw: bytes, at_ns: int) -> None:
    """Put a payload that could not be applied where `drain` finds it."""
    try:
        files.ensure_dir(f"{agent_dir}/{SPOOL}")
        files.write(f"{agent_dir}/{SPOOL}/{at_ns}-{os.getpid()}.json", raw)
    except OSError as error:
        log(paths.home(), "error", "agent-event", f"a payload is lost: {error}", agent_dir=agent_dir)


def drain(agent_dir: str, provider: str) -> int:
    """Apply the payloads that were kept while FlowLoom was broken or away, the oldest first; return how many.

    One that makes no sense is put aside as `.bad`. Where the agent's own files
    are what is broken, all of them wait on.
    """
    folder = f"{agent_dir}/{SPOOL}"
    if not _waiting(folder):
        return 0
    # Heard and then removed, under a lock: whoever is killed in between loses nothing, and hearing twice moves nothing.
    with files.locked(f"{agent_dir}/{SPOOL}.lock"):
        waiting = _waiting(folder)
        for done, (at_ns, name) in enumerate(waiting):
            path = f"{folder}/{name}"
            try:
                hear(agent_dir, provider, files.read(path) or b"", at_ns)
            except (DamagedFile, OSError) as error:
                log(paths.home(), "error", "spool", f"kept payloads wait: {error}", agent_dir=agent_dir)
                return done
            except (FlowLoomError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                log(paths.home(), "error", "spool", f"a kept payload is bad: {error!r}", agent_dir=agent_dir, name=name)
                os.rename(path, f"{path}.bad")
            else:
                os.unlink(path)
    return len(waiting)


def _waiting(folder: str) -> list[tuple[int, str]]:
    """Return the kept payloads with the time of their hook call, in nanoseconds of the steady clock.

    What the shell kept has no such time in its name; how old its file is tells it.
    """
    found = []
    ahead_ns = time.time_ns() - time.monotonic_ns()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".json"):
                    stamp = entry.name.split("-")[0]
                    at_ns = int(stamp) if stamp.isdigit() else NEVER_NS
                    # Not later than now: a stamp of before a restart of the machine is, and so is
                    # the age of a file where the clock was set back.
                    at_ns = min(at_ns, entry.stat().st_mtime_ns - ahead_ns, time.monotonic_ns())
                    found.append((at_ns, entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(found)
