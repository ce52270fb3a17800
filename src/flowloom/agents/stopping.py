"""How an agent is stopped: its draft kept, its program asked to leave or ended, its window closed."""

from __future__ import annotations

import os

from flowloom.agents.agent import HOOK
from flowloom.clock import Deadline
from flowloom.errors import AgentFailed, TmuxUnreachable
from flowloom.ports import births, procs
from flowloom.store import files, layout
from flowloom.transports.paste import unsent
from flowloom.turns import observed, spool, status, whereabouts
from flowloom.turns.states import NO_PROGRAM, Event, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents.agent import Agent
    from flowloom.ports.tmux.server import Tmux
    from flowloom.turns.record import Status

# Claude Code is gone 0.3 s after /exit; a SessionEnd hook of the user's has 1.5 s.
LEAVE_S = 5.0
# What is pasted stands in the box within 0.1 s.
SHOWN_S = 2.0
# Its children have this long to end after it.
LINGER_S = 1.0
# In the environment of all that the agent's program starts.
MARK = "FLOWLOOM_AGENT_DIR"


def stop(agent: Agent, *, force: bool = False) -> str:
    """Ask the agent to leave, wait LEAVE_S, then end it, and close its window; return how it went.

    What a person has not sent is kept first, and `Agent.kept` says where. What its program
    started and detached keeps running: `left_running` names it.

    Raises:
        AgentFailed: not all of that can be kept, and `force` is not given; it was not stopped.
        TmuxUnreachable: its window cannot be reached, and `force` is not given or nothing proves that its program runs.
    """
    how = "was not running"
    with spool.lock(agent.ref):
        pass  # a lock that another process does not let go of is met before anything is ended
    while True:
        try:
            now, look = agent.reconcile()
        except TmuxUnreachable as error:
            return _stop_unseen(agent, error, force=force)
        tmux, pane = agent.tmux(now), now["pane_id"]
        if look is not None and pane:
            unsent.keep(agent, now, pane, force=force)
            how = _end_program(agent, now, tmux, pane)
        _end_other_sessions(agent, now)
        # No other process starts it while its window is closed.
        with spool.starting(agent.ref):
            with spool.lock(agent.ref):
                fresh = agent.status()
                if fresh["status"] is not State.OFFLINE and (fresh["pid"], fresh["pane_id"]) != (now["pid"], pane):
                    continue  # another process started it between the look and the lock
                _leave(agent, fresh)
            whereabouts.close(fresh)
            # Its own hook has reported its end; that a person stopped it is noted here.
            why = fresh["why"] if how == "was not running" else "you stopped it"
            if agent.kept:
                why = f"you stopped it; the draft in its box is kept in {agent.kept}"
            with spool.lock(agent.ref):
                fresh = agent.status()
                status.note(agent.ref, fresh, window_id=None, pane_id=None, deaths=[], why=why)
        return how


def _leave(agent: Agent, now: Status) -> None:
    """Take an agent for stopped. The caller holds its lock."""
    if now["status"] not in NO_PROGRAM:
        observed.leave(agent.ref, now, Event.END, "you stopped it")
    elif now["status"] is not State.OFFLINE:
        status.apply(agent.ref, now, Event.RESET, why="you stopped it", source="person", again_at=0.0)


def _stop_unseen(agent: Agent, error: TmuxUnreachable, *, force: bool) -> str:
    """End the program of an agent whose window cannot be reached, where its process is known beyond doubt."""
    now = agent.status()
    process = whereabouts.program(now)
    if process is None or not process["birth"] or births.life(process) not in ("runs", "stopped"):
        raise error
    if not force:
        anyway = f"end its program, with a draft in its box: flowloom stop {agent.agent_id} --force"
        error.hint = f"{error.hint}; or {anyway}" if error.hint else anyway
        raise error
    if not procs.end(process["pid"], grace_s=procs.GRACE_S):
        pid = process["pid"]
        raise AgentFailed(f"{agent.agent_id} does not end (process {pid})", hint=f"end it: kill -KILL {pid}")
    _end_other_sessions(agent, now)
    with spool.lock(agent.ref):
        fresh = agent.status()
        if fresh["process"] == now["process"]:
            _leave(agent, fresh)
            # Its pane is still noted: the next start reopens it if it can be reached by then.
            status.note(agent.ref, fresh, deaths=[], why="you stopped it; its window could not be reached")
    return f"was stopped without its window: process {process['pid']} was ended, and a draft in its box is not kept"


def _end_other_sessions(agent: Agent, now: Status) -> None:
    """End what still runs the agent's own conversation: a session that was moved to the background."""
    provider, session = agent.provider(), (now["session_id"] or "").encode()
    for pid, _, _ in procs.bearing(MARK, layout.agent_dir(agent.ref)):
        path = provider.session.session_file(agent.environment(), pid)
        if pid != now["pid"] and session and session in (files.read(path) or b""):
            procs.end(pid, grace_s=procs.GRACE_S)


def left_running(agent: Agent) -> list[tuple[int, str]]:
    """Return the processes, with their commands, that a stopped agent started and detached, as by `nohup` or `setsid`.

    Started in this way, they are meant to outlive it: a development server, a long build.
    """
    deadline = Deadline(LINGER_S)
    found = []
    for pid, words, on_terminal in procs.bearing(MARK, layout.agent_dir(agent.ref)):
        # A person can sit at a terminal. The hooks that heard of the agent's end are ending now.
        if not words or on_terminal or _ours(words):
            continue
        if not procs.await_end(pid, timeout_s=deadline.within_s(LINGER_S)):
            found.append((pid, " ".join(words)))
    return found


def _ours(words: list[str]) -> bool:
    """Tell whether a command is FlowLoom's own or a tmux server, which serve other agents too."""
    return os.path.basename(words[0]).startswith("tmux") or any(
        HOOK in word or os.path.basename(word).startswith("flowloom") for word in words[:8]
    )


def _end_program(agent: Agent, now: Status, tmux: Tmux, pane: str) -> str:
    """Ask the agent's program to leave where it can be asked, and end it where it stays; return how it went."""
    if now["status"] in (State.IDLE, State.PARKED):
        _ask_to_leave(agent, tmux, pane)
    if now["pid"] and whereabouts.life(now) in ("runs", "stopped"):
        procs.end(now["pid"], grace_s=procs.GRACE_S)
        return "was ended"
    return "left"


def _ask_to_leave(agent: Agent, tmux: Tmux, pane: str) -> None:
    look = tmux.look(pane)
    now = agent.status()
    if look is None or look.dead:
        return
    screen = agent.read_screen(look)
    if screen["kind"] != "box" or screen["draft"] or agent.kept:
        # Behind its editor 2.1.330 loses a Ctrl-C and shows an empty box for a moment: what is pasted then is
        # submitted with the draft.
        return
    submit = agent.key_bindings()["submit"]
    if not submit:
        return  # the user's bindings leave no key for it
    leave = agent.provider().program.LEAVE
    path = layout.leave_text(agent.ref)
    files.write(path, leave.encode(), durable=False)
    buffer = f"flowloom-{agent.agent_id}"
    tmux.paste(pane, {buffer: path})
    # If a person typed at the last moment, Enter would submit those words together with ours, as a prompt.
    if not procs.await_true(lambda: _box_holds(agent, tmux, pane, leave), timeout_s=SHOWN_S):
        unsent.keep_glued(agent, tmux.look(pane), leave)
        return
    tmux.press(pane, *submit)
    procs.await_end(now["pid"], timeout_s=LEAVE_S)


def _box_holds(agent: Agent, tmux: Tmux, pane: str, text: str) -> bool:
    look = tmux.look(pane)
    return look is None or look.dead or agent.read_screen(look)["draft"] == text
