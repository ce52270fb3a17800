"""The releases of Claude Code are pinned in one place, and a trial says what broke or moves the pin."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from flowloom.doctor import claude_code

ROOT = Path(__file__).resolve().parents[2]
NEWEST = claude_code.TESTED[1]


def script(name: str) -> ModuleType:
    """Load a script of `.ci`, which is in no package."""
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def verdict() -> ModuleType:
    return script("verdict")


def test_the_scripts_read_the_releases_that_the_code_pins() -> None:
    lines = 'set -eu; root=$1; . "$root/bin/lib/setup.sh"; . "$root/bin/lib/claude.sh"; claude_releases'
    done = subprocess.run(["sh", "-c", lines, "sh", ROOT], capture_output=True, text=True, check=True)
    assert tuple(done.stdout.split()) == claude_code.TESTED


def test_nothing_but_a_trial_asks_npm_for_its_newest_release() -> None:
    scripts = [path for folder in ("bin", ".ci") for path in (ROOT / folder).rglob("*") if path.is_file()]
    scripts = [path for path in scripts if path.suffix != ".pyc"]
    asking = {path.name for path in scripts if "claude_newest" in path.read_text("utf-8")}
    assert asking == {"claude.sh", "trial"}


CHANGELOGS = [
    ("", "\n### Changed\n\n- Tested with Claude Code 9.1.1.\n"),
    ("\n### Added\n\n- A.\n", "\n### Added\n\n- A.\n\n### Changed\n\n- Tested with Claude Code 9.1.1.\n"),
    ("\n### Changed\n\n- B.\n", "\n### Changed\n\n- Tested with Claude Code 9.1.1.\n- B.\n"),
    (
        "\n### Changed\n\n- B.\n- Tested with Claude Code 2.1.300.\n",
        "\n### Changed\n\n- B.\n- Tested with Claude Code 9.1.1.\n",
    ),
]


@pytest.mark.parametrize(("before", "after"), CHANGELOGS)
def test_a_trial_that_holds_moves_the_pin_and_says_so_in_the_changelog(
    tmp_path: Path, verdict: ModuleType, before: str, after: str
) -> None:
    pin, log = tmp_path / verdict.PIN, tmp_path / verdict.CHANGELOG
    pin.parent.mkdir(parents=True)
    pin.write_text((ROOT / verdict.PIN).read_text("utf-8"))
    released = "\n## [0.1.0]\n\n### Changed\n\n- Tested with Claude Code 2.1.200.\n"
    log.write_text(f"# Changelog\n\n## [Unreleased]\n{before}{released}")
    verdict.move(tmp_path, NEWEST, "9.1.1")
    assert log.read_text() == f"# Changelog\n\n## [Unreleased]\n{after}{released}"
    assert re.findall(r"^TESTED = (.*)$", pin.read_text(), re.M) == [f'("{claude_code.TESTED[0]}", "9.1.1")']
    with pytest.raises(ValueError, match="by hand"):
        verdict.move(tmp_path, NEWEST, "9.1.2")


def test_a_trial_names_what_broke_and_why(tmp_path: Path, verdict: ModuleType) -> None:
    results = tmp_path / "junit.xml"
    results.write_text(
        '<testsuites><testsuite><testcase classname="tests.claude.test_path" name="test_a[9.1.1]"/>'
        '<testcase classname="tests.claude.test_path" name="test_b[9.1.1]">'
        '<failure message="assert 1 == 2&#10;more"/></testcase></testsuite></testsuites>'
    )
    assert verdict.broken(results) == ["tests/claude/test_path.py::test_b[9.1.1]\n    assert 1 == 2"]


CLAUDES = [f"tests/claude/test_turns.py::test_{letter}[2.1.330-x y]" for letter in "abcdef"]
SECOND_RUNS = [
    (CLAUDES[:5], ""),
    (["tests/tmux/test_tmux.py::test_a", "tests/e2e/test_a.py::test_a", "tests/faults/test_a.py::test_a"], ""),
    (CLAUDES, "6 tests failed, and at most 5 may run again"),
    ([CLAUDES[0], "tests/unit/test_a.py::test_a"], "not a test that drives a program: tests/unit/test_a.py::test_a"),
    (["tests/arch/test_a.py::test_a"], "not a test that drives a program"),
    (["tests/contract/test_a.py::test_a"], "not a test that drives a program"),
    (["tests/claude/test_cannot_be_loaded.py"], "not a test that drives a program"),
    ([], "no test is recorded as failed"),
]


@pytest.mark.parametrize(("failed", "why"), SECOND_RUNS)
def test_only_a_few_tests_that_drive_a_program_run_a_second_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], failed: list[str], why: str
) -> None:
    record = tmp_path / "v" / "cache" / "lastfailed"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps(dict.fromkeys(failed, True)))
    code = script("second_run").main([str(tmp_path)])
    out, err = capsys.readouterr()
    assert (code, out.split("\n")[:-1]) == ((1, []) if why else (0, sorted(failed)))
    assert why in err
