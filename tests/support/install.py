"""A FlowLoom of a test's own, to break: a copy of the package and the hooks, with a Python that can misbehave."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.support.world import ROOT


class Install:
    """A copy of the checkout; its `.venv/bin/python` is a script that runs the real one, or what a test wants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # With its bytecode, which counts as long as a module has the same time and size.
        shutil.copytree(ROOT / "src", folder / "src")
        shutil.copytree(ROOT / "hooks", folder / "hooks")
        self.python = folder / ".venv" / "bin" / "python"
        self.python.parent.mkdir(parents=True)
        self.editor = folder / "hooks" / "editor"
        self.agent_event = folder / "hooks" / "agent-event"
        self.behave()

    @property
    def environment(self) -> dict[str, str]:
        """Return what makes `python -m flowloom` this one."""
        return {"PYTHONPATH": str(self.folder / "src")}

    def behave(self, *before: str) -> None:
        """Make its Python run these lines of shell first; `$real` is the real one, `$*` its arguments."""
        text = "\n".join(["#!/bin/sh", f"real={sys.executable}", *before, 'exec "$real" "$@"', ""])
        fresh = self.python.with_suffix(".new")
        fresh.write_text(text)
        fresh.chmod(0o755)
        fresh.rename(self.python)

    def module(self, name: str) -> Path:
        """Return the file of one of its modules, named as in `turns/status`."""
        path = self.folder / "src" / "flowloom" / f"{name}.py"
        assert path.exists(), path
        return path
