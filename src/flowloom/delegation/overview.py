"""What waits for a person across all agents and tasks, with markers that each command corrects by what it reads."""

from __future__ import annotations

from flowloom.clock import elapsed_s
from flowloom.errors import FlowLoomError
from flowloom.queue import line
from flowloom.store import layout, news
from flowloom.store.log import log
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import status
from flowloom.turns.states import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowloom.agents.agent import Agent
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status


# An asker takes its place in line a few milliseconds after it has opened its task.
TAKES_PLACE_S = 2.0


def unattended(task: Task) -> bool:
    """Tell whether no process waits for an unfinished task: its own was killed, and its end would not be seen."""
    waits = not tasks.ended(task) and task["status"] is not Step.UNKNOWN
    if not waits or elapsed_s(task["created"]) < TAKES_PLACE_S:
        return False
    try:
        return not line.waited_for(task["agent_dir"], task["task_id"])
    except OSError as error:
        log(
            layout.home(),
            "error",
            "overview",
            f"not known who waits for it: {layout.named(error)}",
            task=task["task_id"],
        )
        return False


def questions(surveyed: Iterable[tuple[Agent, Status]]) -> list[Status]:
    """Return the agents that wait for a person; correct the markers that say otherwise."""
    known = {agent.agent_id: (agent, now) for agent, now in surveyed}
    found = {name for name, (_, now) in known.items() if now["status"] is State.BLOCKED}
    for name in found ^ set(news.waiting(news.QUESTION)):
        if name not in known:
            news.note(news.QUESTION, name, False)
            continue
        folder = known[name][0].directory
        try:
            with status.lock(folder):
                now = status.read(folder)
                news.note(news.QUESTION, name, now is not None and now["status"] is State.BLOCKED)
        except (FlowLoomError, OSError) as error:
            # Its marker stays as it is; its row says what is damaged.
            log(layout.home(), "error", "overview", f"{name}: {layout.named(error)}")
    return [now for name, (_, now) in known.items() if name in found]


def replies() -> list[Task]:
    """Return the left tasks with an unread reply, oldest first."""
    return _marked(news.REPLY)


def failures() -> list[Task]:
    """Return the left tasks that ended without a reply and have not been looked at since, oldest first."""
    return _marked(news.FAILED)


def _marked(kind: str) -> list[Task]:
    found = []
    for task_id in news.waiting(kind):
        task = tasks.find(task_id)
        if task is not None and (tasks.unread(task) if kind == news.REPLY else tasks.unseen_failure(task)):
            found.append(task)
        else:
            # The task was removed, or its marker could not be removed when it was read.
            news.note(kind, task_id, False)
    return sorted(found, key=lambda task: task["created"])


def count_unread(read: Iterable[Task]) -> None:
    """Mark unread replies among these tasks that no process waits for, because their asker died."""
    known = set(news.waiting(news.REPLY))
    for task in read:
        if not tasks.unread(task) or task["task_id"] in known:
            continue
        try:
            if line.waited_for(task["agent_dir"], task["task_id"]):
                continue
            with status.lock(task["agent_dir"]):
                now = tasks.find(task["task_id"])
                news.note(news.REPLY, task["task_id"], now is not None and tasks.unread(now))
        except OSError as error:
            # Its agent's folder is gone or damaged. The list of tasks shows the reply all the same.
            log(layout.home(), "error", "overview", f"not counted: {layout.named(error)}", task=task["task_id"])
