"""Text of a terminal screen, with its colours, as values."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# "Select graphic rendition": the sequence that sets colours and attributes.
SGR = r"\x1b\[[0-9;:]*m"
FOREGROUND, BACKGROUND, UNDERLINE = "38", "48", "58"


def numbers(sequence: str) -> Iterator[str]:
    """Yield the numbers of one SGR sequence; of a colour by its index or its RGB values only the first."""
    rest = iter(sequence[2:-1].split(";"))
    for number in rest:
        if number in (FOREGROUND, BACKGROUND, UNDERLINE):
            # What follows, `5;N` or `2;R;G;B`, belongs to it.
            for _ in range(1 if next(rest, "") == "5" else 3):
                next(rest, "")
        first = number.partition(":")[0]
        yield first if first in (FOREGROUND, BACKGROUND, UNDERLINE) else number


def cells(screen: str) -> list[list[tuple[str, bool, bool]]]:
    """Return each line of a `capture-pane -e` as (character, dim, inverse); attributes run on over line ends."""
    dim = inverse = False
    rows = []
    for line in screen.split("\n"):
        row: list[tuple[str, bool, bool]] = []
        for part in re.split(r"(\x1b\[[0-9;:]*m|\x1b[^\[].?|\x1b\[[0-9;?]*[a-ln-zA-Z])", line):
            if part.startswith("\x1b[") and part.endswith("m"):
                dim, inverse = _attributes(part, dim, inverse)
            elif not part.startswith("\x1b"):
                row.extend((character, dim, inverse) for character in part)
        rows.append(row)
    return rows


def _attributes(sequence: str, dim: bool, inverse: bool) -> tuple[bool, bool]:
    for number in numbers(sequence):
        if number in ("", "0"):
            dim = inverse = False
        elif number == "2":
            dim = True
        elif number == "22":
            dim = False
        elif number == "7":
            inverse = True
        elif number == "27":
            inverse = False
    return dim, inverse


def plain(row: list[tuple[str, bool, bool]]) -> str:
    """Return a line's text."""
    return "".join(character for character, _, _ in row).rstrip()


def plain_rows(rows: list[list[tuple[str, bool, bool]]]) -> list[str]:
    """Return the text of each line."""
    return [plain(row) for row in rows]


def plain_lines(screen: str) -> list[str]:
    """Return the text of each line of a `capture-pane -e`."""
    return plain_rows(cells(screen))


def undimmed(row: list[tuple[str, bool, bool]]) -> str:
    """Return a line's text without its dim part, which is a program's hint and not what a person typed.

    The cursor stands on a hint's first character and hides that it is dim.
    """
    said = [(character, dim, inverse) for character, dim, inverse in row if character.strip()]
    bright = [cell for cell in said if not cell[1]]
    if len(bright) == 1 and bright[0][2] and len(said) > 1 and bright[0] is said[0]:
        return ""
    return "".join(character for character, dim, _ in row if not dim).rstrip()


def coloured_lines(screen: str) -> list[str]:
    """Return the lines of a `capture-pane -e`, each with the colours that it inherits from the lines above."""
    active, lines = "", []
    for line in screen.split("\n"):
        lines.append(active + line)
        for code in re.findall(SGR, line):
            active = "" if code in ("\x1b[m", "\x1b[0m") else code if code.startswith("\x1b[0;") else active + code
    return lines


def plain_text(line: str) -> str:
    """Return a line without its colours."""
    return re.sub(SGR, "", line)


def begins_coloured(line: str) -> bool:
    """Tell whether the first character of a line has a colour of its own, and not the terminal's."""
    coloured = False
    beginning = re.match(f"(?:{SGR})*", line)
    for sequence in re.findall(SGR, beginning.group(0) if beginning else ""):
        for number in numbers(sequence):
            if number == FOREGROUND or re.fullmatch(r"[39][0-7]", number):
                coloured = True
            elif number in ("", "0", "39"):
                coloured = False
    return coloured
