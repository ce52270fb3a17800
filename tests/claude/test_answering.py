"""Questions of the real Claude Code, answered by keys in its window."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.desk import Desk
from tests.support.messages_api import Call, MessagesApi, Say
from tests.support.world import LIMIT_S, World

from flowloom.agents import answering
from flowloom.agents.agent import Agent, named
from flowloom.clock import Deadline
from flowloom.errors import QuestionClosed
from flowloom.turns import questions

if TYPE_CHECKING:
    from flowloom.turns.record import QuestionRecord

pytestmark = [pytest.mark.claude, pytest.mark.timeout(120)]

PORT = {
    "question": "Which port?",
    "header": "Port",
    "multiSelect": False,
    "options": [{"label": "8000", "description": "usual"}, {"label": "9000", "description": "other"}],
}


@pytest.fixture
def desk(claude: World, api: MessagesApi) -> Desk:
    return Desk(claude, api)


def asked(desk: Desk) -> tuple[Agent, QuestionRecord]:
    """Return the agent and its open question, once that is known with its options."""
    agent = named("planning", str(desk.world.project))

    def known() -> Any:
        now, look = agent.reconcile()
        if now["status"] == "starting" and look is not None:
            agent.come_up(now)
        return [each for each in questions.open_of(agent.status()) if each["options"]]

    return agent, desk.world.until(known, "a question is known with its options")[0]


def answer(agent: Agent, record: QuestionRecord, choice: str) -> QuestionRecord:
    return answering.answer(agent, record["question_id"], choice, by="test", deadline=Deadline(LIMIT_S))


@pytest.mark.parametrize(("choice", "state"), [("Yes", "idle"), ("No", "offline")])
def test_the_trust_dialog_is_a_question_that_is_answered_once(desk: Desk, choice: str, state: str) -> None:
    world = desk.world
    world.seed(hasCompletedOnboarding=True, theme="dark")
    assert world.flowloom("start", "planning", "--timeout", "0.3").returncode != 0
    agent, record = asked(desk)
    assert (record["kind"], sorted(record["options"])) == ("trust", ["No, exit", "Yes, I trust this folder"])
    done = answer(agent, record, choice)
    assert (done["status"], done["choice"], done["answered_by"]) == ("answered", choice, "test")
    if state == "idle":
        assert desk.reply("hello") == "answer 1: hello"
    assert (world.status()["status"], agent.status()["questions"]) == (state, [])


def test_a_permission_and_a_question_of_the_model_are_answered_by_keys(desk: Desk) -> None:
    world = desk.world
    world.user_settings(permissions={"ask": ["Bash(touch:*)"]})
    world.start("planning", "--", "--permission-mode", "default")
    touch = Call("Bash", {"command": "touch allowed", "description": "x"})
    desk.api.on("allow me", touch, Call("AskUserQuestion", {"questions": [PORT]}), Say("both are answered"))
    wait = desk.ask("allow me")
    # The window may be seen first; its hook tells which call it is.
    world.until(lambda: (world.status()["question"] or {}).get("call"), "its hook has told of the question")
    agent, record = asked(desk)
    assert (record["kind"], record["text"], record["options"][0]) == ("permission", "Bash: touch allowed", "Yes")
    assert answer(agent, record, "Yes")["status"] == "answered"
    agent, port = asked(desk)
    assert (port["kind"], port["text"], port["options"][:2]) == ("question", "Which port?", ["8000", "9000"])
    assert answer(agent, port, "9000")["choice"] == "9000"
    assert wait.end()[:2] == (0, "both are answered")
    assert (world.project / "allowed").exists()
    assert '"Which port?"="9000"' in json.dumps(desk.api.requests[-1]["messages"]).replace("\\", "")
    # A person's own answer in the window is first; and a refusal is an answer, too.
    deny = Call("Bash", {"command": "touch denied", "description": "x"})
    desk.api.on("by hand", deny, Say("never said"))
    wait = desk.ask("by hand")
    agent, record = asked(desk)
    desk.answer("Escape", "Do you want to proceed?")
    with pytest.raises(QuestionClosed):
        answer(agent, record, "Yes")
    assert wait.end()[0] != 0
    desk.api.on("by key", deny, Say("never said"))
    wait = desk.ask("by key")
    agent, record = asked(desk)
    done = answer(agent, record, "No")
    assert (done["status"], done["choice"]) == ("answered", "No")
    assert wait.end()[0] != 0
    assert not (world.project / "denied").exists()
