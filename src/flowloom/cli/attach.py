"""The command `attach`."""

from __future__ import annotations

import os
import sys

from flowloom.agents.agent import named
from flowloom.agents.survey import survey
from flowloom.cli.options import OPTIONAL_AGENT, flag
from flowloom.cli.program import command
from flowloom.config import settings as config
from flowloom.delegation import ask
from flowloom.errors import NoSuchAgent, TmuxFailed, UsageError
from flowloom.ports import git
from flowloom.ports.tmux import client, formats, server, tiles
from flowloom.store import projects
from flowloom.turns import whereabouts
from flowloom.turns.states import NO_PROGRAM


@command(
    "attach",
    OPTIONAL_AGENT,
    flag("--all", "every", help="Show every running agent, in tiles."),
    flag("--read-only", help="With --all: only watch; keys do nothing."),
)
def attach(name: str | None, every: bool, read_only: bool) -> int:
    """Show an agent's window on this terminal, or all of them.

    The tmux prefix and d (Ctrl-b d) bring you back.
    """
    if every:
        if name is not None:
            raise UsageError("name an agent or use --all, not both", hint="list them: flowloom agents")
        return _attach_all(read_only=read_only)
    if read_only:
        raise UsageError("--read-only needs --all", hint="watch every agent: flowloom attach --all --read-only")
    return _attach(name if name is not None else _chosen())


def _chosen() -> str:
    """Return the agent to attach to: the only one that runs, or the one that the person picks.

    Raises:
        UsageError: there is no terminal to ask on.
        NoSuchAgent: none runs.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("name an agent, or use --all", hint="list them: flowloom agents")
    running = [(agent, now) for agent, now in survey() if now["status"] not in NO_PROGRAM]
    if not running:
        raise NoSuchAgent("no agent is running", hint="start one: flowloom start planning")
    if len(running) == 1:
        return running[0][0].agent_id
    for number, (agent, now) in enumerate(running, 1):
        sys.stderr.write(f"{number:>3}  {agent.agent_id}  {now['status']}\n")
    sys.stderr.write(f"Attach to which agent? [1-{len(running)}] ")
    sys.stderr.flush()
    answer = sys.stdin.readline().strip()
    for number, (agent, _) in enumerate(running, 1):
        if answer in (str(number), agent.name, agent.agent_id):
            return agent.agent_id
    raise UsageError(f"{answer!r} is none of these", hint=f"a number from 1 to {len(running)}, or a name")


def _attach(name: str) -> int:
    agent = named(name, projects.here())
    ask.refuse_unstarted(agent)
    now, _ = agent.reconcile()
    port = agent.tmux(now)
    window = next((window for window in port.windows() if window.pane_id == now["pane_id"]), None)
    if window is None or window.agent_id != agent.agent_id:
        raise NoSuchAgent(
            f"{agent.agent_id} has no window; it is {now['status']}", hint=f"start it: flowloom start {name}"
        )
    _need_terminal()
    visit = client.Visit(whereabouts.socket(now), window.window_id, None, name=agent.agent_id)
    try:
        visit.wait()
    finally:
        said = visit.end()
    if said:
        raise TmuxFailed(said)
    return 0


def _need_terminal() -> None:
    if not sys.stdin.isatty():
        raise UsageError("attach needs a terminal", hint="run it in one; to read a reply: flowloom reply TASK")


def _attach_all(*, read_only: bool) -> int:
    settings = config.load(git.project_root(projects.here()))
    port = server.Tmux(settings.tmux_socket)
    running = [status for _, status in survey() if status["status"] not in NO_PROGRAM]
    if not running:
        raise NoSuchAgent("no agent is running", hint="start one: flowloom start planning")
    windows = [
        window
        for window in port.windows()
        if not window.dead
        and any(now["pane_id"] == window.pane_id and whereabouts.is_own(now, window) for now in running)
    ]
    if not windows:
        raise NoSuchAgent("no agent is running", hint="start one: flowloom start planning")
    windows.sort(key=lambda window: window.agent_id)
    view = f"{formats.VIEW}{os.getpid()}"

    def command(again: str, size: tuple[int, int]) -> list[str]:
        return tiles.view_command(settings.tmux_socket, windows, view=view, size=size, read_only=read_only, again=again)

    _need_terminal()
    tiles.await_keeper(settings.tmux_socket, view)
    shown = client.Client(command)
    try:
        shown.wait()
    finally:
        said = shown.close()
    if said:
        raise TmuxFailed(said)
    return 0
