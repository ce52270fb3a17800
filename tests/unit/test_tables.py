"""Ages and tables, as every command prints them."""

from __future__ import annotations

import os

import pytest

from flowloom.cli import tables
from flowloom.cli.tables import Cell
from flowloom.terminal.durations import age, seconds, span
from flowloom.terminal.style import RED


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (299, "4m59s"),
        (7380, "2h03m"),
        (86399, "23h59m"),
        (3 * 86400 + 5, "3d"),
    ],
)
def test_an_age_is_short(seconds: float, said: str) -> None:
    assert age(seconds) == said


@pytest.mark.parametrize(
    ("text", "found"),
    [("90s", 90), ("5m", 300), ("2h", 7200), ("1h30m", 5400), ("2w", 1209600), ("30d", 2592000)],
)
def test_a_duration_is_read_as_it_is_written(text: str, found: float) -> None:
    assert (seconds(text), seconds(span(found))) == (found, found)


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "1.5h", "5x", "9999999d"])
def test_what_is_no_duration_is_none(text: str) -> None:
    assert seconds(text) is None


@pytest.mark.parametrize(("limit", "said"), [(0, "0s"), (0.5, "0.5s"), (59, "59s"), (300, "5m"), (5400, "1h30m")])
def test_a_timeout_is_named_as_it_was_given(limit: float, said: str) -> None:
    assert span(limit) == said


HEAD = ("TASK", "AGE", "", "PROMPT")
ROWS = [("7k2m", Cell("3s", right=True), "", "日本語 and more\nof it"), ("x", Cell("4m59s", right=True), "unread", "")]


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    tables.show(HEAD, ROWS)
    return capsys.readouterr().out.splitlines()


def test_a_table_is_whole_in_a_pipe_and_has_no_blanks_at_its_ends(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys) == [
        "TASK    AGE          PROMPT",
        "7k2m     3s          日本語 and more of it",
        "x     4m59s  unread",
    ]


@pytest.mark.parametrize(
    ("columns", "last"),
    [(80, "7k2m     3s          日本語 and more of it"), (30, "7k2m     3s          日本語 a…"), (5, "7k2m…")],
)
def test_on_a_terminal_no_line_is_wider(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int, last: str
) -> None:
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
    assert printed(capsys)[1] == last


def test_colours_are_for_a_terminal_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    row = [tables.state("failed"), Cell("\x1b[2Jan agent's words", RED)]
    tables.show(("A", "B"), [row])
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    tables.show(("A", "B"), [row])
    assert capsys.readouterr().out.splitlines()[1] == "\x1b[31mfailed\x1b[0m  \x1b[31m␛[2Jan agent's words\x1b[0m"
