"""The terminal that Claude Code lends to its editor: draw lines, read keys, and restore it."""

from __future__ import annotations

import os
import select
import sys
import termios

from flowloom.clock import steady_s
from flowloom.terminal.keys import Keys
from flowloom.terminal.style import RESET, colourless
from flowloom.terminal.text import cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Terminal:
    """The alternate screen of the terminal on stdin and stdout, with signals and echo off.

    No mode of the terminal is turned on or off but the cursor and that screen:
    Claude Code has its own set before and after, and the two must not mix.
    """

    def __init__(self) -> None:
        self.fd = sys.stdin.fileno()
        self.keys = Keys()
        self._found: list[Any] = termios.tcgetattr(self.fd)
        self._drawn: list[str] = []
        self._open = False
        # https://no-color.org: of any value but an empty one.
        self._colourless = bool(os.environ.get("NO_COLOR"))
        self._parent = os.getppid()
        self._foreground = self._in_front()

    def open(self) -> None:
        """Take the terminal over: no signals, no echo, one key at a time, the alternate screen. Idempotent."""
        if self._open:
            return
        mode = termios.tcgetattr(self.fd)
        mode[3] &= ~(termios.ISIG | termios.ICANON | termios.ECHO)
        mode[0] &= ~(termios.IXON | termios.ICRNL)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 0, 0
        termios.tcsetattr(self.fd, termios.TCSANOW, mode)
        self._write("\x1b[?1049h\x1b[?25l\x1b[0m\x1b[2J")
        self._open = True
        self._drawn = []

    def close(self) -> None:
        """Restore the terminal; unread keys are dropped. One that its lender has taken back is not touched."""
        if not self._open:
            return
        self._open = False
        if self.gone():
            # Claude Code has set and drawn it by now: our attributes would keep every key from it.
            return
        self._write("\x1b[0m\x1b[?25h\x1b[?1049l")
        try:
            termios.tcsetattr(self.fd, termios.TCSADRAIN, self._found)
            # An Enter typed while waiting must not submit the reply in Claude Code. TCSAFLUSH would
            # leave what Linux has not handed to the line discipline yet.
            termios.tcflush(self.fd, termios.TCIFLUSH)
        except termios.error:
            return  # the terminal is gone

    def draw(self, lines: list[str]) -> None:
        """Show these lines from the top, cut to the window; draws only when something changed."""
        self.open()
        columns, rows = self.size()
        shown = [cut(line, columns) for line in lines[:rows]]
        shown = [colourless(line) for line in shown] if self._colourless else shown
        key = [*shown, f"{columns}x{rows}"]
        if key == self._drawn:
            return
        self._drawn = key
        # Each line is erased before it is written: behind a full one an erase would take its last character.
        below = "\r\n\x1b[J" if len(shown) < rows else ""
        self._write("\x1b[H" + "\r\n".join(f"\x1b[2K{line}{RESET}" for line in shown) + below)

    def size(self) -> tuple[int, int]:
        """Return columns and rows; 80 by 24 where the terminal does not say."""
        try:
            found = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            return 80, 24
        return found.columns or 80, found.lines or 24

    def read_keys(self) -> list[str]:
        """Return the keys pressed since, without waiting; none also when the terminal is gone."""
        try:
            # The lender may have taken the terminal back, and a read would then block.
            raw = os.read(self.fd, 65536) if select.select([self.fd], [], [], 0)[0] else b""
        except OSError:
            raw = b""
        return self.keys.feed(raw, steady_s())

    def gone(self) -> bool:
        """Tell whether the terminal is no longer ours: it hung up, or the process that lent it to us died."""
        return os.getppid() != self._parent or (self._foreground and not self._in_front())

    def _in_front(self) -> bool:
        try:
            return os.tcgetpgrp(self.fd) == os.getpgrp()
        except OSError:
            return False

    def _write(self, text: str) -> None:
        data = text.encode(errors="replace")
        while data:
            try:
                data = data[os.write(sys.stdout.fileno(), data) :]
            except BlockingIOError:
                continue
            except OSError:
                return  # the terminal is gone
