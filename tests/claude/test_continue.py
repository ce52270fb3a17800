"""`claude --continue` opens the newest conversation of a folder, which can be an agent's."""

from __future__ import annotations

import os

import pytest
from tests.support.desk import Desk
from tests.support.messages_api import MessagesApi
from tests.support.seat import Seat
from tests.support.world import EDITOR, World

pytestmark = [pytest.mark.claude, pytest.mark.timeout(180)]


def test_an_agents_conversation_that_the_chief_has_opened_is_named_and_never_runs_twice(
    claude: World, api: MessagesApi
) -> None:
    desk = Desk(claude, api)
    assert desk.reply("one") == "answer 1: one"
    # Without the variables that mark it as a Claude Code's child.
    chief = Seat(
        claude, "env", "VISUAL=" + str(EDITOR), claude.environment["FLOWLOOM_CLAUDE"], "--continue", columns=100
    )
    chief.shows("answer 1: one")
    chief.type("@planning two")
    chief.shows("@planning two")
    chief.press("C-g")
    chief.shows("This Claude Code has the conversation of planning@site open")
    assert len(claude.tasks()) == 1
    chief.press("x")
    chief.shows("@planning two")
    doctor = claude.flowloom("doctor").stdout.decode()
    assert "planning@site's conversation is open in another Claude Code, too" in " ".join(doctor.split())
    # It is not resumed beside the other one; a task waits, and comes through once that one is closed.
    assert claude.flowloom("stop", "planning").returncode == 0
    started = claude.flowloom("start", "planning")
    assert (started.returncode, b"is open in another program (process " in started.stderr) == (1, True), started
    asked = desk.ask("three")
    line = asked.process.stderr
    assert line is not None
    assert b"is open in another program" in line.readline()
    chief.tmux("kill-pane", "-t", chief.session)
    assert asked.end()[:2] in ((0, f"answer {number}: three") for number in range(9))


@pytest.mark.newest
def test_a_session_file_that_a_killed_program_left_holds_nobody_up(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)
    assert desk.reply("one") == "answer 1: one"
    pid = claude.status()["pid"]
    file = next(claude.home.rglob(f"sessions/{pid}.json"))
    kept, other = file.read_text(), file.with_name(f"{os.getpid()}.json")
    assert claude.flowloom("stop", "planning").returncode == 0
    other.write_text(kept.replace(str(pid), str(os.getpid())))
    # The process with this number began later than the file was written.
    os.utime(other, (1.0, 1.0))
    assert desk.reply("two").endswith(": two")
