"""What a person has not sent in an agent's window when it is stopped, on the real Claude Code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.desk import Desk
from tests.support.messages_api import MessagesApi, user_texts
from tests.support.world import World

from flowloom.agents.agent import named
from flowloom.ports import procs
from flowloom.transports.paste import unsent

pytestmark = [pytest.mark.claude, pytest.mark.timeout(240)]

PIXEL = (
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
KEPT: dict[str, tuple[list[tuple[str, str]], str]] = {
    # what a person does and sees, step by step; what drafts.txt matches afterwards
    "transcript": ([("my draft", "❯ my draft"), ("C-o", "Showing detailed transcript")], "my draft\n"),
    "model list": ([("my draft", "❯ my draft"), ("M-p", "Select model")], "my draft\n"),
    "a search": ([("my draft", "❯ my draft"), ("C-r", "search prompts:"), ("first", "❯ [flowloom task")], "my draft\n"),
    "a former prompt": ([("my draft", "❯ my draft"), ("Up", "❯ [flowloom task")], r"\[flowloom task .*\nmy draft\n"),
    "a suspended program": ([("my draft", "❯ my draft"), ("C-z", "suspended. Run")], "my draft\n"),
    "a stash": ([("my draft", "❯ my draft"), ("C-s", "stashed")], "my draft\n"),
    "a stash behind a menu": (
        [("my draft", "❯ my draft"), ("C-s", "stashed"), ("/comp", "Free up context")],
        "/comp\nmy draft\n",
    ),
    "a stash behind the shortcuts": (
        [("my draft", "❯ my draft"), ("C-s", "stashed"), ("?", "for shell mode")],
        "my draft\n",
    ),
}


def do(desk: Desk, steps: list[tuple[str, str]]) -> None:
    desk.until_box("")
    for keys, shown in steps:
        if shown == f"❯ {keys}":
            desk.type(keys)
        elif keys in ("Up", "first"):
            # The conversation above shows the same line.
            desk.press(keys, lambda shown=shown: f"❯ {desk.box()}".startswith(shown))  # type: ignore[misc]
        else:
            desk.world.keys(keys)
            desk.until_seen(shown)
        if keys == "C-z":
            # It says so first, and gives its terminal back next.
            tty = desk.world.tmux("display-message", "-p", "-t", desk.world.pane(), "#{pane_tty}").strip()
            desk.world.until(lambda tty=tty: procs.is_lent(tty), "it is suspended")  # type: ignore[misc]


def keep(desk: Desk) -> str:
    """Keep what a person has not sent as `stop` does it first, and empty the box; return where it was kept."""
    agent = named("planning", str(desk.world.project))
    unsent.keep(agent, agent.reconcile()[0], desk.world.pane())
    desk.press("C-u", lambda: desk.box() == "")
    # A Ctrl-C empties the box, and a second one, soon after, would end the program.
    desk.world.until(lambda: "again to exit" not in desk.world.screen(), "a Ctrl-C begins from the start")
    return agent.kept


def test_what_a_person_has_not_sent_is_kept_whole_wherever_it_is(claude: World, api: MessagesApi) -> None:
    desk, kept = Desk(claude, api), claude.agent_dir() / "drafts.txt"
    desk.reply("first")
    for way, (steps, drafts) in KEPT.items():
        do(desk, steps)
        assert keep(desk) == str(kept), way
        assert re.fullmatch(drafts, desk.drafts(), re.DOTALL), (way, desk.drafts())
        kept.unlink()
    do(desk, KEPT["a stash behind a menu"][0])
    done = claude.flowloom("restart", "planning")
    assert (done.returncode, str(kept) in done.stderr.decode()) == (0, True), done.stderr
    assert re.fullmatch(KEPT["a stash behind a menu"][1], desk.drafts(), re.DOTALL), desk.drafts()
    desk.reply("last")
    assert all("draft" not in text for request in api.requests for text in user_texts(request["messages"])[1:])


def test_what_cannot_be_kept_is_named_and_its_agent_not_stopped(claude: World, api: MessagesApi) -> None:
    desk, gate = Desk(claude, api), claude.project / "gate"
    editor = claude.folder / "my-editor"
    editor.write_text(f'#!/bin/sh\necho my editor\nuntil [ -e {gate} ]; do sleep 0.1; done\necho saved >>"$1"\n')
    editor.chmod(0o700)
    claude.environment["FLOWLOOM_EDITOR"] = str(editor)
    (claude.project / "a.png").write_bytes(bytes.fromhex(PIXEL))
    claude.start()

    def refused(*saying: str) -> None:
        for command in ("stop", "restart"):
            done = claude.flowloom(command, "planning")
            error = done.stderr.decode()
            assert done.returncode == 1, error
            assert all(words in error for words in (*saying, "it was not stopped", "--force")), error
        assert (claude.status()["status"], desk.drafts()) == ("idle", "")

    desk.type("my draft")
    claude.keys("C-g")
    desk.until_seen("my editor")
    refused("an editor open")
    gate.touch()
    claude.until(lambda: "saved" in (desk.box() or ""), "the editor's text is in the box")
    claude.keys("C-c")
    desk.until_box("")

    desk.type("/add-dir", enter=True)
    desk.until_seen("Add directory to workspace")
    claude.tmux("send-keys", "-t", claude.pane(), "-l", "some/folder")
    desk.until_seen("some/folder")
    refused("words typed into", "Add directory to workspace")
    claude.keys("Escape")
    desk.until_box("")

    paste(claude, claude.project / "a.png")
    claude.until(lambda: "[Image #1]" in (desk.box() or ""), "the image is in the box")
    refused("an image in its box")
    done = claude.flowloom("stop", "planning", "--force")
    assert (done.returncode, desk.drafts().strip()) == (0, "[Image #1]"), done.stderr


def paste(world: World, path: Path) -> None:
    clip = world.folder / "clip"
    clip.write_text(str(path))
    words = ("load-buffer", "-b", "x", str(clip), ";", "paste-buffer", "-p", "-d", "-b", "x")
    world.tmux(*words, "-t", world.pane())
