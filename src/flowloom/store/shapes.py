"""The shape of a document: dictionaries that only the type checker knows as more.

A frozen dataclass costs 16 ms to import, more than a whole hook call may (docs/decisions/0003).
"""

from __future__ import annotations

from flowloom.store.files import damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    class Process(TypedDict):
        """A process by its number and its birth (`ports.births`)."""

        pid: int
        birth: str


ESSENTIAL = ("agent_id", "status", "task_id", "agent", "journal", "step")
# A time in seconds that no clock reaches, but that every listing can still format as a date.
LATEST_S = 1e11
WHOSE = frozenset({"task", "person", "own"})
_TURN: dict[str, Any] = {"prompt_id": None, "whose": "person", "task": None, "at": 0.0, "at_ns": 0, "before": []}
_PARKED: dict[str, Any] = {"task": "", "before": [], "ids": []}
_PROCESS: dict[str, Any] = {"pid": 0, "birth": ""}
# The type of a nullable value when it is not null.
OPTIONAL: dict[str, Any] = {
    **dict.fromkeys(("current_task", "session_id", "transcript", "window_id", "pane_id", "delivering", "adopt"), ""),
    **dict.fromkeys(("prompt_id", "task"), ""),
    "pid": 0,
    "read": 0.0,
    "turn": _TURN,
    "last_turn": _TURN,
    "parked": _PARKED,
    "server": _PROCESS,
    "process": _PROCESS,
    "held_up": {"task": "", "why": "", "since": 0.0},
    "question": {"kind": "", "text": "", "how": "", "call": "", "options": []},
    "closed_at": 0.0,
    "answering": _PROCESS,
    "agent": {"project": "", "name": ""},
}
# The type of a list's items.
ITEMS: dict[str, Any] = {
    **dict.fromkeys(("queued", "foreign", "background", "before", "notes", "ids", "questions", "options"), ""),
    "deaths": 0.0,
    "also_parked": _PARKED,
    "journal": {"at": 0.0, "step": "", "why": ""},
}
# The type of a value that need not be there.
EXTRA: dict[str, Any] = {
    "until": 0.0,
    "told": False,
    "headless": {"provider": "", "session_id": "", "pid": None, "started": 0.0},
}


def check(document: dict[str, Any], like: dict[str, Any], path: str) -> None:
    """Refuse a document that lacks one of ESSENTIAL or has a value of another type than `like` has.

    What an older release did not write yet is taken from `like`: agents and
    tasks live on over an upgrade.

    Raises:
        DamagedFile: naming the file and the key.
    """
    for key, example in {**like, **{key: EXTRA[key] for key in EXTRA if key in document}}.items():
        if key not in document and key not in ESSENTIAL:
            document[key] = list(example) if isinstance(example, list) else example
        if key not in document:
            raise damaged(path, f"no {key!r}")
        value = document[key]
        if example is None:
            if value is None:
                continue
            example = OPTIONAL[key]
        _check_value(repr(key), value, example, path)
        for item in value if isinstance(example, list) else ():
            _check_value(f"an item of {key!r}", item, ITEMS[key], path)


def _check_value(key: str, value: Any, example: Any, path: str) -> None:
    """Refuse a value of another type than its example, or one that nothing of ours writes there."""
    typed = isinstance(value, int | float if isinstance(example, float) else type(example))
    typed = typed or (isinstance(example, str) and isinstance(value, str))
    if not typed or (isinstance(value, bool) and not isinstance(example, bool)):
        raise damaged(path, f"{key} is a {type(value).__name__}")
    if not _is_sensible(key, value, example):
        raise damaged(path, f"{key} is {value!r:.60}")
    if isinstance(example, dict):
        check(value, example, path)


def _is_sensible(key: str, value: Any, example: Any) -> bool:
    if isinstance(example, float):
        return bool(-LATEST_S < value < LATEST_S)  # a time, or a duration, that can be shown
    if key == "'pid'":
        return bool(value >= 0)  # a signal to -1 would reach every process of the user
    return key != "'whose'" or value in WHOSE
