"""The command `doctor`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from flowloom.cli.options import JSON, flag
from flowloom.cli.output import print_json, print_line
from flowloom.cli.program import command
from flowloom.cli.tables import coloured, columns
from flowloom.doctor import FAIL, OK, WARN, Finding, examine
from flowloom.store import projects
from flowloom.terminal.style import BOLD, GREEN, RED, YELLOW
from flowloom.terminal.text import wrap

if TYPE_CHECKING:
    from flowloom.cli.published import Checks, PublishedCheck

SHOWN = {OK: "ok  ", WARN: "warn", FAIL: "FAIL"}
COLOURS = {OK: GREEN, WARN: YELLOW, FAIL: f"{BOLD}{RED}"}
NAME_WIDTH = 14
INDENT = 4 + 2 + NAME_WIDTH + 1


@command(
    "doctor",
    JSON,
    flag("--claude", help="Also ask a real agent, in a folder of its own; costs one short turn."),
)
def doctor(as_json: bool = False, claude: bool = False) -> int:
    """Check everything that Ctrl-G needs, and say how to repair it.

    Checks every link from Ctrl-G to a reply, and sends a prompt through the whole chain.
    """
    found = []
    for finding in examine(projects.here(), claude=claude):
        found.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        checks: list[PublishedCheck] = [
            {"name": each.name, "level": each.level, "saw": each.saw, "repair": each.repair} for each in found
        ]
        document: Checks = {"version": 1, "ok": not _failed(found), "checks": checks}
        print_json(document)
    else:
        print_line(f"\n{_counted(found, FAIL, 'broken')}, {_counted(found, WARN, 'warning')}, {len(found)} checks")
    return 1 if _failed(found) else 0


def _failed(found: list[Finding]) -> int:
    return sum(finding.level == FAIL for finding in found)


def _counted(found: list[Finding], level: str, word: str) -> str:
    """Return how many findings have a level, and the names of their checks."""
    names = [finding.name for finding in found if finding.level == level]
    if not names:
        return "nothing broken" if level == FAIL else f"no {word}s"
    plural = "s" if level == WARN and len(names) > 1 else ""
    return f"{len(names)} {word}{plural} ({', '.join(dict.fromkeys(names))})"


def _print(finding: Finding) -> None:
    """Print one finding: its line, folded at the terminal's width, and its repair below it."""
    level = coloured(SHOWN[finding.level], COLOURS[finding.level])
    saw = _folded(_from_home(" ".join(finding.saw.split())), INDENT)
    print_line(f"{level}  {finding.name:<{NAME_WIDTH}} {saw}")
    if finding.repair:
        print_line(f"{'':{INDENT}}→ {_folded(_from_home(finding.repair), INDENT + 2)}")


def _folded(text: str, indent: int) -> str:
    """Return a text in lines that fit the terminal behind `indent`; as one line where there is no terminal."""
    room = columns()
    if room is None or room < indent + 20:
        return text
    return f"\n{'':{indent}}".join(wrap(text, room - indent))


def _from_home(text: str) -> str:
    """Return a text with `~` for the home folder, where a shell would expand it again."""
    home = os.path.expanduser("~")
    return re.sub(rf"(?<![\w'\"./-]){re.escape(home)}(?=/|\s|$)", "~", text) if len(home) > 1 else text
