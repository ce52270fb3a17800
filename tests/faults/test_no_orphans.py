"""Every task has a process that waits for it, or an end; a stopped process stands before nobody."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from tests.support import leftovers
from tests.support.world import World

from flowloom import births, line

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]


def test_a_missing_program_ends_the_task_with_the_reason(world: World) -> None:
    nowhere = {"FLOWLOOM_PROVIDER": "claude", "FLOWLOOM_CLAUDE": "/nowhere/claude"}
    draft = world.prompt_file("@planning stork\n")
    said = [
        world.flowloom("ask", "planning", "heron", env=nowhere).stderr.decode(),
        world.ctrl_g(draft, env=nowhere).stderr.decode(),
    ]
    left = world.flowloom("ask", "planning", "wren", "--no-wait", env=nowhere)
    assert left.returncode == 0
    world.until(lambda: world.task()["status"] == "failed", "its waiter ends it")
    for task in world.tasks():
        assert (task["status"], "'/nowhere/claude'; install it" in task["error"]) == ("failed", True), task
    for task, told in zip(world.tasks(), said, strict=False):
        assert all(words in told for words in (task["task_id"], "there is no program '/nowhere/claude'", "install it"))
    assert draft.read_text() == "@planning stork\n"
    leftovers.check(world)


def test_a_tmux_that_refuses_for_a_while_orphans_no_task(world: World, tmp_path: Path) -> None:
    folder, refuses = tmp_path / "bin", tmp_path / "refuses"
    folder.mkdir()
    refuses.touch()
    (folder / "tmux").write_text(
        f"#!/bin/sh\nif [ -e {refuses} ]; then echo 'no space for a new pane' >&2; exit 1; fi\n"
        f'exec {shutil.which("tmux")} "$@"\n'
    )
    (folder / "tmux").chmod(0o755)
    env = {"PATH": f"{folder}:{os.environ['PATH']}"}
    asked = world.flowloom("ask", "planning", "heron", env=env)
    task_id = world.task()["task_id"]
    assert (asked.returncode, "no space for a new pane" in asked.stderr.decode()) == (1, True), asked
    assert f"the task is kept: flowloom wait {task_id}" in asked.stderr.decode()
    assert line.waited_for(str(world.agent_dir()), task_id)
    refuses.unlink()
    world.until(lambda: world.task()["status"] == "done", "its waiter brings it through")
    assert world.flowloom("reply", task_id).stdout == b"echo heard: heron"
    leftovers.check(world)


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGSTOP])
def test_a_stopped_asker_whose_task_has_ended_stands_before_nobody(world: World, number: int) -> None:
    world.start()
    go = world.folder / "go"
    # A group of its own, as a shell's job has: the kernel ignores SIGTSTP in an orphaned one.
    first = world.begin("ask", "planning", f"heron\necho:hold {go}", process_group=0)
    world.until_step("accepted")
    os.kill(first.pid, number)
    world.until(lambda: births.life(births.noted(first.pid)) == "stopped", "it is stopped")
    go.touch()
    world.until(lambda: world.task(0)["status"] == "done", "its task ends")
    try:
        assert world.ask("planning", "stork", "--timeout", "30").startswith("echo heard: stork")
        draft = world.prompt_file("@planning wren\n")
        assert world.ctrl_g(draft).returncode == 0
        assert "echo heard: wren" in draft.read_text()
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert (first.communicate(timeout=30)[0], first.returncode) == (b"echo heard: heron", 0)
    leftovers.check(world)
