"""A task as a document, and the check on what is read."""

from __future__ import annotations

from flowloom.store.files import damaged
from flowloom.store.shapes import check
from flowloom.tasks.steps import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NotRequired, TypedDict

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
