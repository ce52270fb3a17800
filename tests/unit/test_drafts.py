"""The editor of the agents' windows: what it hands over, to which request, and whose editor it is otherwise."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from flowloom.agents import hook_shims
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.transports.paste import drafts

DRAFT = "first\n\n\tsecond \u00e4\n" * 40


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AgentRef:
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    state_folder.ensure()
    folder = AgentRef("site", "planning")
    files.ensure_dir(layout.agent_dir(folder))
    return folder


def opened(tmp_path: Path, agent: AgentRef, name: str = "claude-prompt-1.md", text: str = DRAFT) -> str:
    """Open a file in the agent's editor, as Claude Code does; return what the person's own editor was given."""
    real, given = tmp_path / "real", tmp_path / "given"
    given.unlink(missing_ok=True)
    real.write_text(f'#!/bin/sh\nprintf %s "$1 VISUAL=$VISUAL" >{given}\n')
    real.chmod(0o700)
    path = tmp_path / name
    path.write_text(text)
    environment = {"PATH": os.environ["PATH"], "FLOWLOOM_VISUAL": str(real), "FLOWLOOM_AGENT": "planning@site"}
    done = subprocess.run(
        [hook_shims.agent_editor(), str(path)],
        env={**environment, "FLOWLOOM_AGENT_DIR": layout.agent_dir(agent), "VISUAL": hook_shims.agent_editor()},
        check=False,
    )
    assert (done.returncode, path.read_text()) == (0, text)
    return given.read_text() if given.exists() else ""


def test_a_draft_that_was_asked_for_is_handed_over_whole_and_once(tmp_path: Path, agent: AgentRef) -> None:
    drafts.ask(agent)
    assert opened(tmp_path, agent) == ""
    assert (drafts.collect(agent), drafts.collect(agent)) == (DRAFT, None)
    assert oct(Path(layout.agent_dir(agent)).stat().st_mode & 0o777) == "0o700"
    assert opened(tmp_path, agent).startswith(f"{tmp_path}/claude-prompt-1.md")


def test_the_block_of_the_last_response_is_no_part_of_a_draft(tmp_path: Path, agent: AgentRef) -> None:
    block = "# ─── Claude's last response (x) ───\n# it said\n# ─── Write your reply below this line ───\n"
    drafts.ask(agent)
    opened(tmp_path, agent, text=f"{block}my words")
    assert drafts.collect(agent) == "my words"


@pytest.mark.parametrize("name", ["notes.md", "COMMIT_EDITMSG"])
def test_every_other_file_is_for_the_real_editor(tmp_path: Path, agent: AgentRef, name: str) -> None:
    drafts.ask(agent)
    assert opened(tmp_path, agent, name) == f"{tmp_path}/{name} VISUAL={tmp_path}/real"
    assert drafts.collect(agent) is None


def test_a_request_of_long_ago_takes_nobodys_editor(tmp_path: Path, agent: AgentRef) -> None:
    Path(layout.draft_request(agent)).write_text("1000\n")
    assert opened(tmp_path, agent) != ""
    assert drafts.collect(agent) is None


def test_fetch_gives_up_where_no_editor_answers(
    tmp_path: Path, agent: AgentRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "HANDED_WITHIN_S", 0.0)
    pressed: list[str] = []
    assert drafts.fetch(agent, lambda: pressed.append("C-g")) is None
    assert pressed == ["C-g"]
    # It opens all the same, late: no real editor may wait there for somebody who never comes.
    assert opened(tmp_path, agent) == ""
    assert opened(tmp_path, agent) != ""


def test_only_an_agent_that_was_started_with_our_editor_is_asked(agent: AgentRef) -> None:
    assert not drafts.hands_over(agent)
    files.write_json(layout.former_settings(agent), {"env": {"VISUAL": "/usr/bin/vim"}})
    assert not drafts.hands_over(agent)
    files.write_json(layout.former_settings(agent), {"env": {"VISUAL": hook_shims.agent_editor()}})
    assert drafts.hands_over(agent)


def test_the_same_draft_is_not_kept_twice_in_a_row(agent: AgentRef) -> None:
    for text in ("one\ntwo", "one\ntwo", "two", "o", "two", "half of two", "two", "two"):
        drafts.keep(agent, text)
    assert Path(layout.drafts(agent)).read_text() == "one\ntwo\no\ntwo\nhalf of two\ntwo\n"
