"""A world of another user of this machine, whose files root can take away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psutil
import pytest
from tests.support.world import ROOT, World

NOBODY = 65534
AS_NOBODY: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
# Where what we depend on lies; a Python of root's own home is no use to anybody else.
LIBRARIES = f"{ROOT / 'src'}:{Path(psutil.__file__).parents[1]}"


class TheirWorld(World):
    """A world in which every command, and so every agent, is run by nobody."""

    def __init__(self, folder: Path, python: str) -> None:
        super().__init__(folder)
        self.python = python
        # The hooks look for a Python beside them.
        copy = folder / "copy"
        (copy / ".venv" / "bin").mkdir(parents=True)
        shutil.copytree(ROOT / "hooks", copy / "hooks")
        shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
        ours = copy / ".venv" / "bin" / "python"
        ours.write_text(f'#!/bin/sh\nexec {python} "$@"\n')
        ours.chmod(0o755)
        self.editor = copy / "hooks" / "editor"
        self.environment["PYTHONPATH"] = f"{copy / 'src'}:{LIBRARIES}"

    def popen(self, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        return super().popen(*words, **(AS_NOBODY | more))

    def flowloom(self, *words: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        return self.run(self.python, "-m", "flowloom", *words, **more)

    def begin(self, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        return self.popen(self.python, "-m", "flowloom", *words, **more)

    def ctrl_g(self, path: Path, **more: Any) -> subprocess.CompletedProcess[bytes]:
        return self.run(str(self.editor), str(path), **more)

    def tmux(self, *words: str) -> str:
        environment = {**os.environ, **self.environment}
        command = ["tmux", "-L", self.socket, *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **AS_NOBODY)
        return str(done.stdout)

    def prompt_file(self, text: str | bytes) -> Path:
        path = super().prompt_file(text)
        for each in (path, path.parent):
            os.chown(each, NOBODY, NOBODY)
        return path


def their_python() -> str:
    """Return a Python with which nobody can load FlowLoom; empty where there is none."""
    environment = {"PYTHONPATH": LIBRARIES, "PATH": os.environ["PATH"]}
    for python in (sys.executable, "/usr/local/bin/python3", "/usr/bin/python3"):
        loads = [python, "-c", "import flowloom.cli.agents"]
        try:
            done = subprocess.run(loads, env=environment, cwd="/", capture_output=True, check=False, **AS_NOBODY)
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return ""


@contextmanager
def another_user() -> Iterator[TheirWorld]:
    """Give a world of nobody's; skip where we are not root, or where nobody has no Python for it."""
    if os.getuid() != 0:
        pytest.skip("only root can act as two users")
    python = their_python()
    if not python:
        pytest.skip(f"another user cannot load FlowLoom from {ROOT}")
    # Not below pytest's own folder, which nobody else may enter.
    top = Path(mkdtemp(prefix="fl-two-"))
    top.chmod(0o755)
    world = TheirWorld(top / "w", python)
    sockets = top / "t"
    sockets.mkdir()
    for path in (top / "w", *(top / "w").rglob("*"), sockets):
        os.chown(path, NOBODY, NOBODY)
    world.environment |= {"TMUX_TMPDIR": str(sockets)}
    try:
        yield world
    finally:
        world.end()
        shutil.rmtree(top, ignore_errors=True)
