"""What a line that begins with `echo:` does to the turn; the package's docstring lists them."""

from __future__ import annotations

import os
import select

from flowloom.providers.echo.agent.answers import big
from flowloom.providers.echo.agent.draft import Draft
from flowloom.providers.echo.agent.events import fire, start
from flowloom.providers.echo.agent.flows import Flow, Wait, pause
from flowloom.providers.echo.agent.session import Session, Turn, new_id
from flowloom.providers.echo.agent.text import shorten

LOOK_S = 0.02


class Ended(Exception):
    """The turn is over without a Stop of its own."""


def obey(session: Session, turn: Turn, name: str, argument: str) -> Flow:
    """Run one directive.

    Raises:
        Ended: the turn is over.
        ValueError: the directive is not known, or its argument makes no sense.
    """
    match name:
        case "say" | "silent":
            say(session, turn, argument.replace("\\n", "\n"))
        case "big":
            say(session, turn, big(int(argument)))
        case "work":
            yield pause(seconds(argument))
        case "hold":
            yield Wait(lambda: os.path.exists(argument.strip()), every_s=LOOK_S)
        case "ask":
            yield from ask(session, turn, *argument.strip().partition(" ")[::2])
        case "fail":
            say(session, turn, f"API Error: {argument}")
            yield from fire(session, "StopFailure", error=argument.strip(), last_assistant_message=turn.answer)
            raise Ended
        case "die":
            session.code = 1
            yield Wait(lambda: False)
        case "twice":
            turn.twice = True
        case "background":
            run_beside(session, seconds(argument))
        case "swallow" | "lag" | "freeze" | "choke":
            hinder(session, name, argument)
        case _:
            raise ValueError(name)


def say(session: Session, turn: Turn, answer: str) -> None:
    """Show an answer and keep it for the Stop."""
    turn.answer, turn.spoke = answer, True
    if answer:
        session.screen.print(shorten(answer), "● ")


def ask(session: Session, turn: Turn, tool: str, detail: str) -> Flow:
    """Show a permission dialog and go on once it is allowed.

    Raises:
        Ended: it was refused; the turn ends without a hook.
    """
    call = {"tool_name": tool, "tool_input": {"command" if tool == "Bash" else "file_path": detail}}
    turn.spoke, session.dialog, session.choice, session.on_no = True, (tool, detail), "", False
    start(session, "PermissionRequest", **call)
    yield Wait(lambda: bool(session.choice))
    session.dialog = None
    if session.choice == "no":
        session.screen.print("Interrupted by the user", "⎿ ")
        raise Ended
    session.screen.print(f"{tool}({detail})", "● ")
    yield from fire(session, "PostToolUse", **call)


def run_beside(session: Session, duration_s: float) -> None:
    """Begin a background task; its end wakes the session, as in Claude."""
    task = {"id": new_id()[:8], "type": "shell", "status": "running", "description": f"sleep {duration_s:g}"}
    said = f"<task-id>{task['id']}</task-id>\n<status>completed</status>"

    def wait() -> Flow:
        yield pause(duration_s)
        if task in session.background:
            session.background.remove(task)
            session.queue.append(Draft(f"<task-notification>\n{said}\n</task-notification>"))

    session.background.append(task)
    session.flows.begin(wait())


def hinder(session: Session, name: str, argument: str) -> None:
    """Make the session take the next Enter not at all or late, or hang later."""
    if name == "swallow":
        session.swallow += 1
    elif name == "lag":
        session.lag_s = seconds(argument)
    else:
        freeze(session, argument.strip(), reads=name == "choke")


def freeze(session: Session, path: str, *, reads: bool) -> None:
    """Once `path` exists, neither read nor draw until it is gone, as a program that hangs; `path`.frozen says so.

    With `reads` not before the next prompt, or the key that stashes a draft, has been read.
    """

    def wait() -> Flow:
        yield Wait(lambda: os.path.exists(path) and (bool(session.queue or session.stash) or not reads), every_s=LOOK_S)
        with open(f"{path}.frozen", "w", encoding="utf-8"):
            pass
        while os.path.exists(path):
            select.select([], [], [], LOOK_S)

    session.flows.begin(wait())


def seconds(text: str) -> float:
    """Read a number of seconds; one that no clock can wait for is a ValueError."""
    if not 0 <= float(text) < 1e6:
        raise ValueError(text)
    return float(text)
