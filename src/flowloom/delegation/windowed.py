"""A task in the window of its agent: how it is taken back, and what to do where it failed."""

from __future__ import annotations

from flowloom.agents.agent import Agent
from flowloom.errors import DamagedFile, NoSuchAgent, TmuxUnreachable
from flowloom.ports import procs
from flowloom.queue import line
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.transports.paste import drafts
from flowloom.transports.paste.held_up import EDITOR
from flowloom.turns import limits, parking, spool, status
from flowloom.turns.states import NO_PROGRAM, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.ports.tmux.formats import Look
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status

LABEL = ""


def refresh(task: Task) -> str:
    """Bring the task's agent up to date; return why that cannot be done, nothing where it can."""
    try:
        return Agent(task["agent_dir"]).refresh()
    except NoSuchAgent:
        return ""  # its agent's folder was removed; the task is still there to be looked at


def watch(_task_id: str) -> float | None:
    """Return None: its runner carries it, step by step."""
    return None


def notes(_task: Task) -> list[str]:
    """Return the notes that its reply is printed with: none, they stand in `show`."""
    return []


def after_failure(task: Task) -> str:
    """Return what to do next about a task that ended without a reply."""
    task_id, name = task["task_id"], task["agent_id"].split("@")[0]
    look = f"look at its window: flowloom attach {name}" if _has_window(task) else "ask again to start it again"
    return {
        Step.UNKNOWN: f"look at its window: flowloom attach {name}; then flowloom wait {task_id}, or ask again",
        Step.INTERRUPTED: f"ask again, or continue in its window: flowloom attach {name}",
        Step.CANCELLED: "ask again if you still need it",
    }.get(task["status"], f"{look}; your prompt is saved: flowloom show {task_id}")


def _has_window(task: Task) -> bool:
    """Tell whether the agent of a task still has a window to look at."""
    try:
        return Agent(task["agent_dir"]).status()["status"] not in NO_PROGRAM
    except (DamagedFile, NoSuchAgent):
        return False


def cancel(task_id: str) -> str:
    """Take a task back: out of the line, or by Esc out of the agent's running turn; return what was done.

    An agent that is interrupted stays ready, with its conversation.
    """
    task = tasks.read(task_id)
    agent = Agent(task["agent_dir"])
    look = None
    try:
        _, look = agent.reconcile()
    except TmuxUnreachable:
        if task["status"] is not Step.CREATED:
            raise  # the agent has the task, and its window cannot be reached to press Esc
    with spool.lock(agent.directory):
        task, now = tasks.read(task_id), agent.status()
        if tasks.ended(task):
            return f"it had already ended: {task['status']}"
        turn = now["turn"]
        running = turn is not None and turn["task"] == task_id and now["status"] in (State.WORKING, State.BLOCKED)
        task_was_parked = task["status"] is Step.PARKED
        typed, queued = task["status"] in (Step.TYPED, Step.PASTED), task_id in now["queued"]
        tasks.note_step(task, Step.CANCELLED, "cancelled by the user")
        entry = parking.of(now, task_id)
        waits = entry is not None and bool(entry.get("until"))
        if waits:
            why = "its task was cancelled while it waited for its usage limit"
            limits.give_up(agent.directory, now, Step.CANCELLED, why)
        elif now["delivering"] == task_id:
            status.note(agent.directory, now)
    # It has its end. What its window is told from here on is told without the lock, where hooks are heard.
    if waits:
        return _no_continue(agent, now)
    if task_was_parked:
        return "its background work continues in its window; its message so far is kept"
    if running and look is not None and now["pane_id"]:
        return _interrupt(agent, task_id)
    if typed and now["pane_id"]:
        return _take_back(agent, now, task_id)
    if queued:
        # The text is queued in Claude Code behind another turn: an Esc would end that turn and begin this one.
        return f"its agent has queued it already and will work on it; remove it there: flowloom attach {agent.name}"
    return "it will not be delivered"


def _interrupt(agent: Agent, task_id: str) -> str:
    """End a cancelled task's turn by Esc, if it still runs, so that the key cannot reach the next task's turn.

    No text is pasted before the turn is known to be over. So a look from before the turn was seen to run has the
    stamp of the window as it must be when the key comes.
    """
    seen = agent.status()
    look = agent.tmux(seen).look(seen["pane_id"] or "")
    now = agent.status()
    turn = now["turn"]
    if look is None or turn is None or turn["task"] != task_id:
        return "its turn has just ended"
    return _escaped(agent, now, look, "the agent was interrupted")


def _no_continue(agent: Agent, now: Status) -> str:
    """Let an agent that waits for its usage limit not continue: Esc in its window, where that says so."""
    look = agent.tmux(now).look(now["pane_id"]) if now["pane_id"] else None
    if look is None or agent.provider().limit(look.screen) != "waits":
        return "it was waiting for its usage limit; see that the agent leaves it: flowloom attach " + agent.name
    return _escaped(agent, now, look, "it will not continue when its usage limit resets")


def _escaped(agent: Agent, now: Status, look: Look, done: str) -> str:
    """Press Esc in an agent's window if nothing was pasted since `look`; return `done`, or that it took no key."""
    tmux, pane = agent.tmux(now), now["pane_id"] or ""
    if _is_lent(agent, look):
        return f"{EDITOR}, so the agent continues; close it, and interrupt the agent: flowloom attach {agent.name}"
    if look.in_mode:
        tmux.leave_mode(pane)
    if tmux.press(pane, "Escape", stamp=look.stamp):
        return done
    after = tmux.look(pane)
    if after is not None and after.stamp != look.stamp:
        return "its turn has just ended"
    return f"its window takes no keys, so the agent continues; look at it: flowloom attach {agent.name}"


def _is_lent(agent: Agent, look: Look) -> bool:
    """Tell whether a key would reach a person's editor; the one that clears the box would end the agent's program."""
    return agent.provider().EDITS and procs.is_lent(look.tty)


def _take_back(agent: Agent, now: Status, task_id: str) -> str:
    """Take back a text that its agent has not confirmed: out of its box, or out of the turn that it has begun."""
    tmux, pane = agent.tmux(now), now["pane_id"] or ""
    # From here on, the paste of a process that is just about to paste is refused.
    stamp = tmux.claim(pane, line.typed(task_id))
    look = tmux.look(pane)
    if look is None or f"/{task_id}." not in stamp:
        return "it will not be delivered"
    on_its_way = f"its text was on its way; check that the agent ignores it: flowloom attach {agent.name}"
    now = agent.status()
    if now["turn"] is not None:
        return on_its_way  # a key would reach the turn that runs, which is not its own
    if _is_lent(agent, look):
        return on_its_way
    screen = agent.read_screen(look)
    if screen["busy"] or agent.session_says(now) == "busy":
        return _escaped(agent, now, look, "the agent was interrupted")
    if look.in_mode:
        tmux.leave_mode(pane)
    own = drafts.own(screen)
    if own is not None and own.task_id == task_id and tmux.press(pane, *agent.provider().CLEAR, stamp=look.stamp):
        return "its text was removed from the agent's window"
    return on_its_way
