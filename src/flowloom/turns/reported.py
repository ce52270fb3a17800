"""What a report of an agent's hooks means for its status and its tasks: whose turn began, ended or continues.

Everything here happens under the agent's lock, and reading, deciding and
writing are one step: two hooks, a waiter and a command never undo each other.
Times are those of the hook calls: a report may have waited for minutes.
"""

from __future__ import annotations

from flowloom.store import files, layout
from flowloom.store.log import log
from flowloom.tasks import frame
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import limits, noop, observed, parking, questions, receipts, sessions, side_reports, status
from flowloom.turns.states import Event, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flowloom.providers.protocol import Report
    from flowloom.store.layout import AgentRef
    from flowloom.tasks.record import Task
    from flowloom.turns.record import QuestionRecord, Status, Turn

    # What a report depends on beside the status: the session that its window shows, by the program's process; or
    # whether a transcript has a task's prompt.
    Look = tuple[str, str, str]

# How much of a transcript's end can hold the prompt of a turn that just ended.
TRANSCRIPT_TAIL_BYTES = 8_000_000
# Texts that Claude Code merges report 10 ms apart; no person presses Esc and submits again so fast.
MERGED_NS = 500_000_000
# Why a session ended, where that is known.
ENDS = {"left": "it was closed with /exit", "logged out": "it was logged out"}
# A late report can belong to one of this many former tasks.
FORMER_LIMIT = 50


def hear(agent: AgentRef, now: Status, report: Report, looks: dict[Look, str], name: str = "") -> Look | None:
    """Apply what one hook call said; return what must be looked at first, and then nothing has changed.

    The caller holds the lock, under which it has read `now`, and looks without it: `looks` has what it has found.
    An event older than what has been seen moves nothing; a receipt or a reply
    that comes late is still kept. `name` tells the call from all others, so that it is applied once.
    """
    if noop.is_noop(now, report):
        return None
    if sessions.foreign(now, report):
        look = ("session", str(now["pid"] or 0), "")
        if look not in looks:
            return look
        if not sessions.follow_session(now, report, looks[look]):
            if report.get("session_id", "") not in now["foreign"]:
                status.note(agent, now, foreign=[*now["foreign"], report.get("session_id", "")])
            return None
        followed = True
    else:
        followed = False
    if report["event"] != Event.UP:
        sessions.follow_transcript(now, report)
    if report["event"] in (Event.STOP, Event.FAIL) and now["delivering"] and _is_unannounced(now, report):
        look = ("transcript", now["transcript"] or "", now["delivering"])
        if look not in looks:
            return look
        report["delivered"] = bool(looks[look])
    if followed:
        status.note(agent, now)
        log("info", "turns", f"{now['agent_id']}: its window shows another session", to=now["session_id"])
    if report["event"] in ONCE:
        now["heard"] = name
    HEARD[report["event"]](agent, now, report)
    return None


def _is_unannounced(now: Status, report: Report) -> bool:
    """Tell whether a turn ends that no UserPromptSubmit has announced."""
    turn, prompt_id = now["turn"], report.get("prompt_id")
    return turn is None or bool(prompt_id and turn["prompt_id"] not in (None, prompt_id))


def _up(agent: AgentRef, now: Status, report: Report) -> None:
    source = report.get("source", "started")
    facts = {"session_id": report.get("session_id"), "transcript": report.get("transcript")}
    if source == "forked" or sessions.late(now, report):
        return  # a fork that the agent took over continues its turn
    seen: dict[str, Any] = {**facts, "seen_ns": report["at_ns"]}
    if source == "compacted":
        # A compaction happens in the middle of a turn and does not end it.
        status.note(agent, now, **seen)
    elif source == "cleared":
        observed.let_go(now, Step.INTERRUPTED, "the conversation was cleared in its window")
        why = "the conversation was cleared while it waited for its usage limit"
        limits.give_up(agent, now, Step.INTERRUPTED, why, at=report["at"])
        # Claude Code keeps nothing that could be resumed before the first prompt.
        seen |= {"turn": None, "queued": [], "conversation": False}
        status.apply(agent, now, Event.QUIET, why="cleared", source="hook", at=report["at"], **seen)
    else:
        if source == "resumed":
            # This also holds after a person resumed a former session, after a `/clear`.
            seen["conversation"] = True
        why = f"its session {source}"
        status.apply(agent, now, Event.UP, why=why, source="hook", at=report["at"], up=True, **seen)


def _accept(agent: AgentRef, now: Status, report: Report) -> None:
    prompt, prompt_id = report.get("prompt", ""), report.get("prompt_id")
    task = receipts.addressed(now, prompt, prompt_id)
    last = now["last_turn"]
    over = last is not None and prompt_id is not None and last["prompt_id"] == prompt_id
    if sessions.late(now, report) or over:
        if task is not None:
            receipts.receive(task, prompt, prompt_id, "the receipt came late")
            status.remember(agent, now, "receipt", task["task_id"], "the receipt came late")
            if now["delivering"] == task["task_id"]:
                status.note(agent, now)
        return
    running = now["turn"] if now["status"] in (State.WORKING, State.BLOCKED) else None
    if running and prompt_id and running["prompt_id"] == prompt_id:
        _queue(agent, now, task, report)
        return
    merged = running is not None and abs(report["at_ns"] - running["at_ns"]) < MERGED_NS
    again = running is not None and running["prompt_id"] is None and running["task"] in frame.task_ids(prompt)
    if running and running["task"] and (again or (merged and task is None)):
        # The task's own receipt, late, or a text queued together with it: both have one turn and one Stop.
        if not again:
            _share(tasks.find(running["task"]))
        status.note(agent, now, turn={**running, "prompt_id": prompt_id}, seen_ns=report["at_ns"])
        return
    if running and running["task"] and running["whose"] != "person":
        # The turn before ended without a report: its Stop hook was lost, or a person pressed Esc.
        observed.end_task(running["task"], Step.INTERRUPTED, "its turn ended without a reply, and another one began")
    turn = _turn(now, report, prompt_id)
    why = ""
    if task is not None and receipts.receive(task, prompt, prompt_id, "the agent confirmed it"):
        turn.update({"whose": "task", "task": task["task_id"]})
        why = f"working on task {task['task_id']}"
        if merged:
            _share(task)
    elif report.get("source") == "own":
        entry = parking.entry_of_turn(now, report.get("ended", []))
        turn.update({"whose": "own", "task": entry["task"] if entry else None})
        if entry:
            turn["before"] = parking.background_before(now, entry)
            limits.go_on(entry)
        why = "started a turn of its own"
    facts = {"turn": turn, "seen_ns": report["at_ns"], "conversation": True}
    why = why or receipts.of_no_task(now, prompt)
    status.apply(agent, now, Event.ACCEPT, why=why, source="hook", at=report["at"], **facts)


def _turn(now: Status, report: Report, prompt_id: str | None) -> Turn:
    """Return a person's turn that begins with this report, or ended with it."""
    return {
        "prompt_id": prompt_id,
        "whose": "person",
        "task": None,
        "at": report["at"],
        "at_ns": report["at_ns"],
        "before": now["background"],
    }


def _share(task: Task | None) -> None:
    """Mark a task whose turn also answers what a person typed just before or after it (2.1.197)."""
    if task is not None:
        task["shared"] = True
        tasks.note_fact(task, "it shares its turn with what a person typed")


def _queue(agent: AgentRef, now: Status, task: Task | None, report: Report) -> None:
    """Note a text that was submitted while a turn ran; it shows that turn's id."""
    running = now["turn"]
    if task is None:
        typed_into = tasks.find(running["task"]) if running else None
        if typed_into:
            tasks.note_fact(typed_into, "a person typed into its turn: " + report.get("prompt", "")[:200])
        return
    if receipts.receive(task, report.get("prompt", ""), None, "queued behind a running turn"):
        facts = {"queued": [*now["queued"], task["task_id"]], "seen_ns": report["at_ns"]}
        status.note(agent, now, **facts)


def _ask(agent: AgentRef, now: Status, report: Report) -> None:
    if sessions.late(now, report):
        return
    question = report["question"]
    if now["status"] is State.BLOCKED and now["question"] and not question["call"]:
        return  # the Notification comes seconds after the PermissionRequest and holds less
    facts = {"question": question, "subagent": report.get("subagent", ""), "seen_ns": report["at_ns"]}
    why = f"blocked on {questions.words(question)}"
    status.apply(agent, now, Event.ASK, why=why, source="hook", at=report["at"], **facts)


def _sign(agent: AgentRef, now: Status, report: Report) -> None:
    if sessions.late(now, report):
        return
    subagent, why = report.get("subagent", ""), "continues after an answer"
    if now["questions"]:
        _close(agent, now, report, questions.answered(now, report.get("call", ""), subagent), why)
    elif now["status"] is State.BLOCKED and not subagent:
        status.apply(agent, now, Event.SIGN, why=why, source="hook", at=report["at"], seen_ns=report["at_ns"])
    elif not subagent:
        status.note(agent, now, seen_ns=report["at_ns"])  # where the conversation is written has moved


def _close(agent: AgentRef, now: Status, report: Report, closed: list[QuestionRecord], why: str) -> None:
    """Close the questions that an event answers; the agent continues once none is open."""
    if not closed:
        return
    questions.close(now, closed, Event(report["event"]), why, at=report["at"])
    if questions.open_of(now):
        status.note(agent, now, seen_ns=report["at_ns"])
    else:
        facts = {"seen_ns": report["at_ns"]}
        status.apply(agent, now, Event.SIGN, why=why, source="hook", at=report["at"], **facts)


def _stop(agent: AgentRef, now: Status, report: Report) -> None:
    if report.get("subagent"):
        asked = questions.of_subagent(now, report["subagent"])
        _close(agent, now, report, asked, "its subagent has ended")
        return
    prompt_id, message = report.get("prompt_id"), report.get("message", "")
    turn, last = now["turn"], now["last_turn"]
    if prompt_id and last and prompt_id == last["prompt_id"] and not (turn and turn["prompt_id"] == prompt_id):
        _renew(now, last, message)
        # The wait for the session to be idle starts again.
        status.note(agent, now, seen_ns=max(now["seen_ns"], report.get("at_ns", 0)))
        return
    if turn is None or _is_unannounced(now, report):
        former = _former(agent, prompt_id)
        if former is not None:
            tasks.complete(former, message, "its Stop came late")
            return
        turn = _unannounced(agent, now, report)
    elif not receipts.names(report, turn["task"]):
        return  # a person's text, whose turn ended before this one began
    background = report.get("background", [])
    task = tasks.find(turn["task"])
    begun = parking.background(turn, background)
    parked = (
        parking.without(now, *parking.complete_others(now, message)) if turn["whose"] == "own" else parking.without(now)
    )
    now.update(parked)  # type: ignore[typeddict-item]
    if task is not None and turn["whose"] != "person":
        why = "its turn ended" if turn["whose"] == "task" else "it continued by itself and ended"
        if begun:
            tasks.park(task, message, f"waits for its background work: {', '.join(begun)}", at=report["at"])
            parked = parking.put(now, {"task": task["task_id"], "before": turn["before"], "ids": begun})
        else:
            tasks.complete(task, message, why)
            parked = parking.without(now, task["task_id"])
    adopt = now["adopt"]
    adopted = tasks.find(adopt) if turn["whose"] == "person" else None
    if adopted is not None:
        if adopted["status"] is not Step.DONE:
            tasks.complete(adopted, message, "a person continued it in the agent's window")
        adopt = None
    facts: dict[str, Any] = {
        "adopt": adopt,
        "last_turn": {**turn, "prompt_id": prompt_id},
        "background": background,
        "seen_ns": max(now["seen_ns"], report.get("at_ns", 0)),
        **parked,
        "context_summary": frame.valid(" ".join(message.split())[:200]),
    }
    _next_turn(agent, now, report, message, Event.PARK if parked["parked"] else Event.STOP, facts)


def _next_turn(
    agent: AgentRef, now: Status, report: Report, message: str, event: Event, facts: dict[str, Any], why: str = ""
) -> None:
    """End the running turn by `event`, or begin that of a text which was queued behind it."""
    if not now["queued"]:
        why = why or ("waits for its background work" if event is Event.PARK else "its turn ended")
        status.apply(agent, now, event, why=why, source="hook", at=report["at"], turn=None, **facts)
        return
    waiting, rest = now["queued"][0], now["queued"][1:]
    # No UserPromptSubmit will announce this turn. Should none come (an older
    # release took the text into the turn that ended), this message is its reply.
    files.write(layout.provisional(waiting), frame.valid(message).encode())
    turn: Turn = {**_turn(now, report, None), "whose": "task", "task": waiting}
    why = f"working on task {waiting}, which was queued"
    facts |= {"turn": turn, "queued": rest}
    status.apply(agent, now, Event.ACCEPT, why=why, source="hook", at=report["at"], **facts)


def _renew(now: Status, last: Turn, message: str) -> None:
    """Replace the reply by that of a later Stop of the same turn: a Stop hook of the user's had continued it."""
    task, why = tasks.find(last["task"]), "a Stop hook continued its turn"
    if task is None or last["whose"] == "person" or not message:
        return
    if parking.of(now, task["task_id"]):
        tasks.park(task, message, why)
    else:
        tasks.complete(task, message, why)


def _former(agent: AgentRef, prompt_id: str | None) -> Task | None:
    """Return the task of an earlier turn with this id that was given up; the report of its end came late."""
    near = map(tasks.find, status.recent_tasks(agent, FORMER_LIMIT)) if prompt_id else ()
    return next((task for task in near if task and task["prompt_id"] == prompt_id), None)


def _unannounced(agent: AgentRef, now: Status, report: Report) -> Turn:
    """Return the turn of a Stop that no UserPromptSubmit announced: that hook was lost."""
    prompt_id = report.get("prompt_id")
    turn = _turn(now, report, prompt_id)
    running, task = now["turn"], tasks.find(now["delivering"])
    if running and running["task"] and running["whose"] == "task":
        observed.end_task(running["task"], Step.INTERRUPTED, "its turn ended without a reply, and another one followed")
    if now["queued"]:
        # Esc in the running turn starts what was queued behind it at once.
        turn.update({"whose": "task", "task": now["queued"].pop(0)})
        return turn
    why = receipts.found(task, report) if task is not None else ""
    if task is not None and why:
        task["prompt_id"] = prompt_id
        # First: a call that is killed behind the next write is then known to be of this task when it is applied again.
        status.remember(agent, now, "receipt", task["task_id"], why)
        if tasks.note_step(task, Step.ACCEPTED, why):
            turn.update({"whose": "task", "task": task["task_id"]})
    return turn


def in_transcript(path: str | None, task_id: str) -> bool:
    """Tell whether a task's first line stands near the end of a conversation's transcript."""
    return bool(path) and f"[flowloom task {task_id} from ".encode() in files.tail(path or "", TRANSCRIPT_TAIL_BYTES)


def _fail(agent: AgentRef, now: Status, report: Report) -> None:
    turn = now["turn"]
    prompt_id = report.get("prompt_id")
    if turn is None or _is_unannounced(now, report):
        if _former(agent, prompt_id):
            return
        turn = _unannounced(agent, now, report)
    task = tasks.find(turn["task"])
    error = report.get("error") or "the model could not be reached"
    until = limits.reset_at(report.get("message", ""), report["at"]) if report.get("limited") else 0.0
    parked, event, why = parking.without(now), Event.FAIL, f"its turn failed: {error}"
    if task is not None and turn["whose"] != "person" and until:
        parked = parking.put(now, limits.park(task, turn, until, error, report["at"]))
    elif task is not None and turn["whose"] != "person":
        parked = parking.without(now, task["task_id"])
        if report.get("message"):
            files.write(layout.partial(task["task_id"]), frame.valid(report["message"]).encode())
        tasks.note_step(task, Step.FAILED, f"its program reported: {error}")
    facts: dict[str, Any] = {
        "last_turn": {**turn, "prompt_id": prompt_id},
        "seen_ns": max(now["seen_ns"], report.get("at_ns", 0)),
    }
    newest = parked["parked"]
    if newest and newest.get("until"):
        event, why = Event.PARK, limits.waits_for(newest["until"], report["at"])
    facts |= parked
    _next_turn(agent, now, report, "", event, facts, why)


def _end(agent: AgentRef, now: Status, report: Report) -> None:
    if sessions.late(now, report) or report.get("reason") == "continues":
        return  # a SessionStart follows at once
    if report.get("session_id") and now["session_id"] and report["session_id"] != now["session_id"]:
        return  # it belongs to a former session, whose window is closed
    observed.leave(agent, now, Event.END, ENDS.get(report.get("reason", ""), "its session ended"), at=report["at"])


# What must not be applied again where a call was killed behind its last write. The others change nothing then.
ONCE = frozenset({Event.ACCEPT, Event.STOP, Event.FAIL})
HEARD: dict[str, Callable[[AgentRef, Status, Report], None]] = {
    Event.UP: _up,
    Event.ACCEPT: _accept,
    Event.ASK: _ask,
    Event.SIGN: _sign,
    Event.STOP: _stop,
    Event.FAIL: _fail,
    Event.END: _end,
    Event.NOTICE: side_reports.notice,
}
