"""What `hooks/editor` runs on Ctrl-G: route the prompt file to an agent, wait, write the reply into it.

`Outcome` says what became of the file; a failure leaves it untouched and exits with the
error's own code. *Unchanged* exits with 0 where Claude Code is the caller, 130 for others.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack

from flowloom import crash
from flowloom.agents import launch
from flowloom.agents.agent import named
from flowloom.chief import touched_files
from flowloom.clock import Deadline
from flowloom.config import settings as config
from flowloom.delegation import ask, executors, loop, upgrade
from flowloom.editor import palette_actions, parts, prompt_file, wait_screen
from flowloom.editor.outcome import Outcome
from flowloom.errors import FlowLoomError, Stopped, TimedOut, UsageError
from flowloom.ports import births, git, procs
from flowloom.ports.signals import CaughtSignals
from flowloom.ports.tmux import client
from flowloom.store import files, layout, locks, projects, state_folder
from flowloom.tasks import prompt as prompt_text
from flowloom.tasks import store as tasks
from flowloom.tasks.remarks import beside
from flowloom.tasks.steps import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents.agent import Agent
    from flowloom.config.settings import Settings
    from flowloom.delegation.runner import Runner, View
    from flowloom.tasks.record import Task

# `hooks/editor` turns this into 1. A Python that cannot start ends with 1 itself, which must be told apart.
FAILED = 101


class Hangup(Stopped):
    """Claude Code or its terminal is gone."""


class Signals(CaughtSignals):
    """SIGTERM and SIGHUP, and whether the Chief is still there."""

    def __init__(self) -> None:
        super().__init__(signal.SIGTERM, signal.SIGHUP)
        self._caller = os.getppid()
        self._chief = int(os.environ.get("FLOWLOOM_CHIEF") or 0)
        # The terminal's own signals are off, but another process may still send these to our group.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)

    def came(self) -> bool:
        """Tell whether one came, or our caller was killed and could not send any: the file is not read then."""
        if not self.number and (os.getppid() != self._caller or (self._chief and procs.ended(self._chief))):
            self.number = signal.SIGHUP
        return self.number != 0

    def refuse(self) -> None:
        """Stop here if a signal came.

        Raises:
            Hangup: one did.
        """
        if self.came():
            raise Hangup(f"stopped by signal {self.number}; what was sent keeps running")


def main() -> None:
    """Run on the prompt file named by the first argument and exit with the outcome."""
    signals = Signals()
    screen = wait_screen.open_screen(signals.fd)
    ordered = os.path.lexists(f"{sys.argv[1]}.delegate")  # which is gone once its tasks are on disk
    lock_wait = locks.LockWait(words=births.described, tell=screen.tell_wait, is_over=screen.pressed)
    try:
        with lock_wait:
            code = crash.reported(lambda: edit(sys.argv[1], signals, screen).exit_code, "editor", screen.tell)
    except FlowLoomError as error:
        code = error.exit_code
        if screen.tell(f"flowloom: {error}", error.hint):
            for task_id in screen.failed:
                ask.mark_read(task_id)
    finally:
        screen.close()
    by_choice = code == Stopped.exit_code and not signals.number
    if by_choice and not ordered and touched_files.is_claude_code(os.environ.get("FLOWLOOM_CHIEF", "")):
        # Claude Code keeps the draft of an editor that left the file alone, and calls any other code a crash.
        code = 0
    if code == 1:
        code = FAILED
    # Everything is written (stderr by the line) and the terminal restored. A normal exit of Python takes 4 ms more.
    os._exit(code)


def edit(path: str, signals: Signals, screen: wait_screen.WaitScreen) -> Outcome:
    """Send what the prompt file holds and write the reply into it; return what became of the file.

    Raises:
        FlowLoomError: it ended without a reply; the file is untouched.
    """
    raw = prompt_file.read(path)
    draft = prompt_text.text(raw)
    here = projects.here()
    root = git.project_root(here)
    settings = config.load(root)
    state_folder.refuse_foreign()
    procs.ensure_files()
    made: dict[str, Agent] = {}

    def agent_of(name: str) -> Agent:
        if name not in made:
            made[name] = named(name, here, root=root)
        return made[name]

    def is_agent(name: str) -> bool:
        # `@README.md` is a file mention and is left alone.
        try:
            return ask.means_agent(agent_of(name), settings)
        except UsageError:
            return False

    wanted = _ordered(path, draft, settings) or parts.split(draft, is_agent)
    if not wanted:
        terminal = None if settings.no_route == "editor" else screen.opened()
        if terminal is None:
            return Outcome.REAL_EDITOR
        choice = palette_actions.choose(path, raw, root, settings, screen, terminal)
        if isinstance(choice, Outcome):
            return choice
        wanted = [choice]
    screen.note = config.unheeded(settings.ignored)
    asked = [(agent_of(name), prompt) for name, prompt in wanted]
    screen.agent_id = ", ".join(agent.agent_id for agent, _ in asked)
    return Exchange(path, raw, asked, settings, screen, signals).run(root)


def _ordered(path: str, draft: str, settings: Settings) -> list[parts.Part]:
    """Return the parts that a `.delegate` document beside the prompt file orders; none without one."""
    if not os.path.lexists(f"{path}.delegate"):
        return []
    from flowloom.editor import delegate_file  # noqa: PLC0415 - pydantic, 60 ms, and only programs write one

    order = delegate_file.read(path)
    if order is None:
        return []
    settings.timeout_s = order.timeout or settings.timeout_s
    settings.reply = order.reply or settings.reply
    return [(name, draft.rstrip("\n")) for name in order.names(settings.default_agent)]


class Exchange:
    """One prompt file: its parts sent to their agents, and their replies written back into it."""

    def __init__(
        self,
        path: str,
        raw: bytes,
        asked: list[tuple[Agent, str]],
        settings: Settings,
        screen: wait_screen.WaitScreen,
        signals: Signals,
    ) -> None:
        self.path = path
        self.raw = raw
        self.parts = asked
        self.settings = settings
        self.screen = screen
        self.signals = signals

    def run(self, root: str) -> Outcome:
        """Send every part and wait until the file is written.

        Raises:
            FlowLoomError: the outcome is neither *replied* nor *left*.
        """
        for agent, prompt in self.parts:
            mark = prompt_text.placeholder(prompt)
            if mark:
                raise UsageError(
                    f"Your prompt contains {mark}, which Claude Code did not hand over",
                    hint="Put it into a file and name the file",
                )
            if not prompt.strip():
                raise UsageError(f"Add a prompt after @{agent.name}")
            ask.refuse_unknown(agent, self.settings)
            theirs = projects.root_of(agent.slug) or root
            launch.prepare(agent, self.settings if theirs == root else config.load(theirs), root=theirs)
            # A new agent has no status before this point.
            if touched_files.has_open(os.environ.get("FLOWLOOM_CHIEF", ""), agent.status()["session_id"]):
                raise UsageError(
                    f"This Claude Code has the conversation of {agent.agent_id} open",
                    hint="Close it, and resume your own: claude --resume",
                )
        upgrade.replace_waiters()
        first = self._former() if len(self.parts) == 1 else None
        self.signals.refuse()
        sent: list[Task] = [first] if first else []
        try:
            for agent, prompt in self.parts[len(sent) :]:
                sent.append(self._ask(agent, prompt))
            prompt_file.consume_order(self.path)
            palette_actions.remember(agent.slug, agent.name)
        except BaseException:  # also a bug of ours: what is on disk must have a waiter
            loop.entrust([task["task_id"] for task in sent], self.settings)
            raise
        while (outcome := self._carry(sent)) is None:
            sent = [self._ask(*self.parts[0])]
        return outcome

    def _ask(self, agent: Agent, prompt: str) -> Task:
        return ask.ask(agent, prompt, asker="chief", asker_kind="chief")

    def _former(self) -> Task | None:
        """Return the unfinished or unread task that this draft was sent as before, if that is what the person wants."""
        former = ask.former(*self.parts[0])
        if former is None:
            return None
        choice = self.screen.choose_former(former)
        if choice == "back":
            raise Stopped("went back; nothing was sent", hint=f"The task you sent before is {former['task_id']}")
        return former if choice == "rejoin" else None

    def _show(self, views: list[View]) -> bool:
        return not self.signals.came() and self.screen.show(views)

    def _carry(self, sent: list[Task]) -> Outcome | None:
        """Wait for the tasks and write the file; None when the person wants the prompt to be sent again."""
        runners: list[Runner] = []
        with ExitStack() as ends:
            self._open(runners, sent, ends)
            views = self._await(runners, Deadline(self.settings.timeout_s))
            while views is not None and len(views) == 1 and views[0].task["status"] is Step.INTERRUPTED:
                choice = self.screen.choose_interrupted(views[0])
                if choice == "again":
                    return None
                if choice != "wait":
                    self.screen.failed = [views[0].task["task_id"]]
                    raise ask.failure(views[0].task)
                runners[0].wait_on()
                views = self._await(runners, Deadline(None))
            if self.signals.came():
                self._leave(runners)
                self.signals.refuse()
            return self._stop(runners) if views is None else self._write(runners)

    def _open(self, runners: list[Runner], sent: list[Task], ends: ExitStack) -> None:
        """Fill in the runners of the tasks that were sent, each to be closed whatever closing another one raises.

        Raises:
            FlowLoomError: one of them cannot be carried; the others are left to waiters when they are closed.
        """
        errors: list[FlowLoomError] = []
        for task, (agent, _) in zip(sent, self.parts, strict=True):
            try:
                runners.append(loop.open_runner(task["task_id"], self.settings, agent))
                ends.callback(runners[-1].close)
                runners[-1].shows_window = isinstance(self.screen, wait_screen.TerminalWaitScreen)
            except FlowLoomError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _await(self, runners: list[Runner], deadline: Deadline) -> list[View] | None:
        fds = self.screen.fds
        return loop.await_ends(runners, deadline, self._show, fds=fds, tick=lambda: self.screen.again_s)

    def _leave(self, runners: list[Runner]) -> None:
        for runner in runners:
            if not tasks.ended(tasks.read(runner.task_id)):
                runner.leave()

    def _write(self, runners: list[Runner]) -> Outcome:
        """Write the replies into the prompt file, and for a part without one the reason and its prompt.

        Raises:
            AgentFailed: no part has a reply.
        """
        texts, read, failed, said = [], [], [], []
        failures: list[FlowLoomError] = []
        # Of several, one that ended long ago can have been renewed since.
        carried = [(runner, tasks.read(runner.task_id)) for runner in runners]
        for runner, task in carried:
            reply, provisional = tasks.reply_of(runner.task_id), False
            if reply is None:
                reply = tasks.provisional_of(runner.task_id) if task["status"] is Step.PARKED else None
                provisional = reply is not None
            if reply is None and not tasks.ended(task) and task["status"] is not Step.UNKNOWN:
                texts.append(parts.going_on(runner.agent.name, runner.task_id))
                continue
            if reply is None:
                failures.append(ask.failure(task))
                failed.append(runner.task_id)
                texts.append(parts.unanswered(runner.agent.name, tasks.prompt_of(task), task["error"] or "no reply"))
                continue
            plain = self.settings.reply == "plain"
            name, prompt = runner.agent.name, tasks.prompt_of(task)
            texts.append(prompt_file.with_reply(name, task, prompt, reply, plain=plain, provisional=provisional))
            remarks = beside(task, provisional=provisional) if plain else []
            said += [f"task {runner.task_id}: {each}" for each in remarks]
            if not provisional:
                read.append(runner.task_id)
        if len(failures) == len(runners):
            self.screen.failed = failed
            raise failures[0]
        for runner, task in carried:
            if not tasks.ended(task):
                runner.leave()
        self._replace(parts.joined(texts), [runner.task_id for runner in runners])
        for task_id in [*read, *failed]:
            ask.mark_read(task_id)
        self._tell_beside(said)
        return Outcome.REPLIED

    def _tell_beside(self, said: list[str]) -> None:
        """Tell what a person must know about replies whose texts do not say it; nothing where there is nothing."""
        if said and isinstance(self.screen, wait_screen.TerminalWaitScreen):
            client.tell_around("; ".join(said))  # the terminal is Claude Code's again in a moment
        elif said:
            self.screen.tell(f"flowloom: {'; '.join(said)}")

    def _replace(self, data: bytes, task_ids: list[str]) -> None:
        """Write the prompt file; what another program put there meanwhile is kept, there and beside the task.

        Raises:
            FileChanged: one did, or deleted the file; the replies stay unread.
        """
        try:
            prompt_file.write(self.path, data, self.raw)
        except prompt_file.FileChanged as error:
            error.hint = f"the reply: flowloom wait {' '.join(task_ids)}"
            if error.now is not None:
                # Claude Code deletes the file when we end.
                kept = layout.changed_prompt(task_ids[0])
                files.write(kept, error.now)
                error.hint += f"; the changed text: {kept}"
            raise

    def _stop(self, runners: list[Runner]) -> Outcome:
        """Do what the person chose in place of waiting on, or say that the time is over.

        Raises:
            Stopped, TimedOut, Blocked: the file is untouched.
        """
        ids = " ".join(runner.task_id for runner in runners)
        choice = self.screen.choice
        if choice == "interrupt":
            done = [f"{runner.task_id}: {executors.cancel(runner.task_id)}" for runner in runners]
            raise Stopped(f"cancelled {'; '.join(done)}", hint="Your draft is unchanged")
        if choice == "provisional":
            return self._write(runners)
        self._leave(runners)
        goes_on = f"It keeps running. Its reply: flowloom wait {ids}"
        if choice == "leave":
            self._replace(b"", [runner.task_id for runner in runners])
            names = ", ".join(runner.agent.name for runner in runners)
            client.tell_around(f"{names} will keep working; Ctrl-G, then r collects the reply")
            return Outcome.LEFT
        if choice == "stop":
            raise Stopped(f"stopped waiting for {ids}", hint=goes_on)
        for runner in runners:
            blocked = ask.blocked(runner.agent.status(), goes_on)
            if blocked is not None:
                raise blocked
        names = ", ".join(runner.agent.agent_id for runner in runners)
        raise TimedOut(f"{names} did not reply within {self.settings.timeout_s} s", hint=goes_on)
