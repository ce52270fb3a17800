"""What Claude Code tells beside the turns, and what it is told again at a restart."""

from __future__ import annotations

import pytest
from tests.support.desk import Desk
from tests.support.messages_api import Call, MessagesApi, Say, text_of
from tests.support.world import World

pytestmark = [pytest.mark.claude, pytest.mark.timeout(120)]


@pytest.mark.newest
def test_what_auto_mode_denies_is_noted_on_the_task_with_the_reason(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)
    runs = {"command": "python3 -c 'print(1)'", "description": "x"}
    api.on("a call that is safe", Call("Bash", runs), Say("it ran"))
    api.on("a call that is not", Call("Bash", runs, flagged="it prints one"), Say("it did not run"))
    claude.start("planning", "--", "--permission-mode", "auto")
    assert desk.reply("a call that is safe") == "it ran"
    assert claude.task()["notes"] == []
    assert desk.reply("a call that is not") == "it did not run"
    denied = "auto mode denied Bash: python3 -c 'print(1)': it prints one"
    assert claude.task()["notes"] == [denied]
    assert denied in claude.flowloom("show", claude.task()["task_id"]).stdout.decode()
    assert denied in claude.flowloom("logs", "planning").stdout.decode()


def test_a_changed_role_reaches_a_resumed_conversation(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)

    def told() -> str:
        return text_of(api.requests[-1]["system"])

    claude.user_config('[agents.planning]\nprompt = "You like rivers."\n')
    assert desk.reply("one") == "answer 1: one"
    assert "You like rivers." in told()
    claude.user_config('[agents.planning]\nprompt = "You like mountains."\n')
    claude.flowloom("restart", "planning")
    assert desk.reply("two").endswith(": two")
    assert any("one" in text for text in desk.texts())
    assert ("You like rivers." in told(), "You like mountains." in told()) == (False, True)
