"""Where Claude Code keeps its files."""

from __future__ import annotations


def folder(environment: dict[str, str]) -> str:
    """Return the folder of a user's Claude Code: its settings, key bindings, sessions and conversations."""
    return environment.get("CLAUDE_CONFIG_DIR") or f"{environment.get('HOME', '')}/.claude"
