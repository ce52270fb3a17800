"""Text on a terminal: how wide it is, lines that fit, and text of others made harmless.

A reply, a prompt, a question or an error text is exact on disk, in the prompt file
and in a pipe. A terminal obeys what it is sent, so there the control characters of such
a text are shown instead: a reply must not set the title, fill the clipboard or redraw
what stands above it.
"""

from __future__ import annotations

import re

from flowloom.terminal.ansi import SGR, plain_text

# C0 but for newline and tab, DEL, C1, what reorders or hides a line (bidi), and halves of characters.
CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"


def visible(text: str, *, colours: bool = False) -> str:
    """Return a text that moves nothing on a terminal; newlines and tabs stay, with `colours` colours too.

    A control character is shown by its picture (`␛`) or its number (`<U+202E>`). CRLF becomes a newline.
    """
    kept = rf"{SGR}|{CONTROL}" if colours else CONTROL
    return re.sub(kept, _shown, text.replace("\r\n", "\n"))


def _shown(found: re.Match[str]) -> str:
    if len(found.group()) > 1:
        return found.group()  # a colour
    number = ord(found.group())
    if number < 0x20:
        return chr(0x2400 + number)
    if number == 0x7F:
        return "␡"
    return "\ufffd" if 0xD800 <= number <= 0xDFFF else f"<U+{number:04X}>"


def cut(line: str, columns: int) -> str:
    """Return a line that fits, without control characters; colours take no room, wide characters two columns."""
    used, kept = 0, []
    for part in re.split(f"({SGR})", line):
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
    used = sum(map(width, plain_text(shown)))
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
