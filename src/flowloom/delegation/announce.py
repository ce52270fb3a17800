"""Announce what happened to a task that was left: on tmux's status line, by a bell, as a desktop notice."""

from __future__ import annotations

import os

from flowloom.errors import TmuxFailed
from flowloom.ports.tmux.server import Tmux
from flowloom.tasks.frame import normalise

SHOWN_MS = 8000
TEXT_CHARS = 200


def origin() -> tuple[str, str]:
    """Return the terminal and the tmux server (the path of its socket) that a task is left from; empty for none."""
    try:
        tty = os.ttyname(0)
    except OSError:
        tty = ""
    inside = os.environ.get("TMUX", "").split(",")[0]
    return tty, inside


def announce(what: str, how: str, *, servers: dict[str, str], tty: str, in_tmux: bool) -> list[str]:
    """Say `what` happened and `how` to look at it; return where it was said.

    `servers` are the tmux servers, each with the window that speaks for itself
    where a client shows it. `tty` is the terminal that the task was left from,
    inside of tmux or not; one that is gone, or is another user's, is passed over.
    """
    text = normalise(what).replace("\n", " ")
    text = text if len(text) <= TEXT_CHARS else f"{text[:TEXT_CHARS]}…"
    told = []
    for server, window in sorted(servers.items()):
        try:
            told += Tmux(server).tell(f"FlowLoom: {text} ({how})", SHOWN_MS, except_window=window)
        except TmuxFailed:
            continue  # the server is gone, so there is no one to tell
    if tty and _notice(tty, f"FlowLoom: {text}", in_tmux=in_tmux):
        told.append(tty)
    return told


def notice(text: str, *, in_tmux: bool) -> bytes:
    """Return what makes a terminal notify: OSC 9 (a desktop notice in many terminals, nothing in others) and BEL.

    tmux marks the window on BEL. It keeps OSC 9 to itself, so the notice is wrapped
    for the terminal outside, which it reaches where `allow-passthrough` is on.
    """
    said = f"\x1b]9;{text}\x07"
    if in_tmux:
        said = "\x1bPtmux;" + said.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return f"{said}\x07".encode()


def _notice(tty: str, text: str, *, in_tmux: bool) -> bool:
    """Send a notice to a terminal; it moves no cursor."""
    try:
        descriptor = os.open(tty, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        if os.fstat(descriptor).st_uid != os.getuid() or not os.isatty(descriptor):
            return False
        os.write(descriptor, notice(text, in_tmux=in_tmux))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
