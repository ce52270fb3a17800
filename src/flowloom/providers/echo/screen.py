"""The echo agent's window, which shows the box and the dialogs of Claude Code."""

from __future__ import annotations

import re

from flowloom.providers.claude import screen as claude

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.providers.protocol import Screen

refusal = claude.refusal
towards = claude.towards
shows = claude.shows


def read(screen: str) -> Screen:
    """Return what the screen shows; its footer says when it works."""
    seen = claude.read(screen)
    seen["busy"] = bool(re.search(r"echo · esc to interrupt", screen))
    return seen


def limit(screen: str) -> str:
    """Return nothing: it has no limits."""
    return ""
