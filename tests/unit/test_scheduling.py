"""Tests that share an agent are run by one worker, and what takes long begins first."""

from __future__ import annotations

from pathlib import Path

from tests.support.scheduling import SHARED, rank, scope

ROOT = Path(__file__).resolve().parents[2]
TURNS = "tests/claude/test_turns.py::test_esc"


def test_what_shares_an_agent_is_one_group_a_release() -> None:
    assert all((ROOT / path).exists() for path in SHARED)
    assert scope(f"{TURNS}[2.1.197]") == scope(f"{TURNS}_again[2.1.197-a table's row]") != scope(f"{TURNS}[2.1.330]")
    assert scope("tests/claude/test_start.py::test_a[2.1.197]") == "tests/claude/test_start.py::test_a[2.1.197]"
    assert scope("tests/unit/test_a.py::test_a[1]") == scope("tests/unit/test_a.py::test_b")


def test_what_takes_long_begins_first() -> None:
    begun = [
        f"{TURNS}[2.1.330]",
        "tests/claude/test_start.py::test_a[2.1.197]",
        "tests/faults/test_disk_full.py::test_a[2.1.197]",
        "tests/e2e/test_setup.py::test_a[2.1.197]",
        "tests/faults/test_disk_full.py::test_a[1]",
        "tests/e2e/test_setup.py::test_a",
        "tests/unit/test_a.py::test_a[1]",
    ]
    ranks = [rank(nodeid) for nodeid in begun]
    assert ranks == sorted(set(ranks))
