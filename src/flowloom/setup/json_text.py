"""Edits to the text of a JSON document that leave every other character unchanged."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

# Position, old text, new text.
Edit = tuple[int, str, str]

_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class _Part:
    """One member of an object, or one item of an array, by its position in the text."""

    key: str | None
    start: int
    value_start: int
    end: int


def apply(text: str, edit: Edit) -> str:
    """Return the text after an edit."""
    at, old, new = edit
    return text[:at] + new + text[at + len(old) :]


def revert(text: str, edit: Edit) -> str:
    """Return the text before its last edit."""
    at, old, new = edit
    return apply(text, (at, new, old))


def set_value(text: str, path: list[str], value: object) -> Edit:
    """Return the edit that sets the member at `path` to a value, creating the objects above it if needed.

    The text must be a valid document, and whatever exists above the member an object.
    """
    at = _skip(text, 0)
    for depth, key in enumerate(path):
        parts, close = _parts(text, at)
        known = [part for part in parts if part.key == key]
        if not known:
            for inner in reversed(path[depth + 1 :]):
                value = {inner: value}
            return _insert(text, at, parts, close, value, key)
        at = known[-1].value_start
    end = known[-1].end
    return at, text[at:end], _rendered(text, at, value)


def append(text: str, path: list[str], value: object) -> Edit:
    """Return the edit that appends a value to the array at `path`, which must exist."""
    at = _find(text, path)
    parts, close = _parts(text, at)
    return _insert(text, at, parts, close, value, None)


def remove(text: str, path: list[str], item: object = None) -> Edit:
    """Return the edit that removes the member at `path`, or the last item equal to `item` from the array there."""
    at = _find(text, path if item is not None else path[:-1])
    parts, close = _parts(text, at)
    hits = [
        number
        for number, part in enumerate(parts)
        if (part.key == path[-1] if item is None else _DECODER.raw_decode(text, part.value_start)[0] == item)
    ]
    number = hits[-1]
    if number:
        start, end = parts[number - 1].end, parts[number].end
    elif len(parts) > 1:
        start, end = parts[0].start, parts[1].start
    else:
        start, end = at + 1, close
    return start, text[start:end], ""


def _find(text: str, path: list[str]) -> int:
    at = _skip(text, 0)
    for key in path:
        at = [part for part in _parts(text, at)[0] if part.key == key][-1].value_start
    return at


def _parts(text: str, at: int) -> tuple[list[_Part], int]:
    """Return the members or items of the object or array that opens at `at`, and where it closes."""
    closing = {"{": "}", "[": "]"}[text[at]]
    parts: list[_Part] = []
    at = _skip(text, at + 1)
    while text[at] != closing:
        start, key = at, None
        if closing == "}":
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        value_start = at
        _, at = _DECODER.raw_decode(text, at)
        parts.append(_Part(key, start, value_start, at))
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return parts, at


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _insert(text: str, opening: int, parts: list[_Part], close: int, value: object, key: str | None) -> Edit:
    """Return the edit that adds a member or item after the others, on its own line if they are."""
    if parts:
        before = text[parts[-2].end if len(parts) > 1 else opening + 1 : parts[-1].start]
        gap = before.partition(",")[2] if len(parts) > 1 else before
        gap = gap or (" " if ": " in text else "")
        at, old, lead, tail = parts[-1].end, "", "," + gap, ""
    else:
        newline = "\r\n" if "\r\n" in text else "\n"
        own = _indent(text, opening)
        gap, tail = newline + own + _unit(text), newline + own
        at, old, lead = opening + 1, text[opening + 1 : close], gap
    name = "" if key is None else json.dumps(key, ensure_ascii=False) + ": "
    indent = gap.rpartition("\n")[2] if "\n" in gap else None
    return at, old, lead + name + _dump(text, value, indent) + tail


def _rendered(text: str, at: int, value: object) -> str:
    return _dump(text, value, _indent(text, at))


def _dump(text: str, value: object, indent: str | None) -> str:
    """Return a value in the style of this text; on one line if `indent` is None."""
    if indent is None or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    newline = "\r\n" if "\r\n" in text else "\n"
    return json.dumps(value, ensure_ascii=False, indent=_unit(text)).replace("\n", newline + indent)


def _indent(text: str, at: int) -> str:
    """Return the indentation of the line that contains `at`."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    """Return the text's indentation step: that of the first indented line, else two spaces."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found.group(1) if found else "  "


def parse(text: str) -> dict[str, Any]:
    """Return a JSON document that must be an object.

    Raises:
        ValueError: it is not JSON, or not an object.
    """
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return document
