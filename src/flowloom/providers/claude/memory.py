"""What a Claude Code keeps of its conversations, read from their transcripts.

A transcript's format is internal: it is read only where a hook was lost or says too little.
"""

from __future__ import annotations

import json
import re

from flowloom.providers.claude import home
from flowloom.tasks import frame

# How a user finds a conversation of their own.
LIST = "claude --resume"
CUT_MARKS = (b'"stop_reason":"max_tokens"', b'"stop_reason":"model_context_window_exceeded"')


def conversation_files(environment: dict[str, str], session_id: str) -> str:
    """Return where a transcript can lie: in the folder of the project, or of a working tree that it went to."""
    # As `glob.escape` does, whose module would be loaded on the way to every Ctrl-G.
    folder = re.sub(r"([*?[])", r"[\1]", home.folder(environment))
    return f"{folder}/projects/*/{session_id}.jsonl"


def resumable(transcript: bytes) -> bool:
    """Tell whether a conversation that left this transcript can be gone on with.

    It is written a moment after the turn, so one that was killed just then can
    have lost all of it. With no message in it Claude Code refuses to resume: `No
    conversation found`, which stands on the screen for a moment, and exit 1.
    Measured on 2.1.197 and 2.1.329.
    """
    return b'"type":"user"' in transcript or b'"type":"assistant"' in transcript


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


def transcript_of_session(environment: dict[str, str], session: str) -> str:
    """Return the path of the transcript of the session that a session file describes; empty if it says too little."""
    try:
        document = json.loads(session)
    except ValueError:
        return ""
    session_id, cwd = document.get("sessionId"), document.get("cwd")
    if not session_id or not cwd:
        return ""
    return f"{home.folder(environment)}/projects/{re.sub(r'[^A-Za-z0-9]', '-', cwd)}/{session_id}.jsonl"


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
