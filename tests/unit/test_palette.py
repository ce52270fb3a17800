"""The palette as values: keys in, a choice and lines out."""

from __future__ import annotations

import re

import pytest

from flowloom.palette import COMMANDS, Palette, Row, fold


def rows() -> list[Row]:
    return [
        Row("testing", "offline", 0.0, ""),
        Row("coding", "idle", 0.0, "did it"),
        Row("planning", "working", 0.0, ""),
        Row("review", "blocked", 0.0, "", why="blocked on permission: Bash: make"),
        Row("docs", "idle", 0.0, "", unread=2),
    ]


def palette(draft: str = "fix it", **more: str) -> Palette:
    return Palette("site", rows(), draft, **more)


def pressed(keys: list[str], **more: str) -> Palette:
    made = palette(**more)
    for key in keys:
        made.press(key)
    made.settle()
    return made


def text(made: Palette, columns: int = 100, lines: int = 30, live: list[str] | None = None) -> list[str]:
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in made.lines(columns, lines, live or [], 10.0)]


def test_what_needs_the_person_comes_first_then_what_is_ready() -> None:
    assert [row.name for row in palette().shown()] == ["review", "docs", "coding", "planning", "testing"]


CHOICES = {
    "enter sends to the first": (["enter"], ("send", "review")),
    "enter sends to the one below": (["down", "enter"], ("send", "docs")),
    "up stays at the top": (["up", "enter"], ("send", "review")),
    "down stays at the end": (["down"] * 9 + ["enter"], ("send", "testing")),
    "typing filters": (["l", "a", "enter"], ("send", "planning")),
    "letters that are commands begin a name when more follow": (["p", "l", "enter"], ("send", "planning")),
    "esc takes a letter back that may be a command": (["p", "esc", "enter"], ("send", "review")),
    "a command and enter is the command": (["e", "enter"], ("edit", "review")),
    "a slash filters by letters that are commands": (["/", "t", "e", "enter"], ("send", "testing")),
    "backspace takes a letter of the filter": (["x", "backspace", "enter"], ("send", "review")),
    "esc leaves the filter first": (["l", "a", "esc", "enter"], ("send", "review")),
    "esc goes back": (["esc"], ("back", "")),
    "ctrl-c goes back at once": (["l", "^C"], ("back", "")),
    "e edits": (["e"], ("edit", "review")),
    "a attaches to the chosen one": (["down", "a"], ("attach", "docs")),
    "n starts one": (["n"], ("new", "review")),
    "r reads replies": (["r"], ("replies", "review")),
    "p opens a parallel Claude": (["p"], ("parallel", "review")),
    "t opens a terminal": (["t"], ("terminal", "review")),
    "f names files": (["f"], ("files", "review")),
    "enter on nothing chooses nothing": (["/", "z", "z", "enter"], None),
}


@pytest.mark.parametrize("case", CHOICES)
def test_keys_lead_to_a_choice(case: str) -> None:
    keys, outcome = CHOICES[case]
    assert pressed(keys).outcome == outcome


def test_the_last_one_used_is_chosen_beforehand() -> None:
    assert pressed(["enter"], last="coding").outcome == ("send", "coding")


def test_one_that_is_gone_is_not() -> None:
    assert pressed(["enter"], last="vanished").outcome == ("send", "review")


def test_it_shows_the_draft_the_agents_and_the_window_of_the_chosen_one() -> None:
    shown = text(palette(), live=["line one", "line two"])
    assert shown[0].split() == ["FlowLoom", "site", "to", "whom?"]
    assert shown[1] == "fix it"
    assert [line.split()[:2] for line in shown[3:8]] == [
        ["▸", "review"],
        ["docs", "idle"],
        ["coding", "idle"],
        ["planning", "working"],
        ["testing", "offline"],
    ]
    assert "blocked on permission: Bash: make" in shown[3]
    assert "2 unread" in shown[4]
    assert shown[9:11] == ["line one", "line two"]


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (300, 100), (40, 8), (20, 6)])
def test_it_fits_its_terminal(columns: int, lines: int) -> None:
    made = Palette("site", [Row(f"agent{n}", "idle", 0.0, "said") for n in range(40)], "draft")
    made.at = 33
    shown = text(made, columns, lines, ["live"] * 50)
    assert len(shown) <= lines
    assert sum(line.startswith("▸") for line in shown) == 1


def test_rows_are_renewed_under_the_chosen_one() -> None:
    made = pressed(["down", "down"])
    made.renew([Row("coding", "idle", 0.0, ""), Row("planning", "blocked", 0.0, ""), Row("docs", "failed", 0.0, "")])
    assert [row.name for row in made.shown()] == ["planning", "coding", "docs"]
    assert made.selected() is made.shown()[1]


def test_what_enter_would_take_is_marked_also_after_a_filter_that_left_nothing() -> None:
    made = pressed(["x", "x", "down", "backspace", "backspace"])
    chosen = made.selected()
    assert chosen is made.shown()[0]


def test_a_long_name_moves_no_column_and_what_is_cut_ends_with_an_ellipsis() -> None:
    long = [Row("worker-with-a-long-name", "idle", 0.0, "said " * 40), Row("docs", "working", 0.0, "日本語" * 40)]
    shown = text(Palette("site", long, "word " * 40), 80)
    assert shown[1].endswith("…")
    assert [line.endswith("…") for line in shown[3:5]] == [True, True]
    assert shown[3].index("idle") == shown[4].index("working")


def test_a_note_that_is_longer_than_a_line_is_told_whole() -> None:
    note = "a parallel Claude cannot start: there is no program 'claude' - install it, or name it with FLOWLOOM_CLAUDE"
    assert note in " ".join(line[:80].strip() for line in text(palette(hint=note), 80))


def test_a_waiting_reply_hides_not_what_the_agent_did() -> None:
    shown = text(Palette("site", [Row("docs", "idle", 0.0, "wrote it", unread=2)], "x"))
    assert shown[3].endswith("2 unread · wrote it")


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("short", ["short"]),
        ("    one two three", ["    one", "    two", "    three"]),
        ("- [ ]  kept as it is"[:9], ["- [ ]  ke"]),
        ("", [""]),
    ],
)
def test_a_reply_is_folded_and_keeps_its_margin(line: str, rows: list[str]) -> None:
    assert fold(line, 9) == rows


@pytest.mark.parametrize("columns", [110, 80, 60])
def test_every_key_is_named_whatever_the_width(columns: int) -> None:
    shown = " ".join(text(palette(), columns, 40))
    missing = [words for _, words in COMMANDS.values() if words not in shown]
    assert (missing, "choose" in shown, "back" in shown) == ([], True, True)


def test_a_filter_names_the_keys_that_count_then() -> None:
    assert text(pressed(["l", "a"]))[-1].split() == ["enter", "send", "↑↓", "choose", "esc", "all", "agents"]
