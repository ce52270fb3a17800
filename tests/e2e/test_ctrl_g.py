"""Ctrl-G pressed in a real Claude Code, the Chief, in a tmux window, with `hooks/editor` for its editor."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.support.messages_api import MessagesApi, Say, user_texts
from tests.support.seat import Seat
from tests.support.world import EDITOR, World

pytestmark = [pytest.mark.claude, pytest.mark.tmux, pytest.mark.timeout(120)]

HOLD = "echo: hold {go}"


class Chief(Seat):
    """A real Claude Code on a person's terminal."""

    def __init__(self, world: World, **more: Any) -> None:
        variables = {"VISUAL": str(EDITOR), "EDITOR": str(EDITOR), **more.pop("env", {})}
        super().__init__(world, world.environment["FLOWLOOM_CLAUDE"], columns=100, rows=30, **variables, **more)
        world.until(lambda: "❯\xa0" in self.screen(), "the Chief's box")

    def box(self) -> str:
        """Return what stands in the input box; empty also while there is none."""
        lines = self.screen().splitlines()
        rules = [number for number, line in enumerate(lines) if line.startswith("────")]
        if len(rules) < 2 or not lines[rules[-2] + 1].startswith("❯\xa0"):
            return ""
        return "\n".join(line[2:].rstrip() for line in lines[rules[-2] + 1 : rules[-1]]).strip()

    def draft(self, text: str) -> None:
        """Type a draft and wait until it stands in the box."""
        self.type(text)
        self.boxed(text.split()[-1])

    def boxed(self, words: str) -> str:
        """Wait until the box holds words, and return it."""
        try:
            return str(self.world.until(lambda: self.box() if words in self.box() else "", f"{words!r} in the box"))
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- the Chief:\n{self.screen()}") from None

    def ctrl_g(self) -> None:
        self.press("C-g")


@pytest.fixture
def chief(claude: World) -> Chief:
    """A Chief of the release under test, with agents that are echo's: fast, and told what to do."""
    claude.environment["FLOWLOOM_PROVIDER"] = "echo"
    claude.flowloom("start", "planning")
    return Chief(claude)


def test_the_reply_of_a_real_agent_stands_in_the_box_and_nobody_pressed_enter(claude: World, api: MessagesApi) -> None:
    claude.start()
    chief = Chief(claude)
    chief.draft("@planning what is the port?")
    chief.ctrl_g()
    box = chief.boxed("answer 1: what is the port?")
    assert box.startswith(f"Reply from planning (task {claude.task()['task_id']}): what is the port?\n\nanswer 1")
    assert len(api.requests) == 1
    assert chief.alive()
    # It is a draft like any other: Enter sends it, all of it.
    chief.press("Enter")
    claude.until(lambda: len(api.requests) == 2, "the Chief's own turn")
    assert box.split("\n")[0] in user_texts(api.requests[-1]["messages"])[-1]


def test_ctrl_c_and_ctrl_z_at_the_wait_never_reach_the_chief(claude: World, chief: Chief) -> None:
    go = claude.folder / "go"
    claude.environment["GO"] = str(go)
    for number in range(3):
        chief.draft(f"@planning wait{number}")
        # The echo agent is held by a task before this one: a draft of one line is all that can be typed.
        claude.flowloom("ask", "planning", f"first {number}\necho: hold {go}", "--no-wait")
        chief.ctrl_g()
        # In Claude Code's own raw mode the signals are off as well: ours is the cooked one without them.
        claude.until(lambda: chief.held() or "FlowLoom" in chief.screen(), "the terminal's signals are off")
        chief.press("C-c", "C-z", "C-\\")  # mostly before there is a screen
        chief.shows("FlowLoom")
        chief.shows("in line")
        chief.press("C-z", "C-\\", "C-c")
        chief.shows("Stop?")
        chief.press("Escape")
        claude.until(lambda: "Stop?" not in chief.screen(), "back to the wait")
        go.touch()
        chief.boxed(f"heard: wait{number}")
        go.unlink()
        assert chief.alive()
        chief.press("C-c")
        claude.until(lambda: chief.box() == "", "the box is empty again")
    # Its keyboard is its own again: it still takes keys, a paste and an Enter.
    chief.paste("one\ntwo")
    chief.boxed("two")


KEYS = {
    # What is pressed at the wait, what then stands in the box, what becomes of the task before and after it is let go.
    "leave": (["l"], "", "done"),
    "stop waiting": (["q", "s"], "@planning hold", "done"),
    "interrupt": (["C-x", "y"], "@planning hold", "cancelled"),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_at_the_wait(claude: World, chief: Chief, api: MessagesApi, name: str) -> None:
    keys, box, status = KEYS[name]
    go = claude.folder / "go"
    chief.draft("@planning hold")
    chief.press("C-g")
    chief.boxed("heard: hold")  # a first time, so that the box is known to work
    chief.press("C-c")
    claude.until(lambda: chief.box() == "", "emptied")
    claude.flowloom("ask", "planning", f"first\necho: hold {go}", "--no-wait")
    chief.draft("@planning hold")
    chief.press("C-g")
    chief.shows("in line")
    for key in keys:
        chief.press(key)
        if key in ("q", "C-x"):
            chief.shows({"q": "Stop?", "C-x": "Take it out of line?"}[key])
    claude.until(lambda: "FlowLoom" not in chief.screen() and "❯\xa0" in chief.screen(), "back in the Chief")
    claude.until(lambda: chief.box() == box, f"the box holds {box!r}, not {chief.box()!r}")
    assert "quit unexpectedly" not in chief.screen()
    go.touch()
    claude.until(lambda: claude.task()["status"] == status, f"the task is {status}")
    assert api.requests == []


def test_the_same_draft_after_a_killed_wait_is_asked_about(claude: World, chief: Chief) -> None:
    go = claude.folder / "go"
    claude.flowloom("ask", "planning", f"first\necho: hold {go}", "--no-wait")
    chief.draft("@planning remember this")
    chief.press("C-g")
    chief.shows("in line")
    chief.press("q")
    chief.shows("Stop?")
    chief.press("s")
    chief.boxed("@planning remember this")
    # esc: the draft; r: its reply; n: once more.
    chief.press("C-g")
    chief.shows("You already sent this")
    chief.press("Escape")
    chief.boxed("@planning remember this")
    assert len(claude.tasks()) == 2
    go.touch()
    claude.until_step("done")
    chief.press("C-g")
    chief.shows("its reply is there, unread")
    chief.press("r")
    chief.boxed("heard: remember this")
    assert len(claude.tasks()) == 2


def test_attach_shows_the_agent_and_detach_returns(claude: World, chief: Chief) -> None:
    # No client shows the Chief here, so there is nothing to open a popup on.
    go = claude.folder / "go"
    claude.flowloom("ask", "planning", f"first\necho: hold {go}", "--no-wait")
    chief.draft("@planning look")
    chief.press("C-g")
    chief.shows("in line")
    chief.press("a")
    chief.shows("C-b C-b d: back to your prompt")
    go.touch()
    chief.shows("planning has replied")
    chief.press("C-b")
    chief.press("d")
    chief.boxed("heard: look")


LONG = "\n".join(f"line {number} of a long paste" for number in range(40))


def test_a_long_paste_is_delegated_whole_and_a_long_reply_survives_a_second_ctrl_g(
    claude: World, api: MessagesApi
) -> None:
    seen = claude.folder / "seen"
    script = claude.folder / "seeing-editor"
    script.write_text(f'#!/bin/sh\ncp "$1" {seen}.new && mv {seen}.new {seen}\n')
    script.chmod(0o755)
    claude.environment |= {"FLOWLOOM_PROVIDER": "echo", "FLOWLOOM_EDITOR": str(script)}
    claude.flowloom("start", "planning")
    chief = Chief(claude)
    chief.type("@planning ")
    chief.boxed("@planning")
    chief.paste(f"{LONG}\necho: big 20000")
    chief.boxed("[Pasted text #1 +40 lines]")
    chief.press("C-g")
    chief.shows("[echo: the last line of 20000 bytes]")
    task = claude.task()
    folder = claude.state / "tasks" / task["task_id"]
    assert (folder / "prompt.md").read_text() == f"{LONG}\necho: big 20000"
    # The box shows a long text by a mark, and hands it over in full all the same.
    chief.shows("[...Truncated text #")
    chief.press("C-g")
    claude.until(seen.exists, "a second Ctrl-G, without a route: the real editor")
    heading = f"Reply from planning (task {task['task_id']}): {' '.join(LONG.split())[:60].rpartition(' ')[0]}…"
    reply = (folder / "reply.md").read_text()
    assert len(reply) == 20000
    assert seen.read_text() == f"{heading}\n\n{reply}"
    chief.shows("[echo: the last line of 20000 bytes]")
    chief.press("Enter")
    claude.until(lambda: api.requests, "the Chief's own turn")
    sent = user_texts(api.requests[-1]["messages"])[-1]
    # A newer release marks the part that it did not show as pasted, in the middle of a line.
    sent = re.sub(r'\n\n<pasted_content id="\w+">\n|\n</pasted_content id="\w+">\n\n', "", sent)
    assert sent == f"{heading}\n\n{reply}"


MARKS = ["[Pasted text #1 +19 lines]", "[...Truncated text #1 +74 lines...]", "[Pasted text #24]", "[Image #1]"]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_that_stands_for_missing_text_is_never_delegated(world: World, mark: str) -> None:
    world.start()
    text = f"@planning look at {mark} please\n"
    path = world.prompt_file(text)
    done = world.ctrl_g(path)
    assert (done.returncode, path.read_text()) == (2, text)
    assert mark.encode() in done.stderr
    assert not (world.state / "tasks").exists() or world.tasks() == []


def test_the_reference_block_is_no_part_of_the_prompt(claude: World, api: MessagesApi) -> None:
    document = json.loads((claude.home / ".claude.json").read_text())
    claude.seed(**document, externalEditorContext=True)
    claude.environment["FLOWLOOM_PROVIDER"] = "echo"
    claude.flowloom("start", "planning")
    api.on("say a heading", Say("# A heading\n\nand a line"))
    seen = claude.folder / "seen"
    script = claude.folder / "seeing-editor"
    script.write_text(f'#!/bin/sh\ncp "$1" {seen}\nexec {EDITOR} "$1"\n')
    script.chmod(0o755)
    chief = Chief(claude, env={"VISUAL": str(script), "EDITOR": str(script)})
    chief.draft("say a heading")
    chief.press("Enter")
    chief.shows("and a line")
    claude.until(lambda: chief.box() == "", "its turn is over")
    chief.draft("@planning # mine")
    chief.press("C-g")
    box = chief.boxed("heard: # mine")
    assert re.match(
        r"# ─── Claude's last response .*\n(#.*\n)+# ─── Write your reply below this line ───", seen.read_text()
    )
    prompt = claude.state / "tasks" / claude.task()["task_id"] / "prompt.md"
    assert prompt.read_text() == "# mine"
    assert box.startswith("Reply from planning")
