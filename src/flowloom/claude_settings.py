"""The settings files of Claude Code as they lie on this machine: who says what, and who wins."""

from __future__ import annotations

import glob
import os
import sys
from typing import Any

from flowloom import foreign, git
from flowloom.errors import BadFile, DamagedFile

USER = "user"
MANAGED = "managed"
# What `permissions.defaultMode` can be; Claude Code skips any other word.
MODES = ("default", "manual", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions")
# Up to this release `settings.local.json` was read in the directory alone. Where that changed is
# not known: 2.1.329 and 2.1.330 read that of the main checkout too, which wins.
LOCAL_IN_DIRECTORY = (2, 1, 197)


def config_dir() -> str:
    """Return the folder of the user's own Claude Code configuration."""
    return os.environ.get("CLAUDE_CONFIG_DIR") or os.path.expanduser("~/.claude")


def user_path() -> str:
    """Return the path of the user's own settings file."""
    return f"{config_dir()}/settings.json"


def managed_dir() -> str:
    """Return the folder of the settings that an administrator has set for everybody."""
    return "/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code"


def paths_for(directory: str, release: str = "") -> list[tuple[str, str]]:
    """Return (whose, path) of every settings file that counts for a Claude Code in a directory, the weaker first.

    A project's are read in the directory itself and not above it (2.1.197 to
    2.1.330). Without a release it is a new one.
    """
    managed = managed_dir()
    project = f"{directory}/.claude/settings.json"
    local = [f"{directory}/.claude/settings.local.json"]
    root = git.project_root(directory)
    if _numbers(release) > LOCAL_IN_DIRECTORY and root != os.path.realpath(directory):
        local.append(f"{root}/.claude/settings.local.json")
    return [
        (USER, user_path()),
        # In the home folder they are one and the same.
        *([] if os.path.realpath(project) == os.path.realpath(user_path()) else [("project", project)]),
        *(("local", path) for path in local),
        (MANAGED, f"{managed}/managed-settings.json"),
        *((MANAGED, path) for path in sorted(glob.glob(f"{managed}/managed-settings.d/*.json"))),
    ]


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in release.split(".") if number.isdecimal()) or (sys.maxsize,)


def default_mode(directory: str, release: str) -> str:
    """Return the permission mode that a Claude Code starts in; empty where no settings file says one."""
    mode = ""
    for _, _, document in documents(directory, release):
        permissions = document.get("permissions")
        said = permissions.get("defaultMode") if isinstance(permissions, dict) else None
        mode = said if said in MODES else mode
    return mode


def documents(directory: str, release: str = "") -> list[tuple[str, str, dict[str, Any]]]:
    """Return (whose, path, document) of the files that exist; Claude Code skips one that is no JSON, and so do we."""
    found = []
    for whose, path in paths_for(directory, release):
        try:
            document = foreign.read_json(path, foreign.CONFIG_BYTES)
        except (DamagedFile, BadFile):
            continue
        if document is not None:
            found.append((whose, path, document))
    return found


def unreadable(directory: str) -> list[tuple[str, str]]:
    """Return (path, why) of the files that Claude Code will skip."""
    found = []
    for _, path in paths_for(directory):
        try:
            foreign.read_json(path, foreign.CONFIG_BYTES)
        except (DamagedFile, BadFile) as error:
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
