"""Decide whether the tests that failed may run once more, alone.

Usage: second_run.py CACHE_DIR, the cache folder of the pytest run (`-o cache_dir=…`).

A program that gets no processor for seconds can fail a test that drives it. Tests that
drive none never run twice, and neither does anything once more than `LIMIT` have failed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# Their tests drive Claude Code, tmux, or an agent in it.
FOLDERS = ("tests/claude/", "tests/e2e/", "tests/faults/", "tests/tmux/")
LIMIT = 5


def failed(cache: Path) -> list[str]:
    """Return the ids of the tests that failed in the last run; of a file that could not be loaded, its path."""
    return sorted(json.loads((cache / "v" / "cache" / "lastfailed").read_text(encoding="utf-8")))


def refusal(tests: list[str]) -> str:
    """Return why there is no second run, nothing if there is one."""
    fixed = [test for test in tests if not test.startswith(FOLDERS) or "::" not in test]
    if fixed:
        return f"not a test that drives a program: {', '.join(fixed)}"
    if len(tests) > LIMIT:
        return f"{len(tests)} tests failed, and at most {LIMIT} may run again"
    return "" if tests else "no test is recorded as failed"


def main(arguments: list[str]) -> int:
    """Print the tests that run again, or why none does; return 1 if none does."""
    tests = failed(Path(arguments[0]))
    why = refusal(tests)
    if why:
        print(f"flowloom: no second run: {why}", file=sys.stderr)
        return 1
    print("\n".join(tests))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
