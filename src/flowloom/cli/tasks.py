"""Commands about tasks: ask, wait, reply, tasks, cancel."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from flowloom.agents import launch
from flowloom.agents.agent import Agent, named
from flowloom.cli import app, completion, live, output, say
from flowloom.cli.busy import each_of
from flowloom.cli.headless import ASKED_HELP, run
from flowloom.cli.options import Json, limit, tell_unheeded
from flowloom.clock import Deadline
from flowloom.config import settings
from flowloom.delegation import ask as asking
from flowloom.delegation import headless, loop, overview, runner
from flowloom.errors import Blocked, FlowLoomError, Stopped, TimedOut, UsageError
from flowloom.ports import git
from flowloom.ports.signals import Noted
from flowloom.queue import line
from flowloom.store import files, layout
from flowloom.tasks import store as tasks
from flowloom.tasks.remarks import remarks
from flowloom.tasks.steps import Step
from flowloom.terminal.durations import span
from flowloom.turns.states import State

if TYPE_CHECKING:
    from flowloom.delegation.runner import Carrier, View
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status

Timeout = Annotated[float | None, limit("How long to wait", "the task keeps running")]


class Notices:
    """Tells on stderr what a person has to know while a command waits; each thing once."""

    def __init__(self, shown: live.Live) -> None:
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
            what = f"{view.question['kind']}: {view.question['text']}"
            said = f"{agent['agent_id']} is blocked on {what}; answer with: flowloom attach {agent['name']}"
        elif view.phase == "in line":
            said = f"in line, {view.ahead} ahead of it"
        if said and said != self.told:
            self.shown.say(f"flowloom: {said}\n")
        self.told = said or self.told
        return True


@app.command()
def ask(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help=ASKED_HELP, autocompletion=completion.askable)
    ] = None,
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="The prompt; without it, or with -, stdin is read.")
    ] = "-",
    timeout: Timeout = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Print the task's id and return.")] = False,
    without_window: Annotated[
        bool, typer.Option("--headless", help="Run once, without tmux; --timeout then ends it.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Give an agent a task and print its reply."""
    if without_window:
        task_id = run(name or "", prompt, timeout, _stdin, no_wait=no_wait)
        return 0 if no_wait else _print(task_id, as_json=as_json)
    if name is None:
        raise UsageError("name an agent to ask", hint="flowloom ask planning 'your prompt'; list them: flowloom agents")
    here = layout.here()
    root = git.project_root(here)
    agent = named(name, here)
    root = layout.project_root(agent.slug) or root
    chosen = settings.load(root)
    tell_unheeded(chosen)
    asking.refuse_unknown(agent, chosen)
    text = _stdin() if prompt == "-" else prompt
    launch.prepare(agent, chosen, root=root)
    asker, kind = asking.asked_by()
    # From here on no signal may come between the task and its waiter.
    stop = Noted(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    with asking.in_turn(kind):
        task = asking.ask(agent, text, asker=asker, asker_kind=kind)
        carrier = runner.Carrier(task["task_id"], chosen)
    _tell_abandoned(agent)
    try:
        if no_wait:
            runner.leave(carrier, left=True)
            typer.echo(task["task_id"])
            return 0
        _wait_for([carrier], timeout if timeout is not None else chosen.timeout_s, stop)
        return _print(task["task_id"], as_json=as_json)
    finally:
        carrier.close()
        stop.give_back()


def _tell_abandoned(agent: Agent) -> None:
    """Tell of unfinished tasks whose process was killed: they are not sent by themselves, perhaps days later."""
    for task_id in line.abandoned(agent.directory):
        task = tasks.find(task_id)
        if task is not None and overview.unattended(task):
            again = f"flowloom wait {task_id}, or flowloom cancel {task_id}"
            sys.stderr.write(f"flowloom: task {task_id} is {task['status']}, and no process waits for it: {again}\n")


def _stdin() -> str:
    if sys.stdin.isatty():
        sys.stderr.write("flowloom: type the prompt, then press Ctrl-D\n")
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")


def _wait_for(carriers: list[Carrier], limit_s: float | None, stop: Noted, *, any_of: bool = False) -> list[Carrier]:
    """Wait until tasks have ended, all or one of them, and return those; whatever ends the wait, the others continue.

    Raises:
        Stopped, TimedOut, Blocked: the wait ended before the tasks did.
    """
    ids = " ".join(carrier.task_id for carrier in carriers)
    shown = live.Live(f"Ctrl-C leaves {'it' if len(carriers) == 1 else 'them'} running")
    notices = [Notices(shown) for _ in carriers]

    def tell(views: list[View]) -> bool:
        for notice, view in zip(notices, views, strict=True):
            notice(view)
        shown.draw(live.line(views))
        return not stop.came()

    views: list[View] | None = None
    try:
        views = loop.await_ends(carriers, Deadline(limit_s), tell, fds=[stop.fd], any_of=any_of)
    finally:
        shown.clear()
        ended = [carrier for carrier, view in zip(carriers, views or [], strict=False) if view.ended]
        over = {
            id(carrier)
            for carrier, view in zip(carriers, views or [], strict=False)
            if view.ended and not view.provisional
        }
        for carrier in carriers:
            if id(carrier) not in over:
                runner.leave(carrier, left=True)
    if views is not None:
        return ended
    again = f"flowloom wait {ids}"
    if stop.came():
        raise Stopped(f"stopped waiting for {ids}", hint=f"{_keep(carriers)}; wait again: {again}")
    blocked = [now for carrier in carriers if (now := carrier.agent.status())["status"] is State.BLOCKED]
    for now in blocked:
        if now["question"]:
            raise Blocked(
                f"{now['agent_id']} is blocked on {now['question']['kind']}: {now['question']['text']}",
                hint=f"answer it: flowloom attach {now['name']}; then wait again: {again}",
            )
    names = ", ".join(f"{carrier.agent.agent_id} ({_doing(carrier.agent.status())})" for carrier in carriers)
    raise TimedOut(f"no reply from {names} within {span(limit_s or 0)}", hint=f"{_keep(carriers)}; wait again: {again}")


def _keep(carriers: list[Carrier]) -> str:
    """Return what becomes of tasks that this command no longer waits for."""
    if len(carriers) > 1:
        return "they keep running"
    return "it stays in line" if tasks.read(carriers[0].task_id)["status"] is Step.CREATED else "it keeps running"


def _doing(now: Status) -> str:
    """Return what an agent does, and for one that is parked what it waits for."""
    return f"{now['status']}: {now['why']}" if now["status"] is State.PARKED else now["status"]


def _print(task_id: str, *, as_json: bool, now: bool = False) -> int:
    """Print a task's reply, byte for byte; its provisional one where there is no other."""
    task = tasks.read(task_id)
    reply = tasks.reply_of(task_id)
    provisional = False
    if reply is None and (now or task["status"] is Step.PARKED):
        reply = tasks.provisional_of(task_id)
        provisional = reply is not None
    if reply is None and now:
        reply = files.read(f"{layout.task_dir(task_id)}/partial.md")
    if reply is None and now and not tasks.ended(task):
        raise FlowLoomError(
            f"{task['agent_id']} has said nothing yet for task {task_id} ({task['status']})",
            hint=f"wait for its reply: flowloom wait {task_id}",
        )
    if as_json:
        from flowloom.cli import published  # noqa: PLC0415 - pydantic, 60 ms

        text = None if reply is None else reply.decode("utf-8", "replace")
        shown = published.task(task, layout.task_dir(task_id))
        typer.echo(published.Answer(task=shown, text=text, provisional=provisional).to_json())
        if reply is None:
            asking.mark_seen(task)
            return asking.failure(task).exit_code
    elif reply is None:
        asking.mark_seen(task)
        raise asking.failure(task)
    else:
        output.put(reply)
    if not provisional:
        asking.mark_read(task_id)
    _tell_remarks(tasks.read(task_id), provisional=provisional)
    return 0


def _tell_remarks(task: Task, *, provisional: bool) -> None:
    for note in task["notes"]:
        if task.get("headless") is not None:
            sys.stderr.write(f"flowloom: task {task['task_id']}: {note}\n")
    for said in remarks(task, provisional=provisional):
        sys.stderr.write(f"flowloom: task {task['task_id']}: {said}\n")


@app.command()
def wait(
    task_ids: Annotated[
        list[str], typer.Argument(metavar="TASK", help="The tasks' ids.", autocompletion=completion.unfinished)
    ],
    any_of: Annotated[bool, typer.Option("--any", help="Return when the first task ends.")] = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> int:
    """Wait for tasks and print their replies."""
    for task_id in task_ids:
        tasks.read(task_id)
    stop = Noted(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    carriers = [_carrier(task_id) for task_id in task_ids]
    try:
        ended = _wait_for(carriers, timeout, stop, any_of=any_of)
        return _print_each([carrier.task_id for carrier in ended], as_json=as_json, headed=len(task_ids) > 1)
    finally:
        for carrier in carriers:
            carrier.close()
        stop.give_back()


def _carrier(task_id: str) -> Carrier:
    agent = Agent(tasks.read(task_id)["agent_dir"])
    return runner.Carrier(task_id, settings.load(layout.project_root(agent.slug) or layout.here()))


def _print_each(task_ids: list[str], *, as_json: bool, headed: bool) -> int:
    """Print the replies of several tasks; one without a reply is told on stderr, and its exit code kept."""
    code = 0
    for task_id in task_ids:
        try:
            if headed and not as_json:
                typer.echo(f"== {tasks.read(task_id)['agent_id']} (task {task_id})")
                sys.stdout.flush()
            code = max(code, _print(task_id, as_json=as_json))
            if headed and not as_json:
                typer.echo()
        except FlowLoomError as error:
            if not headed:
                raise
            say(error)
            code = max(code, error.exit_code)
    return code


@app.command()
def reply(
    task_id: Annotated[str, typer.Argument(metavar="TASK", help="The task's id.", autocompletion=completion.replies)],
    now: Annotated[bool, typer.Option("--now", help="Print an unfinished reply as far as it is.")] = False,
    as_json: Json = False,
) -> int:
    """Print a task's reply."""
    task = tasks.read(task_id)
    agent = Agent(task["agent_dir"])
    why = agent.refresh()
    if why:
        sys.stderr.write(f"flowloom: {why}\n")
    headless.settle(task_id)
    task = tasks.read(task_id)
    if not tasks.ended(task) and not now and tasks.reply_of(task_id) is None and task["status"] is not Step.PARKED:
        raise FlowLoomError(
            f"{agent.agent_id} is still working on {task_id}"
            if task["status"] is Step.ACCEPTED
            else f"task {task_id} has no reply yet ({task['status']})",
            hint=f"wait for it: flowloom wait {task_id}",
        )
    return _print(task_id, as_json=as_json, now=now)


@app.command()
def cancel(
    task_ids: Annotated[
        list[str], typer.Argument(metavar="TASK", help="The tasks' ids.", autocompletion=completion.unfinished)
    ],
) -> int:
    """Cancel tasks.

    A task in line is removed from it; an agent that works on one is interrupted.
    """
    for task_id in task_ids:
        tasks.read(task_id)
    return each_of(task_ids, _cancel)


def _cancel(task_id: str) -> None:
    task = tasks.read(task_id)
    if tasks.ended(task):
        see = "print its reply: flowloom reply" if task["status"] is Step.DONE else "see what happened: flowloom show"
        raise UsageError(f"task {task_id} has already ended ({task['status']})", hint=f"{see} {task_id}")
    done = asking.cancel(task_id) if task.get("headless") is None else headless.cancel(task_id)
    sys.stderr.write(f"task {task_id}: {done}\n")
