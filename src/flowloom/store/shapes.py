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
    "question": {"kind": "", "text": "", "how": "", "call": "", "options": []},
    "held_up": {"task": "", "why": "", "since": 0.0},
    "closed_at": 0.0,
    "answering": {"pid": 0, "birth": ""},
}
# The type of a list's items.
ITEMS: dict[str, Any] = {
    **dict.fromkeys(("queued", "foreign", "background", "before", "notes", "ids", "questions", "options"), ""),
    "deaths": 0.0,
    "also_parked": {"task": "", "before": [], "ids": []},
    "journal": {"at": 0.0, "step": "", "why": ""},
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
