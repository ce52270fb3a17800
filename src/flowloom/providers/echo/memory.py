"""What the echo agent keeps: all that it was told, with the agent's own files."""

from __future__ import annotations

LIST = ""
CUT_MARKS: tuple[bytes, ...] = ()


def conversation_files(environment: dict[str, str], session_id: str) -> str:
    """Return nothing: what it was told is kept with the agent."""
    return ""


def resumable(transcript: bytes) -> bool:
    """Return True: it keeps what it was told elsewhere."""
    return True


def joined(transcript: bytes, message: str) -> str | None:
    """Return the message: nothing cuts it."""
    return message


def reply_in_transcript(transcript: bytes, task_id: str) -> str | None:
    """Return None: it keeps no transcript."""
    return None
