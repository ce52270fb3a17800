"""JSON without `json`: the same values, the same texts, the same errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowloom.store import quick_json
from flowloom.turns.states import State

VALUES: list[Any] = [
    {},
    [],
    {"a": 1, "b": [1.5, -2, True, None, "x"], "c": {"d": {}}},
    {"status": State.IDLE},
    'é\ud800-\udcff\x00\x1f\u2028 "\\/\n',
    10**30,
    1e300,
    float("inf"),
]
TEXTS = ['{"a": 1}', ' \n{"a" : [1.0, -1e5, 1E+2, "\\u00e9\\ud800"]}\t', "NaN", "-Infinity", '"x"', '{"a": 1, "a": 2}']
# What is cut off, has something behind it, or is no JSON at all.
INVALID = ["", " ", "{", '{"a" 1}', "[1,]", "x", "{}x", '"\x01"', '{"a": "b', "nul", "\ufeff{}", "[1 2]", '"\\x"']


@pytest.fixture(params=["in C", "by json"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is, and as it is where the part that is written in C is missing."""
    if request.param == "by json":
        monkeypatch.setattr(quick_json, "_scan", None)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_is_written_as_json_writes_it(value: Any) -> None:
    for ascii_only in (False, True):
        for sort_keys in (False, True):
            found = quick_json.dumps(value, ascii_only=ascii_only, sort_keys=sort_keys)
            assert found == json.dumps(value, ensure_ascii=ascii_only, sort_keys=sort_keys)
    document = {"first": value, "second key": [value]}
    text = quick_json.dumps_by_key(document)
    assert (json.loads(text), text.count("\n")) == (json.loads(json.dumps(document)), 3)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_as_json_reads_it(text: str) -> None:
    assert repr(quick_json.loads(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", INVALID)
def test_an_invalid_text_is_refused_as_json_refuses_it(text: str) -> None:
    with pytest.raises(json.JSONDecodeError) as theirs:
        json.loads(text)
    with pytest.raises(json.JSONDecodeError) as ours:
        quick_json.loads(text)
    assert str(ours.value) == str(theirs.value)


def test_what_is_no_json_is_not_written() -> None:
    with pytest.raises(TypeError):
        quick_json.dumps({"a": {1, 2}})
    with pytest.raises(RecursionError):
        quick_json.loads("[" * 100_000)


def test_an_invalid_text_is_refused_where_json_is_not_loaded_yet() -> None:
    code = f"""
import sys; sys.path.insert(0, {str(Path(quick_json.__file__).parents[2])!r})
from flowloom.store import quick_json
assert quick_json.loads('[1]') == [1] and 'json' not in sys.modules
for text in {INVALID!r}:
    for name in [name for name in sys.modules if name.split('.')[0] == 'json']:
        del sys.modules[name]
    try:
        quick_json.loads(text)
    except ValueError as error:
        print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["JSONDecodeError"] * len(INVALID)
