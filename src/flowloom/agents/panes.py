"""The pane that an agent starts in: its former one, a new one, or the one that its program never left."""

from __future__ import annotations

import os
from functools import partial

from flowloom.agents.agent import list_agents
from flowloom.clock import Deadline
from flowloom.errors import AgentFailed, FlowLoomError, TmuxUnreachable
from flowloom.ports import births, procs
from flowloom.store.bell import pause
from flowloom.turns import spool, status, whereabouts
from flowloom.turns.states import NO_PROGRAM, Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents.agent import Agent
    from flowloom.config.settings import Settings
    from flowloom.ports.tmux.formats import Look, Window
    from flowloom.ports.tmux.server import Tmux
    from flowloom.store.shapes import Process
    from flowloom.turns.record import Status

# Claude Code is gone 0.3 s after its last word; a SessionEnd hook of the user's has 1.5 s.
LEAVING_S, LEAVING_AGAIN_S = 3.0, 0.02
# A program counts as ended with its first thread; tmux sees it once the last one has ended and closed the terminal.
CLOSES_S = 5.0
# How long a tmux server may take to end once nothing listens at its socket.
ENDS_S = 1.0


def adopt(agent: Agent, now: Status) -> bool:
    """Mark an agent as started if it counted as gone and its program runs; tell whether it does.

    One conversation never runs twice.

    Raises:
        TmuxUnreachable: its program runs, and its window cannot be reached.
        AgentFailed: its program has lost its window and does not end.
    """
    process = whereabouts.program(now)
    # The program reports the end of its session a moment before it ends itself.
    if process is None or _has_left(now):
        return False
    look = whereabouts.look(now)
    if look is not None and not look.dead:
        with spool.lock(agent.ref):
            fresh = agent.status()
            if fresh["status"] in NO_PROGRAM:
                facts = {"up": True, "pid": look.pid}
                why = "found running in its window"
                status.apply(agent.ref, fresh, Event.SPAWN, why=why, source="tmux", **facts)
        return True
    if whereabouts.life(now) in ("ended", "unknown"):
        return False
    if not procs.end(process["pid"], grace_s=procs.GRACE_S):
        raise AgentFailed(
            f"the former program of {agent.agent_id} runs without its window (process {process['pid']})",
            hint=f"end it: kill -KILL {process['pid']}",
        )
    return False


def _has_left(now: Status) -> bool:
    """Wait a moment for an agent's program to end; tell whether it has, by its pane where nothing else tells."""
    deadline = Deadline(LEAVING_S)
    while (life := whereabouts.life(now)) != "ended" and (life != "unknown" or _stands(now)):
        if deadline.over():
            return False
        pause(deadline.within_s(LEAVING_AGAIN_S))
    return True


def _stands(now: Status) -> bool:
    """Tell whether an agent's own program is seen in its pane."""
    try:
        look = whereabouts.look(now)
    except TmuxUnreachable:
        return False
    return look is not None and not look.dead


def survey(tmux: Tmux) -> tuple[list[Window], list[str]]:
    """Return the windows on a server and the names of the variables that a new one gets; none where no server runs.

    Raises:
        TmuxUnreachable: one runs and cannot be reached.
    """
    try:
        return tmux.survey()
    except TmuxUnreachable as error:
        if not error.absent:
            raise
    _refuse_second_server(tmux)
    return [], []


def for_program(
    agent: Agent, settings: Settings, tmux: Tmux, now: Status, directory: str, command: list[str], listed: list[Window]
) -> tuple[str, str]:
    """Return window and pane for the program: the former ones if its dead program still stands there, else new ones.

    `listed` are the windows on that server, as `survey` has found them.
    """
    pane_id = now["pane_id"]
    look = _once_closed(tmux, now, pane_id) if pane_id and now["socket"] == tmux.socket else None
    if look and pane_id and look.agent_id == agent.agent_id and whereabouts.is_its_server(now, look.server_pid):
        if look.dead and whereabouts.is_own(now, look) and tmux.reopen(pane_id, directory, command):
            return look.window_id, pane_id
        if look.dead or not whereabouts.is_own(now, look) or whereabouts.life(now) == "ended":
            # A person, or a process that our program has started, has used the pane since it ended: it is theirs now.
            tmux.unmark(pane_id)
    if pane_id:
        listed, _ = survey(tmux)  # the first one can be from before the end of the former program was seen
    for window in listed:
        if window.is_ours and window.agent_id == agent.agent_id and not window.dead:
            raise AgentFailed(
                f"a window of {agent.agent_id} runs that FlowLoom has lost sight of ({window.window_id})",
                hint=f"look at it, then close it: {' '.join(tmux.client)} kill-pane -t {window.pane_id}",
            )
    taken = [window.name for window in listed if window.session == settings.session]
    name = agent.agent_id if agent.name in taken else agent.name
    session, agent_id = settings.session, agent.agent_id
    return tmux.open_window(session, name, agent_id, directory, command, has_session=bool(taken))


def _once_closed(tmux: Tmux, now: Status, pane_id: str) -> Look | None:
    """Return a look at an agent's former pane once tmux has seen the end of a program that has provably ended."""
    deadline = Deadline(CLOSES_S)
    while (look := _look(tmux, pane_id)) is not None and not look.dead:
        if not whereabouts.is_own(now, look) or whereabouts.life(now) != "ended" or deadline.over():
            break
        pause(deadline.within_s(LEAVING_AGAIN_S))
    return look


def _refuse_second_server(tmux: Tmux) -> None:
    """Refuse to start a second tmux server at the socket of one that runs, where it is only out of reach.

    Raises:
        TmuxUnreachable: naming an agent on it, and how to make it listen again.
    """
    path = os.path.realpath(tmux.path())
    for agent in list_agents():
        try:
            now = agent.status()
        except (FlowLoomError, OSError):
            continue  # the commands on that agent report it
        server = now["server"]
        here = bool(server and now["socket_path"]) and os.path.realpath(now["socket_path"]) == path
        if not server or not here or births.life(server) not in ("runs", "stopped"):
            continue
        try:
            tmux.server_pid()
        except TmuxUnreachable as error:
            if not error.absent:
                raise
            # One whose last window has closed is gone from its socket a moment before it ends.
            if procs.await_true(partial(_has_ended, server), timeout_s=ENDS_S):
                continue
            raise whereabouts.unreachable(now, error) from error
        return


def _has_ended(process: Process) -> bool:
    return births.life(process) == "ended"


def _look(tmux: Tmux, pane_id: str) -> Look | None:
    """Return a look at a pane; None also where there is no server (yet)."""
    try:
        return tmux.look(pane_id)
    except TmuxUnreachable as error:
        if not error.absent:
            raise
        return None


def close_lost(tmux: Tmux, now: Status, script: str) -> None:
    """Close the pane of a start that was killed before it could note it; it has not been used yet."""
    for _, pane_id, pid in tmux.running(script):
        if pane_id != now["pane_id"]:
            tmux.close_pane(pane_id, pid)
            procs.await_end(pid, timeout_s=2.0)
