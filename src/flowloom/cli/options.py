"""Arguments and options that several commands share."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from flowloom.cli import completion
from flowloom.settings import Settings, unheeded

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NAME_HELP = "The agent: planning, or planning@site in another project."
Name = Annotated[str, typer.Argument(metavar="NAME", help=NAME_HELP, autocompletion=completion.agents)]
OptionalName = Annotated[str | None, typer.Argument(metavar="NAME", help=NAME_HELP, autocompletion=completion.agents)]
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
