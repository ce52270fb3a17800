"""The table of states, drawn; and the steps of a task's journal."""

from __future__ import annotations

import pytest

from flowloom.tasks.steps import ENDED, FOLLOWS, Step
from flowloom.turns.states import TABLE, Event, State, move

# One line an event, one column a state to be in, and there the state that it leads to; a dot moves nothing.
DRAWN = """
         offline   starting  idle      working   blocked   parked    backoff   failed
up       starting  starting  .         .         starting  .         starting  starting
accept   working   working   working   working   working   working   working   working
ask      .         .         blocked   blocked   blocked   blocked   .         .
sign     .         .         .         .         working   .         .         .
stop     .         idle      idle      idle      idle      idle      .         .
park     .         parked    parked    parked    parked    parked    .         .
fail     .         idle      idle      idle      idle      idle      .         .
end      .         offline   offline   offline   offline   offline   .         .
notice   .         .         .         .         .         .         .         .
spawn    starting  .         .         .         .         .         starting  starting
box      .         idle      .         .         idle      .         .         .
dialog   .         blocked   blocked   blocked   .         blocked   .         .
quiet    .         .         .         idle      idle      .         .         .
resume   .         .         working   .         working   .         .         .
gone     .         offline   offline   offline   offline   offline   .         .
delay    backoff   .         .         .         .         .         backoff   backoff
give_up  failed    .         .         .         .         .         failed    failed
reset    offline   .         .         .         .         .         offline   offline
"""
HEAD, *ROWS = [line.split() for line in DRAWN.strip().splitlines()]
CASES = [
    (State(state), Event(event), State(state if to == "." else to))
    for event, *row in ROWS
    for state, to in zip(HEAD, row, strict=True)
]


@pytest.mark.parametrize(("state", "event", "after"), CASES)
def test_an_event_leads_where_the_table_says(state: State, event: Event, after: State) -> None:
    assert move(state, event) is after


def test_every_event_and_state_is_drawn() -> None:
    assert {(state, event) for state, event, _ in CASES} == {(state, event) for state in State for event in Event}


def test_a_pair_stands_in_the_code_only_where_the_drawing_has_a_state() -> None:
    dots = {(State(HEAD[column]), Event(row[0])) for row in ROWS for column, to in enumerate(row[1:]) if to == "."}
    assert not dots & TABLE.keys()


def test_every_state_can_be_reached() -> None:
    reached, fresh = {State.OFFLINE}, {State.OFFLINE}
    while fresh:
        fresh = {move(state, event) for state in fresh for event in Event} - reached
        reached |= fresh
    assert reached == set(State)


def test_every_step_can_be_reached_and_a_reply_never_comes_too_late() -> None:
    reached, fresh = {Step.CREATED}, {Step.CREATED}
    while fresh:
        fresh = {step for before in fresh for step in FOLLOWS[before]} - reached
        reached |= fresh
    assert reached == set(Step) == set(FOLLOWS)
    assert {step for step in Step if Step.DONE not in FOLLOWS[step]} == {Step.CREATED, Step.DONE}


def test_what_has_ended_only_becomes_done_or_is_sent_again() -> None:
    assert {step: set(FOLLOWS[step]) for step in ENDED} == {
        Step.DONE: set(),
        Step.FAILED: {Step.DONE},
        Step.INTERRUPTED: {Step.DONE, Step.CREATED},
        Step.CANCELLED: {Step.DONE},
    }
