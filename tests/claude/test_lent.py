"""A terminal that the real Claude Code has lent: to a person's editor, or to nobody after a Ctrl-Z."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.desk import Desk, half
from tests.support.messages_api import MessagesApi
from tests.support.world import LIMIT_S, World

from flowloom.agents.agent import BELIEVED_S
from flowloom.transports.paste.transport import LOST_S

pytestmark = [pytest.mark.claude, pytest.mark.timeout(120)]


def editor(world: World) -> tuple[Path, Path]:
    """Make the person's own editor one that says when it is open, and is closed by a file."""
    opened, close = world.folder / "opened", world.folder / "close"
    script = world.folder / "my-editor"
    script.write_text(f"#!/bin/sh\necho >{opened}\nuntil [ -e {close} ]; do sleep 0.05; done\n")
    script.chmod(0o755)
    world.environment["VISUAL"] = str(script)
    world.environment["FLOWLOOM_EDITOR"] = str(script)
    return opened, close


def test_a_task_whose_text_meets_a_persons_ctrl_g_runs_once(claude: World, api: MessagesApi) -> None:
    opened, close = editor(claude)
    claude.start()
    desk = Desk(claude, api)
    desk.until_box("")
    answer = desk.hold("once and only once")
    # tmux presses the person's key: 2.1.330 has read our Enter by then, and 2.1.197 is not given it before.
    once = f"set-hook -gu after-paste-buffer ; run-shell -b -d 0.01 -C 'send-keys -t {claude.pane()} C-g'"
    claude.tmux("set-hook", "-g", "after-paste-buffer", f'set-hook -g after-paste-buffer "{once}"')
    asked = claude.begin_ahead("ask", "planning", "once and only once")
    claude.until(lambda: "pasted" in claude.steps(), "it is pasted")
    desk.press("C-g", opened.exists)  # one that was pressed too early for it to be heard
    for seconds in (LOST_S, LOST_S, BELIEVED_S + 1, LOST_S):
        claude.advance(asked, seconds)
    assert asked.poll() is None, asked.communicate()
    close.touch()
    answer.set()
    out, err = asked.communicate(timeout=LIMIT_S)
    assert (asked.returncode, out.decode()) == (0, f"{half('once and only once')}\n and the rest"), err
    asked_for = [text for text in desk.texts() if "once and only once" in text]
    assert (claude.steps().count("accepted"), len(asked_for), desk.drafts()) == (1, 1, "")


def test_a_program_that_a_person_suspended_is_continued_and_takes_its_task(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)
    (claude.project / "flowloom.toml").write_text("typing_pause_s = 0.5\n")
    claude.start()
    desk.type("half a thought")
    claude.keys("C-z")
    desk.until_seen("suspended")
    assert desk.reply("behind a ctrl-z") == "answer 1: behind a ctrl-z"
    desk.until_box("half a thought")
