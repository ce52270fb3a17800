"""A question of an agent is answered by keys in its window: the first answer wins, and a dialog is never guessed at."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import leftovers
from tests.support.world import LIMIT_S, World

from flowloom.agents import answering
from flowloom.agents.agent import Agent, named
from flowloom.clock import Deadline
from flowloom.errors import FlowLoomError, QuestionClosed, UsageError
from flowloom.turns import questions

if TYPE_CHECKING:
    from flowloom.turns.record import QuestionRecord

pytestmark = pytest.mark.echo


def asks(world: World, detail: str = "touch x") -> tuple[Agent, QuestionRecord]:
    """Let the agent ask for a permission; return it and its question, once that is known with its options."""
    world.flowloom("ask", "planning", f"heron\necho:ask Bash {detail}", "--no-wait")
    agent = named("planning", str(world.project))

    def offered() -> Any:
        agent.reconcile()
        return [each for each in questions.open_of(agent.status()) if each["options"]]

    return agent, world.until(offered, "its question is known with its options")[0]


def answer(agent: Agent, record: QuestionRecord, choice: str, by: str = "test") -> str:
    """Answer and return what became of the question, or of the answer."""
    try:
        done = answering.answer(agent, record["question_id"], choice, by=by, deadline=Deadline(LIMIT_S))
    except FlowLoomError as error:
        return f"{type(error).__name__}: {error}"
    return f"{done['status']}: {done['choice']} by {done['answered_by']}"


@pytest.mark.parametrize(("choice", "step"), [("Yes", "done"), ("No", "interrupted")])
def test_an_answer_is_given_by_keys_and_closes_the_question(world: World, choice: str, step: str) -> None:
    world.start()
    agent, record = asks(world)
    assert (record["kind"], record["text"], record["options"]) == ("permission", "Bash: touch x", ["Yes", "No"])
    assert answer(agent, record, choice) == f"answered: {choice} by test"
    world.until_step(step)
    assert agent.status()["questions"] == []
    assert answer(agent, record, "Yes").startswith(f"QuestionClosed: {record['question_id']} was answered by test")
    world.flowloom("stop", "planning")
    leftovers.check(world)


def test_of_two_answers_one_wins_and_a_person_in_the_window_before_both(world: World) -> None:
    world.start()
    agent, record = asks(world)
    said: list[str] = []
    both = [threading.Thread(target=lambda by=by: said.append(answer(agent, record, "Yes", by))) for by in "ab"]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sorted(line.partition(":")[0] for line in said) == ["QuestionClosed", "answered"]
    world.until_status("idle")
    agent, record = asks(world, "touch y")
    world.keys("1")
    world.until_status("idle")
    with pytest.raises(QuestionClosed, match="was answered by its window"):
        answering.answer(agent, record["question_id"], "Yes", by="test", deadline=Deadline(LIMIT_S))
    world.flowloom("stop", "planning")
    leftovers.check(world)


def test_an_option_that_is_not_offered_presses_nothing_and_leaves_the_question_open(world: World) -> None:
    world.start()
    agent, record = asks(world)
    for choice in ("Perhaps", "Y", ""):
        assert answer(agent, record, choice) == f"UsageError: planning@site does not offer {choice!r}"
    with pytest.raises(UsageError, match="has no question"):
        answering.answer(agent, "q00000000", "Yes", by="test", deadline=Deadline(LIMIT_S))
    assert agent.status()["questions"] == [record["question_id"]]
    # The claim of a process that is gone does not count.
    questions.choose(record, "No", "a process that is gone", {"pid": 2**22 - 7, "birth": "x"})
    assert answer(agent, record, "Yes") == "answered: Yes by test"
    world.flowloom("stop", "planning")
    leftovers.check(world)
