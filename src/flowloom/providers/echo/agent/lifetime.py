"""How a session is opened, cleared and left."""

from __future__ import annotations

from flowloom.providers.echo.agent.events import fire, start
from flowloom.providers.echo.agent.flows import Flow, Wait, pause
from flowloom.providers.echo.agent.session import Session, new_id
from flowloom.providers.echo.agent.turns import drop_turn

END_LIMIT_S = 1.5  # Claude Code gives all SessionEnd hooks together this long
ASKED_LIMIT_S = 0.2  # who asked us to leave sees us gone in 0.3 s, whatever the hooks do


def open_session(session: Session, source: str) -> Flow:
    """Announce the session; no turn begins before that is done."""
    session.opening = True
    yield from fire(session, "SessionStart", source=source)
    session.opening = False


def clear(session: Session) -> Flow:
    """End this session and begin another in the same terminal."""
    session.opening = True
    yield from fire(session, "SessionEnd", reason="clear")
    session.session_id, session.told, session.background = new_id(), [], []
    yield from open_session(session, "clear")


def leave(session: Session) -> None:
    """Begin to exit because a person asked: gone in 0.3 s; a SessionEnd hook that needs longer runs on without us."""
    _begin_end(session, _end(session, "prompt_input_exit", 0, ASKED_LIMIT_S))


def give_up(session: Session, signum: int) -> None:
    """Begin to exit because of a signal: SessionEnd, then the end of its hooks and of us, at most 1.5 s later."""
    _begin_end(session, _end(session, "other", 128 + signum, END_LIMIT_S, kill=True))


def _begin_end(session: Session, end: Flow) -> None:
    if not session.leaving:
        session.leaving = True
        drop_turn(session)
        session.flows.clear()
        session.flows.begin(end)


def _end(session: Session, reason: str, code: int, limit_s: float, *, kill: bool = False) -> Flow:
    limit = pause(limit_s)
    hooks = start(session, "SessionEnd", reason=reason)
    yield Wait(lambda: limit.ready() or all(hook.code is not None for hook in hooks), limit.at)
    for hook in hooks:
        if kill and hook.code is None:
            hook.kill()
    session.code = code
