"""Payloads of hook calls: applied, or kept until they can be."""

from __future__ import annotations

import json
import os
import time

from flowloom import files, paths, turns
from flowloom.errors import FlowLoomError
from flowloom.logs import log
from flowloom.providers import find

SPOOL = "spool"


def hear(agent_dir: str, provider: str, raw: bytes, at_ns: int) -> None:
    """Apply one payload to the agent in `agent_dir`."""
    payload = json.loads(raw)
    report = find(provider).report(payload)
    if report is None:
        return
    report["at_ns"] = at_ns
    if not turns.hear(agent_dir, report):
        log(paths.home(), "warning", "agent-event", "there is no agent here any more", agent_dir=agent_dir)


def keep(agent_dir: str, raw: bytes, at_ns: int) -> None:
    """Put a payload that could not be applied where `drain` finds it."""
    try:
        files.ensure_dir(f"{agent_dir}/{SPOOL}")
        files.write(f"{agent_dir}/{SPOOL}/{at_ns}-{os.getpid()}.json", raw)
    except OSError as error:
        log(paths.home(), "error", "agent-event", f"a payload is lost: {error}", agent_dir=agent_dir)


def drain(agent_dir: str, provider: str) -> int:
    """Apply the payloads that were kept while FlowLoom was broken or away, the oldest first; return how many.

    One that cannot be applied now either is put aside as `.bad`.
    """
    folder = f"{agent_dir}/{SPOOL}"
    try:
        with os.scandir(folder) as entries:
            waiting = sorted(
                (entry.stat().st_mtime_ns, entry.name) for entry in entries if entry.name.endswith(".json")
            )
    except FileNotFoundError:
        return 0
    for _, name in waiting:
        taken = f"{folder}/{name}.{os.getpid()}"
        try:
            os.rename(f"{folder}/{name}", taken)
        except FileNotFoundError:
            continue  # another process drains as well
        stamp = name.split("-")[0]
        try:
            hear(agent_dir, provider, files.read(taken) or b"", int(stamp) if stamp.isdigit() else time.monotonic_ns())
        except (FlowLoomError, OSError, ValueError, KeyError, TypeError) as error:
            log(paths.home(), "error", "spool", f"a kept payload is bad: {error!r}", agent_dir=agent_dir, name=name)
            os.rename(taken, f"{folder}/{name}.bad")
        else:
            os.unlink(taken)
    return len(waiting)
