"""What stands on the terminal in place of the palette for a moment: a list, a line to type, a question, a page."""

from __future__ import annotations

import select

from flowloom.clock import steady_s
from flowloom.editor.keys import choices
from flowloom.terminal.keys import ESC_S
from flowloom.terminal.style import BOLD, DIM, RESET, REVERSE, YELLOW
from flowloom.terminal.text import cut, shorten, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from flowloom.terminal.tty import Terminal

    Choice = TypeVar("Choice", bound=str)

# How often what is shown is renewed.
TICK_S = 1.0
# On a wide terminal a line is no longer than an eye can follow.
WIDEST = 110
UP, DOWN, BACK = ("up", "k", "^P"), ("down", "j", "^N", "^I"), ("esc", "^C", "q")


def await_keys(terminal: Terminal, hangup_fd: int, limit_s: float = TICK_S) -> list[str] | None:
    """Return the keys pressed within `limit_s`, maybe none; None when the terminal is gone."""
    ready, _, _ = select.select([terminal.fd, hangup_fd], [], [], limit_s)
    if hangup_fd in ready or terminal.gone():
        return None
    keys = terminal.read_keys()
    # A lone ESC is the Esc key only if nothing follows it.
    while not keys and terminal.keys.held:
        select.select([terminal.fd], [], [], ESC_S)
        keys = terminal.read_keys()
    return keys


def at_bottom(lines: list[str], foot: list[str], rows: int) -> list[str]:
    """Return `lines`, cut or filled so that `foot` stands at the bottom edge."""
    room = max(0, rows - len(foot))
    return [*lines[:room], *[""] * (room - len(lines)), *foot]


def confirm(terminal: Terminal, title: str, says: str, hangup_fd: int) -> bool:
    """Let the person say yes with `y`; everything else that means something is a no."""
    flash = ""
    while True:
        columns, rows = terminal.size()
        foot = [f"  {YELLOW}{flash}{RESET}", *choices("", [("y", "yes"), ("esc", "no")], columns)]
        said = [f"  {line}" for line in wrap(says, max(10, columns - 4))]
        terminal.draw(at_bottom([f"{BOLD}{shorten(title, columns)}{RESET}", "", *said], foot, rows))
        keys = await_keys(terminal, hangup_fd)
        if keys is None:
            return False
        for key in keys:
            if key in ("y", "Y"):
                return True
            if key in (*BACK, "n", "N"):
                return False
            flash = "Press y for yes, esc for no"


def choose_key(
    terminal: Terminal,
    hangup_fd: int,
    title: str,
    text: str,
    keys: list[tuple[str, str]],
    meanings: dict[str, Choice],
    *,
    colour: str = "",
    limit_s: float | None = None,
    settle_s: float = 0.0,
) -> Choice | None:
    """Show a text and its keys until one of them is pressed; None when the time is over or the terminal is gone.

    `meanings` says what each key means, "any" what every other one does. Keys count, and
    are shown, from `settle_s` on: the person may be pressing one for what stood here before.
    """
    end_s = None if limit_s is None else steady_s() + limit_s
    from_s = steady_s() + settle_s
    terminal.open()
    terminal.read_keys()
    while not terminal.gone():
        columns, rows = terminal.size()
        settled = steady_s() >= from_s
        words = [line for part in text.split("\n") for line in wrap(part, max(10, min(columns, WIDEST) - 4))]
        lines = [title, "", *(f"  {colour}{line}{RESET}" for line in words)]
        terminal.draw(at_bottom(lines, ["", *(choices("", keys, columns) if settled else [""])], rows))
        left_s = TICK_S if end_s is None else min(TICK_S, end_s - steady_s())
        if left_s <= 0:
            return None
        pressed = await_keys(terminal, hangup_fd, left_s if settled else min(left_s, max(0.01, from_s - steady_s())))
        if pressed is None:
            return None
        for key in pressed if settled else []:
            if key in meanings or "any" in meanings:
                return meanings.get(key) or meanings["any"]
    return None


def pick(
    terminal: Terminal,
    title: str,
    entries: Sequence[str],
    hangup_fd: int,
    *,
    preview: Callable[[int], str] | None = None,
) -> int | None:
    """Let the person pick one of several lines, with a preview below; None when they go back."""
    at = read_on = 0
    while True:
        columns, rows = terminal.size()
        listed = min(len(entries), max(3, rows // 3) if preview else rows - 4)
        first = max(0, min(at - listed // 2, len(entries) - listed))
        lines = [f"{BOLD}{title}{RESET}", ""]
        for number in range(first, first + listed):
            entry = shorten(entries[number], columns - 2)
            lines.append(f"{REVERSE}▸{RESET} {entry}" if number == at else f"  {entry}")
        keys = [("enter", "insert"), ("j k", "select"), ("q", "back")]
        room = 0
        if preview and entries:
            text = [row for line in preview(at).split("\n") for row in fold(line, columns)]
            room = max(1, rows - len(lines) - 3)
            keys += [("space", "scroll")] if len(text) > room else []
            read_on = read_on if read_on < len(text) else 0
            lines += [f"{DIM}{'─' * columns}{RESET}", *text[read_on : read_on + room]]
        terminal.draw(at_bottom(lines, ["", *choices("", keys, columns)], rows))
        pressed = await_keys(terminal, hangup_fd)
        if pressed is None:
            return None
        for key in pressed:
            if key in (*UP, *DOWN):
                at = max(0, min(len(entries) - 1, at + (1 if key in DOWN else -1)))
                read_on = 0
            elif key.isdigit() and 0 < int(key) <= len(entries):
                at, read_on = int(key) - 1, 0
            elif key == " ":
                read_on += room
            elif key == "enter" and entries:
                return at
            elif key in BACK:
                return None


def page(terminal: Terminal, title: str, text: Callable[[int], list[str]], hangup_fd: int) -> None:
    """Show lines, made for a number of columns, from their end or in pages, until the person goes back."""
    back = 0
    while True:
        columns, rows = terminal.size()
        lines = text(columns)
        room = max(1, rows - 4)
        back = max(0, min(back, len(lines) - room))
        end = len(lines) - back
        keys = [("q", "back"), *([("k j", "older, newer")] if len(lines) > room else [])]
        shown = [f"{BOLD}{shorten(title, columns)}{RESET}", "", *lines[max(0, end - room) : end]]
        terminal.draw(at_bottom(shown, ["", *choices("", keys, columns)], rows))
        pressed = await_keys(terminal, hangup_fd)
        if pressed is None:
            return
        for key in pressed:
            if key in (*UP, *DOWN, " "):
                back += 1 if key in UP else -1 if key in DOWN else room
            elif key in (*BACK, "enter"):
                return


def fold(line: str, columns: int) -> list[str]:
    """Return a line of a text in as many rows as it needs, each as far to the right as it is."""
    line = line.expandtabs()
    if cut(line, columns) == line:
        return [line]
    margin = line[: min(len(line) - len(line.lstrip()), columns // 2)]
    return [f"{margin}{row}" for row in wrap(line, columns - len(margin))]


class Field:
    """A line to type: what stands in it, what counts while nothing does, and what was wrong with it."""

    def __init__(self, title: str, *, text: str = "", placeholder: str = "", below: str = "") -> None:
        self.title = title
        self.text = text
        self.placeholder = placeholder
        self.below = below
        self.error = ""

    def value(self) -> str:
        """Return what was typed, else the placeholder."""
        return self.text or self.placeholder

    def press(self, key: str) -> None:
        """Take one key that is part of the text or changes it."""
        if key in ("backspace", "^?", "^H"):
            self.text = self.text[:-1]
        elif key == "^U":
            self.text = ""
        elif len(key) == 1 and key.isprintable():
            self.text += key
        else:
            return
        self.error = ""

    def lines(self, columns: int, rows: int) -> list[str]:
        """Return the screen."""
        foot = choices("", [("enter", "ok"), ("^U", "clear"), ("esc", "back")], columns)
        # The end is where the next character goes.
        text, room = self.text, columns - 3
        seen = next((text[at:] for at in range(len(text)) if cut(text[at:], room) == text[at:]), "")
        typed = f"{seen}▏" if text else f"▏{DIM}{shorten(self.placeholder, room)}{RESET}"
        shown = [f"{BOLD}{shorten(self.title, columns)}{RESET}", "", f"  {typed}", ""]
        shown += [f"  {YELLOW}{line}{RESET}" for line in wrap(self.error, columns - 4) if line]
        shown += [f"  {DIM}{line}{RESET}" for line in wrap(self.below, columns - 4) if line]
        return at_bottom(shown, ["", *foot], rows)


def ask_line(terminal: Terminal, field: Field, hangup_fd: int, check: Callable[[str], str]) -> str | None:
    """Let the person type or paste one line; None when they go back.

    `check` returns what is wrong with it, for which the field stays open, or nothing.
    """
    terminal.keys.begin_line()
    try:
        while True:
            terminal.draw(field.lines(*terminal.size()))
            keys = await_keys(terminal, hangup_fd)
            if keys is None:
                return None
            for key in keys:
                if key in ("esc", "^C"):
                    return None
                if key != "enter":
                    field.press(key)
                    continue
                field.error = check(field.value()) if field.value() else "Type something, or press esc"
                if not field.error:
                    return field.value()
    finally:
        terminal.keys.wants_text = False
