"""The command `wait`, and how every command waits for tasks."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

from flowloom.agents.agent import Agent
from flowloom.cli import completion, live, options, output
from flowloom.cli.options import JSON, flag, limit
from flowloom.cli.program import command
from flowloom.cli.reply import print_reply
from flowloom.clock import Deadline
from flowloom.config import settings as config
from flowloom.delegation import ask, loop, upgrade
from flowloom.delegation.runner import Runner
from flowloom.errors import FlowLoomError, Stopped, TimedOut
from flowloom.ports.signals import CaughtSignals
from flowloom.store import locks, projects
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.terminal.durations import span
from flowloom.turns import questions
from flowloom.turns.states import State

if TYPE_CHECKING:
    from flowloom.delegation.runner import View
    from flowloom.turns.record import Status

TIMEOUT = limit("How long to wait", "the task keeps running")


@command(
    "wait",
    options.tasks(completion.unfinished),
    flag("--any", "any_of", help="Return when the first task ends."),
    TIMEOUT,
    JSON,
)
def wait(task_ids: tuple[str, ...], any_of: bool, timeout: float | None, as_json: bool) -> int:
    """Wait for tasks and print their replies."""
    for task_id in task_ids:
        tasks.read(task_id)
    upgrade.replace_waiters()
    stop = CaughtSignals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    runners: list[Runner] = []
    with ExitStack() as ends:
        ends.callback(stop.give_back)
        ends.enter_context(locks.LockWait(deadline=Deadline(timeout), is_over=stop.came))
        for task_id in task_ids:
            runners.append(_runner(task_id))
            ends.callback(runners[-1].close)  # each is closed, whatever closing another one raises
        ended = wait_for(runners, timeout, stop, any_of=any_of)
        return _print_each(ended, as_json=as_json, headed=len(task_ids) > 1)


def _runner(task_id: str) -> Runner:
    agent = Agent(tasks.agent_of(tasks.read(task_id)))
    return Runner(task_id, config.load(projects.root_of(agent.slug) or projects.here()))


def _print_each(ended: list[View], *, as_json: bool, headed: bool) -> int:
    """Print the replies of several tasks; one without a reply is told on stderr, and its exit code kept."""
    code = 0
    for task_id, error in [(view.task["task_id"], view.error) for view in ended]:
        try:
            if error is not None:
                raise error
            if headed and not as_json:
                output.print_line(f"== {tasks.read(task_id)['agent_id']} (task {task_id})")
            code = max(code, print_reply(task_id, as_json=as_json))
            if headed and not as_json:
                output.print_line()
        except FlowLoomError as error:
            if not headed:
                raise
            output.say(error)
            code = max(code, error.exit_code)
    return code


def wait_for(runners: list[Runner], limit_s: float | None, stop: CaughtSignals, *, any_of: bool = False) -> list[View]:
    """Wait until tasks have ended, all or one of them, and return those; whatever ends the wait, the others continue.

    Raises:
        Stopped, TimedOut, Blocked: the wait ended before the tasks did.
        FlowLoomError: the only task could not be carried on.
    """
    ids = " ".join(runner.task_id for runner in runners)
    shown = live.LiveLine(f"Ctrl-C leaves {'it' if len(runners) == 1 else 'them'} running")
    notices = [WaitMessages(shown) for _ in runners]

    def tell(views: list[View]) -> bool:
        for notice, view in zip(notices, views, strict=True):
            notice(view)
        shown.draw(live.line(views))
        return not stop.came()

    views: list[View] | None = None
    try:
        views = loop.await_ends(
            runners, Deadline(limit_s), tell, fds=[stop.fd], any_of=any_of, tick=lambda: shown.again_s
        )
    finally:
        shown.clear()
        over = {view.task["task_id"] for view in views or [] if view.ended and not view.provisional and not view.error}
        for runner in runners:
            # What has failed here is told here, and is no news.
            if runner.task_id not in over and not runner.failed:
                runner.leave()
    if views is not None:
        return [view for view in views if view.ended]
    again = f"flowloom wait {ids}"
    if stop.came():
        raise Stopped(f"stopped waiting for {ids}", hint=f"{_keep(runners)}; wait again: {again}")
    for runner in runners:
        blocked = ask.blocked(runner.agent.status(), f"then wait again: {again}")
        if blocked is not None:
            raise blocked
    names = ", ".join(f"{runner.agent.agent_id} ({_doing(runner.agent.status())})" for runner in runners)
    raise TimedOut(f"no reply from {names} within {span(limit_s or 0)}", hint=f"{_keep(runners)}; wait again: {again}")


def _keep(runners: list[Runner]) -> str:
    """Return what becomes of tasks that this command no longer waits for."""
    if len(runners) > 1:
        return "they keep running"
    return "it stays in line" if tasks.read(runners[0].task_id)["status"] is Step.CREATED else "it keeps running"


def _doing(now: Status) -> str:
    """Return what an agent does, and for one that is parked what it waits for."""
    return f"{now['status']}: {now['why']}" if now["status"] is State.PARKED else now["status"]


class WaitMessages:
    """Tells on stderr what a person has to know while a command waits; each thing once."""

    def __init__(self, shown: live.LiveLine) -> None:
        self.shown = shown
        self.told = ""
        self.began_anew_told = False

    def __call__(self, view: View) -> bool:
        """Tell what is new in this view; the wait continues."""
        if view.began_anew and not self.began_anew_told:
            self.began_anew_told = True
            self.shown.say(f"flowloom: {view.began_anew}\n")
        said = view.says
        if view.question and view.agent and view.agent["status"] is State.BLOCKED:
            agent = view.agent
            blocked_on = questions.blocked_on(agent["agent_id"], view.question)
            said = f"{blocked_on}; answer with: flowloom attach {agent['name']}"
        elif view.phase == "in line":
            said = f"in line, {view.ahead} ahead of it{f'; {said}' if said else ''}"
        if said and said != self.told:
            self.shown.say(f"flowloom: {said}\n")
        self.told = said or self.told
        return True
