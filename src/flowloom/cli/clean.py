"""The command `clean`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from flowloom import git, headless, retention, settings, tasks
from flowloom.agents import Agent
from flowloom.ages import age
from flowloom.cli import app
from flowloom.clock import wall_s
from flowloom.errors import Stopped, UsageError


@app.command()
def clean(
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Remove what is older: 90m, 12h, 30d or 2w.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Show what is kept on disk; with an age, remove old tasks.

    Kept whatever its age: a reply that nobody has read, a task that has not ended, the one an agent is at.
    """
    chosen = settings.load(git.project_root(os.getcwd()))
    past_s = (
        retention.seconds(older_than) if older_than is not None else (chosen.keep_days or 0.0) * retention.UNITS_S["d"]
    )
    for part, size_bytes in retention.sizes().items():
        if size_bytes or part != "removed":
            sys.stderr.write(f"{part:<8} {amount(size_bytes):>9}\n")
    swept = 0 if dry_run else retention.sweep()
    if swept:
        sys.stderr.write(f"removed {swept} files that killed commands had left half written\n")
    if older_than is None and chosen.keep_days is None:
        sys.stderr.write("nothing is removed; name an age to do so: flowloom clean --older-than 30d\n")
        return 0
    before = wall_s() - past_s
    for task_id in tasks.all_ids():
        if tasks.find(task_id):
            headless.settle(task_id)
    plan = retention.plan(before)
    _show_plan(plan)
    if plan.empty():
        sys.stderr.write("there is nothing to remove\n")
        return 0
    if dry_run:
        return 0
    if not yes:
        _ask()
    failed = retention.remove(plan, before)
    for each in failed:
        sys.stderr.write(f"flowloom: could not remove {each}\n")
    sys.stderr.write("removed\n" if not failed else "removed the rest\n")
    return 1 if failed else 0


def _show_plan(plan: retention.Plan) -> None:
    for old in plan.old:
        ago, size = age(int(wall_s() - old.at)), amount(old.size_bytes)
        typer.echo(f"task {old.task_id}  {old.agent_id:<20} {old.status:<11} {ago:>12} ago  {size:>9}")
    for folder, events in plan.events.items():
        typer.echo(f"{events} events of {Agent(folder).agent_id}")
    total = amount(sum(old.size_bytes for old in plan.old))
    kept = ", ".join(f"{number} {why}" for why, number in sorted(plan.kept.items())) or "none"
    sys.stdout.flush()
    sys.stderr.write(f"{len(plan.old)} tasks to remove ({total}); kept: {kept}\n")


def _ask() -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked", hint="say --yes, or look first with --dry-run")
    sys.stderr.write("Remove them for good? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Stopped("nothing was removed")


def amount(size_bytes: int) -> str:
    """Return a size as a person reads it."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
