"""What a person sees below the transcript: the input box, or a dialog in its place."""

from __future__ import annotations

import time

from flowloom.providers.echo.agent.session import Session
from flowloom.providers.echo.agent.text import CLEAN, cells, wrap


def draw(session: Session, *, repaint: bool = False) -> None:
    """Draw the transcript's news and the box, or the dialog in its place."""
    rows, cursor = _dialog(session, *session.dialog) if session.dialog else _box(session)
    session.screen.draw(rows, cursor, repaint=repaint)


def _rule(session: Session) -> str:
    return f"\x1b[2m{'─' * session.screen.width}\x1b[0m"


def _dialog(session: Session, *call: str) -> tuple[list[str], tuple[int, int]]:
    tool, detail = (part.translate(CLEAN)[: session.screen.width - 4] for part in call)
    marks = "  ❯ " if session.on_no else "❯   "
    question = ["Do you want to proceed?", f"{marks[:2]}1. Yes", f"{marks[2:]}2. No", ""]
    rows = [_rule(session), f"  {tool}", f"    {detail}", "", *question]
    return rows, (len(rows) - 1, 0)


def _box(session: Session) -> tuple[list[str], tuple[int, int]]:
    width, height = session.screen.width, session.screen.height
    waiting = [f"\x1b[2m  queued: {wrap(draft.shown(), width - 11)[0]}\x1b[0m" for draft in session.queue[:3]]
    text = wrap(session.draft.shown(), width - 3)[-max(1, height - 7) :]
    # A no-break space, as in Claude Code's own box; an entry of the transcript has a plain one.
    box = [("  " if number else "❯\xa0") + row for number, row in enumerate(text)]
    again = time.monotonic() < session.again_until
    footer = "ctrl-c again to exit" if again else "esc to interrupt" if session.turn else "ready"
    rows = [*waiting, _rule(session), *box, _rule(session), f"\x1b[2m  echo · {footer}\x1b[0m"]
    return rows, (len(rows) - 3, cells(box[-1]))
