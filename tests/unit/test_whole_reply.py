"""A reply in parts is joined to the message that it belongs to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowloom.agents.agent import Agent
from flowloom.delegation.whole_reply import WholeReply
from flowloom.providers.claude import memory
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import record as task_record
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import record as status_record
from flowloom.turns import status


class Provider:
    """A provider that has nothing but this memory."""

    def __init__(self, memory: Any) -> None:
        self.memory = memory


class Joins:
    """Joins a part to every message; while it reads the first one, a later Stop brings another."""

    CUT_MARKS = (b"cut here",)

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.later = "the later message"

    def joined(self, transcript: bytes, message: str) -> str:
        if self.later:
            tasks.complete(tasks.read(self.task_id), self.later, "a Stop hook continued its turn")
            self.later = ""
        return f"part one\n\n{message}"


class Late:
    """Claude Code's, whose transcript gets the end of the turn only after the first look."""

    CUT_MARKS = memory.CUT_MARKS

    def __init__(self, path: Path, entries: list[dict[str, Any]]) -> None:
        self.path, self.text = path, "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries)

    def joined(self, transcript: bytes, message: str) -> str | None:
        whole = memory.joined(transcript, message)
        self.path.write_text(self.text)
        return whole


def current(agent: AgentRef) -> status_record.Status:
    """Return the agent's status."""
    now = status.read(agent)
    assert now is not None
    return now


def test_a_message_that_came_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, agent = opened(tmp_path, monkeypatch)
    tasks.complete(task, "the first message", "its turn ended")
    (tmp_path / "transcript").write_text("cut here")
    provider: Any = Provider(Joins(task["task_id"]))
    monkeypatch.setattr(Agent, "provider", lambda self: provider)
    whole = WholeReply(Agent(agent))
    assert whole.again(tasks.read(task["task_id"]), current(agent))
    assert tasks.reply_of(task["task_id"]) == b"the later message"
    assert not whole.again(tasks.read(task["task_id"]), current(agent))
    assert tasks.reply_of(task["task_id"]) == b"part one\n\nthe later message"


def test_the_parts_of_a_turn_that_failed_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, agent = opened(tmp_path, monkeypatch)
    tasks.note_step(task, Step.FAILED, "its program reported: max_output_tokens")
    partial = Path(layout.task_dir(task["task_id"])) / "partial.md"
    partial.write_text("API Error: too long")
    part: dict[str, Any] = {
        "type": "assistant",
        "message": {"stop_reason": "max_tokens", "content": [{"type": "text", "text": "on"}]},
    }
    error = {"content": [{"type": "text", "text": "API Error: too long"}]}
    entries: list[dict[str, Any]] = [part, part, {"type": "assistant", "isApiErrorMessage": True, "message": error}]
    (tmp_path / "transcript").write_text("")
    provider: Any = Provider(Late(tmp_path / "transcript", entries))
    monkeypatch.setattr(Agent, "provider", lambda self: provider)
    whole = WholeReply(Agent(agent))
    assert whole.again(tasks.read(task["task_id"]), current(agent))
    assert not whole.again(tasks.read(task["task_id"]), current(agent))
    assert partial.read_text() == "on\n\non"


@pytest.mark.parametrize("kept", [True, False])
def test_only_a_transcript_that_is_written_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    task, agent = opened(tmp_path, monkeypatch)
    tasks.complete(task, "all of it", "its turn ended")
    if kept:
        (tmp_path / "transcript").write_text("")
    assert WholeReply(Agent(agent)).again(tasks.read(task["task_id"]), current(agent)) is kept
    assert (tasks.reply_of(task["task_id"]), tasks.read(task["task_id"])["cut"]) == (b"all of it", "")


def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[task_record.Task, AgentRef]:
    """Return a task in its agent's last turn, and the agent."""
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    state_folder.ensure()
    agent = AgentRef("site", "planning")
    files.ensure_dir(layout.agent_dir(agent))
    task = tasks.open_task("planning@site", agent, "what?", asker="shell", asker_kind="shell")
    for step in (Step.TYPED, Step.PASTED, Step.ACCEPTED):
        tasks.note_step(task, step, "so it went")
    turn: status_record.Turn = {
        "prompt_id": "1",
        "whose": "task",
        "task": task["task_id"],
        "at": 0.0,
        "at_ns": 0,
        "before": [],
    }
    now = status_record.empty_status("planning@site", "planning", "planning", "site", "claude")
    now.update({"last_turn": turn, "transcript": str(tmp_path / "transcript")})
    status.write(agent, now)
    return task, agent
