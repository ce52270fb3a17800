"""One conversation never runs in two programs, and none is given up while its program lives."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest
from tests.support.desk import Desk, half
from tests.support.messages_api import MessagesApi
from tests.support.world import World

pytestmark = [pytest.mark.claude, pytest.mark.timeout(180)]


def programs(world: World) -> list[int]:
    """Return the Claude Codes that run in this world, whoever started them."""
    binary = os.path.realpath(world.environment["FLOWLOOM_CLAUDE"])
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("FLOWLOOM_HOME") == str(world.state)
            parent = process.parent()
            # Its own helper processes are its children.
            if ours and process.exe() == binary and parent is not None and parent.exe() != binary:
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


@pytest.mark.newest
def test_a_conversation_runs_once_while_its_server_is_out_of_reach(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)
    rest = desk.hold("a long task")
    asked = desk.ask("a long task")
    desk.until_seen(half("a long task"))
    asked.until("accepted")
    before, (program,) = claude.status(), programs(claude)
    transcripts = sorted(Path(claude.home).rglob("*.jsonl"))
    Path(before["socket_path"]).unlink()
    for env in ({}, {"TMUX_TMPDIR": str(claude.folder)}):
        (agent,) = json.loads(claude.flowloom("agents", "--json", env=env).stdout)["agents"]
        assert (agent["status"], agent["last_known"], bool(agent["unreachable"])) == ("unknown", "working", True)
        for words in (["start", "planning"], ["restart", "planning"], ["ask", "planning", "x", "--timeout", "1"]):
            done = claude.flowloom(*words, env=env)
            assert b"cannot be reached" in done.stderr, (words, done)
            assert done.returncode in (1, 124), (words, done)
    assert programs(claude) == [program]
    assert sorted(Path(claude.home).rglob("*.jsonl")) == transcripts
    assert asked.task()["status"] == "accepted"
    # The turn ends while nobody reaches its window: its hook tells, and the reply comes.
    rest.set()
    assert asked.end()[:2] == (0, half("a long task") + "\n and the rest")
    os.kill(before["server"]["pid"], signal.SIGUSR1)
    # Those that waited come through in the same conversation.
    claude.until(lambda: all(task["status"] == "done" for task in claude.tasks()), "the tasks in line")
    assert desk.reply("one more").endswith("one more")
    now = claude.status()
    assert (now["session_id"], now["pid"], programs(claude)) == (before["session_id"], before["pid"], [program])
    assert sum("a long task" in text for text in desk.texts()) == 1
