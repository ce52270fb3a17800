"""Reports that belong to no turn: what auto mode denied, what became of a usage limit."""

from __future__ import annotations

from flowloom.store.log import log
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import limits, status
from flowloom.turns.states import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.providers.protocol import Report
    from flowloom.store.layout import AgentRef
    from flowloom.turns.record import Status


def notice(agent: AgentRef, now: Status, report: Report) -> None:
    """Keep a report that belongs to no turn: auto mode denied a call."""
    kind, message = report.get("source", ""), report.get("message", "")
    if kind == "denied":
        task = tasks.find(now["turn"]["task"]) if now["turn"] else None
        if task is not None:
            tasks.note_fact(task, message)
        status.apply(agent, now, Event.NOTICE, why=message, source="hook", at=report["at"])
    elif kind == "limit given up":
        why = "the usage limit was reached; automatic continue was turned off in its window"
        why += f"; {limits.ask_again(limits.until(now), report['at'])}"
        limits.give_up(agent, now, Step.FAILED, why, at=report["at"])
    elif kind == "limit over":
        if limits.until(now):
            # The machine slept while the limit was reset.
            why = "its usage limit has reset: press Enter in its window to continue"
            status.apply(agent, now, Event.PARK, why=why, source="hook", at=report["at"])
            status.note(agent, now, why=why)
    else:
        log("info", "side_reports", f"a notice of a kind that is not known: {kind}", said=message)
