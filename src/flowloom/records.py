"""The documents on disk, as types and as checks on what is read.

Dictionaries that only the type checker knows as more: a frozen dataclass costs
16 ms to import, more than a whole hook call may (docs/decisions/0003).
"""

from __future__ import annotations

from flowloom.errors import DamagedFile
from flowloom.files import damaged
from flowloom.states import State, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, NotRequired, TypedDict

    class Turn(TypedDict):
        """A running turn: its owner, and the task if that is a task's."""

        prompt_id: str | None
        whose: Literal["task", "person", "own"]
        task: str | None
        at: float
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

    class Process(TypedDict):
        """A process by its number and its birth (`births.py`)."""

        pid: int
        birth: str

    class Question(TypedDict):
        """What an agent is blocked on and how to answer it."""

        kind: str
        text: str
        how: str
        call: str

    class Keys(TypedDict):
        """The tmux keys for what we do in a program's input box; none where the user left it no key."""

        submit: list[str]
        stash: list[str]  # put a draft aside until the next submission
        edit: list[str]  # hand the draft to $VISUAL

    class HeldUp(TypedDict):
        """What holds an agent's next task up, and since when: the time of day in seconds."""

        task: str
        why: str
        since: float

    class Status(TypedDict):
        """One agent, as `status.json` has it. Times are seconds since the epoch."""

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
        turn: Turn | None
        last_turn: Turn | None
        parked: Parked | None
        also_parked: list[Parked]
        queued: list[str]
        delivering: str | None
        adopt: str | None
        foreign: list[str]
        question: Question | None
        held_up: HeldUp | None
        background: list[str]
        conversation: bool
        deaths: list[float]
        release: str
        # In memory only: why it cannot be told whether the rest still holds; and that none of it could be read.
        unreachable: NotRequired[str]
        unread: NotRequired[bool]

    class Entry(TypedDict):
        """One line of a task's journal."""

        at: float
        step: str
        why: str

    class Headless(TypedDict):
        """The process that runs a headless task."""

        provider: str
        session_id: str
        pid: int | None
        started: float
        birth: NotRequired[str]

    class Task(TypedDict):
        """One task, as `task.json` has it."""

        task_id: str
        agent_id: str
        agent_dir: str
        asker: str
        asker_kind: str
        created: float
        prompt_sha256: str
        prompt_bytes: int
        status: Step
        journal: list[Entry]
        notes: list[str]
        prompt_id: str | None
        shared: bool
        altered: bool
        exact: bool
        recovered: bool
        replaced: bool
        cut: str
        until: float
        error: str
        read: float | None
        left: bool
        left_tty: str
        left_tmux: str
        prompt: NotRequired[str]
        headless: NotRequired[Headless]

    class Screen(TypedDict):
        """What a provider reads from a window.

        `kind` is `box` (the empty or filled input box takes text), `dialog` (a
        question stands there), `view` (a list, a menu or the transcript hides
        the box) or `none`. `draft` is the text in the box, `cut` says that not all
        of it is on the screen. `keys` lead back to the box from a `view`, out of
        a mode of the `box` that eats Enter, and towards yes in the dialog about trust; `title` is how a view is headed.
        `field` is what is typed into a view or above the box, where the cursor stands; `safe`
        says that the `keys` of a view lose nothing that a person typed.
        `stashed` says that a draft is put aside already, and there is room for one.
        """

        kind: str
        busy: bool
        draft: str
        cut: bool
        question: Question | None
        keys: list[str]
        stashed: bool
        field: str
        title: str
        safe: bool

    class Report(TypedDict, total=False):
        """What one hook call says, in our words. Made by a provider from the payload."""

        event: str
        source: str
        session_id: str
        transcript: str
        prompt: str
        prompt_id: str | None
        message: str
        question: Question
        call: str
        background: list[str]
        ended: list[str]
        error: str
        limited: bool
        reason: str
        subagent: bool
        at_ns: int
        pid: int


ESSENTIAL = ("agent_id", "status", "task_id", "agent_dir", "journal", "step")
# A time in seconds that no clock reaches, but that every listing can still format as a date.
LATEST_S = 1e11
_TURN: dict[str, Any] = {"prompt_id": None, "whose": "", "task": None, "at": 0.0, "before": []}
# The type of a nullable value when it is not null.
OPTIONAL: dict[str, Any] = {
    **dict.fromkeys(("current_task", "session_id", "transcript", "window_id", "pane_id", "delivering", "adopt"), ""),
    **dict.fromkeys(("prompt_id", "task"), ""),
    "pid": 0,
    "read": 0.0,
    "turn": _TURN,
    "last_turn": _TURN,
    "parked": {"task": "", "before": [], "ids": []},
    "question": {"kind": "", "text": "", "how": "", "call": ""},
}
# The type of a list's items.
ITEMS: dict[str, Any] = {
    **dict.fromkeys(("queued", "foreign", "background", "before", "notes", "ids"), ""),
    "deaths": 0.0,
    "also_parked": {"task": "", "before": [], "ids": []},
    "journal": {"at": 0.0, "step": "", "why": ""},
}


def empty_status(agent_id: str, name: str, role: str, project: str, provider: str) -> Status:
    """Return the status of an agent that has never been started."""
    return {
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
        "turn": None,
        "last_turn": None,
        "parked": None,
        "also_parked": [],
        "queued": [],
        "delivering": None,
        "adopt": None,
        "foreign": [],
        "question": None,
        "held_up": None,
        "background": [],
        "conversation": False,
        "deaths": [],
        "release": "",
    }


def check(document: dict[str, Any], like: dict[str, Any], path: str) -> None:
    """Refuse a document that lacks one of ESSENTIAL or has a value of another type than `like` has.

    What an older release did not write yet is taken from `like`: agents and
    tasks live on over an upgrade.

    Raises:
        DamagedFile: naming the file and the key.
    """
    for key, example in like.items():
        if key not in document and key not in ESSENTIAL:
            document[key] = example
        if key not in document:
            raise damaged(path, f"no {key!r}")
        value = document[key]
        if example is None:
            if value is None or key not in OPTIONAL:
                continue
            example = OPTIONAL[key]
        if not _fits(value, example):
            raise damaged(path, f"{key!r} is {value!r:.60}" if isinstance(value, float) else _kind(key, value))
        if isinstance(example, dict):
            check(value, example, path)
        elif example == [] and key in ITEMS:
            for item in value:
                if not _fits(item, ITEMS[key]):
                    raise damaged(path, f"an item of {_kind(key, item)}")
                if isinstance(item, dict):
                    check(item, ITEMS[key], path)


def _fits(value: Any, example: Any) -> bool:
    """Tell whether a value is of an example's type; a number must also be a time, or a duration, that can be shown."""
    if isinstance(example, float):
        return isinstance(value, int | float) and -LATEST_S < value < LATEST_S
    return isinstance(value, type(example)) or (isinstance(example, str) and isinstance(value, str))


def _kind(key: str, value: object) -> str:
    return f"{key!r} is a {type(value).__name__}"


def status_from(document: dict[str, Any], path: str) -> Status:
    """Return a checked status document.

    Raises:
        DamagedFile: it is none.
    """
    check(document, empty_status("", "", "", "", ""), path)  # type: ignore[arg-type]
    try:
        document["status"] = State(document["status"])
    except ValueError as error:
        raise damaged(path, str(error)) from error
    return document  # type: ignore[return-value]


def empty_task(task_id: str, agent_id: str, agent_dir: str) -> Task:
    """Return an empty task record."""
    return {
        "task_id": task_id,
        "agent_id": agent_id,
        "agent_dir": agent_dir,
        "asker": "",
        "asker_kind": "",
        "created": 0.0,
        "prompt_sha256": "",
        "prompt_bytes": 0,
        "status": Step.CREATED,
        "journal": [],
        "notes": [],
        "prompt_id": None,
        "shared": False,
        "altered": False,
        "exact": True,
        "recovered": False,
        "replaced": False,
        "cut": "",
        "until": 0.0,
        "error": "",
        "read": None,
        "left": False,
        "left_tty": "",
        "left_tmux": "",
    }


def task_from(document: dict[str, Any], path: str) -> Task:
    """Return a checked task document.

    Raises:
        DamagedFile: it is none.
    """
    check(document, empty_task("", "", ""), path)  # type: ignore[arg-type]
    try:
        document["status"] = Step(document["status"])
    except ValueError as error:
        raise damaged(path, str(error)) from error
    return document  # type: ignore[return-value]


__all__ = ["DamagedFile", "check", "empty_status", "empty_task", "status_from", "task_from"]
