"""What the program passes to its `notify` command: that it is ready, and that a turn is complete."""

from __future__ import annotations

from typing import Any

EVENTS = frozenset({"up", "stop"})
RECEIPT = "none"


def report(payload: dict[str, Any]) -> Any:
    """Return what a notification says."""
    if payload.get("type") == "session-ready":
        return {"event": "up", "source": "started", "session_id": payload.get("session", "")}
    if payload.get("type") == "turn-complete":
        said = {"event": "stop", "session_id": payload.get("session", ""), "prompt_id": payload.get("turn-id")}
        return {**said, "message": payload.get("last-message") or "", "background": []}
    return None
