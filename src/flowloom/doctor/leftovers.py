"""What earlier work left behind: payloads, places, agents, windows, tasks, errors."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
from typing import TYPE_CHECKING

from flowloom.agents import conversations, folders
from flowloom.agents.agent import list_agents
from flowloom.agents.survey import survey
from flowloom.clock import wall_s
from flowloom.doctor.finding import Case, Finding, fail, ok, warn
from flowloom.errors import DamagedFile, TmuxUnreachable
from flowloom.ports.tmux.inventory import Inventory
from flowloom.ports.tmux.reach import TmuxSocket
from flowloom.queue import line
from flowloom.store import files, layout, projects, state_folder
from flowloom.tasks import index
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import payloads as stored
from flowloom.turns.states import NO_PROGRAM, State

if TYPE_CHECKING:
    from flowloom.store.layout import AgentRef
    from flowloom.tasks.record import Task

RECENT_S = 24 * 3600.0
LOG_TAIL_BYTES = 500_000
MANY_PIPES = 20
SHOWN = 10


def payloads(case: Case) -> list[Finding]:
    """Look for hook calls that could not be applied, and for pipes that no process reads any more."""
    found, waiting, pipes = [], 0, 0
    for agent in projects.agents():
        names = _names(layout.spool_dir(agent))
        waiting += len(stored.names(agent))
        bad = [layout.payload(agent, name) for name in names if name.endswith(".bad")]
        if bad:
            saw = f"{len(bad)} hook calls of {agent.name} made no sense: {bad[0]}"
            found.append(warn("hook calls", saw, f"keep one for a report, then: rm -r {shlex.join(bad[:SHOWN])}"))
        folder = layout.agent_dir(agent)
        pipes += sum(_dead_pipe(layout.wake_pipe(folder, name)) for name in _names(layout.wake_dir(folder)))
    if waiting:
        saw = f"{waiting} were kept while FlowLoom was away or broken"
        found.append(warn("hook calls", saw, "flowloom agents (which applies them)"))
    if pipes > MANY_PIPES:
        found.append(
            warn("hook calls", f"{pipes} pipes of waits that were killed", "each agent's next event removes its own")
        )
    return found or [
        ok("hook calls", f"no unread hook calls{f', {pipes} pipes of waits that were killed' if pipes else ''}")
    ]


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []  # of an agent's folder that is not ours to read, `agents` tells


def _dead_pipe(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return error.errno == errno.ENXIO
    return False


def places(case: Case) -> list[Finding]:
    """Look for places in line that no process holds and whose task has ended or is gone."""
    left = []
    for agent in projects.agents():
        for name in _names(layout.line_dir(agent)):
            task = tasks.find(name.partition("-")[2])
            path = layout.place(agent, name)
            if not _held(path) and (task is None or tasks.ended(task)):
                left.append(path)
    if left:
        return [warn("line", f"{len(left)} stale places: no process holds them", f"rm {shlex.join(left[:SHOWN])}")]
    return [ok("line", "every place in line belongs to a task that waits")]


def agents(case: Case) -> list[Finding]:
    """Look for agents that cannot take a task by themselves."""
    found, alive = [], 0
    for project in projects.unlistable():
        saw = f"the agents in {project} cannot be listed"
        found.append(fail("agents", saw, f"it must be your own: ls -ld {shlex.quote(project)}"))
    for agent, now in survey():
        name = agent.agent_id
        if "unreachable" in now:
            saw, _, repair = now["unreachable"].rpartition("; ")
            found.append(fail("agents", f"{name} is unknown: {saw or repair}", repair))
            continue
        alive += now["status"] not in NO_PROGRAM
        saw, _, repair = folders.remark(agent).partition("; ")
        if saw:
            found.append(warn("agents", saw, repair))
        if now["status"] is State.FAILED:
            found.append(warn("agents", f"{name} has failed: {now['why']}", f"flowloom start {name}"))
        elif now["status"] is State.BACKOFF:
            found.append(warn("agents", f"{name} is in backoff: {now['why']}", f"flowloom start {name}"))
        elif now["status"] is State.BLOCKED:
            what = now["question"]["text"] if now["question"] else now["why"]
            found.append(warn("agents", f"{name} is blocked: {what}", f"flowloom attach {name}"))
        other = conversations.open_beside(agent, now)
        if other:
            saw = f"{name}'s conversation is open in another Claude Code, too (process {other})"
            found.append(warn("agents", saw, "close that one; your own conversations are listed by: claude --resume"))
        hook = _hook_of(agent.ref)
        if now["status"] not in NO_PROGRAM and hook and not os.path.exists(hook):
            saw = f"{name} calls {hook}, which is gone: nothing it does is heard"
            found.append(fail("agents", saw, f"flowloom stop {name}; flowloom start {name}"))
    return found or [ok("agents", f"{alive} running" if alive else "none running")]


def _hook_of(agent: AgentRef) -> str:
    """Return the script of ours that the files name with which an agent's program was started; empty for none."""
    for path in projects.program_files(agent):
        text = (files.read(path) or b"").decode(errors="replace")
        # Behind `sh` in a line of shell, or as a word of a list.
        found = re.search(r"(?:sh |\")'?((?<=')/[^'\n]*|/[^\s\"']*)/hooks/agent-event\b", text)
        if found:
            return f"{found.group(1)}/hooks/agent-event"
    return ""


def windows(case: Case) -> list[Finding]:
    """Look for windows marked as ours that no agent's record knows."""
    recorded = set()
    sockets = {case.settings.tmux_socket}
    for agent in list_agents():
        try:
            document = files.read_json(layout.status(agent.ref)) or {}
        except DamagedFile:
            continue  # `agents` tells
        recorded.add((document.get("agent_id"), document.get("pane_id")))
        sockets.add(str(document.get("socket_path") or document.get("socket") or case.settings.tmux_socket))
    found, seen = [], set[tuple[int, str]]()
    for socket in sorted(sockets):
        try:
            listed = Inventory(socket).windows()
        except TmuxUnreachable as error:
            if not error.absent:
                found.append(warn("windows", str(error), error.hint))
            continue
        for window in listed:
            # One server can be known by its name and by its path.
            once = (window.server_pid, window.pane_id) not in seen
            seen.add((window.server_pid, window.pane_id))
            if once and (window.agent_id, window.pane_id) not in recorded:
                saw = f"window {window.window_id} of {window.agent_id} (session {window.session}) has no record here"
                repair = f"look at it, then: {' '.join(TmuxSocket(socket).client)} kill-pane -t {window.pane_id}"
                found.append(warn("windows", saw, repair))
    return found or [ok("windows", "every FlowLoom window has a record")]


def tasks_unattended(case: Case) -> list[Finding]:
    """Look for unfinished tasks that no process waits for: their end would not be seen."""
    found = []
    for task in index.unfinished():
        if _waited_for(task):
            continue
        task_id = task["task_id"]
        saw = f"{task_id} for {task['agent_id']} is {task['status']}, and no process waits for it"
        name = task["agent_id"]
        unknown = f"look at its window first: flowloom attach {name}; then " if task["status"] is Step.UNKNOWN else ""
        found.append(warn("tasks", saw, f"{unknown}flowloom wait {task_id}, or flowloom cancel {task_id}"))
    more = len(found) - SHOWN
    if more > 0:
        found = [*found[:SHOWN], warn("tasks", f"and {more} more", "flowloom tasks --limit 1000")]
    return found or [ok("tasks", "every unfinished task has a waiter")]


def _held(path: str) -> bool:
    try:
        return files.held(path)
    except OSError:
        return False  # no lock of ours: a folder, or a file of another user


def _waited_for(task: Task) -> bool:
    try:
        return task["agent"] is None or line.waited_for(tasks.agent_of(task), task["task_id"])
    except OSError:
        return False  # its agent's line cannot be read, so no process stands in it


def bug_reports(case: Case) -> list[Finding]:
    """Look for reports of bugs of FlowLoom's own."""
    reports = [state_folder.log_file(name) for name in _names(state_folder.log_dir()) if name.startswith("bug-")]
    if reports:
        saw = f"reports of bugs in FlowLoom: {len(reports)}, the last one {reports[-1]}"
        return [warn("bugs", saw, f"report it, then: rm {shlex.join(reports[-SHOWN:])}")]
    return [ok("bugs", "no reports")]


def logged_errors(case: Case) -> list[Finding]:
    """Look for errors of the last day that no person was told of, first of all those of hook calls."""
    path = layout.log()
    errors = []
    for raw in files.tail(path, LOG_TAIL_BYTES).splitlines():
        try:
            entry = json.loads(raw)
        except ValueError:
            continue  # the first line of a tail is cut
        if (
            isinstance(entry, dict)
            and entry.get("level") == "error"
            and wall_s() - float(entry.get("at", 0)) < RECENT_S
        ):
            errors.append(entry)
    if errors:
        last = errors[-1]
        saw = f"{len(errors)} errors within a day, the last one by {last.get('where')}: {last.get('message')}"
        return [warn("log", saw[:300], f"see {path}")]
    return [ok("log", "no errors within a day")]
