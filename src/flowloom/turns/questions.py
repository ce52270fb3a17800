"""Questions of agents as documents: what is asked, by which tool call, which answers it offers, and what became of it.

One agent can have several open at once: parallel tool calls, its subagents'. `status.json` names the open ones in the
order in which they were asked, and repeats the newest for a listing. Everything that writes needs the agent's lock.
"""

from __future__ import annotations

import os

from flowloom.clock import wall_s
from flowloom.errors import DamagedFile
from flowloom.store import files, layout, news
from flowloom.store.log import log
from flowloom.store.shapes import check
from flowloom.turns.states import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.providers.protocol import Question
    from flowloom.store.shapes import Process
    from flowloom.turns.record import QuestionRecord, Status

FORMAT = 1
# After one of these events an agent continues with what it asked for; after any other it does something else.
ANSWERED_BY = frozenset({Event.SIGN, Event.RESUME, Event.BOX, Event.UP})

_QUESTION: dict[str, Any] = {
    **dict.fromkeys(("kind", "text", "how", "call", "question_id", "agent_id", "subagent", "source"), ""),
    **dict.fromkeys(("status", "choice", "answered_by", "why"), ""),
    "options": [],
    "format": FORMAT,
    "asked_at": 0.0,
    "closed_at": None,
    "answering": None,
}


def read(question_id: str) -> QuestionRecord | None:
    """Return a question; None if there is none with this id.

    Raises:
        DamagedFile: its document is invalid.
    """
    path = layout.question(question_id)
    document = files.read_json(path) if layout.is_question_id(question_id) else None
    return None if document is None else _checked(document, path)


def open_of(now: Status) -> list[QuestionRecord]:
    """Return the open questions of an agent, the oldest first; a damaged one must not stop it, and is left out."""
    found = []
    for question_id in now["questions"]:
        try:
            record = read(question_id)
        except DamagedFile as error:
            log("error", "questions", str(error), agent=now["agent_id"])
            continue
        if record is not None and record["status"] == "open":
            found.append(record)
    return found


def ask(now: Status, question: Question, *, source: str, subagent: str = "", at: float | None = None) -> None:
    """Write a question of an agent down, also into `now`, which the caller writes; an open one is only completed.

    The window shows a question that a hook has reported, in other words and with
    its options; or a hook reports one that was seen in the window first.
    """
    known = open_of(now)
    record = same(known, question, subagent)
    if record is None:
        record = {
            "kind": question["kind"],
            "text": question["text"],
            "how": question["how"],
            "call": question["call"],
            "options": question["options"],
            "format": FORMAT,
            "question_id": _new_id(),
            "agent_id": now["agent_id"],
            "subagent": subagent,
            "source": source,
            "asked_at": round(wall_s() if at is None else at, 3),
            "status": "open",
            "closed_at": None,
            "choice": "",
            "answered_by": "",
            "answering": None,
            "why": "",
        }
        if source == "screen":
            # A window shows one question at a time, so what it showed before is gone.
            for other in known:
                if other["source"] == "screen":
                    _close(now, other, "withdrawn", "another question stands in its window", at)
        now["questions"].append(record["question_id"])
        # First, so that a document whose status was never written is found (`close_stray`).
        news.note(news.QUESTION, record["question_id"], True)
    elif question["call"] or not record["call"]:
        record["kind"], record["text"], record["how"] = question["kind"], question["text"], question["how"]
        record["call"], record["subagent"] = question["call"], subagent or record["subagent"]
        record["options"] = question["options"] or record["options"]
    else:
        record["options"] = question["options"] or record["options"]
    _write(record)
    news.note(news.QUESTION, record["question_id"], True)
    _show_newest(now)


def offer(now: Status, question_id: str, options: list[str]) -> None:
    """Note the answers that the window offers to an open question, also in `now`, which the caller writes."""
    record = read(question_id)
    if record is not None and record["status"] == "open":
        record["options"] = options
        _write(record)
        _show_newest(now)


def same(known: list[QuestionRecord], question: Question, subagent: str = "") -> QuestionRecord | None:
    """Return the open question that this one repeats, None where it is another one."""
    for record in reversed(known):
        if question["call"] and record["call"]:
            if (question["call"], subagent) == (record["call"], record["subagent"]):
                return record
        elif question["call"] or record["call"]:
            # One of the two was seen in the window, which shows no id of a call.
            if question["kind"] == record["kind"]:
                return record
        elif (question["kind"], question["text"]) == (record["kind"], record["text"]):
            return record
    return None


def words(question: Question | QuestionRecord) -> str:
    """Return a question on one line: its kind, and what is asked."""
    return f"{question['kind']}: {question['text']}"


def blocked_on(agent_id: str, question: Question | QuestionRecord) -> str:
    """Return the sentence that tells a person which question an agent waits for."""
    return f"{agent_id} is blocked on {words(question)}"


def adds_nothing(now: Status, question: Question) -> bool:
    """Tell whether a question that was seen in the window is open already, with all that the window shows of it."""
    record = same(open_of(now), question)
    if record is None:
        return False
    return question["options"] in ([], record["options"]) and (
        bool(record["call"]) or record["text"] == question["text"]
    )


def answered(now: Status, call: str, subagent: str) -> list[QuestionRecord]:
    """Return the open questions that the end of a tool call answers: its own, and what the window alone told of."""
    return [
        record
        for record in open_of(now)
        if (record["call"] == call and record["subagent"] == subagent) or not (record["call"] or subagent)
    ]


def of_subagent(now: Status, subagent: str) -> list[QuestionRecord]:
    """Return the open questions of one subagent."""
    return [record for record in open_of(now) if subagent and record["subagent"] == subagent]


def close(now: Status, closed: list[QuestionRecord], event: Event, why: str, *, at: float | None = None) -> None:
    """Close questions after an event, also in `now`, which the caller writes."""
    for record in closed:
        chosen = bool(record["choice"]) or event in ANSWERED_BY
        if not record["choice"]:
            record["answered_by"] = "its window" if chosen else ""
        _close(now, record, "answered" if chosen else "withdrawn", why, at)
    _show_newest(now)


def close_all(now: Status, event: Event, why: str, *, at: float | None = None) -> None:
    """Close every open question of an agent that is blocked no more."""
    if now["questions"]:
        close(now, open_of(now), event, why, at=at)
        now["questions"] = []


def close_stray(question_id: str) -> None:
    """Close a question that no status names: the process that asked it was killed before it wrote the status."""
    record = read(question_id)
    if record is not None and record["status"] == "open":
        record.update(
            {"status": "withdrawn", "closed_at": round(wall_s(), 3), "why": "its agent was not blocked on it"}
        )
        _write(record)
    news.note(news.QUESTION, question_id, False)


def choose(record: QuestionRecord, choice: str, by: str, answering: Process | None) -> None:
    """Note the answer that a process is about to give; the agent's next event closes the question."""
    record.update({"choice": choice, "answered_by": by, "answering": answering})
    _write(record)


def _close(now: Status, record: QuestionRecord, how: str, why: str, at: float | None) -> None:
    closed_at = round(wall_s() if at is None else at, 3)
    closed = {"status": how, "closed_at": closed_at, "why": why, "answering": None}
    record.update(closed)  # type: ignore[typeddict-item]
    _write(record)
    now["questions"] = [each for each in now["questions"] if each != record["question_id"]]
    news.note(news.QUESTION, record["question_id"], False)


def _show_newest(now: Status) -> None:
    known = open_of(now)
    now["question"] = asked_by(known[-1]) if known else None


def asked_by(record: QuestionRecord) -> Question:
    """Return what a question asks, without what became of it."""
    return {
        "kind": record["kind"],
        "text": record["text"],
        "how": record["how"],
        "call": record["call"],
        "options": record["options"],
    }


def _write(record: QuestionRecord) -> None:
    files.write_json(layout.question(record["question_id"]), record)


def _new_id() -> str:
    files.ensure_dir(layout.questions_dir())
    while True:
        question_id = f"q{os.urandom(4).hex()}"
        if not os.path.exists(layout.question(question_id)):
            return question_id


def _checked(document: dict[str, Any], path: str) -> QuestionRecord:
    files.format_of(document, FORMAT, path)
    check(document, _QUESTION, path)
    if document["status"] not in ("open", "answered", "withdrawn"):
        raise files.damaged(path, f"'status' is {document['status']!r:.60}")
    return document  # type: ignore[return-value]
