"""What the palette says above the agents."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flowloom.editor.palette_actions import PaletteActions
from flowloom.turns.states import State


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (None, "planning is starting; Enter sends it the prompt"),
        (State.STARTING, "planning is starting; Enter sends it the prompt"),
        (State.BLOCKED, "planning asks something: a answers"),
        (State.IDLE, "planning is ready; Enter sends it the prompt"),
        (State.OFFLINE, "planning did not come up: its program ended"),
        (State.BACKOFF, "planning did not come up: its program ended"),
        (State.FAILED, "planning did not come up: its program ended"),
    ],
)
def test_what_became_of_an_agent_that_was_started_here_stands_above_the_list(status: State | None, said: str) -> None:
    statuses = {"planning": {"status": status, "why": "its program ended"}} if status else {}
    actions: Any = SimpleNamespace(started="planning", note="", statuses=statuses)
    assert PaletteActions._hint(actions) == said
