"""Commands about agents: start, stop, agents, attach."""

from __future__ import annotations

import os
import select
import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from flowloom.agents import folders, launch, stopping
from flowloom.agents.agent import Agent, known, named
from flowloom.agents.startup import Startup
from flowloom.agents.survey import survey
from flowloom.cli import app, completion, say
from flowloom.cli.busy import agreed, busy_with, each_of, in_line, started, working_on
from flowloom.cli.live import Live
from flowloom.cli.options import Json, Name, OptionalName, OptionalNames, limit, tell_unheeded
from flowloom.cli.tables import RED, Cell, show, state
from flowloom.clock import Deadline, steady_s, wall_s
from flowloom.config import settings
from flowloom.delegation import ask, overview
from flowloom.errors import AgentFailed, Blocked, FlowLoomError, NoSuchAgent, TimedOut, TmuxFailed, UsageError
from flowloom.ports import git
from flowloom.ports.tmux import client as viewer
from flowloom.ports.tmux import server, tiles
from flowloom.queue import line
from flowloom.roles import builtin
from flowloom.store import files, layout
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.terminal.durations import age
from flowloom.terminal.tty import shorten
from flowloom.turns import whereabouts
from flowloom.turns.states import NO_PROGRAM, State

if TYPE_CHECKING:
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status

START_TIMEOUT_S = 120.0
# How an agent was stopped, in the words of `stopping.stop`.
STOPPED = {
    "left": "stopped {0}",
    "was ended": "stopped {0}; its program had to be ended",
    "was not running": "{0} was not running",
}


@app.command(context_settings={"allow_interspersed_args": True})
def start(
    name: Name,
    args: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS", help="Arguments for the agent's program, after --.")
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The agent's program: claude or echo.", autocompletion=completion.programs),
    ] = None,
    directory: Annotated[
        str | None, typer.Option("--dir", metavar="DIR", help="Its working directory; default: the project.")
    ] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Accept Claude Code's trust prompt for that folder.")] = False,
    timeout: Annotated[float, limit("How long to wait until it is ready", "default: 2m")] = START_TIMEOUT_S,
) -> int:
    """Start an agent in its own tmux window and wait until it is ready.

    Not needed before `flowloom ask` or Ctrl-G, which start it themselves.
    """
    root = git.project_root(layout.here())
    agent = named(name, layout.here())
    root = layout.project_root(agent.slug) or root
    place = folders.project_at(agent.slug, root, directory) if directory else root
    moved, root = place != root, place
    chosen = settings.load(root)
    tell_unheeded(chosen)
    launch.prepare(agent, chosen, root=root, provider=provider, directory=directory, args=args, trust=trust)
    if moved:
        layout.move_project(agent.slug, root)
        sys.stderr.write(f"the project {agent.slug} is in {root} from now on\n")
    before, _ = agent.reconcile()
    lost = launch.spawn(agent, chosen)
    if lost:
        sys.stderr.write(f"{lost}\n")
    now = await_ready(agent, Deadline(timeout))
    ran = before["status"] not in NO_PROGRAM and before["window_id"] == now["window_id"]
    is_now = f"was running already; it is {now['status']}" if ran else f"is {now['status']}"
    sys.stderr.write(f"{agent.agent_id} {is_now} (see it: flowloom attach {name})\n")
    return 0


def await_ready(agent: Agent, deadline: Deadline) -> Status:
    """Wait until an agent that was spawned is ready; a question on its screen is told at once."""
    startup = Startup(agent)
    told, began_s, live = "", steady_s(), Live("Ctrl-C stops waiting")
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
                live.say(f"{agent.agent_id}: {says}\n")
            agreed = question and question["kind"] == "trust" and (agent.spec() or {}).get("trust")
            if question and not agreed and question["text"] != told:
                told = question["text"]
                live.say(f"{agent.agent_id} is blocked on {question['kind']}: {told}\n")
                live.say(f"  {question['how']}: flowloom attach {agent.name}\n")
            if deadline.over():
                if question:
                    raise Blocked(
                        f"{agent.agent_id} is blocked on {question['kind']}", hint=f"flowloom attach {agent.name}"
                    )
                why = f": {says}" if says else ""
                raise TimedOut(f"{agent.agent_id} is not ready yet{why}", hint=f"flowloom attach {agent.name}")
            if startup.ready:
                return agent.status()
            waits_for = f"blocked on {question['kind']}" if question else "starting"
            live.draw(f"{agent.agent_id}  {waits_for} {age(steady_s() - began_s)}")
            select.select([wake_fd], [], [], deadline.within_s(startup.again_s))
            files.drain_wake(wake_fd)
    finally:
        live.clear()
        files.close_wake(wake_fd, wake_path)


@app.command()
def stop(
    names: OptionalNames = None,
    all_agents: Annotated[bool, typer.Option("--all", help="Stop every agent.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Stop even if it works (its task fails) or cannot be reached.")
    ] = False,
) -> int:
    """Stop agents; their conversations are kept."""
    if bool(names) == all_agents:
        raise UsageError("name the agents to stop, or use --all", hint="list them: flowloom agents")
    chosen = known() if all_agents else started(names or [])
    if not force and not _may_stop(chosen, "--all" if all_agents else " ".join(names or [])):
        sys.stderr.write("nothing was stopped\n")
        return 1
    # One that is damaged must not keep the others running.
    return each_of(chosen, lambda agent: _stop(agent, named=not all_agents, force=force))


def _may_stop(chosen: list[Agent], word: str) -> bool:
    """Tell whether agents may be ended: nothing runs in them, or the person on the terminal agrees.

    Raises:
        FlowLoomError: one works, and there is no terminal to ask on.
    """
    busy = []
    for agent in chosen:
        try:
            doing = busy_with(agent.reconcile()[0])
        except (FlowLoomError, OSError):
            continue  # stopping it says why
        if doing:
            busy.append(f"{agent.agent_id}: {doing}")
    if not busy:
        return True
    said = "\n".join(busy)
    if not sys.stdin.isatty():
        raise FlowLoomError(said, hint=f"stop anyway, its task then fails: flowloom stop {word} --force")
    sys.stderr.write(f"{said}\n")
    return agreed("Stop it? Its task fails." if len(busy) == 1 else "Stop them? Their tasks fail.")


def _stop(agent: Agent, *, named: bool, force: bool) -> None:
    # Before all who wait: none of them may start it again, or deliver to it, while it is closing.
    place = line.enter(agent.directory, "stop", first=True)
    try:
        if place is not None:
            place.say("it stops the agent")
        hit = [task_id for task_id in working_on(agent.status()) if not tasks.ended(tasks.read(task_id))]
        how = stopping.stop(agent, force=force)
        waiting = in_line(agent)
    finally:
        if place is not None:
            place.leave()
    if named or how != "was not running":
        sys.stderr.write(f"{STOPPED.get(how, '{0} ' + how).format(agent.agent_id)}\n")
    tell_kept(agent)
    if named or how != "was not running":
        _tell_left(agent)
    for task_id in hit:
        task = tasks.read(task_id)
        if tasks.ended(task) and task["status"] is not Step.DONE:
            sys.stderr.write(f"task {task_id} {task['status']}: {task['error']}\n")
    for task_id in waiting:
        sys.stderr.write(f"task {task_id} is queued and will restart it; cancel with: flowloom cancel {task_id}\n")


def tell_kept(agent: Agent) -> None:
    """Say where the draft is that stood in a stopped agent's box."""
    if agent.kept:
        sys.stderr.write(f"the draft in its box is kept, at the end of {agent.kept}\n")


def _tell_left(agent: Agent) -> None:
    left = stopping.left_running(agent)
    if left:
        named = ", ".join(f"{shorten(command, 60)} (process {pid})" for pid, command in left)
        pids = " ".join(str(pid) for pid, _ in left)
        sys.stderr.write(f"{agent.agent_id} left running: {named}; end with: kill {pids}\n")


@app.command("agents")
def list_agents(
    as_json: Json = False,
) -> int:
    """List agents and what each is doing."""
    found = survey()
    for project in layout.shut_projects():
        say(FlowLoomError(f"the agents in {project} cannot be listed", hint=f"it must be your own: ls -ld {project}"))
    rows = [status for _, status in found]
    if as_json:
        from flowloom.cli import published  # noqa: PLC0415 - pydantic, 60 ms of every command

        typer.echo(published.Agents(agents=published.agents(rows)).to_json())
    elif rows:
        overview.questions(found)
        _table(found)
        _tell_unstarted(found)
    else:
        sys.stderr.write("no agents yet; start one: flowloom start planning\n")
    return 0


def _tell_unstarted(found: list[tuple[Agent, Status]]) -> None:
    """Name on a terminal the roles of this project that have no agent yet: a task starts each."""
    slug = layout.project_slug(git.project_root(layout.here()))
    names = {agent.name for agent, _ in found if agent.slug == slug}
    left = [name for name in builtin.ROLES if name not in names]
    if left and sys.stderr.isatty():
        sys.stderr.write(f"not started yet: {', '.join(left)}\n")


def _table(found: list[tuple[Agent, Status]]) -> None:
    now_s = wall_s()
    failed = {task["agent_id"]: task for task in overview.failures()}
    unread = Counter(task["agent_id"] for task in overview.replies())
    show(
        ("AGENT", "STATUS", "SINCE", "TASK", "WHY"),
        [
            (
                row["agent_id"],
                state("unknown" if "unreachable" in row else row["status"]),
                Cell(age(now_s - row["since"]) if row["since"] else "-", right=True),
                row["current_task"] or "-",
                _why(agent, row, failed.get(row["agent_id"]), unread[row["agent_id"]]),
            )
            for agent, row in found
        ],
    )


def _why(agent: Agent, row: Status, failed: Task | None, unread: int) -> Cell | str:
    """Return what a person has to know of an agent: a failure until it is looked at, unread replies, its state."""
    if "unreachable" in row:
        return row["unreachable"] if "unread" in row else f"was {row['status']}; {row['unreachable']}"
    gone = folders.told(agent)
    if gone:
        return Cell(gone, RED)
    if failed is not None:
        return Cell(f"✗ task {failed['task_id']} {failed['status']}: {failed['error']}", RED)
    why = _held_up(row) or row["why"]
    return f"✉ {unread} unread; {why}" if unread else why


def _held_up(row: Status) -> str:
    """Return what holds an agent's next task up; empty where nothing does."""
    held = row["held_up"]
    task = tasks.find(held["task"]) if held else None
    # Its waiter may have been killed, and the one that took it up need not say so.
    if held is None or task is None or task["status"] not in (Step.CREATED, Step.TYPED, Step.PASTED):
        return ""
    return f"task {held['task']} waits for {age(int(wall_s() - held['since']))}: {held['why']}"


@app.command()
def attach(
    name: OptionalName = None,
    every: Annotated[bool, typer.Option("--all", help="Show every running agent, in tiles.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="With --all: only watch; keys do nothing.")] = False,
) -> int:
    """Show an agent's window on this terminal, or all of them.

    The tmux prefix and d (Ctrl-b d) bring you back.
    """
    if every:
        if name is not None:
            raise UsageError("name an agent or use --all, not both", hint="list them: flowloom agents")
        return _attach_all(read_only=read_only)
    return _attach(name if name is not None else _chosen())


def _chosen() -> str:
    """Return the agent to attach to: the only one that runs, or the one that the person picks.

    Raises:
        UsageError: there is no terminal to ask on.
        NoSuchAgent: none runs.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("name an agent, or use --all", hint="list them: flowloom agents")
    running = [(agent, now) for agent, now in survey() if now["status"] is not State.OFFLINE]
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
    agent = named(name, layout.here())
    ask.refuse_unstarted(agent)
    now, _ = agent.reconcile()
    port = agent.tmux(now)
    window = next((window for window in port.windows() if window.pane_id == now["pane_id"]), None)
    if window is None or window.agent_id != agent.agent_id:
        raise NoSuchAgent(
            f"{agent.agent_id} has no window; it is {now['status']}", hint=f"start it: flowloom start {name}"
        )
    visit = viewer.Visit(whereabouts.socket(now), window.window_id, None, name=agent.agent_id)
    try:
        visit.wait()
    finally:
        said = visit.end()
    if said:
        raise TmuxFailed(said)
    return 0


def _attach_all(*, read_only: bool) -> int:
    chosen = settings.load(git.project_root(layout.here()))
    port = server.Tmux(chosen.tmux_socket)
    running = [status for _, status in survey() if status["status"] is not State.OFFLINE]
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
    view = f"{server.VIEW}{os.getpid()}"

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
