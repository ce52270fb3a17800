"""The terminal that Claude Code lends to its editor: a few lines on it, keys from it, and back as it was."""

from __future__ import annotations

import os
import re
import sys
import termios

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Keys that terminals send as CSI-u or xterm's modifyOtherKeys instead of a control character.
CSI_U = r"\x1b\[(\d+);5u|\x1b\[27;5;(\d+)~"


# Private characters stand for the arrow keys while a read is taken apart.
ARROWS = {"A": "\ue000", "B": "\ue001"}
NAMES = {"\ue000": "up", "\ue001": "down", "\x7f": "backspace", "\x1b": "esc", "\r": "enter", "\n": "enter"}


class Terminal:
    """The alternate screen of the terminal on stdin and stdout, with signals and echo off."""

    def __init__(self) -> None:
        self.fd = sys.stdin.fileno()
        self._found: list[Any] = termios.tcgetattr(self.fd)
        self._drawn: list[str] = []
        self._open = False

    def open(self) -> None:
        """Take the terminal over: no signals, no echo, one key at a time, the alternate screen."""
        if self._open:
            return
        mode = termios.tcgetattr(self.fd)
        mode[3] &= ~(termios.ISIG | termios.ICANON | termios.ECHO)
        mode[0] &= ~(termios.IXON | termios.ICRNL)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 0, 0
        termios.tcsetattr(self.fd, termios.TCSANOW, mode)
        self._write("\x1b[?1049h\x1b[?25l\x1b[?2004l\x1b[2J")
        self._open = True
        self._drawn = []

    def close(self) -> None:
        """Give the terminal back as it was found; keys that nobody read are dropped."""
        if not self._open:
            return
        self._open = False
        # An Enter typed while waiting must not submit the reply in Claude Code.
        termios.tcflush(self.fd, termios.TCIFLUSH)
        self._write("\x1b[0m\x1b[?25h\x1b[?1049l")
        termios.tcsetattr(self.fd, termios.TCSADRAIN, self._found)

    def draw(self, lines: list[str]) -> None:
        """Show these lines from the top, cut to the window; draws only when something changed."""
        columns, rows = self.size()
        shown = [cut(line, columns) for line in lines[:rows]]
        key = [*shown, f"{columns}x{rows}"]
        if key == self._drawn:
            return
        self._drawn = key
        self._write("\x1b[H" + "\r\n".join(f"{line}\x1b[0m\x1b[K" for line in shown) + "\x1b[J")

    def size(self) -> tuple[int, int]:
        """Return columns and rows; 80 by 24 where the terminal does not say."""
        try:
            found = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            return 80, 24
        return found.columns or 80, found.lines or 24

    def read_keys(self) -> list[str]:
        """Return the keys pressed since, without waiting: characters, `^C` for control keys, `esc`, `enter`.

        Pastes, focus reports, mouse reports and unknown sequences are dropped.
        An empty list also when the terminal is gone.
        """
        try:
            raw = os.read(self.fd, 65536)
        except (BlockingIOError, OSError):
            return []
        text = raw.decode(errors="replace")
        text = re.sub(r"\x1b\[200~.*?(\x1b\[201~|$)", "", text, flags=re.DOTALL)
        text = re.sub(CSI_U, lambda found: chr(int(found.group(1) or found.group(2)) & 0x1F), text)
        for code, name in ARROWS.items():
            text = text.replace(f"\x1b[{code}", name).replace(f"\x1bO{code}", name)
        text = re.sub(r"\x1b\[M...|\x1b\[<[0-9;]*[mM]|\x1b\[[0-9;?]*[ -/]*[@-~]|\x1bO.|\x1b[^\x1b]", "", text)
        return [key_name(character) for character in text]

    def _write(self, text: str) -> None:
        data = text.encode()
        while data:
            try:
                data = data[os.write(sys.stdout.fileno(), data) :]
            except BlockingIOError:
                continue
            except OSError:
                return  # the terminal is gone; SIGHUP says so too


def key_name(character: str) -> str:
    """Return the name of one key."""
    if character in NAMES:
        return NAMES[character]
    return f"^{chr(ord(character) + 64)}" if character < " " else character


def cut(line: str, columns: int) -> str:
    """Return a line that fits, counting no escape sequences; wide characters count as two."""
    width, kept = 0, []
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b["):
            kept.append(part)
            continue
        for character in part:
            wide = 2 if character >= "\u1100" and _is_wide(character) else 1
            if width + wide > columns:
                return "".join(kept)
            width += wide
            kept.append(character)
    return "".join(kept)


def padded(line: str, columns: int) -> str:
    """Return a line cut or filled to exactly `columns`, its colours ended."""
    shown = cut(line, columns)
    return f"{shown}\x1b[0m{' ' * (columns - width(shown))}"


def width(line: str) -> int:
    """Return the columns that a line takes, counting no escape sequences."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", line)
    return sum(2 if character >= "\u1100" and _is_wide(character) else 1 for character in text)


def _is_wide(character: str) -> bool:
    from unicodedata import east_asian_width  # noqa: PLC0415 - a table of 1 MB, for few lines

    return east_asian_width(character) in "WF"
