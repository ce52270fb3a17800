"""What is seen of an agent from outside its hooks: a dead window, a question on its screen, an idle session.

The caller holds the agent's lock and has just read `now`.
"""

from __future__ import annotations

from flowloom.clock import elapsed_s, wall_s
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import parking, questions, status
from flowloom.turns.states import NO_PROGRAM, Event, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.providers.protocol import Question
    from flowloom.store.layout import AgentRef
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status, Turn

# Deaths that lie further back do not count any more.
DEATHS_WITHIN_S = 120.0
# Separates, in the reason for a pause or for giving up, our words from the reason of the last death.
LAST = "; last: "


def leave(agent: AgentRef, now: Status, event: Event, why: str, *, at: float | None = None) -> None:
    """Mark an agent as gone: its current task has failed, a task whose text only stood in its box is sent again.

    It counts as a death if no one asked it to leave, and also if it left before it was
    ready: otherwise it would be started again and again.
    """
    waited = parking.limited(now) is not None
    let_go(
        now, Step.FAILED, f"the agent is gone: {why}" + ("; it waited for its usage limit to reset" if waited else "")
    )
    facts: dict[str, Any] = {"turn": None, "queued": [], "up": False, "parked": None, "also_parked": [], "pid": None}
    # An agent without a program is reported gone a second time, which is no second death.
    if now["status"] not in NO_PROGRAM and (event is Event.GONE or not now["up"] or now["status"] is State.STARTING):
        facts["deaths"] = [*recent_deaths(now), wall_s() if at is None else at]
    status.apply(agent, now, event, why=why, source="hook" if event is Event.END else "tmux", at=at, **facts)


def recent_deaths(now: Status) -> list[float]:
    """Return the times of an agent's recent deaths."""
    return [at for at in now["deaths"] if elapsed_s(at) < DEATHS_WITHIN_S]


def rest(agent: AgentRef, now: Status) -> None:
    """Mark an agent in backoff as offline: its time is over, and no task starts it again."""
    why = now["why"].rpartition(LAST)[2]
    status.apply(agent, now, Event.RESET, why=why, source="policy", again_at=0.0)


def quiet(agent: AgentRef, now: Status, why: str, *, step: Step = Step.INTERRUPTED, in_box: str | None = None) -> None:
    """Mark an agent as idle whose session is idle although no hook said so: a person pressed Esc.

    `in_box` is the task whose text stands in the box again; `step` is what becomes of that of the running turn.
    """
    turn = now["turn"]
    task = tasks.find(turn["task"]) if turn else None
    # The task has no turn of its own: it was queued (and has the message of the turn before), or its receipt was lost.
    own = turn is None or turn["prompt_id"] or turn["whose"] != "task" or turn["task"] == in_box
    shared = tasks.provisional_of(task["task_id"]) if task and not own and not tasks.ended(task) else None
    if task and shared is not None:
        task["shared"] = True
        tasks.complete(task, shared.decode("utf-8", "replace"), "answered within the turn that was running")
    else:
        let_go(now, step, why)
    last = turn or now["last_turn"]
    # Esc in a turn of the agent's own ends the task that was parked.
    facts = parking.without(now, turn["task"]) if turn else {}
    status.apply(agent, now, Event.QUIET, why=why, source="session", turn=None, queued=[], last_turn=last, **facts)


def box(agent: AgentRef, now: Status) -> None:
    """Mark an agent as idle that is up and shows its input box."""
    status.apply(agent, now, Event.BOX, why="ready for input", source="screen")


def dialog(agent: AgentRef, now: Status, question: Question) -> None:
    """Mark an agent as blocked that has a question on its screen."""
    if now["status"] is State.BLOCKED and questions.adds_nothing(now, question):
        return
    why = f"blocked on {questions.words(question)}"
    status.apply(agent, now, Event.DIALOG, why=why, source="screen", question=question)


def asks(kind: str, text: str, how: str) -> Question:
    """Return a question that only the window shows, and that cannot be read there."""
    return {"kind": kind, "text": text, "how": how, "call": "", "options": []}


def goes_on(agent: AgentRef, now: Status, why: str) -> None:
    """Mark an agent as working whose session is busy: a person answered, or a Stop hook continued its turn."""
    turn = now["turn"] or now["last_turn"]
    status.apply(agent, now, Event.RESUME, why=why, source="session", turn=turn)


IN_TRANSCRIPT = "seen in the transcript; its receipt was lost"


def found_accepted(agent: AgentRef, now: Status, task: Task, seen: str = IN_TRANSCRIPT) -> None:
    """Mark a task as accepted without a receipt, by what was seen of its prompt."""
    if not tasks.note_step(task, Step.ACCEPTED, seen):
        return
    turn: Turn = {
        "prompt_id": None,
        "whose": "task",
        "task": task["task_id"],
        # The time of the step before, not of now: an `idle` of the session counts only if it is later than that.
        "at": task["journal"][-2]["at"],
        "at_ns": 0,
        "before": now["background"],
    }
    why = f"working on task {task['task_id']}"
    status.apply(agent, now, Event.ACCEPT, why=why, source="transcript", turn=turn, conversation=True)


def unpark(agent: AgentRef, now: Status, task_id: str) -> None:
    """Complete a parked task with its last message if none of its work runs: another turn was told of the end."""
    entry, task = parking.of(now, task_id), tasks.find(task_id)
    if task is None or entry is None or entry.get("until") or not parking.is_over(entry, now["background"]):
        return
    message = (tasks.provisional_of(task_id) or b"").decode("utf-8", "replace")
    tasks.complete(task, message, "its background work ended within another turn")
    release(agent, now, "its background work is over", task_id)


def release(agent: AgentRef, now: Status, why: str, task_id: str, *, at: float | None = None) -> None:
    """Take a task out of what is parked; the agent is idle once nothing is."""
    facts = parking.without(now, task_id)
    event = Event.PARK if facts["parked"] else Event.STOP
    status.apply(agent, now, event, why=why, source="session", at=at, **facts)


def let_go(now: Status, step: Step, why: str) -> None:
    """End every task that the agent has taken: in its turn, queued, or parked."""
    turn = now["turn"]
    waiting = [entry["task"] for entry in parking.entries(now)] if step is Step.FAILED else []
    for task_id in [turn["task"] if turn else None, *now["queued"], *waiting]:
        if task_id:
            end_task(task_id, step, why)


def end_task(task_id: str, step: Step, why: str) -> None:
    """End a task that has not ended yet."""
    task = tasks.find(task_id)
    if task is not None and not tasks.ended(task):
        tasks.note_step(task, step, why)
