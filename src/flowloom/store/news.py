"""What waits for a person, counted for a status line: questions, unread replies, failures.

Each is an empty file in `fleet/news`, created and removed by the process that changes the
state. `fleet/status-line` has the counts in one line, for tmux to show with `cat`.
"""

from __future__ import annotations

import os

from flowloom.store import files, layout
from flowloom.store.log import log

QUESTION, REPLY, FAILED = "question", "reply", "failed"
SIGNS = {QUESTION: "?", REPLY: "✉", FAILED: "✗"}


def note(kind: str, key: str, on: bool) -> None:
    """Record whether something waits for a person, and update the status line if that changed.

    The state itself is on disk already, so a failure here is only logged.
    """
    path = layout.news(kind, key)
    try:
        if not _marked(path, on):
            return
        renew()
    except OSError as error:
        log("error", "news", f"the status line was not updated: {error}")


def _marked(path: str, on: bool) -> bool:
    """Create or remove a marker; return whether that changed anything."""
    if not on:
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
        return True
    while True:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        except FileExistsError:
            return False
        except FileNotFoundError:
            files.ensure_dir(os.path.dirname(path))
            continue
        return True


def waiting(kind: str) -> list[str]:
    """Return what waits: agents for `question`, tasks for `reply` and `failed`."""
    return sorted(name.partition("-")[2] for name in _names() if name.startswith(f"{kind}-"))


def line() -> str:
    """Return the status line; empty if nothing waits."""
    names = _names()
    counts = {kind: sum(name.startswith(f"{kind}-") for name in names) for kind in SIGNS}
    return " ".join(f"{SIGNS[kind]}{count}" for kind, count in counts.items() if count)


def renew() -> None:
    """Write the status line.

    No lock is needed, because every writer counts again after it has written: of two
    simultaneous writers, the later one sees both changes.
    """
    path = layout.status_line()
    files.ensure_dir(os.path.dirname(path))
    text = None
    while text != (now := line()):
        text = now
        files.write(path, f"{text}\n".encode() if text else b"", durable=False)


def _names() -> list[str]:
    try:
        return os.listdir(layout.news_dir())
    except FileNotFoundError:
        return []
