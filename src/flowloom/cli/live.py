"""The line on a terminal that says what a command waits for, and for how long; lines that stay are printed above it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from flowloom.clock import wall_s
from flowloom.terminal.durations import age
from flowloom.terminal.text import cut, shorten, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowloom.delegation.runner import View
    from flowloom.delegation.waiting import Phase

STDERR = 2
WORDS: dict[Phase, str] = {
    "working": "working",
    "starting": "starting",
    "delivering": "sending the prompt",
    "parked": "waiting for its background work",
    "settling": "finishing",
}


class LiveLine:
    """One line on standard error, redrawn in place; nothing at all where that is no terminal."""

    def __init__(self, hint: str) -> None:
        self._hint = hint
        self._on = os.isatty(STDERR) and os.environ.get("TERM") != "dumb"
        self._shown = ""
        # When it is to be drawn again, in seconds: its clock ticks.
        self.again_s = 1.0 if self._on else None

    def draw(self, text: str) -> None:
        """Replace the line."""
        if not self._on:
            return
        try:
            columns = os.get_terminal_size(STDERR).columns
        except OSError:
            return
        said = f"{text} · {self._hint}" if self._hint else text
        # Where there is no room for both, what is waited for comes first. A full line would wrap.
        if cut(said, columns - 1) != said:
            said = shorten(text, columns - 1)
        if said != self._shown:
            self._shown = said
            write(f"\r{said}\x1b[K")

    def say(self, text: str) -> None:
        """Print a line that stays, above this one."""
        said = visible(text)
        write(f"\r\x1b[K{said}{self._shown}" if self._shown else said)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._shown = ""
            write("\r\x1b[K")


def line(views: Sequence[View]) -> str:
    """Return what the tasks that have not ended are at, or are held up by, and since when."""
    now_s = wall_s()
    going = [view for view in views if not view.ended]
    return ", ".join(f"{view.task['agent_id']}  {_what(view)} {age(now_s - view.since)}" for view in going)


def _what(view: View) -> str:
    if view.question and view.phase != "in line":
        return f"blocked on {view.question['kind']}"
    if view.phase == "in line":
        return f"in line, {view.ahead} ahead "
    return view.says or WORDS.get(view.phase) or view.waits_for or view.phase


def write(text: str) -> None:
    """Write to standard error; if it is closed, the wait continues, and so does the task."""
    former = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        os.write(STDERR, text.encode(errors="backslashreplace"))
    except OSError:
        return
    finally:
        signal.signal(signal.SIGPIPE, former)
