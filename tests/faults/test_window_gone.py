"""A window is closed, its program ends, or the whole tmux server is killed, in each phase of a task."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

import pytest
from tests.support import leftovers
from tests.support.world import World

from flowloom.agents import panes
from flowloom.agents.agent import Agent
from flowloom.config.settings import Settings
from flowloom.ports import births
from flowloom.ports.tmux.formats import Look
from flowloom.ports.tmux.server import Tmux
from flowloom.store.layout import AgentRef
from flowloom.transports.paste.transport import LOST_S
from flowloom.turns.record import empty_status

pytestmark = pytest.mark.faults


def close_window(world: World) -> None:
    world.tmux("kill-window", "-t", str(world.status()["window_id"]))


def end_program(world: World) -> None:
    os.kill(int(world.tmux("display-message", "-p", "-t", world.pane(), "#{pane_pid}")), signal.SIGKILL)


def kill_server(world: World) -> None:
    world.tmux("kill-server")


ENDS: list[Callable[[World], None]] = [close_window, end_program, kill_server]


def gone(world: World) -> bool:
    return gone_pane(world, world.pane())


def gone_pane(world: World, pane: str) -> bool:
    return world.tmux("display-message", "-p", "-t", pane, "#{pane_dead}#{window_id}").strip() in ("", "1")


@pytest.mark.parametrize("end", ENDS)
def test_an_agent_that_is_gone_before_its_task_comes_back_and_does_it(
    world: World, end: Callable[[World], None]
) -> None:
    world.start()
    world.ask("planning", "one")
    end(world)
    assert world.ask("planning", "what did I tell you?") == "You told me 1 thing:\n1. one"
    leftovers.check(world)


@pytest.mark.parametrize("end", ENDS)
def test_an_agent_that_is_gone_in_mid_turn_ends_the_task_and_serves_the_next(
    world: World, end: Callable[[World], None]
) -> None:
    world.start()
    asked = world.begin("ask", "planning", "long\necho:hold /nowhere")
    world.until_step("accepted")
    queued = world.begin("ask", "planning", "next")
    world.until(lambda: len(world.tasks()) == 2)
    end(world)
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, out) == (1, b""), err
    assert b"the agent is gone" in err
    assert b"your prompt is saved" in err
    out, err = queued.communicate(timeout=30)
    assert (queued.returncode, out) == (0, b"echo heard: next"), (err, world.describe())
    assert [task["status"] for task in world.tasks()] == ["failed", "done"]
    leftovers.check(world)


@pytest.mark.parametrize("end", ENDS)
def test_an_agent_that_is_gone_with_our_text_in_its_box_gets_it_again_once(
    world: World, end: Callable[[World], None]
) -> None:
    world.start()
    # The next Enter does nothing: the text stands in the box, unsent.
    world.ask("planning", "echo:swallow\necho:swallow\necho:swallow\necho:swallow\necho:say ready")
    asked = world.begin("ask", "planning", "in the box")
    world.until_step("pasted")
    end(world)
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, out.splitlines()[0]) == (0, b"echo heard: in the box"), (err, world.describe())
    leftovers.check(world)


@pytest.mark.parametrize("end", ENDS)
def test_an_agent_that_is_gone_while_parked_ends_the_task_and_keeps_its_message(
    world: World, end: Callable[[World], None]
) -> None:
    world.start()
    asked = world.begin("ask", "planning", "echo:background 1000\necho:say so far")
    world.until_step("parked")
    end(world)
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, out) == (1, b""), err
    task_id = world.task()["task_id"]
    done = world.flowloom("reply", task_id, "--now")
    assert (done.returncode, done.stdout) == (0, b"so far"), done
    assert world.ask("planning", "next") == "echo heard: next"
    leftovers.check(world)


@pytest.mark.parametrize("end", ENDS)
def test_an_agent_that_is_gone_while_blocked_ends_the_task(world: World, end: Callable[[World], None]) -> None:
    world.start()
    asked = world.begin("ask", "planning", "echo:ask Bash rm -r build")
    world.until_status("blocked")
    end(world)
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, out) == (1, b""), err
    # The task is told of before the status is.
    world.until(lambda: world.status()["question"] is None)
    assert world.ask("planning", "next") == "echo heard: next"
    leftovers.check(world)


def test_a_window_that_cannot_be_opened_leaves_no_secrets_behind(world: World) -> None:
    world.start()
    (world.agent_dir() / "status.json").unlink()
    done = world.flowloom("start", "planning", env={"ANTHROPIC_AUTH_TOKEN": "a secret"})
    assert (done.returncode, b"lost sight of" in done.stderr) == (1, True), done
    assert not [path for path in world.state.rglob("*") if path.is_file() and b"a secret" in path.read_bytes()]


# Its first thread ends, so that it counts as ended; the other one keeps the terminal while a file exists.
LINGERS = """
import ctypes, os, sys, threading
def last():
    while os.path.exists(sys.argv[1]):
        threading.Event().wait(0.01)
    os._exit(0)
threading.Thread(target=last).start()
ctypes.CDLL(None).pthread_exit(None)
"""


class Looked(Tmux):
    """A tmux server that does something when it is looked at for the second time."""

    def __init__(self, socket: str, second: Callable[[], object]) -> None:
        super().__init__(socket)
        self.second = second
        self.looks = 0

    def look(self, pane_id: str) -> Look | None:
        self.looks += 1
        if self.looks == 2:
            self.second()
        return super().look(pane_id)


@pytest.mark.tmux
@pytest.mark.skipif(sys.platform != "linux", reason="a first thread that ends before the others")
@pytest.mark.parametrize("ends", [True, False])
def test_the_pane_of_a_program_whose_last_thread_ends_later_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    runs = world.folder / "runs"
    runs.touch()
    tmux = Looked(world.socket, runs.unlink if ends else lambda: None)
    command = [sys.executable, "-c", LINGERS, str(runs)]
    window, pane = tmux.open_window("Claude", "planning", "planning@site", "/", command)
    look = Tmux(world.socket).look(pane)
    assert look is not None
    now = empty_status("planning@site", "planning", "planning", "site", "echo")
    now |= {"socket": world.socket, "pane_id": pane, "process": births.noted(look.pid)}
    world.until(lambda: births.life(now["process"]) == "ended", "its first thread has ended")
    assert not gone_pane(world, pane)
    if not ends:
        monkeypatch.setattr(panes, "CLOSES_S", 0.1)
    agent, listed = Agent(AgentRef("site", "planning")), tmux.every_window()
    opened = panes.for_program(agent, Settings(), tmux, now, "/", ["cat", "-"], listed)
    # One that never closes is left to whatever holds it.
    assert (opened == (window, pane)) == ends
    assert gone_pane(world, opened[1]) is False
    runs.unlink(missing_ok=True)


def test_an_agent_that_hangs_as_its_task_comes_gets_it_once(world: World) -> None:
    frozen = world.folder / "frozen"
    world.start()
    world.ask("planning", f"before\necho:freeze {frozen}")
    frozen.touch()
    world.until(lambda: frozen.with_suffix(".frozen").exists(), "it hangs")
    asked = world.begin_ahead("ask", "planning", "heron")
    world.until_step("pasted")
    assert asked.stderr
    assert b"does not read what is typed; look at its window" in asked.stderr.readline()
    # Longer than an idle box without our text is believed.
    world.advance(asked, LOST_S + 2)
    frozen.unlink()
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, out.startswith(b"echo heard: heron")) == (0, True), (err, world.describe())
    assert world.steps() == ["created", "typed", "pasted", "accepted", "done"]
    assert "I have been told 3 things" in world.ask("planning", "next")
    leftovers.check(world)


def test_what_a_person_types_while_we_type_is_kept_apart_and_comes_back(world: World) -> None:
    world.start()
    world.keys("a draft of mine")
    world.until(lambda: "a draft of mine" in world.screen())
    assert world.ask("planning", "from us") == "echo heard: from us"
    world.until(lambda: "a draft of mine" in world.screen().split("from us")[-1])
    assert "a draft of mine" in (world.agent_dir() / "drafts.txt").read_text()
    asked = world.begin("ask", "planning", "from us again")
    for _ in range(30):
        world.keys("x")
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, b"from us again" in out) == (0, True), (err, world.describe())
    leftovers.check(world)


def test_an_agent_that_hangs_with_its_task_read_and_not_shown_gets_it_once(world: World) -> None:
    frozen = world.folder / "frozen"
    world.start()
    world.ask("planning", f"before\necho:choke {frozen}")
    frozen.touch()
    asked = world.begin_ahead("ask", "planning", "heron")
    world.until(lambda: frozen.with_suffix(".frozen").exists(), "it hangs")
    world.until_step("pasted")
    # A window that has not changed at all since the paste is no evidence that nothing came.
    world.advance(asked, LOST_S + 2)
    frozen.unlink()
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, out.startswith(b"echo heard: heron")) == (0, True), (err, world.describe())
    assert world.steps() == ["created", "typed", "pasted", "accepted", "done"]
    assert "I have been told 3 things" in world.ask("planning", "next")
    leftovers.check(world)
