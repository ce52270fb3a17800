"""Fail unless tests with every given Claude Code release ran and passed.

Usage: claude_ran.py JUNIT_XML RELEASE...

A test counts if it is in one of `FOLDERS` and its parameters name the release
(`test_it_wakes[2.1.197]`), so a run that skipped every test does not pass.
"""

from __future__ import annotations

import re
import sys
from xml.etree import ElementTree

FOLDERS = ("tests.claude", "tests.e2e", "tests.faults")


def passed(junit: str, release: str) -> int:
    """Count the tests of `release` that ran and passed."""
    named = re.compile(rf"\[(?:.*[^\w.])?{re.escape(release)}(?:[^\w.].*)?\]")
    return sum(
        case.get("classname", "").startswith(FOLDERS)
        and named.search(case.get("name", "")) is not None
        and all(case.find(tag) is None for tag in ("failure", "error", "skipped"))
        for case in ElementTree.parse(junit).iter("testcase")
    )


def main(arguments: list[str]) -> int:
    """Print one line for each release; return 1 if a release has no test that passed."""
    junit, *releases = arguments
    counts = {release: passed(junit, release) for release in releases}
    for release, count in counts.items():
        print(f"Claude Code {release}: {count} tests with the real program")
    if counts and all(counts.values()):
        return 0
    print(f"no test ran with the real Claude Code {' '.join(r for r, n in counts.items() if not n)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
