"""The JSON that others read: `agents --json`, `tasks --json`, `ask --json`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from flowloom.cli import output, say
from flowloom.delegation import overview
from flowloom.errors import DamagedFile
from flowloom.store import layout

if TYPE_CHECKING:
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status


class Document(BaseModel):
    """What is printed as JSON."""

    model_config = ConfigDict(allow_inf_nan=False)

    def to_json(self) -> str:
        """Return it as JSON; bytes of a path that are no UTF-8 stay in it, and stdout escapes them."""
        return json.dumps(self.model_dump(), ensure_ascii=False, indent=1)


class PublishedQuestion(Document):
    """What an agent is blocked on."""

    kind: str
    text: str
    how: str


class PublishedHeldUp(Document):
    """What holds an agent's next task up, and since when."""

    task: str
    why: str
    since: float


class PublishedAgent(Document):
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
    held_up: PublishedHeldUp | None
    release: str
    unreachable: str
    last_known: str


class PublishedTask(Document):
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


class Agents(Document):
    """`flowloom agents --json`."""

    version: int = 1
    agents: list[PublishedAgent]


class Tasks(Document):
    """`flowloom tasks --json`."""

    version: int = 1
    tasks: list[PublishedTask]


class Answer(Document):
    """`flowloom ask --json` and `flowloom wait --json`."""

    version: int = 1
    task: PublishedTask
    text: str | None
    provisional: bool = False


class PublishedCheck(Document):
    """One link that the doctor looked at; `level` is `ok`, `warn` or `fail`."""

    name: str
    level: str
    saw: str
    repair: str


class Checks(Document):
    """`flowloom doctor --json`."""

    version: int = 1
    ok: bool
    checks: list[PublishedCheck]


class Waiting(Document):
    """`flowloom status --json`: what waits for a person; `line` is the status line."""

    version: int = 1
    line: str
    questions: list[PublishedAgent]
    unread: list[PublishedTask]
    failed: list[PublishedTask]


class Shown(Document):
    """`flowloom show --json`. The texts are cut; their files are not."""

    version: int = 1
    task: PublishedTask
    prompt_begins: str
    reply_begins: str | None
    reply_kind: str  # reply, provisional, partial, or nothing


def agent(status: Status) -> PublishedAgent:
    """Return what is published of a status.

    Raises:
        DamagedFile: it is not as it must be.
    """
    unreachable = status.get("unreachable", "")
    more = {"unreachable": unreachable, "last_known": "" if "unread" in status else str(status["status"])}
    try:
        return PublishedAgent.model_validate({**status, **more, **({"status": "unknown"} if unreachable else {})})
    except ValidationError as error:
        raise _damaged(f"the status of {status['agent_id']}", error) from error


def task(record: Task, folder: str) -> PublishedTask:
    """Return what is published of a task whose folder is `folder`.

    Raises:
        DamagedFile: its record is not as it must be.
    """
    reply = f"{folder}/reply.md" if record["status"] == "done" else None
    more = {"prompt": f"{folder}/prompt.md", "reply": reply, "unattended": overview.unattended(record)}
    try:
        return PublishedTask.model_validate({**record, **more})
    except ValidationError as error:
        raise _damaged(f"{folder}/task.json", error) from error


def agents(statuses: list[Status]) -> list[PublishedAgent]:
    """Return what is published of agents; one that is damaged is told of and costs its own row."""
    return output.each(statuses, agent, say)


def tasks(records: list[Task]) -> list[PublishedTask]:
    """Return what is published of tasks; one that is damaged is told of and costs its own row."""
    return output.each(records, lambda record: task(record, layout.task_dir(record["task_id"])), say)


def _damaged(what: str, error: ValidationError) -> DamagedFile:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return DamagedFile(f"{what} is damaged: {key!r}: {first['msg']}", hint="look at it, then move it away")
