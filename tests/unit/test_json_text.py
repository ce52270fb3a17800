"""Edits to a JSON text: the document changes as asked, every other character stays, and each edit can be reverted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowloom.setup import json_text

CASES = [
    ("{}", ["a"], 1, '{\n  "a": 1\n}'),
    ("{ }\n", ["a"], 1, '{\n  "a": 1\n}\n'),
    ('{"a": 1}', ["b"], "x", '{"a": 1, "b": "x"}'),
    ('{"a":1}', ["b"], {"c": 1}, '{"a":1,"b": {"c": 1}}'),
    ('{"a": 1}', ["a"], 2, '{"a": 2}'),
    ('{\n\t"a": 1\n}', ["b", "c"], 2, '{\n\t"a": 1,\n\t"b": {\n\t\t"c": 2\n\t}\n}'),
    ('{\n    "b": {}\n}', ["b", "c"], 2, '{\n    "b": {\n        "c": 2\n    }\n}'),
    ('{\r\n  "a": 1\r\n}\r\n', ["b"], [1], '{\r\n  "a": 1,\r\n  "b": [\r\n    1\r\n  ]\r\n}\r\n'),
    ('{"a": 1, "a": 2}', ["a"], 3, '{"a": 1, "a": 3}'),
    ('{"q\\"{": "}", "ü": 1}', ["ü"], "é", '{"q\\"{": "}", "ü": "é"}'),
]


@pytest.mark.parametrize(("text", "path", "value", "wanted"), CASES)
def test_a_value_is_set_where_the_text_would_have_it(text: str, path: list[str], value: object, wanted: str) -> None:
    edit = json_text.set_value(text, path, value)
    assert json_text.apply(text, edit) == wanted
    assert json_text.revert(wanted, edit) == text


@pytest.mark.parametrize(
    ("text", "path", "item", "wanted"),
    [
        ('{"a": 1, "b": 2}', ["a"], None, '{"b": 2}'),
        ('{"a": 1, "b": 2}', ["b"], None, '{"a": 1}'),
        ('{\n "a": {\n  "b": 1\n }\n}', ["a", "b"], None, '{\n "a": {}\n}'),
        ('{"a": ["x", "y", "x"]}', ["a"], "x", '{"a": ["x", "y"]}'),
        ('{"a": [\n "x",\n "y"\n]}', ["a"], "x", '{"a": [\n "y"\n]}'),
    ],
)
def test_what_is_removed_takes_its_comma_along(text: str, path: list[str], item: object, wanted: str) -> None:
    edit = json_text.remove(text, path, item)
    assert json_text.apply(text, edit) == wanted
    assert json_text.revert(wanted, edit) == text


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.text(max_size=3), values, max_size=4)


@given(objects, st.text(max_size=3), values, st.sampled_from([None, 1, 4, "\t"]), st.booleans())
def test_any_document_gets_any_member_and_loses_it_again(
    document: dict[str, Any], key: str, value: object, indent: int | str | None, ascii_only: bool
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    edit = json_text.set_value(text, [key], value)
    after = json_text.apply(text, edit)
    assert json.loads(after) == {**document, key: value}
    assert json_text.revert(after, edit) == text
    assert json.loads(json_text.apply(after, json_text.remove(after, [key]))) == {
        name: was for name, was in document.items() if name != key
    }


@given(st.lists(st.text(max_size=3), max_size=4), st.text(max_size=3), st.sampled_from([None, 2]))
def test_any_list_gets_an_item_at_its_end(items: list[str], item: str, indent: int | None) -> None:
    text = json.dumps({"p": {"allow": items}}, indent=indent)
    edit = json_text.append(text, ["p", "allow"], item)
    after = json_text.apply(text, edit)
    assert json.loads(after) == {"p": {"allow": [*items, item]}}
    assert json_text.revert(after, edit) == text
