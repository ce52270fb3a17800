"""How an agent is stopped: its draft kept, its program asked to leave or ended, its window closed."""

from __future__ import annotations

from flowloom import drafts, files, procs, sights, status, whereabouts
from flowloom.errors import AgentFailed
from flowloom.states import Event, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents import Agent
    from flowloom.looks import Look
    from flowloom.records import Status
    from flowloom.tmux import Tmux

# Claude Code is gone 0.3 s after /exit; a SessionEnd hook of the user's has 1.5 s.
LEAVE_S = 5.0


def stop(agent: Agent, *, force: bool = False) -> str:
    """Ask the agent to leave, wait LEAVE_S, then end it, and close its window; return how it went.

    A person's draft in its box is kept first, and `Agent.kept` says where.

    Raises:
        AgentFailed: not all of that draft could be read, and `force` is not given; nothing was done.
    """
    how = "was not running"
    while True:
        now, look = agent.reconcile()
        tmux, pane = agent.tmux(now), now["pane_id"]
        if look is not None and pane:
            _keep_draft(agent, look, tmux, pane, force=force)
            how = _end_program(agent, now, look, tmux, pane)
        with status.lock(agent.directory):
            fresh = agent.status()
            if fresh["status"] is not State.OFFLINE and (fresh["pid"], fresh["pane_id"]) != (now["pid"], pane):
                continue  # another process was just starting it, and had not recorded that when we looked
            if fresh["status"] is not State.OFFLINE:
                sights.leave(agent.directory, fresh, Event.END, "you stopped it")
            whereabouts.close(fresh)
            # Its own hook has told of its end, and not by whose hand.
            why = fresh["why"] if how == "was not running" else "you stopped it"
            if agent.kept:
                why = f"you stopped it; the draft in its box is kept in {agent.kept}"
            status.note(agent.directory, fresh, window_id=None, pane_id=None, deaths=[], why=why)
            return how


def _keep_draft(agent: Agent, look: Look, tmux: Tmux, pane: str, *, force: bool) -> None:
    screen, keys = agent.read_screen(look), agent.provider().EDIT
    if look.dead or screen["kind"] != "box" or not screen["draft"] or drafts.own(screen) is not None:
        return
    text = None
    if keys and drafts.hands_over(agent.directory) and not procs.unread_bytes(look.tty):
        if look.in_mode:
            tmux.leave_mode(pane)
        text = drafts.fetch(agent.directory, lambda: tmux.press(pane, *keys))
        procs.await_true(lambda: not procs.is_lent(look.tty), timeout_s=LEAVE_S)
    if text is None and not drafts.is_whole(screen) and not force:
        raise AgentFailed(
            f"{agent.agent_id} has a draft in its box that cannot be read whole; it was not stopped",
            hint=f"send or clear it: flowloom attach {agent.name}; --force keeps only what its window shows",
        )
    agent.kept = drafts.keep(agent.directory, screen["draft"] if text is None else text)


def _end_program(agent: Agent, now: Status, look: Look, tmux: Tmux, pane: str) -> str:
    """Ask the agent's program to leave where it can be asked, and end it where it stays; return how it went."""
    if agent.read_screen(look)["kind"] == "box" and now["status"] in (State.IDLE, State.PARKED):
        _ask_to_leave(agent, tmux, pane)
    if now["pid"] and whereabouts.life(now) in ("runs", "stopped"):
        procs.end(now["pid"], grace_s=2.0)
        return "was ended"
    return "left"


def _ask_to_leave(agent: Agent, tmux: Tmux, pane: str) -> None:
    look = tmux.look(pane)
    now = agent.status()
    if look is None or look.dead:
        return
    if agent.kept or agent.read_screen(look)["draft"]:
        # Behind its editor 2.1.330 loses a Ctrl-C and shows an empty box for a moment: what is pasted then is
        # submitted with the draft.
        return
    path = f"{agent.directory}/leave"
    files.write(path, agent.provider().LEAVE.encode(), durable=False)
    buffer = f"flowloom-{agent.agent_id}"
    tmux.paste(pane, {buffer: path}, enter=False)
    tmux.press(pane, "Enter")
    procs.await_end(now["pid"], timeout_s=LEAVE_S)
