"""An answer to an agent's question by keys in its window: a key, a look at what it did, the next key.

A person may answer in the window at the same time: whoever is first wins, and no key is pressed on a dialog that was
not looked at.
"""

from __future__ import annotations

import os
import select

from flowloom.clock import steady_s
from flowloom.errors import Blocked, QuestionClosed, TimedOut, UsageError
from flowloom.ports import births, procs
from flowloom.store import files, layout
from flowloom.turns import questions, spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents.agent import Agent
    from flowloom.clock import Deadline
    from flowloom.ports.tmux.formats import Look
    from flowloom.turns.record import QuestionRecord, Status

# A dialog that has not changed for this long is fully drawn, and has handled the previous key.
STEADY_S = 0.2
# On a loaded machine, a key can take this long to have an effect.
KEY_S = 2.0
LOOK_AGAIN_S = 0.1


class DialogAnswer:
    """Leads one dialog to one of its options: `step` is called with each look, until the dialog is gone."""

    def __init__(self, agent: Agent, record: QuestionRecord, choice: str, by: str) -> None:
        self.agent = agent
        self.record = record
        self.choice = choice
        self.by = by
        self._dialog, self._since_s = "", 0.0
        self._pressed: tuple[str, float] = ("", 0.0)

    def step(self, now: Status, look: Look) -> bool:
        """Press one key towards the option if the dialog is stable; return whether the dialog offers the option.

        A second key sent too early would change the choice again just before the Enter.
        """
        keys = self.agent.provider().screen.towards(look.screen, self.choice)
        at_s = steady_s()
        if look.screen != self._dialog:
            self._dialog, self._since_s = look.screen, at_s
        pressed_on, pressed_at_s = self._pressed
        on_its_way = look.screen == pressed_on and at_s - pressed_at_s < KEY_S
        # When a hanging program continues, a second Enter would answer its next question.
        if keys and at_s - self._since_s >= STEADY_S and not on_its_way and not procs.unread_bytes(look.tty):
            # From the last key on, what the agent does next is the answer's doing.
            chosen = self.choice if keys == ["Enter"] else ""
            if not claim(self.agent, self.record["question_id"], chosen, self.by):
                return True  # it was closed between the look and this key
            self._pressed = (look.screen, at_s)
            self.agent.tmux(now).press(now["pane_id"] or "", *keys, stamp=look.stamp)
        return bool(keys)


def claim(agent: Agent, question_id: str, choice: str, by: str) -> bool:
    """Note who answers an open question, and what was chosen; return False if it is closed, or another one answers it.

    The claim of a process that has ended does not count.
    """
    mine = births.noted(os.getpid())
    with spool.lock(agent.ref):
        record = questions.read(question_id)
        if record is None or record["status"] != "open":
            return False
        other = record["answering"]
        ours = other == mine and record["answered_by"] == by
        if other is not None and not ours and births.life(other) != "ended":
            return False
        if (record["choice"], other) != (choice, mine):
            questions.choose(record, choice, by, mine)
        return True


def release(agent: Agent, question_id: str) -> None:
    """Take back the note of an answer that was not given."""
    with spool.lock(agent.ref):
        record = questions.read(question_id)
        if record is not None and record["status"] == "open":
            questions.choose(record, "", "", None)


def answer(agent: Agent, question_id: str, choice: str, *, by: str, deadline: Deadline) -> QuestionRecord:
    """Answer a question in its agent's window; return its document once it is closed.

    `choice` is the text of an option, or a beginning that only one option has.
    Blocks until the agent has taken the answer, or the deadline is over.

    Raises:
        UsageError: there is no such question, or the dialog does not offer that option.
        QuestionClosed: it was answered before, by a person in the window or by another process, or withdrawn.
        Blocked: another question of the agent stands in its window first.
        TimedOut: the agent has not taken the answer; the question stays open.
    """
    record = questions.read(question_id)
    if record is None or record["agent_id"] != agent.agent_id:
        raise UsageError(f"{agent.agent_id} has no question {question_id}", hint="list its questions: flowloom status")
    if record["status"] != "open" or not claim(agent, question_id, "", by):
        raise _closed(questions.read(question_id) or record)
    wake_fd, wake_path = files.open_wake(layout.agent_dir(agent.ref))
    try:
        return _await(agent, record, choice, by, deadline, wake_fd)
    except BaseException:
        release(agent, question_id)
        raise
    finally:
        files.close_wake(wake_fd, wake_path)


def _await(
    agent: Agent, record: QuestionRecord, choice: str, by: str, deadline: Deadline, wake_fd: int
) -> QuestionRecord:
    leads = DialogAnswer(agent, record, choice, by)
    while True:
        now, look = agent.reconcile()
        fresh = questions.read(record["question_id"])
        if fresh is None or fresh["status"] != "open":
            if fresh is not None and fresh["answered_by"] == by and fresh["choice"] == choice:
                return fresh
            raise _closed(fresh or record)
        if look is not None:
            _step(agent, leads, fresh, now, look)
        if deadline.over():
            raise TimedOut(
                f"{agent.agent_id} has not taken the answer to {record['question_id']}",
                hint=f"look at its window: flowloom attach {agent.agent_id}",
            )
        select.select([wake_fd], [], [], deadline.within_s(LOOK_AGAIN_S))
        files.drain_wake(wake_fd)


def _step(agent: Agent, leads: DialogAnswer, record: QuestionRecord, now: Status, look: Look) -> None:
    shown = agent.read_screen(look)["question"]
    if shown is None:
        return  # it is not drawn yet, or was answered
    open_ones = questions.open_of(now)
    if not agent.provider().screen.shows(look.screen, questions.asked_by(record)) and (
        len(open_ones) > 1 or shown["kind"] != record["kind"]
    ):
        raise Blocked(
            f"another question stands in the window of {agent.agent_id}: {shown['kind']}: {shown['text']}",
            hint=f"answer that one first: flowloom attach {agent.agent_id}",
        )
    if not leads.step(now, look):
        offered = ", ".join(shown["options"]) or "nothing that can be chosen by a key"
        raise UsageError(
            f"{agent.agent_id} does not offer {leads.choice!r}",
            hint=f"it offers: {offered}; or answer it in its window: flowloom attach {agent.agent_id}",
        )


def _closed(record: QuestionRecord) -> QuestionClosed:
    if record["status"] == "open":
        return QuestionClosed(f"{record['question_id']} is being answered by {record['answered_by']}")
    how = f"was answered by {record['answered_by']}" if record["status"] == "answered" else "is asked no more"
    return QuestionClosed(f"{record['question_id']} {how}: {record['why']}")
