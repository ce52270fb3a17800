"""What `flowloom setup` changes outside of FlowLoom's own folder, and how all of it is taken back.

A plan is made first and changes nothing; it is shown, then applied. What was
changed is written down in `setup.json` before it is changed: for the settings
file the edits themselves, which lead back to the very same bytes as long as
nothing else changes the file, and each value that was there before, for when
something does.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import flowloom
from flowloom.agents import hook_shims
from flowloom.chief import settings_files
from flowloom.errors import FlowLoomError
from flowloom.setup import json_text
from flowloom.store import files, layout, state_folder

RULES = [f"Bash(flowloom {command}:*)" for command in ("ask", "wait", "reply", "agents", "tasks")]
EDITORS = ("VISUAL", "EDITOR")
REAL_EDITOR = "FLOWLOOM_EDITOR"
# Part of every path of ours that stands for an editor, and of no real editor's.
OURS = "hooks/editor"
# Where in the settings ours goes, and what must stand there if anything does.
PLACES = {"env": dict, "permissions": dict, "permissions.allow": list}


@dataclass(frozen=True)
class FileEdit:
    """One file as it is and as it is to be; None where there is none."""

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = 0o644


@dataclass
class SetupPlan:
    """What would be done. `refused` cannot be done, and says what to do by hand; `notes` are good to know."""

    record: dict[str, Any]
    changes: list[FileEdit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def read_record() -> dict[str, Any]:
    """Return the record of what was changed, an empty one where nothing was.

    Raises:
        DamagedFile: it cannot be believed.
    """
    return files.read_json(state_folder.setup_record()) or {"version": 1, "files": {}, "settings": {}}


def carried(name: str) -> str:
    """Return the path of a file that the wheel carries, or the checkout has."""
    here = os.path.dirname(os.path.abspath(flowloom.__file__))
    packaged = f"{here}/{name}"
    return packaged if os.path.exists(packaged) else os.path.abspath(f"{here}/../../{name}")


def plan_setup(directory: str, completions: dict[str, str]) -> SetupPlan:
    """Return what makes Ctrl-G work for Claude Code; `completions` are scripts for a shell, by its name.

    Raises:
        FlowLoomError: the path of the state folder cannot stand in VISUAL.
    """
    plan = SetupPlan(copy.deepcopy(read_record()))
    stub, text = hook_shims.editor_stub()
    if not all(character.isalnum() or character in "/._-+@%" for character in stub):
        raise FlowLoomError(
            f"Claude Code cannot run {stub}: it starts its editor through a shell",
            hint="set FLOWLOOM_HOME to a path of letters, digits and /._-+@% only",
        )
    _plan_file(plan, stub, text, mode=0o700)
    skill = files.read(carried("skills/flowloom/SKILL.md")) or b""
    _plan_file(plan, f"{settings_files.config_dir()}/skills/flowloom/SKILL.md", skill)
    for shell, script in completions.items():
        path = _completion_path(shell)
        if path and shutil.which(shell):
            _plan_file(plan, path, script.encode())
    _plan_settings(plan, stub)
    plan.notes += _zsh()
    if not shutil.which("flowloom"):
        plan.notes.append("flowloom is not on your PATH; completion, and `flowloom ask` in Claude Code, need it there")
    plan.notes += _overridden(directory, stub)
    return plan


def _zsh() -> list[str]:
    """Return what a user of zsh, who has no completion yet, has to add by hand."""
    path = f"{os.environ.get('ZDOTDIR') or os.path.expanduser('~')}/.zshrc"
    wanted = os.path.basename(os.environ.get("SHELL", "")) == "zsh" or os.path.exists(path)
    if not wanted or not shutil.which("zsh") or b"source_zsh flowloom" in (files.read(path) or b""):
        return []
    return [f'for completion in zsh, add this line to {path}:\n  eval "$(_FLOWLOOM_COMPLETE=source_zsh flowloom)"']


def _completion_path(shell: str) -> str | None:
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    bash = os.environ.get("BASH_COMPLETION_USER_DIR") or f"{data}/bash-completion"
    return {"bash": f"{bash}/completions/flowloom", "fish": f"{config}/fish/completions/flowloom.fish"}.get(shell)


def _plan_file(plan: SetupPlan, path: str, data: bytes, *, mode: int = 0o644) -> None:
    """Plan a whole file of ours; one that another program wrote is left alone."""
    now = files.read(path)
    known = plan.record["files"].get(path)
    inside = state_folder.has(path)
    ours = now is None or now == data or inside
    if not ours and (known is None or known["sha256"] != files.sha256(now or b"")):
        plan.notes.append(f"{path} was not written by FlowLoom, so it was kept; move it away to install ours")
        return
    folders = known["folders"] if known else [] if inside else _missing_folders(path)
    plan.record["files"][path] = {"sha256": files.sha256(data), "folders": folders}
    if now != data:
        plan.changes.append(FileEdit(path, now, data, mode))


def _missing_folders(path: str) -> list[str]:
    """Return the folders that must be made for a file, the innermost first."""
    found = []
    while not os.path.isdir(path := os.path.dirname(path)):
        found.append(path)
    return found


def _plan_settings(plan: SetupPlan, stub: str) -> None:
    path = os.path.realpath(settings_files.user_path())
    raw, mode, text, why = _read_settings(path)
    if why:
        plan.refused.append(f"{path} {why}\n{_by_hand(stub)}")
        return
    known = plan.record["settings"].get(path)
    edits: list[json_text.Edit] = []
    if not text.strip():
        edits.append((0, text, "{}\n"))
        text = "{}\n"
    document = json_text.parse(text)
    misfit = _misfit(document)
    if misfit:
        plan.refused.append(f"{path}: {misfit}; fix it, or add this by hand:\n{_by_hand(stub)}")
        return
    entry: dict[str, Any] = {"existed": raw is not None, "values": [], "rules": [], "made": []}
    entry = copy.deepcopy(known) or {**entry, "folders": _missing_folders(path)}
    entry["made"] += [name for name in PLACES if _at(document, name) is None and name not in entry["made"]]
    wanted = [*_set_editors(entry, document.get("env", {}), stub)]
    wanted += _add_rules(entry, _at(document, "permissions.allow"))
    for edit in wanted:
        edits.append(edit(text))
        text = json_text.apply(text, edits[-1])
    if not edits:
        return
    if known is None:
        entry["edits"] = edits
    elif known["edits"] is not None and raw is not None and files.sha256(raw) == known["sha256"]:
        entry["edits"] = [*known["edits"], *edits]
    else:
        entry["edits"] = None  # other changes lie between ours: only value by value from here on
    entry["sha256"] = files.sha256(text.encode())
    plan.record["settings"][path] = entry
    plan.changes.append(FileEdit(path, raw, text.encode(), mode))


def _misfit(document: dict[str, Any]) -> str:
    """Return what stands where ours must go, empty when nothing is in the way."""
    for name, kind in PLACES.items():
        value = _at(document, name)
        if name.rpartition(".")[2] in (_at(document, name.rpartition(".")[0]) or {}) and not isinstance(value, kind):
            return f"{name} is not {'an object' if kind is dict else 'a list'}"
    return ""


def _set_editors(entry: dict[str, Any], env: dict[str, Any], stub: str) -> Iterator[Callable[[str], json_text.Edit]]:
    """Yield the edits that put our editor into the settings and keep the former one; note them in the record."""
    wanted = dict.fromkeys(EDITORS, stub)
    former = _former_editor(env)
    if former:
        wanted[REAL_EDITOR] = former
    for name, value in wanted.items():
        if env.get(name) != value:
            _remember(entry, name, value, env)
            yield partial(json_text.set_value, path=["env", name], value=value)


def _add_rules(entry: dict[str, Any], allow: list[Any] | None) -> Iterator[Callable[[str], json_text.Edit]]:
    """Yield the edits that allow our commands; note them in the record."""
    missing = [rule for rule in RULES if rule not in (allow or [])]
    entry["rules"] += missing
    where = ["permissions", "allow"]
    if allow is None:
        yield partial(json_text.set_value, path=where, value=missing)
    else:
        yield from (partial(json_text.append, path=where, value=rule) for rule in missing)


def _remember(entry: dict[str, Any], name: str, ours: str, env: dict[str, Any]) -> None:
    was = next((value for value in entry["values"] if value["name"] == name), None)
    if was is not None and env.get(name) == was["ours"]:
        was["ours"] = ours
        return
    entry["values"] = [value for value in entry["values"] if value is not was]
    entry["values"].append({"name": name, "ours": ours, "had": name in env, "former": env.get(name)})


def _read_settings(path: str) -> tuple[bytes | None, int, str, str]:
    """Return the bytes of the settings file, its mode, its text, and why it cannot be changed (empty if it can)."""
    mode = 0o600
    try:
        raw = files.read(path)
        if raw is not None:
            mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError as error:
        return None, mode, "", f"cannot be read ({error.strerror}); fix that, or add this by hand:"
    folder = os.path.dirname(path)
    # Root may write everywhere; a file without any right to be written is meant to stay so for root as well.
    locked = raw is not None and not (mode & 0o222 and os.access(path, os.W_OK))
    if locked or (os.path.isdir(folder) and not os.access(folder, os.W_OK)):
        return raw, mode, "", "is read-only; add this where it is generated from:"
    try:
        text = (raw or b"").decode()
        if text.strip():
            json_text.parse(text)
    except ValueError as error:
        if raw is not None and settings_files.has_comments(raw):
            why = "has comments, so Claude Code itself ignores it (Settings Error); remove them, or add this by hand:"
        else:
            why = f"is not valid JSON ({error}); fix it and run this again, or add this by hand:"
        return raw, mode, "", why
    return raw, mode, text, ""


def _former_editor(env: dict[str, Any]) -> str:
    """Return the editor that Ctrl-G opened so far; empty if it is remembered already or there was none."""
    if env.get(REAL_EDITOR) or os.environ.get(REAL_EDITOR):
        return ""
    candidates = [*(env.get(name) for name in EDITORS), *(os.environ.get(name) for name in EDITORS)]
    return next((value for value in candidates if isinstance(value, str) and value and OURS not in value), "")


def _by_hand(stub: str) -> str:
    wanted = {"env": dict.fromkeys(EDITORS, stub), "permissions": {"allow": RULES}}
    return json.dumps(wanted, indent=2)


def _overridden(directory: str, stub: str) -> list[str]:
    """Return a sentence for each settings file that wins over the user's own and names another editor."""
    found = []
    for whose, path, document in settings_files.documents(directory):
        env = document.get("env")
        if not isinstance(env, dict) or whose == settings_files.USER:
            continue
        for name in EDITORS:
            if name in env and env[name] != stub:
                found.append(
                    f"{path} ({whose}) sets {name} to {env[name]!r}, which overrides yours: "
                    "Ctrl-G does not open FlowLoom there"
                )
    return found


def plan_undo() -> SetupPlan:
    """Return what takes every change back; a value that was changed since is left, and named."""
    record = read_record()
    plan = SetupPlan({})
    for path, entry in record["settings"].items():
        _undo_settings(plan, path, entry)
        plan.folders += entry["folders"]
    for path, entry in reversed(record["files"].items()):
        now = files.read(path)
        if now is not None and (files.sha256(now) == entry["sha256"] or state_folder.has(path)):
            plan.changes.append(FileEdit(path, now, None))
        elif now is not None:
            plan.notes.append(f"{path} was changed since, so it was kept")
        plan.folders += entry["folders"]
    return plan


def _undo_settings(plan: SetupPlan, path: str, entry: dict[str, Any]) -> None:
    raw = files.read(path)
    if raw is None:
        return
    mode = stat.S_IMODE(os.stat(path).st_mode)
    if entry["edits"] is not None and files.sha256(raw) == entry["sha256"]:
        text = raw.decode()
        for edit in reversed(entry["edits"]):
            text = json_text.revert(text, edit)
        after = text.encode() if entry["existed"] else None
        plan.changes.append(FileEdit(path, raw, after, mode))
        return
    try:
        text = raw.decode()
        json_text.parse(text)
    except ValueError as error:
        plan.refused.append(
            f"{path} can no longer be read ({error}); remove FlowLoom's entries by hand: "
            f"{', '.join(value['name'] for value in entry['values'])}, {', '.join(entry['rules'])}"
        )
        plan.record = {"version": 1, "files": {}, "settings": {**plan.record.get("settings", {}), path: entry}}
        return
    text = _taken_back(plan, path, text, entry)
    after = None if not entry["existed"] and not json_text.parse(text) else text.encode()
    if after != raw:
        plan.changes.append(FileEdit(path, raw, after, mode))


def _taken_back(plan: SetupPlan, path: str, text: str, entry: dict[str, Any]) -> str:
    """Return the settings without what is still ours in them, value by value."""
    for value in entry["values"]:
        document = json_text.parse(text)
        env = document.get("env")
        name = value["name"]
        if not isinstance(env, dict) or name not in env:
            continue
        if env[name] == value["ours"]:
            where = ["env", name]
            back = value["had"]
            edit = json_text.set_value(text, where, value["former"]) if back else json_text.remove(text, where)
            text = json_text.apply(text, edit)
        elif not value["had"] or env[name] != value["former"]:
            plan.notes.append(f"{path}: {name} is {env[name]!r}, which FlowLoom did not set, so it was kept")
    for rule in entry["rules"]:
        allow = _at(json_text.parse(text), "permissions.allow")
        if isinstance(allow, list) and rule in allow:
            text = json_text.apply(text, json_text.remove(text, ["permissions", "allow"], rule))
    for name in reversed(entry["made"]):
        if _at(json_text.parse(text), name) in ({}, []):
            text = json_text.apply(text, json_text.remove(text, name.split(".")))
    return text


def _at(document: dict[str, Any], dotted: str) -> Any:
    """Return what stands at a place, None where nothing does."""
    value: Any = document
    for key in dotted.split(".") if dotted else ():
        value = value.get(key) if isinstance(value, dict) else None
    return value


def apply(plan: SetupPlan) -> None:
    """Carry a plan out; nothing is written if a file is not as it was when the plan was made.

    Raises:
        FlowLoomError: one is not, or cannot be written.
    """
    for change in plan.changes:
        if files.read(change.path) != change.before:
            raise FlowLoomError(f"{change.path} was changed meanwhile; nothing was changed", hint="run it again")
    state_folder.ensure()
    files.ensure_dir(state_folder.hooks_dir())
    if plan.record:
        files.write_json(state_folder.setup_record(), plan.record, durable=True)
    for change in plan.changes:
        try:
            if change.after is None:
                os.unlink(change.path)
            else:
                # With the user's own umask: they are the user's folders.
                os.makedirs(os.path.dirname(change.path), exist_ok=True)
                files.write(change.path, change.after, mode=change.mode)
        except OSError as error:
            raise FlowLoomError(
                f"{change.path} cannot be written: {error.strerror}", hint="fix that, then run the same command again"
            ) from error
    for folder in [*plan.folders, state_folder.hooks_dir()]:
        if os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)
    if not plan.record and os.path.exists(state_folder.setup_record()):
        os.unlink(state_folder.setup_record())


def left_behind() -> str:
    """Return what stays when everything is taken back: the state folder, how many replies it holds, its size."""
    home = layout.home()
    size, replies = 0, 0
    for folder, _, names in os.walk(home):
        replies += "reply.md" in names
        size += sum(os.lstat(f"{folder}/{name}").st_size for name in names)
    shown = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
    return f"{home} ({replies} replies, {shown}); to delete it, when no agent is running: rm -r {home}"
