"""What Claude Code leaves in writing, read: results of `claude -p`, transcripts, sessions. Text in, values out.

Of `claude -p --output-format json`: an error stands in `result` (the API, no login) or in `errors` (a budget, a limit
of turns), with `is_error` and exit 1; an unknown option is one line on stderr.
Measured on 2.1.197 and 2.1.329.
"""

from __future__ import annotations

import json
import re

from flowloom.tasks import frame

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
    """Return the last message of the turn that a task began, None where it has none, failed or was interrupted.

    The transcript's format is internal: this is for when a hook was lost, never
    for the ordinary way.
    """
    said: list[tuple[str, str]] = []
    for line in transcript.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the first line of a tail is cut, the last may be half written
        # Entries of another type hold copies of what went to the API.
        mine = isinstance(entry, dict) and entry.get("type") in ("user", "assistant")
        if not mine or entry.get("isSidechain") or entry.get("isMeta") or not isinstance(entry.get("message"), dict):
            continue
        content = entry["message"].get("content")
        blocks = [{"text": content}] if isinstance(content, str) else content or []
        text = "\n".join(block["text"] for block in blocks if isinstance(block, dict) and block.get("text"))
        broken = entry.get("isApiErrorMessage") or "[Request interrupted by user" in text
        who = "nobody" if broken else str(entry.get("type"))
        if text and not (who == "user" and text.startswith("<")):  # what begins with a tag is Claude Code's own
            said.append((who, text))
    return next(reversed(frame.answers(said, task_id)), None)


# How Claude Code asks for the rest of what the output limit cut; 2.1.197 leaves it out of the transcript.
_GO_ON = ("Output token limit hit", "Your response was cut off because it exceeded the output token limit")
_CUT = ("max_tokens", "model_context_window_exceeded")


def joined(transcript: bytes, message: str) -> str | None:
    """Return the reply whose last part is `message`, with the parts before it that the output limit cut.

    They stand apart by an empty line, as on the screen. None where the last part is not there yet. With an empty
    `message` the parts before the error with which Claude Code gave up, which ends them.
    """
    parts: list[str] = []
    found, wanted = False, ""  # the id of the message whose other blocks belong to it
    for line in reversed(transcript.splitlines()):
        if b'"type":"assistant"' not in line and b'"type":"user"' not in line:
            continue  # not worth reading
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the first line of a tail is cut, the last may be half written
        said = entry.get("message") if isinstance(entry, dict) else None
        if not isinstance(said, dict) or entry.get("type") not in ("user", "assistant") or entry.get("isSidechain"):
            continue
        blocks = said.get("content")
        blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks or []
        text = "\n\n".join(str(block.get("text")) for block in blocks if block.get("type") == "text").strip()
        if not found and not message:
            found = bool(entry.get("isApiErrorMessage"))
        elif not found:
            last = entry["type"] == "assistant" and said.get("stop_reason") not in _CUT
            found = last and bool(text) and message.strip().endswith(text)
            wanted = str(said.get("id"))
        elif entry["type"] == "user":
            if not text.startswith(_GO_ON):
                break
        elif said.get("id") == wanted:
            parts[:0] = [text] if text and parts else []
        elif said.get("stop_reason") in _CUT and not any(block.get("type") == "tool_use" for block in blocks):
            wanted = str(said.get("id"))
            parts[:0] = [text] if text else []
        else:
            break
    return "\n\n".join([*parts, *([message] if message else [])]) if found else None


def read_sessions(text: str, pid: int, since_s: float = 0.0) -> str:
    """Return `busy`, `waiting` or `idle` of the session with this pid; empty where it is not said.

    `text` is a session file's or what `claude agents --json` prints. An `idle` from before `since_s` (time of day) is
    not said: a Claude Code that gets no processor writes its file seconds late.
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
            if status == "idle" and isinstance(at_ms, int | float) and at_ms < since_s * 1000:
                return ""
            return status if status in ("busy", "waiting", "idle") else ""
    return ""


def said_of_session(text: str, key: str) -> str:
    """Return what a session file says under a key; empty where it says nothing.

    What one with a `parkedJobId` says of its own status is of the time before (2.1.330).
    """
    try:
        document = json.loads(text)
    except ValueError:
        return ""
    return str(document.get(key) or "") if isinstance(document, dict) else ""


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


def transcript_of_session(environment: dict[str, str], session: str) -> str:
    """Return the path of the transcript of the session that a session file describes; empty if it says too little."""
    try:
        document = json.loads(session)
    except ValueError:
        return ""
    session_id, cwd = document.get("sessionId"), document.get("cwd")
    if not session_id or not cwd:
        return ""
    base = environment.get("CLAUDE_CONFIG_DIR") or f"{environment.get('HOME', '')}/.claude"
    return f"{base}/projects/{re.sub(r'[^A-Za-z0-9]', '-', cwd)}/{session_id}.jsonl"


def touched_files(transcript: bytes) -> list[str]:
    """Return the files that tool calls in a transcript name, the last first."""
    found: list[str] = []
    for line in reversed(transcript.splitlines()):
        if b'"tool_use"' not in line:
            continue
        try:
            content = json.loads(line)["message"]["content"]
        except (ValueError, KeyError, TypeError):
            continue  # the first line of a tail is cut
        for block in reversed(content if isinstance(content, list) else []):
            given = block.get("input") if isinstance(block, dict) and block.get("type") == "tool_use" else None
            name = (given or {}).get("file_path") or (given or {}).get("notebook_path")
            if isinstance(name, str) and name not in found:
                found.append(name)
    return found
