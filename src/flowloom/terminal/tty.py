"""The terminal that Claude Code lends to its editor: draw lines, read keys, and restore it."""

from __future__ import annotations

import os
import re
import select
import sys
import termios

from flowloom.clock import steady_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# An ESC with nothing after it for this long is the Esc key; an unfinished sequence is noise.
ESC_S = 0.05
# A person does not press more keys than this between two looks; a paste without brackets does.
BURST = 4
BURST_S = 0.1
PIECE_S = 0.02
SEQUENCE = re.compile(
    r"\x1b\[M(?s:...)"  # a mouse report of the oldest kind
    r"|\x1b\[(?!M)(?P<params>[0-?]*)[ -/]*(?P<final>[@-~])"
    r"|\x1bO."
    r"|\x1b[\]P_^][^\x07\x1b]*(?:\x07|\x1b\\)"  # what a terminal answers when it was asked about itself
    r"|\x1b[^\x1b\[O\]P_^]"  # with Alt
    r"|[^\x1b]"
)
CONTROL, RELEASED = 4, "3"
ARROWS = {"A": "up", "B": "down"}
BOLD, YELLOW, RESET = "\x1b[1m", "\x1b[33m", "\x1b[0m"
PASTE_END = "\x1b[201~"
PASTE_END_BEGUN = [PASTE_END[:size] for size in range(len(PASTE_END) - 1, -1, -1)]


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
        self._write("\x1b[H" + "\r\n".join(f"\x1b[2K{line}\x1b[0m" for line in shown) + below)

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


class Keys:
    """Turn a terminal's bytes into keys: characters, `^C` for control keys, `esc`, `enter`.

    Pastes, focus and mouse reports, a terminal's answers and unknown sequences
    are dropped, also where they come in pieces; so is text that comes faster
    than a person presses keys, which is a paste without brackets.
    """

    def __init__(self) -> None:
        self._held = ""
        self._held_at_s = 0.0
        self._pasting = False
        self._burst_at_s = -BURST_S
        # Where a line is typed, the characters of a paste count; its control keys do not, nor its line ends but one:
        # an Enter right behind fast typing, or at the end of a paste without brackets, takes the line.
        self.wants_text = False
        self._entered = False
        self._fed_at_s = -BURST_S

    def begin_line(self) -> None:
        """Take what comes from now on as a line of text of its own, whatever ended the one before."""
        self.wants_text = True
        self._entered = False

    @property
    def held(self) -> bool:
        """Tell whether a sequence has begun and not ended; feed again after ESC_S to know what it was."""
        return bool(self._held) and not self._pasting

    def feed(self, raw: bytes, now_s: float) -> list[str]:
        """Return the keys that these bytes complete; with none, an ESC held back long enough."""
        if not raw:
            if not self.held or now_s - self._held_at_s < ESC_S:
                return []
            held, self._held = self._held, ""
            return ["esc"] if held == "\x1b" else []
        text, self._held = self._held + raw.decode(errors="replace"), ""
        found: list[str] = []
        pasted = 0
        while text:
            if self._pasting:
                body, end, rest = text.partition(PASTE_END)
                self._pasting = not end
                # Its end may come in pieces.
                self._held = "" if end else next(part for part in PASTE_END_BEGUN if text.endswith(part))
                kept = [each for each in body.removesuffix(self._held) if self.wants_text and each.isprintable()]
                found, pasted = found + kept, pasted + len(kept)
                text = rest
                continue
            match = SEQUENCE.match(text)
            if match is None and text.startswith("\x1b\x1b"):
                found.append("esc")
                text = text[1:]
                continue
            if match is None:
                self._held, self._held_at_s = text, now_s
                break
            text = text[match.end() :]
            if match.group(0) == "\x1b[200~":
                self._pasting = True
            else:
                found.append(key(match))
        pressed = [name for name in found if name]
        if sum(len(name) == 1 for name in pressed) - pasted > BURST:
            self._burst_at_s = now_s
        # The pieces of one paste follow each other at once, and hold no ^U: that begins a new line.
        self._entered = self._entered and now_s - self._fed_at_s < PIECE_S and "^U" not in pressed
        self._fed_at_s = now_s
        if now_s - self._burst_at_s >= BURST_S:
            return pressed
        if not self.wants_text:
            return [name for name in pressed if name == "^C"]
        enters = pressed.count("enter")
        last = enters == 1 and pressed[-1] == "enter" and not self._entered
        self._entered = self._entered or enters > 0
        counts = ("^C", "^U", *(["enter"] if last else []))
        return [name for name in pressed if name in counts or len(name) == 1]


def key(match: re.Match[str]) -> str:
    """Return the name of one key, nothing for what is none."""
    arrow = ARROWS.get(match.group(0)[-1]) if match.group(0)[:2] in ("\x1b[", "\x1bO") else None
    if arrow and match.group("params") in (None, "", "1"):
        return arrow
    if not match.group("final"):
        text = match.group(0)
        return name_of(ord(text)) if len(text) == 1 else ""
    params = [part.split(":") for part in match.group("params").split(";")]
    if match.group("final") == "u" and params[0][0].isdigit():
        code, modifiers = params[0][0], params[1] if len(params) > 1 else ["1"]
    elif match.group("final") == "~" and params[0][0] == "27" and len(params) == 3:
        code, modifiers = params[2][0], params[1]
    else:
        return ""
    if modifiers[1:] == [RELEASED] or not code.isdigit() or int(code) > 0x10FFFF:
        return ""
    pressed = int(modifiers[0] or 1) - 1 if modifiers[0].isdigit() else 0
    return name_of(int(code) & 0x1F if pressed & CONTROL and int(code) > 32 else int(code))


def name_of(code: int) -> str:
    """Return the name of the key that sends one character."""
    if code == 27:
        return "esc"
    if code in (10, 13):
        return "enter"
    if code == 127:
        return "backspace"
    if code < 32:
        return f"^{chr(code + 64)}"
    # The kitty protocol has the keys without a character in the private use area.
    return chr(code) if chr(code).isprintable() and code != 0xFFFD else ""


def cut(line: str, columns: int) -> str:
    """Return a line that fits, without control characters; colours take no room, wide characters two columns."""
    used, kept = 0, []
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b["):
            kept.append(part)
            continue
        for character in part:
            wide = width(character)
            if used + wide > columns:
                return "".join(kept)
            if character.isprintable() or wide == 2:
                used += wide
                kept.append(character)
    return "".join(kept)


def colourless(line: str) -> str:
    """Return a line without colours; bold, dim and inverse stay, which carry the meaning then."""

    def kept(match: re.Match[str]) -> str:
        numbers = iter(match.group(1).split(";"))
        found = []
        for number in numbers:
            if number in ("38", "48", "58"):
                # `5;N` or `2;R;G;B` belong to it.
                for _ in range(1 if next(numbers, "") == "5" else 3):
                    next(numbers, "")
            elif (number.isdigit() and int(number) < 30) or not number:
                found.append(number)
        return f"\x1b[{';'.join(found)}m" if found else ""

    return re.sub(r"\x1b\[([0-9;:]*)m", kept, line)


def shorten(line: str, columns: int) -> str:
    """Return a line that fits, with an ellipsis where it was cut."""
    fits = cut(line, columns)
    # What is not printable is dropped whatever the room; a wide character needs two columns.
    return fits if fits == cut(line, columns + 2) else f"{cut(line, columns - 1)}…"


def width(character: str) -> int:
    """Return how many columns a character takes."""
    if character < "\u0300":
        return 1
    from unicodedata import category, east_asian_width  # noqa: PLC0415 - a table of 1 MB, for few lines

    # Many marks have no combining class: the vowels of Thai and Hindi.
    return 0 if category(character) in ("Mn", "Me") else 1 + (east_asian_width(character) in "WF")


def padded(line: str, columns: int) -> str:
    """Return a line cut or filled to exactly `columns`, its colours ended."""
    shown = cut(line, columns)
    used = sum(map(width, re.sub(r"\x1b\[[0-9;]*m", "", shown)))
    return f"{shown}\x1b[0m{' ' * (columns - used)}"


def wrap(text: str, columns: int) -> list[str]:
    """Break a text without colours into lines that fit, at spaces where there are any."""
    lines = [""]
    for word in "".join(character if character.isprintable() else " " for character in text).split():
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cut(joined, columns) == joined:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        while (head := cut(word, max(2, columns))) and len(head) < len(word):
            lines[-1], word = head, word[len(head) :]
            lines.append("")
        lines[-1] = word
    return lines


def choices(question: str, keys: list[tuple[str, str]], columns: int) -> list[str]:
    """Return the keys that can be pressed, in as many lines as they need."""
    lines, used = ["  "], 2
    words = [(question, "")] if question else []
    for key, says in [*words, *keys]:
        room = sum(map(width, f"{key} {says}")) + 3
        if used + room - 3 > columns and used > 2:
            lines.append("  ")
            used = 2
        lines[-1] += f"{BOLD}{key}{RESET} {says}   " if says else f"{YELLOW}{key}{RESET}   "
        used += room
    return lines
