"""FlowLoom is broken, half upgraded or gone when Ctrl-G is pressed: the real editor comes up."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from tests.support import leftovers
from tests.support.install import Install
from tests.support.world import World

pytestmark = pytest.mark.faults


@pytest.fixture
def install(tmp_path: Path) -> Install:
    return Install(tmp_path / "copy")


def package_gone(install: Install) -> None:
    shutil.rmtree(install.folder / "src")


def venv_gone(install: Install) -> None:
    shutil.rmtree(install.folder / ".venv")


def python_moved(install: Install) -> None:
    install.python.unlink()
    install.python.symlink_to("/nowhere/python3")


def python_is_no_program(install: Install) -> None:
    install.python.write_bytes(b"\x7fELF, but not really")


def python_without_its_interpreter(install: Install) -> None:
    install.python.write_text("#!/nowhere/python3\n")


def python_without_its_library(install: Install) -> None:
    """The interpreter was upgraded below the venv: it starts, and cannot initialise."""
    install.python.write_text(f'#!/bin/sh\nshift\nPYTHONHOME=/nowhere exec {sys.executable} "$@"\n')


def syntax_error(install: Install) -> None:
    install.module("editor/main").write_text("def (:\n")


def syntax_error_further_down(install: Install) -> None:
    install.module("tasks/store").write_text("<<<<<<< HEAD\n")


def module_gone(install: Install) -> None:
    install.module("delegation/runner").unlink()


def name_gone(install: Install) -> None:
    text = install.module("delegation/ask").read_text()
    install.module("delegation/ask").write_text(
        text.replace("from flowloom.turns.states import", "from flowloom.turns.states import Gone,")
    )


BREAKAGES = [
    package_gone,
    venv_gone,
    python_moved,
    python_is_no_program,
    python_without_its_interpreter,
    python_without_its_library,
    syntax_error,
    syntax_error_further_down,
    module_gone,
    name_gone,
]


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_ctrl_g_is_the_real_editor_where_flowloom_is_broken(world: World, install: Install, breakage: object) -> None:
    assert callable(breakage)
    breakage(install)
    real = world.folder / "real-editor"
    real.write_text('#!/bin/sh\nprintf "edited" >"$1"\nexit 7\n')
    real.chmod(0o755)
    path = world.prompt_file("@planning hello\n")
    done = world.run(str(install.editor), str(path), env={"FLOWLOOM_EDITOR": str(real)})
    assert (done.returncode, done.stdout, path.read_text()) == (7, b"", "edited")
    assert b"opening your real editor instead" in done.stderr
    # Python's own last words are not ours to cut.
    assert done.stderr.count(b"\n") <= (40 if breakage is python_without_its_library else 3)
    assert not world.state.exists()


def test_git_commit_never_depends_on_us(world: World, install: Install) -> None:
    package_gone(install)
    venv_gone(install)
    path = world.folder / "COMMIT_EDITMSG"
    path.write_text("x")
    done = world.run(str(install.editor), str(path), env={"FLOWLOOM_EDITOR": "false"})
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_an_agent_started_by_a_broken_flowloom_answers_once_it_is_repaired(world: World, install: Install) -> None:
    world.flowloom("start", "planning", env=install.environment)
    module = install.module("turns/reported")
    good = module.read_text()
    module.write_text("def (:\n")
    keep = world.folder / "go"
    keep.touch()
    path = world.prompt_file("@planning hello\n")
    done = world.run(str(install.editor), str(path), env={"FLOWLOOM_EDITOR": "true"})
    assert (done.returncode, path.read_text()) == (0, "@planning hello\n")
    world.keys("by hand", "Enter")
    world.until(lambda: len(world.kept()) == 2, "receipt and Stop are kept")
    module.write_text(good)
    done = world.run(str(install.editor), str(path))
    assert done.returncode == 0, (done, world.describe())
    assert "echo heard: hello" in path.read_text()
    leftovers.check(world)


@pytest.mark.parametrize("waiter", ["the one that asked", "one that only watches"])
def test_a_wait_outlives_an_upgrade_that_takes_the_package_away(world: World, install: Install, waiter: str) -> None:
    world.flowloom("start", "planning", env=install.environment)
    go = world.folder / "go"
    asks = world.begin("ask", "planning", f"heron\necho:hold {go}", env=install.environment)
    world.until(lambda: world.steps()[-1:] == ["accepted"], "the agent works on it")
    watches = world.begin("wait", world.task()["task_id"], env=install.environment)
    world.until(lambda: b"another process" in (watches.stderr.readline() if watches.stderr else b""), "it watches")
    gone = (install.folder / "src").rename(install.folder / "old")
    go.touch()
    # The agent's hook fails meanwhile, and its call is kept.
    world.until(world.kept, "the Stop is kept")
    out, err = (asks if waiter == "the one that asked" else watches).communicate(timeout=60)
    assert b"echo heard: heron" in out, (out, err)
    gone.rename(install.folder / "src")
