"""What a person has beside an agent, or in its former pane, stays; one conversation never runs twice."""

from __future__ import annotations

import os
import signal

import pytest
from tests.faults.test_reach import edit, programs
from tests.support import leftovers
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]


def panes(world: World) -> list[str]:
    return world.tmux("list-panes", "-a", "-F", "#{pane_id}").split()


@pytest.mark.parametrize("remain", ["on", "off"])
def test_stop_closes_the_agents_pane_and_no_other_of_its_window(world: World, remain: str) -> None:
    world.start()
    world.tmux("split-window", "-t", world.pane(), "cat")
    world.tmux("set-option", "-w", "-t", world.pane(), "remain-on-exit", remain)
    mine = world.pane()
    (theirs,) = [pane for pane in panes(world) if pane != mine]
    world.tmux("send-keys", "-t", theirs, "a draft of mine")
    asked = world.flowloom("ask", "planning", f"heron\necho:hold {world.folder / 'go'}", "--no-wait")
    assert asked.returncode == 0
    world.until_step("accepted")
    assert world.flowloom("stop", "planning", "--force").returncode == 0
    assert panes(world) == [theirs]
    assert "a draft of mine" in world.tmux("capture-pane", "-p", "-t", theirs)
    assert programs(world) == []


def test_a_dead_pane_that_its_person_has_taken_is_left_to_them(world: World) -> None:
    world.start()
    former = world.pane()
    os.kill(world.status()["pid"], signal.SIGKILL)
    world.until(lambda: world.tmux("display-message", "-p", "-t", former, "#{pane_dead}").strip() == "1")
    world.tmux("respawn-pane", "-t", former, "cat")
    world.tmux("send-keys", "-t", former, "a draft of mine")
    theirs = world.tmux("display-message", "-p", "-t", former, "#{pane_pid}")
    assert world.ask("planning", "heron").startswith("echo heard: heron")
    assert world.pane() != former
    assert world.tmux("display-message", "-p", "-t", former, "#{pane_pid} #{@flowloom_agent}").split() == [
        theirs.strip()
    ]
    assert "a draft of mine" in world.tmux("capture-pane", "-p", "-t", former)
    assert world.flowloom("stop", "planning").returncode == 0
    assert panes(world) == [former]
    leftovers.check(world)


def test_a_program_that_runs_although_it_counts_as_gone_is_taken_as_it_is(world: World) -> None:
    world.start()
    world.ask("planning", "heron")
    (program,) = programs(world)
    # As an older release left it after it could not reach the server.
    edit(world, status="offline", pid=None, up=False, server=None, socket_path="")
    assert "I have been told 2 things" in world.ask("planning", "stork")
    assert programs(world) == [program]
    assert world.status()["pid"] == program
    leftovers.check(world)
