"""How a text looks on a terminal: colours and attributes, and the colour of each state."""

from __future__ import annotations

import re

from flowloom.terminal import ansi

RESET = "\x1b[0m"
BOLD, DIM, REVERSE = "\x1b[1m", "\x1b[2m", "\x1b[7m"
RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN = (f"\x1b[{number}m" for number in range(31, 37))

# Of an agent's states and a task's steps, by their words; what is not named here stands in the terminal's own colour.
STATES = {
    "idle": GREEN,
    "working": CYAN,
    "blocked": f"{BOLD}{YELLOW}",
    "parked": BLUE,
    "offline": DIM,
    "backoff": YELLOW,
    "failed": RED,
    "interrupted": YELLOW,
    "unknown": YELLOW,
    "done": GREEN,
    "cancelled": DIM,
}


def colourless(line: str) -> str:
    """Return a line without colours; bold, dim and inverse stay, which carry the meaning then."""

    def kept(sequence: re.Match[str]) -> str:
        numbers = [number for number in ansi.numbers(sequence.group()) if not number or _is_attribute(number)]
        return f"\x1b[{';'.join(numbers)}m" if numbers else ""

    return re.sub(ansi.SGR, kept, line)


def _is_attribute(number: str) -> bool:
    return number.isdigit() and int(number) < 30
