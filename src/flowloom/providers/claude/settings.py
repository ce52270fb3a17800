"""Claude Code's settings: which files apply to a directory, which value wins, ours merged in. Values in, values out."""

from __future__ import annotations

import json
import os
import sys

from flowloom.errors import UsageError
from flowloom.providers.claude import dialect, home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Document = dict[str, Any]

USER = "user"
MANAGED = "managed"
# The valid values of `permissions.defaultMode`; Claude Code ignores any other.
MODES = ("default", "manual", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions")
# Up to this release, `settings.local.json` was read only in the directory. 2.1.329 and 2.1.330 also read that of
# the main checkout, which wins; which release changed this is unknown.
LOCAL_IN_DIRECTORY = (2, 1, 197)
# Either keeps our hooks from being run.
SILENCING = ("disableAllHooks", "allowManagedHooksOnly")
# The user's patience, not ours: a hook call takes 30 ms.
HOOK_LIMIT_S = 30


def managed_dir() -> str:
    """Return the folder of the settings that an administrator has set for all users."""
    return "/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code"


def files_for(environment: dict[str, str], directory: str, checkout: str, release: str = "") -> list[tuple[str, str]]:
    """Return (whose, path) of every settings file that applies to a Claude Code in a directory, the weakest first.

    Project settings are read in the directory itself, not in its parents (2.1.197 to 2.1.330). Without a
    release, a new one is assumed. A path that ends in `/*.json` stands for each such file.
    """
    managed = managed_dir()
    local = [f"{directory}/.claude/settings.local.json"]
    if _numbers(release) > LOCAL_IN_DIRECTORY and checkout != directory:
        local.append(f"{checkout}/.claude/settings.local.json")
    return [
        (USER, f"{home.folder(environment)}/settings.json"),
        ("project", f"{directory}/.claude/settings.json"),
        *(("local", path) for path in local),
        (MANAGED, f"{managed}/managed-settings.json"),
        (MANAGED, f"{managed}/managed-settings.d/*.json"),
    ]


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in release.split(".") if number.isdecimal()) or (sys.maxsize,)


def default_mode(documents: list[Document]) -> str:
    """Return the permission mode that a Claude Code starts in; empty if none of its settings sets one."""
    mode = ""
    for document in documents:
        permissions = document.get("permissions")
        said = permissions.get("defaultMode") if isinstance(permissions, dict) else None
        mode = said if said in MODES else mode
    return mode


def variable(name: str, environment: dict[str, str], documents: list[tuple[str, Document]]) -> tuple[str, str]:
    """Return the value of an environment variable as a Claude Code sees it, and where it is set.

    `documents` are its settings by their paths. They override the shell. Both are empty if it is not set.
    """
    value, whose = environment.get(name, ""), "the shell" if environment.get(name) else ""
    for path, document in documents:
        env = document.get("env")
        if isinstance(env, dict) and isinstance(env.get(name), str):
            value, whose = env[name], path
    return value, whose


def window_editor(
    environment: dict[str, str], documents: list[tuple[str, Document]], given: list[Document]
) -> str | None:
    """Return what VISUAL is in an agent's window, empty for nothing; None where an administrator has chosen it.

    `given` are the documents of the agent's own `--settings`, the weaker first.
    """
    value, whose = variable("VISUAL", environment, documents)
    if whose.startswith(managed_dir()):
        return None
    for document in given:
        value = str((document.get("env") or {}).get("VISUAL", value))
    return value


def silencing(documents: list[tuple[str, Document]]) -> str:
    """Return which of its settings keep hooks from being run, and in which file; empty for none."""
    for path, document in documents:
        for key in SILENCING:
            if document.get(key):
                return f"{path} has {key}"
    return ""


def split(args: list[str]) -> tuple[list[str], list[str]]:
    """Take every `--settings X` out of a user's arguments; return the rest, and each X.

    Claude Code honours one `--settings` only, and ours must be it.
    """
    rest, values = [], []
    words = iter(args)
    for word in words:
        if word == "--settings":
            values.append(next(words, ""))
        elif word.startswith("--settings="):
            values.append(word.partition("=")[2])
        else:
            rest.append(word)
    return rest, values


def path_of(value: str, directory: str, environment: dict[str, str]) -> str:
    """Return the file that the X of a `--settings X` names; empty where it is a document itself."""
    if value.lstrip().startswith("{"):
        return ""
    value = f"{environment.get('HOME', '~')}{value[1:]}" if value == "~" or value.startswith("~/") else value
    return os.path.join(directory, value)


def merged(hook: str, extra: list[Document]) -> Document:
    """Return the settings document that makes the agent speak, with the user's own documents merged in.

    Raises:
        UsageError: one of them would silence our hooks.
    """
    whole: Document = {}
    for document in extra:
        if document.get("disableAllHooks"):
            raise UsageError(
                "the --settings given turn all hooks off (disableAllHooks), and without hooks an agent cannot answer",
                hint="leave disableAllHooks out",
            )
        hooks, theirs = {**whole.get("hooks", {})}, document.get("hooks", {})
        if not isinstance(theirs, dict) or not all(isinstance(groups, list) for groups in theirs.values()):
            raise UsageError("the hooks in your --settings are not lists by event", hint="fix them")
        for event, groups in theirs.items():
            hooks[event] = [*hooks.get(event, []), *groups]
        if not isinstance(document.get("env", {}), dict):
            raise UsageError("the env in your --settings is not an object of variables", hint="fix it")
        env = {**whole.get("env", {}), **document.get("env", {})}
        whole = {**whole, **document, "hooks": hooks, **({"env": env} if env else {})}
    # A left arrow or /bg would move the session to the background, away from its window. 2.1.197 has this setting too.
    whole["disableAgentView"] = True
    hooks = whole.setdefault("hooks", {})
    for event in dialect.HOOKS:
        group: dict[str, Any] = {"hooks": [{"type": "command", "command": hook, "timeout": HOOK_LIMIT_S}]}
        hooks[event] = [*hooks.get(event, []), group]
    return whole


def documents(read: dict[str, bytes], files: list[tuple[str, str]]) -> list[tuple[str, Document]]:
    """Return (path, document) of the settings files that were read; Claude Code skips one that is not JSON."""
    found = []
    for _, path in files:
        folder = path.removesuffix("*.json")
        for each in sorted(read) if folder != path else [path]:
            document = parsed(read.get(each, b"")) if each.startswith(folder) else None
            if document is not None:
                found.append((each, document))
    return found


def parsed(raw: bytes) -> Document | None:
    """Return a settings document; None for what is none."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
