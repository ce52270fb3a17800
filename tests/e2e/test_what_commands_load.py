"""What a command loads before it answers: somebody waits for each of these milliseconds."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.support.world import ROOT, World

pytestmark = [pytest.mark.tmux, pytest.mark.echo]

LOADED = ROOT / "tests" / "support" / "loaded.py"
# Milliseconds of processor time on a slow machine: pydantic 40, libtmux 70, rich 35, psutil 20, asyncio 30.
HEAVY = {"pydantic", "libtmux", "rich", "psutil", "typer", "asyncio", "logging", "unittest"}
# What the parser and the state folder load; `--version` needs none of it.
NEVER_FOR_VERSION = HEAVY | {
    "click",
    "subprocess",
    "inspect",
    "difflib",
    "flowloom.tasks.store",
    "flowloom.store.layout",
}


def loaded(world: World, *words: str) -> tuple[set[str], subprocess.CompletedProcess[bytes]]:
    """Run a command; return the modules that it had loaded at its end, and its outcome."""
    path = world.folder / "loaded"
    # Without `site`, which loads what the machine's own .pth files ask for.
    libraries = ":".join([str(ROOT / "src"), *(each for each in sys.path if each.endswith("site-packages"))])
    done = world.run(sys.executable, "-S", str(LOADED), str(path), *words, env={"PYTHONPATH": libraries})
    return set(path.read_text().split()), done


def test_a_command_loads_what_it_needs_and_nothing_else(world: World) -> None:
    world.start()
    table: list[tuple[tuple[str, ...], set[str]]] = [
        (("--version",), NEVER_FOR_VERSION),
        (("ask", "planning", "hello"), HEAVY),
        (("ask", "planning", "hello", "--json"), HEAVY),
        (("agents",), HEAVY),
        (("agents", "--json"), HEAVY),
        (("tasks", "--json"), HEAVY),
        (("status", "--json"), HEAVY),
        (("start", "planning"), HEAVY),
        (("logs", "planning"), HEAVY),
    ]
    for words, unwanted in table:
        modules, done = loaded(world, *words)
        assert (done.returncode, modules & unwanted) == (0, set()), (words, done.stderr)
        assert "flowloom.cli" in modules
    task_id = world.task()["task_id"]
    for words in (("show", task_id, "--json"), ("reply", task_id), ("wait", task_id)):
        modules, done = loaded(world, *words)
        assert (done.returncode, modules & HEAVY) == (0, set()), (words, done.stderr)
    assert "psutil" in loaded(world, "stop", "planning")[0], "the test cannot see what is loaded"
