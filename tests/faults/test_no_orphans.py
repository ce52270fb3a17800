"""Every task has a process that waits for it, or an end; a stopped process stands before nobody."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support import leftovers
from tests.support.world import ROOT, World

from flowloom.ports import births

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]
HALTING = str(ROOT / "tests/support/halting.py")
# Where an asker is stopped on its way into the box, and what its agent has of the text by then.
STOPPED = {
    "about to paste": (("before", "flowloom.ports.tmux.server:Tmux.paste"), "nothing"),
    "its tmux ran": (("after", "flowloom.ports.tmux.server:Tmux.paste"), "all"),
}


def stopped_asker(world: World, place: tuple[str, ...], prompt: str) -> subprocess.Popen[bytes]:
    """Return an asker that has just stopped at a place."""
    asker = world.popen(sys.executable, HALTING, "stop", *place, "--", "flowloom", "ask", "planning", prompt)
    world.until(lambda: births.life(births.noted(asker.pid)) == "stopped", "it is stopped")
    return asker


def told(world: World) -> list[str]:
    """Return what the echo agent was told, once for each time."""
    return [thing for path in world.agent_dir().glob("memory/*.json") for thing in json.loads(path.read_text())["told"]]


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


# What fails between a task on disk and its wait, and with what status the task is left: no task only waits for ever.
BUGS = {
    "before it is carried": (["flowloom.queue.line:enter"], ["ask", "planning", "heron"], "failed"),
    "before it is waited for": (["flowloom.queue.line:abandoned"], ["ask", "planning", "heron"], "done"),
    "before its program is started": (
        ["flowloom.tasks.frame:first_line"],
        ["ask", "--headless", "planning", "heron"],
        "failed",
    ),
}


@pytest.mark.parametrize("when", BUGS)
def test_a_bug_between_a_task_and_its_wait_leaves_it_with_an_end_or_a_waiter(world: World, when: str) -> None:
    place, words, ended = BUGS[when]
    done = world.run(sys.executable, HALTING, "fail", "before", *place, "--", "flowloom", *words)
    assert done.returncode == 70, done
    world.until(lambda: world.task()["status"] == ended, f"it is {ended}")
    if ended == "failed":
        assert world.task()["error"]
        assert world.task()["task_id"] in done.stderr.decode() or "--headless" in words
    leftovers.check(world)


def test_a_bug_while_the_parts_of_a_prompt_are_sent_leaves_each_to_a_waiter(world: World) -> None:
    draft = world.prompt_file("@planning heron\n\n@coding stork\n")
    place = "flowloom.editor.palette_actions:remember"
    done = world.run(sys.executable, HALTING, "fail", "before", place, "--", "editor", str(draft))
    assert done.returncode == 70, done
    world.until(lambda: [task["status"] for task in world.tasks()] == ["done"] * 2, "both are done")
    leftovers.check(world)


def test_a_bug_in_one_part_of_a_prompt_is_that_parts_alone(world: World) -> None:
    draft = world.prompt_file("@planning heron\n\n@coding stork\n")
    place = ["flowloom.turns.status:apply", "'coding')"]
    done = world.run(sys.executable, HALTING, "fail", "before", *place, "--", "editor", str(draft))
    assert done.returncode == 0, done
    text = draft.read_text()
    assert "echo heard: heron" in text
    assert "No reply from coding: a bug in FlowLoom (RuntimeError: a bug, on request); the report is in " in text
    assert [task["status"] for task in world.tasks()] == ["done", "failed"]
    assert len(list((world.state / "log").glob("bug-*"))) == 1
    assert world.flowloom("stop", "--all").returncode == 0
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
    assert world.waited_for(task_id)
    refuses.unlink()
    world.until(lambda: world.task()["status"] == "done", "its waiter brings it through")
    assert world.flowloom("reply", task_id).stdout == b"echo heard: heron"
    leftovers.check(world)


def test_a_line_is_served_to_its_end_whatever_becomes_of_those_who_stand_in_it(world: World) -> None:
    world.start()
    go = world.folder / "go"
    asked = [world.flowloom("ask", "planning", f"first\necho:hold {go}", "--no-wait").stdout.decode().strip()]
    world.until_step("accepted")
    for word in ("killed", "stopped", "cancelled", "fourth", "fifth"):
        asked.append(world.flowloom("ask", "planning", word, "--no-wait").stdout.decode().strip())
    leftovers.kill_waiter(world, asked[1])
    stopped = leftovers.waiter(world, asked[2])
    os.kill(stopped, signal.SIGSTOP)
    world.until(lambda: births.life(births.noted(stopped)) == "stopped", "it is stopped")
    assert world.flowloom("cancel", asked[3]).returncode == 0
    go.touch()
    done = world.flowloom("wait", asked[0], asked[4], asked[5], limit_s=60)
    assert (done.returncode, done.stdout.count(b"echo heard: ")) == (0, 3), (done, world.describe())
    os.kill(stopped, signal.SIGCONT)
    assert world.flowloom("wait", asked[2]).stdout.startswith(b"echo heard: stopped")
    # Whose process was killed is sent by who asks for it.
    assert world.flowloom("wait", asked[1]).stdout.startswith(b"echo heard: killed")
    assert told(world) == ["first", "fourth", "fifth", "stopped", "killed"]
    leftovers.check(world)


def test_one_task_of_several_that_cannot_be_watched_any_more_does_not_end_the_wait_for_the_others(world: World) -> None:
    go = world.folder / "go"
    words = [("coding", f"broken\necho:hold {go}"), ("planning", f"sound\necho:hold {go}.too")]
    asked = [world.flowloom("ask", *each, "--no-wait").stdout.decode().strip() for each in words]
    world.until(lambda: [task["status"] for task in world.tasks()] == ["accepted"] * 2, "both work")
    waiting = world.begin("wait", *asked)
    path = world.agent_dir("coding") / "status.json"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    (world.folder / "go.too").touch()
    out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, b"echo heard: sound" in out) == (1, True), (err, world.describe())
    assert f"the task is kept: flowloom wait {asked[0]}" in err.decode()
    path.write_bytes(whole)
    go.touch()
    assert world.flowloom("wait", asked[0]).stdout == b"echo heard: broken"
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


@pytest.mark.parametrize("where", STOPPED)
def test_who_comes_behind_an_asker_that_is_stopped_while_it_types_goes_first(world: World, where: str) -> None:
    place, had = STOPPED[where]
    world.start()
    first = stopped_asker(world, place, "heron")
    try:
        assert world.ask("planning", "stork", "--timeout", "40").startswith("echo heard: stork")
        draft = world.prompt_file("@planning wren\n")
        assert world.ctrl_g(draft).returncode == 0
        steps = {"nothing": ["created", "typed", "created"], "all": ["created", "typed", "accepted", "done"]}
        assert world.steps(0) == steps[had]
    finally:
        os.kill(first.pid, signal.SIGCONT)
    out = first.communicate(timeout=30)[0]
    assert (first.returncode, out.splitlines()[0]) == (0, b"echo heard: heron"), world.describe()
    assert sorted(told(world)) == ["heron", "stork", "wren"]
    assert world.task(0)["journal"][-1]["step"] == "done"
    leftovers.check(world)


def test_who_waits_for_the_task_of_a_stopped_asker_is_told_to_continue_it(world: World) -> None:
    world.start()
    first = stopped_asker(world, ("after", "flowloom.queue.line:enter"), "heron")
    try:
        waited = world.flowloom("wait", world.task()["task_id"], "--timeout", "2")
        said = f"its own process {first.pid} is stopped; continue it with fg, or: kill -CONT {first.pid}"
        assert (waited.returncode, said in waited.stderr.decode()) == (124, True), waited
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert first.communicate(timeout=30)[0] == b"echo heard: heron"
    leftovers.check(world)


def test_a_task_that_was_cancelled_while_its_asker_was_stopped_is_not_pasted(world: World) -> None:
    world.start()
    first = stopped_asker(world, STOPPED["about to paste"][0], "heron")
    try:
        done = world.flowloom("cancel", world.task()["task_id"])
        assert (done.returncode, b"it will not be delivered" in done.stderr) == (0, True), done
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert first.wait(30) == 1
    assert world.steps() == ["created", "typed", "cancelled"]
    assert world.ask("planning", "stork") == "echo heard: stork"
    assert told(world) == ["stork"]
    leftovers.check(world)
