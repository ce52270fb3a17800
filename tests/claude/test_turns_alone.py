"""Whose turn it is, as in test_turns, with an agent of one's own: other settings, keys, hooks, or several starts."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from tests.support.desk import ASKS, Desk, background
from tests.support.messages_api import Call, MessagesApi, Say, user_texts
from tests.support.world import World

from flowloom.transports.paste import keyboard

pytestmark = [pytest.mark.claude, pytest.mark.timeout(120)]


def at_once(began_s: float, usual_s: float) -> bool:
    """Tell whether no key had to be pressed again; where the usual takes that long too, time does not tell."""
    return time.monotonic() - began_s < keyboard.UNCHANGED_AGAIN_S or usual_s > keyboard.UNCHANGED_AGAIN_S / 4


@pytest.mark.newest
def test_a_dialog_that_no_hook_tells_of_blocks_the_agent(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)
    # Auto mode, the default, asks a server of Anthropic's about this command; there is none here.
    command = {"command": "python3 -c 1", "description": "x"}
    api.on("not checked", Call("Bash", command, checked=False), Say("it ran"))
    claude.start()
    asked = desk.ask("not checked")
    claude.until_status("blocked")
    desk.answer("Enter", "Enter to stay in auto mode")
    desk.until_seen("Do you want to proceed?")
    claude.until(lambda: claude.status()["question"]["kind"] == "permission")
    desk.press("Down", lambda: "❯ Yes" in claude.screen())
    desk.answer("Enter", "Do you want to proceed?")
    code, out, err = asked.end()
    assert (code, out) == (0, "it ran")
    assert "is blocked on auto mode: Auto mode can't check actions in this session; answer with: flowloom attach" in err


@pytest.mark.newest
def test_a_server_that_never_ends_holds_nobody_up(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)
    claude.user_settings(permissions=ASKS)
    claude.user_config("park_s = 1\n")
    claude.start("planning", "--", "--permission-mode", "default")
    api.on("run the server", background("while true; do sleep 1; done"), Say("the server runs"))
    first = desk.ask("run the server")
    first.until("parked")
    second = desk.ask("beside the server")
    code, out, err = first.end()
    assert (code, out) == (0, "the server runs")
    assert f"task {first.task_id}: provisional: its background work is still running" in err
    assert second.end()[0] == 0
    assert (second.steps()[-1], first.steps()[-1]) == ("done", "parked")


def hook(event: str, script: Path, text: str) -> dict[str, object]:
    script.write_text(f"import json, sys, time\npayload = json.load(sys.stdin)\n{text}")
    return {event: [{"hooks": [{"type": "command", "command": f"{sys.executable} {script}"}]}]}


BLOCKS = """
if not payload.get("stop_hook_active"):
    time.sleep(0.5)
    print(json.dumps({"decision": "block", "reason": "also run the tests"}))
"""


ADDS = """
if not payload.get("stop_hook_active"):
    added = {"hookEventName": "Stop", "additionalContext": "also run the tests"}
    print(json.dumps({"hookSpecificOutput": added}))
"""


@pytest.mark.parametrize("how", [BLOCKS, ADDS], ids=["blocks", "adds"])
def test_the_reply_is_the_last_of_a_turn_that_a_stop_hook_sends_on(claude: World, api: MessagesApi, how: str) -> None:
    desk = Desk(claude, api)
    claude.user_settings(hooks=hook("Stop", claude.folder / "stop.py", how))
    api.on("twice", Say("too early"), Say("the last word"))
    api.on("also run the tests", Say("the last word"))
    for _ in range(2):
        assert desk.reply("twice") == "the last word"
    assert claude.status()["status"] == "idle"
    # It is heard of once, not at every look.
    assert len((claude.agent_dir() / "events.jsonl").read_text().splitlines()) < 20


REFUSES = """
if "slowly" in payload["prompt"]:
    time.sleep(3)
if "forbidden" in payload["prompt"]:
    sys.stderr.write("no such words here")
    sys.exit(2)
"""


def test_a_hook_that_refuses_a_prompt_is_named_and_one_that_is_slow_is_waited_for(
    claude: World, api: MessagesApi
) -> None:
    desk = Desk(claude, api)
    script = claude.folder / "submit.py"
    claude.user_settings(hooks=hook("UserPromptSubmit", script, REFUSES))
    code, out, err = desk.ask("a forbidden thing\nin two lines").end()
    assert (code, out) == (1, "")
    assert f"a UserPromptSubmit hook of yours refused it: [{sys.executable} {script}]: no such words here" in err
    assert "slowly but whole" in desk.reply("slowly but whole")
    assert (claude.task()["altered"], desk.drafts()) == (False, "")
    assert not any("forbidden" in text for text in desk.texts())


def test_a_draft_is_kept_whole_wherever_its_window_is_left(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)
    (claude.project / "flowloom.toml").write_text("typing_pause_s = 0.5\n")
    block = "".join(f"pasted {number}\n" for number in range(30))
    (claude.folder / "block").write_text(block)
    claude.start()

    def paste() -> None:
        words = ("load-buffer", "-b", "x", str(claude.folder / "block"), ";", "paste-buffer", "-p", "-d", "-b", "x")
        claude.tmux(*words, "-t", claude.pane())
        claude.until(lambda: "[Pasted text" in (desk.box() or ""), "the paste is in the box")
        claude.tmux("send-keys", "-t", claude.pane(), "-l", "and words")
        claude.until(lambda: "and words" in (desk.box() or ""), "the words are in the box")

    paste()
    assert desk.reply("over a paste") == "answer 1: over a paste"
    kept = claude.agent_dir() / "drafts.txt"
    assert kept.read_text() == f"{block}and words\n"
    desk.world.until(lambda: "and words" in (desk.box() or ""), "the draft stands there again")
    kept.unlink()
    stopped = claude.flowloom("stop", "planning")
    assert (stopped.returncode, kept.read_text()) == (0, f"{block}and words\n")
    assert f"{kept}" in stopped.stderr.decode()
    assert f"{kept}" in claude.status()["why"]
    claude.start()
    kept.unlink()
    typed = "\n".join(f"line {number}" for number in range(70))
    for line in typed.split("\n"):
        claude.tmux("send-keys", "-t", claude.pane(), "-l", line)
        claude.keys("C-j")
    claude.until(lambda: "line 69" in claude.screen(), "all of it is typed")
    assert claude.flowloom("restart", "planning").returncode == 0
    assert kept.read_text().rstrip("\n") == typed
    assert not any("/exit" in text for request in api.requests for text in user_texts(request["messages"]))


def test_vim_mode_takes_tasks_in_insert_in_normal_and_in_visual(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)
    trusted = {str(claude.project): {"hasTrustDialogAccepted": True}}
    claude.seed(hasCompletedOnboarding=True, theme="dark", projects=trusted, editorMode="vim")
    claude.user_settings(editorMode="vim")
    (claude.project / "flowloom.toml").write_text("typing_pause_s = 0.5\n")
    claude.start()
    desk.until_seen("-- INSERT --")
    began = time.monotonic()
    assert desk.reply("dd in insert") == "answer 1: dd in insert"
    usual_s = time.monotonic() - began
    claude.keys("Escape")
    claude.until(lambda: "INSERT" not in claude.screen())
    assert desk.reply("dd in normal\nGx") == "answer 2: dd in normal Gx"
    claude.keys("i")
    desk.type("a draft")
    claude.keys("Escape")
    assert desk.reply("beside a draft") == "answer 3: beside a draft"
    desk.until_box("a draft")
    claude.keys("v")
    desk.until_seen("-- VISUAL --")
    began = time.monotonic()
    assert desk.reply("in visual") == "answer 4: in visual"
    assert at_once(began, usual_s), "an Enter was eaten"
    desk.until_box("a draft")


KEYS = {
    "other keys": {"enter": "chat:newline", "ctrl+j": "chat:submit", "ctrl+s": None, "alt+s": "chat:stash"},
    "keys of an extended terminal": {"enter": None, "ctrl+enter": "chat:submit", "ctrl+g": "chat:undo"},
    "no key to stash": {"enter": None, "ctrl+k ctrl+s": "chat:submit", "ctrl+s": None, "ctrl+g": None},
}


@pytest.mark.parametrize("way", KEYS)
def test_keys_that_the_user_has_bound_elsewhere_are_found_and_nothing_is_lost(
    claude: World, api: MessagesApi, way: str
) -> None:
    desk = Desk(claude, api)
    (claude.project / "flowloom.toml").write_text("typing_pause_s = 0.5\n")
    (claude.home / ".claude").mkdir(exist_ok=True)
    blocks = [{"context": "Chat", "bindings": KEYS[way]}]
    (claude.home / ".claude/keybindings.json").write_text(json.dumps({"bindings": blocks}))
    claude.start()
    began = time.monotonic()
    assert desk.reply("an empty box\nof two lines") == "answer 1: an empty box of two lines"
    usual_s = time.monotonic() - began
    desk.type("a draft")
    began = time.monotonic()
    assert desk.reply("beside a draft") == "answer 2: beside a draft"
    assert at_once(began, usual_s), "one of its keys was tried in vain"
    assert desk.drafts() == "a draft\n"
    if way == "no key to stash":
        assert claude.task()["notes"] == [f"a draft was taken out of the box: {claude.agent_dir()}/drafts.txt"]
    else:
        desk.until_box("a draft")
    assert not any("a draft" in text.replace("beside a draft", "") for text in desk.texts())
    assert claude.flowloom("stop", "planning").returncode == 0
    assert desk.drafts() == "a draft\n"
