"""Text of others: made harmless where a terminal shows it.

A reply, a prompt, a question or an error text is exact on disk, in the prompt file
and in a pipe. A terminal obeys what it is sent, so there the control characters of such
a text are shown instead: a reply must not set the title, fill the clipboard or redraw
what stands above it.
"""

from __future__ import annotations

import re

# C0 but for newline and tab, DEL, C1, what reorders or hides a line (bidi), and halves of characters.
CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
COLOUR = r"\x1b\[[0-9;:]*m"


def visible(text: str, *, colours: bool = False) -> str:
    """Return a text that moves nothing on a terminal; newlines and tabs stay, with `colours` colours too.

    A control character is shown by its picture (`␛`) or its number (`<U+202E>`). CRLF becomes a newline.
    """
    kept = rf"{COLOUR}|{CONTROL}" if colours else CONTROL
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
