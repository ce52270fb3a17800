"""The index of tasks: what it says, that it is never wrong for long, and how little is opened because of it."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import old_tasks

from flowloom.cli import completion
from flowloom.clock import wall_s
from flowloom.delegation import overview
from flowloom.doctor import leftovers
from flowloom.editor import replies
from flowloom.errors import NewerFormat
from flowloom.store import files, layout
from flowloom.store.document import Documents
from flowloom.store.layout import AgentRef
from flowloom.tasks import index, index_files
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import reported, status
from flowloom.turns.record import empty_status
from flowloom.turns.states import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowloom.providers.protocol import Report
    from flowloom.tasks.record import Task

LATER_S = 2 * index.SETTLED_S
Kept = tuple[list[str], list[str], list[str]]


@pytest.fixture(autouse=True)
def each_read_opens_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count every read: a process keeps the 16 tasks that it has read last."""
    monkeypatch.setattr(Documents, "LIMIT", 0)


@pytest.fixture(autouse=True)
def agent() -> AgentRef:
    """An agent that is idle."""
    idle = AgentRef("site", "planning")
    files.ensure_dir(layout.agent_dir(idle))
    status.write(idle, empty_status("planning@site", "planning", "planning", "site", "echo"))
    return idle


def made(*steps: Step, agent: str = "planning@site") -> Task:
    name, slug = agent.split("@")
    ref = AgentRef(slug, name)
    files.ensure_dir(layout.agent_dir(ref))
    task = tasks.open_task(agent, ref, "hello", asker="chief", asker_kind="chief")
    for step in steps:
        if step is Step.DONE:
            tasks.complete(task, "reply", "its turn ended")
        else:
            assert tasks.note_step(task, step, "as it was asked")
    return task


def kept() -> Kept:
    """Return what the index says: the unfinished tasks, the unread ones, all of them."""
    return (
        sorted(task["task_id"] for task in index.unfinished()),
        sorted(task["task_id"] for task in index.unread()),
        [entry.task_id for entry in index.newest()],
    )


def put_back(folder: str) -> None:
    """Make the files of the index look as old as a leftover."""
    for path in Path(layout.index_dir(folder)).iterdir():
        os.utime(path, (path.stat().st_mtime - LATER_S,) * 2)


GIVEN = (Step.TYPED, Step.ACCEPTED)


@pytest.mark.parametrize(
    ("steps", "unfinished", "unread"),
    [
        ((), True, False),
        (GIVEN, True, False),
        ((*GIVEN, Step.DONE), False, True),
        ((*GIVEN, Step.FAILED), False, True),
        ((*GIVEN, Step.INTERRUPTED), False, True),
        ((Step.TYPED, Step.INTERRUPTED, Step.CREATED), True, False),
        ((*GIVEN, Step.UNKNOWN), True, True),
        ((*GIVEN, Step.UNKNOWN, Step.ACCEPTED), True, False),
        ((Step.CANCELLED,), False, False),
        ((*GIVEN, Step.CANCELLED, Step.DONE), False, True),
    ],
)
def test_the_index_follows_every_step(steps: tuple[Step, ...], unfinished: bool, unread: bool) -> None:
    task_id = made(*steps)["task_id"]
    says: Kept = ([task_id] * unfinished, [task_id] * unread, [task_id])
    assert kept() == says
    # Built again from the tasks alone, it says the same.
    shutil.rmtree(os.path.dirname(layout.index_format()))
    assert kept() == says


def test_what_was_looked_at_is_unread_no_more_until_its_reply_is_renewed() -> None:
    task = made(*GIVEN, Step.DONE)
    task["read"] = wall_s()
    tasks.write(task)
    assert kept()[1] == []
    tasks.complete(task, "another reply", "a Stop hook continued its turn")
    assert kept()[1] == [task["task_id"]]


def test_a_record_is_written_between_the_two_changes_of_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """So whatever kills the writer, a task that is unfinished or unread is always listed."""
    task, seen = made(*GIVEN), []
    plain = files.write_json

    def write_json(path: str, document: Any, **kwargs: Any) -> None:
        seen.append(tuple(sorted(os.listdir(layout.index_dir(kind))) for kind in ("unfinished", "unread")))
        plain(path, document, **kwargs)

    monkeypatch.setattr(files, "write_json", write_json)
    tasks.complete(task, "reply", "its turn ended")
    name = index_files.name(task)
    assert seen == [([name], [name])]


@pytest.mark.parametrize("when", ["before it is written", "after it is written"])
def test_a_reader_and_a_writer_at_once_lose_no_task(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """A reader that has read the record as it was takes the new file for a leftover."""
    task = made(*GIVEN, Step.DONE)
    task["read"] = wall_s()
    tasks.write(task)
    Path(layout.index_dir("unread"), index_files.name(task)).touch()
    put_back("unread")
    plain, was = index_files.agree, []

    def renew(*_: object) -> None:
        monkeypatch.setattr(index_files, "agree", plain)
        tasks.complete(tasks.read(task["task_id"]), "another reply", "a Stop hook continued its turn")

    def agree(read: Task) -> None:
        was.append(read["read"])
        if when == "before it is written":
            plain(read)
            renew()
        else:
            renew()
            plain(read)

    monkeypatch.setattr(index_files, "agree", agree)
    index.unread()
    assert was == [task["read"]]
    assert kept()[1] == [task["task_id"]]


@pytest.mark.parametrize("kind", ["unfinished", "unread"])
def test_a_reader_removes_what_a_killed_writer_left(kind: str) -> None:
    task = made(*GIVEN, Step.DONE)
    task["read"] = wall_s()
    tasks.write(task)
    Path(layout.index_dir(kind)).mkdir(exist_ok=True)
    Path(layout.index_dir(kind), index_files.name(task)).touch()
    Path(layout.index_dir(kind), "zzzz-planning@site").touch()
    kept()
    assert len(os.listdir(layout.index_dir(kind))) == 2, "the writer may be about to write the record"
    put_back(kind)
    assert kept() == ([], [], [task["task_id"]])
    assert os.listdir(layout.index_dir(kind)) == []


def test_a_reader_that_corrects_the_index_takes_no_lock_that_a_hook_call_needs(
    agent: AgentRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a hook stores meanwhile would stay stored: only who takes the lock by `spool` applies it."""
    task, held = made(*GIVEN, Step.DONE), []
    task["read"] = wall_s()
    tasks.write(task)
    failed = made(*GIVEN, Step.FAILED)
    for name in (index_files.name(task), index_files.name(failed)):
        Path(layout.index_dir("unread"), name).touch()
    put_back("unread")
    plain = index_files.remove

    def remove(path: str) -> bool:
        held.append(files.held(layout.agent_lock(agent)))
        return plain(path)

    Path(layout.agent_dir(agent), "lock").touch()
    monkeypatch.setattr(index_files, "remove", remove)
    index.unread()
    index.supersede(failed)
    assert set(held) == {False}
    assert os.listdir(layout.index_dir("unread")) == []


@pytest.mark.parametrize("reader", ["correct", "supersede"])
def test_a_writer_notices_what_a_reader_removed_before_its_record_was_written(
    monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    task = made(*GIVEN, Step.FAILED)
    if reader == "correct":
        task["read"] = wall_s()
        tasks.write(task)
        Path(layout.index_dir("unread"), index_files.name(task)).touch()
    put_back("unread")
    plain = files.write_json

    def write_json(path: str, document: Any, **kwargs: Any) -> None:
        index.unread() if reader == "correct" else index.supersede(task)
        plain(path, document, **kwargs)

    monkeypatch.setattr(files, "write_json", write_json)
    tasks.complete(tasks.read(task["task_id"]), "reply", "its Stop came late")
    assert [each["task_id"] for each in index.unread()] == [task["task_id"]]


def test_an_index_that_is_built_between_a_failed_entry_and_its_record_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = made(*GIVEN)
    index.ensure()
    plain, create = files.write_json, index_files._create

    def none_left(path: str) -> None:
        raise OSError(24, "Too many open files", path)

    def write_json(path: str, document: Any, **kwargs: Any) -> None:
        with monkeypatch.context() as another:  # a process that has files left
            another.setattr(index_files, "_create", create)
            index.unread()
        plain(path, document, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(index_files, "_create", none_left)
        patched.setattr(files, "write_json", write_json)
        tasks.complete(task, "reply", "its turn ended")
    assert [each["task_id"] for each in index.unread()] == [task["task_id"]]


def test_a_task_that_ended_without_the_index_is_found_by_its_next_reader() -> None:
    """A process of an older release, which keeps no index, can end a task."""
    task = made(*GIVEN)
    task.update({"status": Step.FAILED, "error": "it died"})
    files.write_json(f"{layout.task_dir(task['task_id'])}/task.json", task)
    put_back("unfinished")
    index.unfinished()
    assert kept() == ([], [task["task_id"]], [task["task_id"]])


def test_a_task_that_the_index_does_not_know_is_entered_by_its_next_step() -> None:
    index.ensure()
    task = made()
    shutil.rmtree(os.path.dirname(layout.index_format()))
    files.ensure_dir(os.path.dirname(layout.index_format()))
    files.write(layout.index_format(), b"1\n")
    assert kept() == ([], [], [])
    tasks.note_step(task, Step.TYPED, "")
    assert kept() == ([task["task_id"]], [], [task["task_id"]])


def test_an_index_of_an_older_format_is_built_again_and_one_of_a_newer_is_left_alone() -> None:
    task = made()
    Path(layout.index_dir("unfinished"), "zzzz-of@old").touch()
    Path(layout.index_format()).write_text("0\n")
    assert kept()[0] == [task["task_id"]]
    assert os.listdir(layout.index_dir("unfinished")) == [index_files.name(task)]
    Path(layout.index_format()).write_text("2\n")
    with pytest.raises(NewerFormat, match=f"{layout.index_format()} has the format 2"):
        index.unfinished()
    assert Path(layout.index_format()).read_text() == "2\n"


def test_where_no_index_can_be_written_the_tasks_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    task = made()
    shutil.rmtree(os.path.dirname(layout.index_format()))
    Path(os.path.dirname(layout.index_format())).write_text("no folder")
    assert kept() == ([task["task_id"]], [], [task["task_id"]])


def test_an_index_that_could_not_be_written_to_is_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = made()
    index.ensure()

    def full(path: str) -> None:
        raise OSError(28, "No space left on device", path)

    with monkeypatch.context() as patched:
        patched.setattr(index_files, "_create", full)
        second = made()
    assert kept()[0] == sorted([first["task_id"], second["task_id"]])


def test_a_failure_that_its_asker_was_shown_is_dropped_once_its_agent_has_a_newer_task() -> None:
    task = made(*GIVEN, Step.FAILED)
    unseen = replies.UnreadTasks("site")
    put_back("unread")
    assert [each["task_id"] for each in unseen.look(wall_s())] == [task["task_id"]]
    made()
    assert unseen.look(wall_s()) == []
    assert os.listdir(layout.index_dir("unread")) == []


class Opened:
    """Counts the files and folders below FLOWLOOM_HOME that are opened while it counts."""

    def __init__(self) -> None:
        self.paths: list[str] | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self.paths is not None and event in ("open", "os.scandir", "os.listdir") and isinstance(args[0], str):
            self.paths.append(args[0])

    def of(self, call: Callable[[], object]) -> int:
        self.paths = []
        try:
            call()
        finally:
            found, self.paths = self.paths, None
        return sum(path.startswith(f"{layout.home()}/") for path in found)


OPENED = Opened()


NUMBERS = itertools.count()


def late_stop(agent: AgentRef) -> None:
    prompt_id = f"of no task {next(NUMBERS)}"
    hear(agent, prompt_id)


def hear(agent: AgentRef, prompt_id: str) -> None:
    now = status.read(agent)
    assert now is not None
    late: Report = {"event": Event.STOP, "prompt_id": prompt_id, "message": "late", "at_ns": 1, "at": 1.0}
    assert reported.hear(agent, now, late, {}) is None


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda _: replies.UnreadTasks("site").look(wall_s()), id="palette"),
        pytest.param(late_stop, id="hook"),
        pytest.param(lambda _: (overview.replies(), overview.failures()), id="agents"),
        pytest.param(lambda _: overview.count_unread(), id="orphans"),
        pytest.param(lambda _: leftovers.tasks_unattended(None), id="doctor"),  # type: ignore[arg-type]
        pytest.param(lambda _: completion.unfinished(""), id="completion"),
    ],
)
def test_old_tasks_cost_no_file_more(call: Callable[[AgentRef], object], agent: AgentRef) -> None:
    made(*GIVEN, Step.DONE)
    made(*GIVEN, Step.FAILED)
    made(*GIVEN)
    index.ensure()
    call(agent)  # what is noted once is noted
    few = OPENED.of(lambda: call(agent))
    assert few, "nothing was counted"
    old_tasks.make(layout.home(), 200)
    os.unlink(layout.index_format())
    index.ensure()
    assert OPENED.of(lambda: call(agent)) == few


def test_a_list_of_tasks_opens_those_that_it_shows(agent: AgentRef) -> None:
    old_tasks.make(layout.home(), 400)
    index.ensure()
    shown = completion.LOOKED_AT
    # A record and a prompt of each, and the folders of the index.
    assert OPENED.of(lambda: completion.all_tasks("")) < 2 * shown + 60


def test_a_stop_that_comes_late_completes_its_task_behind_many_others(agent: AgentRef) -> None:
    task = made(*GIVEN)
    task["prompt_id"] = "p1"
    tasks.write(task)
    now = status.read(agent)
    assert now is not None
    turn = {"prompt_id": "p1", "whose": "task", "task": task["task_id"], "at": 0.0, "before": []}
    status.apply(agent, now, Event.ACCEPT, why="", source="hook", turn=turn)
    tasks.note_step(task, Step.INTERRUPTED, "Esc")
    status.apply(agent, now, Event.QUIET, why="", source="session", turn=None)
    old_tasks.make(layout.home(), 100)
    hear(agent, "p1")
    assert tasks.reply_of(task["task_id"]) == b"late"
