"""What a project's palette shows as unread, and how little it reads for that."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from flowloom.clock import wall_s
from flowloom.editor import replies
from flowloom.store import layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import index
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step

if TYPE_CHECKING:
    from flowloom.tasks.record import Task

LATER_S = 60.0


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the ids of the tasks whose records are read from now on."""
    found: list[str] = []
    plain = tasks.find

    def find(task_id: str | None) -> Task | None:
        found.append(task_id or "")
        return plain(task_id)

    monkeypatch.setattr(tasks, "find", find)
    return found


def made(name: str = "planning@site") -> Task:
    state_folder.ensure()
    short, _, slug = name.partition("@")
    return tasks.open_task(name, AgentRef(slug, short), "hello", asker="shell", asker_kind="shell")


def ids(unseen: replies.UnreadTasks, now_s: float) -> list[str]:
    return [task["task_id"] for task in unseen.look(now_s)]


def test_a_second_look_reads_only_what_has_changed(read: list[str]) -> None:
    first, second, other = made(), made(), made("planning@other")
    for task in (first, other):
        tasks.note_step(task, Step.TYPED, "")
        tasks.complete(task, "reply", "")
    index.ensure()
    read.clear()
    unseen, later_s = replies.UnreadTasks("site"), wall_s() + LATER_S
    assert (ids(unseen, later_s), read) == ([first["task_id"]], [first["task_id"]])
    read.clear()
    assert (ids(unseen, later_s), read) == ([first["task_id"]], [])

    tasks.note_step(second, Step.FAILED, "it failed")
    assert (ids(unseen, later_s), read) == ([second["task_id"], first["task_id"]], [second["task_id"]])
    read.clear()
    first["read"] = later_s
    tasks.write(first)
    assert (ids(unseen, later_s), read) == ([second["task_id"]], [])
    # A failure that was not left counts while its agent has no newer task, though its own record stays.
    third = made()
    assert (ids(unseen, later_s), read) == ([], [])
    shutil.rmtree(layout.task_dir(third["task_id"]))
    assert (ids(unseen, later_s), read) == ([second["task_id"]], [])


def test_what_has_just_changed_is_read_again(read: list[str]) -> None:
    task = made()
    tasks.note_step(task, Step.TYPED, "")
    tasks.complete(task, "reply", "")
    index.ensure()
    read.clear()
    unseen = replies.UnreadTasks("site")
    for _ in range(3):
        assert ids(unseen, wall_s()) == [task["task_id"]]
    assert read == [task["task_id"]] * 3
    # With a clock that was set back, too.
    assert ids(unseen, wall_s() - LATER_S) == [task["task_id"]]
    assert len(read) == 4


@pytest.mark.parametrize(("name", "again"), [("headless@site", b"hello"), ("planning@site", b"@planning hello")])
def test_a_headless_task_without_an_agents_name_comes_back_without_a_route(name: str, again: bytes) -> None:
    task = made(name)
    task["headless"] = {"provider": "echo", "session_id": "s1", "pid": None, "started": 0.0}
    tasks.note_step(task, Step.FAILED, "it failed")
    assert replies.as_draft(task, plain=False).rpartition(b"\n\n")[2] == again
