"""The command `setup`: Ctrl-G, the skill and completion, wired up or taken back."""

from __future__ import annotations

import difflib
import os
import sys
from typing import Annotated

import typer

from flowloom import paths, wiring
from flowloom.cli import app
from flowloom.errors import Stopped, UsageError

COLOURS = {"+": "\x1b[32m", "-": "\x1b[31m", "@": "\x1b[36m"}


@app.command()
def setup(
    undo: Annotated[bool, typer.Option("--undo", help="Take every change back.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the changes and make none.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Make Ctrl-G in Claude Code lead to FlowLoom.

    Also tells Claude Code how to ask agents. Each change is shown first, and --undo takes it back.
    """
    plan = wiring.plan_undo() if undo else wiring.plan_setup(paths.here(), _completions())
    for change in plan.changes:
        _show(change)
    for note in plan.notes:
        sys.stderr.write(f"note: {note}\n")
    for refused in plan.refused:
        sys.stderr.write(f"flowloom: {refused}\n")
    code = 1 if plan.refused else 0
    if not plan.changes:
        sys.stderr.write("nothing to do\n")
    elif dry_run:
        return code
    elif not yes:
        _confirm(len(plan.changes))
    if dry_run:
        return code
    if plan.changes or undo:
        wiring.apply(plan)
    if undo:
        sys.stderr.write(f"left as it is: {wiring.left_behind()}\n")
    if plan.changes:
        sys.stderr.write(f"done: {_done(plan, undo=undo)}\n")
    return code


def _done(plan: wiring.Plan, *, undo: bool) -> str:
    """Return what holds now."""
    if plan.refused:
        return "all but what is said above"
    # Claude Code keeps the variables that it was started with: seen on 2.1.197 and 2.1.329.
    if undo:
        return "Ctrl-G opens your own editor again; a Claude Code that runs now must be started anew for that"
    return "Ctrl-G leads to FlowLoom in every Claude Code that is started from now on"


def _completions() -> dict[str, str]:
    """Return the completion scripts for the shells that read a file of their own for each command."""
    from typer._completion_shared import get_completion_script  # noqa: PLC0415 - for this command only

    scripts = {}
    for shell in ("bash", "fish"):
        text = get_completion_script(prog_name="flowloom", complete_var="_FLOWLOOM_COMPLETE", shell=shell)
        scripts[shell] = text.strip() + "\n"
    return scripts


def _show(change: wiring.Change) -> None:
    """Print one change as a unified diff."""
    before, after = _lines(change.before), _lines(change.after)
    old = change.path if change.before is not None else "/dev/null"
    new = change.path if change.after is not None else "/dev/null"
    for line in difflib.unified_diff(before, after, old, new):
        colour = COLOURS.get(line[0], "") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ""
        shown = line.rstrip("\r\n")
        typer.echo(f"{colour}{shown}\x1b[0m" if colour else shown)
        if not line.endswith("\n"):
            typer.echo("\\ No newline at end of file")
    typer.echo()


def _lines(data: bytes | None) -> list[str]:
    return (data or b"").decode(errors="replace").splitlines(keepends=True)


def _confirm(count: int) -> None:
    """Ask whether to go on.

    Raises:
        UsageError: nobody is there to be asked.
        Stopped: the answer is no.
    """
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked; nothing was done", hint="agree beforehand: --yes")
    files = "this file" if count == 1 else f"these {count} files"
    if not typer.confirm(f"Change {files}?"):
        raise Stopped("nothing was done")
