"""A command in a test is forked from a Python that has FlowLoom loaded, whatever a build server has set."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.support import warm
from tests.support.world import World

linux = pytest.mark.skipif(sys.platform != "linux", reason="only there")


@linux
@pytest.mark.parametrize("name", ["CI_JOB_ID", "GITHUB_ACTIONS", "PYTHON_VERSION", "NO_COLOR"])
def test_a_command_is_forked_where_a_variable_decides_nothing_at_loading(tmp_path: Path, name: str) -> None:
    world = World(tmp_path / "w")
    process = world.popen(sys.executable, "-m", "flowloom", "--version", env={name: "1"})
    assert isinstance(process, warm.Warm)
    assert process.communicate()[0].startswith(b"flowloom ")
    assert process.returncode == 0


@linux
@pytest.mark.parametrize(
    ("words", "env"), [(["-m", "flowloom"], {"PYTHONOPTIMIZE": "1"}), (["-I", "-m", "flowloom"], {})]
)
def test_a_command_that_it_could_matter_to_starts_cold(tmp_path: Path, words: list[str], env: dict[str, str]) -> None:
    process = World(tmp_path / "w").popen(sys.executable, *words, "--version", env=env, stdout=subprocess.DEVNULL)
    assert not isinstance(process, warm.Warm)
    process.communicate()
