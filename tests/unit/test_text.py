"""Text of others on a terminal: nothing in it is obeyed, and nothing of it disappears unseen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowloom.terminal.text import visible

SHOWN = [
    ("plain, ümlaut, 漢字, 👩\u200d👧", "plain, ümlaut, 漢字, 👩\u200d👧"),
    ("a\tb\nc", "a\tb\nc"),
    ("dos\r\nlines\r\n", "dos\nlines\n"),
    ("over\rwritten", "over␍written"),
    ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
    ("\x1b[2J\x1b[31mred", "␛[2J␛[31mred"),
    ("\x1bP+q\x1b\\", "␛P+q␛\\"),
    ("\x9b2J\x9d0;t\x9c", "<U+009B>2J<U+009D>0;t<U+009C>"),
    ("\x00\x08\x7f", "␀␈␡"),
    ("a\u202etxt.exe\u2066b\u2069\u200f", "a<U+202E>txt.exe<U+2066>b<U+2069><U+200F>"),
    ("a\u2028b", "a<U+2028>b"),
    ("half \ud800, no UTF-8 \udcff", "half \ufffd, no UTF-8 \ufffd"),
]


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_a_control_character_is_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_colours_of_our_own_stay_where_they_are_asked_for() -> None:
    assert visible("\x1b[1;38;5;2mok\x1b[0m \x1b[2J\x1b]0;t\x07", colours=True) == "\x1b[1;38;5;2mok\x1b[0m ␛[2J␛]0;t␇"


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert not [char for char in shown if char not in "\n\t" and (ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0)]
    assert visible(shown) == shown
