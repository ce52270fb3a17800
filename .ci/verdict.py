"""Report the result of a trial of a Claude Code release, or pin the release.

Usage: verdict.py RELEASE TESTED [JUNIT_XML]

With the results of a run: name each test that failed and its reason, and return 1.
Without: everything passed, so replace TESTED by RELEASE where the releases are pinned
and in the changelog.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
PIN = "src/flowloom/doctor/claude_code.py"
CHANGELOG = "CHANGELOG.md"
LINE = "- Tested with Claude Code {}.\n"
FORMER = re.compile(r"(?m)^- Tested with Claude Code \d[\d.]*\.\n")
UNRELEASED, CHANGES = "## [Unreleased]\n", "### Changed\n\n"


def broken(junit: Path) -> list[str]:
    """Return a line for each test that failed: its name, and the first line of the reason."""
    lines = []
    for case in ElementTree.parse(junit).iter("testcase"):
        for kind in ("failure", "error"):
            if (found := case.find(kind)) is not None:
                why = (found.get("message") or found.text or kind).strip().splitlines()[0]
                lines.append(f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}\n    {why[:200]}")
    return lines


def move(root: Path, tested: str, release: str) -> None:
    """Record `release` as the newest tested one: where it is pinned, and in one changelog line.

    Raises:
        ValueError: a file does not contain the line to change.
    """
    pin, log = root / PIN, root / CHANGELOG
    code, count = re.subn(
        rf'^(TESTED = \("[\d.]+", "){re.escape(tested)}("\))$', rf"\g<1>{release}\g<2>", pin.read_text(), flags=re.M
    )
    head, found, rest = log.read_text().partition(UNRELEASED)
    if count != 1 or not found:
        raise ValueError(f"{pin if count != 1 else log} is not as expected; move the pin by hand")
    own, mark, older = rest.partition("\n## [")
    if re.search(FORMER, own):
        own = re.sub(FORMER, LINE.format(release), own)
    elif CHANGES in own:
        own = own.replace(CHANGES, CHANGES + LINE.format(release), 1)
    else:
        own = f"{own}\n{CHANGES}{LINE.format(release)}"
    log.write_text(head + found + own + mark + older)
    pin.write_text(code)


def main(arguments: list[str]) -> int:
    """Print the verdict; return 1 if something broke."""
    release, tested, *junit = arguments
    if not junit:
        move(ROOT, tested, release)
        print(f"Claude Code {release}: everything passed")
        return 0
    lines = broken(Path(junit[0]))
    print(f"\nClaude Code {release}: {len(lines)} broke; the pin stays at {tested}\n\n" + "\n".join(lines))
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
