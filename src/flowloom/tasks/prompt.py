"""The text of a prompt file: its draft, its route, and what stands in it for other text. Text in, values out."""

from __future__ import annotations

import re

from flowloom.store import layout

# Claude Code adds this block when `externalEditorContext` is on, and removes it on save.
REFERENCE_START = "# ─── Claude's last response"
REFERENCE_END = "# ─── Write your reply below this line"
# What Claude Code shows in place of a long paste or an image. It writes the paste itself into the file (2.1.197 to
# 2.1.329), but only this placeholder for an image; users have seen it for pastes too.
PLACEHOLDER = r"\[Pasted text #\d+(?: \+\d+ lines)?\]|\[\.\.\.Truncated text #\d+[^\]]*\]|\[Image #\d+\]"


def text(raw: bytes) -> str:
    """Return the draft in a prompt file, without the block of Claude Code's last response.

    Bytes that are not UTF-8 become surrogates, so that they can be written back.
    """
    text = raw.decode("utf-8", "surrogateescape")
    if text.startswith(REFERENCE_START):
        lines = text.split("\n")
        for number, line in enumerate(lines):
            if line.startswith(REFERENCE_END):
                return "\n".join(lines[number + 1 :])
            if not line.startswith("#"):
                break
    return text


def route(draft: str) -> tuple[str, str] | None:
    """Return the name after the first `@` and the prompt after it; None if the first word is not a route."""
    found = re.match(r"\s*@([A-Za-z0-9_.@/-]+?):?(?:\s+|$)", draft)
    if found is None or not re.fullmatch(rf"{layout.NAME}(@[a-z0-9_-]+)?", found.group(1)):
        return None
    return found.group(1), draft[found.end() :].rstrip("\n")


def placeholder(prompt: str) -> str | None:
    """Return the first placeholder in a prompt for text that is missing; None if there is none."""
    found = re.search(PLACEHOLDER, prompt)
    return found.group(0) if found else None
