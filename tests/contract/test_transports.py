"""What every transport honours: one set of tests, run over the paste and its twin in memory."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.support.memory_transport import Memory, MemoryAgent
from tests.support.window import BOX, At, Desk, boxed, golden

from flowloom.config.settings import Settings
from flowloom.delegation.delivery import Delivery
from flowloom.ports import procs
from flowloom.ports.tmux.formats import Look
from flowloom.providers.claude.program import TIMING
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.transports.paste import transport as paste
from flowloom.transports.paste.transport import Paste
from flowloom.transports.text import Text
from flowloom.turns import record, status
from flowloom.turns.states import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.providers.protocol import Question
    from flowloom.transports.protocol import Transport

PAUSE_S = 2.0
FIRST, BODY = "[flowloom task {} from shell] do what follows.\n", "what is it?\n[end of task {}]"


class Ledger:
    """What a transport told."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.notes: list[str] = []
        self.given_back: list[str] = []
        self.questions: list[Question] = []

    def note(self, fact: str) -> None:
        self.notes.append(fact)

    def unsent(self, task_id: str) -> None:
        self.given_back.append(task_id)

    def blocked(self, question: Question) -> None:
        self.questions.append(question)


class Agent(Protocol):
    """What a case does to the agent behind a transport."""

    def works(self) -> None: ...
    def refuses(self) -> None: ...
    def mixes(self, text: str) -> None: ...
    def forgets(self) -> None: ...
    def shows(self, text: str) -> None: ...
    def covers(self) -> None: ...
    def texts(self) -> list[str]: ...


class Pasted:
    """The agent behind the paste: a window without tmux."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def works(self) -> None:
        self.desk.says = "busy"

    def refuses(self) -> None:
        self.desk.takes = False

    def mixes(self, text: str) -> None:
        self.desk.screen = boxed(f"so {text} and mine")

    def forgets(self) -> None:
        self.desk.screen = boxed("")

    def shows(self, text: str) -> None:
        self.desk.screen = f"> {text}\n" + boxed("")

    def covers(self) -> None:
        self.desk.screen = golden("2.1.329/transcript")

    def texts(self) -> list[str]:
        return self.desk.pasted


class Remembered:
    """The agent behind the twin."""

    def __init__(self, agent: MemoryAgent) -> None:
        self.agent = agent

    def works(self) -> None:
        self.agent.busy = "it works"

    def refuses(self) -> None:
        self.agent.takes = False

    def mixes(self, text: str) -> None:
        self.agent.beside = "and mine"

    def forgets(self) -> None:
        self.agent.shows = ""

    def shows(self, text: str) -> None:
        self.agent.shows = text

    def covers(self) -> None:
        self.agent.cover = "a view stands there"

    def texts(self) -> list[str]:
        return self.agent.texts


class Case:
    """One transport with its agent, on a clock that only the test moves."""

    def __init__(self, name: str, agent: AgentRef) -> None:
        self.at = [100.0]
        self.desk = Desk(agent)
        self.ledger = Ledger("7k2m")
        memory = MemoryAgent()
        self.agent: Agent = Pasted(self.desk) if name == "paste" else Remembered(memory)
        self.kind: Any = Paste if name == "paste" else functools.partial(Memory, memory)
        self.transport: Transport = self.kind(self.desk, self.ledger, PAUSE_S, At(self.at))
        self.now = record.empty_status("planning@site", "planning", "planning", "site", "claude")
        self.now.update({"status": State.IDLE, "up": True, "pane_id": "%1", "release": "2.1.330"})

    def text(self, task_id: str = "7k2m", stamp: str = "7k2m.1.0") -> Text:
        made = Text(task_id, stamp)
        files.ensure_dir(layout.task_dir(task_id))
        Path(made.first_path).write_text(FIRST.format(task_id))
        Path(made.body_path).write_text(BODY.format(task_id))
        return made

    @property
    def look(self) -> Look:
        return self.desk.look()

    def pursue(self, after_s: float) -> str:
        self.at[0] += after_s
        _, evidence = self.transport.pursue(self.text(), self.now, self.look, whole=True)
        return evidence


@pytest.fixture(params=["paste", "memory"])
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    state_folder.ensure()
    monkeypatch.setattr(procs, "unread_bytes", lambda tty: 0)
    monkeypatch.setattr(procs, "is_lent", lambda tty: False)
    agent = AgentRef("site", "planning")
    files.ensure_dir(layout.agent_dir(agent))
    return Case(request.param, agent)


def test_a_free_agent_gets_exactly_the_text_and_then_only_its_receipt_is_waited_for(case: Case) -> None:
    assert case.transport.ready(case.now, case.look) == ""
    assert case.transport.submit(case.text(), case.now, case.look) == "submitted"
    assert case.agent.texts() == [FIRST.format("7k2m") + BODY.format("7k2m")]
    assert case.pursue(0.1) == "waiting"
    assert (case.ledger.notes, case.ledger.given_back, case.ledger.questions) == ([], [], [])


def test_an_agent_at_work_is_named_and_gets_nothing(case: Case) -> None:
    case.agent.works()
    assert case.transport.ready(case.now, case.look)
    assert case.agent.texts() == []


def test_an_agent_that_takes_no_input_refuses_a_text_and_that_is_said_from_then_on(case: Case) -> None:
    case.agent.refuses()
    assert case.transport.submit(case.text(), case.now, case.look) == "refused"
    assert case.transport.ready(case.now, case.look)
    assert case.agent.texts() == []


def test_the_text_of_a_process_that_was_stopped_before_another_claimed_the_agent_is_refused(case: Case) -> None:
    seen = case.look  # what the stopped process saw
    case.transport.claim(case.text(stamp="7k2m.2.0"), case.now)
    assert case.transport.submit(case.text(stamp="7k2m.1.0"), case.now, seen) == "moved"
    assert case.agent.texts() == []


# What the agent shows a while after the submission, and what is known then of a text without a receipt.
TRACES = {
    "nothing of it": ("forgets", "absent"),
    "that it arrived": ("shows", "unsure"),
    "it among a person's words": ("mixes", "mixed"),
    "something over the place where it would be": ("covers", "hidden"),
}


@pytest.mark.parametrize("trace", TRACES)
def test_what_is_known_of_a_text_without_a_receipt_follows_from_what_its_agent_shows(case: Case, trace: str) -> None:
    does, evidence = TRACES[trace]
    case.transport.submit(case.text(), case.now, case.look)
    text = case.agent.texts()[0]
    act = getattr(case.agent, does)
    act(text) if does in ("mixes", "shows") else act()
    case.pursue(TIMING["receipt_s"] + 1.0)
    assert case.pursue(PAUSE_S + paste.ENTER_AGAIN_S) == evidence
    assert len(case.agent.texts()) == 1


@pytest.mark.parametrize("call", ["ready", "uncover"])
def test_what_hides_the_agent_is_named_before_a_text_is_sent_and_behind_one(case: Case, call: str) -> None:
    case.agent.covers()
    assert getattr(case.transport, call)(case.now, case.look)


def test_what_a_killed_process_has_sent_is_pursued_by_the_next_without_sending_it_again(case: Case) -> None:
    case.agent.forgets()
    assert case.pursue(0.0) == "waiting"
    case.pursue(TIMING["receipt_s"] + 1.0)
    assert case.pursue(PAUSE_S) == "absent"
    assert case.agent.texts() == []


def test_a_text_that_was_never_sent_is_taken_back_without_a_key(case: Case) -> None:
    status.write(case.desk.ref, case.now)
    assert case.transport.take_back(case.text(), case.now) == "unsent"
    assert (case.agent.texts(), case.desk.keys) == ([], [])


def test_a_text_that_stands_there_is_removed(case: Case) -> None:
    task = tasks.open_task("planning@site", case.desk.ref, "hi", asker="shell", asker_kind="shell")
    task_id = task["task_id"]
    made = case.text(task_id, f"{task_id}.1.0")
    case.transport.submit(made, case.now, case.look)
    case.desk.screen = boxed(case.agent.texts()[-1])
    status.write(case.desk.ref, case.now)
    assert case.transport.take_back(made, case.now) == "removed"


def test_an_agent_at_work_is_interrupted_once(case: Case) -> None:
    case.agent.works()
    assert case.transport.interrupt(case.now, case.look) == "interrupted"
    assert case.desk.keys in (["Escape"], [])


# Over any transport, the delivery is the same.

JOURNALS = {
    "submitted": ("", [Step.CREATED, Step.TYPED, Step.PASTED]),
    "refused": ("refuses", [Step.CREATED, Step.TYPED, Step.CREATED]),
    "at work": ("works", [Step.CREATED]),
}


@pytest.mark.parametrize("name", JOURNALS)
def test_a_delivery_writes_the_same_journal_whatever_the_transport(case: Case, name: str) -> None:
    does, journal = JOURNALS[name]
    status.write(case.desk.ref, case.now)
    case.desk.screen = BOX
    task = tasks.open_task("planning@site", case.desk.ref, "hi", asker="shell", asker_kind="shell")
    carried = Delivery(
        case.desk,  # type: ignore[arg-type]
        task["task_id"],
        Settings(typing_pause_s=PAUSE_S),
        clock=At(case.at),
        transport=case.kind,
    )
    if does:
        getattr(case.agent, does)()
    carried.step(tasks.read(carried.task_id), case.desk.status(), case.look)
    assert carried.waits_for
    assert [entry["step"] for entry in tasks.read(task["task_id"])["journal"]] == journal
