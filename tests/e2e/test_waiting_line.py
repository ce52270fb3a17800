"""What a terminal shows while a command waits, and what `stop` asks."""

from __future__ import annotations

import sys

import pytest
from tests.support.seat import Seat
from tests.support.world import World

pytestmark = [pytest.mark.tmux, pytest.mark.echo]
FLOWLOOM = f"{sys.executable} -m flowloom"


def seat_for(world: World, words: str, columns: int = 100) -> Seat:
    return Seat(world, "sh", "-c", f"trap : INT; {FLOWLOOM} {words}; echo code $?; exec cat", columns=columns)


def test_ask_shows_what_it_waits_for_in_one_line_that_is_gone_before_the_reply(world: World) -> None:
    world.start()
    seat = seat_for(world, "ask planning 'echo: hold go\necho: say the reply'")
    seat.shows("planning@site  working ")
    seat.shows("working 1s · Ctrl-C leaves it running")
    assert len([line for line in seat.screen().splitlines() if line]) == 1
    (world.project / "go").touch()
    lines = [line for line in seat.shows("code 0").splitlines() if line]
    assert lines == ["the reply", "code 0"]


def test_the_line_fits_a_narrow_terminal_and_other_words_stand_above_it(world: World) -> None:
    world.start()
    seat = seat_for(world, "ask planning 'echo: ask Bash ls\necho: say fine'", columns=40)
    shown = [line for line in seat.shows("planning@site  blocked on permission").splitlines() if line]
    assert shown[0].startswith("flowloom: planning@site is blocked on")
    assert shown[-1].startswith("planning@site  blocked on permission")
    world.keys("1")
    assert [line for line in seat.shows("code 0").splitlines() if line][-2:] == ["fine", "code 0"]


def test_ctrl_c_takes_the_line_away_and_the_task_keeps_running(world: World) -> None:
    world.start()
    seat = seat_for(world, "ask planning 'echo: hold go'")
    seat.shows("working ")
    seat.press("C-c")
    shown = seat.shows("stopped waiting for")
    assert "Ctrl-C leaves" not in shown
    assert "it keeps running; wait again: flowloom wait" in seat.shows("it keeps running")
    (world.project / "go").touch()
    world.until_step("done")


def test_start_shows_that_it_waits(world: World) -> None:
    seat = seat_for(world, "start planning")
    shown = seat.shows("code 0")
    assert "planning@site is idle (see it: flowloom attach planning)" in shown
    assert "starting" not in shown


def test_without_a_terminal_there_are_plain_lines(world: World) -> None:
    done = world.flowloom("ask", "planning", "echo: say fine")
    assert (done.stdout, done.stderr) == (b"fine", b"")


# stop


def working(world: World) -> str:
    world.flowloom("ask", "planning", "echo: hold go", "--no-wait")
    world.until_status("working")
    return str(world.task()["task_id"])


@pytest.mark.parametrize("words", [("planning",), ("--all",)])
def test_without_a_terminal_a_working_agent_is_not_ended_unless_forced(world: World, words: tuple[str, ...]) -> None:
    task_id = working(world)
    world.start("coding")
    done = world.flowloom("stop", *words)
    assert (done.returncode, world.status()["status"], world.status("coding")["status"]) == (1, "working", "idle")
    assert f"planning@site: it is working on task {task_id}".encode() in done.stderr
    assert f"flowloom stop {words[0]} --force".encode() in done.stderr
    done = world.flowloom("stop", *words, "--force")
    assert (done.returncode, world.status()["status"], world.task()["status"]) == (0, "offline", "failed")
    assert f"task {task_id} failed: ".encode() in done.stderr
    assert world.status()["why"] == "you stopped it"


@pytest.mark.parametrize(("answer", "status"), [("", "working"), ("y", "offline")])
def test_on_a_terminal_it_asks_and_enter_means_no(world: World, answer: str, status: str) -> None:
    working(world)
    seat = seat_for(world, "stop planning")
    seat.shows("Stop it? Its task fails. [y/N]")
    seat.type(answer)
    seat.press("Enter")
    seat.shows("code 0" if answer else "nothing was stopped")
    assert world.status()["status"] == status
    (world.project / "go").touch()
    world.until_step("failed" if answer else "done")


def test_an_idle_agent_is_stopped_without_a_question_and_why_says_who_did_it(world: World) -> None:
    world.ask("planning", "echo: say hello")
    done = world.flowloom("stop", "planning")
    assert (done.returncode, done.stderr) == (0, b"stopped planning@site\n")
    assert (world.status()["why"], world.status()["window_id"]) == ("you stopped it", None)


# attach


def test_attach_without_a_name_offers_the_agents_that_run(world: World) -> None:
    assert world.flowloom("attach").returncode == 2
    world.start()
    world.start("coding")
    outside = f"{world.socket}o"
    seat = Seat(world, "env", "-u", "TMUX", *FLOWLOOM.split(), "attach", columns=100, socket=outside)
    assert "1  coding@site" in seat.shows("Attach to which agent? [1-2]")
    seat.type("planning")
    seat.press("Enter")
    world.until(lambda: world.tmux("list-clients", "-F", "#{window_name}").strip() == "planning", "it is shown")
    seat.tmux("kill-server")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tasks", "--limit", "x"), "--limit: 'x' is not a number"),
        (("tasks", "-n", "x"), "-n: 'x' is not a number"),
        (("tasks", "--limit", "0"), "--limit: '0' is less than 1"),
        (("logs", "planning", "--lines=-2"), "--lines: '-2' is less than 0"),
        (("wait", "--timeout=y", "abcd"), "--timeout: 'y' is not a duration"),
    ],
)
def test_a_number_that_is_none_is_named(world: World, words: tuple[str, ...], said: str) -> None:
    done = world.flowloom(*words)
    assert (done.returncode, said in done.stderr.decode()) == (2, True), done


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("replies", "use: flowloom tasks --unread"),
        ("ls", "use: flowloom agents"),
        ("repli", "Did you mean 'reply'?\n  see: "),
    ],
)
def test_a_command_that_does_not_exist_leads_to_one_that_does(world: World, word: str, said: str) -> None:
    done = world.flowloom(word)
    assert (done.returncode, said in done.stderr.decode()) == (2, True), done


def test_help_and_version_are_commands_too(world: World) -> None:
    assert world.flowloom("help", "ask").stdout == world.flowloom("ask", "--help").stdout
    assert world.flowloom("help").stdout == world.flowloom("--help").stdout
    assert world.flowloom("version").stdout == world.flowloom("--version").stdout


def test_an_agent_is_named_as_at_the_head_of_a_prompt(world: World) -> None:
    assert world.ask("@planning", "echo: say fine") == "fine"
    assert world.ask("@planning@site", "echo: say fine") == "fine"


def test_a_headless_prompt_comes_from_stdin_without_a_name(world: World) -> None:
    done = world.flowloom("ask", "--headless", stdin=b"echo: say fine")
    assert (done.returncode, done.stdout) == (0, b"fine"), done
