"""Which session a report is of: the agent's own, one that it has become, another one's; and whether it comes late."""

from __future__ import annotations

from flowloom.turns.states import NO_PROGRAM, Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.providers.protocol import Report
    from flowloom.turns.record import Status

# A session moved in the middle of a turn says `idle` at its new place for 1-1.5 s before it continues (2.1.330).
CONTINUES_S = 3.0


def foreign(now: Status, report: Report) -> bool:
    """Tell whether a report is another session's, which has our hooks and our environment all the same.

    That is a fork, or the spare session that Claude Code starts when it moves one to the background. While the
    agent's own session is up, no other one of its window begins by a `startup`.
    """
    session_id = report.get("session_id")
    begins = report["event"] == Event.UP and report.get("source") in ("forked", "started")
    return session_id in now["foreign"] or (
        begins and (report.get("source") == "forked" or (now["up"] and session_id != now["session_id"]))
    )


def follow_session(now: Status, report: Report, shown: str) -> bool:
    """Take a foreign session for the agent's own, in memory, where its program says so; tell whether it does.

    `shown` is how the id of the session begins that the program says it shows, empty where it does not say.
    A left arrow on an empty box moves the session to the background, as a fork with another id that its window
    then shows (2.1.330). And a person can resume a session in the window that began elsewhere.
    """
    session_id = report.get("session_id", "")
    if not shown or not session_id.startswith(shown):
        return False
    now.update({"session_id": session_id, "transcript": report.get("transcript") or now["transcript"]})
    if now["turn"]:
        now["turn"] = {**now["turn"], "at": report["at"] + CONTINUES_S}
    now["foreign"] = [other for other in now["foreign"] if other != session_id]
    return True


def follow_transcript(now: Status, report: Report) -> None:
    """Take over, in memory, where the conversation is written by now.

    Claude Code moves it with its session into another working tree, and a
    SessionStart after that still names the former place (2.1.329).
    """
    written = report.get("transcript")
    if written and report.get("session_id") == now["session_id"] and not late(now, report):
        now["transcript"] = written


def late(now: Status, report: Report) -> bool:
    """Tell whether a report is older than what has been seen, or of the program before the one that runs now."""
    # While no program runs, a report with a process id comes from one that has ended.
    former = report.get("pid", now["pid"]) != now["pid"] and (now["pid"] is not None or now["status"] in NO_PROGRAM)
    return former or report.get("at_ns", 0) < now["seen_ns"]
