"""What `hooks/editor` runs on Ctrl-G: route the prompt file to an agent, wait, write the reply into it.

Three outcomes: *replied* (the file replaced, exit 0), *left* (the file emptied
once the prompt is kept, exit 0), anything else (the file untouched, exit not 0).
"""

from __future__ import annotations

import os
import signal
import sys

from flowloom import (
    asking,
    bugs,
    coordinator,
    git,
    launch,
    paths,
    procs,
    prompt_file,
    roles,
    settings,
    tasks,
    wait_screen,
)
from flowloom.agents import Agent, named
from flowloom.clock import Deadline
from flowloom.errors import Blocked, FlowLoomError, Stopped, TimedOut, UsageError
from flowloom.states import State, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from flowloom.coordinator import View
    from flowloom.records import Task
    from flowloom.settings import Settings

NO_ROUTE = 112


class Hangup(Stopped):
    """Claude Code or its terminal is gone."""


class Signals:
    """SIGTERM and SIGHUP as something to wait for, so that they never break into a step."""

    def __init__(self) -> None:
        self.number = 0
        self._caller = os.getppid()
        self._chief = int(os.environ.get("FLOWLOOM_CHIEF") or 0)
        self.fd, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)
        # The terminal's own signals are off, but somebody may still send these to our group.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = number

    def came(self) -> bool:
        """Tell whether one came, or whoever called us was killed and could not send any: nobody reads the file then."""
        if not self.number and (os.getppid() != self._caller or (self._chief and procs.ended(self._chief))):
            self.number = signal.SIGHUP
        return self.number != 0

    def refuse(self) -> None:
        """Go no further once a signal came.

        Raises:
            Hangup: one did.
        """
        if self.came():
            raise Hangup(f"stopped by signal {self.number}; what was sent goes on")


def main() -> None:
    """Run on the prompt file named by the first argument and exit with the outcome."""
    signals = Signals()
    screen = wait_screen.open_screen(signals.fd)
    try:
        code = bugs.reported(lambda: edit(sys.argv[1], signals, screen), "editor", screen.tell)
    except FlowLoomError as error:
        code = error.exit_code
        screen.tell(f"flowloom: {error}{f'; {error.hint}' if error.hint else ''}\n")
    finally:
        screen.close()
    # All is written (stderr by the line) and the terminal given back: the interpreter's tidying up takes 4 ms more.
    os._exit(code)


def edit(path: str, signals: Signals, screen: wait_screen.WaitScreen) -> int:
    """Carry one prompt file through; return the exit code.

    Raises:
        FlowLoomError: it ended without a reply; the file is untouched.
    """
    draft = prompt_file.read(path)
    here = os.getcwd()
    found = prompt_file.route(draft)
    if found is None:
        return NO_ROUTE
    root = git.project_root(here)
    chosen = settings.load(root)
    name, prompt = found
    if not _known(name, here, chosen):
        return NO_ROUTE
    agent = named(name, here)
    screen.agent_id = agent.agent_id
    Errand(path, agent, prompt, chosen, screen, signals).run(root)
    return 0


def _known(name: str, here: str, chosen: Settings) -> bool:
    """Tell whether a name means an agent or a role: `@README.md` is a file mention and is left alone."""
    if "@" not in name and (name in roles.ROLES or name in chosen.agents):
        return True
    try:
        return named(name, here).spec() is not None
    except UsageError:
        return False


class Errand:
    """One prompt file on its way to one agent and back."""

    def __init__(
        self,
        path: str,
        agent: Agent,
        prompt: str,
        chosen: Settings,
        screen: wait_screen.WaitScreen,
        signals: Signals,
    ) -> None:
        self.path = path
        self.agent = agent
        self.prompt = prompt
        self.chosen = chosen
        self.screen = screen
        self.signals = signals

    def run(self, root: str) -> None:
        """Send the prompt and wait until the file is written.

        Raises:
            FlowLoomError: the outcome is neither *replied* nor *left*.
        """
        mark = prompt_file.placeholder(self.prompt)
        if mark:
            raise UsageError(
                f"the prompt holds {mark}, which stands for pasted text that Claude Code did not hand over",
                hint="paste it again so that it shows in full, or put it into a file and name the file",
            )
        launch.prepare(self.agent, self.chosen, root=paths.project_root(self.agent.slug) or root)
        task: Task | None = self._former()
        self.signals.refuse()
        task = task or self._ask()
        while task is not None:
            task = self._carry(task)

    def _ask(self) -> Task:
        return asking.ask(self.agent, self.prompt, asker="chief", asker_kind="chief")

    def _former(self) -> Task | None:
        """Return the unfinished or unread task that this draft was sent as before, if that is what the person wants."""
        known = asking.former(self.agent, self.prompt) if self.prompt.strip() else None
        if known is None:
            return None
        choice = self.screen.choose_former(known)
        if choice == "back":
            raise Stopped("went back; nothing was sent", hint=f"its former task is {known['task_id']}")
        return known if choice == "rejoin" else None

    def _show(self, view: View) -> bool:
        return not self.signals.came() and self.screen.show(view)

    def _carry(self, task: Task) -> Task | None:
        """Wait for one task; return None when the file is written, or the task that is sent in its place."""
        carrier = coordinator.Carrier(task["task_id"], self.chosen)
        try:
            view = coordinator.await_end(carrier, Deadline(self.chosen.timeout_s), self._show, fds=self.screen.fds)
            while view is not None and view.task["status"] is Step.INTERRUPTED:
                choice = self.screen.choose_interrupted(view)
                if choice == "again":
                    return self._ask()
                if choice != "wait":
                    raise asking.failure(view.task)
                carrier.wait_on()
                view = coordinator.await_end(carrier, Deadline(None), self._show, fds=self.screen.fds)
            if self.signals.came():
                coordinator.leave(carrier, left=True)
                self.signals.refuse()
            if view is None:
                self._stopped(carrier)
            else:
                self._write(carrier, provisional=view.provisional)
            return None
        finally:
            carrier.close()

    def _write(self, carrier: coordinator.Carrier, *, provisional: bool) -> None:
        """Write the reply, or else the provisional one, into the prompt file."""
        task_id = carrier.task_id
        reply = tasks.reply_of(task_id)
        provisional = provisional and reply is None
        if provisional:
            reply = tasks.provisional_of(task_id)
            coordinator.leave(carrier, left=True)
        if reply is None:
            raise asking.failure(tasks.read(task_id))
        plain = self.chosen.reply == "plain"
        prompt = tasks.prompt_of(tasks.read(task_id))
        text = prompt_file.with_reply(self.agent.name, task_id, prompt, reply, plain=plain, provisional=provisional)
        prompt_file.write(self.path, text)
        if not provisional:
            asking.mark_read(task_id)

    def _stopped(self, carrier: coordinator.Carrier) -> None:
        """Do what the person chose instead of waiting on, or say that the time is over.

        Raises:
            Stopped, TimedOut, Blocked: the file is untouched.
        """
        task_id, chosen = carrier.task_id, self.screen.chosen
        if chosen == "interrupt":
            done = asking.cancel(task_id)
            raise Stopped(f"task {task_id} was cancelled: {done}", hint="the draft is as it was")
        if chosen == "provisional":
            self._write(carrier, provisional=True)
            return
        coordinator.leave(carrier, left=True)
        goes_on = f"it goes on; its reply: flowloom reply {task_id}"
        if chosen == "leave":
            prompt_file.write(self.path, b"")
            return
        if chosen == "stop":
            raise Stopped(f"stopped waiting for task {task_id}", hint=goes_on)
        now = carrier.agent.status()
        if now["status"] is State.BLOCKED and now["question"]:
            what = f"{now['question']['kind']}: {now['question']['text']}"
            raise Blocked(f"{self.agent.agent_id} is blocked on {what}", hint=f"flowloom attach {self.agent.name}")
        raise TimedOut(f"no reply from {self.agent.agent_id} within {self.chosen.timeout_s} s", hint=goes_on)
