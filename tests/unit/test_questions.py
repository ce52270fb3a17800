"""The life of questions: what is open after what an agent reported, and what became of each.

A history is data: `ask CALL` (a hook), `sub1 ask CALL` (a subagent's), `tool CALL` (a tool's end), `sees WORDS` (a
permission in the window, with its options), `stop`, `busy`, `quiet`, `gone`, `up`; a question is named by its words.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowloom.agents.agent import Agent
from flowloom.delegation import ask, overview
from flowloom.store import layout, news
from flowloom.store.layout import AgentRef
from flowloom.turns import observed, questions, reported, status
from flowloom.turns import record as status_record
from flowloom.turns.states import Event, State

OFFERED = ["Yes", "No"]


class Life:
    """One agent at work and what it asks."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.agent = AgentRef("site", "planning")
        os.makedirs(layout.agent_dir(self.agent))
        now = status_record.empty_status("planning@site", "planning", "planning", "site", "echo")
        now.update({"status": State.WORKING, "up": True, "session_id": "s1"})
        status.write(self.agent, now)
        self.at_ns = 1_000_000

    def now(self) -> status_record.Status:
        read = status.read(self.agent)
        assert read is not None
        return read

    def play(self, line: str) -> None:
        who, _, rest = line.partition(" ") if line.startswith("sub") else ("", "", line)
        verb, _, words = rest.partition(" ")
        self.at_ns += 1000
        said: dict[str, Any] = {"session_id": "s1", "at_ns": self.at_ns, "subagent": who}
        if verb == "ask":
            said["question"] = {
                "kind": "permission",
                "text": words or "needs you",
                "how": "",
                "call": words,
                "options": [],
            }
            self.hear("ask", said)
        elif verb == "tool":
            self.hear("sign", {**said, "call": words})
        elif verb == "stop":
            self.hear("stop", said)
        elif verb == "sees":
            seen: Any = {"kind": "permission", "text": words, "how": "", "call": "", "options": OFFERED}
            observed.dialog(self.agent, self.now(), seen)
        else:
            now = self.now()
            {
                "busy": lambda: observed.goes_on(self.agent, now, "continues"),
                "quiet": lambda: observed.quiet(self.agent, now, "interrupted (Esc)"),
                "gone": lambda: observed.leave(self.agent, now, Event.GONE, "its window is gone"),
            }[verb]()

    def hear(self, event: str, said: Any) -> None:
        report: Any = {"event": event, "at": self.clock(), **said}
        assert reported.hear(self.agent, self.now(), report, {}) is None

    def all(self) -> list[status_record.QuestionRecord]:
        found = [questions.read(path.stem) for path in Path(layout.questions_dir()).glob("*.json")]
        return sorted((each for each in found if each), key=lambda each: each["asked_at"])


@pytest.fixture
def life(monkeypatch: pytest.MonkeyPatch) -> Life:
    """An agent at work, on a clock that moves with each look."""
    ticks = iter(range(1_800_000_000, 1_900_000_000))
    made = Life(lambda: float(next(ticks)))
    monkeypatch.setattr(questions, "wall_s", made.clock)
    return made


LIVES: list[tuple[str, list[str], str, list[str], dict[str, str]]] = [
    ("one question", ["ask ls"], "blocked", ["ls"], {"ls": "open"}),
    ("answered in the window", ["ask ls", "tool ls"], "working", [], {"ls": "answered by its window"}),
    ("another tool's end", ["ask ls", "tool rm"], "blocked", ["ls"], {"ls": "open"}),
    ("two at once", ["ask ls", "ask rm"], "blocked", ["ls", "rm"], {"ls": "open", "rm": "open"}),
    (
        "one of two answered",
        ["ask ls", "ask rm", "tool ls"],
        "blocked",
        ["rm"],
        {"ls": "answered by its window", "rm": "open"},
    ),
    (
        "both answered",
        ["ask ls", "ask rm", "tool rm", "tool ls"],
        "working",
        [],
        {"ls": "answered by its window", "rm": "answered by its window"},
    ),
    (
        "the same call of a subagent is another question",
        ["ask ls", "sub1 ask ls", "sub1 tool ls"],
        "blocked",
        ["ls"],
        {"ls": "open", "sub1 ls": "answered by its window"},
    ),
    (
        "a subagent's question alone",
        ["sub1 ask ls", "sub1 tool ls"],
        "working",
        [],
        {"sub1 ls": "answered by its window"},
    ),
    ("a subagent's other tools", ["sub1 ask ls", "sub1 tool x", "tool y"], "blocked", ["sub1 ls"], {"sub1 ls": "open"}),
    (
        "a subagent that ends",
        ["sub1 ask ls", "ask rm", "sub1 stop"],
        "blocked",
        ["rm"],
        {"sub1 ls": "withdrawn", "rm": "open"},
    ),
    ("a subagent that ends, alone", ["sub1 ask ls", "sub1 stop"], "working", [], {"sub1 ls": "withdrawn"}),
    ("a subagent's tool while nothing is asked", ["sub1 tool x"], "working", [], {}),
    ("asked twice", ["ask ls", "ask ls"], "blocked", ["ls"], {"ls": "open"}),
    ("its Notification", ["ask ls", "ask"], "blocked", ["ls"], {"ls": "open"}),
    ("seen, then told of", ["sees proceed?", "ask ls"], "blocked", ["ls+"], {"ls": "open"}),
    ("told of, then seen", ["ask ls", "sees proceed?"], "blocked", ["ls+"], {"ls": "open"}),
    ("seen twice", ["sees proceed?", "sees proceed?"], "blocked", ["proceed?+"], {"proceed?": "open"}),
    (
        "another one in the window",
        ["sees proceed?", "sees create x?"],
        "blocked",
        ["create x?+"],
        {"proceed?": "withdrawn", "create x?": "open"},
    ),
    ("seen and answered", ["sees proceed?", "tool ls"], "working", [], {"proceed?": "answered by its window"}),
    ("a session that works again", ["ask ls", "busy"], "working", [], {"ls": "answered by its window"}),
    ("an Esc", ["ask ls", "ask rm", "quiet"], "idle", [], {"ls": "withdrawn", "rm": "withdrawn"}),
    ("the end of the turn", ["ask ls", "stop"], "idle", [], {"ls": "withdrawn"}),
    ("the end of the program", ["ask ls", "gone"], "offline", [], {"ls": "withdrawn"}),
]


@pytest.mark.parametrize(
    ("steps", "state", "open_", "became"), [each[1:] for each in LIVES], ids=[each[0] for each in LIVES]
)
def test_a_life_leads_to_what_is_open(
    life: Life, steps: list[str], state: str, open_: list[str], became: dict[str, str]
) -> None:
    for step in steps:
        life.play(step)
    now, known = life.now(), life.all()
    shown = [
        f"{each['subagent']} {each['text']}".strip() + ("+" if each["options"] else "")
        for each in questions.open_of(now)
    ]
    assert (now["status"], shown) == (state, open_)
    said = {f"{each['subagent']} {each['text']}".strip(): each for each in known}
    assert {
        name: f"{each['status']} by {each['answered_by']}" if each["answered_by"] else each["status"]
        for name, each in said.items()
    } == became
    # The slot of the status and the markers say the same.
    assert now["question"] == (questions.asked_by(questions.open_of(now)[-1]) if open_ else None)
    assert news.waiting(news.QUESTION) == sorted(now["questions"])
    assert all((each["closed_at"] is None) == (each["status"] == "open") for each in known)


def test_a_damaged_question_does_not_stop_its_agent(life: Life) -> None:
    life.play("ask ls")
    life.play("ask rm")
    Path(layout.question(life.now()["questions"][0])).write_text("{")
    life.play("tool rm")
    life.play("stop")
    assert (life.now()["status"], life.now()["questions"]) == ("idle", [])


def test_a_question_of_an_older_release_is_still_shown_and_moves_on(life: Life) -> None:
    now: Any = {**life.now(), "status": "blocked"}
    del now["questions"]
    now["question"] = {"kind": "permission", "text": "ls", "how": "", "call": "ls"}
    Path(layout.agent_dir(life.agent), "status.json").write_text(json.dumps(now))
    assert life.now()["question"] == {**now["question"], "options": []}
    life.play("tool ls")
    assert (life.now()["status"], life.now()["question"]) == ("working", None)


def surveyed(life: Life) -> list[tuple[Agent, status_record.Status]]:
    return [(Agent(life.agent), life.now())]


def test_a_question_that_was_open_before_an_upgrade_keeps_its_age(life: Life) -> None:
    """An older release wrote it into the status alone."""
    asked: Any = {"kind": "permission", "text": "ls", "how": "", "call": "ls", "options": []}
    old: Any = {**life.now(), "status": State.BLOCKED, "questions": [], "question": asked, "since": 1_700_000_000.0}
    status.write(life.agent, old)
    overview.asking(surveyed(life))
    assert [each["asked_at"] for each in life.all()] == [1_700_000_000.0]


def test_a_question_whose_process_was_killed_before_the_status_is_closed(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(status, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            life.play("ask ls")
    assert [each["status"] for each in life.all()] == ["open"]
    assert overview.asking(surveyed(life)) == []
    assert [each["status"] for each in life.all()] == ["withdrawn"]
    assert news.waiting(news.QUESTION) == []


def test_every_interface_says_in_the_same_words_what_an_agent_is_blocked_on() -> None:
    now = status_record.empty_status("planning@site", "planning", "planning", "site", "echo")
    now["question"] = {"kind": "permission", "text": "Bash: rm -r build", "how": "", "call": "", "options": []}
    assert ask.blocked(now, "it keeps running") is None
    now["status"] = State.BLOCKED
    error = ask.blocked(now, "it keeps running")
    assert error is not None
    assert str(error) == "planning@site is blocked on permission: Bash: rm -r build"
    assert error.hint == "answer it: flowloom attach planning; it keeps running"
