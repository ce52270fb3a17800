"""What the terminal sends: keys, typed text and bracketed pastes, wherever its bytes are cut."""

from __future__ import annotations

import re

PASTE, PASTE_END = b"\x1b[200~", b"\x1b[201~"
TOKEN = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO[ -~]|\x1b\r|[^\x00-\x1f\x7f]+|.", re.S)
UNFINISHED = re.compile(rb"\x1b(\[[0-?]*[ -/]*|O)?")


class Keys:
    """Turn the terminal's bytes into (kind, text): `text`, `paste` or `key`."""

    def __init__(self) -> None:
        self.held = bytearray()
        self.pasting = False
        self.looked = 0

    def feed(self, data: bytes) -> list[tuple[str, str]]:
        """Return what these bytes complete and hold back the rest."""
        self.held += data
        found = []
        while self.held and (self.pasting or not UNFINISHED.fullmatch(self.held)):
            if self.pasting:
                end = self.held.find(PASTE_END, self.looked)
                if end < 0:
                    # The mark may be cut by the end of a chunk; what is before it is never searched twice.
                    self.looked = max(0, len(self.held) - len(PASTE_END) + 1)
                    break
                # tmux sends a pasted newline as CR.
                found.append(("paste", self.held[:end].decode(errors="replace").replace("\r", "\n")))
                del self.held[: end + len(PASTE_END)]
                self.pasting, self.looked = False, 0
                continue
            token = TOKEN.match(self.held)[0]  # type: ignore[index]  # its last branch takes anything
            if token[0] >= 0x20 and len(token) == len(self.held):
                token = token[: len(token) - cut_off(token)]
                if not token:
                    break
            del self.held[: len(token)]
            self.pasting = token == PASTE
            if not self.pasting:
                kind = "text" if token[0] >= 0x20 and token[0] != 0x7F else "key"
                found.append((kind, token.decode(errors="replace")))
        return found

    def waits_for_esc(self) -> bool:
        """Say whether an ESC is held that may be a key or a sequence's first byte."""
        return not self.pasting and self.held[:1] == b"\x1b"

    def take_esc(self) -> list[tuple[str, str]]:
        """Give up waiting: the ESC was the key, and what came behind it was typed."""
        rest = bytes(self.held[1:])
        self.held.clear()
        return [("key", "\x1b"), *self.feed(rest)]


def cut_off(run: bytes) -> int:
    """Count the bytes at the end of the run that begin an unfinished UTF-8 character."""
    for back in range(1, min(3, len(run)) + 1):
        byte = run[-back]
        if byte >= 0xC0:
            return back if back < 2 + (byte >= 0xE0) + (byte >= 0xF0) else 0
        if byte < 0x80:
            break
    return 0
