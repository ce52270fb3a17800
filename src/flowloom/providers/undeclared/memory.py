"""The memory of a program that keeps no conversation: each start begins an empty one."""

from __future__ import annotations

LIST = ""
CUT_MARKS: tuple[bytes, ...] = ()


def conversation_files(environment: dict[str, str], session_id: str) -> str:
    """Return nothing: no file keeps one."""
    return ""


def resumable(transcript: bytes) -> bool:
    """Return False: there is nothing to resume."""
    return False


def joined(transcript: bytes, message: str) -> str | None:
    """Return the message: nothing tells of other parts."""
    return message


def reply_in_transcript(transcript: bytes, task_id: str) -> str | None:
    """Return None: there is no transcript."""
    return None
