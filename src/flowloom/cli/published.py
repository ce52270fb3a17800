"""The JSON that others read: `agents --json`, `tasks --json`, `ask --json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from flowloom.records import Status, Task


class PublishedQuestion(BaseModel):
    """What an agent is blocked on."""

    kind: str
    text: str
    how: str


class PublishedAgent(BaseModel):
    """One agent. Times are seconds since the epoch."""

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
    release: str


class PublishedTask(BaseModel):
    """One task. Times are seconds since the epoch; `reply` is a path, there once `status` is `done`."""

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
    shared: bool
    altered: bool
    recovered: bool
    error: str
    notes: list[str]
    journal: list[dict[str, str | float]]


class Agents(BaseModel):
    """`flowloom agents --json`."""

    version: int = 1
    agents: list[PublishedAgent]


class Tasks(BaseModel):
    """`flowloom tasks --json`."""

    version: int = 1
    tasks: list[PublishedTask]


class Answer(BaseModel):
    """`flowloom ask --json` and `flowloom wait --json`."""

    version: int = 1
    task: PublishedTask
    text: str | None
    provisional: bool = False


class PublishedCheck(BaseModel):
    """One link that the doctor looked at; `level` is `ok`, `warn` or `fail`."""

    name: str
    level: str
    saw: str
    repair: str


class Checks(BaseModel):
    """`flowloom doctor --json`."""

    version: int = 1
    ok: bool
    checks: list[PublishedCheck]


class Waiting(BaseModel):
    """`flowloom status --json`: what waits for a person; `line` is the status line."""

    version: int = 1
    line: str
    questions: list[PublishedAgent]
    unread: list[PublishedTask]
    failed: list[PublishedTask]


class Shown(BaseModel):
    """`flowloom show --json`. The texts are cut; their files are not."""

    version: int = 1
    task: PublishedTask
    prompt_begins: str
    reply_begins: str | None
    reply_kind: str  # reply, provisional, partial, or nothing


def agent(status: Status) -> PublishedAgent:
    """Return what is published of a status."""
    return PublishedAgent.model_validate(status)


def task(record: Task, folder: str) -> PublishedTask:
    """Return what is published of a task whose folder is `folder`."""
    reply = f"{folder}/reply.md" if record["status"] == "done" else None
    return PublishedTask.model_validate({**record, "prompt": f"{folder}/prompt.md", "reply": reply})
