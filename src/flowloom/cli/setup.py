"""The command `setup`: Ctrl-G, the skill and completion, connected or disconnected."""

from __future__ import annotations

import difflib
import os
import sys
from typing import Any

from flowloom.cli import completion, person
from flowloom.cli.options import YES, flag
from flowloom.cli.output import print_line
from flowloom.cli.program import command
from flowloom.cli.tables import Cell, show
from flowloom.errors import UsageError
from flowloom.setup import json_text
from flowloom.setup import plan as setup_plan
from flowloom.store import projects
from flowloom.terminal.style import CYAN, GREEN, RED, RESET, YELLOW

COLOURS = {"+": GREEN, "-": RED, "@": CYAN}


@command(
    "setup",
    flag("--undo", help="Undo every change."),
    flag("--dry-run", help="Show every change as a diff and make none."),
    flag("--diff", help="Show every change as a diff before asking."),
    YES,
)
def setup(undo: bool, dry_run: bool, diff: bool, yes: bool) -> int:
    """Connect Ctrl-G in Claude Code to FlowLoom.

    Also installs a skill for Claude Code and shell completion. Asks first; --undo restores every file.
    """
    if not dry_run:
        person.refuse_model("change your settings", f"flowloom setup{' --undo' if undo else ''}")
    plan = (
        setup_plan.plan_undo()
        if undo
        else setup_plan.plan_setup(projects.here(), {"bash": completion.BASH, "fish": completion.FISH})
    )
    if plan.changes:
        show(("CHANGE", "FILE"), [_row(change) for change in plan.changes])
    if plan.changes and (diff or dry_run):
        _show_all(plan.changes)
    for note in plan.notes:
        sys.stderr.write(f"note: {note}\n")
    for refused in plan.refused:
        sys.stderr.write(f"flowloom: {refused}\n")
    code = 1 if plan.refused else 0
    if dry_run:
        return code
    if not plan.changes:
        sys.stderr.write("nothing was changed; see above\n" if plan.refused else "nothing to do\n")
    elif not yes and not _agreed(plan.changes):
        sys.stderr.write("nothing was changed\n")
        return 1
    if plan.changes or undo:
        setup_plan.apply(plan)
    if undo:
        sys.stderr.write(f"left in place: {setup_plan.left_behind()}\n")
    if plan.changes:
        sys.stderr.write(f"{_done(plan, undo=undo)}\n")
    return code


def _done(plan: setup_plan.SetupPlan, *, undo: bool) -> str:
    """Return what holds now, and the next step."""
    if plan.refused:
        return "done, except for what is said above"
    # Claude Code keeps the variables that it was started with: seen on 2.1.197 and 2.1.329.
    if undo:
        return "done: Ctrl-G opens your own editor again, once you restart Claude Code"
    return (
        "done\nnext: restart Claude Code, type '@planning hello' and press Ctrl-G\n"
        "to check the whole chain: flowloom doctor"
    )


def _row(change: setup_plan.FileEdit) -> tuple[Cell, str]:
    """Return a change as one row: a new file, a changed one, or one that goes, and what about it."""
    path = change.path
    home = os.path.expanduser("~")
    if path.startswith(f"{home}/"):
        path = f"~{path.removeprefix(home)}"
    if change.after is None:
        return Cell("remove", RED), f"{path} (setup created it)"
    if change.before is None:
        count = len(_lines(change.after))
        said = f"{count} line{'' if count == 1 else 's'}"
        return Cell("new", GREEN), f"{path} ({_settings_said(change) or said})"
    return Cell("change", YELLOW), f"{path} ({_settings_said(change) or _lines_said(change)})"


def _settings_said(change: setup_plan.FileEdit) -> str:
    """Return which variables and how many permissions a change of Claude Code's settings is about; else nothing."""
    if not change.path.endswith(".json"):
        return ""
    before, after = _settings(change.before), _settings(change.after)
    old, new = before.get("env") or {}, after.get("env") or {}
    said = [f"+{name}" for name in new if name not in old]
    said += [f"{name} changed" for name in new if name in old and new[name] != old[name]]
    said += [f"-{name}" for name in old if name not in new]
    count = len((after.get("permissions") or {}).get("allow") or [])
    count -= len((before.get("permissions") or {}).get("allow") or [])
    if count:
        said.append(f"{count:+} permission{'' if abs(count) == 1 else 's'}")
    return ", ".join(said)


def _settings(data: bytes | None) -> dict[str, Any]:
    return json_text.parse(data.decode()) if data and data.strip() else {}


def _lines_said(change: setup_plan.FileEdit) -> str:
    marks = [line[0] for line in difflib.ndiff(_lines(change.before), _lines(change.after))]
    return f"+{marks.count('+')} -{marks.count('-')} lines"


def _show(change: setup_plan.FileEdit) -> None:
    """Print one change as a unified diff."""
    before, after = _lines(change.before), _lines(change.after)
    old = change.path if change.before is not None else "/dev/null"
    new = change.path if change.after is not None else "/dev/null"
    for line in difflib.unified_diff(before, after, old, new):
        colour = COLOURS.get(line[0], "") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ""
        shown = line.rstrip("\r\n")
        print_line(f"{colour}{shown}{RESET}" if colour else shown)
        if not line.endswith("\n"):
            print_line("\\ No newline at end of file")
    print_line()


def _lines(data: bytes | None) -> list[str]:
    return (data or b"").decode(errors="replace").splitlines(keepends=True)


def _show_all(changes: list[setup_plan.FileEdit]) -> None:
    print_line()
    for change in changes:
        _show(change)


def _agreed(changes: list[setup_plan.FileEdit]) -> bool:
    """Ask whether to make the changes; `d` shows them first.

    Raises:
        UsageError: there is no terminal to ask on.
    """
    if not sys.stdin.isatty():
        raise UsageError("no terminal to confirm on; nothing was changed", hint="use --yes, or look first: --dry-run")
    while True:
        sys.stderr.write("Make these changes? [y/N, d shows the diff] ")
        sys.stderr.flush()
        answer = sys.stdin.readline().strip().lower()
        if answer not in ("d", "diff"):
            return answer in ("y", "yes")
        _show_all(changes)
