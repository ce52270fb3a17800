"""Claude Code's settings files on this machine: what each sets, and which one wins."""

from __future__ import annotations

import os
import sys

from flowloom.errors import BadFile, DamagedFile
from flowloom.ports import git
from flowloom.store import foreign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USER = "user"
MANAGED = "managed"
# The valid values of `permissions.defaultMode`; Claude Code ignores any other.
MODES = ("default", "manual", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions")
# Up to this release, `settings.local.json` was read only in the directory. 2.1.329 and 2.1.330 also read that of
# the main checkout, which wins; which release changed this is unknown.
LOCAL_IN_DIRECTORY = (2, 1, 197)


def config_dir() -> str:
    """Return the folder of the user's own Claude Code configuration."""
    return os.environ.get("CLAUDE_CONFIG_DIR") or os.path.expanduser("~/.claude")


def user_path() -> str:
    """Return the path of the user's own settings file."""
    return f"{config_dir()}/settings.json"


def managed_dir() -> str:
    """Return the folder of the settings that an administrator has set for all users."""
    return "/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code"


def paths_for(directory: str, release: str = "") -> list[tuple[str, str]]:
    """Return (whose, path) of every settings file that applies to a Claude Code in a directory, the weakest first.

    Project settings are read in the directory itself, not in its parents (2.1.197 to
    2.1.330). Without a release, a new one is assumed.
    """
    managed = managed_dir()
    project = f"{directory}/.claude/settings.json"
    local = [f"{directory}/.claude/settings.local.json"]
    root = git.project_root(directory)
    if _numbers(release) > LOCAL_IN_DIRECTORY and root != os.path.realpath(directory):
        local.append(f"{root}/.claude/settings.local.json")
    return [
        (USER, user_path()),
        # In the home folder, the project's file is the user's.
        *([] if os.path.realpath(project) == os.path.realpath(user_path()) else [("project", project)]),
        *(("local", path) for path in local),
        (MANAGED, f"{managed}/managed-settings.json"),
        *((MANAGED, path) for path in _parts(f"{managed}/managed-settings.d")),
    ]


def _parts(folder: str) -> list[str]:
    """Return the settings files in a folder. Not `glob`, which loads three modules on the way to every Ctrl-G."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [f"{folder}/{name}" for name in sorted(names) if name.endswith(".json") and not name.startswith(".")]


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in release.split(".") if number.isdecimal()) or (sys.maxsize,)


def default_mode(directory: str, release: str) -> str:
    """Return the permission mode that a Claude Code starts in; empty if no settings file sets one."""
    mode = ""
    for _, _, document in documents(directory, release):
        permissions = document.get("permissions")
        said = permissions.get("defaultMode") if isinstance(permissions, dict) else None
        mode = said if said in MODES else mode
    return mode


def documents(directory: str, release: str = "") -> list[tuple[str, str, dict[str, Any]]]:
    """Return (whose, path, document) of the files that exist; Claude Code skips one that is not JSON, and so do we."""
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
            commented = isinstance(error, DamagedFile) and has_comments(foreign.read(path, foreign.CONFIG_BYTES) or b"")
            found.append((path, f"{path} has comments" if commented else str(error)))
    return found


def has_comments(raw: bytes) -> bool:
    """Tell whether a settings file that is no valid JSON has comments, which Claude Code does not allow."""
    return any(line.lstrip().startswith((b"//", b"/*")) or b" // " in line for line in raw.splitlines())


def variable(name: str, directory: str) -> tuple[str, str]:
    """Return the value of an environment variable as a Claude Code in a directory sees it, and where it is set.

    Settings override the shell. Both are empty if it is not set.
    """
    value, whose = os.environ.get(name, ""), "the shell" if os.environ.get(name) else ""
    for _, path, document in documents(directory):
        env = document.get("env")
        if isinstance(env, dict) and isinstance(env.get(name), str):
            value, whose = env[name], path
    return value, whose


def window_editor(directory: str, given: list[dict[str, Any]]) -> str | None:
    """Return what VISUAL is in an agent's window, empty for nothing; None where an administrator has chosen it.

    `given` are the documents of the agent's own `--settings`, the weaker first.
    """
    value, whose = variable("VISUAL", directory)
    if whose.startswith(managed_dir()):
        return None
    for document in given:
        value = str((document.get("env") or {}).get("VISUAL", value))
    return value
