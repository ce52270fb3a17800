"""Commands about agents: start, stop, agents, attach."""

from __future__ import annotations

import os
import select
import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from flowloom import files, git, launch, line, overview, paths, settings, tasks, tiles, tmux, viewer
from flowloom.agents import Agent, known, named, survey
from flowloom.ages import age
from flowloom.cli import app, say
from flowloom.cli.options import Json, Name, tell_unheeded
from flowloom.cli.tables import RED, Cell, show, state
from flowloom.clock import Deadline, wall_s
from flowloom.errors import AgentFailed, Blocked, FlowLoomError, NoSuchAgent, TimedOut, TmuxFailed, UsageError
from flowloom.startup import Startup
from flowloom.states import State, Step

if TYPE_CHECKING:
    from flowloom.records import Status, Task

START_TIMEOUT_S = 120.0


@app.command(context_settings={"allow_interspersed_args": True})
def start(
    name: Name,
    args: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS", help="After --: arguments for the agent's program.")
    ] = None,
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="The agent's program: claude or echo.")] = None,
    directory: Annotated[
        str | None, typer.Option("--dir", metavar="DIR", help="Where it works; the project by default.")
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Answer Claude Code's question whether it may trust that folder with yes.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="Seconds to wait until it is ready.")
    ] = START_TIMEOUT_S,
) -> int:
    """Start an agent in a window of its own, and wait for it.

    `flowloom ask` and Ctrl-G start it too; this is for its options.
    """
    root = git.project_root(paths.here())
    agent = named(name, paths.here())
    root = paths.project_root(agent.slug) or root
    chosen = settings.load(root)
    tell_unheeded(chosen)
    launch.prepare(agent, chosen, root=root, provider=provider, directory=directory, args=args, trust=trust)
    agent.reconcile()
    lost = launch.spawn(agent, chosen)
    if lost:
        sys.stderr.write(f"{lost}\n")
    now = await_ready(agent, Deadline(timeout))
    sys.stderr.write(f"{agent.agent_id} is {now['status']} in window {now['window_id']} of {chosen.session}\n")
    return 0


def await_ready(agent: Agent, deadline: Deadline) -> Status:
    """Wait until an agent that was spawned is ready; a question on its screen is told at once."""
    startup = Startup(agent)
    told = ""
    wake_fd, wake_path = files.open_wake(agent.directory)
    try:
        while True:
            now, look = agent.reconcile()
            if now["status"] is State.OFFLINE:
                raise AgentFailed(
                    f"{agent.agent_id} did not come up: {now['why']}", hint=f"see: flowloom attach {agent.name}"
                )
            if now["up"] and now["status"] not in (State.STARTING, State.BLOCKED):
                return now
            question, says = startup.step(now, look) if look else (None, "")
            if says and says != told:
                told = says
                sys.stderr.write(f"{agent.agent_id}: {says}\n")
            agreed = question and question["kind"] == "trust" and (agent.spec() or {}).get("trust")
            if question and not agreed and question["text"] != told:
                told = question["text"]
                sys.stderr.write(f"{agent.agent_id} is blocked on {question['kind']}: {told}\n")
                sys.stderr.write(f"  {question['how']}: flowloom attach {agent.name}\n")
            if deadline.over():
                if question:
                    raise Blocked(
                        f"{agent.agent_id} is blocked on {question['kind']}", hint=f"flowloom attach {agent.name}"
                    )
                why = f": {says}" if says else ""
                raise TimedOut(f"{agent.agent_id} is not ready yet{why}", hint=f"flowloom attach {agent.name}")
            if startup.ready:
                return agent.status()
            select.select([wake_fd], [], [], deadline.within_s(startup.again_s))
            files.drain_wake(wake_fd)
    finally:
        files.close_wake(wake_fd, wake_path)


@app.command()
def stop(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The agent.")] = None,
    all_agents: Annotated[bool, typer.Option("--all", help="Stop every agent.")] = False,
) -> int:
    """Stop an agent; its conversation is kept.

    It is asked to leave and has some seconds for that; then it is ended.
    """
    if (name is None) == (not all_agents):
        raise UsageError("name one agent, or say --all", hint="flowloom agents lists them")
    chosen = [named(name, paths.here())] if name is not None else known()
    code = 0
    for agent in chosen:
        try:
            _stop(agent, named=name is not None)
        except FlowLoomError as error:
            if name is not None:
                raise
            # One that is damaged must not keep the others running.
            say(error)
            code = error.exit_code
    return code


def _stop(agent: Agent, *, named: bool) -> None:
    if agent.spec() is None:
        raise NoSuchAgent(f"there is no agent {agent.agent_id}")
    # Before all who wait: none of them may start it again, or deliver to it, while it is closing.
    place = line.enter(agent.directory, "stop", first=True)
    try:
        how = agent.stop()
        waiting = [task_id for task_id in line.standing(agent.directory) if paths.is_task_id(task_id)]
        waiting = [task_id for task_id in waiting if (task := tasks.find(task_id)) and not tasks.ended(task)]
    finally:
        if place is not None:
            place.leave()
    if named or how != "was not running":
        sys.stderr.write(f"{agent.agent_id} {how}\n")
    for task_id in waiting:
        sys.stderr.write(f"task {task_id} is in line and starts it again; take it back: flowloom cancel {task_id}\n")


@app.command("agents")
def list_agents(
    as_json: Json = False,
) -> int:
    """List the agents, with what each is doing."""
    found = survey()
    for agent, status in found:
        if status is None:
            try:
                agent.spec()
                agent.status()
            except FlowLoomError as error:
                say(error)
    rows = [status for _, status in found if status is not None]
    if as_json:
        from flowloom.cli import published  # noqa: PLC0415 - pydantic, 60 ms of every command

        typer.echo(published.Agents(agents=published.agents(rows)).to_json())
    elif rows:
        overview.questions(found)
        _table(rows)
    else:
        sys.stderr.write("no agents yet; start one: flowloom start planning\n")
    return 0


def _table(rows: list[Status]) -> None:
    now_s = wall_s()
    failed = {task["agent_id"]: task for task in overview.failures()}
    unread = Counter(task["agent_id"] for task in overview.replies())
    show(
        ("AGENT", "STATUS", "SINCE", "TASK", "WINDOW", "WHY"),
        [
            (
                row["agent_id"],
                state(row["status"]),
                Cell(age(now_s - row["since"]) if row["since"] else "-", right=True),
                row["current_task"] or "-",
                "-" if row["status"] is State.OFFLINE else row["window_id"] or "-",
                _why(row, failed.get(row["agent_id"]), unread[row["agent_id"]]),
            )
            for row in rows
        ],
    )


def _why(row: Status, failed: Task | None, unread: int) -> Cell | str:
    """Return what a person has to know of an agent: a failure until it is looked at, unread replies, its state."""
    if failed is not None:
        return Cell(f"✗ task {failed['task_id']} {failed['status']}: {failed['error']}", RED)
    why = _held_up(row) or row["why"]
    return f"✉ {unread} unread; {why}" if unread else why


def _held_up(row: Status) -> str:
    """Return what holds an agent's next task up; empty where nothing does."""
    held = row["held_up"]
    task = tasks.find(held["task"]) if held else None
    # Its waiter may have been killed, and whoever took it up has no need to say so.
    if held is None or task is None or task["status"] not in (Step.CREATED, Step.TYPED, Step.PASTED):
        return ""
    return f"task {held['task']} waits for {age(int(wall_s() - held['since']))}: {held['why']}"


@app.command()
def attach(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The agent.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every agent that runs, in tiles.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="With --all: what is typed reaches nobody.")] = False,
) -> int:
    """Show an agent's window on this terminal, or all of them.

    The tmux prefix and d (Ctrl-b d) bring you back.
    """
    if (name is None) is not every:
        raise UsageError("name an agent or say --all", hint="flowloom agents lists them")
    return _attach_all(read_only=read_only) if name is None else _attach(name)


def _attach(name: str) -> int:
    agent = named(name, paths.here())
    now, _ = agent.reconcile()
    port = agent.tmux(now)
    window = next((window for window in port.windows() if window.pane_id == now["pane_id"]), None)
    if window is None or window.agent_id != agent.agent_id:
        raise NoSuchAgent(
            f"{agent.agent_id} has no window; it is {now['status']}", hint=f"start it: flowloom start {name}"
        )
    visit = viewer.Visit(now["socket"], window.window_id, None, name=agent.agent_id)
    try:
        visit.wait()
    finally:
        said = visit.end()
    if said:
        raise TmuxFailed(said)
    return 0


def _attach_all(*, read_only: bool) -> int:
    chosen = settings.load(git.project_root(paths.here()))
    port = tmux.Tmux(chosen.tmux_socket)
    running = {status["pane_id"] for _, status in survey() if status and status["socket"] == chosen.tmux_socket}
    windows = [window for window in port.windows() if window.pane_id in running and not window.dead]
    if not windows:
        raise NoSuchAgent("no agent runs", hint="start one: flowloom start planning")
    windows.sort(key=lambda window: window.agent_id)
    view = f"{tmux.VIEW}{os.getpid()}"

    def command(again: str, size: tuple[int, int]) -> list[str]:
        return tiles.view_command(chosen.tmux_socket, windows, view=view, size=size, read_only=read_only, again=again)

    tiles.await_keeper(chosen.tmux_socket, view)
    client = viewer.Client(command)
    try:
        client.wait()
    finally:
        said = client.close()
    if said:
        raise TmuxFailed(said)
    return 0
