"""A state folder of another release: an older one is brought up to date, a newer one is left alone."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowloom.agents.agent import Agent
from flowloom.delegation import ask, overview
from flowloom.errors import DamagedFile, NewerFormat, NoSuchAgent
from flowloom.queue import line
from flowloom.store import files, layout, projects
from flowloom.store.layout import AgentRef
from flowloom.tasks import index
from flowloom.tasks import record as task_record
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import spool, status

if TYPE_CHECKING:
    from collections.abc import Callable

# Written by the last release whose documents had no format, with a task at every step: {home} stands for its folder.
RECORDED = json.loads(Path(__file__).with_name("state_before_formats.json").read_text())
IDS: dict[str, str] = RECORDED["ids"]


@pytest.fixture
def old_home() -> Path:
    """A state folder as that release left it."""
    home = Path(layout.home())
    for name, text in RECORDED["files"].items():
        path = home / name
        files.ensure_dir(str(path.parent))
        path.write_text(text.replace("{home}", str(home)))
    return home


def task_json(home: Path, name: str) -> Path:
    return home / "tasks" / IDS[name] / "task.json"


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.mark.parametrize("name", sorted(IDS))
def test_a_task_from_before_formats_is_read(old_home: Path, name: str) -> None:
    was = document(task_json(old_home, name))
    assert "format" not in was
    task = tasks.read(IDS[name])
    folder = ".headless" if name == "headless" else "planning"
    assert (task["format"], task["agent"], task["to"]) == (1, {"project": "site", "name": folder}, "planning@site")
    assert tasks.agent_of(task) == AgentRef("site", folder)
    assert {key: task[key] for key in was} == was  # type: ignore[literal-required]


def test_the_index_of_a_state_from_before_it_names_what_is_unfinished_and_unread(old_home: Path) -> None:
    unfinished = {"created", "typed", "pasted", "unknown", "parked", "accepted", "headless"}
    assert {task["task_id"] for task in index.unfinished()} == {IDS[name] for name in unfinished}
    unread = {"unknown", "failed", "interrupted", "unread"}
    assert {task["task_id"] for task in index.unread()} == {IDS[name] for name in unread}
    assert {entry.task_id for entry in index.newest()} == set(IDS.values())
    assert [task["task_id"] for task in overview.replies()] == [IDS["unread"]]
    assert [task["task_id"] for task in overview.failures()] == [IDS["failed"]]


def test_an_agent_works_on_through_the_upgrade(old_home: Path) -> None:
    agent = Agent(AgentRef("site", "planning"))
    now = agent.status()
    assert (now["format"], now["status"], now["current_task"]) == (1, "working", IDS["accepted"])
    assert agent.spec() is not None
    # Its hooks spooled a payload while FlowLoom was replaced.
    spool.drain(agent.ref)
    assert os.listdir(layout.spool_dir(agent.ref)) == []
    assert tasks.reply_of(IDS["accepted"]) == b"the reply of a kept payload"
    task = tasks.read(IDS["accepted"])
    assert (task["status"], [entry["step"] for entry in task["journal"]][-2:]) == (Step.DONE, ["accepted", "done"])
    # The same draft still finds its task, and what lost its process is still in line.
    former = ask.former(agent, "do unread")
    assert former is not None
    assert former["task_id"] == IDS["unread"]
    assert line.abandoned(agent.ref) == [IDS["created"]]


CHANGES: dict[str, Callable[[Path], object]] = {
    "accepted": lambda home: spool.drain(AgentRef("site", "planning")),
    "unread": lambda home: ask.mark_read(IDS["unread"]),
    "created": lambda home: tasks.note_step(tasks.read(IDS["created"]), Step.TYPED, "its text is being sent"),
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_what_is_written_has_a_format_and_keeps_what_a_process_of_the_old_release_reads(
    old_home: Path, name: str
) -> None:
    """A Ctrl-G or a waiter that began before the upgrade refuses a record that lacks a key, or has another type."""
    was = document(task_json(old_home, name))
    CHANGES[name](old_home)
    now = document(task_json(old_home, name))
    assert now["format"] == 1
    assert {key: type(now[key]) for key in was if was[key] is not None} == {
        key: type(value) for key, value in was.items() if value is not None
    }
    assert now["agent_dir"] == was["agent_dir"] == f"{old_home}/agents/site/planning"


LOCKS: list[str] = []
sys.addaudithook(lambda event, args: LOCKS.append(str(args[0])) if event == "open" else None)


@pytest.mark.parametrize("name", ["accepted", "unread"])
def test_the_lock_of_the_old_release_is_taken(old_home: Path, name: str) -> None:
    LOCKS.clear()
    CHANGES[name](old_home)
    assert f"{old_home}/agents/site/planning/lock" in LOCKS


def test_a_state_folder_can_be_moved(old_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask.mark_read(IDS["unread"])
    moved = old_home.with_name("elsewhere")
    os.rename(old_home, moved)
    monkeypatch.setenv("FLOWLOOM_HOME", str(moved))
    for name in ("unread", "failed"):
        assert layout.agent_dir(tasks.agent_of(tasks.read(IDS[name]))) == f"{moved}/agents/site/planning"


DOCUMENTS: list[tuple[str, Callable[[], object]]] = [
    (f"tasks/{IDS['created']}/task.json", lambda: tasks.read(IDS["created"])),
    ("agents/site/planning/status.json", lambda: status.read(AgentRef("site", "planning"))),
    ("agents/site/planning/agent.json", lambda: Agent(AgentRef("site", "planning")).spec()),
    ("agents/site/project.json", lambda: projects.root_of("site")),
]


@pytest.mark.parametrize(("name", "read"), DOCUMENTS, ids=[name.rpartition("/")[2] for name, _ in DOCUMENTS])
def test_a_document_of_a_newer_release_is_refused_and_left_as_it_is(
    old_home: Path, name: str, read: Callable[[], object]
) -> None:
    path = old_home / name
    text = json.dumps({**document(path), "format": 2})
    path.write_text(text)
    with pytest.raises(NewerFormat, match=f"{path} has the format 2, and this FlowLoom reads up to 1") as raised:
        read()
    assert raised.value.hint.startswith("upgrade FlowLoom")
    assert path.read_text() == text
    for bad in ("1", -1, True, None):
        path.write_text(json.dumps({**document(path), "format": bad}))
        with pytest.raises(DamagedFile, match=f"{path} is damaged: 'format' is"):
            read()


@pytest.mark.parametrize(
    "agent", [{"project": "..", "name": "planning"}, {"project": "site", "name": "../x"}, {"project": "site"}, "site"]
)
def test_a_task_that_names_no_possible_agent_is_damaged(agent: object) -> None:
    like = task_record.empty_task("7k2m", "planning@site", AgentRef("site", "planning"))
    with pytest.raises(DamagedFile, match="'agent' is"):
        task_record.task_from({**like, "agent": agent}, "/x/task.json")


def test_a_task_can_be_asked_of_a_role_before_an_agent_has_it() -> None:
    task = task_record.empty_task("7k2m", "review", None)
    read = task_record.task_from(json.loads(json.dumps(task)), "/x/task.json")
    assert (read["to"], read["agent"]) == ("review", None)
    with pytest.raises(NoSuchAgent, match="task 7k2m for review has no agent yet"):
        tasks.agent_of(read)
    files.ensure_dir(layout.task_dir("7k2m"))
    tasks.note_step(read, Step.CREATED, "asked by chief")
    assert [each["task_id"] for each in index.unfinished()] == ["7k2m"]
    assert not overview.unattended(read)
