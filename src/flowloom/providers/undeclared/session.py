"""The session of a program that says nothing of it: only its hooks count."""

from __future__ import annotations


def session_file(environment: dict[str, str], pid: int) -> str:
    """Return nothing: there is no such file."""
    return ""


def moved_to(text: str) -> str:
    """Return nothing: its session stays in its window."""
    return ""


def shown(text: str) -> str:
    """Return nothing: its window shows one session."""
    return ""


def sessions_command(binary: str) -> list[str]:
    """Return nothing: no command tells."""
    return []


def read_sessions(text: str, pid: int, since_s: float = 0.0, busy_since_s: float = 0.0) -> str:
    """Return nothing."""
    return ""


def read_waiting(text: str, pid: int) -> str:
    """Return nothing."""
    return ""


def opened(waiting: str) -> bool:
    """Return False: it does not say what it waits for."""
    return False
