"""JSON for every hook call, by the part of the standard library's `json` that is written in C.

`json` itself loads `re` and `enum`: 7 ms, half of what a hook call may take. It uses this part in the same way, and
does the work where that part is missing or has changed. What is invalid is left to it, too: it says what is wrong.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_WHITESPACE = " \t\n\r"
_scan: Callable[[str, int], tuple[Any, int]] | None = None
_encoders: dict[tuple[bool, bool], Callable[[object, int], tuple[str, ...]]] = {}


class _Decoder:
    """What the scanner in C asks its decoder for, as `json.JSONDecoder` has it."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float = parse_constant = float
    parse_int = int


def _refuse(value: object) -> None:
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


try:
    import _json

    _scan = _json.make_scanner(_Decoder())  # type: ignore[arg-type]
    for _ascii, _string in ((False, _json.encode_basestring), (True, _json.encode_basestring_ascii)):
        for _sorted in (False, True):
            _encoder = _json.make_encoder(None, _refuse, _string, None, ": ", ", ", _sorted, False, True)
            _encoders[_ascii, _sorted] = _encoder
            "".join(_encoder({"a": [1, 2.0, None]}, 0))
    _scan('{"a": [1, 2.0, null]}', 0)
except (ImportError, AttributeError, TypeError):
    _scan = None


def loads(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is not valid; RecursionError where it is nested too deeply.
    """
    bare = text.strip(_WHITESPACE)
    if _scan is not None:
        try:
            value, end = _scan(bare, 0)
            if end == len(bare):
                return value
        except (StopIteration, SystemError, ValueError):
            pass  # below, `json` says what is wrong
    import json  # noqa: PLC0415 - see the module

    return json.loads(text)


def dumps(value: object, *, ascii_only: bool = False, sort_keys: bool = False) -> str:
    """Return a value as a JSON text in one line."""
    if _scan is not None:
        return "".join(_encoders[ascii_only, sort_keys](value, 0))
    import json  # noqa: PLC0415 - see the module

    return json.dumps(value, ensure_ascii=ascii_only, sort_keys=sort_keys)


def dumps_by_key(document: Mapping[str, object]) -> str:
    """Return a document as a JSON text with one key a line."""
    lines = [f" {dumps(key)}: {dumps(value)}" for key, value in document.items()]
    return "{\n" + ",\n".join(lines) + "\n}" if lines else "{}"
