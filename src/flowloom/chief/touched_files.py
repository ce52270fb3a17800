"""What we can find out about the Chief, the Claude Code that called us: the files it touched."""

from __future__ import annotations

import os

from flowloom.ports import procs
from flowloom.providers.claude import memory, session
from flowloom.store import files

TRANSCRIPT_TAIL_BYTES = 8_000_000


def is_claude_code(pid: str) -> bool:
    """Tell whether a process is a Claude Code: it has a session file, or its name."""
    if not pid.isdigit():
        return False
    if files.read(session.session_file(dict(os.environ), int(pid))) is not None:
        return True
    return any(os.path.basename(word) == "claude" or "/claude-code/" in word for word in procs.command(int(pid))[:2])


def has_open(pid: str, session_id: str | None) -> bool:
    """Tell whether the Chief with this pid runs a session: `claude --continue` can open an agent's."""
    if not pid.isdigit() or not session_id:
        return False
    text = (files.read(session.session_file(dict(os.environ), int(pid))) or b"").decode(errors="replace")
    shown = session.shown(text) if session_id in text else ""
    return bool(shown) and session_id.startswith(shown)


def touched_files(pid: str) -> list[str]:
    """Return the files that the Chief with this pid read or changed, newest first; empty if unknown.

    From its session file and its transcript, both undocumented: a convenience,
    on which nothing else may be built.
    """
    if not pid.isdigit():
        return []
    environment = dict(os.environ)
    raw = files.read(session.session_file(environment, int(pid)))
    transcript = memory.transcript_of_session(environment, raw.decode(errors="replace")) if raw else ""
    return memory.touched_files(files.tail(transcript, TRANSCRIPT_TAIL_BYTES)) if transcript else []
