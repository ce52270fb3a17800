"""From the bytes of a terminal to the keys that a person pressed."""

from __future__ import annotations

import re

# An ESC with nothing after it for this long is the Esc key; an unfinished sequence is noise.
ESC_S = 0.05
# A person does not press more keys than this between two looks; a paste without brackets does.
BURST = 4
BURST_S = 0.1
PIECE_S = 0.02
# Compiled by the first key: that takes 0.4 ms, which no prompt should wait for.
SEQUENCE = (
    r"\x1b\[M(?s:...)"  # a mouse report of the oldest kind
    r"|\x1b\[(?!M)(?P<params>[0-?]*)[ -/]*(?P<final>[@-~])"
    r"|\x1bO."
    r"|\x1b[\]P_^][^\x07\x1b]*(?:\x07|\x1b\\)"  # what a terminal answers when it was asked about itself
    r"|\x1b[^\x1b\[O\]P_^]"  # with Alt
    r"|[^\x1b]"
)
CONTROL, RELEASED = 4, "3"
ARROWS = {"A": "up", "B": "down"}
PASTE_END = "\x1b[201~"
PASTE_END_BEGUN = [PASTE_END[:size] for size in range(len(PASTE_END) - 1, -1, -1)]


class Keys:
    """Turn a terminal's bytes into keys: characters, `^C` for control keys, `esc`, `enter`.

    Pastes, focus and mouse reports, a terminal's answers and unknown sequences
    are dropped, also where they come in pieces; so is text that comes faster
    than a person presses keys, which is a paste without brackets.
    """

    def __init__(self) -> None:
        self._held = ""
        self._held_at_s = 0.0
        self._pasting = False
        self._burst_at_s = -BURST_S
        # Where a line is typed, the characters of a paste count; its control keys do not, nor its line ends but one:
        # an Enter right behind fast typing, or at the end of a paste without brackets, takes the line.
        self.wants_text = False
        self._entered = False
        self._fed_at_s = -BURST_S

    def begin_line(self) -> None:
        """Take what comes from now on as a line of text of its own, whatever ended the one before."""
        self.wants_text = True
        self._entered = False

    @property
    def held(self) -> bool:
        """Tell whether a sequence has begun and not ended; feed again after ESC_S to know what it was."""
        return bool(self._held) and not self._pasting

    def feed(self, raw: bytes, now_s: float) -> list[str]:
        """Return the keys that these bytes complete; with none, an ESC held back long enough."""
        if not raw:
            if not self.held or now_s - self._held_at_s < ESC_S:
                return []
            held, self._held = self._held, ""
            return ["esc"] if held == "\x1b" else []
        text, self._held = self._held + raw.decode(errors="replace"), ""
        found: list[str] = []
        sequence, pasted = re.compile(SEQUENCE), 0
        while text:
            if self._pasting:
                body, end, rest = text.partition(PASTE_END)
                self._pasting = not end
                # Its end may come in pieces.
                self._held = "" if end else next(part for part in PASTE_END_BEGUN if text.endswith(part))
                kept = [each for each in body.removesuffix(self._held) if self.wants_text and each.isprintable()]
                found, pasted = found + kept, pasted + len(kept)
                text = rest
                continue
            match = sequence.match(text)
            if match is None and text.startswith("\x1b\x1b"):
                found.append("esc")
                text = text[1:]
                continue
            if match is None:
                self._held, self._held_at_s = text, now_s
                break
            text = text[match.end() :]
            if match.group(0) == "\x1b[200~":
                self._pasting = True
            else:
                found.append(key(match))
        pressed = [name for name in found if name]
        if sum(len(name) == 1 for name in pressed) - pasted > BURST:
            self._burst_at_s = now_s
        # The pieces of one paste follow each other at once, and hold no ^U: that begins a new line.
        self._entered = self._entered and now_s - self._fed_at_s < PIECE_S and "^U" not in pressed
        self._fed_at_s = now_s
        if now_s - self._burst_at_s >= BURST_S:
            return pressed
        if not self.wants_text:
            return [name for name in pressed if name == "^C"]
        enters = pressed.count("enter")
        last = enters == 1 and pressed[-1] == "enter" and not self._entered
        self._entered = self._entered or enters > 0
        counts = ("^C", "^U", *(["enter"] if last else []))
        return [name for name in pressed if name in counts or len(name) == 1]


def key(match: re.Match[str]) -> str:
    """Return the name of one key, nothing for what is none."""
    arrow = ARROWS.get(match.group(0)[-1]) if match.group(0)[:2] in ("\x1b[", "\x1bO") else None
    if arrow and match.group("params") in (None, "", "1"):
        return arrow
    if not match.group("final"):
        text = match.group(0)
        return name_of(ord(text)) if len(text) == 1 else ""
    params = [part.split(":") for part in match.group("params").split(";")]
    if match.group("final") == "u" and params[0][0].isdigit():
        code, modifiers = params[0][0], params[1] if len(params) > 1 else ["1"]
    elif match.group("final") == "~" and params[0][0] == "27" and len(params) == 3:
        code, modifiers = params[2][0], params[1]
    else:
        return ""
    if modifiers[1:] == [RELEASED] or not code.isdigit() or int(code) > 0x10FFFF:
        return ""
    pressed = int(modifiers[0] or 1) - 1 if modifiers[0].isdigit() else 0
    return name_of(int(code) & 0x1F if pressed & CONTROL and int(code) > 32 else int(code))


def name_of(code: int) -> str:
    """Return the name of the key that sends one character."""
    if code == 27:
        return "esc"
    if code in (10, 13):
        return "enter"
    if code == 127:
        return "backspace"
    if code < 32:
        return f"^{chr(code + 64)}"
    # The kitty protocol has the keys without a character in the private use area.
    return chr(code) if chr(code).isprintable() and code != 0xFFFD else ""
