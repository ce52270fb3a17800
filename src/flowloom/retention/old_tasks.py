"""Which old tasks, events and drafts may be removed, and how much disk space they take."""

from __future__ import annotations

import os
import shutil

from flowloom.agents import window_script
from flowloom.clock import wall_s
from flowloom.errors import DamagedFile, FlowLoomError, LockHeld, NoSuchTask, UsageError
from flowloom.queue import line
from flowloom.store import files, layout, old_files, projects, state_folder
from flowloom.tasks import index_files
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.terminal import durations
from flowloom.turns import parking, questions, spool, status, task_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.store.layout import AgentRef
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status

# Folders are moved here before they are deleted, so that no reader sees half a task.
SETTLED_S = 3600.0
CACHED_S = 30 * 86400.0


class OldTask:
    """A task that may be removed: its id, its agent, its last use, its size."""

    __slots__ = ("agent_id", "at", "size_bytes", "status", "task_id")

    def __init__(self, task: Task, at: float, size_bytes: int) -> None:
        self.task_id, self.agent_id, self.status = task["task_id"], task["agent_id"], task["status"]
        self.at, self.size_bytes = at, size_bytes


class CleanPlan:
    """What would be removed, and what is kept and why."""

    def __init__(self) -> None:
        self.old: list[OldTask] = []
        self.kept: dict[str, int] = {}
        self.events: dict[AgentRef, int] = {}
        # Copies of the drafts that the palette passed to another Claude Code.
        self.drafts: list[str] = []
        # Documents of questions that were answered or withdrawn.
        self.questions: list[str] = []

    def empty(self) -> bool:
        """Tell whether there is nothing to remove."""
        return not (self.old or self.events or self.drafts or self.questions)


def seconds(text: str) -> float:
    """Return the seconds that a duration such as `30d`, `12h`, `90m` or `2w` means.

    Raises:
        UsageError: it is not a duration.
    """
    found = durations.seconds(text)
    if found is None:
        raise UsageError(f"{text!r} is not a duration", hint="write 90m, 12h, 30d or 2w")
    return found


def sizes() -> dict[str, int]:
    """Return the size of each part of the state, in bytes."""
    events = sum(
        size_of(path)
        for agent in projects.with_status()
        for path in (layout.events(agent), layout.former_events(agent))
    )
    agents = size_of(layout.agents_dir())
    parts = {"tasks": size_of(layout.tasks_dir()), "events": events, "agents": agents - events}
    parts["questions"] = size_of(layout.questions_dir())
    parts["log"] = size_of(state_folder.log_dir())
    parts["drafts"] = size_of(state_folder.parallel_dir())
    parts["cache"] = size_of(state_folder.cache_dir())
    parts["removed"] = size_of(state_folder.removed_dir())
    return parts


def plan(before: float) -> CleanPlan:
    """Return what may be removed because it was last used before this time.

    This never includes an unread reply, a task that has not ended, a task that its
    agent's status still mentions, or one whose record cannot be read.
    """
    found = CleanPlan()
    busy: dict[AgentRef | None, set[str]] = {}
    for task_id in tasks.all_ids():
        try:
            task = tasks.read(task_id)
        except (NoSuchTask, DamagedFile):
            _count(found.kept, "unreadable")
            continue
        agent = tasks.agent_of(task) if task["agent"] else None
        if agent not in busy:
            busy[agent] = _in_hand(agent)
        why = _kept(task, before, busy[agent])
        if why:
            _count(found.kept, why)
        else:
            found.old.append(OldTask(task, last_use(task), size_of(layout.task_dir(task_id))))
    for each in projects.with_status():
        old = sum(1 for event in status.read_events(each) if event["at"] < before)
        if old:
            found.events[each] = old
    found.questions = _closed_questions(before)
    # One that was just written is read when its window opens.
    found.drafts = old_files.older(state_folder.parallel_dir(), min(before, wall_s() - SETTLED_S))
    return found


def _closed_questions(before: float) -> list[str]:
    """Return the documents of questions that were closed before this time."""
    found = []
    for path in old_files.older(layout.questions_dir(), before):
        try:
            record = questions.read(os.path.basename(path).removesuffix(".json"))
        except DamagedFile:
            continue  # a person looks at it
        if record is not None and (record["closed_at"] or before) < before:
            found.append(path)
    return found


def last_use(task: Task) -> float:
    """Return when a task last changed or its reply was last read."""
    return max([task["created"], task["read"] or 0.0, *(entry["at"] for entry in task["journal"])])


def sweep() -> int:
    """Remove what nothing uses any more from the whole state folder; return how many files.

    Temporary files and scripts of killed processes, and checked settings of projects
    that were not changed for long, which are made again when they are needed.
    """
    removed = [path for folder, _, _ in os.walk(layout.home()) for path in old_files.sweep(folder)]
    removed += window_script.sweep()
    removed += old_files.remove(state_folder.checked_settings_dir(), wall_s() - CACHED_S)
    return len(removed)


def remove(found: CleanPlan, before: float) -> list[str]:
    """Remove what a plan names, checking each again under its agent's lock; return what could not be removed."""
    failed = []
    files.ensure_dir(state_folder.removed_dir())
    for old in found.old:
        try:
            _remove_task(old.task_id, before)
        except (FlowLoomError, OSError) as error:
            failed.append(f"task {old.task_id}: {error}")
    for agent in found.events:
        try:
            with spool.lock(agent):
                status.forget_events(agent, before)
        except (OSError, LockHeld) as error:
            failed.append(f"{agent}: {error}")
    for path in [*found.drafts, *found.questions]:
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            failed.append(f"{path}: {error.strerror}")
    # This also removes what a killed run left here.
    shutil.rmtree(state_folder.removed_dir(), ignore_errors=True)
    return failed


def _remove_task(task_id: str, before: float) -> None:
    with task_lock.hold(task_id) as task:
        agent = tasks.agent_of(task) if task["agent"] else None
        if _kept(task, before, _in_hand(agent)):
            return  # it has been used since
        os.rename(layout.task_dir(task_id), state_folder.removed_task(task_id))
        index_files.forget(task)
        draft = layout.asked_draft(agent, task["prompt_sha256"]) if agent else ""
        if agent and files.read(draft) == task_id.encode():
            os.unlink(draft)


def _kept(task: Task, before: float, in_hand: set[str]) -> str:
    """Return why a task must be kept; empty if it may be removed."""
    if not tasks.ended(task):
        return "unfinished"
    if task["status"] is Step.DONE and task["read"] is None:
        return "unread"
    if task["task_id"] in in_hand or (task["agent"] and line.waited_for(tasks.agent_of(task), task["task_id"])):
        return "in use"
    return "" if last_use(task) < before else "recent"


def _in_hand(agent: AgentRef | None) -> set[str]:
    """Return the tasks that an agent's status still mentions; none of no agent."""
    try:
        now: Status | None = status.read(agent) if agent else None
    except DamagedFile:
        now = None
    if now is None:
        return set()
    last = now["last_turn"]
    turns = [turn["task"] for turn in (now["turn"], *parking.entries(now), last) if turn]
    return {each for each in (now["current_task"], now["delivering"], now["adopt"], *now["queued"], *turns) if each}


def size_of(path: str) -> int:
    """Return the bytes of a file or of all files below a folder, 0 if there is none."""
    if os.path.isfile(path):
        return os.lstat(path).st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(f"{folder}/{name}").st_size
            except FileNotFoundError:
                continue
    return total


def old_enough(days: float) -> float:
    """Return the time that lies this many days in the past."""
    return wall_s() - days * durations.UNITS_S["d"]


def _count(counts: dict[str, int], why: str) -> None:
    counts[why] = counts.get(why, 0) + 1
