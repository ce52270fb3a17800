"""A task's lock, which a process holds that changes the task by its id.

While an agent has the task, what hook calls say of it is written under the agent's lock. So that lock is taken first,
then the task's own, `lock` in its folder. A task that no agent has, or whose agent was removed, is held by its own
alone. Who gives a task an agent holds both: then no process that has read `agent` as open still writes.
"""

from __future__ import annotations

import os

from flowloom.store import layout, locks
from flowloom.tasks import store as tasks
from flowloom.turns import spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from flowloom.store.layout import AgentRef
    from flowloom.tasks.record import Task


class hold:  # noqa: N801 - used as a function, as `spool.lock`
    """Hold a task, and its agent where it has one; `with` gives the task as it is then. Blocks until both are free.

    It waits for the task without holding its agent: what the agent's hooks report is heard meanwhile, and other
    commands are told of the process that holds the task, not of this one.

    It is the one way to change a task by its id. `agent` is the one that has it, where the caller knows that. No hook
    call may use it: it would wait. Nor may a caller that holds the agent's lock already.

    Raises:
        NoSuchTask: there is no such task, or it was removed meanwhile.
        DamagedFile: its record is invalid.
    """

    def __init__(self, task_id: str, agent: AgentRef | None = None) -> None:
        self._task_id = task_id
        self._known = agent
        self._agents: spool.lock | None = None
        self._own = locks.Lock(layout.task_lock(task_id))

    def __enter__(self) -> Task:
        while True:
            agent, self._known = self._known or _agent(tasks.read(self._task_id)), None
            try:
                task = self._taken(agent)
                if task is None:
                    self._release()
                    self._own.take()
                    self._own.release()
                    continue  # it was free; now both are taken, the agent's first
            except FileNotFoundError:
                self._release()
                if _agent(tasks.read(self._task_id)) == agent:
                    raise
                continue  # its agent was removed after we had looked
            except BaseException:
                self._release()
                raise
            if _is_of(task, agent):
                return task
            self._release()  # it was given to an agent meanwhile

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def _taken(self, agent: AgentRef | None) -> Task | None:
        """Take the locks and return the task; None where another process has the task's own."""
        if agent is not None:
            outer = spool.lock(agent)
            outer.__enter__()
            self._agents = outer
        return tasks.read(self._task_id) if self._own.take(wait=self._agents is None) else None

    def _release(self) -> None:
        self._own.release()
        outer, self._agents = self._agents, None
        if outer is not None:
            outer.__exit__(None, None, None)


def _is_of(task: Task, agent: AgentRef | None) -> bool:
    """Tell whether a task that was read under these locks can be written: they are those of the agent that has it."""
    if agent is None:
        return _agent(task) is None
    return task["agent"] is not None and tasks.agent_of(task) == agent


def _agent(task: Task) -> AgentRef | None:
    """Return the agent whose hook calls can write a task; None where none can."""
    agent = tasks.agent_of(task) if task["agent"] else None
    return agent if agent is not None and os.path.isdir(layout.agent_dir(agent)) else None
