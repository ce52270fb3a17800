"""A task in the window of its agent: how it is taken back, and what to do where it failed."""

from __future__ import annotations

from flowloom.agents.agent import Agent
from flowloom.config.settings import Settings
from flowloom.delegation.delivery import Delivery, text_of
from flowloom.errors import DamagedFile, NoSuchAgent, TmuxUnreachable
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.transports.paste.held_up import EDITOR
from flowloom.turns import limits, parking, status, task_lock
from flowloom.turns.states import NO_PROGRAM, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.tasks.record import Task
    from flowloom.transports.protocol import Recall, Transport
    from flowloom.turns.record import Status

LABEL = ""
ENDED = "its turn has just ended"


def refresh(task: Task) -> str:
    """Bring the task's agent up to date; return why that cannot be done, nothing where it can."""
    try:
        return Agent(tasks.agent_of(task)).refresh()
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
    look = f"look at its window: flowloom attach {name}" if _has_window(task) else f"ask again: that starts {name}"
    return {
        Step.UNKNOWN: f"look at its window: flowloom attach {name}; then flowloom wait {task_id}, or ask again",
        Step.INTERRUPTED: f"ask again, or continue in its window: flowloom attach {name}",
        Step.CANCELLED: "ask again if you still need it",
    }.get(task["status"], f"{look}; your prompt is saved: flowloom show {task_id}")


def _has_window(task: Task) -> bool:
    """Tell whether the agent of a task still has a window to look at."""
    try:
        return Agent(tasks.agent_of(task)).status()["status"] not in NO_PROGRAM
    except (DamagedFile, NoSuchAgent):
        return False


def cancel(task_id: str) -> str:
    """Take a task back: out of the line, or by Esc out of the agent's running turn; return what was done.

    An agent that is interrupted stays ready, with its conversation.
    """
    task = tasks.read(task_id)
    if task["agent"] is None:
        return _withdraw(task_id)
    agent = Agent(tasks.agent_of(task))
    look = None
    try:
        _, look = agent.reconcile()
    except TmuxUnreachable:
        if task["status"] is not Step.CREATED:
            raise  # the agent has the task, and its window cannot be reached to press Esc
    with task_lock.hold(task_id) as task:
        now = agent.status()
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
            limits.give_up(agent.ref, now, Step.CANCELLED, why)
        elif now["delivering"] == task_id:
            status.note(agent.ref, now)
    # It has its end. What its window is told from here on is told without the lock, where hooks are heard.
    if waits:
        return _no_continue(agent, now, task_id)
    if task_was_parked:
        return "its background work continues in its window; its message so far is kept"
    if running and look is not None and now["pane_id"]:
        return _interrupt(agent, task_id)
    if typed and now["pane_id"]:
        return _came_to(agent, _transport(agent, task_id).take_back(text_of(task_id), now))
    if queued:
        # The text is queued in Claude Code behind another turn: an Esc would end that turn and begin this one.
        return f"its agent has queued it already and will work on it; remove it there: flowloom attach {agent.name}"
    return "it will not be delivered"


def _withdraw(task_id: str) -> str:
    """Take a task back that no agent has; one that an agent has taken meanwhile is taken back from it."""
    with task_lock.hold(task_id) as task:
        if tasks.ended(task):
            return f"it had already ended: {task['status']}"
        if task["agent"] is None:
            tasks.note_step(task, Step.CANCELLED, "cancelled by the user")
            return "it will not be delivered"
    return cancel(task_id)


def _interrupt(agent: Agent, task_id: str) -> str:
    """End a cancelled task's turn, if it still runs, so that nothing reaches the next task's turn.

    No text is handed in before the turn is known to be over. So a look from before the turn was seen to run has the
    stamp of the window as it must be when the agent is interrupted.
    """
    seen = agent.status()
    look = agent.tmux(seen).look(seen["pane_id"] or "")
    now = agent.status()
    turn = now["turn"]
    if look is None or turn is None or turn["task"] != task_id:
        return ENDED
    return _came_to(agent, _transport(agent, task_id).interrupt(now, look))


def _no_continue(agent: Agent, now: Status, task_id: str) -> str:
    """Let an agent that waits for its usage limit not continue, where its window says so."""
    look = agent.tmux(now).look(now["pane_id"]) if now["pane_id"] else None
    if look is None or agent.provider().screen.limit(look.screen) != "waits":
        return "it was waiting for its usage limit; see that the agent leaves it: flowloom attach " + agent.name
    done = _transport(agent, task_id).interrupt(now, look)
    return "it will not continue when its usage limit resets" if done == "interrupted" else _came_to(agent, done)


def _transport(agent: Agent, task_id: str) -> Transport:
    return Delivery(agent, task_id, Settings()).transport


def _came_to(agent: Agent, recall: Recall) -> str:
    """Say what became of a text that was taken back, or of a turn that was interrupted."""
    attach = f"flowloom attach {agent.name}"
    return {
        "unsent": "it will not be delivered",
        "removed": "its text was removed from the agent's window",
        "sent": f"its text may be sent already; if so, press Esc in its window: {attach}",
        "interrupted": "the agent was interrupted",
        "over": ENDED,
        "lent": f"{EDITOR}, so the agent continues; close it, and interrupt the agent: {attach}",
        "refused": f"its window takes no keys, so the agent continues; look at it: {attach}",
    }[recall]
