"""Arguments and options that several commands share."""

from __future__ import annotations

import json
import re
import sys
from typing import Annotated, Any

import typer

from flowloom.cli import completion
from flowloom.config.settings import Settings, unheeded
from flowloom.errors import UsageError
from flowloom.terminal import durations


def seconds(value: object) -> float:
    """Return the seconds of a timeout: a duration such as `5m`, or a plain number of seconds.

    Raises:
        UsageError: it is neither.
    """
    text = str(value).strip()
    found = float(text) if re.fullmatch(r"\d{1,9}(\.\d+)?", text) else durations.seconds(text)
    if found is None:
        raise UsageError(
            f"--timeout: {text!r} is not a duration", hint="write 90s, 5m or 2h; a plain number is seconds"
        )
    return found


def limit(what: str, then: str) -> Any:
    """Return the option `--timeout`: `what` it limits, and what holds `then`."""
    said = f"{what}, such as 90s, 5m or 2h; {then}."
    return typer.Option(metavar="DURATION", parser=seconds, show_default=False, help=said)


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NAME_HELP = "The agent: planning, or planning@site in another project."
Name = Annotated[str, typer.Argument(metavar="NAME", help=NAME_HELP, autocompletion=completion.agents)]
OptionalName = Annotated[str | None, typer.Argument(metavar="NAME", help=NAME_HELP, autocompletion=completion.agents)]
NAMES_HELP = "The agents: planning, or planning@site in another project."
Names = Annotated[list[str], typer.Argument(metavar="NAME", help=NAMES_HELP, autocompletion=completion.agents)]
OptionalNames = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help=NAMES_HELP, autocompletion=completion.agents)
]
# How long `restart --wait` and `logs -f` sleep at most; both are woken by events.
LOOK_AGAIN_S = 1.0


def as_value(value: object) -> str:
    """Return a value of a configuration file on one line, without what would move a terminal's cursor."""
    text = json.dumps(value, ensure_ascii=False) if value is not None else "-"
    return "".join(each if each.isprintable() else "�" for each in text)


def tell_unheeded(chosen: Settings) -> None:
    """Say on stderr what of the project's file is ignored."""
    said = unheeded(chosen.ignored)
    if said:
        sys.stderr.write(f"flowloom: {said}\n")
