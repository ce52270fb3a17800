"""The bench runs and says what it measured; how fast it was is nobody's test."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.support.world import ROOT

pytestmark = pytest.mark.tmux


def test_a_quick_bench_of_the_hook_prints_its_rows_as_json() -> None:
    command = [sys.executable, "-m", "bench", "--quick", "--json", "hook"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    rows = {row["what"]: row for row in document["rows"]}
    assert document["version"] == 1
    assert {"bare python3 -I -S", "UserPromptSubmit", "PostToolUse", "Stop"} <= set(rows)
    assert rows["Stop"]["runs"] == 3
    assert rows["Stop"]["median"] > 0


# How often one module may call another in one Ctrl-G with an idle agent, and in each step of its wait. A step is made
# for each event that wakes it, more of them on a busy machine. Paths that `store/layout` makes are not counted.
CALLS, CALLS_A_STEP = 455, 38
# What other processes write meanwhile is parsed once for each content, and what it writes itself never.
PARSED = {"project.json": 1, "agent.json": 1, "environment.json": 1, "status.json": 4, "task.json": 4}


def test_one_ctrl_g_looks_nothing_up_twice() -> None:
    command = [sys.executable, "-m", "bench.trace", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    traced = json.loads(done.stdout)
    assert {name: count for name, count in traced["parsed"].items() if count > PARSED.get(name, 0)} == {}
    calls, steps = traced["calls"], traced["steps"]
    assert calls <= CALLS + CALLS_A_STEP * steps, (calls, steps, traced["pairs"])
    assert traced["order"][0] == "editor/main"


def test_a_bench_that_does_not_exist_is_refused_by_name() -> None:
    command = [sys.executable, "-m", "bench", "hooks"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, "no bench 'hooks'" in done.stderr) == (2, True)
