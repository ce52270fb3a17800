"""What an agent is busy with: which tasks are still to be given to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowloom.agents.agent import Agent
from flowloom.cli import busy
from flowloom.queue import line
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step

WAYS: dict[Step, list[Step]] = {
    Step.CREATED: [],
    Step.PASTED: [Step.TYPED, Step.PASTED],
    Step.ACCEPTED: [Step.TYPED, Step.PASTED, Step.ACCEPTED],
    Step.PARKED: [Step.TYPED, Step.PASTED, Step.ACCEPTED, Step.PARKED],
    Step.FAILED: [Step.FAILED],
}


def test_only_a_task_that_its_agent_does_not_have_yet_is_in_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    state_folder.ensure()
    folder = AgentRef("site", "planning")
    files.ensure_dir(layout.agent_dir(folder))
    ids, places = {}, []
    for step, way in WAYS.items():
        task = tasks.open_task("planning@site", folder, "what?", asker="shell", asker_kind="shell")
        ids[step] = task["task_id"]
        places.append(line.enter(folder, task["task_id"]))
        for each in way:
            tasks.note_step(task, each, "so it went")
        assert tasks.read(task["task_id"])["status"] is step
    places.append(line.enter(folder, line.RESTART))
    assert busy.in_line(Agent(folder)) == [ids[Step.CREATED], ids[Step.PASTED]]
    for place in places:
        assert place is not None
        place.leave()
