"""The settings files of Claude Code as they lie on this machine: who says what, and who wins."""

from __future__ import annotations

import glob
import os
import sys
from typing import Any

from flowloom import files, git
from flowloom.errors import DamagedFile

USER = "user"
MANAGED = "managed"


def config_dir() -> str:
    """Return the folder of the user's own Claude Code configuration."""
    return os.environ.get("CLAUDE_CONFIG_DIR") or os.path.expanduser("~/.claude")


def user_path() -> str:
    """Return the path of the user's own settings file."""
    return f"{config_dir()}/settings.json"


def managed_dir() -> str:
    """Return the folder of the settings that an administrator has set for everybody."""
    return "/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code"


def paths_for(directory: str) -> list[tuple[str, str]]:
    """Return (whose, path) of every settings file that counts in a directory, the weaker first."""
    root = git.project_root(directory)
    managed = managed_dir()
    project = f"{root}/.claude/settings.json"
    return [
        (USER, user_path()),
        # In the home folder they are one and the same.
        *([] if os.path.realpath(project) == os.path.realpath(user_path()) else [("project", project)]),
        ("local", f"{root}/.claude/settings.local.json"),
        (MANAGED, f"{managed}/managed-settings.json"),
        *((MANAGED, path) for path in sorted(glob.glob(f"{managed}/managed-settings.d/*.json"))),
    ]


def documents(directory: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (whose, path, document) of the files that exist; Claude Code skips one that is no JSON, and so do we."""
    found = []
    for whose, path in paths_for(directory):
        try:
            document = files.read_json(path)
        except (DamagedFile, OSError):
            continue
        if document is not None:
            found.append((whose, path, document))
    return found


def unreadable(directory: str) -> list[tuple[str, str]]:
    """Return (path, why) of the files that Claude Code will skip."""
    found = []
    for _, path in paths_for(directory):
        try:
            files.read_json(path)
        except (DamagedFile, OSError) as error:
            found.append((path, str(error)))
    return found


def variable(name: str, directory: str) -> tuple[str, str]:
    """Return the value of an environment variable as a Claude Code in a directory has it, and who set it there.

    Settings win over the shell. Empty strings where nobody set it.
    """
    value, whose = os.environ.get(name, ""), "the shell" if os.environ.get(name) else ""
    for _, path, document in documents(directory):
        env = document.get("env")
        if isinstance(env, dict) and isinstance(env.get(name), str):
            value, whose = env[name], path
    return value, whose
