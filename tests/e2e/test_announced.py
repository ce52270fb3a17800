"""A task that was left tells of its questions and its end."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.support import leftovers
from tests.support.seat import Seat
from tests.support.world import World

from flowloom.store import files

pytestmark = [pytest.mark.tmux, pytest.mark.echo]


@pytest.fixture
def desk(world: World) -> Iterator[Seat]:
    """A client of the agents' tmux server that shows a shell, seen from a server outside."""
    Seat(world, "cat")
    outside = f"{world.socket}o"
    session = world.tmux("list-sessions", "-F", "#{session_name}").strip()
    yield Seat(
        world, "env", "-u", "TMUX", "tmux", "-L", world.socket, "attach", "-t", session, columns=120, socket=outside
    )
    Seat.tmux.__get__(type("Outside", (), {"world": world, "socket": outside})())("kill-server")


def status_line(world: World) -> str:
    return (world.state / "fleet" / "status-line").read_text().strip()


def messages(world: World) -> list[str]:
    client = world.tmux("list-clients", "-F", "#{client_name}").splitlines()[0]
    return [line for line in world.tmux("show-messages", "-t", client).splitlines() if "FlowLoom:" in line]


def until_waiter_ended(world: World) -> None:
    """Wait until a waiter has said all that it had to say."""
    running = "flowloom.delegation.waiter"
    world.until(lambda: not any(running in each for each in leftovers.processes(world)), "the waiter has ended")


def test_a_question_and_later_the_end_are_announced_and_no_more_than_one_a_minute(world: World, desk: Seat) -> None:
    world.until(lambda: world.tmux("list-clients"), "a client")
    world.flowloom("ask", "planning", "echo: ask Bash rm -r build\necho: say all gone", "--no-wait")
    desk.shows("FlowLoom: planning asks: Bash: rm -r build")
    assert status_line(world) == "?1"
    world.keys("1")
    world.until_step("done")
    world.until(lambda: status_line(world) == "✉1", "the reply is counted")
    told = [line for line in messages(world) if "has replied" in line]
    assert told == []
    # A minute later.
    (world.agent_dir() / "announced").write_text("1000\n")
    files.wake(str(world.agent_dir()))
    desk.shows(f"FlowLoom: planning has replied (task {world.task()['task_id']})")
    world.flowloom("reply", world.task()["task_id"])
    assert status_line(world) == ""


def test_a_client_that_shows_the_agents_window_is_not_told(world: World, desk: Seat) -> None:
    world.start()
    world.until(lambda: world.tmux("list-clients"), "a client")
    client = world.tmux("list-clients", "-F", "#{client_name}").strip()
    world.tmux("switch-client", "-c", client, "-t", str(world.status()["window_id"]))
    world.flowloom("ask", "planning", "echo: ask Bash rm -r build", "--no-wait")
    world.until(lambda: status_line(world) == "?1", "it asks")
    world.keys("1")
    world.until_step("done")
    until_waiter_ended(world)
    assert messages(world) == []


def test_announcements_can_be_switched_off(world: World, desk: Seat) -> None:
    world.user_config("announce = false\n")
    world.until(lambda: world.tmux("list-clients"), "a client")
    world.flowloom("ask", "planning", "echo: fail 500", "--no-wait")
    world.until(lambda: status_line(world) == "✗1", "the failure is counted")
    until_waiter_ended(world)
    assert messages(world) == []


def test_status_says_in_words_what_waits_and_a_failure_stands_in_the_listings_until_looked_at(world: World) -> None:
    assert world.flowloom("status").stdout == b"nothing waits for you\n"
    world.flowloom("ask", "planning", "echo: fail 500", "--no-wait")
    world.until_step("failed")
    failed = world.task()["task_id"]
    world.flowloom("ask", "planning", "echo: say fine", "--no-wait")
    world.until_step("done")
    world.flowloom("ask", "coding", "echo: ask Bash rm -r build", "--no-wait")
    world.until(lambda: status_line(world) == "?1 ✉1 ✗1", "all three")
    said = world.flowloom("status").stdout.decode().splitlines()
    assert said[0] == "1 question, 1 unread reply, 1 failed task"
    assert [line.split()[1] for line in said[2:]] == ["coding@site", "planning@site", "planning@site"]
    assert f"flowloom show {failed}" in said[-1]
    assert f"✗ task {failed} failed: " in world.flowloom("agents").stdout.decode()
    row = next(line for line in world.flowloom("tasks", "planning", "--failed").stdout.decode().splitlines()[1:])
    assert [*row.split()[:2], row.split()[4]] == [failed, "planning@site", "✗"]
    told = world.flowloom("status", "--tmux").stdout.decode()
    assert told.startswith("?1 ✉1 ✗1\n")
    assert f'set -ag status-right " #(cat {world.state}/fleet/status-line)"' in told
    document = json.loads(world.flowloom("status", "--json").stdout)
    assert [len(document[key]) for key in ("questions", "unread", "failed")] == [1, 1, 1]
    # Looked at.
    world.flowloom("show", failed)
    assert status_line(world) == "?1 ✉1"
    assert "✗" not in world.flowloom("agents").stdout.decode() + world.flowloom("tasks").stdout.decode()
    world.keys("1", name="coding")


def test_tmux_shows_the_line_as_status_says_it(world: World) -> None:
    world.flowloom("ask", "planning", "echo: say fine", "--no-wait")
    world.until_step("done")
    told = world.flowloom("status", "--tmux").stdout.decode()
    (world.folder / "tmux.conf").write_text("\n".join(line for line in told.splitlines() if line.startswith("set ")))
    world.tmux("source-file", str(world.folder / "tmux.conf"))
    outside = f"{world.socket}o"
    seat = Seat(world, "env", "-u", "TMUX", "tmux", "-L", world.socket, "attach", columns=120, socket=outside)
    seat.shows("✉1")
    seat.tmux("kill-server")


def test_a_reply_whose_asker_died_is_counted_by_the_next_listing(world: World) -> None:
    asker = world.begin("ask", "planning", "echo: hold go\necho: say fine")
    world.until_step("accepted")
    world.killed = True
    asker.kill()
    asker.wait()
    (world.project / "go").touch()
    world.until_step("done")
    world.flowloom("tasks")
    assert status_line(world) == "✉1"
