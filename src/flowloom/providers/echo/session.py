"""What the echo agent says of its session, in a file like Claude Code's."""

from __future__ import annotations

from flowloom.providers.claude import session as claude

read_sessions = claude.read_sessions
read_waiting = claude.read_waiting
opened = claude.opened


def session_file(environment: dict[str, str], pid: int) -> str:
    """Return the file in which it keeps the status of its session."""
    return f"{environment.get('FLOWLOOM_ECHO_SESSIONS', '')}/{pid}.json"


def moved_to(text: str) -> str:
    """Return nothing: its session stays in its window."""
    return ""


def shown(text: str) -> str:
    """Return nothing: its window shows one session."""
    return ""


def sessions_command(binary: str) -> list[str]:
    """Return nothing: its file says all."""
    return []
