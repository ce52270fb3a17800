"""Reports that change nothing: what most hook calls say. They end without a lock and wake no process."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.providers.protocol import Report
    from flowloom.turns.record import Status


def is_noop(now: Status, report: Report) -> bool:
    """Tell whether a report leaves the agent as it is: the end of a tool call that answers no question, for example.

    Imports nothing, because a hook call asks this before it loads anything else.
    """
    event = report["event"]
    if report.get("subagent"):
        # It moves nothing but its own questions, and is told beside the turns.
        return not now["questions"] if event in ("sign", "stop") else event not in ("ask", "notice")
    if report.get("session_id") in now["foreign"]:
        return False  # its window may show that session by now
    if event == "notice":
        return not report.get("source")
    if event != "sign":
        return False
    own = report.get("session_id") == now["session_id"]
    if own and report.get("transcript") and report["transcript"] != now["transcript"]:
        return False
    return now["status"] != "blocked" and not now["questions"]
