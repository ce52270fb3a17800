"""The JSON that others read: `agents --json`, `tasks --json`, `ask --json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from flowloom.delegation import overview
from flowloom.store import layout
from flowloom.turns import questions

if TYPE_CHECKING:
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status

Kind = TypeVar("Kind")


class PublishedQuestion(TypedDict):
    """What an agent is blocked on."""

    kind: str
    text: str
    how: str


class PublishedOpenQuestion(TypedDict):
    """One open question of an agent; `subagent` is the id of the subagent that asks, empty for the agent itself."""

    question_id: str
    kind: str
    text: str
    options: list[str]
    asked_at: float
    subagent: str


class PublishedHeldUp(TypedDict):
    """What holds an agent's next task up, and since when."""

    task: str
    why: str
    since: float


class PublishedAgent(TypedDict):
    """One agent. Times are seconds since the epoch.

    Where its state cannot be told, because its tmux server cannot be reached or its
    files are damaged, `status` is `unknown`, `unreachable` says why, and `last_known`
    is the status that was seen last; empty where none can be read.
    """

    agent_id: str
    name: str
    role: str
    project: str
    provider: str
    status: str
    current_task: str | None
    context_summary: str
    session_id: str | None
    pid: int | None
    window_id: str | None
    pane_id: str | None
    since: float
    last_active: float
    seq: int
    why: str
    source: str
    question: PublishedQuestion | None
    questions: list[PublishedOpenQuestion]
    held_up: PublishedHeldUp | None
    again_at: float
    release: str
    unreachable: str
    last_known: str


class PublishedTask(TypedDict):
    """One task. Times are seconds since the epoch; `reply` is a path, there once `status` is `done`.

    `unattended`: it has not ended, and no process waits for it.
    """

    task_id: str
    agent_id: str
    status: str
    created: float
    asker: str
    asker_kind: str
    prompt_bytes: int
    prompt: str
    reply: str | None
    read: float | None
    left: bool
    unattended: bool
    shared: bool
    altered: bool
    recovered: bool
    replaced: bool
    cut: str
    until: float
    error: str
    notes: list[str]
    journal: list[dict[str, str | float]]


class Agents(TypedDict):
    """`flowloom agents --json`."""

    version: int
    agents: list[PublishedAgent]


class Tasks(TypedDict):
    """`flowloom tasks --json`."""

    version: int
    tasks: list[PublishedTask]


class Answer(TypedDict):
    """`flowloom ask --json` and `flowloom wait --json`."""

    version: int
    task: PublishedTask
    text: str | None
    provisional: bool


class PublishedCheck(TypedDict):
    """One link that the doctor looked at; `level` is `ok`, `warn` or `fail`."""

    name: str
    level: str
    saw: str
    repair: str


class Checks(TypedDict):
    """`flowloom doctor --json`."""

    version: int
    ok: bool
    checks: list[PublishedCheck]


class Waiting(TypedDict):
    """`flowloom status --json`: what waits for a person; `line` is the status line."""

    version: int
    line: str
    questions: list[PublishedAgent]
    unread: list[PublishedTask]
    failed: list[PublishedTask]


class Shown(TypedDict):
    """`flowloom show --json`. The texts are cut; their files are not."""

    version: int
    task: PublishedTask
    prompt_begins: str
    reply_begins: str | None
    reply_kind: str  # reply, provisional, partial, or nothing


def agent(status: Status) -> PublishedAgent:
    """Return what is published of a status."""
    unreachable = status.get("unreachable", "")
    whole: dict[str, Any] = {**status, "unreachable": unreachable}
    whole["last_known"] = "" if "unread" in status else str(status["status"])
    if unreachable:
        whole["status"] = "unknown"
    for key, kind in (("question", PublishedQuestion), ("held_up", PublishedHeldUp)):
        whole[key] = _only(kind, whole[key]) if whole[key] else None
    whole["questions"] = [_only(PublishedOpenQuestion, {**each}) for each in questions.open_of(status)]
    return _only(PublishedAgent, whole)


def task(record: Task) -> PublishedTask:
    """Return what is published of a task."""
    task_id = record["task_id"]
    reply = layout.reply(task_id) if record["status"] == "done" else None
    more = {"prompt": layout.prompt(task_id), "reply": reply, "unattended": overview.unattended(record)}
    return _only(PublishedTask, {**record, **more})


def _only(kind: type[Kind], whole: dict[str, Any]) -> Kind:
    """Return of a record, whose shape was checked when it was read, what a document holds."""
    return {key: whole[key] for key in kind.__annotations__}  # type: ignore[return-value]
