"""A turn: from the receipt of a prompt to its Stop, or to the Esc that drops it."""

from __future__ import annotations

from flowloom.providers.echo.agent.answers import compose, is_question, prompt_is_own, split, unframe
from flowloom.providers.echo.agent.directives import Ended, obey, say
from flowloom.providers.echo.agent.events import fire, settle, start
from flowloom.providers.echo.agent.flows import Flow, pause
from flowloom.providers.echo.agent.hooks import Hook
from flowloom.providers.echo.agent.session import Session, Turn


def begin_next(session: Session) -> bool:
    """Begin the next turn when one waits and may begin; say whether it did."""
    if not session.queue or session.turn or session.opening or session.leaving:
        return False
    session.turn = Turn(session.queue.pop(0))
    session.turn_flow = serve(session, session.turn)
    session.flows.begin(session.turn_flow)
    return True


def serve(session: Session, turn: Turn) -> Flow:
    """Carry one prompt from its receipt to its Stop."""
    yield from _answer(session, turn)
    session.turn = session.turn_flow = None


def _answer(session: Session, turn: Turn) -> Flow:
    prompt = turn.draft.text()
    lag_s, session.lag_s = session.lag_s, 0.0
    session.screen.print(turn.draft.shown(), "❯ ")
    yield pause(lag_s)
    veto = yield from fire(session, "UserPromptSubmit", prompt=prompt)
    if veto is not None:
        session.screen.print(f"UserPromptSubmit hook erased the prompt: {veto}", "⎿ ")
        return
    body, directives = split(unframe(prompt))
    try:
        for directive in directives:
            try:
                yield from obey(session, turn, *directive.partition(" ")[::2])
            except ValueError:
                say(session, turn, f"echo cannot do this: {directive}")
    except Ended:
        return
    if turn.answer is None:
        say(session, turn, reply(session, body, directives))
    yield from stop(session, turn)


def reply(session: Session, body: str, directives: list[str]) -> str:
    """Compose the answer, and remember what the body told."""
    if prompt_is_own(body):
        return "background done"
    if not body.strip():
        return f"echo did: {'; '.join(directives)}"
    answer = compose(body, session.told)
    if not is_question(body):
        session.remember(body)
    return answer


def stop(session: Session, turn: Turn) -> Flow:
    """Report the end, and go on once when a hook wants that."""
    hooks = start_stop(session, turn)
    if turn.twice:
        yield pause(0.05)
        say(session, turn, f"{turn.answer}\n\nAnd once more, at greater length.")
        hooks += start_stop(session, turn)
    veto = yield from settle(hooks)
    if veto is not None:
        say(session, turn, f"echo continued: {veto}")
        yield from settle(start_stop(session, turn, again=True))


def start_stop(session: Session, turn: Turn, *, again: bool = False) -> list[Hook]:
    """Start the Stop hooks; what runs in the background at this moment is told."""
    told = {"last_assistant_message": turn.answer or "", "background_tasks": list(session.background)}
    return start(session, "Stop", **told, session_crons=[], stop_hook_active=again)


def interrupt(session: Session) -> None:
    """Drop the turn without a hook; as in Claude, a prompt not yet answered goes back into the box."""
    turn = session.turn
    drop_turn(session)
    session.screen.print("Interrupted by the user", "⎿ ")
    if turn and not (turn.spoke or session.draft.pieces or session.queue or prompt_is_own(turn.draft.text())):
        session.draft = turn.draft


def drop_turn(session: Session) -> None:
    """End the running turn where it stands; its hooks run on."""
    if session.turn_flow:
        session.flows.drop(session.turn_flow)
    session.turn = session.turn_flow = session.dialog = None
