"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The agent: planning, or planning@site in another project.")]
TaskId = Annotated[str, typer.Argument(metavar="TASK", help="The task's id.")]
# How long `restart --wait` and `logs -f` sleep at most; both are woken by events.
LOOK_AGAIN_S = 1.0
