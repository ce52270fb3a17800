"""Every golden screen of the real Claude Code, and what must be read from it.

What a paste or an Enter would harm must never be read as a free box: a screen is
free only where `box` has neither draft nor turn.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flowloom.providers.claude import screen as claude
from flowloom.providers.echo import screen as echo
from flowloom.terminal import ansi

GOLDEN = Path(__file__).parent / "screens"
OLD, NEW, LATER = ("2.1.197",), ("2.1.329",), ("2.1.330",)
BOTH = OLD + NEW


def seen(kind: str, **more: Any) -> dict[str, Any]:
    empty = {"busy": False, "draft": "", "cut": False, "question": None, "keys": [], "stashed": False, "field": ""}
    return {"kind": kind, **empty, **more}


def none() -> dict[str, Any]:
    return seen("none")


def box(draft: str = "", **more: Any) -> dict[str, Any]:
    return seen("box", draft=draft, **more)


def view(keys: list[str], draft: str = "", field: str = "") -> dict[str, Any]:
    return seen("overlay", keys=keys, draft=draft, field=field)


def dialog(kind: str, text: str, *, how: str = "answer it in its window") -> dict[str, Any]:
    return seen("dialog", question={"kind": kind, "text": text, "how": how, "call": ""})


def trust() -> dict[str, Any]:
    asks = "Quick safety check: Is this a project you created or one you trust?"
    return dialog("trust", asks, how="start it with --trust, or answer it in its window")


def lines_of_a_draft(first: int) -> str:
    return "\n".join([*(f"draft line {number}" for number in range(first, 61)), "last of it"])


TABLE = [
    ("add-dir-empty", LATER, view(["Escape"])),
    ("add-dir-typed", OLD + LATER, view(["Escape"], field="/tmp/some/dir")),
    ("after-compact", BOTH, box()),
    ("agents-left", ["2.1.197"], view([])),
    ("agents-left", ["2.1.329"], view(["Escape"])),
    ("box-after-ctrl-c", BOTH, box()),
    ("box-background-task", BOTH, box()),
    ("btw-left-open", OLD, view(["Escape"])),
    ("login-left-open", OLD + LATER, dialog("login", "Select login method:", how="log in once in its window")),
    (
        "login-in-a-browser",
        OLD + LATER,
        dialog("login", "Paste code here if prompted", how="finish it, or press Escape, in its window"),
    ),
    ("model-left-open", OLD, view(["Escape"])),
    # They stand above the box: only the session says that the box does not take an Enter.
    ("btw-left-open", LATER, box()),
    ("model-left-open", LATER, box()),
    ("reply-like-screens", OLD + LATER, box()),
    ("reply-like-spinner", OLD + LATER, box()),
    ("status-line-draft", OLD + LATER, box("my own draft")),
    ("status-line-like-screens", OLD + LATER, box()),
    ("status-line-stashed", OLD + LATER, box(stashed=True)),
    ("theme-left-open", OLD + LATER, view(["Escape"])),
    ("box-bash-mode", BOTH, view(["BSpace"])),
    ("box-draft", BOTH, box("my own draft")),
    ("box-draft-200x50", BOTH, box("my own draft that is a bit longer, so that it has to wrap in the narrow window")),
    ("box-draft-60x15", BOTH, box("my own draft that is a bit longer, so that it has to\nwrap in the narrow window")),
    ("box-draft-multiline", BOTH, box("first line\nsecond line\nthird")),
    ("box-draft-restored", BOTH, box("my own draft")),
    ("box-empty", BOTH, box()),
    ("box-draft-taller-than-the-window", OLD, box(lines_of_a_draft(24), cut=True)),
    ("box-draft-taller-than-the-window", LATER, box(lines_of_a_draft(25), cut=True)),
    ("box-empty-200x50", BOTH, box()),
    ("box-empty-20x5", OLD + LATER, box()),
    ("box-empty-30x8", OLD + LATER, box()),
    ("box-empty-9x24", OLD + LATER, box()),
    ("box-empty-60x15", BOTH, box()),
    ("box-empty-plan", BOTH, box()),
    ("box-esc-once", BOTH, box("first line\nsecond line\nthird")),
    ("box-our-task-collapsed", OLD, box("[Pasted text #1 +4 lines]", stashed=True)),
    (
        "box-our-task-collapsed",
        NEW,
        box("[flowloom task 63ni] x[Pasted text #1 +4 lines]", stashed=True),
    ),
    ("box-pasted-collapsed", BOTH, box("[Pasted text #2 +200 lines]")),
    ("box-stashed", BOTH, box(stashed=True)),
    ("box-vim-insert", BOTH, box()),
    ("box-vim-normal", BOTH, box()),
    ("box-vim-normal-draft", BOTH, box("abc def")),
    *(
        (f"box-vim-visual{which}", OLD + LATER, box("my own words", keys=["Escape"]))
        for which in ("", "-20x8", "-line-status")
    ),
    ("ctrl-c-once", BOTH, box()),
    ("dialog-bypass", BOTH, dialog("bypass warning", "WARNING: Claude Code running in Bypass Permissions mode")),
    ("config-empty", OLD, view(["Escape"])),
    ("config-searched", LATER, view(["Escape"], field="verb")),
    ("dialog-config", BOTH, view(["Escape"])),
    ("dialog-external-imports", BOTH, dialog("external imports", "Allow external CLAUDE.md file imports?")),
    ("dialog-help", BOTH, view(["Escape"])),
    ("dialog-key", BOTH, dialog("API key", "Detected a custom API key in your environment")),
    ("dialog-key-and-token", BOTH, dialog("API key", "Detected a custom API key in your environment")),
    ("dialog-login", BOTH, dialog("login", "Select login method:", how="log in once in its window")),
    ("dialog-mcp", BOTH, dialog("MCP server", "New MCP server found in this project: demo")),
    ("dialog-model", BOTH, view(["Escape"])),
    ("dialog-onboarding", BOTH, dialog("first start", "Let's get started.", how="do it once in its window")),
    ("dialog-permission-bash", BOTH, dialog("permission", "Do you want to proceed?")),
    ("dialog-permission-draft", BOTH, dialog("permission", "Do you want to proceed?")),
    ("dialog-permission-write", BOTH, dialog("permission", "Do you want to create new2.txt?")),
    ("permissions-searched", LATER, view(["Escape"], field="Bash(x")),
    ("dialog-permissions", BOTH, view(["Escape"])),
    (
        "dialog-plan",
        BOTH,
        dialog("plan", "Claude has written up a plan and is ready to execute. Would you like to proceed?"),
    ),
    ("dialog-question", BOTH, dialog("question", "Which colour?")),
    ("dialog-resume", BOTH, view(["Escape"])),
    ("dialog-resume-command", BOTH, view(["Escape"])),
    ("dialog-tasks", BOTH, view(["Escape"])),
    ("dialog-tasks-one", BOTH, view(["Escape"])),
    ("dialog-trust", BOTH, trust()),
    ("dialog-trust-hooks", BOTH, trust()),
    ("error-400", BOTH, box()),
    ("error-401", BOTH, box()),
    ("error-403", BOTH, box()),
    ("error-429", BOTH, box()),
    ("error-500", BOTH, box()),
    ("error-529", BOTH, box()),
    ("fullscreen-box-bash-mode", NEW, view(["BSpace"])),
    ("fullscreen-box-draft", NEW, box("my own draft")),
    ("fullscreen-box-draft-multiline", NEW, box("one\ntwo\nthree")),
    ("fullscreen-box-empty", NEW, box()),
    (
        "fullscreen-box-our-task-collapsed",
        NEW,
        box("[flowloom task ab12 from chief] do it.[Pasted text #1 +5 lines]"),
    ),
    ("fullscreen-box-stashed", NEW, box(stashed=True)),
    ("fullscreen-dialog-permission-bash", NEW, dialog("permission", "Do you want to proceed?")),
    ("fullscreen-dialog-question", NEW, dialog("question", "Which colour?")),
    ("fullscreen-history-search", NEW, view(["Escape"])),
    ("fullscreen-interrupted", NEW, box()),
    ("fullscreen-menu-slash", NEW, box("/")),
    ("fullscreen-rewind", NEW, view(["Escape"])),
    ("fullscreen-scrolled", NEW, box()),
    ("fullscreen-transcript", NEW, view(["C-o"])),
    ("fullscreen-working", NEW, box(busy=True)),
    ("fullscreen-working-queued", NEW, box(busy=True)),
    ("history-search", BOTH, view(["Escape"], "my draft")),
    ("interrupted", BOTH, box()),
    ("interrupted-no-reply", OLD, box("first 4749 please")),
    ("interrupted-no-reply", NEW, box("first xmzo please")),
    (
        "interrupted-our-task",
        OLD,
        box("[flowloom task xe562] do it.\nbody of xe562\n2\n3\n4\n[end of task xe562]"),
    ),
    (
        "interrupted-our-task",
        NEW,
        box("[flowloom task xqg6a] do it.[Pasted text #2 +5 lines]"),
    ),
    ("interrupted-tool", BOTH, box()),
    ("menu-at", BOTH, box("@")),
    ("menu-slash", BOTH, box("/")),
    ("menu-slash-filtered", BOTH, box("/comp")),
    ("no-login-after-prompt", BOTH, box()),
    ("no-login-box", BOTH, box()),
    ("no-network-onboarding", BOTH, none()),
    ("permission-held-back", BOTH, box("half a draft", busy=True)),
    ("prompt-vetoed", OLD, box()),
    ("prompt-vetoed", NEW, box("a forbidden thing")),
    ("resumed", BOTH, box()),
    ("retrying-429", BOTH, box(busy=True)),
    ("retrying-529", BOTH, box(busy=True)),
    ("rewind", BOTH, view(["Escape"])),
    ("shortcuts", BOTH, box()),
    ("transcript", BOTH, view(["C-o"])),
    ("working", BOTH, box(busy=True)),
    ("working-no-text", BOTH, box(busy=True)),
    ("working-queued", BOTH, box(busy=True)),
    ("working-queued-tool", BOTH, box(busy=True)),
    ("working-tool", BOTH, box(busy=True)),
]
CASES = [(f"{version}/{name}", expected) for name, releases, expected in TABLE for version in releases]

# Where a paste and an Enter make a turn of our text and do nothing else, as the README beside the screens tells.
FREE = {
    *("after-compact", "box-after-ctrl-c", "box-background-task", "box-empty", "box-empty-200x50", "box-empty-60x15"),
    *("box-empty-plan", "box-stashed", "box-vim-insert", "box-vim-normal", "ctrl-c-once", "error-400", "error-401"),
    *("error-403", "error-429", "error-500", "error-529", "interrupted", "interrupted-tool", "no-login-after-prompt"),
    *("no-login-box", "resumed", "shortcuts", "fullscreen-box-empty", "fullscreen-box-stashed"),
    *("fullscreen-interrupted", "fullscreen-scrolled", "reply-like-screens", "reply-like-spinner"),
    *("status-line-like-screens", "status-line-stashed"),
    *("box-empty-20x5", "box-empty-30x8", "box-empty-9x24"),
    *("btw-left-open", "model-left-open"),  # on 2.1.330, and its session says that it waits
}


def reading(screen: str) -> dict[str, Any]:
    """Return what is read from a screen, but for what has a table of its own below: titles, what is safe, options."""
    read: dict[str, Any] = {**claude.read(screen)}
    if read["question"]:
        read["question"] = {key: value for key, value in read["question"].items() if key != "options"}
    return {key: value for key, value in read.items() if key not in ("title", "safe", "listed")}


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "expected"), CASES, ids=[name for name, _ in CASES])
def test_a_golden_screen_is_read_as_what_it_shows(name: str, expected: dict[str, Any]) -> None:
    assert reading(golden(name)) == expected


def test_every_golden_screen_stands_in_the_table_and_in_its_readme() -> None:
    on_disk = {f"{path.parent.name}/{path.stem}" for path in GOLDEN.glob("*/*.txt")}
    assert {name for name, _ in CASES} == on_disk
    rows = [line.split("|")[1:3] for line in (GOLDEN / "README.md").read_text().splitlines() if line.startswith("| ")]
    listed = {f"{one.strip()}/{name.strip()}" for name, releases in rows[2:] for one in releases.split(",")}
    assert listed == on_disk


def test_only_a_screen_that_takes_a_paste_and_an_enter_is_read_as_free() -> None:
    free = set()
    for path in GOLDEN.glob("*/*.txt"):
        read = claude.read(path.read_text(encoding="utf-8"))
        if read["kind"] == "box" and not read["busy"] and not read["draft"]:
            free.add(path.stem)
    # 2.1.197 empties the box after a veto, 2.1.329 puts the text back.
    assert free - {"prompt-vetoed"} == FREE


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("name", ["dialog-permission-bash", "dialog-question", "dialog-plan"])
def test_a_box_that_was_printed_above_a_dialog_is_not_the_agents(version: str, name: str) -> None:
    printed = golden(f"{version}/box-empty").rstrip("\n")
    read = claude.read(f"{printed}\n{golden(f'{version}/{name}')}")
    assert (read["kind"], read["question"] is not None) == ("dialog", True)


@pytest.mark.parametrize(
    "below",
    [
        "  Do you want to go on?\n  ❯ 1. Yes\n    2. No",
        "  Showing detailed transcript · ctrl+o to toggle",
        "  Resume session\n  Nothing found\n  Esc to cancel",
    ],
)
def test_a_long_reply_above_a_question_or_a_view_is_no_draft(below: str) -> None:
    reply = "\n".join(f"  line {number} of a reply" for number in range(20))
    assert reading(f"{reply}\n{'─' * 60}\n{below}\n")["kind"] != "box"


def test_a_rule_with_nothing_above_it_is_no_box() -> None:
    assert reading(f"\n\n\n{'─' * 60}\n  starting")["kind"] == "none"


def test_a_reply_that_quotes_the_list_of_sessions_hides_no_box() -> None:
    screen = golden("2.1.329/box-empty").split("\n")
    screen[0] = "● it says: describe a task for a new session"
    assert reading("\n".join(screen)) == box()


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("2.1.197/btw-left-open", "/btw what"),
        ("2.1.197/model-left-open", "Select model"),
        ("2.1.197/theme-left-open", "Theme"),
        ("2.1.330/model-left-open", "Select model"),
        ("2.1.330/btw-left-open", ""),  # without a rule of its own it could be the end of a reply
    ],
)
def test_what_stands_open_is_known_by_its_name(name: str, title: str) -> None:
    assert claude.read(golden(name))["title"] == title


SAFE = {
    *("transcript", "fullscreen-transcript", "rewind", "fullscreen-rewind", "dialog-model", "theme-left-open"),
    *("model-left-open", "history-search", "box-bash-mode", "fullscreen-box-bash-mode"),
}


def test_a_view_is_safe_to_close_only_where_a_person_can_type_nothing_into_it() -> None:
    read = [(path.stem, claude.read(path.read_text(encoding="utf-8"))) for path in GOLDEN.glob("*/*.txt")]
    assert {name for name, seen in read if seen["safe"]} == SAFE


TRUST = ["No, exit", "Yes, I trust this folder"]
MCP = [
    "Use this MCP server",
    "Use this and all future MCP servers in this project",
    "Continue without using this MCP server",
]
COLOURS = ["Red", "Blue", "Type something.", "Chat about this"]
PLAN = ["Yes, and use auto mode", "Yes, manually approve edits", "Tell Claude what to change"]
ALWAYS = "Yes, and always allow access to /home/dev/site from this project"
SWITCH = "Yes, and switch to auto mode · auto mode handles these prompts for you"
# What each dialog offers, and the next key towards a choice: none where it is not offered, or two options begin so.
OPTIONS = [
    ("2.1.197/dialog-trust", TRUST[::-1], {"Yes": "Enter", "No": "Down", "Yes, I trust this folder": "Enter", "": ""}),
    ("2.1.329/dialog-trust", TRUST, {"Yes": "Down", "No": "Enter", "Ye": "", "yes": ""}),
    ("2.1.329/dialog-trust-hooks", TRUST, {"Yes": "Down", "No, exit": "Enter"}),
    ("2.1.197/dialog-permission-bash", ["Yes", ALWAYS.replace("/home/dev/site", "proj/"), "No"], {"Yes": "Enter"}),
    ("2.1.329/dialog-permission-bash", ["Yes", ALWAYS, SWITCH, "No"], {"No": "Down", ALWAYS: "Down", "Nope": ""}),
    ("2.1.329/fullscreen-dialog-permission-bash", ["Yes", ALWAYS, SWITCH, "No"], {"Yes": "Enter", "No": "Down"}),
    ("2.1.329/dialog-question", COLOURS, {"Blue": "Down", "Red": "Enter", "warm": ""}),
    ("2.1.197/dialog-plan", PLAN, {"Yes": "", PLAN[1]: "Down", "do a": ""}),
    ("2.1.197/dialog-mcp", MCP, {"Use this": "", MCP[0]: "Enter"}),
    ("2.1.329/dialog-mcp", MCP, {MCP[1]: "Up"}),
    ("2.1.329/dialog-key", ["Yes", "No (recommended)"], {"Yes": "Up", "No": "Enter"}),
    ("2.1.330/login-in-a-browser", [], {"Yes": ""}),
    ("2.1.329/box-empty", None, {"Yes": ""}),
    ("2.1.197/dialog-model", None, {"Default": ""}),
]


@pytest.mark.parametrize(("name", "options", "keys"), OPTIONS, ids=[name for name, _, _ in OPTIONS])
def test_a_dialog_is_led_to_an_option_of_its_own(name: str, options: list[str] | None, keys: dict[str, str]) -> None:
    question = claude.read(golden(name))["question"]
    assert (question and question["options"]) == options
    assert {choice: "".join(claude.towards(golden(name), choice)) for choice in keys} == keys


@pytest.mark.parametrize(
    ("name", "kind", "text", "shown"),
    [
        ("2.1.329/dialog-permission-bash", "permission", "Bash: touch x", True),
        ("2.1.329/dialog-permission-bash", "permission", "Bash: touch other", False),
        ("2.1.329/dialog-permission-bash", "question", "touch x", False),
        ("2.1.197/dialog-permission-write", "permission", "Write: /home/dev/site/new2.txt", True),
        ("2.1.197/dialog-question", "question", "Which colour?", True),
        ("2.1.197/dialog-question", "question", "Which port?", False),
        ("2.1.197/box-empty", "permission", "Bash: touch x", False),
    ],
)
def test_a_dialog_is_known_for_the_question_that_a_hook_told_of(name: str, kind: str, text: str, shown: bool) -> None:
    asked = {"kind": kind, "text": text, "how": "", "call": "x", "options": []}
    assert claude.shows(golden(name), asked) is shown  # type: ignore[arg-type]


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("found", ["search prompts: wo", "no matching prompt: wo"])
def test_a_search_that_shows_another_prompt_is_left_by_the_key_that_brings_the_draft_back(
    version: str, found: str
) -> None:
    screen = golden(f"{version}/history-search")
    assert "search prompts:" in screen
    searched = re.sub("search prompts:", found, screen)
    assert (reading(screen)["keys"], reading(searched)["keys"]) == (["Escape"], ["C-c"])


@pytest.mark.parametrize("version", BOTH)
def test_a_refusal_by_a_hook_of_the_users_is_read_with_its_reason(version: str) -> None:
    screen = golden(f"{version}/prompt-vetoed")
    assert (
        claude.refusal(screen)
        == "a UserPromptSubmit hook of yours refused it: [/home/dev/ups.sh]: no such prompts here"
    )


@pytest.mark.parametrize("version", BOTH)
def test_a_refusal_above_a_later_prompt_is_an_old_one(version: str) -> None:
    later = golden(f"{version}/prompt-vetoed").split("Original prompt")[0] + "\n\n❯ a later prompt\n\n● its answer\n"
    assert claude.refusal(later) == ""
    assert claude.refusal(golden(f"{version}/working")) == ""


def test_the_echo_agent_is_busy_by_its_own_footer() -> None:
    rule = "─" * 40
    idle = f"{rule}\n❯\xa0\n{rule}\n  echo · ? for shortcuts"
    working = f"{rule}\n❯\xa0\n{rule}\n  echo · esc to interrupt"
    assert [echo.read(idle)["busy"], echo.read(working)["busy"]] == [False, True]


FRAME = "─" * 30
FIELDS = [
    ("│ one two\x1b[7m \x1b[0m   │", "one two"),
    ("│ one \x1b[7mt\x1b[0mwo      │", "one two"),
    ("│ \x1b[7mo\x1b[0mne two     │", "one two"),  # with Home pressed
    ("│ \x1b[7mo\x1b[0;2mne two\x1b[0m   │", ""),
    ("│ \x1b[7mo\x1b[0m\x1b[38;5;246mne two\x1b[39m   │", ""),
    ("│ \x1b[7m \x1b[0m          │", ""),
    ("│ first line     │\n  │ second\x1b[7m \x1b[0m      │\n  │ third │", "first line\nsecond\nthird"),
    ("first line\n  second\x1b[7m \x1b[0m", "first line\nsecond"),
    ("\x1b[7m one tab \x1b[0m another", ""),
]


@pytest.mark.parametrize("draft", ["my draft\x1b[7m \x1b[0m", "my draft\n  of two\x1b[7m \x1b[0m rows"])
def test_a_box_that_was_drawn_before_a_ctrl_z_is_no_field_of_a_view(draft: str) -> None:
    box = f"{FRAME}\n❯\xa0{draft}\n{FRAME}\n  ? for shortcuts\n"
    found = claude.read(f"● a reply\n\n{box}\nClaude Code has been suspended. Run `fg` to bring it back.\n\n{box}")
    assert (found["kind"], found["field"]) == ("box", "")
    assert found["draft"].startswith("my draft")


@pytest.mark.parametrize(("row", "text"), FIELDS)
def test_what_is_typed_into_a_view_is_read_without_frame_and_hint(row: str, text: str) -> None:
    found = claude.read(f"{FRAME}\n  A view\n\n  {row}\n\n  Esc to cancel")
    assert (found["kind"], found["field"]) == ("overlay", text)


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("ab", [("a", False, False), ("b", False, False)]),
        ("\x1b[2ma\x1b[22mb", [("a", True, False), ("b", False, False)]),
        ("\x1b[7ma\x1b[27mb", [("a", False, True), ("b", False, False)]),
        ("\x1b[2;7ma\x1b[mb", [("a", True, True), ("b", False, False)]),
        ("\x1b[0;2ma\x1b[0mb", [("a", True, False), ("b", False, False)]),
        ("\x1b[38;5;2ma", [("a", False, False)]),
        ("\x1b[38;2;2;7;2ma", [("a", False, False)]),
        ("\x1b[48;5;7;2ma", [("a", True, False)]),
        ("\x1b[Ka", [("a", False, False)]),
    ],
)
def test_a_cell_knows_whether_it_is_dim_or_inverse(line: str, cells: list[tuple[str, bool, bool]]) -> None:
    assert ansi.cells(line) == [cells]


def test_attributes_run_on_over_the_end_of_a_line() -> None:
    assert ansi.cells("\x1b[2ma\nb") == [[("a", True, False)], [("b", True, False)]]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("typed", "typed"),
        ("\x1b[7mP\x1b[0;2mress up to edit", ""),
        ("\x1b[7mP\x1b[27mress up", "Press up"),
        ("typed \x1b[2mand a hint", "typed"),
        ("\x1b[7mx", "x"),
        ("", ""),
    ],
)
def test_a_hint_in_the_box_is_no_draft(line: str, text: str) -> None:
    assert ansi.undimmed(ansi.cells(line)[0]) == text
