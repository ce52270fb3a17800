"""The Chief, its editor, or a shell that asks is ended while it waits: the task goes on, its reply is taken later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest
from tests.support import leftovers
from tests.support.world import EDITOR, ROOT, World

pytestmark = pytest.mark.faults

HALTING = str(ROOT / "tests/support/halting.py")
PROMPT = "remember the word heron"


def python_below(process: subprocess.Popen[bytes]) -> psutil.Process | None:
    """Return the Python that runs flowloom.editor.main below a process."""
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if "flowloom.editor.main" in " ".join(child.cmdline()):
                return child
        except psutil.NoSuchProcess:
            continue  # an `stty` that has ended
    return None


def hold(world: World) -> str:
    return f"\necho:hold {world.folder / 'go'}"


def release(world: World) -> None:
    (world.folder / "go").touch()


# Who is ended (the sh of hooks/editor, its Python, the caller of both) and by what; what the caller sees.
ENDS = {
    "SIGTERM to sh": ("sh", signal.SIGTERM, {130}),
    "SIGHUP to sh": ("sh", signal.SIGHUP, {130}),
    "SIGTERM to python": ("python", signal.SIGTERM, {130}),
    "SIGHUP to python": ("python", signal.SIGHUP, {130}),
    "kill -9 of sh": ("sh", signal.SIGKILL, {-9, 137}),
    "kill -9 of python": ("python", signal.SIGKILL, {137}),
    "kill -9 of the Chief": ("chief", signal.SIGKILL, {-9}),
}
PHASES = ["starting", "in line", "working"]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("name", ENDS)
def test_a_task_outlives_whoever_pressed_ctrl_g(world: World, name: str, phase: str) -> None:
    whom, number, codes = ENDS[name]
    if phase != "starting":
        world.start()
    if phase == "in line":
        assert world.flowloom("ask", "planning", f"before{hold(world)}", "--no-wait").returncode == 0
        world.until_step("accepted")
    draft = f"@planning {PROMPT}{hold(world)}\n"
    path = world.prompt_file(draft)
    # The Chief: it runs its editor as a child and waits for it.
    chief = world.popen(
        sys.executable, "-c", f"import subprocess, sys; sys.exit(subprocess.call(['{EDITOR}', '{path}']))"
    )
    python = world.until(lambda: python_below(chief), "the editor runs")
    sh = python.parent()
    step = {"starting": "created", "in line": "created", "working": "accepted"}[phase]
    world.until(lambda: len(world.tasks()) == (2 if phase == "in line" else 1) and world.steps()[-1] == step, step)
    {"sh": sh, "python": python, "chief": psutil.Process(chief.pid)}[whom].send_signal(number)
    chief.communicate(timeout=30)
    assert chief.returncode in codes | {256 + code for code in codes}
    world.until(lambda: not python.is_running() or python.status() == psutil.STATUS_ZOMBIE, "the editor is gone")
    assert path.read_text() == draft
    if name != "kill -9 of python":
        world.until(lambda: world.task()["left"], "it is left to a waiter")
    release(world)
    if name != "kill -9 of python":
        world.until_step("done")
    assert path.read_text() == draft
    again = world.prompt_file(draft)
    done = world.ctrl_g(again)
    assert done.returncode == 0, (done, world.describe())
    assert again.read_text().endswith(f"echo heard: {PROMPT}") or "before this" in again.read_text()
    assert len(world.tasks()) == (2 if phase == "in line" else 1)
    assert world.task()["read"]
    leftovers.check(world, after_kill=number == signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("phase", ["in line", "working"])
def test_a_shell_that_is_ended_while_it_asks_leaves_a_waiter(world: World, number: int, phase: str) -> None:
    world.start()
    if phase == "in line":
        assert world.flowloom("ask", "planning", f"before{hold(world)}", "--no-wait").returncode == 0
        world.until_step("accepted")
    asked = world.begin("ask", "planning", f"{PROMPT}{hold(world)}")
    if phase == "in line":
        assert asked.stderr
        assert b"in line, 1 ahead of it" in asked.stderr.readline()
    else:
        world.until_step("accepted")
        world.until(lambda: psutil.Process(asked.pid).status() == psutil.STATUS_SLEEPING)
    asked.send_signal(number)
    out, err = asked.communicate(timeout=20)
    assert (asked.returncode, out) == (130, b""), err
    assert f"flowloom wait {world.task()['task_id']}".encode() in err
    release(world)
    world.until_step("done")
    assert world.flowloom("reply", world.task()["task_id"]).returncode == 0
    leftovers.check(world)


def test_a_shell_whose_messages_nobody_reads_waits_on(world: World) -> None:
    world.start()
    assert world.flowloom("ask", "planning", f"before{hold(world)}", "--no-wait").returncode == 0
    world.until_step("accepted")
    reading, writing = os.pipe()
    os.close(reading)
    asked = world.begin("ask", "planning", PROMPT, stderr=writing)
    os.close(writing)
    world.until(lambda: len(world.tasks()) == 2 and world.waited_for(world.task()["task_id"]))
    release(world)
    out, _ = asked.communicate(timeout=20)
    assert (asked.returncode, PROMPT.encode() in out) == (0, True)
    leftovers.check(world)


def test_ctrl_c_while_the_agent_starts_costs_nothing(world: World) -> None:
    asked = world.begin("ask", "planning", PROMPT)
    world.until(lambda: world.task()["status"] == "created")
    asked.send_signal(signal.SIGINT)
    asked.communicate(timeout=20)
    assert asked.returncode in (0, 130)
    world.until_step("done")
    leftovers.check(world)


def test_a_bug_while_a_task_is_carried_is_exit_70_with_a_report_and_the_task_goes_on(world: World) -> None:
    world.start()
    place = ("before", "flowloom.delegation.runner:Runner._watch")
    done = world.run(sys.executable, HALTING, "fail", *place, "--", "flowloom", "ask", "planning", PROMPT)
    assert (done.returncode, done.stdout) == (70, b""), done
    report = next((world.state / "log").glob("bug-*.txt"))
    assert str(report).encode() in done.stderr
    assert "a bug, on request" in report.read_text()
    world.until_step("done")
    path = world.prompt_file(f"@planning {PROMPT}\necho:work 0.2\n")
    done = world.run(sys.executable, HALTING, "fail", *place, "--", "editor", str(path))
    assert done.returncode == 70
    assert path.read_text() == f"@planning {PROMPT}\necho:work 0.2\n"
    world.until_step("done")
    assert world.ctrl_g(path).returncode == 0
    leftovers.check(world)


def test_a_waiter_that_was_killed_is_replaced_by_whoever_asks_next(world: World) -> None:
    world.start()
    task_id = world.flowloom("ask", "planning", f"{PROMPT}{hold(world)}", "--no-wait").stdout.decode().strip()
    world.until_step("accepted")
    queued = world.flowloom("ask", "planning", "second", "--no-wait").stdout.decode().strip()
    for one in (task_id, queued):
        leftovers.kill_waiter(world, one)
    release(world)
    world.until_step("done", 0)
    assert world.steps(1) == ["created"]
    done = world.flowloom("wait", task_id, queued)
    assert done.returncode == 0, done
    assert world.steps(1) == ["created", "typed", "pasted", "accepted", "done"]
    leftovers.check(world)


def test_tasks_that_nobody_carries_are_waited_for_in_any_order(world: World) -> None:
    world.start()
    asked = []
    for word in ("first", "second", "third"):
        asked.append(world.flowloom("ask", "planning", f"{word}{hold(world)}", "--no-wait").stdout.decode().strip())
        # The first is with the agent before its waiter dies, or those behind it, which wait for nobody dead, go first.
        world.until_step("accepted", 0)
        leftovers.kill_waiter(world, asked[-1])
    release(world)
    done = world.flowloom("wait", *reversed(asked))
    assert done.returncode == 0, done
    assert [line for line in done.stdout.decode().splitlines() if line.startswith("==")] == [
        f"== planning@site (task {task_id})" for task_id in reversed(asked)
    ]
    ended = [task["journal"][-1]["at"] for task in world.tasks()]
    assert ended == sorted(ended), world.describe()
    leftovers.check(world)


def test_the_wait_ends_at_once_when_the_chief_is_gone(world: World) -> None:
    world.start()
    path = world.prompt_file(f"@planning {PROMPT}{hold(world)}\n")
    chief = world.popen("/bin/sh", "-c", f"'{EDITOR}' '{path}'; exit $?")
    python = world.until(lambda: python_below(chief))
    world.until_step("accepted")
    os.kill(chief.pid, signal.SIGKILL)
    chief.communicate(timeout=30)
    world.until(lambda: not python.is_running())
    release(world)
