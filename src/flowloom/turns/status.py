"""An agent's status on disk: read it, apply an event to it, and log the event."""

from __future__ import annotations

import os

from flowloom.clock import wall_s
from flowloom.store import files, layout, quick_json
from flowloom.store.document import Documents
from flowloom.store.log import log
from flowloom.store.shapes import LATEST_S
from flowloom.tasks import store as tasks
from flowloom.turns import questions
from flowloom.turns.record import status_from
from flowloom.turns.states import Event, State, move

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.store.layout import AgentRef
    from flowloom.turns.record import Status

# The file is rotated at this size; one old file is kept.
EVENTS_LIMIT_BYTES = 1_000_000
# How much of the end of the events is read for the tasks of late; an event has about 200 bytes.
RECENT_BYTES = 200_000
# A wait reads its agent's status at every step, and seldom finds another one.
_records = Documents(status_from)


def read(agent: AgentRef) -> Status | None:
    """Return an agent's status; None if it was never started.

    Raises:
        DamagedFile: the file exists but is not a valid status.
    """
    status: Status | None = _records.read(layout.status(agent))  # type: ignore[assignment]
    if status is None:
        return None
    status.update(in_hand(status))  # type: ignore[typeddict-item]
    return status


def in_hand(status: Status) -> dict[str, Any]:
    """Return which task an agent is being given, and which one it is at: the one place that tells.

    A task is being given while it is on its way: whatever becomes of it, by whichever process, is in its own record.
    """
    turn, given = status["turn"], status["delivering"]
    at = turn["task"] if turn else None
    if given is not None and (given == at or given in status["queued"] or not tasks.on_its_way(given)):
        given = None
    return {"delivering": given, "current_task": at if turn else given}


def write(agent: AgentRef, status: Status) -> None:
    """Replace an agent's status and wake the processes that wait for it. The caller holds the lock."""
    status.update(in_hand(status))  # type: ignore[typeddict-item]
    path = layout.status(agent)
    _records.write(path, status)
    files.wake(os.path.dirname(path))


def apply(
    agent: AgentRef, status: Status, event: Event, *, why: str, source: str, at: float | None = None, **facts: Any
) -> State:
    """Apply one event to `status`, store `facts` in it, and write it; return the new state.

    The facts `question` and `subagent` are what is asked and which subagent asks: they become a document. The
    questions of an agent that is blocked no more are closed. `at` is when it happened, as a time of day, if that was
    not just now. The caller holds the lock (`spool.lock`) and has read `status` under it.
    """
    question, subagent = facts.pop("question", None), facts.pop("subagent", "")
    before = status["status"]
    after = move(before, event)
    now = round(wall_s() if at is None else at, 3)
    status.update(facts)  # type: ignore[typeddict-item]
    status.update({"seq": status["seq"] + 1, "last_active": now})
    if after is not before:
        status.update({"status": after, "since": now, "why": why, "source": source})
    elif event in (Event.DIALOG, Event.ASK):
        status.update({"why": why, "source": source})
    if after is not State.BLOCKED:
        questions.close_all(status, event, why, at=at)
        status["question"] = None
    elif question is not None:
        questions.ask(status, question, source=source, subagent=subagent, at=at)
    write(agent, status)
    line = {
        "seq": status["seq"],
        "at": now,
        "event": event,
        "from": before,
        "to": after,
        "task": status["current_task"],
        "why": why,
    }
    _remember(agent, line)
    return after


def note(agent: AgentRef, status: Status, **facts: Any) -> None:
    """Store facts that change no state. The caller holds the lock."""
    status.update(facts)  # type: ignore[typeddict-item]
    status["seq"] += 1
    write(agent, status)


def read_events(agent: AgentRef) -> list[dict[str, Any]]:
    """Return all logged events of an agent, oldest first; invalid lines are skipped."""
    raw = b"".join(files.read(path) or b"" for path in (layout.former_events(agent), layout.events(agent)))
    return [event for line in raw.splitlines() if (event := event_from(line)) is not None]


def event_from(line: bytes) -> dict[str, Any] | None:
    """Return the event in a line of `events.jsonl`; None if the line is cut or damaged."""
    try:
        event = quick_json.loads(line.decode("utf-8", "surrogatepass"))
    except ValueError:
        return None
    if not isinstance(event, dict) or not isinstance(event.get("seq"), int):
        return None
    at = event.get("at")
    return event if isinstance(at, int | float) and abs(at) < LATEST_S else None


def recent_tasks(agent: AgentRef, limit: int) -> list[str]:
    """Return the tasks that an agent's newest events name, the newest first; each once."""
    found: dict[str, None] = {}
    for path in (layout.events(agent), layout.former_events(agent)):
        lines = files.tail(path, RECENT_BYTES).splitlines()
        for line in reversed(lines):
            event = event_from(line)
            if event is not None and isinstance(event.get("task"), str):
                found.setdefault(event["task"])
                if len(found) == limit:
                    return list(found)
    return list(found)


def remember(agent: AgentRef, status: Status, event: str, task_id: str, why: str) -> None:
    """Log something about a task that moves no state, so that `recent_tasks` knows of it."""
    now, state = round(wall_s(), 3), status["status"]
    line = {"seq": status["seq"], "at": now, "event": event, "from": state, "to": state, "task": task_id, "why": why}
    _remember(agent, line)


def forget_events(agent: AgentRef, before: float) -> int:
    """Remove the events from before this time; return how many. The caller holds the lock."""
    gone = 0
    for path in (layout.former_events(agent), layout.events(agent)):
        raw = files.read(path)
        if raw is None:
            continue
        lines = raw.splitlines(keepends=True)
        kept = [line for line in lines if (event := event_from(line)) is not None and event["at"] >= before]
        if len(kept) < len(lines):
            gone += len(lines) - len(kept)
            files.write(path, b"".join(kept), durable=False)
    return gone


def _remember(agent: AgentRef, line: dict[str, object]) -> None:
    """Log an event, for people to read. The new status is on disk already, so a full disk here loses only the log."""
    path = layout.events(agent)
    try:
        if os.path.exists(path) and os.path.getsize(path) > EVENTS_LIMIT_BYTES:
            os.replace(path, layout.former_events(agent))
        files.append(path, quick_json.dumps(line))
    except OSError as error:
        log("error", "status", f"an event is not remembered: {error}")
