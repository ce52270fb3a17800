"""Commands that keep house: restart, logs, show, clean, config."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowloom import files, git, headless, launch, line, paths, retention, settings, status, tasks
from flowloom.agents import Agent, named
from flowloom.ages import age
from flowloom.cli import app
from flowloom.cli.agents import START_TIMEOUT_S, Name, await_ready
from flowloom.clock import Deadline, wall_s
from flowloom.errors import FlowLoomError, NoSuchAgent, Stopped, UsageError
from flowloom.states import State

if TYPE_CHECKING:
    from flowloom.records import Status, Task

Json = Annotated[bool, typer.Option("--json", help="As a JSON document.")]
# How long `restart --wait` and `logs -f` sleep at most; both are woken by what happens.
LOOK_AGAIN_S = 1.0
BEGINNING_CHARS = 600


# restart


@app.command()
def restart(
    name: Name,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for its turn behind the tasks in line.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also while it works: its running task fails.")] = False,
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0, help="Seconds to wait, for its tasks and again until it is ready."),
    ] = START_TIMEOUT_S,
) -> int:
    """Stop an agent and start it again with its conversation."""
    agent = named(name, os.getcwd())
    if agent.spec() is None:
        raise NoSuchAgent(f"there is no agent {agent.agent_id}", hint=f"start it: flowloom start {name}")
    chosen = settings.load(paths.project_root(agent.slug) or git.project_root(os.getcwd()))
    # A place in line: nobody delivers to the agent, or starts it, while it is away.
    place = line.enter(agent.directory, "restart", first=force)
    if place is None:
        raise UsageError(f"{agent.agent_id} is being restarted already", hint="wait for that: flowloom agents")
    try:
        if not force:
            _await_free(agent, place, Deadline(timeout if wait else 0.0))
        now, _ = agent.reconcile()
        hit = [task_id for task_id in _working_on(now) if not tasks.ended(tasks.read(task_id))]
        waiting = [task_id for task_id in line.standing(agent.directory) if task_id not in (*hit, "restart")]
        how = agent.stop()
        for task_id in hit:
            task = tasks.read(task_id)
            sys.stderr.write(f"task {task_id} {task['status']}: {task['error'] or task['journal'][-1]['why']}\n")
        lost = launch.spawn(agent, chosen)
        if lost:
            sys.stderr.write(f"{lost}\n")
        now = await_ready(agent, Deadline(timeout))
    finally:
        place.leave()
    kept = "its" if status_why(agent).startswith("started again, with") else "an empty"
    sys.stderr.write(f"{agent.agent_id} {how} and is {now['status']} again, with {kept} conversation\n")
    if waiting:
        sys.stderr.write(f"still in line for it: {', '.join(waiting)}\n")
    return 0


def status_why(agent: Agent) -> str:
    """Return what the agent's last start said of itself."""
    starts = [event for event in status.read_events(agent.directory) if event.get("event") == "spawn"]
    return str(starts[-1].get("why", "")) if starts else ""


def _working_on(now: Status) -> list[str]:
    """Return the tasks that an agent has in its hands."""
    turn, parked = now["turn"], now["parked"]
    found = [turn["task"] if turn else None, parked["task"] if parked else None, now["delivering"], *now["queued"]]
    return list(dict.fromkeys(task_id for task_id in found if task_id))


def _await_free(agent: Agent, place: line.Place, deadline: Deadline) -> None:
    """Wait until an agent has nothing to do and nobody is before us in its line.

    Raises:
        FlowLoomError: it has when the deadline is over; says what.
    """
    wake_fd, wake_path = files.open_wake(agent.directory)
    try:
        while True:
            now, _ = agent.reconcile()
            busy = _busy(now, place)
            if not busy:
                return
            if deadline.over():
                raise FlowLoomError(
                    f"{agent.agent_id} is not free: {busy}",
                    hint=f"wait for it: flowloom restart {agent.name} --wait; end what it does: … --force",
                )
            select.select([wake_fd], [], [], deadline.within_s(LOOK_AGAIN_S))
            _drain(wake_fd)
    finally:
        files.close_wake(wake_fd, wake_path)


def _busy(now: Status, place: line.Place) -> str:
    """Say what an agent has to do; nothing where it is free."""
    ahead, mine = place.ahead(), _working_on(now)
    if now["status"] not in (State.OFFLINE, State.FAILED, State.BACKOFF):
        if mine:
            return f"it works on task {', '.join(mine)} ({now['status']})"
        if now["turn"] is not None:
            return "it works for a person, in its window"
        if now["background"]:
            return "it has work going on in the background"
    return f"in line for it: {', '.join(ahead)}" if ahead else ""


def _drain(wake_fd: int) -> None:
    try:
        os.read(wake_fd, 4096)
    except BlockingIOError:
        return


# logs


@app.command()
def logs(
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens; end with Ctrl-C.")] = False,
    number: Annotated[int, typer.Option("--lines", "-n", metavar="N", help="So many of the last events.", min=0)] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> int:
    """Show what happened to an agent, and why.

    Each event with its time, where it led, the task, and what led to it.
    """
    agent = named(name, os.getcwd())
    if agent.spec() is None:
        raise NoSuchAgent(f"there is no agent {agent.agent_id}")
    agent.reconcile()
    wake_fd, wake_path = files.open_wake(agent.directory) if follow else (-1, "")
    try:
        seen = status.read_events(agent.directory)
        for event in seen[-number:] if number else []:
            _tell(event, as_json=as_json)
        last = seen[-1]["seq"] if seen else 0
        while follow:
            select.select([wake_fd], [], [], LOOK_AGAIN_S)
            _drain(wake_fd)
            for event in status.read_events(agent.directory):
                if event["seq"] > last:
                    _tell(event, as_json=as_json)
                    last = event["seq"]
    finally:
        if follow:
            files.close_wake(wake_fd, wake_path)
    return 0


def _tell(event: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(event, ensure_ascii=False))
    else:
        moved = event.get("from") != event.get("to")
        states = f"{event.get('from')} → {event.get('to')}" if moved else str(event.get("to"))
        typer.echo(
            f"{moment(event['at'])}  {event.get('event', ''):<7} {states:<20}  {event.get('task') or '-':<6} "
            f"{' '.join(str(event.get('why', '')).split())}"
        )
    sys.stdout.flush()


def moment(at: float) -> str:
    """Return a time of day as it is written in a listing; the date too where it is not today's."""
    there, today = time.localtime(at), time.localtime()
    return time.strftime("%H:%M:%S" if there[:3] == today[:3] else "%Y-%m-%d %H:%M:%S", there)


# show


@app.command()
def show(task_id: Annotated[str, typer.Argument(metavar="TASK", help="The task's id.")], as_json: Json = False) -> int:
    """Show all that is known of a task.

    Who asked whom, its journal, and the beginnings and the files of prompt and reply.
    """
    task = tasks.read(task_id)
    if not tasks.ended(task):
        try:
            Agent(task["agent_dir"]).reconcile()
        except NoSuchAgent:
            pass  # its agent's folder was removed; the task is still there to be looked at
        headless.settle(task_id)
        task = tasks.read(task_id)
    reply, kind = _reply_of(task)
    if as_json:
        from flowloom.cli import published  # noqa: PLC0415 - pydantic, 60 ms

        shown = published.Shown(
            task=published.task(task, paths.task_dir(task_id)),
            prompt_begins=_beginning(tasks.prompt_of(task)),
            reply_begins=None if reply is None else _beginning(reply),
            reply_kind=kind,
        )
        typer.echo(shown.model_dump_json(indent=1))
        return 0
    _show(task, reply, kind)
    return 0


def _reply_of(task: Task) -> tuple[str | None, str]:
    """Return the text of a task's reply, or what there is of one, and which of the two it is."""
    folder = paths.task_dir(task["task_id"])
    for kind, raw in (
        ("reply", tasks.reply_of(task["task_id"])),
        ("provisional", tasks.provisional_of(task["task_id"])),
        ("partial", files.read(f"{folder}/partial.md")),
    ):
        if raw is not None:
            return raw.decode("utf-8", "replace"), kind
    return None, ""


def _beginning(text: str) -> str:
    kept = text if len(text) <= BEGINNING_CHARS else text[:BEGINNING_CHARS].rstrip() + " …"
    return kept.encode("utf-8", "replace").decode()


def _show(task: Task, reply: str | None, kind: str) -> None:
    folder = paths.task_dir(task["task_id"])
    once = ", without a window" if task.get("headless") is not None else ""
    unread = ", unread" if kind == "reply" and task["read"] is None else ""
    ago = age(int(wall_s() - task["created"]))
    typer.echo(f"task {task['task_id']} for {task['agent_id']}{once}: {task['status']}{unread}")
    typer.echo(f"asked by {task['asker']} at {moment(task['created'])}, {ago} ago")
    if task["error"]:
        typer.echo(f"error: {task['error']}")
    for on, what in (
        (task["altered"], "what the agent was given is not exactly the prompt"),
        (task["shared"], "the reply also answers something else"),
        (task["recovered"], "the reply was recovered from the transcript"),
        (task["left"], "whoever asked did not wait for it"),
    ):
        if on:
            typer.echo(f"note: {what}")
    for note in task["notes"]:
        typer.echo(f"note: {note}")
    typer.echo("\njournal")
    for entry in task["journal"]:
        after = entry["at"] - task["created"]
        typer.echo(f"  {moment(entry['at'])}  +{_after(after):<9} {entry['step']:<11} {entry['why']}")
    typer.echo(f"\nprompt ({task['prompt_bytes']} bytes, {folder}/prompt.md)")
    typer.echo(_indented(_beginning(tasks.prompt_of(task))))
    if reply is not None:
        name = {"reply": "reply", "provisional": "provisional reply", "partial": "what there is of a reply"}[kind]
        typer.echo(f"\n{name} ({len(reply.encode('utf-8', 'replace'))} bytes, {folder}/{kind}.md)")
        typer.echo(_indented(_beginning(reply)))


def _after(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 60 else age(int(seconds))


def _indented(text: str) -> str:
    # A text from outside must not move the cursor of whoever looks at it.
    clean = "".join(char if char.isprintable() or char == "\n" else "�" for char in text.replace("\t", "    "))
    return "\n".join(f"  {each}" for each in clean.rstrip("\n").split("\n"))


# clean


@app.command()
def clean(
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Remove what is older: 90m, 12h, 30d or 2w.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Show what is kept on disk; with an age, remove old tasks.

    Kept whatever its age: a reply that nobody has read, a task that has not ended, the one an agent is at.
    """
    chosen = settings.load(git.project_root(os.getcwd()))
    past_s = (
        retention.seconds(older_than) if older_than is not None else (chosen.keep_days or 0.0) * retention.UNITS_S["d"]
    )
    for part, size_bytes in retention.sizes().items():
        if size_bytes or part != "removed":
            sys.stderr.write(f"{part:<8} {amount(size_bytes):>9}\n")
    swept = 0 if dry_run else retention.sweep()
    if swept:
        sys.stderr.write(f"removed {swept} files that killed commands had left half written\n")
    if older_than is None and chosen.keep_days is None:
        sys.stderr.write("nothing is removed; name an age to do so: flowloom clean --older-than 30d\n")
        return 0
    before = wall_s() - past_s
    for task_id in tasks.all_ids():
        if tasks.find(task_id):
            headless.settle(task_id)
    plan = retention.plan(before)
    _show_plan(plan)
    if plan.empty():
        sys.stderr.write("there is nothing to remove\n")
        return 0
    if dry_run:
        return 0
    if not yes:
        _ask()
    failed = retention.remove(plan, before)
    for each in failed:
        sys.stderr.write(f"flowloom: could not remove {each}\n")
    sys.stderr.write("removed\n" if not failed else "removed the rest\n")
    return 1 if failed else 0


def _show_plan(plan: retention.Plan) -> None:
    for old in plan.old:
        ago, size = age(int(wall_s() - old.at)), amount(old.size_bytes)
        typer.echo(f"task {old.task_id}  {old.agent_id:<20} {old.status:<11} {ago:>12} ago  {size:>9}")
    for folder, events in plan.events.items():
        typer.echo(f"{events} events of {Agent(folder).agent_id}")
    total = amount(sum(old.size_bytes for old in plan.old))
    kept = ", ".join(f"{number} {why}" for why, number in sorted(plan.kept.items())) or "none"
    sys.stdout.flush()
    sys.stderr.write(f"{len(plan.old)} tasks to remove ({total}); kept: {kept}\n")


def _ask() -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked", hint="say --yes, or look first with --dry-run")
    sys.stderr.write("Remove them for good? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Stopped("nothing was removed")


def amount(size_bytes: int) -> str:
    """Return a size as a person reads it."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


# config


@app.command("config")
def show_config(
    only_paths: Annotated[bool, typer.Option("--path", help="Only where configuration files can lie.")] = False,
    as_json: Json = False,
) -> int:
    """Show the settings in force here, and who chose each.

    That is the default, your own file, the project's, or a variable.
    """
    root = git.project_root(os.getcwd())
    places = settings.config_paths(root)
    if only_paths:
        typer.echo("\n".join(places))
        return 0
    chosen = settings.explain(root)
    if as_json:
        document = {
            "version": 1,
            "state": paths.home(),
            "files": [{"path": path, "exists": os.path.exists(path)} for path in places],
            "settings": [
                {"key": each.key, "value": each.value, "source": each.source, "place": each.place} for each in chosen
            ],
        }
        typer.echo(json.dumps(document, indent=1, ensure_ascii=False))
        return 0
    for each in chosen:
        where = f"{each.source} {each.place}".strip()
        typer.echo(f"{each.key:<18} {_value(each.value):<24} {where}")
    typer.echo(f"\nstate   {paths.home()}")
    for source, path in zip(("user", "project"), places, strict=True):
        typer.echo(f"{source:<7} {path}{'' if os.path.exists(path) else '  (not there)'}")
    return 0


def _value(value: object) -> str:
    return "-" if value is None else json.dumps(value, ensure_ascii=False)
