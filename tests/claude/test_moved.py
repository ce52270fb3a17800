"""A session that leaves its window for the background: prevented, and followed where it is not."""

from __future__ import annotations

import json
import uuid

import psutil
import pytest
from tests.support.desk import Desk, half
from tests.support.messages_api import MessagesApi
from tests.support.world import World

from flowloom.ports import procs

pytestmark = [pytest.mark.claude, pytest.mark.timeout(180)]


def test_a_left_arrow_on_the_empty_box_leaves_the_session_in_its_window(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)
    claude.start()
    assert desk.reply("one") == "answer 1: one"
    session = claude.status()["session_id"]
    desk.until_box("")
    claude.keys("Left")
    desk.type("/bg", enter=True)
    desk.until_seen("Unknown command: /bg")
    assert "for agents" not in claude.screen()
    assert desk.reply("two") == "answer 2: two"
    assert (claude.status()["session_id"], claude.status()["foreign"]) == (session, [])


def move_to_background(claude: World, desk: Desk) -> None:
    """Start an agent that a left arrow moves to the background, and move it."""
    script = claude.folder / "binary"
    # An agent that was started without the setting: its program gets another settings file than ours.
    binary = claude.environment["FLOWLOOM_CLAUDE"]
    script.write_text(
        "#!/bin/sh\nfor f; do case $f in */settings.json)"
        """ sed -i 's/"disableAgentView": *true/"disableAgentView": false/' "$f";; esac; done\n"""
        f'exec {binary} "$@"\n'
    )
    script.chmod(0o755)
    claude.environment["FLOWLOOM_CLAUDE"] = str(script)
    claude.start()
    assert desk.reply("before it") == "answer 1: before it"
    session = claude.status()["session_id"]
    # In the middle of a task: it continues in the background, and its reply arrives.
    rest = desk.hold("moved in its middle")
    asked = desk.ask("moved in its middle")
    desk.until_seen(half("moved in its middle"))
    claude.keys("Left")
    desk.until_seen("Your session moved to the background")
    # It says `idle` there before it continues: whoever looks meanwhile must not take that for an Esc.
    claude.until(lambda: claude.status()["session_id"] != session, "it is followed")
    for _ in range(4):
        assert claude.flowloom("agents").returncode == 0
    rest.set()
    code, out, err = asked.end()
    assert (code, out) == (0, half("moved in its middle") + "\n and the rest"), (err, claude.describe())
    # The list is still open; it is left, and the window shows the agent's session.
    assert "behind the list" in desk.reply("behind the list")
    assert claude.status()["session_id"] != session


@pytest.mark.newest
def test_stop_ends_a_session_in_the_background_that_outlived_its_window(claude: World, api: MessagesApi) -> None:
    move_to_background(claude, Desk(claude, api))
    session = claude.status()["session_id"]

    def runs_it() -> list[int]:
        found = [path for path in (claude.home / ".claude/sessions").glob("*.json") if session in path.read_text()]
        return [int(path.stem) for path in found if procs.alive(int(path.stem))]

    psutil.Process(claude.status()["pid"]).kill()
    claude.until(lambda: claude.flowloom("agents").returncode == 0 and claude.status()["status"] == "offline")
    assert runs_it()
    assert claude.flowloom("stop", "planning").returncode == 0
    assert runs_it() == []


@pytest.mark.newest
def test_a_session_in_the_background_is_followed_and_nothing_it_knows_is_lost(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)
    move_to_background(claude, desk)
    assert claude.steps()[-2:] == ["accepted", "done"]
    # A restart goes on with all of it.
    done = claude.flowloom("restart", "planning")
    assert (done.returncode, b"empty conversation" in done.stderr) == (0, False), done.stderr
    assert "after the restart" in desk.reply("after the restart")
    assert [any(word in text for text in desk.texts()) for word in ("before it", "behind the list")] == [True, True]
    # A status that an earlier release left: another session's, without a transcript.
    claude.flowloom("stop", "planning")
    path = claude.agent_dir() / "status.json"
    now = json.loads(path.read_text())
    lost = {"session_id": str(uuid.uuid4()), "transcript": "/none.jsonl", "foreign": [now["session_id"]]}
    path.write_text(json.dumps({**now, **lost}))
    assert "after the repair" in desk.reply("after the repair")
    assert any("behind the list" in text for text in desk.texts())


def test_a_session_that_was_another_ones_is_followed_where_a_person_resumes_it(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)
    claude.start()
    assert desk.reply("before it") == "answer 1: before it"
    former = claude.status()["session_id"]
    desk.until_box("")
    desk.type("/clear", enter=True)
    claude.until(lambda: claude.status()["session_id"] != former, "it has another session")
    assert "behind it" in desk.reply("behind it")
    path = claude.agent_dir() / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "foreign": [former]}))
    desk.until_box("")
    desk.type(f"/resume {former}", enter=True)
    desk.until_seen("answer 1: before it")
    assert "once more" in desk.reply("once more")
    assert any("before it" in text for text in desk.texts())
    now = claude.status()
    assert (now["session_id"], now["foreign"]) == (former, [])
    assert claude.steps()[-2:] == ["accepted", "done"]


def test_an_agent_whose_project_was_renamed_resumes_in_the_new_folder(claude: World, api: MessagesApi) -> None:
    desk, new = Desk(claude, api), claude.folder / "site-new"
    trusted = {str(path): {"hasTrustDialogAccepted": True} for path in (claude.project, new)}
    claude.seed(hasCompletedOnboarding=True, theme="dark", projects=trusted)
    claude.start()
    assert desk.reply("before it") == "answer 1: before it"
    claude.project.rename(new)
    claude.project = new
    for words in (["stop", "planning@site"], ["start", "planning@site", "--dir", "."], ["restart", "planning"]):
        done = claude.flowloom(*words)
        assert (done.returncode, b"empty conversation" in done.stderr) == (0, False), (done.stderr, claude.screen())
    assert "after it" in desk.reply("after it")
    assert any("before it" in text for text in desk.texts())
    assert claude.task()["agent_id"] == "planning@site"


def test_a_branched_session_is_the_agents_own(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)
    assert desk.reply("before it") == "answer 1: before it"
    session = claude.status()["session_id"]
    desk.type("/branch", enter=True)
    desk.until_seen("Branched")
    assert "behind the branch" in desk.reply("behind the branch")
    assert claude.status()["session_id"] != session
    done = claude.flowloom("restart", "planning")
    assert (done.returncode, b"empty conversation" in done.stderr) == (0, False), done.stderr
    assert "after the restart" in desk.reply("after the restart")
    assert [any(word in text for text in desk.texts()) for word in ("before it", "behind the branch")] == [True, True]
