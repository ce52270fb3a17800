"""Every agent with its status, for the listings: nothing of one agent's takes a listing down."""

from __future__ import annotations

from flowloom.agents.agent import Agent, list_agents
from flowloom.errors import FlowLoomError, NoSuchAgent, TmuxUnreachable
from flowloom.store import layout, locks, state_folder
from flowloom.store.log import log
from flowloom.turns import spool, whereabouts
from flowloom.turns.record import empty_status
from flowloom.turns.states import NO_PROGRAM, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.store.layout import AgentRef
    from flowloom.turns.record import Status


def survey() -> list[tuple[Agent, Status]]:
    """Return every agent with its reconciled status; each tmux server lists its windows once.

    Where an agent's state cannot be told, `unreachable` in its status says why.
    """
    listing = whereabouts.PaneListing()
    found = []
    for agent in list_agents():
        try:
            with locks.LockWait(limit_s=locks.GLANCE_S):
                now = _reconciled(agent, listing)
        except (FlowLoomError, OSError) as error:
            now = _unknown(agent, error)
        found.append((agent, now))
    return found


def _reconciled(agent: Agent, listing: whereabouts.PaneListing) -> Status:
    spool.drain(agent.ref)
    if _is_held(agent.ref):
        with spool.lock(agent.ref):
            pass  # what its holder has not written yet is not in its status
    now = agent.status()
    if now["status"] in NO_PROGRAM:
        return agent.reconcile()[0]
    window = listing.pane(now)
    if window is None or window.dead or not whereabouts.is_own(now, window):
        # It can have been started since the windows were listed.
        now, _ = agent.reconcile()
    else:
        now = agent.compare(now, window)
    return agent.come_up(now) if now["status"] is State.STARTING else now


def _is_held(agent: AgentRef) -> bool:
    try:
        return spool.refusal(agent) is not None
    except OSError:
        return False  # the state folder is read-only, for example: nothing is moved, and what is there is shown


def _unknown(agent: Agent, error: FlowLoomError | OSError) -> Status:
    """Return the last known status of an agent whose state cannot be told, with the reason."""
    why = state_folder.named(error)
    if not isinstance(error, TmuxUnreachable):
        log("error", "survey", f"{agent.agent_id}: {why}")
    elif error.reason:
        why = f"{error.reason}; {error.hint}"
    try:
        now = agent.status()
    except NoSuchAgent:
        return _unread(agent, f"{layout.status(agent.ref)} is missing; start it: flowloom start {agent.agent_id}")
    except (FlowLoomError, OSError):
        return _unread(agent, why)
    now["unreachable"] = why
    return now


def _unread(agent: Agent, why: str) -> Status:
    """Return the status of an agent whose record cannot be read."""
    now = empty_status(agent.agent_id, agent.name, "", agent.slug, "")
    now.update({"why": why, "unreachable": why, "unread": True})
    return now
