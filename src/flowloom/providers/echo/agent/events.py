"""The session's hook events: a payload built, its commands begun, waited for, asked for a veto."""

from __future__ import annotations

import json
from collections.abc import Generator

from flowloom.providers.echo.agent.flows import Wait
from flowloom.providers.echo.agent.hooks import SUBJECTS, Hook, commands
from flowloom.providers.echo.agent.session import Session
from flowloom.providers.echo.agent.view import draw


def start(session: Session, event: str, **fields: object) -> list[Hook]:
    """Start every command of an event beside us; the screen and the status file come first."""
    session.publish()
    draw(session)
    payload: dict[str, object] = {"session_id": session.session_id, "cwd": session.cwd, "hook_event_name": event}
    payload["transcript_path"] = session.memory_path()
    if session.turn:
        payload["prompt_id"] = session.turn.prompt_id
    told = json.dumps(payload | fields, ensure_ascii=False).encode(errors="replace")
    subject = str(fields[SUBJECTS[event]]) if event in SUBJECTS else None
    hooks = [Hook(command, told, limit_s) for command, limit_s in commands(session.settings, event, subject)]
    session.hooks += hooks
    return hooks


def fire(session: Session, event: str, **fields: object) -> Generator[Wait, None, str | None]:
    """Run an event's commands and wait for them; return the first veto, if any."""
    return (yield from settle(start(session, event, **fields)))


def settle(hooks: list[Hook]) -> Generator[Wait, None, str | None]:
    """Wait until these commands have exited; return the first veto, if any."""
    yield Wait(lambda: all(hook.code is not None for hook in hooks))
    return next((why for hook in hooks if (why := hook.veto()) is not None), None)
