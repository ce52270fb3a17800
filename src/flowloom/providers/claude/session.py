"""What a running Claude Code says of its session, in a file of its own and by a command. Text in, values out."""

from __future__ import annotations

import json

from flowloom.providers.claude import home


def session_file(environment: dict[str, str], pid: int) -> str:
    """Return the file in which a running Claude Code keeps its status; undocumented, used only to be faster."""
    return f"{home.folder(environment)}/sessions/{pid}.json"


def moved_to(text: str) -> str:
    """Return, out of a session file, how the id of the session begins that this one was moved to; empty for none."""
    return _said(text, "parkedJobId")


def shown(text: str) -> str:
    """Return, out of a session file, how the id of the session begins that its window shows."""
    return moved_to(text) or _said(text, "sessionId")


def sessions_command(binary: str) -> list[str]:
    """Return the documented command that lists the running sessions."""
    return [binary, "agents", "--json"]


def read_sessions(text: str, pid: int, since_s: float = 0.0, busy_since_s: float = 0.0) -> str:
    """Return `busy`, `waiting` or `idle` of the session with this pid; empty where it is not said.

    `text` is a session file's or what `claude agents --json` prints. An `idle` from before `since_s` (time of day) is
    not said, nor a `busy` from before `busy_since_s`: a Claude Code without a processor writes its file seconds late.
    """
    try:
        document = json.loads(text)
    except ValueError:
        return ""
    for entry in document if isinstance(document, list) else [document]:
        if isinstance(entry, dict) and entry.get("pid") == pid:
            # `shell`: idle, with a shell in the background.
            status = {"shell": "idle"}.get(str(entry.get("status")), entry.get("status"))
            at_ms = entry.get("statusUpdatedAt")
            since = {"idle": since_s, "busy": busy_since_s}.get(str(status), 0.0)
            if isinstance(at_ms, int | float) and at_ms < since * 1000:
                return ""
            return status if status in ("busy", "waiting", "idle") else ""
    return ""


def read_waiting(text: str, pid: int) -> str:
    """Return what the session with this pid says that it waits for; empty where it says nothing."""
    try:
        document = json.loads(text)
    except ValueError:
        return ""
    for entry in document if isinstance(document, list) else [document]:
        if isinstance(entry, dict) and entry.get("pid") == pid and entry.get("status") == "waiting":
            return str(entry.get("waitingFor") or "")[:100]
    return ""


def opened(waiting: str) -> bool:
    """Tell whether what a session waits for was opened by a person, such as /model or /btw, and asks nothing."""
    return waiting == "dialog open"


def _said(text: str, key: str) -> str:
    """Return what a session file says under a key; empty where it says nothing.

    What one with a `parkedJobId` says of its own status is of the time before (2.1.330).
    """
    try:
        document = json.loads(text)
    except ValueError:
        return ""
    return str(document.get(key) or "") if isinstance(document, dict) else ""
