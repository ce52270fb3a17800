"""The tables of all commands: a head, columns two spaces apart, colours and a cut last column on a terminal only."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from flowloom.cli.output import print_line
from flowloom.tasks import store as tasks
from flowloom.terminal.style import DIM, RESET, STATES
from flowloom.terminal.text import shorten, visible, width

if TYPE_CHECKING:
    from flowloom.tasks.record import Task

# As much of a prompt as a line of a table shows where nothing else cuts it.
BEGINNING_CHARS = 200


class Cell(NamedTuple):
    """A text with its colours (of `terminal/style`); `right` puts it to the right of its column."""

    text: str
    colours: str = ""
    right: bool = False


def state(word: str) -> Cell:
    """Return the cell of an agent's state or a task's step."""
    return Cell(word, STATES.get(word, ""))


def coloured(text: str, colours: str) -> str:
    """Return a text in colours where standard output is a terminal that wants them."""
    wanted = colours and sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"{colours}{text}{RESET}" if wanted else text


def columns() -> int | None:
    """Return the width of standard output, None where it is no terminal: nothing is cut there."""
    try:
        return os.get_terminal_size(1).columns or None
    except OSError:
        return None


def show(head: Sequence[str], rows: Sequence[Sequence[Cell | str]]) -> None:
    """Print a table, a line for each row; what does not fit the terminal is cut."""
    lines = [_cells(row) for row in rows]
    titles = [Cell(title, DIM, right=bool(lines) and lines[0][number].right) for number, title in enumerate(head)]
    lines.insert(0, titles)
    widths = [max(_width(each[number].text) for each in lines) for number in range(len(head))]
    for each in lines:
        print_line(line(each, widths))


def words(task: Task) -> str:
    """Return a task's prompt for one line of a table."""
    try:
        said = tasks.prompt_of(task)
        return said if len(said) <= BEGINNING_CHARS else f"{said[: BEGINNING_CHARS - 1]}…"
    except OSError as error:
        return f"({error.strerror}: {error.filename})"


def _cells(row: Sequence[Cell | str]) -> list[Cell]:
    cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
    return [cell._replace(text=_one_line(cell.text)) for cell in cells]


def line(row: Sequence[Cell | str], widths: Sequence[int]) -> str:
    """Return one line of a table: no blanks at its end, no wider than the terminal."""
    cells = _cells(row)
    while len(cells) > 1 and not cells[-1].text:
        cells.pop()
    parts = []
    for number, cell in enumerate(cells):
        filler = " " * (widths[number] - _width(cell.text))
        shown = coloured(cell.text, cell.colours) if cell.text else ""
        last = number == len(cells) - 1
        parts.append(f"{filler}{shown}" if cell.right else shown if last else f"{shown}{filler}")
    whole, room = "  ".join(parts), columns()
    fits = whole if room is None else shorten(whole, room)
    return fits if fits == whole or "\x1b" not in fits else f"{fits}{RESET}"


def _one_line(text: str) -> str:
    # A text from outside must not move the reader's cursor.
    return visible(" ".join(text.split()))


def _width(text: str) -> int:
    return sum(map(width, text))
