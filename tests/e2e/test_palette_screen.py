"""Ctrl-G without a route, on a terminal: the palette and what each of its choices does."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from tests.support.seat import ChiefSeat
from tests.support.world import World


@pytest.fixture
def seat(world: World) -> ChiefSeat:
    return ChiefSeat(world, FLOWLOOM_NO_ROUTE="palette", columns=110, rows=30)


def opened(seat: ChiefSeat, path: Path, shows: str = "to whom?") -> None:
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
    seat.type("rev")
    seat.shows("filter: rev")
    seat.press("Enter")
    assert seat.ended()["code"] == 0
    opened(seat, world.prompt_file("two"), "▸ review")


def test_an_agent_that_a_route_named_is_chosen_the_next_time_too(world: World, seat: ChiefSeat) -> None:
    assert world.ctrl_g(world.prompt_file("@testing first")).returncode == 0
    world.start("coding")
    opened(seat, world.prompt_file("second"), "▸ testing")


def test_esc_goes_back_and_the_draft_is_untouched(world: World, seat: ChiefSeat) -> None:
    path = world.prompt_file("half a thought")
    opened(seat, path)
    seat.press("Escape")
    assert (seat.ended()["code"], path.read_text()) == (130, "half a thought")
    assert seat.given_back()[:2] == (True, True)


def test_a_misspelt_route_is_suggested_and_sent_without_its_first_word(world: World, seat: ChiefSeat) -> None:
    path = world.prompt_file("@planing do x")
    opened(seat, path, "did you mean @planning?")
    seat.press("Enter")
    assert seat.ended()["code"] == 0
    assert path.read_text().endswith("\n\necho heard: do x")


def test_a_waiting_reply_is_read_and_taken_above_the_draft(world: World, seat: ChiefSeat) -> None:
    world.flowloom("ask", "planning", "the question", "--no-wait")
    world.until_step("done")
    path = world.prompt_file("a new draft")
    opened(seat, path, "1 unread")
    seat.press("r")
    seat.shows("Replies nobody has read")
    seat.press("Enter")
    assert seat.ended()["code"] == 0
    head = f"Reply from planning (task {world.task()['task_id']}): the question"
    assert path.read_text() == f"{head}\n\necho heard: the question\n\na new draft"
    assert world.task()["read"] is not None


def test_n_starts_an_agent_and_shows_it(world: World, seat: ChiefSeat) -> None:
    opened(seat, world.prompt_file("x"))
    seat.press("n")
    seat.shows("Start an agent called")
    seat.press("Enter")
    seat.shows("works in")
    seat.press("Enter")
    seat.shows("planning@site is starting")
    world.until(lambda: world.status()["pane_id"], "its window is open")
    # Nobody waits for it, and it is seen to come up all the same; Enter goes to it.
    seat.shows("▸ planning           idle")


def test_a_directory_may_be_pasted_and_what_stands_there_cleared(world: World, seat: ChiefSeat) -> None:
    there = world.project / ("deep" * 30)
    there.mkdir()
    opened(seat, world.prompt_file("x"))
    seat.press("n")
    seat.shows("clear")
    seat.press("C-u")
    seat.send(b"\x1b[200~documents\x1b[201~")
    seat.shows("documents▏")
    seat.press("Enter")
    seat.shows("documents works in")
    seat.press("C-u")
    seat.send(b"\x1b[200~%s\n\x1b[201~" % bytes(there))
    seat.shows("deep▏")
    seat.press("Enter")
    seat.shows("documents@site is starting")
    spec = json.loads((world.agent_dir("documents") / "agent.json").read_text())
    assert spec["dir"] == str(there)


def test_a_long_reply_is_read_to_its_end(world: World, seat: ChiefSeat) -> None:
    lines = "\\n".join(f"line {number} {'word ' * 30}last{number}" for number in range(12))
    world.flowloom("ask", "planning", f"echo: say {lines}", "--no-wait")
    world.until_step("done")
    opened(seat, world.prompt_file("x"), "1 unread")
    seat.press("r")
    assert "last0" in seat.shows("read on")
    seat.press("Space")
    seat.shows("last11")


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
    seat.shows("Start another Claude Code with this draft?")
    seat.press("Escape")
    seat.shows("to whom?")
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
    for key, shows in (("n", "Start an agent called"), ("Enter", "works in"), ("Enter", "planning@site is starting")):
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
    (world.project / "flowloom.toml").write_text('no_route = "editor"\n')
    seat = ChiefSeat(world, FLOWLOOM_NO_ROUTE="", FLOWLOOM_EDITOR="true")
    seat.ctrl_g(world.prompt_file("x"))
    assert seat.ended()["code"] == 0
