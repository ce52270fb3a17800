"""The loop: keys and signals in, hooks and flows moved, the screen and the status file out."""

from __future__ import annotations

import os
import select
import signal
import time

from flowloom.providers.echo.agent.flows import NEVER
from flowloom.providers.echo.agent.keyboard import Keyboard, press
from flowloom.providers.echo.agent.lifetime import give_up, open_session
from flowloom.providers.echo.agent.session import Session
from flowloom.providers.echo.agent.turns import begin_next
from flowloom.providers.echo.agent.view import draw


def begin(session: Session) -> None:
    """Bring the box up and announce the session."""
    greeting = f"echo · a scripted agent, no model · session {session.session_id} · /exit leaves"
    session.screen.print(greeting, "✻ ")
    session.flows.begin(open_session(session, session.source))
    advance(session)


def run(session: Session, keyboard: Keyboard, signals: int) -> int:
    """Serve keys, signals, hooks and flows until the session is over; return its exit code."""
    while session.code is None:
        draw(session)
        session.publish()
        reads = [signals, *(fd for hook in session.hooks for fd in hook.reading)]
        if not session.leaving:
            reads.append(0)
        writes = [fd for hook in session.hooks for fd in hook.writing]
        ready, _, _ = select.select(reads, writes, [], timeout_s(session, keyboard))
        if signals in ready:
            heed(session, os.read(signals, 4096))
        if 0 in ready:
            keyboard.read()
        now = time.monotonic()
        keyboard.look_at_esc(now)
        for hook in session.hooks:
            hook.move(now)
        session.hooks = [hook for hook in session.hooks if hook.code is None]
        advance(session)
    return session.code


def timeout_s(session: Session, keyboard: Keyboard) -> float | None:
    """Return how long nothing will need us unless something happens."""
    now = time.monotonic()
    again = session.again_until if session.again_until > now else NEVER
    soon = min(keyboard.esc_at, again, session.flows.due(now), *(hook.deadline for hook in session.hooks))
    return None if soon == NEVER else max(0.0, soon - now)


def heed(session: Session, signals: bytes) -> None:
    """Act on the signals that came."""
    if signal.SIGWINCH in signals:
        session.screen.fit()
        draw(session, repaint=True)
    if signal.SIGINT in signals:
        press(session, "\x03")
    for signum in (signal.SIGTERM, signal.SIGHUP):
        if signum in signals:
            give_up(session, signum)


def advance(session: Session) -> None:
    """Let every flow go on whose wait is over, and begin the next turn when one may."""
    moved = True
    while moved and session.code is None:
        moved = session.flows.advance()
        moved = begin_next(session) or moved
