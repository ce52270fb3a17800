"""Whoever carries a task is killed (-9) at every step of its journal: the task goes on, once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from tests.support import leftovers
from tests.support.world import ROOT, World

pytestmark = pytest.mark.faults

HALTING = str(ROOT / "tests/support/halting.py")

# Where it is killed, and the last step that then stands in the journal.
PLACES = {
    "opened": (("after", "flowloom.tasks.store:open_task"), "created"),
    "asked": (("after", "flowloom.delegation.ask:ask"), "created"),
    "in line": (("after", "flowloom.queue.line:enter"), "created"),
    "about to write": (("before", "flowloom.delegation.delivery:Delivery._send"), "created"),
    "typed": (("after", "flowloom.tasks.store:note_step", "Step.TYPED"), "typed"),
    "delivering noted": (("before", "flowloom.ports.tmux.server:Tmux.paste"), "typed"),
    "text in the box": (("after", "flowloom.ports.tmux.server:Tmux.paste"), "typed accepted done"),
    "pasted": (("after", "flowloom.tasks.store:note_step", "Step.PASTED"), "pasted accepted done"),
    "accepted": (("before", "flowloom.delegation.runner:Runner._watch"), "accepted done"),
    "parked": (("before", "flowloom.delegation.runner:Runner._watch", "PARKED"), "parked done"),
    "done": (("before", "flowloom.delegation.runner:Runner._end"), "done"),
    "printed": (("before", "flowloom.delegation.ask:mark_read"), "done"),
}


def killed(world: World, place: tuple[str, ...], *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run `flowloom` until it dies at a place."""
    done = world.run(sys.executable, HALTING, "kill", *place, "--", "flowloom", *words)
    assert done.returncode == -signal.SIGKILL, (done, world.describe())
    return done


def told(world: World) -> list[str]:
    """Return what the echo agent was told, as it remembers it: once for each time that it was told."""
    return [thing for path in world.agent_dir().glob("memory/*.json") for thing in json.loads(path.read_text())["told"]]


@pytest.mark.parametrize("name", PLACES)
def test_a_task_whose_coordinator_was_killed_is_carried_on_by_wait(world: World, name: str) -> None:
    place, steps = PLACES[name]
    world.start()
    prompt = "remember the word heron" + ("\necho:background 1" if name == "parked" else "")
    killed(world, place, "ask", "planning", prompt)
    task = world.task()
    assert task["status"] in steps.split()
    assert (world.state / "tasks" / task["task_id"] / "prompt.md").read_text() == prompt
    done = world.flowloom("wait", task["task_id"])
    expected = b"background done" if name == "parked" else b"echo heard: remember the word heron"
    assert (done.returncode, done.stdout) == (0, expected), (done, world.describe())
    assert told(world) == ["remember the word heron"]
    leftovers.check(world)


@pytest.mark.parametrize("name", PLACES)
def test_the_same_draft_again_takes_the_reply_of_a_task_whose_coordinator_was_killed(world: World, name: str) -> None:
    place, _ = PLACES[name]
    world.start()
    prompt = "remember the word heron" + ("\necho:background 1" if name == "parked" else "")
    killed(world, place, "ask", "planning", prompt)
    path = world.prompt_file(f"@planning {prompt}\n")
    done = world.ctrl_g(path)
    assert done.returncode == 0, (done, world.describe())
    expected = "background done" if name == "parked" else "echo heard: remember the word heron"
    assert path.read_text().endswith(expected)
    assert told(world) == ["remember the word heron"]
    assert len(world.tasks()) == 1
    leftovers.check(world)


@pytest.mark.parametrize("name", ["opened", "in line"])
def test_a_task_whose_asker_was_killed_before_it_was_sent_is_seen(world: World, name: str) -> None:
    world.start()
    killed(world, PLACES[name][0], "ask", "planning", "heron")
    task_id = world.task()["task_id"]
    said = f"no process waits for it: flowloom wait {task_id}"
    world.until(lambda: said in world.flowloom("tasks").stdout.decode(), "the list says so")
    assert json.loads(world.flowloom("tasks", "--json").stdout)["tasks"][0]["unattended"] is True
    assert "no process waits for it" in world.flowloom("show", task_id).stdout.decode()
    asked = world.flowloom("ask", "planning", "stork")
    # Who asks next looks at the line only.
    assert (asked.stdout, said in asked.stderr.decode()) == (b"echo heard: stork", name == "in line")
    assert world.steps(0) == ["created"]  # perhaps days later: it is not sent by itself
    assert world.flowloom("wait", task_id).returncode == 0
    assert sorted(told(world)) == ["heron", "stork"]
    assert json.loads(world.flowloom("tasks", "--json").stdout)["tasks"][0]["unattended"] is False
    leftovers.check(world)


def test_a_start_that_was_killed_with_its_window_open_is_taken_up(world: World) -> None:
    for place in (
        ("before", "flowloom.ports.tmux.server:Tmux.open_window"),
        ("after", "flowloom.ports.tmux.server:Tmux.open_window"),
        ("before", "flowloom.turns.status:apply", "Event.SPAWN"),
    ):
        killed(world, place, "ask", "planning", f"remember {place[1]}")
        task = world.task()
        done = world.flowloom("wait", task["task_id"])
        assert done.returncode == 0, (place, done, world.describe(), world.tmux("list-panes", "-a"))
        panes = world.tmux("list-panes", "-a", "-F", "#{pane_dead}").split()
        assert panes.count("0") == 1, "one program speaks for an agent"
        world.flowloom("stop", "planning")
    leftovers.check(world)
