"""The background process for a task that was left: it delivers, watches and announces, and outlives the asker."""

from __future__ import annotations

import os
import sys

from flowloom import crash
from flowloom.agents.agent import Agent
from flowloom.clock import Deadline, wall_s
from flowloom.config.settings import load
from flowloom.delegation import announce, handover, loop
from flowloom.delegation.runner import Runner
from flowloom.errors import FlowLoomError, LockHeld
from flowloom.ports import births
from flowloom.store import files, layout, locks, news, projects, state_folder
from flowloom.store.bell import Bell, pause
from flowloom.store.log import log
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowloom.config.settings import Settings
    from flowloom.delegation.runner import View
    from flowloom.tasks.record import Task

# At most one announcement in this time for each agent, however many permissions it asks for.
ANNOUNCE_AGAIN_S = 60.0
# The time of its last announcement, in the agent's folder.
ANNOUNCED = "announced"


def main() -> None:
    """Carry the task named by the first argument to its end; the second is the inherited place in line.

    Whatever stops it, the task has an end: where it cannot be carried on, it has failed with the reason.
    """
    task_id, inherited, origin = sys.argv[1], int(sys.argv[2]), sys.argv[3:5]
    bug: list[str] = []
    try:
        with locks.LockWait(words=births.described):
            crash.reported(lambda: carry(task_id, inherited, origin), "waiter", bug.append)
        why = "".join(bug).removeprefix("flowloom: ").strip()
    except FlowLoomError as error:
        why = state_folder.named(error)
    if why:
        log("error", "waiter", why, task=task_id)
        # No other process would do it.
        while not handover.fail(task_id, why):
            pause(loop.TRY_AGAIN_S)


def carry(task_id: str, inherited: int, origin: Sequence[str] = ()) -> int:
    """Wait until a task has ended, even after its provisional reply.

    `origin` is from where it was left, if whoever left it could not note that.
    """
    agent = Agent(tasks.agent_of(tasks.read(task_id)))
    settings = load(projects.root_of(agent.slug) or projects.here())
    settings.park_s = float("inf")
    runner = _runner(task_id, settings, inherited)
    announcer = Announcer(agent, task_id)
    told = ""

    def see(view: View) -> bool:
        """Log what keeps a task from its agent: no person is here to be told."""
        nonlocal told, origin
        if view.error is not None:
            return True  # the loop has logged it, and tries again
        if origin and view.phase != "out of reach" and handover.note_left(task_id, *origin):
            origin = ()
        says = view.says if view.phase == "out of reach" else ""
        if says and says != told:
            log("error", "waiter", says, task=task_id)
        told = says
        return announcer.see(view) if settings.announce else True

    try:
        loop.await_end(runner, Deadline(None), see, patient=True)
    except FlowLoomError as error:
        log("error", "waiter", str(error), task=task_id)  # its task has failed with that
    finally:
        runner.close()
        files.wake(layout.agent_dir(agent.ref))
    if settings.announce:
        announcer.await_told()
    return 0


def _runner(task_id: str, settings: Settings, inherited: int) -> Runner:
    """Return the runner of a task; its place in line is kept, or taken once the lock that is needed for it is free."""
    while True:
        try:
            return Runner(task_id, settings, inherited=inherited)
        except LockHeld as error:
            log("error", "waiter", state_folder.named(error), task=task_id)
            inherited = -1  # it is given up by now
            pause(loop.TRY_AGAIN_S)


class Announcer:
    """Announces the questions and the end of a task that was left; at most once in ANNOUNCE_AGAIN_S for an agent."""

    def __init__(self, agent: Agent, task_id: str) -> None:
        self.agent, self.task_id = agent, task_id
        self._asked = ""

    def see(self, view: View) -> bool:
        """Announce the question that a view shows, unless it was announced; the wait continues."""
        question = view.question if view.phase != "in line" else None
        if question is not None and question["kind"] == "trust" and (self.agent.spec() or {}).get("trust"):
            question = None  # it is answered by what the person has agreed to
        asked = question["text"] if question else ""
        if asked == self._asked or not view.task["left"]:
            return True
        if not asked or self._say(f"{self.agent.name} asks: {asked}", "Ctrl-G, a", view.task):
            self._asked = asked
        return True

    def await_told(self) -> None:
        """Announce the end, where need be once the time since the last announcement is over.

        Not if the reply is read until then, or another announcement has counted it.
        """
        bell = Bell(layout.agent_dir(self.agent.ref))
        try:
            while True:
                task = tasks.find(self.task_id)
                if task is None or not task["left"] or not (tasks.unread(task) or tasks.unseen_failure(task)):
                    return
                if self._last() > task["journal"][-1]["at"] or self._say(*self._end(task), task):
                    return
                bell.wait(max(0.0, self._last() + ANNOUNCE_AGAIN_S - wall_s()))
        finally:
            bell.close()

    def _end(self, task: Task) -> tuple[str, str]:
        name, task_id = self.agent.name, task["task_id"]
        if task["status"] is not Step.DONE:
            return f"{name}: task {task_id} {task['status']}: {task['error']}", f"flowloom show {task_id}"
        return f"{name} has replied (task {task_id})", "Ctrl-G, r"

    def _say(self, what: str, how: str, task: Task) -> bool:
        """Announce something; False where it must be said later, because the last announcement is too recent."""
        path = layout.announced(self.agent.ref)
        try:
            with spool.lock(self.agent.ref):
                # A clock that was set back must not silence us.
                if 0 <= wall_s() - self._last() < ANNOUNCE_AGAIN_S:
                    return False
                files.write(path, f"{wall_s()}\n".encode(), durable=False)
        except LockHeld as error:
            log("error", "waiter", f"not announced yet: {state_folder.named(error)}", task=task["task_id"])
            return False
        others = [each for each in self._waiting() if each != task["task_id"]]
        more = f"; {len(others)} more" if others else ""
        now = self.agent.status()
        servers = {server: "" for server in (task["left_tmux"],) if server}
        socket = now["socket_path"] or now["socket"]
        if socket:
            servers[socket] = now["window_id"] or ""
        told = announce.announce(
            what + more, how, servers=servers, tty=task["left_tty"], in_tmux=bool(task["left_tmux"])
        )
        if not told:
            os.unlink(path)  # an announcement that reached no one must not delay the next one
        return True

    def _waiting(self) -> list[str]:
        """Return the agent's tasks of which a person has not seen the end."""
        found = [tasks.find(task_id) for kind in (news.REPLY, news.FAILED) for task_id in news.waiting(kind)]
        return [task["task_id"] for task in found if task and task["agent_id"] == self.agent.agent_id]

    def _last(self) -> float:
        """Return when the agent was announced last, 0 where it never was."""
        try:
            return float(files.read(layout.announced(self.agent.ref)) or 0)
        except ValueError:
            return 0.0


if __name__ == "__main__":
    main()
