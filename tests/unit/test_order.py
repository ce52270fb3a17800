"""`FILE.delegate`, the explicit order of a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowloom.editor import delegate_file
from flowloom.errors import BadOrder

GOOD = {
    "": (["planning"], None, None),
    "  \n": (["planning"], None, None),
    "{}": (["planning"], None, None),
    '{"to": "coding"}': (["coding"], None, None),
    '{"to": ["coding", "review"], "timeout": 5, "reply": "plain"}': (["coding", "review"], 5, "plain"),
}


@pytest.mark.parametrize("text", GOOD)
def test_an_order_says_to_whom_how_long_and_how(text: str, tmp_path: Path) -> None:
    (tmp_path / "f.md.delegate").write_text(text)
    given = delegate_file.read(str(tmp_path / "f.md"))
    assert given is not None
    assert (given.names("planning"), given.timeout, given.reply) == GOOD[text]


def test_without_a_file_there_is_no_order(tmp_path: Path) -> None:
    assert delegate_file.read(str(tmp_path / "f.md")) is None


BAD = {
    '{"to": "coding",\n "tiemout": 5}': "line 2: unknown key 'tiemout'; known keys: to, timeout, reply",
    '{"to": 5}': "line 1: to:",
    '{\n\n"timeout": -1}': "line 3: timeout: Input should be greater than 0",
    '{"reply": "loud"}': "line 1: reply: Input should be 'headed' or 'plain'",
    '{"to": "x"': "line 1: not valid JSON",
    "[]": "line 1: the document: ",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_order_is_an_error_that_names_line_and_key(text: str, tmp_path: Path) -> None:
    path = tmp_path / "f.md.delegate"
    path.write_text(text)
    with pytest.raises(BadOrder) as raised:
        delegate_file.read(str(tmp_path / "f.md"))
    assert str(raised.value).startswith(f"{path}: {BAD[text]}")
    assert path.read_text() == text
