"""What each key does: in the box, in a dialog, to the turn and to the session."""

from __future__ import annotations

import json
import os
import signal
import time

from flowloom.providers.echo.agent.draft import Draft
from flowloom.providers.echo.agent.flows import NEVER
from flowloom.providers.echo.agent.keys import Keys
from flowloom.providers.echo.agent.lifetime import clear, give_up, leave
from flowloom.providers.echo.agent.session import Session
from flowloom.providers.echo.agent.turns import drop_turn, interrupt

ESC_LIMIT_S = 0.05  # an ESC with nothing behind it for this long is the key
AGAIN_LIMIT_S = 1.0  # a second Ctrl-C within this time exits


class Keyboard:
    """The session's keys, from the terminal's bytes to what they do."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.keys = Keys()
        self.esc_at = NEVER

    def read(self) -> None:
        """Take what was typed; a terminal that is gone ends the session."""
        try:
            typed = os.read(0, 65536)
        except OSError:
            typed = b""
        if not typed:
            give_up(self.session, signal.SIGHUP)
        self.feed(typed)

    def feed(self, typed: bytes) -> None:
        """Act on these bytes."""
        self.press_all(self.keys.feed(typed))

    def look_at_esc(self, now: float) -> None:
        """Take a held ESC for the key once nothing has followed it for long enough."""
        if now >= self.esc_at:
            self.press_all(self.keys.take_esc())

    def press_all(self, keys: list[tuple[str, str]]) -> None:
        """Act on keys, texts and pastes; a dialog takes only keys."""
        self.esc_at = time.monotonic() + ESC_LIMIT_S if self.keys.waits_for_esc() else NEVER
        for kind, text in keys:
            if self.session.dialog:
                choose(self.session, "" if kind == "paste" else text)
            elif kind == "key":
                press(self.session, text)
            else:
                self.session.draft.add(text, kind == "paste")


def choose(session: Session, key: str) -> None:
    """Answer the permission dialog; any other key does nothing."""
    if session.choice:
        return
    if key in ("\x1b[A", "\x1b[B", "\x1bOA", "\x1bOB"):
        session.on_no = key.endswith("B")
    elif key in ("1", "\r", "2", "\x1b", "\x03"):
        session.choice = "yes" if key == "1" or (key == "\r" and not session.on_no) else "no"


def press(session: Session, key: str) -> None:
    """Act on one key outside of a dialog."""
    if key == "\r":
        enter(session)
    elif key in ("\n", "\x1b\r"):
        session.draft.add("\n")
    elif key in ("\x7f", "\x08"):
        session.draft.rub_out()
    elif key == "\x15":
        session.draft.clear_line()
    elif key == "\x13":
        put_away(session)
    elif key == "\x1b" and session.turn:
        interrupt(session)
    elif key == "\x04" and not session.draft.pieces:
        leave(session)
    elif key == "\x03":
        cancel(session)


def put_away(session: Session) -> None:
    """Stash the draft; with an empty box, bring the stashed one back."""
    if session.draft.pieces:
        session.draft, session.stash = Draft(), session.draft
    elif session.stash:
        session.draft, session.stash = session.stash, None


def cancel(session: Session) -> None:
    """Clear the box, else interrupt; the second Ctrl-C within a second exits."""
    now = time.monotonic()
    if now < session.again_until:
        leave(session)
    elif session.draft.pieces:
        session.draft = Draft()
    elif session.turn:
        interrupt(session)
    session.again_until = now + AGAIN_LIMIT_S


def enter(session: Session) -> None:
    """Submit the box: run a command, or queue a turn."""
    text = session.draft.text()
    if session.draft.continue_line() or not text.strip():
        return
    if session.swallow:
        session.swallow -= 1
        return
    draft, session.draft, session.stash = session.draft, session.stash or Draft(), None
    match text.strip():
        case "/exit":
            leave(session)
        case "/clear":
            drop_turn(session)
            session.queue.clear()
            session.flows.begin(clear(session))
        case "/args":
            session.screen.print(json.dumps(session.argv), "⎿ ")
        case _:
            session.queue.append(draft)
