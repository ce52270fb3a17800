"""The terminal's face: a transcript, and live rows below it."""

from __future__ import annotations

import os

from flowloom.providers.echo.agent.text import CLEAN

TRANSCRIPT_ENTRIES = 500


class Screen:
    """A transcript that scrolls, and below it the live rows, redrawn each time."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.transcript: list[str] = []
        self.printed = 0
        self.up = 0
        self.fit()

    def fit(self) -> None:
        """Take the terminal's size; a terminal that has none is 80 by 24."""
        try:
            size = os.get_terminal_size(self.fd)
        except OSError:
            size = os.terminal_size((0, 0))
        self.width, self.height = max(size.columns or 80, 12), max(size.lines or 24, 8)

    def print(self, text: str, mark: str = "  ") -> None:
        """Add an entry to the transcript; it appears with the next `draw`."""
        self.transcript.append(mark + text.translate(CLEAN).replace("\n", "\r\n  ") + "\r\n\r\n")

    def draw(self, rows: list[str], cursor: tuple[int, int], *, repaint: bool = False) -> None:
        """Draw the rows below the transcript, the cursor at (row, column) of them.

        `repaint` begins with an empty screen and history: after a change of
        size, how the terminal has wrapped what was there is unknown.
        """
        out = "\x1b[H\x1b[2J\x1b[3J" if repaint else (f"\x1b[{self.up}A" if self.up else "") + "\r\x1b[J"
        out += "".join(self.transcript[0 if repaint else self.printed :])
        self.transcript = self.transcript[-TRANSCRIPT_ENTRIES:]
        self.printed, self.up = len(self.transcript), cursor[0]
        back = len(rows) - 1 - cursor[0]
        out += "\r\n".join(rows) + (f"\x1b[{back}A" if back else "") + f"\x1b[{cursor[1] + 1}G"
        self.write(out)

    def write(self, text: str) -> None:
        """Write to the terminal; one that is gone is no error, its SIGHUP ends us."""
        data = memoryview(text.encode(errors="replace"))
        try:
            while data:
                data = data[os.write(self.fd, data) :]
        except OSError:
            pass
