"""What setup changes in whose files, and that all of it is taken back; on settings files of every kind."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowloom.agents import hook_shims
from flowloom.chief import settings_files
from flowloom.errors import FlowLoomError
from flowloom.providers.claude import settings as claude_settings
from flowloom.setup import plan as setup_plan

COMPLETIONS = {"bash": "complete -F x flowloom\n"}
STUB_RULES = {"allow": setup_plan.RULES}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the user's settings file, in a home and a state folder of this test's own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(claude_settings, "managed_dir", lambda: str(tmp_path / "managed"))
    (tmp_path / "site").mkdir()
    monkeypatch.chdir(tmp_path / "site")
    path = tmp_path / "home" / ".claude" / "settings.json"
    path.parent.mkdir(parents=True)
    return path


def setup() -> setup_plan.SetupPlan:
    plan = setup_plan.plan_setup(os.getcwd(), COMPLETIONS)
    setup_plan.apply(plan)
    return plan


def undo() -> setup_plan.SetupPlan:
    plan = setup_plan.plan_undo()
    setup_plan.apply(plan)
    return plan


def tree(folder: Path) -> dict[str, tuple[bytes | str | None, int]]:
    """Return every file, folder and link below a folder, with contents and mode."""
    found: dict[str, tuple[bytes | str | None, int]] = {}
    for path in sorted(folder.rglob("*")):
        what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = (what, stat.S_IMODE(path.lstat().st_mode))
    return found


def stub() -> str:
    return hook_shims.editor_stub()[0]


GOOD = [
    pytest.param(None, id="missing"),
    pytest.param(b"", id="empty"),
    pytest.param(b"\n \n", id="blank"),
    pytest.param(b"{}", id="empty object"),
    pytest.param(b'{"model": "opus"}', id="one line, no newline at the end"),
    pytest.param(b'{\n\t"model": "opus",\n\t"unknownKey": [1,2,  3]\n}\n', id="tabs, odd spacing, unknown keys"),
    pytest.param(b'{\r\n    "env": {"A": "1"}\r\n}\r\n', id="CRLF, four spaces"),
    pytest.param(b'{"env": {}, "permissions": {"deny": ["Read(x)"], "allow": []}}', id="empty places"),
    pytest.param(b'{"env": {"EDITOR": "nano"}, "permissions": {"allow": ["Bash(ls)"]}}', id="an editor of its own"),
    pytest.param('{"language": "français", "env": {"VISUAL": "é"}}'.encode(), id="not ASCII"),
]


@pytest.mark.parametrize("raw", GOOD)
def test_setup_adds_and_undo_restores_every_byte(settings: Path, tmp_path: Path, raw: bytes | None) -> None:
    if raw is not None:
        settings.write_bytes(raw)
        settings.chmod(0o644)
    before = tree(tmp_path / "home")
    was = json.loads(raw) if raw and raw.strip() else {}
    setup()
    document = json.loads(settings.read_bytes())
    env = document["env"]
    assert (env["VISUAL"], env["EDITOR"]) == (stub(), stub())
    assert {key: value for key, value in document.items() if key not in ("env", "permissions")} == {
        key: value for key, value in was.items() if key not in ("env", "permissions")
    }
    assert document["permissions"]["allow"] == [*was.get("permissions", {}).get("allow", []), *setup_plan.RULES]
    assert list(document)[: len(was)] == list(was)
    undo()
    assert tree(tmp_path / "home") == before
    assert sorted(os.listdir(tmp_path / "state")) == ["README"]


@pytest.mark.parametrize("raw", GOOD)
def test_a_second_setup_has_nothing_to_do(settings: Path, tmp_path: Path, raw: bytes | None) -> None:
    if raw is not None:
        settings.write_bytes(raw)
    setup()
    assert setup_plan.plan_setup(os.getcwd(), COMPLETIONS).changes == []


BAD = [
    (b'{\n  // mine\n  "env": {}\n}', "has comments"),
    (b'{"env": {},}', "is not valid JSON"),
    (b"[]", "not a JSON object"),
    (b"\xff\xfe{}", "is not valid JSON"),
    (b'{"env": ["A"]}', "env is not an object"),
    (b'{"permissions": "all"}', "permissions is not an object"),
    (b'{"permissions": {"allow": "all"}}', "permissions.allow is not a list"),
]


@pytest.mark.parametrize(("raw", "why"), BAD)
def test_what_cannot_be_changed_is_refused_with_the_lines_to_add(settings: Path, raw: bytes, why: str) -> None:
    settings.write_bytes(raw)
    plan = setup()
    assert settings.read_bytes() == raw
    [refused] = plan.refused
    assert why in refused
    assert json.loads(refused.partition("\n")[2])["env"]["VISUAL"] == stub()
    assert os.access(stub(), os.X_OK), "what was promised by hand must work"


def test_a_read_only_file_is_left_alone(settings: Path) -> None:
    settings.write_text("{}")
    settings.chmod(0o444)
    assert "is read-only" in setup().refused[0]
    assert settings.read_text() == "{}"


def test_a_link_stays_a_link_and_its_target_keeps_its_mode(settings: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.json"
    target.write_text('{"a": 1}')
    target.chmod(0o640)
    settings.symlink_to(target)
    setup()
    assert settings.is_symlink()
    assert json.loads(target.read_text())["env"]["VISUAL"] == stub()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    undo()
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ('{"a": 1}', 0o640)


@pytest.mark.parametrize(
    ("env", "shell", "remembered"),
    [
        ({"VISUAL": "code --wait", "EDITOR": "nano"}, {"VISUAL": "vim"}, "code --wait"),
        ({"EDITOR": "nano"}, {"VISUAL": "vim"}, "nano"),
        ({}, {"VISUAL": "vim", "EDITOR": "ed"}, "vim"),
        ({}, {"EDITOR": "ed"}, "ed"),
        ({}, {}, None),
        ({}, {"VISUAL": "/opt/flowloom/hooks/editor", "EDITOR": "ed"}, "ed"),
        ({"FLOWLOOM_EDITOR": "emacs", "VISUAL": "vim"}, {}, "emacs"),
        ({"VISUAL": "vim"}, {"FLOWLOOM_EDITOR": "emacs"}, None),
    ],
)
def test_the_former_editor_is_remembered(
    settings: Path, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], shell: dict[str, str], remembered: str | None
) -> None:
    for name, value in shell.items():
        monkeypatch.setenv(name, value)
    settings.write_text(json.dumps({"env": env}))
    setup()
    assert json.loads(settings.read_text())["env"].get("FLOWLOOM_EDITOR") == remembered


def changed(settings: Path, change: dict[str, Any]) -> None:
    document = json.loads(settings.read_text())
    for key, value in change.items():
        document[key] = {**document.get(key, {}), **value} if isinstance(value, dict) else value
    settings.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("before", "change", "after", "told"),
    [
        ({}, {"model": "opus"}, {"model": "opus"}, 0),
        ({"env": {"VISUAL": "vim"}}, {"model": "opus"}, {"env": {"VISUAL": "vim"}, "model": "opus"}, 0),
        ({}, {"env": {"VISUAL": "emacs"}}, {"env": {"VISUAL": "emacs"}}, 1),
        (
            {"env": {"VISUAL": "vim"}},
            {"env": {"FLOWLOOM_EDITOR": "nvim"}},
            {"env": {"VISUAL": "vim", "FLOWLOOM_EDITOR": "nvim"}},
            1,
        ),
        ({}, {"permissions": {"allow": ["Bash(ls)", *setup_plan.RULES]}}, {"permissions": {"allow": ["Bash(ls)"]}}, 0),
        ({}, {"permissions": {"allow": []}}, {}, 0),
    ],
)
def test_undo_leaves_what_the_user_has_changed_since(
    settings: Path, before: dict[str, Any], change: dict[str, Any], after: dict[str, Any], told: int
) -> None:
    settings.write_text(json.dumps(before))
    setup()
    changed(settings, change)
    plan = undo()
    assert json.loads(settings.read_text()) == after
    assert len([note for note in plan.notes if "so it was kept" in note]) == told


def test_undo_after_a_second_setup_that_added_still_restores_every_byte(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = '{"env": {"VISUAL": "vim"}}'
    settings.write_text(raw)
    with monkeypatch.context() as patch:
        patch.setattr(setup_plan, "RULES", setup_plan.RULES[:2])
        setup()
    assert [change.path for change in setup().changes] == [str(settings)]
    undo()
    assert settings.read_text() == raw


def test_undo_of_a_file_that_is_damaged_now_says_what_to_take_out_and_can_be_repeated(settings: Path) -> None:
    setup()
    sound = settings.read_text()
    settings.write_text("{")
    assert "remove FlowLoom's entries by hand" in undo().refused[0]
    settings.write_text(sound)
    undo()
    assert not settings.exists()


def test_a_skill_of_the_users_own_is_left_alone(settings: Path) -> None:
    own = settings.parent / "skills" / "flowloom" / "SKILL.md"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    assert any(str(own) in note for note in setup().notes)
    undo()
    assert own.read_text() == "mine"


def test_a_file_that_changed_after_the_plan_was_shown_is_not_overwritten(settings: Path) -> None:
    plan = setup_plan.plan_setup(os.getcwd(), COMPLETIONS)
    settings.write_text('{"new": 1}')
    with pytest.raises(FlowLoomError, match="changed meanwhile"):
        setup_plan.apply(plan)
    assert settings.read_text() == '{"new": 1}'


@pytest.mark.parametrize(
    "where", ["managed/managed-settings.json", "site/.claude/settings.json", "site/.claude/settings.local.json"]
)
def test_a_stronger_file_with_another_editor_is_warned_of(settings: Path, tmp_path: Path, where: str) -> None:
    path = tmp_path / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"env": {"VISUAL": "vim"}}')
    assert any(str(path) in note and "'vim'" in note for note in setup().notes)
    assert settings_files.variable("VISUAL", os.getcwd()) == ("vim", str(path))


def test_a_state_folder_that_a_shell_would_take_apart_is_refused(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWLOOM_HOME", str(settings.parent / "my state"))
    with pytest.raises(FlowLoomError, match="cannot run"):
        setup_plan.plan_setup(os.getcwd(), COMPLETIONS)


# The script that stands in VISUAL.


@pytest.mark.parametrize("name", ["claude-prompt-1.md", "COMMIT_EDITMSG"])
def test_the_script_leads_to_flowloom_and_when_that_is_gone_to_the_real_editor(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    hook, real = tmp_path / "old place" / "hooks" / "editor", tmp_path / "real"
    hook.parent.mkdir(parents=True)
    hook.write_text('#!/bin/sh\necho "hook $1"\n')
    real.write_text('#!/bin/sh\necho "real $*"\n')
    hook.chmod(0o755)
    real.chmod(0o755)
    monkeypatch.setattr(hook_shims, "hook_path", lambda name: str(hook))
    setup()
    environment = {**os.environ, "FLOWLOOM_EDITOR": f"{real} --wait", "VISUAL": stub(), "EDITOR": stub()}

    def call() -> str:
        return subprocess.run([stub(), name], env=environment, capture_output=True, text=True, check=True).stdout

    assert call() == f"hook {name}\n"
    shutil.rmtree(hook.parent)
    assert call() == f"real --wait {name}\n"


def test_the_script_finds_flowloom_again_after_an_upgrade_of_python(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr(hook_shims, "hook_path", lambda name: str(tmp_path / "venv/lib/python3.11/gone/hooks/editor"))
    setup()
    new = tmp_path / "venv/lib/python3.14/site-packages/flowloom/hooks/editor"
    new.parent.mkdir(parents=True)
    new.write_text("#!/bin/sh\necho new\n")
    new.chmod(0o755)
    assert subprocess.run([stub(), "x"], capture_output=True, text=True, check=True).stdout == "new\n"
