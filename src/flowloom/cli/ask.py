"""The command `ask`."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from flowloom.agents import launch
from flowloom.agents.agent import named
from flowloom.cli import completion
from flowloom.cli.headless import ASKED_HELP, run
from flowloom.cli.options import JSON, flag, offered, tell_unheeded
from flowloom.cli.output import print_line
from flowloom.cli.program import Argument, command
from flowloom.cli.reply import print_reply
from flowloom.cli.wait import TIMEOUT, wait_for
from flowloom.clock import Deadline
from flowloom.config import settings as config
from flowloom.delegation import ask as asking
from flowloom.delegation import loop, overview, upgrade
from flowloom.errors import UsageError
from flowloom.ports import git
from flowloom.ports.signals import CaughtSignals
from flowloom.queue import line
from flowloom.store import locks, projects
from flowloom.tasks import store as tasks

if TYPE_CHECKING:
    from flowloom.agents.agent import Agent


@command(
    "ask",
    Argument("name", required=False, metavar="NAME", help=ASKED_HELP, **offered(completion.askable)),
    Argument(
        "prompt",
        required=False,
        default="-",
        metavar="PROMPT",
        help="The prompt; without it, or with -, stdin is read.",
    ),
    TIMEOUT,
    flag("--no-wait", help="Print the task's id and return."),
    flag("--headless", "without_window", help="Run once, without tmux; --timeout then ends it."),
    JSON,
)
def ask(
    name: str | None, prompt: str, timeout: float | None, no_wait: bool, without_window: bool, as_json: bool
) -> int:
    """Give an agent a task and print its reply."""
    if without_window:
        task_id = run(name or "", prompt, timeout, _stdin, no_wait=no_wait)
        return 0 if no_wait else print_reply(task_id, as_json=as_json)
    if name is None:
        raise UsageError("name an agent to ask", hint="flowloom ask planning 'your prompt'; list them: flowloom agents")
    here = projects.here()
    root = git.project_root(here)
    agent = named(name, here, root=root)
    root = projects.root_of(agent.slug) or root
    settings = config.load(root)
    tell_unheeded(settings)
    asking.refuse_unknown(agent, settings)
    text = _stdin() if prompt == "-" else prompt
    launch.prepare(agent, settings, root=root)
    upgrade.replace_waiters()
    asker, kind = asking.asked_by()
    # From here on no signal may come between the task and its waiter.
    stop = CaughtSignals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    limit_s = timeout if timeout is not None else settings.timeout_s
    with ExitStack() as ends:
        ends.callback(stop.give_back)
        ends.enter_context(locks.LockWait(deadline=Deadline(limit_s), is_over=stop.came))
        with asking.in_turn(kind):
            task = asking.ask(agent, text, asker=asker, asker_kind=kind)
            runner = loop.open_runner(task["task_id"], settings, agent)
        ends.callback(runner.close)
        _tell_abandoned(agent)
        if no_wait:
            runner.leave()
            print_line(task["task_id"])
            return 0
        wait_for([runner], limit_s, stop)
        return print_reply(task["task_id"], as_json=as_json)


def _tell_abandoned(agent: Agent) -> None:
    """Tell of unfinished tasks whose process was killed: they are not sent by themselves, perhaps days later."""
    for task_id in line.abandoned(agent.ref):
        task = tasks.find(task_id)
        if task is not None and overview.unattended(task):
            again = f"flowloom wait {task_id}, or flowloom cancel {task_id}"
            sys.stderr.write(f"flowloom: task {task_id} is {task['status']}, and no process waits for it: {again}\n")


def _stdin() -> str:
    if sys.stdin.isatty():
        sys.stderr.write("flowloom: type the prompt, then press Ctrl-D\n")
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
