"""What a project's flowloom.toml may set, and whether the user has agreed to it.

A cloned repository counts as hostile until the user agrees. Every key has a rule here; a
key without a rule is never taken from a project (docs/decisions/0009).
"""

from __future__ import annotations

import json
import os
import re
import stat

from flowloom.errors import BadFile, DamagedFile
from flowloom.store import files, foreign, layout, state_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Literal

    When = Literal["never", "agreed", "always"]
    Check = Callable[[Any], str]

# One argument of a program may have 131,071 bytes on Linux, and FlowLoom adds its own text.
PROMPT_BYTES = 100_000

NOT_A_PROJECTS = "a project cannot set this; set it in your own config.toml"
OUTSIDE = "it is outside the project"
NOT_AGREED = "you have not agreed to it: flowloom trust"


def _any(_: object) -> str:
    """Accept every value of the right type."""
    return ""


def _session(value: str) -> str:
    """Refuse what tmux would expand (`#`), split (`.` and `:`), or read as an id (`$`, `@`, `%`) or a pattern."""
    good = value[:1].isalnum() and not value.endswith(" ") and all(each.isalnum() or each in " _-" for each in value)
    return "" if good else f"{value!r} cannot be the name of a tmux session: use letters, digits, spaces, - and _"


def _socket(value: str) -> str:
    good = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,79}", value)
    return "" if good else f"{value!r} cannot be the name of a tmux socket: use letters, digits, - and _"


def _program(value: str) -> str:
    return "" if value.strip() and "\0" not in value else f"{value!r} cannot be a program"


def _path(value: str) -> str:
    return "" if value and "\0" not in value else f"{value!r} cannot be a folder"


def _name(value: str) -> str:
    return "" if re.fullmatch(layout.NAME, value) else f"{value!r} is not a valid agent name"


def _role(value: str) -> str:
    good = re.fullmatch(r"\w[\w -]{0,39}", value)
    return "" if good else f"{value!r} cannot be a role: use up to 40 letters, digits, spaces, - and _"


def _provider(value: str) -> str:
    good = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", value)
    return "" if good else f"{value!r} cannot be the name of a provider"


def _words(value: list[str]) -> str:
    return "" if not any("\0" in word for word in value) else "an argument cannot hold a NUL character"


def _prompt(value: str) -> str:
    if "\0" in value:
        return "it holds a NUL character"
    size = len(value.encode("utf-8", "replace"))
    return f"it has {size} bytes; {PROMPT_BYTES} are allowed" if size > PROMPT_BYTES else ""


# For each key: when a project may set it, and the check of its value from any source.
POLICY: dict[str, tuple[When, Check]] = {
    # These decide what runs, or where: only the user may choose.
    "claude": ("never", _program),
    "args": ("never", _words),
    "session": ("never", _session),
    "tmux_socket": ("never", _socket),
    # This applies to the replies of all projects.
    "keep_days": ("never", _any),
    "provider": ("agreed", _provider),
    "default_agent": ("agreed", _name),
    # How long the user's own draft is left alone.
    "typing_pause_s": ("agreed", _any),
    # How long the user's own commands wait, and whether Ctrl-G opens the palette.
    "timeout_s": ("agreed", _any),
    "park_s": ("agreed", _any),
    "no_route": ("agreed", _any),
    # Whether a task that was left is announced.
    "announce": ("agreed", _any),
    "reply": ("always", _any),
    "agents.*": ("agreed", _any),
    "agents.*.role": ("agreed", _role),
    "agents.*.provider": ("agreed", _provider),
    "agents.*.dir": ("agreed", _path),
    "agents.*.prompt": ("agreed", _prompt),
    "agents.*.args": ("never", _words),
}
UNKNOWN: tuple[When, Check] = ("never", _any)


class IgnoredValue:
    """One value of a project's file that has no effect, and why."""

    __slots__ = ("key", "value", "why")

    def __init__(self, key: str, value: object, why: str) -> None:
        self.key, self.value, self.why = key, value, why


def rule(key: str) -> tuple[When, Check]:
    """Return when a project may set a key, and the check of its value."""
    head, _, rest = key.partition(".")
    if head == "agents":
        _, _, field = rest.partition(".")
        key = f"agents.*.{field}" if field else "agents.*"
    return POLICY.get(key, UNKNOWN)


def entries(table: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every (key, value) that a checked file sets; `agents.NAME` stands for a table without keys."""
    for key, value in table.items():
        if key != "agents":
            yield key, value
    for name, agent in table.get("agents", {}).items():
        if not agent:
            yield f"agents.{name}", {}
        for key, value in agent.items():
            yield f"agents.{name}.{key}", value


def fault(table: dict[str, Any], *, of_project: bool) -> tuple[str, str] | None:
    """Return the first invalid value of a file as (key, problem); None if all are valid.

    Values that a project may never set are not checked: they have no effect.
    """
    for name in table.get("agents", {}):
        if _name(name):
            return f"agents.{name}", _name(name)
    for key, value in entries(table):
        when, check = rule(key)
        why = "" if of_project and when == "never" else check(value)
        if why:
            return key, why
    return None


def sift(root: str, table: dict[str, Any], digest: str, of: list[int]) -> tuple[dict[str, Any], list[IgnoredValue]]:
    """Return which values of a project's file take effect, and which do not.

    `digest` is the sha256 of the file, `of` the user id that it belongs to and its mode.
    """
    kept: dict[str, Any] = {"agents": {}}
    ignored: list[IgnoredValue] = []
    agreed: bool | None = None
    for key, value in entries(table):
        when = rule(key)[0]
        why = NOT_A_PROJECTS if when == "never" else ""
        if when == "agreed":
            agreed = bool(agreed_by(root, digest, of)) if agreed is None else agreed
            why = "" if agreed else NOT_AGREED
            if key.endswith(".dir") and not _inside(root, value):
                why = OUTSIDE
        if why:
            ignored.append(IgnoredValue(key, value, why))
        if not key.startswith("agents."):
            if not why:
                kept[key] = value
            continue
        _, name, field = (*key.split(".", 2), "")[:3]
        if agreed:
            agent = kept["agents"].setdefault(name, {})
            if field and not why:
                agent[field] = os.path.join(root, value) if field == "dir" else value
    return kept, ignored


def _inside(root: str, directory: str) -> bool:
    """Tell whether a folder, with every link resolved, is inside the project."""
    real = os.path.realpath(os.path.join(root, directory))
    return real == root or real.startswith(f"{root.rstrip('/')}/")


def leads_out(root: str, directory: str) -> bool:
    """Tell whether a path inside the project leads out of it through a link."""
    return directory.startswith(f"{root.rstrip('/')}/") and not _inside(root, directory)


# Who agreed.


def agreed_by(root: str, digest: str, of: list[int]) -> str:
    """Return how the user agreed to a project's file: `flowloom trust` or Claude Code; empty if they did not.

    `flowloom trust` applies to exactly this text: a later change asks again. Claude
    Code's answer applies to the folder. It counts only for exactly this folder, and only
    if the file belongs to the user or to root and not everybody may write to it.
    """
    try:
        known = files.read_json(_record(root)) or {}
    except DamagedFile:
        known = {}
    if known.get("root") == root and known.get("sha256") == digest:
        return "flowloom trust"
    owner, mode = of or [0, 0]
    own = owner in (0, os.getuid()) and not mode & stat.S_IWOTH
    return "Claude Code" if own and claude_trusts(root) else ""


def claude_trusts(root: str) -> bool:
    """Tell whether the user has accepted Claude Code's trust prompt for exactly this folder.

    A trusted parent folder does not count here, although it does for Claude Code.
    """
    path = f"{os.environ.get('CLAUDE_CONFIG_DIR') or os.path.expanduser('~')}/.claude.json"
    try:
        raw = foreign.read(path, foreign.STATE_BYTES)
        # The file grows to megabytes, so parse it only if it contains the folder's name.
        if raw is None or json.dumps(root, ensure_ascii=False).encode("utf-8", "surrogateescape") not in raw:
            return False
        document = json.loads(raw)
    except (BadFile, ValueError, RecursionError):
        return False
    projects = document.get("projects") if isinstance(document, dict) else None
    entry = projects.get(root) if isinstance(projects, dict) else None
    return isinstance(entry, dict) and entry.get("hasTrustDialogAccepted") is True


def agree(root: str, digest: str) -> None:
    """Record that the user agreed to the project's file as it is now."""
    state_folder.ensure()
    files.ensure_dir(state_folder.trusted_dir())
    files.write_json(_record(root), {"root": root, "sha256": digest})


def take_back(root: str) -> bool:
    """Forget what the user agreed to with `flowloom trust`; return whether there was anything."""
    try:
        os.unlink(_record(root))
    except FileNotFoundError:
        return False
    return True


def _record(root: str) -> str:
    return state_folder.trusted(files.sha256(root.encode("utf-8", "surrogateescape"))[:32])
