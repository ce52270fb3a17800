"""A task as a document, and the check on what is read."""

from __future__ import annotations

from flowloom.store import files, layout
from flowloom.store.files import damaged
from flowloom.store.shapes import check
from flowloom.tasks.steps import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NotRequired, TypedDict

    from flowloom.store.layout import AgentRef

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

    class Agent(TypedDict):
        """An agent by its project and name (`layout.AgentRef`)."""

        project: str
        name: str

    class Task(TypedDict):
        """One task, as `task.json` has it."""

        format: int
        task_id: str
        # Who was asked for: an agent, or a role.
        to: str
        # Who has it; None while no agent has taken it. `agent_id` says the same for people, or who was asked.
        agent: Agent | None
        agent_id: str
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


FORMAT = 1


def empty_task(task_id: str, agent_id: str, agent: AgentRef | None, *, to: str = "") -> Task:
    """Return an empty task record for `agent`, or for who will take what is asked of `to`."""
    return {
        "format": FORMAT,
        "task_id": task_id,
        "to": to or agent_id,
        "agent": {"project": agent.project, "name": agent.name} if agent else None,
        "agent_id": agent_id,
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
    """Return a checked task document, brought up to date where an older release wrote it.

    Raises:
        NewerFormat: a newer release wrote it.
        DamagedFile: it is none.
    """
    if files.format_of(document, FORMAT, path) < 1:
        _name_the_agent(document, path)
    document["format"] = FORMAT
    check(document, empty_task("", "", None), path)  # type: ignore[arg-type]
    agent = document["agent"]
    if agent is not None and not layout.is_ref(agent["project"], agent["name"]):
        raise damaged(path, f"'agent' is {agent!r:.60}")
    try:
        document["status"] = Step(document["status"])
    except ValueError as error:
        raise damaged(path, str(error)) from error
    return document  # type: ignore[return-value]


def _name_the_agent(document: dict[str, Any], path: str) -> None:
    """Format 1: the agent by project and name, in place of the path of its folder.

    The path stays where it is: a process of the older release may still read it.
    """
    folder = document.get("agent_dir")
    if not isinstance(folder, str):
        raise damaged(path, "no 'agent_dir'" if folder is None else f"'agent_dir' is a {type(folder).__name__}")
    agent = layout.ref_of(folder)
    document["agent"] = {"project": agent.project, "name": agent.name}
    document["to"] = document.get("agent_id", "")
