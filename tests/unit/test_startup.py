"""How a start is watched, by histories of looks on a clock that only the test moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from tests.support.window import BOX, At, Desk, golden

from flowloom.agents.startup import BOX_AGAIN_S, LOOK_AGAIN_S, QUESTION_AGAIN_S, Startup
from flowloom.providers.claude import program as claude
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.turns import record, status
from flowloom.turns.states import State

FIRST_LOOK_S = claude.TIMING["first_look_s"]
TRUST = golden("2.1.329/dialog-trust")
SILENT = "ready for input, but its hooks are silent; see: flowloom doctor"
LATE = "it has not come up for 60 s; look at its window"


class Starting(Desk):
    """An agent that is starting."""

    def spec(self) -> None:
        return None


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Starting:
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    state_folder.ensure()
    made = Starting(AgentRef("site", "planning"))
    files.ensure_dir(layout.agent_dir(made.ref))
    first = record.empty_status("planning@site", "planning", "planning", "site", "claude")
    first.update({"status": State.STARTING, "pane_id": "%1", "pid": 7})
    status.write(made.ref, first)
    return made


# Each row is a look: when, whether the SessionStart hook has reported, what the window shows; and what comes of it:
# the question's kind, the message, when to look again (0 once it is ready).
HISTORIES: dict[str, list[tuple[float, bool, str, str, str, float]]] = {
    "the hook, then the box": [
        (0.0, False, "", "", "", FIRST_LOOK_S),
        (0.35, False, "", "", "", LOOK_AGAIN_S),
        (0.4, True, "", "", "", BOX_AGAIN_S),
        (0.43, True, BOX, "", "", 0.0),
    ],
    "the box, and the hook late": [
        (0.0, False, BOX, "", "", FIRST_LOOK_S),
        (7.9, False, BOX, "", "", LOOK_AGAIN_S),
        (8.0, False, BOX, "", SILENT, LOOK_AGAIN_S),
        (30.0, False, BOX, "", SILENT, LOOK_AGAIN_S),
        (30.1, True, BOX, "", "", 0.0),
    ],
    "a box that was covered is no silence": [
        (0.0, False, BOX, "", "", FIRST_LOOK_S),
        (5.0, False, "", "", "", LOOK_AGAIN_S),
        (6.0, False, BOX, "", "", LOOK_AGAIN_S),
        (13.9, False, BOX, "", "", LOOK_AGAIN_S),
        (14.0, False, BOX, "", SILENT, LOOK_AGAIN_S),
    ],
    "nothing for a minute": [
        (0.0, False, "", "", "", FIRST_LOOK_S),
        (60.0, False, "", "", "", LOOK_AGAIN_S),
        (60.1, False, "", "", LATE, LOOK_AGAIN_S),
        (61.0, True, "", "", LATE, BOX_AGAIN_S),
        (62.0, True, BOX, "", "", 0.0),
    ],
    "a question is the user's, however long it stands": [
        (0.0, False, TRUST, "trust", "", QUESTION_AGAIN_S),
        (3600.0, False, TRUST, "trust", "", QUESTION_AGAIN_S),
    ],
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_start_is_told_as_it_goes(desk: Starting, name: str) -> None:
    at = [100.0]
    watched = Startup(cast(Any, desk), At(at))
    seen = []
    for at_s, up, screen, *_ in HISTORIES[name]:
        at[0], desk.screen = 100.0 + at_s, screen
        if desk.status()["up"] != up:
            status.note(desk.ref, desk.status(), up=up)
        question, said = watched.step(desk.status(), desk.look())
        seen.append((at_s, up, screen, question["kind"] if question else "", said, watched.again_s))
    assert seen == HISTORIES[name]
    ends = {0.0: State.IDLE, QUESTION_AGAIN_S: State.BLOCKED}
    assert desk.status()["status"] is ends.get(watched.again_s, State.STARTING)
    assert desk.keys == []
