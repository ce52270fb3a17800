"""The terminal that we are lent: its keys, what fits on it, and that it is given back as it was."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator

import pytest
from tests.support.world import ROOT

from flowloom.terminal import keys, style, text
from flowloom.terminal.keys import Keys
from flowloom.terminal.tty import Terminal

# What a terminal sends for it, and the keys that it is.
PRESSED: list[tuple[bytes, list[str]]] = [
    (b"a", ["a"]),
    ("ä".encode(), ["ä"]),
    (b"ab", ["a", "b"]),
    (b"\r", ["enter"]),
    (b"\n", ["enter"]),
    (b"\x03", ["^C"]),
    (b"\x1a", ["^Z"]),
    (b"\x1b[99;5u", ["^C"]),
    (b"\x1b[99;5:1u", ["^C"]),
    (b"\x1b[99;5:3u", []),
    (b"\x1b[27;5;99~", ["^C"]),
    (b"\x1b[27u", ["esc"]),
    (b"\x1b[13u", ["enter"]),
    (b"\x1b[97u", ["a"]),
    (b"\x1b[A", ["up"]),
    (b"\x1bOB", ["down"]),
    (b"\x1b[1;5A", []),
    (b"\x1b[C", []),
    (b"\x7f", ["backspace"]),
    (b"\x1bOP", []),
    (b"\x1bx", []),
    (b"\x1b[I\x1b[O", []),
    (b"\x1b[<0;10;10M\x1b[<0;10;10m", []),
    (b"\x1b[M !!", []),
    (b"\x1b[?62;4c", []),
    (b"\x1b]10;rgb:ffff/ffff/ffff\x07", []),
    (b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\", []),
    (b"\x1bP1$r0m\x1b\\", []),
    (b"\x1b[200~lcc\r\x1b[201~", []),
    (b"\x1b[200~lcc\r\x1b[201~q", ["q"]),
    (b"\xff", []),
    (b"\x1b\x1b[A", ["esc", "up"]),
    (b"", []),
]


@pytest.mark.parametrize(("raw", "keys"), PRESSED)
def test_bytes_are_the_keys_that_were_pressed(raw: bytes, keys: list[str]) -> None:
    assert Keys().feed(raw, 100.0) == keys


@pytest.mark.parametrize(("raw", "keys"), [case for case in PRESSED if b"\x1b" in case[0] and case[0] != b"\x1b\x1b[A"])
def test_a_sequence_may_come_in_pieces(raw: bytes, keys: list[str]) -> None:
    decoder, found = Keys(), []
    for number in range(len(raw)):
        found += decoder.feed(raw[number : number + 1], 100.0 + number)
        if number + 1 < len(raw):
            assert decoder.feed(b"", 100.0 + number) == []
    assert found == keys
    assert not decoder.held


@pytest.mark.parametrize("split", range(1, 7))
def test_keys_work_again_after_a_paste_whose_end_came_in_pieces(split: int) -> None:
    decoder, end = Keys(), b"\x1b[201~"
    assert decoder.feed(b"\x1b[200~lll" + end[:split], 100.0) == []
    assert (decoder.held, decoder.feed(b"", 101.0)) == (False, [])
    assert decoder.feed(end[split:] + b"q", 102.0) == ["q"]


def test_an_escape_with_nothing_behind_it_is_the_key() -> None:
    decoder = Keys()
    assert decoder.feed(b"\x1b", 0.0) == []
    assert decoder.held
    assert decoder.feed(b"", keys.ESC_S / 2) == []
    assert decoder.feed(b"", keys.ESC_S) == ["esc"]
    assert not decoder.held


def test_a_sequence_that_never_ends_is_noise() -> None:
    decoder = Keys()
    assert [decoder.feed(b"\x1b[1;", 100.0), decoder.feed(b"", 101.0), decoder.feed(b"a", 102.0)] == [[], [], ["a"]]


def test_a_paste_without_brackets_presses_no_key() -> None:
    decoder = Keys()
    assert decoder.feed(b"lclclc", 0.0) == []
    assert decoder.feed(b"l", keys.BURST_S / 2) == []
    assert decoder.feed(b"l", keys.BURST_S) == ["l"]


@pytest.mark.parametrize(
    ("line", "columns", "fits"),
    [
        ("hello", 10, "hello"),
        ("hello", 5, "hello"),
        ("hello", 4, "hell"),
        ("\x1b[1mhello\x1b[0m", 5, "\x1b[1mhello\x1b[0m"),
        ("\x1b[1mhello\x1b[0m", 4, "\x1b[1mhell"),
        # A curly underline and a colour with colons, as tmux reports them.
        ("\x1b[4:3;38:5:9mhello\x1b[0m", 4, "\x1b[4:3;38:5:9mhell"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本"),
        ("a\u0301b", 2, "a\u0301b"),
        ("ก\u0e31บ", 2, "ก\u0e31บ"),
        ("a\x07\x1b]0;x\x07b", 20, "a]0;xb"),
        ("", 5, ""),
        ("x", 0, ""),
    ],
)
def test_a_line_is_cut_to_the_window(line: str, columns: int, fits: str) -> None:
    assert text.cut(line, columns) == fits


@pytest.mark.parametrize(
    ("line", "columns", "fits"),
    [("hello", 5, "hello"), ("hello", 4, "hel…"), ("日本語", 5, "日本…"), ("a\u200db", 2, "ab"), ("hello", 1, "…")],
)
def test_what_is_cut_off_a_line_is_told_by_an_ellipsis(line: str, columns: int, fits: str) -> None:
    assert text.shorten(line, columns) == fits


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("\x1b[33mblocked\x1b[0m", "blocked\x1b[0m"),
        ("\x1b[1;31mno\x1b[m", "\x1b[1mno\x1b[m"),
        ("\x1b[0;7;38;5;246;2mx\x1b[39;49m", "\x1b[0;7;2mx"),
        ("\x1b[38;2;1;2;3mx\x1b[48:2::9:9:9my", "xy"),
    ],
)
def test_without_colours_a_line_keeps_what_is_bold_dim_or_inverse(line: str, plain: str) -> None:
    assert style.colourless(line) == plain


def test_where_a_line_is_typed_the_characters_of_a_paste_count_and_its_line_ends_do_not() -> None:
    decoder = Keys()
    decoder.begin_line()
    assert decoder.feed(b"\x1b[200~/srv/a\nb\x1b[201", 0.0) == list("/srv/ab")
    assert decoder.feed(b"~\r", 0.0) == ["enter"]
    assert decoder.feed(b"/srv/a\r/srv/b", 1.0) == list("/srv/a/srv/b")
    assert decoder.feed(b"/srv/a\r/srv/b\r", 2.0) == list("/srv/a/srv/b")


def test_an_enter_right_behind_fast_typing_takes_the_line_once() -> None:
    for pieces in (b"documents\r",), (b"documents", b"\r"):
        decoder = Keys()
        decoder.begin_line()
        found = [key for piece in pieces for key in decoder.feed(piece, 0.0)]
        assert found == [*"documents", "enter"]
        # The next line of a paste does not take the next field too.
        assert decoder.feed(b"second\r", 0.01) == list("second")
        # What is typed next takes its own line, however fast.
        assert decoder.feed(b"another\r", 0.05) == [*"another", "enter"]


def test_the_next_field_takes_a_line_that_is_typed_right_behind_the_former_one() -> None:
    decoder = Keys()
    decoder.begin_line()
    assert decoder.feed(b"documents\r", 0.0) == [*"documents", "enter"]
    decoder.begin_line()
    assert decoder.feed(b"/srv/a", 0.005) == list("/srv/a")
    assert decoder.feed(b"\r", 0.01) == ["enter"]


def test_an_enter_on_its_own_takes_the_line() -> None:
    decoder = Keys()
    decoder.begin_line()
    decoder.feed(b"/srv/a\r/srv/b\r", 1.0)
    assert decoder.feed(b"\r", 1.0 + keys.BURST_S) == ["enter"]


@pytest.mark.parametrize(
    ("words", "columns", "lines"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 20, ["one two three"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("日本語", 4, ["日本", "語"]),
        ("a\nb\tc", 20, ["a b c"]),
        ("", 5, [""]),
    ],
)
def test_a_text_is_wrapped_at_its_spaces(words: str, columns: int, lines: list[str]) -> None:
    assert text.wrap(words, columns) == lines


USES = """
import sys
from flowloom.clock import Deadline
from flowloom.terminal.tty import Terminal
terminal = Terminal()
terminal.open()
terminal.open()
terminal.draw(["hello", "\\x1b[1m" + "x" * 300])
keys, deadline = [], Deadline(20)
while "q" not in keys and not deadline.over():
    keys += terminal.read_keys()
terminal.close()
terminal.close()
print(keys)
"""


@pytest.fixture
def pair() -> Iterator[tuple[int, int]]:
    """A pseudo terminal: the side of the person and the side of the program."""
    person, program = pty.openpty()
    yield person, program
    os.close(person)
    os.close(program)


def until(person: int, words: bytes) -> bytes:
    """Read what is shown until these words stand in it; the test's own limit ends a wait for ever."""
    shown = b""
    while words not in shown:
        shown += os.read(person, 65536)
    return shown


@pytest.mark.timeout(120)
def test_a_terminal_is_given_back_as_it_was_found(pair: tuple[int, int]) -> None:
    person, program = pair
    termios.tcsetwinsize(program, (10, 40))
    found = termios.tcgetattr(program)
    process = subprocess.Popen(
        [sys.executable, "-c", USES], stdin=program, stdout=program, stderr=program, cwd=ROOT / "src"
    )
    shown = until(person, b"x" * 40)
    assert b"\x1b[?1049h" in shown
    assert b"x" * 41 not in shown
    during = termios.tcgetattr(program)
    flags = termios.ISIG | termios.ICANON | termios.ECHO
    assert (found[3] & flags, during[3] & flags) == (flags, 0)
    os.write(person, b"\x03\x1a")
    os.write(person, b"q")
    shown = until(person, b"]")
    assert process.wait(20) == 0
    assert shown.index(b"\x1b[?1049l") < shown.index(b"['^C")
    assert b"['^C', '^Z', 'q']" in shown
    assert termios.tcgetattr(program) == found


@pytest.mark.timeout(120)
def test_keys_that_nobody_read_do_not_reach_whoever_has_the_terminal_next(pair: tuple[int, int]) -> None:
    person, program = pair
    code = """
import os, sys
from flowloom.terminal.tty import Terminal
terminal = Terminal()
terminal.open()
print("open", flush=True)
os.read(int(sys.argv[1]), 1)
terminal.close()
"""
    reader, writer = os.pipe()
    command = [sys.executable, "-c", code, str(reader)]
    process = subprocess.Popen(
        command, stdin=program, stdout=program, stderr=program, cwd=ROOT / "src", pass_fds=[reader]
    )
    until(person, b"open")
    os.write(person, b"yes\r")
    os.write(writer, b"\n")
    assert process.wait(20) == 0
    os.set_blocking(program, False)
    with pytest.raises(BlockingIOError):
        os.read(program, 100)
    os.close(reader)
    os.close(writer)


def test_a_terminal_without_a_size_is_eighty_by_twenty_four(
    pair: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", open(pair[1], closefd=False))  # noqa: SIM115 - as long as the test
    monkeypatch.setattr(sys, "stdout", open(pair[1], "w", closefd=False))  # noqa: SIM115
    lent = Terminal()
    assert lent.size() == (80, 24)
    termios.tcsetwinsize(pair[1], (30, 100))
    assert lent.size() == (100, 30)
    sys.stdin.close()
    sys.stdout.close()
