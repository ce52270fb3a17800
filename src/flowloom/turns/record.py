"""An agent's status as a document, and the check on what is read."""

from __future__ import annotations

from flowloom.store import files
from flowloom.store.files import damaged
from flowloom.store.shapes import check
from flowloom.turns.states import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, NotRequired, TypedDict

    from flowloom.providers.protocol import Question
    from flowloom.store.shapes import Process

    class Turn(TypedDict):
        """A running turn: its owner, and the task if that is a task's."""

        prompt_id: str | None
        whose: Literal["task", "person", "own"]
        task: str | None
        at: float
        # When it began, by the monotonic clock of its hook call; 0 where no hook told of it.
        at_ns: int
        before: list[str]

    class Parked(TypedDict):
        """A task whose turn ended while its background work is still running, or until a usage limit resets."""

        task: str
        before: list[str]
        # The background work that it waits for. An older release did not note it.
        ids: list[str]
        until: NotRequired[float]
        # A turn that belongs to another parked task tells of its end, too.
        told: NotRequired[bool]

    class QuestionRecord(Question):
        """One question, as `questions/<id>.json` has it. Times are seconds since the epoch."""

        format: int
        question_id: str
        agent_id: str
        subagent: str
        source: str
        asked_at: float
        status: Literal["open", "answered", "withdrawn"]
        closed_at: float | None
        choice: str
        answered_by: str
        # The process that presses its keys.
        answering: Process | None
        why: str

    class HeldUp(TypedDict):
        """What holds an agent's next task up, and since when: the time of day in seconds."""

        task: str
        why: str
        since: float

    class Status(TypedDict):
        """One agent, as `status.json` has it. Times are seconds since the epoch."""

        format: int
        agent_id: str
        name: str
        role: str
        project: str
        provider: str
        status: State
        current_task: str | None
        context_summary: str
        session_id: str | None
        transcript: str | None
        pid: int | None
        window_id: str | None
        pane_id: str | None
        socket: str
        socket_path: str
        server: Process | None
        process: Process | None
        since: float
        last_active: float
        seq: int
        why: str
        source: str
        up: bool
        seen_ns: int
        # The stored payload that was applied last, until its file is removed.
        heard: str
        turn: Turn | None
        last_turn: Turn | None
        parked: Parked | None
        also_parked: list[Parked]
        queued: list[str]
        delivering: str | None
        adopt: str | None
        foreign: list[str]
        question: Question | None
        questions: list[str]
        held_up: HeldUp | None
        background: list[str]
        conversation: bool
        deaths: list[float]
        again_at: float
        release: str
        # In memory only: why it cannot be told whether the rest still holds; and that none of it could be read.
        unreachable: NotRequired[str]
        unread: NotRequired[bool]


FORMAT = 1


def empty_status(agent_id: str, name: str, role: str, project: str, provider: str) -> Status:
    """Return the status of an agent that has never been started."""
    return {
        "format": FORMAT,
        "agent_id": agent_id,
        "name": name,
        "role": role,
        "project": project,
        "provider": provider,
        "status": State.OFFLINE,
        "current_task": None,
        "context_summary": "",
        "session_id": None,
        "transcript": None,
        "pid": None,
        "window_id": None,
        "pane_id": None,
        "socket": "",
        "socket_path": "",
        "server": None,
        "process": None,
        "since": 0.0,
        "last_active": 0.0,
        "seq": 0,
        "why": "not started yet",
        "source": "spawn",
        "up": False,
        "seen_ns": 0,
        "heard": "",
        "turn": None,
        "last_turn": None,
        "parked": None,
        "also_parked": [],
        "queued": [],
        "delivering": None,
        "adopt": None,
        "foreign": [],
        "question": None,
        "questions": [],
        "held_up": None,
        "background": [],
        "conversation": False,
        "deaths": [],
        "again_at": 0.0,
        "release": "",
    }


def status_from(document: dict[str, Any], path: str) -> Status:
    """Return a checked status document.

    Raises:
        DamagedFile: it is none.
    """
    # From format 0 nothing has changed but that there is a format.
    files.format_of(document, FORMAT, path)
    document["format"] = FORMAT
    check(document, empty_status("", "", "", "", ""), path)  # type: ignore[arg-type]
    try:
        document["status"] = State(document["status"])
    except ValueError as error:
        raise damaged(path, str(error)) from error
    return document  # type: ignore[return-value]
