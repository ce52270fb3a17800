"""What a user's keybindings.json leaves us, as a table of files and keys."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowloom.providers.claude import keys

OWN = {"submit": ["Enter"], "stash": ["C-s"], "edit": ["C-g"]}


def chat(**bindings: Any) -> str:
    return json.dumps({"bindings": [{"context": "Chat", "bindings": bindings}]})


FILES: dict[str, tuple[str, dict[str, list[str]]]] = {
    "none": ("", {}),
    "no JSON": ("{", {}),
    "another shape": ('{"bindings": {"Chat": {"enter": "chat:newline"}}}', {}),
    "one block of a wrong shape spoils all": (
        '{"bindings": [{"context": "Chat", "bindings": {"enter": null}}, {"context": "Chat"}]}',
        {},
    ),
    "another context": ('{"bindings": [{"context": "Select", "bindings": {"enter": null}}]}', {}),
    "everywhere": ('{"bindings": [{"context": "Global", "bindings": {"ctrl+s": "app:redraw"}}]}', {"stash": []}),
    "unbound": (chat(**{"enter": None, "ctrl+s": None}), {"submit": [], "stash": []}),
    "Enter and Ctrl-J exchanged": (
        chat(**{"enter": "chat:newline", "ctrl+j": "chat:submit"}),
        {"submit": ["Escape", "[106;5u"]},
    ),
    "one more key": (chat(**{"ctrl+j": "chat:submit"}), {}),
    "other spellings": (
        chat(**{"Return": "chat:newline", "Control+Enter": "chat:submit"}),
        {"submit": ["Escape", "[13;5u"]},
    ),
    "a key with Shift": (chat(**{"enter": None, "shift+enter": "chat:submit"}), {"submit": ["Escape", "[13;2u"]}),
    "a key with Alt": (chat(**{"enter": None, "alt+enter": "chat:submit"}), {"submit": ["M-Enter"]}),
    "a key that no terminal sends": (chat(**{"enter": None, "cmd+enter": "chat:submit"}), {"submit": []}),
    "a letter, which would be typed": (chat(**{"ctrl+s": None, "s": "chat:stash"}), {"stash": []}),
    "the editor's other key": (chat(**{"ctrl+g": "chat:undo"}), {"edit": ["C-x", "C-e"]}),
    "no key for the editor": (chat(**{"ctrl+g": None, "ctrl+x ctrl+e": None}), {"edit": []}),
    "a function key": (chat(**{"ctrl+s": None, "shift+f5": "chat:stash"}), {"stash": ["S-F5"]}),
    "a chord": (chat(**{"ctrl+s": None, "ctrl+x s": "chat:stash"}), {"stash": []}),
    "a chord of two keys": (chat(**{"ctrl+s": None, "ctrl+k ctrl+s": "chat:stash"}), {"stash": ["C-k", "C-s"]}),
    "a key that begins a chord": (chat(**{"ctrl+s ctrl+a": "chat:undo", "f2": "chat:stash"}), {"stash": ["F2"]}),
    "a chord that is unbound": (chat(**{"ctrl+s ctrl+a": None}), {}),
}


@pytest.mark.parametrize("name", FILES)
def test_the_keys_that_are_left_are_found(name: str) -> None:
    text, changed = FILES[name]
    assert keys.read(text) == {**OWN, **changed}


@pytest.mark.parametrize(("text", "why"), [("{", "not JSON"), ('{"bindings": 1}', "no list"), (chat(enter=None), "")])
def test_a_file_that_counts_for_nothing_is_told(text: str, why: str) -> None:
    said = keys.fault(text)
    assert (why in said) if why else said == ""
