"""Which worker runs which test: what shares an agent stays together, and what takes long begins first."""

from __future__ import annotations

import re
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Their tests share one started agent a release. One worker runs them, in a row: elsewhere it would be started again.
SHARED = ("tests/claude/test_turns.py", "tests/claude/test_prompts.py")
# Tests of some milliseconds go to a worker file by file.
LIGHT = ("tests/unit/", "tests/arch/", "tests/contract/", "tests/tmux/")
# The longest first: at the end, no worker is left alone with a test that takes half a minute.
ORDER = ("tests/claude/", "tests/faults/", "tests/e2e/")
RELEASE = re.compile(r"\b\d+\.\d+\.\d+\b")


def scope(nodeid: str) -> str:
    """Return the name of the group that a test belongs to; most tests are a group of their own."""
    path, _, rest = nodeid.partition("::")
    if path in SHARED:
        release = RELEASE.search(rest)
        return f"{path} {release[0] if release else ''}"
    return path if path.startswith(LIGHT) else nodeid


def rank(nodeid: str) -> int:
    """Return how early a test begins: 0 is first. Tests of one rank stay in their random order."""
    if nodeid.partition("::")[0] in SHARED:
        return 0
    real = 0 if RELEASE.search(nodeid) else len(ORDER)
    return 1 + next((real + number for number, folder in enumerate(ORDER) if nodeid.startswith(folder)), 2 * len(ORDER))


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Hand the groups to the workers in the order of collection, one at a time."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)
