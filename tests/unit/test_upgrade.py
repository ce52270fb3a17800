"""Processes that began before an upgrade: their waiters are replaced, nothing else is touched."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowloom.agents import hook_shims
from flowloom.config import settings
from flowloom.delegation import upgrade
from flowloom.errors import BadConfig
from flowloom.ports import births, procs
from flowloom.queue import line
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import record as status_record
from flowloom.turns import status

if TYPE_CHECKING:
    from collections.abc import Iterator

# What holds a place until it is ended, as the process of another release does; it says when it is up.
HOLDS = "import signal, sys; print(flush=True); signal.pause()"


@pytest.fixture
def agent() -> AgentRef:
    state_folder.ensure()
    idle = AgentRef("site", "planning")
    files.ensure_dir(layout.agent_dir(idle))
    status.write(idle, status_record.empty_status("planning@site", "planning", "planning", "site", "echo"))
    return idle


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The module and the task of each process that is started in the background."""
    found: list[tuple[str, str]] = []

    def detach(module: str, arguments: list[str], **_: object) -> int:
        found.append((module, arguments[0]))
        return 1

    monkeypatch.setattr(procs, "detach", detach)
    return found


class Holder:
    """A task, and a process that holds its place."""

    def __init__(self, agent: AgentRef, module: str, note: dict[str, object] | None = None, *, birth: str = "") -> None:
        task = tasks.open_task("planning@site", agent, "what?", asker="shell", asker_kind="shell")
        self.task_id = task["task_id"]
        folder = files.ensure_dir(layout.line_dir(agent))
        path = f"{folder}/{len(os.listdir(folder)) + 1:010d}-{self.task_id}"
        place = files.hold(path)
        words = [sys.executable, "-I", "-c", HOLDS, "/root", module, self.task_id, str(place)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, pass_fds=[place])
        os.close(place)
        assert self.process.stdout is not None
        self.process.stdout.readline()
        birth = birth or births.of(self.process.pid)
        Path(path).write_text(json.dumps({"pid": self.process.pid, "birth": birth, "says": "", **(note or {})}))
        self.path = path

    def ended(self) -> bool:
        return self.process.poll() is not None

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def holders() -> Iterator[list[Holder]]:
    found: list[Holder] = []
    yield found
    for holder in found:
        holder.end()


@pytest.mark.parametrize("module", sorted(upgrade.WAITERS))
def test_a_waiter_of_an_older_release_is_replaced_and_its_task_keeps_its_place(
    agent: AgentRef, started: list[tuple[str, str]], holders: list[Holder], module: str
) -> None:
    old = Holder(agent, module)
    holders.append(old)
    assert upgrade.replace_waiters() == [old.task_id]
    old.process.wait()  # it never ends by itself
    assert started == [("flowloom.delegation.waiter", old.task_id)]
    assert os.path.exists(old.path), "its rank is kept"
    # The hooks of agents that run on are those of this release from now on.
    assert not hook_shims.leads_nowhere()
    # Once: the next command finds what was done.
    holders.append(Holder(agent, module))
    assert upgrade.replace_waiters() == []


def test_a_task_whose_waiter_was_ended_has_another_one_whatever_ends_the_command(
    agent: AgentRef,
    started: list[tuple[str, str]],
    holders: list[Holder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    holders.append(Holder(agent, "flowloom.waiter"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(line, "enter", killed)
        with pytest.raises(KeyboardInterrupt):
            upgrade.replace_waiters()
    holders[0].process.wait()
    assert upgrade.replace_waiters() == [holders[0].task_id]
    assert started == [("flowloom.delegation.waiter", holders[0].task_id)]
    assert upgrade.replace_waiters() == []


def test_a_project_whose_settings_are_invalid_has_its_waiters_replaced_too(
    agent: AgentRef, started: list[tuple[str, str]], holders: list[Holder], monkeypatch: pytest.MonkeyPatch
) -> None:
    holders.append(Holder(agent, "flowloom.waiter"))

    def invalid(*_: object) -> None:
        raise BadConfig("flowloom.toml: unknown key")

    monkeypatch.setattr(settings, "load", invalid)
    assert upgrade.replace_waiters() == [holders[0].task_id]
    assert started == [("flowloom.delegation.waiter", holders[0].task_id)]


def test_a_task_stays_left_from_where_it_was_left(
    agent: AgentRef, started: list[tuple[str, str]], holders: list[Holder]
) -> None:
    holders.append(Holder(agent, "flowloom.waiter"))
    task = tasks.read(holders[0].task_id)
    task["left"], task["left_tty"], task["left_tmux"] = True, "/dev/ttys9", "/tmp/theirs"
    tasks.write(task)
    assert upgrade.replace_waiters() == [holders[0].task_id]
    kept = tasks.read(holders[0].task_id)
    assert (kept["left"], kept["left_tty"], kept["left_tmux"]) == (True, "/dev/ttys9", "/tmp/theirs")


def test_a_full_disk_leaves_an_older_waiter_alone_and_the_command_goes_on(
    agent: AgentRef, started: list[tuple[str, str]], holders: list[Holder], monkeypatch: pytest.MonkeyPatch
) -> None:
    holders.append(Holder(agent, "flowloom.waiter"))

    def full(path: str, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", path)

    with monkeypatch.context() as patched:
        patched.setattr(files, "write", full)
        assert upgrade.replace_waiters() == []
    assert (holders[0].ended(), started) == (False, [])
    assert upgrade.replace_waiters() == [holders[0].task_id]


def test_a_ctrl_g_of_an_older_release_can_leave_its_task_to_a_waiter(agent: AgentRef) -> None:
    """It starts the module by the name that it knows, from where the package is, and hands its place over."""
    task = tasks.open_task("planning@site", agent, "what?", asker="shell", asker_kind="shell")
    tasks.note_step(task, Step.CANCELLED, "no agent is needed to see that it runs")
    place = line.enter(agent, task["task_id"])
    assert place is not None
    run = "import sys, runpy; sys.path.insert(0, sys.argv.pop(1)); "
    run += "runpy.run_module(sys.argv.pop(1), run_name='__main__')"
    root = str(Path(upgrade.__file__).parents[2])
    words = [sys.executable, "-I", "-c", run, root, "flowloom.waiter", task["task_id"], str(place.descriptor)]
    done = subprocess.run(words, pass_fds=[place.descriptor], capture_output=True, check=False)
    os.close(place.descriptor)
    assert (done.returncode, done.stderr) == (0, b"")
    assert not os.path.exists(layout.place(agent, place.name)), "it has given up its place"


def test_nothing_else_is_ended(agent: AgentRef, started: list[tuple[str, str]], holders: list[Holder]) -> None:
    """Not a Ctrl-G of the older release, a waiter of this one, nor a process that has a dead waiter's pid."""
    holders += [
        Holder(agent, "flowloom.editor"),
        Holder(agent, "flowloom.delegation.waiter", {"format": line.FORMAT}),
        Holder(agent, "flowloom.waiter", birth="another-boot/1/2"),
    ]
    assert upgrade.replace_waiters() == []
    assert [holder.ended() for holder in holders] == [False] * 3
    assert started == []


def test_a_place_says_of_which_format_its_process_is(agent: AgentRef) -> None:
    task = tasks.open_task("planning@site", agent, "what?", asker="shell", asker_kind="shell")
    assert line.holder(agent, task["task_id"]) is None
    place = line.enter(agent, task["task_id"])
    assert place is not None
    holder = line.holder(agent, task["task_id"])
    assert holder is not None
    assert (holder.format, holder.process["pid"]) == (line.FORMAT, os.getpid())
    place.leave()
