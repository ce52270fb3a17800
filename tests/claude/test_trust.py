"""What the real Claude Code reads of a project: in which mode it starts, whether it trusts the folder."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.support.messages_api import MessagesApi
from tests.support.world import World

from flowloom.chief import settings_files
from flowloom.config import settings, trust

pytestmark = [pytest.mark.claude, pytest.mark.timeout(120)]

# Where settings files set which mode (the table of the unit test has more), and where Claude Code starts.
MODES: list[tuple[dict[str, str], str]] = [
    ({"user": "plan", "repo": "acceptEdits"}, "repo"),
    ({"repo": "plan"}, "repo/sub"),
    ({"repo local": "plan"}, "repo/sub"),
    ({"repo local": "plan", "tree local": "acceptEdits"}, "tree"),
    ({"user": "plan", "repo": "nonsense"}, "repo"),
]


def put(folder: Path, place: str, mode: str) -> None:
    where, _, local = place.partition(" ")
    path = folder / where / ".claude" / f"settings{'.local' if local else ''}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"permissions": {"defaultMode": mode}}))


def test_the_mode_that_we_read_is_the_one_that_it_starts_in(
    claude: World, api: MessagesApi, release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, began = [], []
    for number, (modes, where) in enumerate(MODES):
        folder = tmp_path / str(number)
        (folder / "repo" / "sub").mkdir(parents=True)
        git = ["git", "-C", str(folder / "repo"), "-c", "user.name=x", "-c", "user.email=x@example.org"]
        for words in (
            ["init", "-q"],
            ["commit", "-q", "--allow-empty", "-m", "x"],
            ["worktree", "add", "-q", "../tree"],
        ):
            subprocess.run([*git, *words], check=True, capture_output=True)
        for place, mode in modes.items():
            put(folder, place, mode)
        own = folder / "user" / ".claude"
        own.mkdir(parents=True, exist_ok=True)
        trusted = {str(folder / name): {"hasTrustDialogAccepted": True} for name in ("repo", "tree")}
        (own / ".claude.json").write_text(json.dumps({"hasCompletedOnboarding": True, "projects": trusted}))
        monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(own))
        done = claude.run(
            *(claude.environment["FLOWLOOM_CLAUDE"], "-p", "hello", "--output-format", "stream-json", "--verbose"),
            cwd=folder / where,
            env={"HOME": str(folder / "user"), "CLAUDE_CONFIG_DIR": str(own)},
        )
        says = [json.loads(line) for line in done.stdout.decode().splitlines()]
        began.append(next(each["permissionMode"] for each in says if each.get("subtype") == "init"))
        read.append(settings_files.default_mode(str(folder / where), release) or "default")
    assert read == began


def test_the_answer_to_its_question_about_trust_is_found_where_we_look(claude: World) -> None:
    path = claude.project / "flowloom.toml"
    path.write_text('[agents.planning]\nprompt = "be brief"\n')
    assert [each.key for each in settings.load(str(claude.project)).ignored] == []
    claude.seed(hasCompletedOnboarding=True, theme="dark")
    assert [each.key for each in settings.load(str(claude.project)).ignored] == ["agents.planning.prompt"]
    # It writes down a yes to its own dialog, given here for the person by --trust, for exactly this folder.
    assert claude.flowloom("start", "planning", "--trust").returncode == 0
    claude.until(lambda: trust.claude_trusts(str(claude.project)), "its answer is noted")
    assert not trust.claude_trusts(str(claude.project.parent))
    assert settings.load(str(claude.project)).agents == {"planning": {"prompt": "be brief"}}
