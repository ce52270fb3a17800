"""What Claude Code leaves in writing, read: results of `claude -p`, transcripts, sessions. Text in, values out.

Of `claude -p --output-format json`: an error stands in `result` (the API, no login) or in `errors` (a budget, a limit
of turns), with `is_error` and exit 1; an unknown option is one line on stderr.
Measured on 2.1.197 and 2.1.329.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def result(stdout: str) -> dict[str, Any]:
    """Return the last result document among the lines; an empty one where there is none."""
    for line in reversed(stdout.split("\n")):  # splitlines() would cut at a U+2028 in a string
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and said.get("type") == "result":
            return said
    return {}


def reply(said: dict[str, Any], exit_code: int | None) -> str | None:
    """Return the reply in a result document, None where it tells of an error."""
    text = said.get("result")
    return text if isinstance(text, str) and not said.get("is_error") and not exit_code else None


def error(said: dict[str, Any], stdout: str, stderr: str, exit_code: int | None) -> str:
    """Return why there is no reply, in the program's own words where it has any."""
    if said:
        errors = "; ".join(str(each) for each in said.get("errors") or [])
        return errors or str(said.get("result") or said.get("subtype") or "it failed without a word")
    last = " ".join((stderr.strip() or stdout.strip()).splitlines()[-3:])[:500]
    ended = "it ended" if exit_code is None else f"it ended with exit {exit_code}"
    return last or f"{ended} and printed no reply"


def denied(said: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tool calls that were refused, each with `tool_name` and `tool_input`."""
    return [entry for entry in said.get("permission_denials") or [] if isinstance(entry, dict)]


def reply_in_transcript(transcript: bytes, task_id: str) -> str | None:
    """Return the last message of the turn that a task began, None where it has none or was interrupted.

    The transcript's format is internal: this is for when a hook was lost, never
    for the ordinary way.
    """
    mark = f"[flowloom task {task_id} from ".encode()
    start = transcript.rfind(mark)
    if start < 0:
        return None
    said: list[str] = []
    for line in transcript[transcript.rfind(b"\n", 0, start) + 1 :].splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the first line of a tail is cut, the last may be half written
        message = entry.get("message") if isinstance(entry, dict) else None
        if not isinstance(message, dict) or entry.get("isSidechain"):
            continue
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        texts = [block.get("text", "") for block in blocks if isinstance(block, dict) and block.get("type") == "text"]
        if entry.get("type") == "assistant" and texts:
            said.append("\n".join(texts))
        elif entry.get("type") == "user" and any("[Request interrupted by user" in text for text in texts):
            return None
    return said[-1] if said else None


def read_sessions(text: str, pid: int) -> str:
    """Return `busy`, `waiting` or `idle` of the session with this pid; empty where it is not said.

    `text` is a session file's or what `claude agents --json` prints.
    """
    try:
        document = json.loads(text)
    except ValueError:
        return ""
    for entry in document if isinstance(document, list) else [document]:
        if isinstance(entry, dict) and entry.get("pid") == pid:
            # `shell`: idle, with a shell in the background.
            status = {"shell": "idle"}.get(str(entry.get("status")), entry.get("status"))
            return status if status in ("busy", "waiting", "idle") else ""
    return ""
