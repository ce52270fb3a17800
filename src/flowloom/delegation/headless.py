"""A task without a window: one run of the agent's program, with the same record, marker and reply.

The program's three descriptors are files in the task's folder. So the process that
started it may die: the next command that looks at the task collects the result.
"""

from __future__ import annotations

import os

from flowloom.agents import launch
from flowloom.agents.agent import Agent
from flowloom.clock import Deadline
from flowloom.delegation import handover
from flowloom.errors import FlowLoomError, UsageError
from flowloom.ports import births, procs
from flowloom.ports.child import Child, begin
from flowloom.providers import registry
from flowloom.queue import line
from flowloom.roles import builtin
from flowloom.store import files, layout, projects, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import frame
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import spool, status, task_lock
from flowloom.turns.record import empty_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.config.settings import Settings
    from flowloom.ports.births import Life
    from flowloom.providers.protocol import Launch
    from flowloom.store.shapes import Process
    from flowloom.tasks.record import Headless, Task

LABEL = ", without a window"
# No hook reports on a program without a window, and it is not our child: nothing reports its end.
AGAIN_S = 0.25
# The name of a run that has no agent's name.
NAME = "headless"
OUTPUT_LIMIT_BYTES = 64_000_000
# Variables that tell our own hooks and commands which agent they act for.
AGENT_OWN = ("FLOWLOOM_AGENT_DIR", "TMUX", "TMUX_PANE")


class HeadlessRun:
    """One run of the program for one task; holds the task's place in line until `close`."""

    def __init__(self, agent: Agent, settings: Settings, *, root: str) -> None:
        """Work out how to run `agent`.

        Raises:
            UsageError: its provider cannot run headless, or its folder does not exist.
            FlowLoomError: its program is not installed, or the state folder cannot be written to.
        """
        self.agent = agent
        self.spec = launch.specify(agent, settings, root=root)
        self.provider = registry.find(str(self.spec["provider"]))
        self.binary = launch.program(self.provider, settings, agent.name)
        self.ref = AgentRef(agent.slug, layout.HEADLESS)
        self.place: line.Place | None = None
        self.child: Child | None = None
        self.task_id = ""
        self.timed_out = False
        state_folder.ensure()
        projects.ensure(agent.slug, root)
        files.ensure_dir(layout.agent_dir(self.ref))
        with spool.lock(self.ref):
            if status.read(self.ref) is None:
                never = empty_status(f"{NAME}@{agent.slug}", NAME, "", agent.slug, self.provider.name)
                never["why"] = "its tasks run without a window"
                status.write(self.ref, never)

    def start(self, prompt: str, *, asker: str, asker_kind: str) -> str:
        """Open a task with this prompt, start the program on it, and return the task's id.

        Raises:
            UsageError: the prompt is empty, or the provider cannot run without a window.
        """
        if not prompt.strip():
            raise UsageError("the prompt is empty", hint="add a prompt, or pipe one in")
        import uuid  # noqa: PLC0415 - 5 ms; the coordinator loads this module in every Ctrl-G

        session_id = str(uuid.uuid4())
        command = self.provider.program.headless(self._launch(session_id))
        if not command:
            raise UsageError(f"the provider {self.provider.name} cannot run without a window", hint="omit --headless")
        task = tasks.open_task(self.agent.agent_id, self.ref, prompt, asker=asker, asker_kind=asker_kind)
        self.task_id = task["task_id"]
        self.place = line.enter(self.ref, self.task_id)
        try:
            self._begin(task, prompt, command, session_id)
        except (OSError, FlowLoomError) as error:
            if self.child is not None:
                self.child.end()
            handover.fail(self.task_id, state_folder.named(error))
            raise
        return self.task_id

    def _begin(self, task: Task, prompt: str, command: list[str], session_id: str) -> None:
        raw = prompt.encode("utf-8", "surrogateescape")
        given = [frame.first_line(self.task_id, task["asker"]).encode(), raw, frame.last_line(self.task_id).encode()]
        files.write(layout.headless(self.task_id, "in"), b"\n".join(given), durable=False)
        with task_lock.hold(self.task_id) as task:
            task["headless"] = {
                "provider": self.provider.name,
                "session_id": session_id,
                "pid": None,
                "started": 0.0,
            }
            # A pipe carries every byte unchanged, so nothing is removed from the prompt here.
            task["exact"] = True
            if not tasks.note_step(task, Step.TYPED, f"given to {os.path.basename(self.binary)} on its standard input"):
                return  # it was cancelled just now
        try:
            self.child = begin(
                command,
                stdin=layout.headless(self.task_id, "in"),
                stdout=layout.headless(self.task_id, "out"),
                stderr=layout.headless(self.task_id, "err"),
                env=self._environment(),
                cwd=str(self.spec["dir"]),
            )
        except OSError as error:
            _finish(self.task_id, Step.FAILED, f"{self.binary} could not be started: {error.strerror}")
            raise FlowLoomError(
                f"{self.binary} could not be started: {error.strerror}", hint="name a program with FLOWLOOM_CLAUDE"
            ) from error
        os.unlink(layout.headless(self.task_id, "in"))
        running: Any = {"pid": self.child.pid, "started": self.child.started, "birth": births.of(self.child.pid)}
        with task_lock.hold(self.task_id) as task:
            task["headless"].update(running)
            is_wanted = tasks.note_step(task, Step.ACCEPTED, f"running as process {self.child.pid}")
        if not is_wanted:
            self.child.end()  # it was cancelled while its program was started

    def await_end(self, deadline: Deadline) -> int | None:
        """Wait until the task has ended; a signal or the deadline ends its program too. Return that signal, if any."""
        if self.child is None:
            return None
        code, number = self.child.await_end(deadline)
        if code is not None:
            collect(self.task_id, code)
            return number
        self.child.end()
        if number is None:
            self.timed_out = True
            _finish(self.task_id, Step.FAILED, "it timed out; its program was stopped")
        else:
            _finish(self.task_id, Step.CANCELLED, "cancelled by the user; its program was stopped")
        return number

    def hand_over(self) -> None:
        """Let a background process wait for the end."""
        if self.place is not None:
            place, self.place = self.place, None
            handover.to_waiter(self.task_id, place)

    def close(self) -> None:
        """Give up the task's place; one whose program a bug of ours has kept from starting has failed."""
        if self.place is not None:
            if self.child is None:
                handover.fail(self.task_id, "its program was not started")
            self.place.leave()
            self.place = None

    def _launch(self, session_id: str) -> Launch:
        agent_id, role, extra = self.agent.agent_id, str(self.spec["role"]), str(self.spec["prompt"])
        known = launch.described(self.spec)
        known["binary"], known["agent_id"], known["agent_dir"] = self.binary, agent_id, layout.agent_dir(self.ref)
        known["session_id"], known["release"] = session_id, launch.release(self.provider, self.binary)
        known["system_prompt"] = builtin.system_prompt(agent_id, role, extra, once=True)
        launch.read_for(self.provider, known)
        return known

    def _environment(self) -> dict[str, str]:
        """Return the caller's environment without the variables that identify another agent or session."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in AGENT_OWN and not self.provider.program.scrub(name)
        }
        # If the program asks agents itself, the asker is the agent that started it, or else this run.
        return {"FLOWLOOM_AGENT": f"{NAME}-{self.task_id}@{self.agent.slug}", **kept, "FLOWLOOM_HOME": layout.home()}


def collect(task_id: str, exit_code: int | None) -> None:
    """Complete or fail a task from the output of its program, which has ended."""
    ended = tasks.read(task_id)
    if tasks.ended(ended):
        return
    printed = registry.find(ended["headless"]["provider"]).program.read_headless(
        files.tail(layout.headless(task_id, "out"), OUTPUT_LIMIT_BYTES).decode("utf-8", "replace"),
        files.tail(layout.headless(task_id, "err"), 100_000).decode("utf-8", "replace"),
        exit_code,
    )
    with task_lock.hold(task_id) as task:
        if tasks.ended(task):
            return
        task["notes"] += [f"refused, because a headless run cannot ask you: {call}" for call in printed["refused"]]
        if printed["reply"] is None:
            tasks.note_step(task, Step.FAILED, printed["error"])
        else:
            tasks.complete(task, printed["reply"], "its program ended")
            os.unlink(layout.headless(task_id, "out"))
            os.unlink(layout.headless(task_id, "err"))


def refresh(task: Task) -> str:
    """Collect the result of a task whose program has ended; return nothing, it can always be told."""
    settle(task["task_id"])
    return ""


def watch(task_id: str) -> float | None:
    """Watch the program in place of the process that started it; return how soon to look again, in seconds."""
    return AGAIN_S if settle(task_id, waits=True) else 0.0


def notes(task: Task) -> list[str]:
    """Return the notes that its reply is printed with: what it could not ask a person."""
    return task["notes"]


def after_failure(task: Task) -> str:
    """Return what to do next about a task that ended without a reply."""
    return f"see what is known about it: flowloom show {task['task_id']}"


def settle(task_id: str, *, waits: bool = False) -> bool:
    """Bring a headless task up to date; return whether it is still running.

    A process that holds the task's place in line collects the result itself, so
    only that process passes `waits`.
    """
    task = tasks.read(task_id)
    known = task.get("headless")
    if known is None or tasks.ended(task):
        return False
    if not waits and line.waited_for(tasks.agent_of(task), task_id):
        return True
    if _life(known) != "ended":
        return True
    collect(task_id, None)
    return False


def cancel(task_id: str) -> str:
    """Cancel a headless task and stop its program; return what was done."""
    task = tasks.read(task_id)
    known = task["headless"]
    _finish(task_id, Step.CANCELLED, "cancelled by the user; its program was stopped")
    if known["pid"] and _life(known) in ("runs", "stopped"):
        procs.end_group(known["pid"], grace_s=procs.GRACE_S)
        return "its program was stopped"
    return "its program had already ended"


def _life(known: Headless) -> Life:
    """Tell what has become of the process that carries a task out; it never began where nothing was noted of it."""
    pid = known["pid"]
    process: Process | None = {"pid": pid, "birth": known.get("birth", "")} if pid else None
    return births.life(process, noted_s=known["started"]) if process else "ended"


def _finish(task_id: str, step: Step, why: str) -> None:
    with task_lock.hold(task_id) as task:
        tasks.note_step(task, step, why)
