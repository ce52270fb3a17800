"""What waits for a person across all agents and tasks, with markers that each command corrects by what it reads."""

from __future__ import annotations

from flowloom.clock import elapsed_s
from flowloom.errors import FlowLoomError, LockHeld, NoSuchTask
from flowloom.queue import line
from flowloom.store import locks, news, state_folder
from flowloom.store.log import log
from flowloom.tasks import index
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import questions, spool, status, task_lock
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
    if not waits or task["agent"] is None or elapsed_s(task["created"]) < TAKES_PLACE_S:
        return False
    try:
        return not line.waited_for(tasks.agent_of(task), task["task_id"])
    except OSError as error:
        log(
            "error",
            "overview",
            f"not known who waits for it: {state_folder.named(error)}",
            task=task["task_id"],
        )
        return False


def asking(surveyed: Iterable[tuple[Agent, Status]]) -> list[Status]:
    """Return the agents that wait for a person; correct the markers that say otherwise."""
    with locks.LockWait(limit_s=locks.GLANCE_S):
        return _asking(surveyed)


def _asking(surveyed: Iterable[tuple[Agent, Status]]) -> list[Status]:
    known = {agent.agent_id: (agent, now) for agent, now in surveyed}
    blocked = {name: now for name, (_, now) in known.items() if now["status"] is State.BLOCKED}
    marked = set(news.waiting(news.QUESTION))
    for question_id in marked - {each for now in blocked.values() for each in now["questions"]}:
        _correct(question_id, _owner(question_id), known)
    for name, now in blocked.items():
        if not now["questions"] or set(now["questions"]) - marked:
            _mark(known[name][0])
    return list(blocked.values())


def _owner(question_id: str) -> str:
    """Return whose question it is; empty where that is not known."""
    try:
        record = questions.read(question_id)
    except (FlowLoomError, OSError) as error:
        log("error", "overview", f"{question_id}: {state_folder.named(error)}")
        return ""
    return record["agent_id"] if record else ""


def _correct(question_id: str, owner: str, known: dict[str, tuple[Agent, Status]]) -> None:
    """Remove the marker of a question that is not open, and close it where its document says that it is."""
    if owner not in known:
        news.note(news.QUESTION, question_id, False)
        return
    agent = known[owner][0].ref
    try:
        with spool.lock(agent):
            now = status.read(agent)
            if now is not None and question_id in now["questions"]:
                news.note(news.QUESTION, question_id, True)
            else:
                questions.close_stray(question_id)
    except (FlowLoomError, OSError) as error:
        # Its marker stays as it is; its row says what is damaged.
        log("error", "overview", f"{owner}: {state_folder.named(error)}")


def _mark(agent: Agent) -> None:
    """Create the markers of an agent's open questions, and the document of one that an older release wrote down."""
    try:
        with spool.lock(agent.ref):
            now = status.read(agent.ref)
            if now is None or now["status"] is not State.BLOCKED:
                return
            if not now["questions"] and now["question"]:
                questions.ask(now, now["question"], source=now["source"], at=now["since"])
                status.write(agent.ref, now)
            for question_id in now["questions"]:
                news.note(news.QUESTION, question_id, True)
    except (FlowLoomError, OSError) as error:
        log("error", "overview", f"{agent.agent_id}: {state_folder.named(error)}")


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


def count_unread() -> None:
    """Mark unread replies that no process waits for, because their asker died."""
    with locks.LockWait(limit_s=locks.GLANCE_S):
        _count_unread()


def _count_unread() -> None:
    known = set(news.waiting(news.REPLY))
    for task in index.unread():
        if not tasks.unread(task) or task["task_id"] in known:
            continue
        try:
            if line.waited_for(tasks.agent_of(task), task["task_id"]):
                continue
            with task_lock.hold(task["task_id"]) as now:
                news.note(news.REPLY, task["task_id"], tasks.unread(now))
        except NoSuchTask:
            continue  # it was removed just now
        except (OSError, LockHeld) as error:
            # Its agent's folder is damaged. The list of tasks shows the reply all the same.
            log("error", "overview", f"not counted: {state_folder.named(error)}", task=task["task_id"])
