"""What `hooks/editor` runs on Ctrl-G: route the prompt file to an agent, wait, write the reply into it.

Three outcomes: *replied* (the file replaced, exit 0), *left* (the file emptied
once the prompt is kept, exit 0), anything else (the file untouched, exit not 0).
"""

from __future__ import annotations

import os
import signal
import sys

from flowloom import asking, bugs, coordinator, git, launch, paths, prompt_file, roles, settings, tasks, wait_screen
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


def main() -> None:
    """Run on the prompt file named by the first argument and exit with the outcome."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _hang_up)
    # The tty's signals are off, but somebody may still send these to our group.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    try:
        code = bugs.reported(lambda: edit(sys.argv[1]), "editor")
    except FlowLoomError as error:
        code = error.exit_code
        sys.stderr.write(f"flowloom: {error}{f'; {error.hint}' if error.hint else ''}\n")
    sys.exit(code)


def _hang_up(number: int, _frame: FrameType | None) -> None:
    raise Hangup(f"stopped by signal {number}; the task goes on")


def edit(path: str) -> int:
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
    if not _known(found[0], here, chosen):
        return NO_ROUTE
    name, prompt = found
    agent = named(name, here)
    screen = wait_screen.open_screen(agent.agent_id)
    try:
        return _deliver(path, agent, prompt, root, chosen, screen)
    except FlowLoomError as error:
        if not isinstance(error, Hangup):
            screen.tell(error)
        raise
    finally:
        screen.close()


def _known(name: str, here: str, chosen: Settings) -> bool:
    """Tell whether a name means an agent or a role: `@README.md` is a file mention and is left alone."""
    short = name.partition("@")[0]
    if "@" not in name and (short in roles.ROLES or short in chosen.agents):
        return True
    try:
        return named(name, here).spec() is not None
    except UsageError:
        return False


def _deliver(path: str, agent: Agent, prompt: str, root: str, chosen: Settings, screen: wait_screen.WaitScreen) -> int:
    mark = prompt_file.placeholder(prompt)
    if mark:
        raise UsageError(
            f"the prompt holds {mark}, which stands for pasted text that Claude Code did not hand over",
            hint="paste it again so that it shows in full, or put it into a file and name the file",
        )
    launch.prepare(agent, chosen, root=paths.project_root(agent.slug) or root)
    task = _former(agent, prompt, screen)
    if task is None:
        task = asking.ask(agent, prompt, asker="chief", asker_kind="chief")
    while True:
        again = _wait(path, agent, prompt, task, chosen, screen)
        if again is None:
            return 0
        task = again


def _former(agent: Agent, prompt: str, screen: wait_screen.WaitScreen) -> Task | None:
    """Return the unfinished or unread task that this draft was sent as before, if that is what the person wants."""
    known = asking.former(agent, prompt) if prompt.strip() else None
    if known is None:
        return None
    choice = screen.choose_former(known)
    if choice == "back":
        raise Stopped("went back; nothing was sent", hint=f"its former task is {known['task_id']}")
    return known if choice == "rejoin" else None


def _wait(
    path: str, agent: Agent, prompt: str, task: Task, chosen: Settings, screen: wait_screen.WaitScreen
) -> Task | None:
    """Wait for one task; return None when the file is written, or the task that is sent in its place.

    Raises:
        FlowLoomError: the outcome is neither replied nor left.
    """
    carrier = coordinator.Carrier(task["task_id"], chosen)
    try:
        view = coordinator.await_end(carrier, Deadline(chosen.timeout_s), screen.show, fds=screen.fds)
        while view is not None and view.task["status"] is Step.INTERRUPTED:
            choice = screen.choose_interrupted(view)
            if choice == "again":
                return asking.ask(agent, prompt, asker="chief", asker_kind="chief")
            if choice != "wait":
                raise asking.failure(view.task)
            carrier.wait_on()
            view = coordinator.await_end(carrier, Deadline(None), screen.show, fds=screen.fds)
        if view is None:
            _stopped(path, carrier, screen)
            return None
        _write(path, agent, prompt, view, carrier, chosen)
        return None
    except Hangup:
        coordinator.leave(carrier, left=True)
        raise
    finally:
        carrier.close()


def _write(path: str, agent: Agent, prompt: str, view: View, carrier: coordinator.Carrier, chosen: Settings) -> None:
    task_id = carrier.task_id
    reply = tasks.reply_of(task_id)
    provisional = reply is None and view.provisional
    if provisional:
        reply = tasks.provisional_of(task_id)
    if reply is None:
        raise asking.failure(tasks.read(task_id))
    plain = chosen.reply == "plain"
    prompt_file.write(
        path, prompt_file.with_reply(agent.name, task_id, prompt, reply, plain=plain, provisional=provisional)
    )
    if provisional:
        coordinator.leave(carrier, left=True)
    else:
        asking.mark_read(task_id)


def _stopped(path: str, carrier: coordinator.Carrier, screen: wait_screen.WaitScreen) -> None:
    """Do what the person chose instead of waiting on, or say that the time is over.

    Raises:
        Stopped, TimedOut, Blocked: the file is untouched.
    """
    task_id, name = carrier.task_id, carrier.agent.name
    if screen.chosen == "interrupt":
        done = asking.cancel(task_id)
        raise Stopped(f"task {task_id} was cancelled: {done}", hint="the draft is as it was")
    if screen.chosen == "provisional":
        coordinator.leave(carrier, left=True)
        reply = tasks.provisional_of(task_id)
        if reply is not None:
            prompt = tasks.prompt_of(tasks.read(task_id))
            plain = carrier.settings.reply == "plain"
            prompt_file.write(path, prompt_file.with_reply(name, task_id, prompt, reply, plain=plain, provisional=True))
            return
    coordinator.leave(carrier, left=True)
    goes_on = f"it goes on; its reply: flowloom reply {task_id}"
    if screen.chosen == "leave":
        prompt_file.write(path, b"")
        return
    if screen.chosen == "stop":
        raise Stopped(f"stopped waiting for task {task_id}", hint=goes_on)
    now = carrier.agent.status()
    if now["status"] is State.BLOCKED and now["question"]:
        raise Blocked(
            f"{carrier.agent.agent_id} is blocked on {now['question']['text']}", hint=f"flowloom attach {name}"
        )
    raise TimedOut(f"no reply from {carrier.agent.agent_id} within {carrier.settings.timeout_s} s", hint=goes_on)
