"""Where a bench runs: worlds of its own, with the real Claude Code on a model that answers at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.messages_api import MessagesApi, Say, Step, Turn
from tests.support.world import World

# What would lead a measured program to the user's own agents, tell it that a Claude Code called it, or make a Python
# start in another way: PYTHONDONTWRITEBYTECODE would measure the compiler.
FOREIGN = ("FLOWLOOM_", "CLAUDE", "ANTHROPIC_", "XDG_", "TMUX", "PYTHON")


@dataclass
class Ground:
    """What every bench is given."""

    claude: str
    quick: bool

    def rounds(self, many: int) -> int:
        """Return how often to run what deserves `many` runs."""
        return 3 if self.quick else many

    def old_tasks(self) -> int:
        """Return how many tasks of the past to make; 50,000 take ten seconds."""
        return 500 if self.quick else 50_000


def at_once(_turn: Turn) -> Step:
    """Answer as a model does that need not think."""
    return Say("The port is 8080.")


class ColdWorld(World):
    """A world whose commands start as they do for a person: each in a Python of its own."""

    def popen(self, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start a program in the project folder and return it."""
        environment, options = self._given(more)
        process: subprocess.Popen[bytes] = subprocess.Popen(words, env=environment, **options)
        self.started.append(process)
        return process


@contextmanager
def echo_world() -> Iterator[World]:
    """A world with echo agents."""
    folder = Path(tempfile.mkdtemp(prefix="fl-bench-"))
    world = ColdWorld(folder / "w")
    try:
        yield world
    finally:
        world.end()
        limit = time.monotonic() + 5.0
        # What was killed may write a last file while its folder goes.
        while folder.exists() and time.monotonic() < limit:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def claude_world(binary: str) -> Iterator[World]:
    """A world whose agents are the real Claude Code."""
    with echo_world() as world, MessagesApi(answer=at_once) as api:
        world.use_claude(binary, api.url)
        yield world


def forget_the_user() -> None:
    """Take everything out of our environment that is the user's; tmux gets a folder of its own for its sockets."""
    for name in list(os.environ):
        if name.startswith(FOREIGN) and name != "FLOWLOOM_TEST_CLAUDE":
            del os.environ[name]
    os.environ.pop("VISUAL", None)
    os.environ.pop("EDITOR", None)


@contextmanager
def own_sockets() -> Iterator[None]:
    """Keep tmux's sockets in a folder that goes away at the end."""
    with tempfile.TemporaryDirectory(prefix="fl-bench-tmux-") as folder:
        os.environ["TMUX_TMPDIR"] = folder
        yield


def newest_claude(given: str | None) -> str:
    """Return the Claude Code to measure: the given one, else the newest of FLOWLOOM_TEST_CLAUDE, else none."""
    if given:
        return str(Path(given).resolve())
    found = [path for path in os.environ.get("FLOWLOOM_TEST_CLAUDE", "").split(":") if path]

    def age(path: str) -> list[int]:
        return [int(part) for part in Path(path).parent.name.split(".") if part.isdigit()]

    return max(found, key=age, default="")
