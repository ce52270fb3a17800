"""What an agent is started with: extra settings, its role's words, the user's permission mode, a stable hook."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flowloom.agents import hook_shims, launch
from flowloom.agents.agent import Agent
from flowloom.chief import settings_files
from flowloom.config.settings import Settings
from flowloom.errors import FlowLoomError, UsageError
from flowloom.providers import registry
from flowloom.providers.claude import program
from flowloom.providers.claude import settings as claude_settings
from flowloom.roles import builtin
from flowloom.store import files, layout
from flowloom.store.layout import AgentRef


def taken(args: list[str], directory: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Return what is left of arguments, and the settings documents that were taken out of them."""
    known = launch.described({"dir": directory, "args": args})
    launch.read_for(registry.find("claude"), known)
    return claude_settings.split(args)[0], program.given(known)


@pytest.mark.parametrize(
    ("args", "rest", "documents"),
    [
        ([], [], []),
        (["--model", "x"], ["--model", "x"], []),
        (["--settings", '{"a": 1}', "-v"], ["-v"], [{"a": 1}]),
        (['--settings={"a": 1}', "-v"], ["-v"], [{"a": 1}]),
        (["--settings", "mine.json"], [], [{"b": 2}]),
        (["--settings", " {}", "x", "--settings=mine.json"], ["x"], [{}, {"b": 2}]),
        (["--setting-sources", "user"], ["--setting-sources", "user"], []),
    ],
)
def test_every_settings_document_is_taken_out_of_the_arguments(
    tmp_path: Path, args: list[str], rest: list[str], documents: list[dict[str, Any]]
) -> None:
    (tmp_path / "mine.json").write_text('{"b": 2}')
    assert taken(args, str(tmp_path)) == (rest, documents)


def test_a_settings_document_is_found_by_its_whole_path_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"b": 2}')
    assert taken(["--settings", str(tmp_path / "mine.json")], "/") == ([], [{"b": 2}])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--settings", "no.json"], "--settings no.json: not valid JSON"),
        (["--settings"], "--settings : not valid JSON"),
        (["--settings", "{"], "--settings {: not valid JSON"),
        (["--settings", "list.json"], "--settings list.json: not a JSON object"),
        (["--settings", "bytes.json"], "--settings bytes.json: not valid JSON"),
        (["--settings", "."], "--settings .: not valid JSON"),
    ],
)
def test_a_settings_document_that_cannot_be_read_is_refused_by_name(tmp_path: Path, args: list[str], says: str) -> None:
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError) as caught:
        taken(args, str(tmp_path))
    assert str(caught.value).startswith(says)


def test_the_answer_to_the_trust_prompt_counts_for_the_folder_it_was_given_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    agent = Agent(AgentRef("site", "planning"))
    files.ensure_dir(layout.agent_dir(agent.ref))
    root, other = str(tmp_path / "site"), str(tmp_path / "cloned")
    os.mkdir(root)
    os.mkdir(other)
    trusted = []
    for directory, given in ((None, True), (None, False), (other, False), (None, False), (root, False), (root, True)):
        spec = launch.specify(agent, Settings(provider="echo"), root=root, directory=directory, trust=given)
        files.write_json(layout.spec(agent.ref), spec)
        trusted.append((os.path.basename(spec["dir"]), spec["trust"]))
    assert trusted == [
        ("site", True),
        ("site", True),
        ("cloned", False),
        ("cloned", False),
        ("site", False),
        ("site", True),
    ]


@pytest.mark.parametrize("role", sorted(builtin.ROLES))
def test_a_role_says_who_it_is_how_tasks_come_and_what_is_handed_back(role: str) -> None:
    said = builtin.system_prompt(f"{role}@site", role, "and be brief")
    assert said.startswith(f"You are {role}@site, ")
    for words in (
        "[flowloom task ID from NAME]",
        "[end of task ID]",
        "user's own request",
        "last message",
        f"role is {role}",
    ):
        assert words in said
    assert said.endswith("\n\nand be brief")


def git_settings(folder: Path, modes: dict[str, str]) -> None:
    """Make a repository with a folder and a worktree, and settings files with these permission modes."""
    (folder / "repo" / "sub").mkdir(parents=True)
    git = ["git", "-C", str(folder / "repo"), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"], ["worktree", "add", "-q", "../tree"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    for place, mode in modes.items():
        where, _, local = place.partition(" ")
        path = folder / where / ".claude" / f"settings{'.local' if local else ''}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"permissions": {"defaultMode": mode}}))


def test_an_agent_without_a_role_is_told_how_tasks_come() -> None:
    assert builtin.system_prompt("x@site", "x") == builtin.HOW.format(agent_id="x@site")


MODES = [  # the files, where Claude Code starts, the mode that it starts in: on 2.1.197, on 2.1.330
    ({}, "repo", "", ""),
    ({"user": "plan"}, "repo", "plan", "plan"),
    ({"user": "plan", "repo": "acceptEdits"}, "repo", "acceptEdits", "acceptEdits"),
    ({"repo": "plan", "repo local": "acceptEdits"}, "repo", "acceptEdits", "acceptEdits"),
    ({"user": "plan", "repo": "nonsense"}, "repo", "plan", "plan"),
    ({"repo": "plan"}, "repo/sub", "", ""),
    ({"repo local": "plan"}, "repo/sub", "", "plan"),
    ({"repo/sub": "plan"}, "repo/sub", "plan", "plan"),
    ({"repo": "plan", "repo/sub": "acceptEdits"}, "repo/sub", "acceptEdits", "acceptEdits"),
    ({"repo": "plan"}, "tree", "", ""),
    ({"repo local": "plan"}, "tree", "", "plan"),
    ({"tree": "plan"}, "tree", "plan", "plan"),
    ({"tree local": "plan"}, "tree", "plan", "plan"),
    ({"repo local": "plan", "tree local": "acceptEdits"}, "tree", "acceptEdits", "plan"),
]


@pytest.mark.parametrize(("modes", "where", "old", "new"), MODES)
def test_the_mode_is_that_of_the_settings_that_the_release_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modes: dict[str, str], where: str, old: str, new: str
) -> None:
    git_settings(tmp_path, modes)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    found = [settings_files.default_mode(str(tmp_path / where), release) for release in ("2.1.197", "2.1.330")]
    assert found == [old, new]
    # What cannot be read is skipped, and holds nothing up.
    for path in tmp_path.rglob("settings*.json"):
        path.unlink()
        os.mkfifo(path)
    assert settings_files.default_mode(str(tmp_path / where), "2.1.330") == ""


def test_the_hook_stub_runs_what_the_hook_runs() -> None:
    assert hook_shims.HOOK_CODE in Path(hook_shims.hook_path("agent-event")).read_text()


def test_the_hook_stub_leads_to_the_hook_and_keeps_the_payload_where_that_is_gone(tmp_path: Path) -> None:
    hook = tmp_path / "it's the hook"
    hook.write_text('#!/bin/sh\necho "$1: $(cat)"\n')
    hook.chmod(0o755)
    python, root = tmp_path / "a python", tmp_path / "it's the root"
    python.write_text(f'#!/bin/sh\n[ -e {tmp_path}/broken ] && exit 1\necho "$5 $6: $(cat)" >>{tmp_path}/told\n')
    python.chmod(0o755)
    (root / "flowloom").mkdir(parents=True)
    stub = tmp_path / "agent-event"
    stub.write_text(hook_shims.hook_script(str(hook), str(python), str(root)))
    agent_dir = tmp_path / "agent"
    agent_dir.mkdir()

    def fire() -> tuple[int, str, str]:
        done = subprocess.run(
            ["sh", stub, "echo"],
            input="payload",
            env={"FLOWLOOM_AGENT_DIR": str(agent_dir), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    # At once where it can; by way of the hook where its Python fails before it has read, or is gone.
    assert fire() == (0, "", "")
    assert (tmp_path / "told").read_text() == f"{root} echo: payload\n"
    (tmp_path / "broken").touch()
    assert fire() == (0, "echo: payload\n", "")
    python.unlink()
    assert fire() == (0, "echo: payload\n", "")
    hook.unlink()
    assert fire() == (0, "", "")
    assert [path.read_text() for path in (agent_dir / "spool").glob("*.json")] == ["payload"]
    subprocess.run(["rm", "-r", agent_dir], check=True)
    assert fire() == (0, "", "")
    assert not agent_dir.exists()


@pytest.mark.parametrize("folders", ["", ":/nowhere", ".:/nowhere", "bin"])
def test_a_program_of_the_working_directory_is_not_an_agents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: str
) -> None:
    (tmp_path / "bin").mkdir()
    for planted in (tmp_path / "claude", tmp_path / "bin" / "claude"):
        planted.write_text("#!/bin/sh\n")
        planted.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", folders)
    provider, settings = registry.find("claude"), Settings()
    with pytest.raises(FlowLoomError, match="there is no program 'claude'"):
        launch.program(provider, settings, "planning")
    monkeypatch.setenv("PATH", f"{folders}:{tmp_path}")
    assert launch.program(provider, settings, "planning") == str(tmp_path / "claude")
