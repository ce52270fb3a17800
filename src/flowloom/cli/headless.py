"""`flowloom ask --headless`: for scripts, and for machines without tmux."""

from __future__ import annotations

import re
import signal
import sys
from typing import TYPE_CHECKING

from flowloom.agents.agent import named
from flowloom.cli.options import tell_unheeded
from flowloom.clock import Deadline
from flowloom.config import settings as config
from flowloom.delegation import ask, headless
from flowloom.errors import Stopped, TimedOut
from flowloom.ports import git
from flowloom.store import layout, projects
from flowloom.terminal.durations import span

if TYPE_CHECKING:
    from collections.abc import Callable

ASKED_HELP = "The agent; started if needed. Optional with --headless."


class EndedBySignal(Stopped):
    """A signal ended the command, and with it the task."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


def run(name: str, prompt: str, timeout: float | None, stdin: Callable[[], str], *, no_wait: bool) -> str:
    """Run a task without a window; return its id once it has ended, or at once with `no_wait`.

    Raises:
        TimedOut: the time was over, and its program was stopped.
        EndedBySignal: a signal came, and its program was stopped.
    """
    name, prompt = told_apart(name, prompt)
    here = projects.here()
    agent = named(name or headless.NAME, here)
    root = projects.root_of(agent.slug) or git.project_root(here)
    settings = config.load(root)
    tell_unheeded(settings)
    if name:
        ask.refuse_unknown(agent, settings)
    going = headless.HeadlessRun(agent, settings, root=root)
    text = stdin() if prompt == "-" else prompt
    asker, kind = ask.asked_by()
    try:
        task_id = going.start(text, asker=asker, asker_kind=kind)
        if no_wait:
            going.hand_over()
            sys.stdout.write(f"{task_id}\n")
            return task_id
        limit_s = timeout if timeout is not None else settings.timeout_s
        if sys.stderr.isatty():
            sys.stderr.write(f"flowloom: task {task_id}, without a window\n")
        number = going.await_end(Deadline(limit_s))
    finally:
        going.close()
    if number is not None:
        raise EndedBySignal(f"task {task_id} was cancelled by {signal.Signals(number).name}", number)
    if going.timed_out:
        raise TimedOut(f"task {task_id} has not ended within {span(limit_s or 0)}; its program was stopped", hint="")
    return task_id


def told_apart(name: str, prompt: str) -> tuple[str, str]:
    """Return agent and prompt of `[NAME] PROMPT`: one argument that can be a name is one, anything else is a prompt."""
    if not name or prompt != "-" or re.fullmatch(rf"{layout.NAME}(@[a-z0-9_-]+)?", name):
        return name, prompt
    return "", name
