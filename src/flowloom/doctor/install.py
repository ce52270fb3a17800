"""FlowLoom itself: its Python, its hooks, the paths that point to them."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import sys

from flowloom import __version__
from flowloom.agents.hook_shims import hook_path
from flowloom.config import trust
from flowloom.config.settings import FILE
from flowloom.doctor.finding import Case, Finding, fail, ok, warn
from flowloom.ports import procs
from flowloom.store import files, state_folder

LIBRARIES = ("libtmux", "psutil", "pydantic", "click")


def python(case: Case) -> list[Finding]:
    """Check the interpreter and the libraries."""
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    what = f"FlowLoom {__version__}, Python {sys.version.split()[0]} in {sys.prefix}"
    if missing:
        return [fail("python", f"{what}: no {', '.join(missing)}", "install FlowLoom again")]
    return [ok("python", what)]


def command(case: Case) -> list[Finding]:
    """Check that `flowloom` is on PATH, for the user and for the Chief's Bash tool."""
    found = shutil.which("flowloom")
    if found is None:
        here = os.path.dirname(sys.executable)
        return [warn("command", "no `flowloom` on PATH", f"add its folder: export PATH={shlex.quote(here)}:$PATH")]
    return [ok("command", found)]


def open_files(case: Case) -> list[Finding]:
    """Check that a command may open as many files as it needs."""
    procs.ensure_files()
    return [ok("open files", f"{os.sysconf('SC_OPEN_MAX')} allowed")]


def hooks(case: Case) -> list[Finding]:
    """Check that both hook scripts exist and can be run."""
    broken = [path for name in ("editor", "agent-event") if not os.access(path := hook_path(name), os.X_OK)]
    if broken:
        why = ", ".join(f"{path} {'cannot be run' if os.path.exists(path) else 'is missing'}" for path in broken)
        there = [path for path in broken if os.path.exists(path)]
        repair = f"chmod +x {shlex.join(there)}" if there == broken else "install FlowLoom again"
        return [fail("hooks", why, repair)]
    return [ok("hooks", os.path.dirname(hook_path("editor")))]


def project_file(case: Case) -> list[Finding]:
    """Report which values of the project's file are ignored, and why."""
    ignored = case.settings.ignored
    if not ignored:
        return []
    waits = any(each.why == trust.NOT_AGREED for each in ignored)
    saw = "ignored: " + "; ".join(f"{each.key}: {each.why}" for each in ignored)
    return [warn(FILE, saw, "flowloom trust" if waits else "remove these from the file")]


def stubs(case: Case) -> list[Finding]:
    """Check that the scripts that Claude Code calls, whose paths never change, point to an existing hook."""
    found, known = [], False
    for name, repair in (("editor", "flowloom setup"), ("agent-event", "start an agent: flowloom start planning")):
        path = state_folder.hook(name)
        text = (files.read(path) or b"").decode(errors="replace")
        leads = re.search(r"(?m)^(?:hook=|for hook in )(.+?)(?:; do)?$", text)
        if not text:
            continue
        known = True
        targets = shlex.split(leads.group(1)) if leads else []
        if not targets or not os.access(targets[0], os.X_OK):
            found.append(
                fail("hook paths", f"{path} points to {targets[0] if targets else 'nothing'}, which is missing", repair)
            )
        elif os.path.realpath(targets[0]) != os.path.realpath(hook_path(name)):
            found.append(warn("hook paths", f"{path} points to another FlowLoom: {targets[0]}", repair))
    return found or [
        ok(
            "hook paths",
            f"{state_folder.hooks_dir()} points here" if known else "none yet (flowloom setup creates them)",
        )
    ]
