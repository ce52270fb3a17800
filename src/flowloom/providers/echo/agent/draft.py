"""The text in the input box, before it is submitted."""

from __future__ import annotations

from flowloom.providers.echo.agent.text import CLEAN

SHOWN_LINES, SHOWN_CHARS = 3, 800


class Draft:
    """The text in the box: pieces typed and pasted, the long ones shown as a mark."""

    def __init__(self, text: str = "") -> None:
        self.pieces: list[tuple[str, bool]] = [(text, False)] if text else []

    def text(self) -> str:
        """Return the whole text, as it will be submitted."""
        return "".join(text for text, _ in self.pieces)

    def shown(self) -> str:
        """Return the text with each long piece as `[Pasted text #1 +N lines]`."""
        parts, marks = [], 0
        for text, _ in self.pieces:
            if is_long(text):
                marks += 1
                lines = text.count("\n")
                text = f"[Pasted text #{marks}{f' +{lines} lines' if lines else ''}]"
            parts.append(text)
        return "".join(parts).translate(CLEAN)

    def add(self, text: str, pasted: bool = False) -> None:
        """Append to the end; what is typed stays apart from what is pasted."""
        if self.pieces and not pasted and not self.pieces[-1][1]:
            text = self.pieces.pop()[0] + text
        if text:
            self.pieces.append((text, pasted))

    def rub_out(self) -> str:
        """Remove the last character, or a long piece whole, and return it."""
        if not self.pieces:
            return ""
        text, pasted = self.pieces.pop()
        gone = text if is_long(text) else text[-1]
        if gone != text:
            self.pieces.append((text[:-1], pasted))
        return gone

    def clear_line(self) -> None:
        """Remove the last line; when that is empty already, the newline before it."""
        if self.rub_out() == "\n":
            return
        while self.pieces and (is_long(self.pieces[-1][0]) or self.pieces[-1][0][-1] != "\n"):
            self.rub_out()

    def continue_line(self) -> bool:
        r"""Turn a `\` at the end into a newline; say whether there was one."""
        if not self.pieces or not self.pieces[-1][0].endswith("\\"):
            return False
        text, pasted = self.pieces.pop()
        self.add(text[:-1], pasted)
        self.add("\n")
        return True


def is_long(text: str) -> bool:
    """Say whether a piece is shown as a mark only."""
    return len(text) > SHOWN_CHARS or text.count("\n") >= SHOWN_LINES
