"""The palette as values: keys in, a choice and lines out."""

from __future__ import annotations

import re

import pytest

from flowloom.editor import keys
from flowloom.editor.dialogs import Field, fold
from flowloom.editor.palette import Palette, Row

NOW = 100.0


def rows() -> list[Row]:
    return [
        Row("testing", "offline", 0.0, ""),
        Row("coding", "idle", 0.0, "did it"),
        Row("planning", "working", 0.0, "", task="abcd"),
        Row("review", "blocked", 0.0, "", why="blocked on permission: Bash: make"),
        Row("docs", "idle", 0.0, "", unread=2),
    ]


def palette(draft: str = "fix it", **more: str) -> Palette:
    return Palette("site", rows(), draft, **more)


def pressed(presses: list[str], **more: str) -> Palette:
    made = palette(**more)
    for key in presses:
        made.press(key, NOW)
    return made


def text(made: Palette, columns: int = 100, lines: int = 30, live: list[str] | None = None) -> list[str]:
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in made.lines(columns, lines, live or [], 10.0)]


def test_what_needs_the_person_comes_first_then_what_is_ready() -> None:
    assert [row.name for row in palette().matches()] == ["review", "docs", "coding", "planning", "testing"]


CHOICES = {
    "enter sends to the first": (["enter"], ("enter", "review")),
    "enter sends to the one below": (["down", "enter"], ("enter", "docs")),
    "up stays at the top": (["up", "enter"], ("enter", "review")),
    "down stays at the end": (["down"] * 9 + ["enter"], ("enter", "testing")),
    "j and k choose": (["j", "j", "j", "k", "enter"], ("enter", "coding")),
    "a digit chooses a row": (["4", "enter"], ("enter", "planning")),
    "a digit alone sends nothing": (["4"], None),
    "a letter is a command at once, whatever follows": (["t", "e"], ("terminal", "review")),
    "a letter that is none is not a filter": (["z", "enter"], ("enter", "review")),
    "a slash filters by letters that are commands": (["/", "t", "e", "enter"], ("enter", "testing")),
    "digits are part of a filter": (["/", "1", "enter"], ("new", "1")),
    "a filter is moved in by arrows": (["/", "n", "g", "down", "enter"], ("enter", "planning")),
    "backspace takes a letter of the filter": (["/", "x", "backspace", "enter"], ("enter", "review")),
    "esc leaves the filter first": (["/", "l", "a", "esc", "enter"], ("enter", "review")),
    "esc goes back": (["esc"], ("back", "")),
    "q goes back": (["q"], ("back", "")),
    "ctrl-c goes back at once": (["/", "l", "^C"], ("back", "")),
    "any key leaves the help and does nothing else": (["?", "e", "enter"], ("enter", "review")),
    "a opens the window of the selected one": (["down", "a"], ("attach", "docs")),
    "ctrl-x ends the task of the selected one": (["4", "^X"], ("end", "planning")),
    "ctrl-x without a task ends nothing": (["3", "^X"], None),
    "enter on nothing starts what was typed": (["/", "z", "z", "enter"], ("new", "zz")),
    "after the choice no key counts": (["e", "enter", "q"], ("edit", "review")),
}


@pytest.mark.parametrize("case", CHOICES)
def test_keys_lead_to_a_choice(case: str) -> None:
    presses, outcome = CHOICES[case]
    assert pressed(presses).choice == outcome


def test_every_command_of_the_table_leads_to_what_it_says() -> None:
    moves = {"down", "up", "row", "filter", "help"}
    made = {each.does: pressed(["4", each.keys[0]]).choice for each in keys.TABLE if keys.PALETTE in each.words}
    assert {does: outcome and outcome[0] for does, outcome in made.items()} == {
        does: None if does in moves else does for does in made
    }


def test_a_key_has_one_meaning() -> None:
    every = [key for each in keys.TABLE for key in each.keys]
    assert len(every) == len(set(every))


FLASHES = {
    "z": "z does nothing here: / filters the agents by name, ? shows all keys",
    "l": "l (leave it running) is for the wait screen: send a prompt first",
    "9": "There is no row 9",
    "^X": "review has no task to end",
}


@pytest.mark.parametrize("key", FLASHES)
def test_a_key_that_does_nothing_says_what_to_press_instead(key: str) -> None:
    made = pressed([key])
    assert FLASHES[key] in text(made, 120)
    made.press("j", NOW)
    assert made.flash == ""


def test_the_last_one_used_is_chosen() -> None:
    assert pressed(["enter"], last="coding").choice == ("enter", "coding")


def test_one_that_is_gone_is_not() -> None:
    assert pressed(["enter"], last="vanished").choice == ("enter", "review")


def test_for_an_unknown_name_nothing_is_chosen_until_the_person_chooses() -> None:
    made = pressed(["enter"], unknown="frontend", last="coding")
    assert (made.choice, made.selected()) == (None, None)
    assert "n creates frontend" in made.flash
    made.renew(rows(), NOW)
    assert made.selected() is None
    assert pressed(["j", "enter"], unknown="frontend").choice == ("enter", "review")
    assert pressed(["n"], unknown="frontend").choice == ("new", "")


def test_a_question_that_has_just_come_up_is_not_answered_by_a_key_meant_for_something_else() -> None:
    made = palette()
    made.renew([*rows()[:2], Row("planning", "blocked", 99.5, ""), *rows()[3:]], 99.9)
    made.press("4", NOW)
    made.press("a", NOW)
    assert (made.choice, made.flash) == (None, "planning asked this just now. Press a again to answer")
    made.press("a", 100.9)
    assert made.choice == ("attach", "planning")


def test_it_shows_the_draft_the_agents_and_the_window_of_the_chosen_one() -> None:
    shown = text(palette(), live=["line one", "line two"])
    assert shown[0].split() == ["FlowLoom", "site", "Send", "to"]
    assert shown[1] == "fix it"
    assert [line.split()[:3] for line in shown[3:8]] == [
        ["▸1", "review", "blocked"],
        ["2", "docs", "idle"],
        ["3", "coding", "idle"],
        ["4", "planning", "working"],
        ["5", "testing", "offline"],
    ]
    assert shown[3].endswith(" permission: Bash: make")
    assert "2 unread" in shown[4]
    assert shown[9:11] == ["line one", "line two"]


@pytest.mark.parametrize(("columns", "lines"), [(160, 45), (80, 24), (300, 100), (40, 12), (40, 8), (20, 6)])
def test_it_fills_its_terminal_with_the_legend_at_the_bottom_edge(columns: int, lines: int) -> None:
    made = Palette("site", [Row(f"agent{n}", "idle", 0.0, "said") for n in range(40)], "draft")
    made.at = 33
    shown = text(made, columns, lines, ["live"] * 50)
    assert len(shown) == lines
    assert "? all keys" in shown[-1]
    assert sum(line.startswith("▸") for line in shown) == 1


def test_a_small_terminal_shows_every_agent_and_its_text_before_its_age() -> None:
    shown = text(palette(), 40, 12, ["live"] * 50)
    assert [name for name in ("review", "docs", "coding", "planning", "testing") if name not in "".join(shown)] == []
    assert shown[4].startswith(" 3 coding   idle      did it")


LONG = {
    "one line": ("fix it", "fix it"),
    "a few lines": ("fix it\nand that", "fix it and that   2 lines, 15 B"),
    "a long one": ("word\n" * 300, "300 lines, 2 kB"),
    "empty": (" \n", "(your prompt is empty)"),
}


@pytest.mark.parametrize("case", LONG)
def test_the_draft_is_told_with_its_size_where_it_is_cut(case: str) -> None:
    draft, line = LONG[case]
    assert text(palette(draft), 100)[1].endswith(line)


def test_rows_keep_their_places_and_numbers_while_the_palette_is_open() -> None:
    made = pressed(["4"])
    now = [Row("coding", "blocked", 0.0, ""), Row("planning", "idle", 0.0, ""), Row("new", "idle", 0.0, "")]
    made.renew(now, NOW)
    assert [row.name for row in made.matches()] == ["coding", "planning", "new"]
    assert made.selected() is made.matches()[1]


def test_where_the_chosen_one_is_gone_nothing_is_chosen() -> None:
    made = pressed(["3"])
    made.renew([Row("docs", "idle", 0.0, "")], NOW)
    assert made.selected() is None


def test_what_enter_would_take_is_marked_also_after_a_filter_that_left_nothing() -> None:
    made = pressed(["/", "x", "x", "down", "backspace", "backspace"])
    chosen = made.selected()
    assert chosen is made.matches()[0]


def test_a_long_name_moves_no_column_and_what_is_cut_ends_with_an_ellipsis() -> None:
    long = [Row("worker-with-a-long-name", "idle", 0.0, "said " * 40), Row("docs", "working", 0.0, "日本語" * 40)]
    shown = text(Palette("site", long, "word " * 40), 80)
    assert shown[1].endswith("wor…   1 line, 200 B")
    assert [line.endswith("…") for line in shown[3:5]] == [True, True]
    assert shown[3].index("idle") == shown[4].index("working")


def test_a_note_that_is_longer_than_a_line_is_told_whole() -> None:
    note = "a parallel Claude cannot start: there is no program 'claude' - install it, or name it with FLOWLOOM_CLAUDE"
    assert note in " ".join(line[:80].strip() for line in text(palette(hint=note), 80))


def test_what_waits_for_the_person_is_coloured_and_stands_before_what_was_said() -> None:
    made = [Row("docs", "idle", 0.0, "wrote it", unread=2), Row("coding", "idle", 0.0, "", failed="task x failed: why")]
    shown = Palette("site", made, "x").lines(100, 30, [], NOW)
    assert "\x1b[35m2 unread\x1b[0m · wrote it" in shown[4]
    assert "\x1b[31m✗ task x failed: why" in shown[3]


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


@pytest.mark.parametrize(("columns", "lines"), [(160, 45), (80, 24)])
def test_the_legend_names_every_command_where_there_is_room(columns: int, lines: int) -> None:
    shown = " ".join(text(pressed(["4"]), columns, lines))
    commands = [each.words[keys.PALETTE] for each in keys.TABLE if each.words.get(keys.PALETTE)]
    assert [words for words in commands if words not in shown] == []


def test_a_legend_without_room_keeps_the_way_back_and_the_help() -> None:
    assert text(palette(), 40, 8)[-1].split() == ["enter", "send", "q", "back", "?", "all", "keys"]


def test_the_help_of_a_small_terminal_is_read_on_to_its_end() -> None:
    made = pressed(["?", *"j" * 40])
    assert "Show these keys." in "\n".join(text(made, 40, 12))
    made.press("q", NOW)
    assert (made.helping, made.choice) == (False, None)


def test_the_help_explains_every_command() -> None:
    shown = "\n".join(text(pressed(["?"]), 160, 45))
    assert [says for _, says in keys.explained(keys.PALETTE) if says not in shown] == []


LEGENDS = {
    "a filter with a hit": (["/", "l", "a"], "enter send ↑↓ select esc all agents"),
    "a filter without one": (["/", "q", "x"], "enter start 'qx' esc all agents"),
}


@pytest.mark.parametrize("case", LEGENDS)
def test_a_filter_names_the_keys_that_count_then(case: str) -> None:
    pressed_keys, legend = LEGENDS[case]
    assert text(pressed(pressed_keys))[-1].split() == legend.split()


def test_a_question_makes_the_key_for_the_window_the_one_that_answers() -> None:
    assert "a answer" in " ".join(text(palette()))
    assert "a open window" in " ".join(text(pressed(["j"])))


def test_with_an_empty_prompt_enter_answers_an_agent_that_asks() -> None:
    assert "enter answer" in " ".join(text(palette("")))
    assert "enter open window" in " ".join(text(pressed(["j"], draft="")))


@pytest.mark.parametrize("screen", keys.SCREENS)
def test_what_a_key_says_instead_fits_80_columns(screen: keys.ScreenName) -> None:
    others = [each.keys[0] for each in keys.TABLE if screen not in each.words]
    said = [keys.instead(key, screen) for key in ("z", "^B", *others)]
    assert [line for line in said if len(line) > 76] == []


def test_a_filter_without_a_hit_says_so() -> None:
    assert "No agent matches “qx”" in "\n".join(text(pressed(["/", "q", "x"])))


def typed(field: Field, columns: int = 40) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", field.lines(columns, 12)[2])


def test_a_placeholder_gives_way_to_the_first_letter_and_counts_where_nothing_is_typed() -> None:
    field = Field("New agent's name", placeholder="coding")
    assert (typed(field), field.value()) == ("  ▏coding", "coding")
    field.press("d")
    assert (typed(field), field.value()) == ("  d▏", "d")
    field.error = "no"
    field.press("backspace")
    assert (field.value(), field.error) == ("coding", "")
