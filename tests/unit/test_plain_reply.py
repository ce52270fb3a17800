"""With `reply = "plain"`, what is to be said of a reply does not enter its text, and is told all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowloom.agents.agent import Agent
from flowloom.editor import main, wait_screen
from flowloom.ports.tmux import client
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import record as status_record
from flowloom.turns import status

SAID = "the reply also answers something else that was typed in its window"


class Carried:
    """The runner of a task that has ended."""

    def __init__(self, task_id: str, agent: AgentRef) -> None:
        self.task_id = task_id
        self.agent = Agent(agent)


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("plain", [False, True])
def test_a_remark_is_told_beside_a_plain_reply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], plain: bool, terminal: bool
) -> None:
    state_folder.ensure()
    ref, path, around = AgentRef("site", "planning"), tmp_path / "prompt.md", list[str]()
    files.ensure_dir(layout.agent_dir(ref))
    status.write(ref, status_record.empty_status("planning@site", "planning", "planning", "site", "echo"))
    task = tasks.open_task("planning@site", ref, "what?", asker="chief", asker_kind="chief")
    for step in (Step.TYPED, Step.PASTED, Step.ACCEPTED):
        tasks.note_step(task, step, "")
    task["shared"] = True
    tasks.complete(task, "the reply", "its turn ended")
    path.write_text("@planning what?")
    exchange: Any = main.Exchange.__new__(main.Exchange)
    exchange.path, exchange.raw = str(path), path.read_bytes()
    exchange.settings = type("Settings", (), {"reply": "plain" if plain else "headed"})
    screen = wait_screen.TerminalWaitScreen if terminal else wait_screen.WaitScreen
    exchange.screen = screen.__new__(screen)
    monkeypatch.setattr(client, "tell_around", around.append)
    exchange._write([Carried(task["task_id"], ref)])
    told = "".join(around) + capfd.readouterr().err
    assert (SAID in path.read_text(), SAID in told) == (not plain, plain)
    assert path.read_bytes().endswith(b"the reply")
    assert not plain or path.read_bytes() == b"the reply"
