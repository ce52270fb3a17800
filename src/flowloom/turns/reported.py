"""Whose turn it is: what one report of an agent, or one look at it, means for its status and its tasks.

Everything here happens under the agent's lock, and reading, deciding and
writing are one step: two hooks, a waiter and a command never undo each other.
"""

from __future__ import annotations

from flowloom.clock import wall_s
from flowloom.store import files, layout
from flowloom.store.log import log
from flowloom.tasks import frame
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import limits, observed, parking, questions, receipts, status, told
from flowloom.turns.states import NO_PROGRAM, Event, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flowloom.providers.protocol import Report
    from flowloom.tasks.record import Task
    from flowloom.turns.record import QuestionRecord, Status, Turn

# How much of a transcript's end can hold the prompt of a turn that just ended.
TRANSCRIPT_TAIL_BYTES = 8_000_000
# Texts that Claude Code merges report 10 ms apart; no person presses Esc and submits again so fast.
MERGED_S = 0.5
# A session moved in the middle of a turn says `idle` at its new place for 1-1.5 s before it continues (2.1.330).
CONTINUES_S = 3.0
# Why a session ended, where that is known (SessionEnd).
ENDS = {"prompt_input_exit": "it was closed with /exit", "logout": "it was logged out"}
# What a subagent reports moves nothing but its questions, and is told beside the turns.
OF_SUBAGENTS = frozenset({Event.ASK, Event.NOTICE, Event.SIGN, Event.STOP})
# So many tasks back a report that comes late can be of.
FORMER_LIMIT = 50


def hear(agent_dir: str, report: Report, shown: Callable[[Status], str] = lambda _: "") -> bool:
    """Apply what one hook call said; tell whether there is an agent to apply it to.

    An event older than what has been seen moves nothing; a receipt or a reply
    that comes late is still kept. `shown` is asked only about a session that is
    not the agent's: it returns how the id of the session begins that the agent's own
    program says it shows, empty where it does not say.
    """
    with status.lock(agent_dir):
        now = status.read(agent_dir)
        if now is None:
            return False
        if report.get("subagent") and report["event"] not in OF_SUBAGENTS:
            return True
        if _foreign(now, report) and not _follow_session(agent_dir, now, report, shown(now)):
            return True
        if report["event"] != Event.UP:
            _follow_transcript(now, report)
        HEARD[report["event"]](agent_dir, now, report)
        return True


def _foreign(now: Status, report: Report) -> bool:
    """Tell whether a report is another session's, which has our hooks and our environment all the same.

    That is a fork, or the spare session that Claude Code starts when it moves one to the background. While the
    agent's own session is up, no other one of its window begins by a `startup`.
    """
    session_id = report.get("session_id")
    begins = report["event"] == Event.UP and report.get("source") in ("fork", "startup")
    return session_id in now["foreign"] or (
        begins and (report.get("source") == "fork" or (now["up"] and session_id != now["session_id"]))
    )


def _follow_session(agent_dir: str, now: Status, report: Report, shown: str) -> bool:
    """Take a foreign session for the agent's own where its program says so; else remember that it is foreign.

    A left arrow on an empty box moves the session to the background, as a fork with another id that its window
    then shows (2.1.330). And a person can resume a session in the window that began elsewhere.
    """
    session_id = report.get("session_id", "")
    if not shown or not session_id.startswith(shown):
        if session_id not in now["foreign"]:
            status.note(agent_dir, now, foreign=[*now["foreign"], session_id])
        return False
    facts = {"session_id": session_id, "transcript": report.get("transcript") or now["transcript"]}
    turn = {**now["turn"], "at": wall_s() + CONTINUES_S} if now["turn"] else None
    foreign = [other for other in now["foreign"] if other != session_id]
    status.note(agent_dir, now, **facts, turn=turn, foreign=foreign)
    log(layout.home(), "info", "turns", f"{now['agent_id']}: its window shows another session", to=session_id)
    return True


def _follow_transcript(now: Status, report: Report) -> None:
    """Take over, in memory, where the conversation is written by now.

    Claude Code moves it with its session into another working tree, and a
    SessionStart after that still names the former place (2.1.329).
    """
    written = report.get("transcript")
    if written and report.get("session_id") == now["session_id"] and not _late(now, report):
        now["transcript"] = written


def _late(now: Status, report: Report) -> bool:
    """Tell whether a report is older than what has been seen, or of the program before the one that runs now."""
    # While none runs, a report with a process id is of one that has ended.
    former = report.get("pid", now["pid"]) != now["pid"] and (now["pid"] is not None or now["status"] in NO_PROGRAM)
    return former or report.get("at_ns", 0) < now["seen_ns"]


def _up(agent_dir: str, now: Status, report: Report) -> None:
    source = report.get("source", "startup")
    facts = {"session_id": report.get("session_id"), "transcript": report.get("transcript")}
    if source == "fork" or _late(now, report):
        return  # a fork that is this agent's continues what it was at
    seen = {**facts, "seen_ns": report["at_ns"]}
    if source == "compact":
        # A compaction happens in the middle of a turn and does not end it.
        status.note(agent_dir, now, **seen)
    elif source == "clear":
        observed.let_go(now, Step.INTERRUPTED, "the conversation was cleared in its window")
        limits.give_up(
            agent_dir, now, Step.INTERRUPTED, "the conversation was cleared while it waited for its usage limit"
        )
        status.apply(agent_dir, now, Event.QUIET, why="cleared", source="hook", turn=None, queued=[], **seen)
        # Until the first prompt nothing of it is kept that could be resumed.
        status.note(agent_dir, now, conversation=False)
    else:
        if source == "resume":
            # Also where a person went back to a former one, behind a `/clear`.
            seen["conversation"] = True
        status.apply(agent_dir, now, Event.UP, why=f"its session started ({source})", source="hook", up=True, **seen)


def _accept(agent_dir: str, now: Status, report: Report) -> None:
    prompt, prompt_id = report.get("prompt", ""), report.get("prompt_id")
    task = receipts.addressed(now, prompt)
    last = now["last_turn"]
    over = last is not None and prompt_id is not None and last["prompt_id"] == prompt_id
    if _late(now, report) or over:
        if task is not None:
            receipts.receive(task, prompt, prompt_id, "the receipt came late")
            status.remember(agent_dir, now, "receipt", task["task_id"], "the receipt came late")
            if now["delivering"] == task["task_id"]:
                status.note(agent_dir, now)
        return
    running = now["turn"] if now["status"] in (State.WORKING, State.BLOCKED) else None
    if running and prompt_id and running["prompt_id"] == prompt_id:
        _queue(agent_dir, now, task, report)
        return
    merged = running is not None and abs(wall_s() - running["at"]) < MERGED_S
    again = running is not None and running["prompt_id"] is None and running["task"] in frame.task_ids(prompt)
    if running and running["task"] and (again or (merged and task is None)):
        # Its own receipt after all, or a text that was queued together with it: one turn, one Stop, the last one's.
        if not again:
            _share(tasks.find(running["task"]))
        status.note(agent_dir, now, turn={**running, "prompt_id": prompt_id}, seen_ns=report["at_ns"])
        return
    if running and running["task"] and running["whose"] != "person":
        # The turn before ended without a word: its own hook was lost, or a person pressed Esc.
        observed.end_task(running["task"], Step.INTERRUPTED, "its turn ended without a reply, and another one began")
    turn: Turn = {"prompt_id": prompt_id, "whose": "person", "task": None, "at": wall_s(), "before": now["background"]}
    why = "a person gave it something to do"
    if task is not None and receipts.receive(task, prompt, prompt_id, "the agent confirmed it"):
        turn.update({"whose": "task", "task": task["task_id"]})
        why = f"working on task {task['task_id']}"
        if merged:
            _share(task)
    elif report.get("source") == "own":
        entry = parking.heard(now, report.get("ended", []))
        turn.update({"whose": "own", "task": entry["task"] if entry else None})
        if entry:
            turn["before"] = parking.began(now, entry)
            limits.go_on(entry)
        why = "started a turn of its own"
    facts = {"turn": turn, "seen_ns": report["at_ns"], "conversation": True}
    status.apply(agent_dir, now, Event.ACCEPT, why=why, source="hook", **facts)


def _share(task: Task | None) -> None:
    """Mark a task whose turn also answers what a person typed just before or after it (2.1.197)."""
    if task is not None:
        task["shared"] = True
        tasks.note_fact(task, "it shares its turn with what a person typed")


def _queue(agent_dir: str, now: Status, task: Task | None, report: Report) -> None:
    """Note a text that was submitted while a turn ran; it shows that turn's id."""
    running = now["turn"]
    if task is None:
        typed_into = tasks.find(running["task"]) if running else None
        if typed_into:
            tasks.note_fact(typed_into, "a person typed into its turn: " + report.get("prompt", "")[:200])
        return
    if receipts.receive(task, report.get("prompt", ""), None, "queued behind a running turn"):
        facts = {"queued": [*now["queued"], task["task_id"]], "seen_ns": report["at_ns"]}
        status.note(agent_dir, now, **facts)


def _ask(agent_dir: str, now: Status, report: Report) -> None:
    if _late(now, report):
        return
    question = report["question"]
    if now["status"] is State.BLOCKED and now["question"] and not question["call"]:
        return  # the Notification, seconds after the PermissionRequest, says less
    facts = {"question": question, "subagent": report.get("subagent", ""), "seen_ns": report["at_ns"]}
    why = f"blocked on {questions.words(question)}"
    status.apply(agent_dir, now, Event.ASK, why=why, source="hook", **facts)


def _sign(agent_dir: str, now: Status, report: Report) -> None:
    if _late(now, report):
        return
    subagent, why = report.get("subagent", ""), "continues after an answer"
    if now["questions"]:
        closed = questions.answered(now, report.get("call", ""), subagent)
        _close(agent_dir, now, closed, Event.SIGN, why, report["at_ns"])
    elif not subagent:
        status.apply(agent_dir, now, Event.SIGN, why=why, source="hook", seen_ns=report["at_ns"])


def _close(agent_dir: str, now: Status, closed: list[QuestionRecord], event: Event, why: str, at_ns: int) -> None:
    """Close some of the open questions; the agent continues once none is open. Another tool's end closes none."""
    if not closed:
        return
    questions.close(now, closed, event, why)
    if questions.open_of(now):
        status.note(agent_dir, now, seen_ns=at_ns)
    else:
        status.apply(agent_dir, now, Event.SIGN, why=why, source="hook", seen_ns=at_ns)


def _stop(agent_dir: str, now: Status, report: Report) -> None:
    if report.get("subagent"):
        asked = questions.of_subagent(now, report["subagent"])
        _close(agent_dir, now, asked, Event.STOP, "its subagent has ended", report["at_ns"])
        return
    prompt_id, message = report.get("prompt_id"), report.get("message", "")
    turn, last = now["turn"], now["last_turn"]
    if prompt_id and last and prompt_id == last["prompt_id"] and not (turn and turn["prompt_id"] == prompt_id):
        _renew(now, last, message)
        # The wait for the session to be idle starts again.
        status.note(agent_dir, now, seen_ns=max(now["seen_ns"], report.get("at_ns", 0)))
        return
    if turn is None or (prompt_id and turn["prompt_id"] not in (None, prompt_id)):
        former = _former(agent_dir, prompt_id)
        if former is not None:
            tasks.complete(former, message, "its Stop came late")
            return
        turn = _unannounced(now, prompt_id)
    background = report.get("background", [])
    task = tasks.find(turn["task"])
    begun = parking.background(turn, background)
    parked = parking.without(now, *parking.told(now, message)) if turn["whose"] == "own" else parking.without(now)
    now.update(parked)  # type: ignore[typeddict-item]
    if task is not None and turn["whose"] != "person":
        why = "its turn ended" if turn["whose"] == "task" else "it continued by itself and ended"
        if begun:
            tasks.park(task, message, f"waits for its background work: {', '.join(begun)}")
            parked = parking.put(now, {"task": task["task_id"], "before": turn["before"], "ids": begun})
        else:
            tasks.complete(task, message, why)
            parked = parking.without(now, task["task_id"])
    adopt = now["adopt"]
    adopted = tasks.find(adopt) if turn["whose"] == "person" else None
    if adopted is not None and adopted["status"] is not Step.DONE:
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
    _next_turn(agent_dir, now, message, Event.PARK if parked["parked"] else Event.STOP, facts)


def _next_turn(agent_dir: str, now: Status, message: str, event: Event, facts: dict[str, Any], why: str = "") -> None:
    """End the running turn by `event`, or begin that of a text which was queued behind it."""
    if not now["queued"]:
        why = why or ("waits for its background work" if event is Event.PARK else "its turn ended")
        status.apply(agent_dir, now, event, why=why, source="hook", turn=None, **facts)
        return
    waiting, rest = now["queued"][0], now["queued"][1:]
    # No UserPromptSubmit will announce this turn. Should none come (an older
    # release took the text into the turn that ended), this message is its reply.
    files.write(f"{layout.task_dir(waiting)}/provisional.md", frame.valid(message).encode())
    turn: Turn = {"prompt_id": None, "whose": "task", "task": waiting, "at": wall_s(), "before": now["background"]}
    why = f"working on task {waiting}, which was queued"
    status.apply(agent_dir, now, Event.ACCEPT, why=why, source="hook", turn=turn, **{**facts, "queued": rest})


def _renew(now: Status, last: Turn, message: str) -> None:
    """Take a later Stop of a turn that had ended already: a Stop hook of the user's sent it on."""
    task, why = tasks.find(last["task"]), "a Stop hook sent its turn on"
    if task is None or last["whose"] == "person" or not message:
        return
    if parking.of(now, task["task_id"]):
        tasks.park(task, message, why)
    else:
        tasks.complete(task, message, why)


def _former(agent_dir: str, prompt_id: str | None) -> Task | None:
    """Return the task of an earlier turn that had this id and was given up: what ends it comes late."""
    near = map(tasks.find, status.recent_tasks(agent_dir, FORMER_LIMIT)) if prompt_id else ()
    return next((task for task in near if task and task["prompt_id"] == prompt_id), None)


def _unannounced(now: Status, prompt_id: str | None) -> Turn:
    """Return the turn of a Stop that no UserPromptSubmit announced: that hook was lost."""
    turn: Turn = {"prompt_id": prompt_id, "whose": "person", "task": None, "at": wall_s(), "before": now["background"]}
    running, task = now["turn"], tasks.find(now["delivering"])
    if running and running["task"] and running["whose"] == "task":
        observed.end_task(running["task"], Step.INTERRUPTED, "its turn ended without a reply, and another one followed")
    if now["queued"]:
        # Esc in the running turn starts what was queued behind it at once.
        turn.update({"whose": "task", "task": now["queued"].pop(0)})
        return turn
    if task is not None and in_transcript(now["transcript"], task["task_id"]):
        task["prompt_id"] = prompt_id
        if tasks.note_step(task, Step.ACCEPTED, "seen in the transcript; its receipt was lost"):
            turn.update({"whose": "task", "task": task["task_id"]})
    return turn


def in_transcript(path: str | None, task_id: str) -> bool:
    """Tell whether a task's first line stands near the end of a conversation's transcript."""
    return bool(path) and f"[flowloom task {task_id} from ".encode() in files.tail(path or "", TRANSCRIPT_TAIL_BYTES)


def _fail(agent_dir: str, now: Status, report: Report) -> None:
    turn = now["turn"]
    prompt_id = report.get("prompt_id")
    if turn is None or (prompt_id and turn["prompt_id"] not in (None, prompt_id)):
        if _former(agent_dir, prompt_id):
            return
        turn = _unannounced(now, prompt_id)
    task = tasks.find(turn["task"])
    error = report.get("error") or "the model could not be reached"
    until = limits.reset_at(report.get("message", ""), wall_s()) if report.get("limited") else 0.0
    parked, event, why = parking.without(now), Event.FAIL, f"its turn failed: {error}"
    if task is not None and turn["whose"] != "person" and until:
        parked = parking.put(now, limits.park(task, turn, until, error, wall_s()))
    elif task is not None and turn["whose"] != "person":
        parked = parking.without(now, task["task_id"])
        if report.get("message"):
            files.write(f"{layout.task_dir(task['task_id'])}/partial.md", frame.valid(report["message"]).encode())
        tasks.note_step(task, Step.FAILED, f"Claude Code reported: {error}")
    facts: dict[str, Any] = {
        "last_turn": {**turn, "prompt_id": prompt_id},
        "seen_ns": max(now["seen_ns"], report.get("at_ns", 0)),
    }
    newest = parked["parked"]
    if newest and newest.get("until"):
        event, why = Event.PARK, limits.waits_for(newest["until"], wall_s())
    facts |= parked
    _next_turn(agent_dir, now, "", event, facts, why)


def _end(agent_dir: str, now: Status, report: Report) -> None:
    if _late(now, report) or report.get("reason") in ("clear", "resume"):
        return  # a SessionStart follows at once
    if report.get("session_id") and now["session_id"] and report["session_id"] != now["session_id"]:
        return  # of a former session, in a window that is closed by now
    observed.leave(agent_dir, now, Event.END, ENDS.get(report.get("reason", ""), "its session ended"))


HEARD: dict[str, Callable[[str, Status, Report], None]] = {
    Event.UP: _up,
    Event.ACCEPT: _accept,
    Event.ASK: _ask,
    Event.SIGN: _sign,
    Event.STOP: _stop,
    Event.FAIL: _fail,
    Event.END: _end,
    Event.NOTICE: told.notice,
}
