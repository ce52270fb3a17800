"""A tmux server that cannot be reached is not a dead one: nothing is moved, failed, or started a second time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support import leftovers
from tests.support.seat import Seat
from tests.support.world import ROOT, World

from flowloom.ports import births
from flowloom.store import files

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

NO_SOCKETS = [sys.executable, str(ROOT / "tests" / "support" / "no_sockets.py")]


def programs(world: World, name: str = "planning") -> list[int]:
    """Return the processes that run as an agent."""
    found = []
    for process in psutil.process_iter():
        try:
            of = process.environ()
            ours = of.get("FLOWLOOM_HOME") == str(world.state) and of.get("FLOWLOOM_AGENT") == f"{name}@site"
            if ours and of.get("FLOWLOOM_AGENT_PID") == str(process.pid):
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def socket_of(world: World) -> Path:
    return Path(world.status()["socket_path"])


def edit(world: World, **facts: Any) -> None:
    path = world.agent_dir() / "status.json"
    files.write_json(str(path), json.loads(path.read_text()) | facts)


Shape = Callable[[World], "Any"]


@contextmanager
def another_folder_of_sockets(world: World) -> Iterator[dict[str, Any]]:
    # As an older release wrote it down: the socket's name only.
    edit(world, socket_path="", server=None)
    yield {"env": {"TMUX_TMPDIR": str(world.folder)}}


@contextmanager
def a_socket_that_a_cleaner_removed(world: World) -> Iterator[dict[str, Any]]:
    socket = socket_of(world)
    socket.unlink()
    yield {}
    os.kill(world.status()["server"]["pid"], signal.SIGUSR1)
    world.until(socket.exists, "tmux makes it again")


@contextmanager
def a_sandbox(world: World) -> Iterator[dict[str, Any]]:
    yield {"before": NO_SOCKETS}


@contextmanager
def no_tmux(world: World) -> Iterator[dict[str, Any]]:
    yield {"env": {"PATH": str(world.folder)}}


@contextmanager
def a_server_that_is_stopped(world: World) -> Iterator[dict[str, Any]]:
    server = world.status()["server"]["pid"]
    os.kill(server, signal.SIGSTOP)
    world.until(lambda: births.life(world.status()["server"]) == "stopped")
    try:
        yield {}
    finally:
        os.kill(server, signal.SIGCONT)


@contextmanager
def another_server_at_its_socket(world: World) -> Iterator[dict[str, Any]]:
    socket = socket_of(world)
    socket.unlink()
    # Its first pane is %0 too, and somebody has given it our mark.
    world.tmux("-f", "/dev/null", "new-session", "-d", "cat")
    world.tmux("set-option", "-p", "@flowloom_agent", "planning@site")
    yield {}
    world.tmux("kill-server")
    os.kill(world.status()["server"]["pid"], signal.SIGUSR1)
    world.until(socket.exists, "tmux makes it again")


@contextmanager
def a_socket_that_nobody_listens_at(world: World) -> Iterator[dict[str, Any]]:
    socket = socket_of(world)
    socket.unlink()
    socket.touch()
    yield {}
    os.kill(world.status()["server"]["pid"], signal.SIGUSR1)
    world.until(socket.is_socket, "tmux makes it again")


SHAPES = [
    another_folder_of_sockets,
    a_socket_that_a_cleaner_removed,
    a_sandbox,
    no_tmux,
    a_server_that_is_stopped,
    another_server_at_its_socket,
    a_socket_that_nobody_listens_at,
]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_agent_that_cannot_be_reached_is_unknown_and_goes_on_with_its_task(world: World, shape: Shape) -> None:
    world.start()
    go = world.folder / "go"
    asked = world.begin("ask", "planning", f"heron\necho:hold {go}")
    world.until_step("accepted")
    (program,) = programs(world)
    with ExitStack() as held:
        options = held.enter_context(shape(world))
        before, more = options.pop("before", []), options
        flowloom = [*before, sys.executable, "-m", "flowloom"]
        record = world.status()
        listed = world.run(*flowloom, "agents", "--json", **more)
        (agent,) = json.loads(listed.stdout)["agents"]
        assert (agent["status"], agent["last_known"]) == ("unknown", "working"), agent
        assert agent["unreachable"], agent
        table = world.run(*flowloom, "agents", **more).stdout.decode()
        assert agent["unreachable"] in table
        second = world.run(*flowloom, "ask", "planning", "stork", "--timeout", "1", **more)
        assert (second.returncode, second.stdout) == (124, b""), second
        assert b"planning@site cannot be reached: " in second.stderr
        for words in (["stop", "planning"], ["restart", "planning", "--force"], ["cancel", world.task(0)["task_id"]]):
            done = world.run(*flowloom, *words, **more)
            assert (done.returncode, b"cannot be reached" in done.stderr) == (1, True), done
        now = world.status()
        # What a task waits for is noted, too, and is no state.
        assert now | {"seq": 0, "held_up": None} == record | {"seq": 0, "held_up": None}
        assert world.task(0)["status"] == "accepted"
        assert programs(world) == [program]
    go.touch()
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, out) == (0, b"echo heard: heron"), (err, world.describe())
    # One that waits out of reach lets those behind it go first.
    assert "I have been told" in world.ask("planning", "wren")
    if shape is not a_sandbox and shape is not no_tmux and shape is not another_folder_of_sockets:
        assert world.flowloom("wait", world.task(1)["task_id"]).stdout.startswith(b"echo heard: stork")
    assert programs(world) == [program]
    world.flowloom("cancel", world.task(1)["task_id"])
    leftovers.check(world)


def test_an_agent_is_reached_by_its_socket_whatever_the_folder_of_sockets(world: World) -> None:
    world.start()
    (program,) = programs(world)
    elsewhere = {"TMUX_TMPDIR": str(world.folder)}
    assert world.ask("planning", "heron", env=elsewhere) == "echo heard: heron"
    (agent,) = json.loads(world.flowloom("agents", "--json", env=elsewhere).stdout)["agents"]
    assert (agent["status"], agent["unreachable"]) == ("idle", "")
    assert programs(world) == [program]
    assert world.flowloom("stop", "planning", env=elsewhere).returncode == 0
    assert programs(world) == []


def test_another_agent_starts_no_second_server_at_a_socket_that_was_removed(world: World) -> None:
    world.start()
    (program,), server, socket = programs(world), world.status()["server"]["pid"], socket_of(world)
    socket.unlink()
    for words in (["start", "review"], ["ask", "review", "stork", "--timeout", "1"]):
        done = world.flowloom(*words)
        assert done.returncode in (1, 124), done
        assert f"kill -USR1 {server}" in done.stderr.decode()
        assert "planning@site cannot be reached" in done.stderr.decode()
        assert not socket.exists()
    os.kill(server, signal.SIGUSR1)
    world.until(lambda: world.task()["status"] == "done", "its waiter starts it once the server is there")
    assert (world.status("review")["server"]["pid"], programs(world)) == (server, [program])
    leftovers.check(world)


def killed_server(world: World) -> None:
    os.kill(world.status()["server"]["pid"], signal.SIGKILL)


def restarted_machine(world: World) -> None:
    now = world.status()
    killed_server(world)
    other = {key: "0000-" + now[key]["birth"] for key in ("server", "process")}
    # After a restart the numbers belong to whatever came up.
    edit(world, **{key: {"pid": os.getpid(), "birth": birth} for key, birth in other.items()})


def reused_number(world: World) -> None:
    now = world.status()
    killed_server(world)
    edit(world, server={**now["server"], "pid": os.getpid()}, process={**now["process"], "pid": os.getppid()})


def dead_program_out_of_reach(world: World) -> None:
    socket_of(world).unlink()
    os.kill(world.status()["pid"], signal.SIGKILL)


@pytest.mark.parametrize("ended", [killed_server, restarted_machine, reused_number, dead_program_out_of_reach])
def test_an_agent_whose_process_or_server_has_ended_is_gone(world: World, ended: Callable[[World], None]) -> None:
    world.start()
    server = world.status()["server"]["pid"]
    task_id = world.flowloom("ask", "planning", f"heron\necho:hold {world.folder / 'go'}", "--no-wait").stdout.decode()
    world.until_step("accepted")
    leftovers.kill_waiter(world, task_id.strip())
    ended(world)
    world.until(lambda: not programs(world), "its program has ended")
    (agent,) = json.loads(world.flowloom("agents", "--json").stdout)["agents"]
    assert (agent["status"], agent["unreachable"]) == ("offline", "")
    assert world.task()["status"] == "failed"
    if ended is dead_program_out_of_reach:
        subprocess.run(["kill", "-USR1", str(server)], check=True)
        world.until(lambda: world.tmux("list-panes", "-a"), "its server listens again")
    assert world.ask("planning", "wren").startswith("echo heard: wren")
    starts = [event["why"] for event in world.events() if event["event"] == "spawn"]
    assert starts == ["started", "started again, with its conversation"]
    assert len(programs(world)) == 1


def test_a_process_is_judged_by_its_birth() -> None:
    mine = births.noted(os.getpid())
    assert mine is not None
    boot, namespace, began = mine["birth"].split("/")
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    theirs = births.noted(child.pid)
    assert (births.life(mine), births.life(theirs)) == ("runs", "runs")
    child.send_signal(signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)
    assert births.life(theirs) == "stopped"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert births.life(theirs) == "ended"
    child.communicate()
    assert births.life(theirs) == "ended"
    judged = {
        "later": births.life({**mine, "birth": f"{boot}/{namespace}/1"}),
        "before a restart of the machine": births.life({**mine, "birth": f"x/{namespace}/{began}"}),
        "in a container": births.life({**mine, "birth": f"{boot}/x/{began}"}),
        "of an older release": births.life({**mine, "birth": ""}),
        "of an older release, later": births.life({**mine, "birth": ""}, noted_s=1.0),
        "nobody": births.life(None),
    }
    assert judged == {
        "later": "ended",
        "before a restart of the machine": "ended",
        "in a container": "unknown",
        "of an older release": "runs",
        "of an older release, later": "ended",
        "nobody": "unknown",
    }


def test_an_agent_whose_process_cannot_be_judged_but_stands_in_its_pane_is_not_started_twice(world: World) -> None:
    assert world.ask("planning", "one") == "echo heard: one"
    now = world.status()
    # Counted as gone, and noted in another pid namespace: its process proves nothing here.
    hidden = {"pid": now["pid"], "birth": now["process"]["birth"].replace("pid:", "elsewhere:")}
    edit(world, status="offline", process=hidden)
    assert "I have been told 2 things" in world.ask("planning", "two")
    assert programs(world) == [now["pid"]]
    assert (world.pane(), world.status()["pid"]) == (now["pane_id"], now["pid"])
    marks = world.tmux("list-panes", "-a", "-F", "#{pane_id} #{@flowloom_agent}").split("\n")
    assert f"{now['pane_id']} planning@site" in marks, marks
    leftovers.check(world)


def test_an_agent_out_of_reach_is_ended_by_its_process_with_force_only(world: World) -> None:
    world.start()
    pid, pane = world.status()["pid"], world.pane()
    world.flowloom("ask", "planning", f"one\necho: hold {world.folder / 'never'}", "--no-wait")
    world.until_step("accepted")
    socket_of(world).unlink()
    refused = world.flowloom("stop", "planning")
    told = " ".join(refused.stderr.decode().split())
    assert (refused.returncode, psutil.pid_exists(pid)) == (1, True), told
    assert "planning@site cannot be reached: " in told
    assert "flowloom stop planning@site --force" in told
    # What another boot or namespace noted proves nothing.
    process = world.status()["process"]
    edit(world, process={**process, "birth": process["birth"].replace("pid:", "elsewhere:")})
    assert world.flowloom("stop", "planning", "--force").returncode == 1
    assert births.life(process) == "runs"
    edit(world, process=process)
    done = world.flowloom("stop", "planning", "--force")
    assert (done.returncode, f"process {pid} was ended".encode() in done.stderr) == (0, True), done
    assert births.life(process) == "ended"
    assert (world.status()["status"], world.task()["status"]) == ("offline", "failed")
    # Nothing else of its server ended; reached again, the agent starts in its own pane.
    subprocess.run(["kill", "-USR1", str(world.status()["server"]["pid"])], check=True)
    world.until(lambda: world.tmux("list-panes", "-a"), "its server listens again")
    assert "two" in world.ask("planning", "two")
    assert (world.pane(), len(programs(world))) == (pane, 1)


def test_what_an_agent_detached_keeps_running_and_is_named_but_its_own_session_ends(world: World) -> None:
    world.start()
    environment = json.loads((world.agent_dir() / "environment.json").read_text())
    mark = {"env": {"FLOWLOOM_AGENT_DIR": str(world.agent_dir())}, "start_new_session": True}
    server, session, other = (world.popen("sleep", number, **mark) for number in ("1001", "1002", "1003"))
    for process, holds in ((session, world.status()["session_id"]), (other, "another")):
        path = Path(environment["FLOWLOOM_ECHO_SESSIONS"]) / f"{process.pid}.json"
        path.write_text(json.dumps({"pid": process.pid, "sessionId": holds, "status": "idle"}))
    # A person sits at this one, in a tmux server that the agent happened to start.
    seat = Seat(world, "cat", FLOWLOOM_AGENT_DIR=str(world.agent_dir()))
    done = world.flowloom("stop", "--all")
    told = " ".join(done.stderr.decode().split())
    assert done.returncode == 0
    assert "planning@site left running: " in told
    assert f"sleep 1001 (process {server.pid})" in told
    assert told.endswith(f"end with: kill {server.pid} {other.pid}")
    assert [process.poll() is None for process in (server, session, other)] == [True, False, True]
    assert seat.tmux("display-message", "-p", "-t", seat.session, "#{pane_dead}").strip() == "0"
