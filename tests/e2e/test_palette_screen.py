"""Ctrl-G without a route, on a terminal: the palette and what each of its choices does."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from tests.support.seat import ChiefSeat, Seat
from tests.support.world import World


@pytest.fixture
def seat(world: World) -> ChiefSeat:
    return ChiefSeat(world, FLOWLOOM_NO_ROUTE="palette", columns=110, rows=30)


def opened(seat: ChiefSeat, path: Path, shows: str = "Send to") -> None:
    seat.ctrl_g(path)
    seat.shows(shows)


def test_enter_sends_the_draft_to_the_chosen_agent(world: World, seat: ChiefSeat) -> None:
    path = world.prompt_file("fix the build\n")
    opened(seat, path)
    seat.press("Down")
    seat.press("Enter")
    assert seat.ended()["code"] == 0
    task = world.task()
    assert task["agent_id"] == "planning@site"
    assert (
        path.read_text() == f"Reply from planning (task {task['task_id']}): fix the build\n\necho heard: fix the build"
    )


def test_the_agent_used_last_is_chosen_the_next_time(world: World, seat: ChiefSeat) -> None:
    opened(seat, world.prompt_file("one"))
    seat.type("/rev")
    seat.shows("filter: rev")
    seat.press("Enter")
    assert seat.ended()["code"] == 0
    opened(seat, world.prompt_file("two"), "▸1 review")


def test_an_agent_that_a_route_named_is_chosen_the_next_time_too(world: World, seat: ChiefSeat) -> None:
    assert world.ctrl_g(world.prompt_file("@testing first")).returncode == 0
    world.start("coding")
    opened(seat, world.prompt_file("second"), "▸2 testing")


def test_esc_goes_back_and_the_draft_is_untouched(world: World, seat: ChiefSeat) -> None:
    path = world.prompt_file("half a thought")
    opened(seat, path)
    seat.press("Escape")
    assert (seat.ended()["code"], path.read_text()) == (130, "half a thought")
    assert seat.given_back()[:2] == (True, True)


def test_a_misspelt_route_is_suggested_and_sent_without_its_first_word(world: World, seat: ChiefSeat) -> None:
    path = world.prompt_file("@planing do x")
    opened(seat, path, "Did you mean @planning?")
    seat.press("Enter")
    assert seat.ended()["code"] == 0
    assert path.read_text().endswith("\n\necho heard: do x")


def test_a_waiting_reply_is_read_and_taken_above_the_draft(world: World, seat: ChiefSeat) -> None:
    world.flowloom("ask", "planning", "the question", "--no-wait")
    world.until_step("done")
    path = world.prompt_file("a new draft")
    opened(seat, path, "1 unread")
    seat.press("r")
    seat.shows("Unread replies")
    seat.press("Enter")
    assert seat.ended()["code"] == 0
    head = f"Reply from planning (task {world.task()['task_id']}): the question"
    assert path.read_text() == f"{head}\n\necho heard: the question\n\na new draft"
    assert world.task()["read"] is not None


def test_n_starts_an_agent_and_shows_it(world: World, seat: ChiefSeat) -> None:
    opened(seat, world.prompt_file("x"))
    seat.press("n")
    seat.shows("New agent's name")
    seat.press("Enter")
    seat.shows("Working directory of planning")
    seat.press("Enter")
    # Nobody waits for it, and it is seen to come up all the same; Enter goes to it.
    seat.shows("planning is ready; Enter sends it the prompt")
    assert re.search(r"▸. planning +idle", seat.screen())


def test_a_directory_may_be_pasted_and_what_stands_there_cleared(world: World, seat: ChiefSeat) -> None:
    there = world.project / ("deep" * 30)
    there.mkdir()
    opened(seat, world.prompt_file("x"))
    seat.press("n")
    seat.shows("clear")
    seat.send(b"\x1b[200~documents\x1b[201~")
    seat.shows("documents▏")
    seat.press("Enter")
    seat.shows("Working directory of documents")
    seat.send(b"\x1b[200~%s\n\x1b[201~" % bytes(there))
    seat.shows("deep▏")
    seat.press("Enter")
    seat.shows("documents is ")
    spec = json.loads((world.agent_dir("documents") / "agent.json").read_text())
    assert spec["dir"] == str(there)


def test_a_long_reply_is_read_to_its_end(world: World, seat: ChiefSeat) -> None:
    lines = "\\n".join(f"line {number} {'word ' * 30}last{number}" for number in range(24))
    world.flowloom("ask", "planning", f"echo: say {lines}", "--no-wait")
    world.until_step("done")
    opened(seat, world.prompt_file("x"), "1 unread")
    seat.press("r")
    assert "last0" in seat.shows("space scroll")
    seat.press("Space")
    seat.shows("last23")


def test_no_color_is_honoured_also_where_the_agents_window_is_shown(world: World) -> None:
    world.start()
    seat = ChiefSeat(world, FLOWLOOM_NO_ROUTE="palette", NO_COLOR="1", columns=110, rows=30)
    opened(seat, world.prompt_file("x"), "scripted agent")
    assert re.findall(r"\x1b\[[0-9;]*3[0-8][0-9;]*m", seat.screen(colours=True)) == []


def test_p_asks_before_it_starts_another_claude(world: World) -> None:
    seat = ChiefSeat(world, FLOWLOOM_NO_ROUTE="palette", FLOWLOOM_CLAUDE="true", columns=110, rows=30)
    path = world.prompt_file("x")
    opened(seat, path)
    seat.press("p")
    seat.shows("Start another Claude Code with this prompt?")
    seat.press("Escape")
    seat.shows("Send to")
    assert path.read_text() == "x"
    assert not (world.state / "parallel").exists()


def test_p_says_so_where_there_is_no_claude_code(world: World) -> None:
    seat = ChiefSeat(world, FLOWLOOM_NO_ROUTE="palette", FLOWLOOM_CLAUDE="no-such-claude", columns=110, rows=30)
    path = world.prompt_file("x")
    opened(seat, path)
    seat.press("p")
    seat.shows("there is no program 'no-such-claude'")
    assert path.read_text() == "x"


def test_an_agent_that_nobody_waits_for_is_seen_to_come_up(world: World, seat: ChiefSeat) -> None:
    opened(seat, world.prompt_file("x"))
    for key, shows in (("n", "New agent's name"), ("Enter", "Working directory"), ("Enter", "planning is ")):
        seat.press(key)
        seat.shows(shows)
    seat.press("Escape")
    assert seat.ended()["code"] == 130
    world.until(lambda: b" idle " in world.flowloom("agents").stdout, "it is idle")


def test_e_opens_the_real_editor(world: World) -> None:
    mark = world.folder / "edited"
    editor = world.folder / "editor"
    editor.write_text(f"#!/bin/sh\nprintf '%s' \"$1\" > '{mark}'\n")
    editor.chmod(0o755)
    seat = ChiefSeat(world, FLOWLOOM_NO_ROUTE="palette", FLOWLOOM_EDITOR=str(editor))
    path = world.prompt_file("x")
    opened(seat, path)
    seat.press("e")
    assert seat.ended()["code"] == 0
    assert mark.read_text() == str(path)


def test_t_opens_a_terminal_that_knows_the_draft(world: World) -> None:
    seat = ChiefSeat(world, FLOWLOOM_NO_ROUTE="palette", SHELL="/bin/sh", columns=100)
    path = world.prompt_file("what the draft says; $(no)")
    opened(seat, path)
    seat.press("t")
    window = world.until(
        lambda: world.tmux("list-windows", "-t", "=Claude", "-F", "#{window_id} #{window_name}"), "a window"
    )
    assert window.split()[1] == "terminal"
    world.tmux("send-keys", "-t", window.split()[0], 'printf "<%s>" "$PROMPT"', "Enter")
    world.until(
        lambda: "<what the draft says; $(no)>" in world.tmux("capture-pane", "-p", "-t", window.split()[0]),
        "its $PROMPT",
    )
    assert path.read_text() == "what the draft says; $(no)"


def test_f_names_a_file_that_the_chief_touched(world: World, seat: ChiefSeat) -> None:
    path = world.prompt_file("look at")
    opened(seat, path)
    pid = seat.told("began")["pid"]
    sessions = world.home / ".claude" / "sessions"
    sessions.mkdir(parents=True)
    (sessions / f"{pid}.json").write_text(json.dumps({"pid": pid, "sessionId": "s1", "cwd": str(world.project)}))
    slug = "".join(c if c.isalnum() else "-" for c in str(world.project))
    transcript = world.home / ".claude" / "projects" / slug / "s1.jsonl"
    transcript.parent.mkdir(parents=True)
    used = [str(world.project / "src" / "a.py"), "/etc/hosts"]
    lines = [
        {"message": {"content": [{"type": "tool_use", "name": "Edit", "input": {"file_path": name}}]}} for name in used
    ]
    transcript.write_text("".join(json.dumps(line) + "\n" for line in lines))
    seat.press("f")
    seat.shows("/etc/hosts")
    seat.press("Down")
    seat.press("Enter")
    assert seat.ended()["code"] == 0
    assert path.read_text() == f"look at @{os.path.join('src', 'a.py')} "


def test_without_the_palette_the_real_editor_comes_at_once(world: World) -> None:
    world.user_config('no_route = "editor"\n')
    seat = ChiefSeat(world, FLOWLOOM_NO_ROUTE="", FLOWLOOM_EDITOR="true")
    seat.ctrl_g(world.prompt_file("x"))
    assert seat.ended()["code"] == 0


@pytest.mark.parametrize("key", ["Escape", "q"])
def test_where_claude_code_is_the_caller_going_back_is_no_error(world: World, key: str) -> None:
    seat = ChiefSeat(world, FLOWLOOM_NO_ROUTE="palette")
    path = world.prompt_file("half a thought [Pasted text #1 +3 lines]")
    opened(seat, path)
    # What Claude Code keeps of itself, by its process id.
    sessions = world.home / ".claude" / "sessions"
    sessions.mkdir(parents=True)
    (sessions / f"{seat.told('began')['pid']}.json").write_text("{}")
    before = path.stat()
    seat.press(key)
    assert (seat.ended()["code"], path.stat()) == (0, before)


def test_an_unknown_name_is_said_and_sent_to_no_other_agent(world: World, seat: ChiefSeat) -> None:
    world.start("testing")
    path = world.prompt_file("@frontend please build it")
    opened(seat, path, "There is no @frontend here. Press n to create it")
    assert "▸" not in seat.screen()
    seat.press("Enter")
    seat.shows("Select an agent first")
    seat.press("n")
    seat.shows("frontend▏")
    seat.press("Enter")
    seat.shows("Working directory of frontend")
    seat.press("Enter")
    seat.shows("frontend is ready")
    seat.press("Enter")
    assert seat.ended()["code"] == 0
    assert [task["agent_id"] for task in world.tasks()] == ["frontend@site"]
    assert path.read_text().endswith("\n\necho heard: please build it")


def test_a_name_on_a_line_below_a_reply_is_understood(world: World, seat: ChiefSeat) -> None:
    world.start("testing")
    path = world.prompt_file("Reply from planning (task 7k2m): how?\n\nThree steps.\n\n@review please check this")
    opened(seat, path, "Line 5 names @review: Enter sends review the whole prompt")
    seat.press("Enter")
    assert seat.ended()["code"] == 0
    assert world.task()["agent_id"] == "review@site"
    assert path.read_text().endswith("Three steps.\n\n@review please check this")


def test_a_field_keeps_what_was_typed_and_says_what_is_wrong_with_it(world: World, seat: ChiefSeat) -> None:
    (world.home / "shop").mkdir()
    opened(seat, world.prompt_file("x"))
    seat.press("n")
    seat.shows("▏planning")
    seat.type("Docs Writer!")
    seat.press("Enter")
    seat.shows("Use 1 to 40 characters")
    assert "Docs Writer!▏" in seat.screen()
    seat.press("C-u")
    seat.press(*"documents", "Enter")
    seat.shows("Working directory of documents")
    seat.type("/nope/x")
    seat.press("Enter")
    seat.shows("/nope/x is not a directory")
    assert "/nope/x▏" in seat.screen()
    seat.press("C-u")
    seat.type("~/shop")
    seat.press("Enter")
    seat.shows("documents is ready")
    spec = json.loads((world.agent_dir("documents") / "agent.json").read_text())
    assert spec["dir"] == str(world.home / "shop")


def test_a_failure_is_seen_until_it_was_looked_at(world: World, seat: ChiefSeat) -> None:
    world.flowloom("ask", "planning", "try it\necho: fail rate_limit", "--no-wait")
    world.until_step("failed")
    task_id = world.task()["task_id"]
    path = world.prompt_file("a draft")
    opened(seat, path, f"✗ task {task_id} failed: ")
    seat.press("r")
    seat.shows("Enter puts the prompt back")
    seat.press("q")
    seat.shows("Send to")
    world.until(lambda: "✗" not in seat.screen(), "it was looked at")
    assert world.task()["read"] is not None
    seat.press("r")
    seat.shows("No unread replies")


def test_ctrl_x_ends_a_task_after_a_yes(world: World, seat: ChiefSeat) -> None:
    world.flowloom("ask", "planning", f"wait\necho: hold {world.folder / 'go'}", "--no-wait")
    world.until_step("accepted")
    opened(seat, world.prompt_file("x"), "^X interrupt")
    for key, status in (("n", "accepted"), ("y", "cancelled")):
        seat.press("C-x")
        seat.shows("Interrupt planning (task")
        seat.press(key)
        seat.shows("Send to")
        world.until_step(status)


def test_exit_in_the_terminal_returns_to_the_palette_and_the_same_one_is_opened_again(world: World) -> None:
    world.start()
    seat = ChiefSeat(world, FLOWLOOM_NO_ROUTE="palette", SHELL="/bin/sh", columns=100, PS1="$ ")
    person = Seat(
        world,
        *("env", "-u", "TMUX", "-u", "TMUX_PANE", "tmux", "-L", world.socket, "attach", "-t", seat.session),
        socket=f"{world.socket}-person",
    )
    try:
        path = world.prompt_file("a draft to keep")
        person.shows("a draft")
        seat.ctrl_g(path)
        person.shows("Send to")
        for leave in (["C-b", "d"], ["C-d"]):
            person.press("t")
            person.shows("C-b d: back to your prompt")
            assert windows(world) == ["planning", "terminal"]
            for key in leave:
                person.press(key)
            person.shows("Send to")
        # The shell has ended, and no key since has reached an agent.
        assert windows(world) == ["planning"]
        person.press("q")
        assert (seat.ended()["code"], path.read_text()) == (130, "a draft to keep")
    finally:
        person.tmux("kill-server")


def windows(world: World) -> list[str]:
    return sorted(world.tmux("list-windows", "-t", "=Claude", "-F", "#{window_name}").split())
