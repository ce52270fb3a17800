"""What a project's flowloom.toml may set, and whether the person has agreed to it.

A repository that somebody cloned is hostile until its person agreed. Every key
has a rule here; one without a rule is never taken from a project (docs/decisions/0009).
"""

from __future__ import annotations

import json
import os
import re

from flowloom import files, foreign, paths
from flowloom.errors import BadFile, DamagedFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Literal

    When = Literal["never", "agreed", "always"]
    Check = Callable[[Any], str]

# An argument of a program may have 131,071 bytes on Linux, and FlowLoom's own text stands beside it.
PROMPT_BYTES = 100_000

NOT_A_PROJECTS = "a project never chooses this; put it into your own config.toml"
OUTSIDE = "it leads out of the project"
NOT_AGREED = "you have not agreed to it: flowloom trust"


def _any(_: object) -> str:
    """Take every value that has the right type."""
    return ""


def _session(value: str) -> str:
    """Refuse what tmux would expand (`#`), cut up (`.` and `:`), or take for an id (`$`, `@`, `%`) or a pattern."""
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
    return "" if re.fullmatch(paths.NAME, value) else f"{value!r} cannot be the name of an agent"


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


# For each key: when a project may set it, and what its value must be, whoever sets it.
POLICY: dict[str, tuple[When, Check]] = {
    # Decide what is run, or where: a person's own choice.
    "claude": ("never", _program),
    "args": ("never", _words),
    "session": ("never", _session),
    "tmux_socket": ("never", _socket),
    # It is about the replies of all projects.
    "keep_days": ("never", _any),
    "provider": ("agreed", _provider),
    "default_agent": ("agreed", _name),
    # How long a person's own draft is left alone.
    "typing_pause_s": ("agreed", _any),
    # Whether a left task that needs its person is told of.
    "announce": ("agreed", _any),
    "reply": ("always", _any),
    "no_route": ("always", _any),
    "timeout_s": ("always", _any),
    "park_s": ("always", _any),
    "agents.*": ("agreed", _any),
    "agents.*.role": ("agreed", _role),
    "agents.*.provider": ("agreed", _provider),
    "agents.*.dir": ("agreed", _path),
    "agents.*.prompt": ("agreed", _prompt),
    "agents.*.args": ("never", _words),
}
UNKNOWN: tuple[When, Check] = ("never", _any)


class Ignored:
    """One value of a project's file that is not in force, and why."""

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
    """Return the first (key, what is wrong) of a file's values, None where all may stand there.

    What a project never chooses is not looked at: it has no effect.
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


def sift(root: str, table: dict[str, Any], digest: str, owner: int) -> tuple[dict[str, Any], list[Ignored]]:
    """Return what of a project's file is in force, and what is not.

    `digest` is the sha256 of the file, `owner` the user id that it belongs to.
    """
    kept: dict[str, Any] = {"agents": {}}
    ignored: list[Ignored] = []
    agreed: bool | None = None
    for key, value in entries(table):
        when = rule(key)[0]
        why = NOT_A_PROJECTS if when == "never" else ""
        if when == "agreed":
            agreed = bool(agreed_by(root, digest, owner)) if agreed is None else agreed
            why = "" if agreed else NOT_AGREED
            if key.endswith(".dir") and not _inside(root, value):
                why = OUTSIDE
        if why:
            ignored.append(Ignored(key, value, why))
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
    """Tell whether a folder, with every link resolved, lies in the project."""
    real = os.path.realpath(os.path.join(root, directory))
    return real == root or real.startswith(f"{root.rstrip('/')}/")


def leads_out(root: str, directory: str) -> bool:
    """Tell whether a folder has its name in the project and lies elsewhere by a link."""
    return directory.startswith(f"{root.rstrip('/')}/") and not _inside(root, directory)


# Who agreed.


def agreed_by(root: str, digest: str, owner: int) -> str:
    """Return who says that the person agreed to a project's file: `flowloom trust` or Claude Code; empty for nobody.

    `flowloom trust` is about this very text: a later change asks again. Claude
    Code's answer is about the folder, and counts only for exactly this one, and
    only for a file that nobody but the person and root can have written.
    """
    try:
        known = files.read_json(_record(root)) or {}
    except DamagedFile:
        known = {}
    if known.get("root") == root and known.get("sha256") == digest:
        return "flowloom trust"
    return "Claude Code" if owner in (0, os.getuid()) and claude_trusts(root) else ""


def claude_trusts(root: str) -> bool:
    """Tell whether the person has answered Claude Code's question about trust for exactly this folder with yes.

    A trusted folder above it does not count, although Claude Code takes it for one.
    """
    path = f"{os.environ.get('CLAUDE_CONFIG_DIR') or os.path.expanduser('~')}/.claude.json"
    try:
        raw = foreign.read(path, foreign.STATE_BYTES)
        # The file grows to megabytes: it is parsed only where the folder stands in it at all.
        if raw is None or json.dumps(root, ensure_ascii=False).encode("utf-8", "surrogateescape") not in raw:
            return False
        document = json.loads(raw)
    except (BadFile, ValueError, RecursionError):
        return False
    projects = document.get("projects") if isinstance(document, dict) else None
    entry = projects.get(root) if isinstance(projects, dict) else None
    return isinstance(entry, dict) and entry.get("hasTrustDialogAccepted") is True


def agree(root: str, digest: str) -> None:
    """Note that the person agreed to what a project's file says now."""
    files.ensure_dir(f"{paths.ensure_home()}/trust")
    files.write_json(_record(root), {"root": root, "sha256": digest})


def take_back(root: str) -> bool:
    """Forget what the person agreed to by `flowloom trust`; tell whether there was something."""
    try:
        os.unlink(_record(root))
    except FileNotFoundError:
        return False
    return True


def _record(root: str) -> str:
    return f"{paths.home()}/trust/{files.sha256(root.encode('utf-8', 'surrogateescape'))[:32]}.json"
