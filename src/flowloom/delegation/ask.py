"""Tasks as their asker sees them: open one, find a former one, say why there is no reply."""

from __future__ import annotations

import os
from contextlib import nullcontext

from flowloom.agents.agent import Agent, list_agents
from flowloom.clock import wall_s
from flowloom.delegation import executors
from flowloom.errors import AgentFailed, Blocked, DamagedFile, LockHeld, NoSuchAgent, UsageError
from flowloom.queue import line
from flowloom.roles import builtin
from flowloom.store import files, layout, locks, projects, state_folder
from flowloom.store.log import log
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import ENDED, Step
from flowloom.turns import questions, status, task_lock
from flowloom.turns.states import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from flowloom.config.settings import Settings
    from flowloom.store.layout import AgentRef
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status


def in_turn(asker_kind: str) -> AbstractContextManager[object]:
    """Hold a lock until the task has its place in line: of two agents that ask each other, the second is refused."""
    return locks.locked(state_folder.asking_lock()) if asker_kind == "agent" else nullcontext()


def ask(agent: Agent, prompt: str, *, asker: str, asker_kind: str) -> Task:
    """Open a task for an agent that is prepared; the prompt is on disk when this returns.

    An agent asks while it holds `in_turn`, until its task stands in line.

    Raises:
        UsageError: there is nothing to ask, or the agent would wait for itself.
    """
    if not prompt.strip():
        raise UsageError("the prompt is empty", hint=f"add one: flowloom ask {agent.name} 'your prompt'")
    if asker_kind == "agent":
        _refuse_circle(agent, asker)
    return tasks.open_task(agent.agent_id, agent.ref, prompt, asker=asker, asker_kind=asker_kind, draft_known=True)


def means_agent(agent: Agent, settings: Settings) -> bool:
    """Tell whether a name is that of an agent, of a role, or of a role with a number, as `planning2`."""
    base = agent.name.rstrip("0123456789-_")
    return agent.spec() is not None or bool({agent.name, base} & {*builtin.ROLES, *settings.agents})


def refuse_unknown(agent: Agent, settings: Settings) -> None:
    """Refuse a name that means no agent and no role: a misspelt one must not become a new agent.

    Raises:
        NoSuchAgent: with the nearest known name.
    """
    if means_agent(agent, settings):
        return
    from difflib import get_close_matches  # noqa: PLC0415 - for this sentence only

    here = [other.name for other in list_agents() if other.slug == agent.slug]
    near = get_close_matches(agent.name, [*here, *builtin.ROLES, *settings.agents], n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    create = f"to create {agent.name}: flowloom start {agent.name}"
    raise NoSuchAgent(f"no agent or role named {agent.name!r}", hint=f"{meant}{create}")


def refuse_unstarted(agent: Agent) -> None:
    """Refuse an agent that has no record, as there is nothing to show or stop.

    Raises:
        NoSuchAgent: a role is not started yet, or no agent has this name; then with the nearest.
    """
    if agent.spec() is not None:
        return
    if agent.name in builtin.ROLES:
        start = f"flowloom start {agent.name}"
        raise NoSuchAgent(f"{agent.agent_id} is not started yet", hint=f"start it: {start}; a task starts it too")
    from difflib import get_close_matches  # noqa: PLC0415 - for this sentence only

    near = get_close_matches(agent.name, [other.name for other in list_agents() if other.slug == agent.slug], n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise NoSuchAgent(f"there is no agent {agent.agent_id}", hint=f"{hint}list the agents with: flowloom agents")


def _refuse_circle(agent: Agent, asker: str) -> None:
    """Refuse a task whose agent already waits, directly or through others, for who asks."""
    waits: dict[str, set[str]] = {}
    for other in projects.agents():
        try:
            at = _current_task(other)
            standing = line.standing(other)
        except OSError:
            continue  # another agent's damaged files are no obstacle here; the commands on that agent report them
        for task_id in {at, *standing}:
            task = tasks.find(task_id)
            # An asker that left its task does not wait. Its current task counts: it may wait for that one again.
            if task and task["asker_kind"] == "agent" and (task_id == at or not task["left"]):
                waits.setdefault(task["asker"], set()).add(task["agent_id"])
    reached, new = set[str](), {agent.agent_id}
    while new:
        reached |= new
        new = set[str]().union(*(waits.get(each, set()) for each in new)) - reached
    if asker in reached:
        raise UsageError(
            f"{asker} cannot ask {agent.agent_id}: it would wait for itself",
            hint="answer from what you know, or ask another agent",
        )


def _current_task(agent: AgentRef) -> str | None:
    try:
        now = status.read(agent)
    except DamagedFile:
        return None  # the commands on that agent report it
    return now["current_task"] if now else None


def former(agent: Agent, prompt: str) -> Task | None:
    """Return the last task with the same prompt for this agent if it is unfinished or its reply was not read."""
    digest = files.sha256(prompt.encode("utf-8", "surrogateescape"))
    named = files.read(layout.asked_draft(agent.ref, digest))
    task = tasks.find(named.decode(errors="replace")) if named else None
    if task is None or task["agent_id"] != agent.agent_id or task["prompt_sha256"] != digest:
        return None
    unread = task["status"] is Step.DONE and task["read"] is None
    return task if unread or not tasks.ended(task) else None


def asked_by() -> tuple[str, str]:
    """Return who asks, by the environment: an agent, the Chief's Bash tool, or a shell."""
    agent = os.environ.get("FLOWLOOM_AGENT")
    if agent:
        return agent, "agent"
    return ("chief", "chief") if os.environ.get("CLAUDECODE") else ("shell", "shell")


def before(place: line.Place) -> tuple[int, str]:
    """Return how many stand before a place, and what to say of one that is passed over and should not be there.

    Only the two ends are looked at, so that a long line costs no more than a short
    one: from the front to the first task that goes first, and from the place itself
    to the nearest that does. Those in between count.
    """
    names, told = place.before(), ""
    first, last = 0, len(names)
    while first < last:
        goes_first, said = _goes_first(place, names[first])
        told = said or told
        if goes_first:
            break
        first += 1
    while last - 1 > first:
        goes_first, said = _goes_first(place, names[last - 1])
        told = told or said
        if goes_first:
            break
        last -= 1
    return last - first, told


def _goes_first(place: line.Place, name: str) -> tuple[bool, str]:
    """Tell whether a task before a place goes first, and what is to be said of it."""
    before = place.look(name)
    if before is None:
        return False, ""
    task = tasks.find(before.task_id)
    step = task["status"] if task else None
    # The agent is free, and the task may wait for ever: for background work, a person or its caller.
    waits_on = step is Step.PARKED and task is not None and not task["until"]
    if waits_on or step in ENDED or step is Step.UNKNOWN:
        return False, ""
    if before.stopped and (task is not None or not before.says):
        # Its text in the agent's box is removed by the delivery of the next task.
        if step in (Step.CREATED, Step.TYPED, Step.PASTED, None):
            return False, f"{before.what} is passed over: its process {before.pid} is stopped; continue it with fg"
        return False, ""
    if step is Step.CREATED and before.says:
        return False, f"{before.what} is passed over: {before.says}"
    if before.stopped:
        return True, f"{before.what} stands before it, and its process {before.pid} is stopped; continue it with fg"
    return True, before.says if task is not None else ""


def mark_read(task_id: str) -> None:
    """Note that a person saw a task's reply or failure; if that cannot be written, it is offered again."""
    try:
        with locks.LockWait(limit_s=locks.GLANCE_S), task_lock.hold(task_id) as task:
            if task["read"] is None:
                task["read"] = round(wall_s(), 3)
                tasks.write(task)
    except (OSError, LockHeld) as error:
        log("error", "asking", f"not noted as read: {error}", task=task_id)


def mark_seen(task: Task) -> None:
    """Note that a person looked at the failure of a task that was left; nothing where there is none."""
    if tasks.unseen_failure(task):
        mark_read(task["task_id"])


def failure(task: Task) -> AgentFailed:
    """Return the error for a task that ended without a reply, with what to do next."""
    task_id, agent_id = task["task_id"], task["agent_id"]
    why = task["error"] or f"it is {task['status']}"
    if task["status"] is Step.DONE:
        why = f"its marker {layout.marker(task_id)} is gone; its reply is in reply.md in the same folder"
    hint = executors.of(task).after_failure(task)
    if tasks.provisional_of(task_id) is not None:
        hint += f"; what it said before: flowloom reply {task_id} --now"
    return AgentFailed(f"task {task_id} for {agent_id}: {why}", hint=hint)


def blocked(now: Status, then: str) -> Blocked | None:
    """Return the error for an agent that waits for an answer, None where it asks nothing; `then` ends its hint."""
    if now["status"] is not State.BLOCKED or not now["question"]:
        return None
    hint = f"answer it: flowloom attach {now['name']}; {then}"
    return Blocked(questions.blocked_on(now["agent_id"], now["question"]), hint=hint)
