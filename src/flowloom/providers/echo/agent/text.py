"""Texts as a terminal shows them: how wide, in which rows, without what would move its cursor."""

from __future__ import annotations

import unicodedata

ANSWER_LINES, ANSWER_CHARS = 120, 8000
# Control characters are shown, never obeyed.
CLEAN = {c: 0x2400 + c for c in range(32) if c != 10} | dict.fromkeys(range(127, 160), 0xFFFD) | {9: "    "}


def cells(text: str) -> int:
    """Count the columns that the text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def wrap(text: str, width: int) -> list[str]:
    """Break the text into rows of at most `width` columns."""
    rows = []
    for line in text.split("\n"):
        row, used = "", 0
        for char in line:
            used += cells(char)
            if used > width:
                rows.append(row)
                row, used = "", cells(char)
            row += char
        rows.append(row)
    return rows


def shorten(text: str) -> str:
    """Cut the middle out of an answer too long for a screen; the hooks still carry all of it."""
    lines = text.split("\n")
    if len(lines) > ANSWER_LINES:
        hidden = len(lines) - ANSWER_LINES
        lines[ANSWER_LINES - 1 : -1] = [f"… {hidden} lines …"]
        text = "\n".join(lines)
    return text if len(text) <= ANSWER_CHARS else f"{text[:ANSWER_CHARS]} … {text[-80:]}"
