"""Telling that a reply waits which somebody left: on tmux's status line, and as a notice of the terminal."""

from __future__ import annotations

import os

from flowloom.errors import TmuxFailed
from flowloom.frame import normalise
from flowloom.states import Step
from flowloom.tmux import Tmux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.records import Task

SHOWN_MS = 8000


def origin() -> tuple[str, str]:
    """Return the terminal and the tmux server (the name of its socket) that a task is left from; empty for none."""
    try:
        tty = os.ttyname(0)
    except OSError:
        tty = ""
    inside = os.environ.get("TMUX", "").split(",")[0]
    return tty, os.path.basename(inside)


def announce(task: Task, socket: str) -> list[str]:
    """Tell everybody who may wait for a left task that it has ended; return where it was told.

    `socket` is the server that the agent's window is on. A terminal that is
    gone, or is somebody else's, is passed over.
    """
    name = task["agent_id"].split("@")[0]
    what = f"{name} has replied" if task["status"] is Step.DONE else f"{name}: {task['error'] or task['status']}"
    text = normalise(f"{what} (task {task['task_id']})").replace("\n", " ")[:200]
    told = []
    for server in sorted({socket, task["left_tmux"]} - {""}):
        try:
            told += Tmux(server).tell(f"FlowLoom: {text}: Ctrl-G, then r", SHOWN_MS)
        except TmuxFailed:
            continue  # no such server any more: nobody is there to be told
    if task["left_tty"] and _notice(task["left_tty"], f"FlowLoom: {text}"):
        told.append(task["left_tty"])
    return told


def _notice(tty: str, text: str) -> bool:
    """Send OSC 9, a desktop notice in many terminals and nothing in the others; it moves no cursor."""
    try:
        descriptor = os.open(tty, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        if os.fstat(descriptor).st_uid != os.getuid() or not os.isatty(descriptor):
            return False
        os.write(descriptor, f"\x1b]9;{text}\x07".encode())
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
