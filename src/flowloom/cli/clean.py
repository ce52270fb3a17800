"""The command `clean`."""

from __future__ import annotations

import sys

from flowloom.cli.busy import agreed
from flowloom.cli.options import YES, flag, value
from flowloom.cli.output import print_line
from flowloom.cli.program import command
from flowloom.cli.tables import Cell, show, state
from flowloom.clock import wall_s
from flowloom.config import settings as config
from flowloom.delegation import headless
from flowloom.errors import Stopped, UsageError
from flowloom.ports import git
from flowloom.retention import old_tasks
from flowloom.store import projects
from flowloom.tasks import store as tasks
from flowloom.terminal.durations import UNITS_S, age


@command(
    "clean",
    # Its own check refuses an empty one.
    value("--older-than", metavar="AGE", help="Remove what is older than 90m, 12h, 30d or 2w.", callback=None),
    flag("--dry-run", help="Show what would be removed and remove nothing."),
    YES,
)
def clean(older_than: str | None, dry_run: bool, yes: bool) -> int:
    """Show what FlowLoom keeps on disk, and remove old tasks.

    Unread replies, unfinished tasks and tasks in use are always kept.
    """
    settings = config.load(git.project_root(projects.here()))
    past_s = old_tasks.seconds(older_than) if older_than is not None else (settings.keep_days or 0.0) * UNITS_S["d"]
    for part, size_bytes in old_tasks.sizes().items():
        if size_bytes or part not in ("drafts", "questions", "cache", "removed"):
            sys.stderr.write(f"{part:<9}  {amount(size_bytes):>8}\n")
    swept = 0 if dry_run else old_tasks.sweep()
    if swept:
        sys.stderr.write(f"removed {_count(swept, 'unused file')}: left by killed commands, or old caches\n")
    if older_than is None and settings.keep_days is None:
        sys.stderr.write("nothing was removed; to remove old tasks: flowloom clean --older-than 30d\n")
        return 0
    before = wall_s() - past_s
    for task_id in tasks.all_ids():
        if tasks.find(task_id):
            headless.settle(task_id)
    plan = old_tasks.plan(before)
    _show_plan(plan)
    if plan.empty():
        return 0
    if dry_run:
        return 0
    if not yes:
        _ask()
    failed = old_tasks.remove(plan, before)
    for each in failed:
        sys.stderr.write(f"flowloom: could not remove {each}\n")
    sys.stderr.write("removed\n" if not failed else "removed the rest\n")
    return 1 if failed else 0


def _show_plan(plan: old_tasks.CleanPlan) -> None:
    if plan.old:
        show(
            ("TASK", "AGENT", "STATUS", "AGE", "SIZE"),
            [
                (
                    old.task_id,
                    old.agent_id,
                    state(old.status),
                    Cell(age(wall_s() - old.at), right=True),
                    Cell(amount(old.size_bytes), right=True),
                )
                for old in plan.old
            ],
        )
    for agent, events in plan.events.items():
        print_line(f"{_count(events, 'event')} of {agent}")
    if plan.drafts:
        print_line(f"{_count(len(plan.drafts), 'draft')} passed to another Claude Code")
    if plan.questions:
        print_line(f"{_count(len(plan.questions), 'answered or withdrawn question')}")
    total = amount(sum(old.size_bytes for old in plan.old))
    kept = ", ".join(f"{number} {why}" for why, number in sorted(plan.kept.items())) or "none"
    what = f"{_count(len(plan.old), 'task')} to remove ({total})" if not plan.empty() else "nothing to remove"
    sys.stderr.write(f"{what}; kept: {kept}\n")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _ask() -> None:
    if not sys.stdin.isatty():
        raise UsageError("no terminal to confirm on; nothing was removed", hint="use --yes, or look first: --dry-run")
    if not agreed("Remove them permanently?"):
        raise Stopped("nothing was removed")


def amount(size_bytes: int) -> str:
    """Return a size as a person reads it."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
