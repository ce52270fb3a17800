"""The keys that Claude Code's `keybindings.json` leaves for what we press in its input box. Text in, values out.

Read on 2.1.197 and 2.1.330: the user's bindings stand behind the built-in ones and the last one of a key counts; `null`
unbinds it; one block of a wrong shape, and the whole file is ignored. Ctrl-C and Ctrl-D cannot be bound.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.providers.protocol import Keys

# What is built in, of the actions that we need: the key that we prefer stands first.
_BUILT_IN = {
    "enter": "chat:submit",
    "ctrl+s": "chat:stash",
    "ctrl+g": "chat:externalEditor",
    "ctrl+x ctrl+e": "chat:externalEditor",
}
_CONTEXTS = ("Chat", "Global")
_MODIFIERS = {"ctrl": 4, "control": 4, "shift": 1, "alt": 2, "opt": 2, "option": 2, "meta": 2}
_MODIFIERS |= dict.fromkeys(("cmd", "command", "super", "win"), 8)
# By Claude Code's names: tmux's, and the number that a terminal sends for the key together with modifiers.
_NAMED = {
    "enter": ("Enter", 13),
    "return": ("Enter", 13),
    "escape": ("Escape", 27),
    "esc": ("Escape", 27),
    "tab": ("Tab", 9),
    "space": ("Space", 32),
    "backspace": ("BSpace", 127),
    "pageup": ("PPage", 0),
    "pagedown": ("NPage", 0),
    "delete": ("DC", 0),
    **{name: (name.capitalize(), 0) for name in ("up", "down", "left", "right", "home", "end")},
    **{f"f{number}": (f"F{number}", 0) for number in range(1, 13)},
}


def read(text: str) -> Keys:
    """Return the tmux keys for each of our actions, none where no key is left that we can press."""
    bound = {_normal(key): action for key, action in [*_BUILT_IN.items(), *_users(text)]}
    found: Keys = {"submit": [], "stash": [], "edit": []}
    for name, action in (("submit", "chat:submit"), ("stash", "chat:stash"), ("edit", "chat:externalEditor")):
        # The built-in key first, then what the user has chosen; a key that begins a longer one only waits for its rest.
        for key in [key for key, does in bound.items() if does == action]:
            begins = any(other.startswith(f"{key} ") and does for other, does in bound.items())
            pressed = [_tmux_keys(part) for part in key.split(" ")]
            if all(pressed) and not begins:
                found[name] = [each for part in pressed for each in part]  # type: ignore[literal-required]
                break
    return found


def fault(text: str) -> str:
    """Return why Claude Code ignores this file and uses its own keys; empty where it does not."""
    try:
        document = json.loads(text)
    except ValueError as error:
        return f"it is not JSON: {error}"
    return "" if _blocks(document) is not None else "it holds no list of `bindings` with a context and its keys each"


def _users(text: str) -> list[tuple[str, str | None]]:
    """Return the user's bindings of the input box in their order; none where Claude Code ignores the file."""
    try:
        blocks = _blocks(json.loads(text)) if text else None
    except ValueError:
        return []
    bindings = [block["bindings"] for block in blocks or [] if block["context"] in _CONTEXTS]
    return [(key, action) for block in bindings for key, action in block.items()]


def _blocks(document: object) -> list[dict[str, Any]] | None:
    """Return the blocks of a file, None where one has a wrong shape."""
    blocks = document.get("bindings") if isinstance(document, dict) else None
    if not isinstance(blocks, list):
        return None
    for block in blocks:
        bindings = block.get("bindings") if isinstance(block, dict) else None
        if not isinstance(bindings, dict) or not isinstance(block.get("context"), str):
            return None
        if not all(action is None or isinstance(action, str) for action in bindings.values()):
            return None
    return blocks


def _normal(key: str) -> str:
    """Return one spelling of a key: `Control+S` and `ctrl+s` are the same."""
    return " ".join(_spelled(*_parsed(part)) for part in key.lower().split())


def _parsed(part: str) -> tuple[int, str]:
    """Return the modifiers of a key, as the sum that a terminal sends, and its name."""
    *before, name = part.rstrip("+").split("+") if len(part) > 1 else [part]
    mask = 0
    for word in before:
        mask |= _MODIFIERS.get(word, 0)
    return mask, {"return": "enter", "esc": "escape"}.get(name, name)


def _spelled(mask: int, name: str) -> str:
    return "+".join([*(word for word, bit in (("ctrl", 4), ("alt", 2), ("shift", 1), ("cmd", 8)) if mask & bit), name])


def _tmux_keys(part: str) -> list[str]:
    """Return what to tell tmux for one key; none where a terminal cannot send it, or it would type a character."""
    mask, name = _parsed(part)
    known, number = _NAMED.get(name, ("", 0))
    if mask & 8 or not (known or len(name) == 1) or (len(name) == 1 and not mask & 6):
        return []
    if not mask:
        return [known]
    if known and not number:
        return ["".join(letter for letter, bit in (("C-", 4), ("M-", 2), ("S-", 1)) if mask & bit) + known]
    # Ctrl-J sends what Claude Code takes for Enter, and others are Tab and Backspace.
    if mask == 4 and len(name) == 1 and name.isalpha() and name not in "hijm":
        return [f"C-{name}"]
    if mask == 2:
        return [f"M-{known or name}"]
    # As a terminal with extended keys sends it: `CSI number ; modifiers u`. tmux types what is no key of its own.
    return ["Escape", f"[{number or ord(name)};{mask + 1}u"]
