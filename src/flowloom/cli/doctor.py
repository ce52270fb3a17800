"""The command `doctor`."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Annotated

import typer

from flowloom.cli import app
from flowloom.doctor import FAIL, OK, WARN, Finding, examine

SHOWN = {OK: "ok  ", WARN: "warn", FAIL: "FAIL"}
COLOURS = {OK: "\x1b[32m", WARN: "\x1b[33m", FAIL: "\x1b[1;31m"}
NAME_WIDTH = 14


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON document.")] = False,
    claude: Annotated[
        bool,
        typer.Option("--claude", help="Also ask a real agent, in a folder made for it; costs one short turn."),
    ] = False,
) -> int:
    """Check all that Ctrl-G needs, and say how to repair it.

    Goes along the chain from Ctrl-G to a reply, link by link, and sends a prompt through it.
    """
    found = []
    for finding in examine(os.getcwd(), claude=claude):
        found.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        from flowloom.cli import published  # noqa: PLC0415 - pydantic, 60 ms

        checks = [published.PublishedCheck(**dataclasses.asdict(finding)) for finding in found]
        typer.echo(published.Checks(ok=not _failed(found), checks=checks).to_json())
    else:
        warned = sum(finding.level == WARN for finding in found)
        typer.echo(f"\n{_count(_failed(found), 'broken')}, {_count(warned, 'warning')}, {len(found)} checks")
    return 1 if _failed(found) else 0


def _failed(found: list[Finding]) -> int:
    return sum(finding.level == FAIL for finding in found)


def _count(number: int, word: str) -> str:
    plural = "s" if word == "warning" and number != 1 else ""
    return f"{number or 'nothing' if word == 'broken' else number or 'no'} {word}{plural}"


def _print(finding: Finding) -> None:
    """Print one finding: a line of its own, and its repair below it."""
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    level = SHOWN[finding.level]
    shown = f"{COLOURS[finding.level]}{level}\x1b[0m" if coloured else level
    typer.echo(f"{shown}  {finding.name:<{NAME_WIDTH}} {' '.join(finding.saw.split())}")
    if finding.repair:
        typer.echo(f"{'':{len(level) + 2 + NAME_WIDTH}}   → {finding.repair}")
    sys.stdout.flush()
