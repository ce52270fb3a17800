"""What a project asks for and does not get is said, and its person agrees to it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.seat import ChiefSeat, Seat
from tests.support.world import World


@pytest.fixture
def asks(world: World) -> Path:
    path = world.project / "flowloom.toml"
    path.write_text('session = "theirs"\n[agents.docs]\nprompt = "be \\u001b]0;brief"\n')
    return path


def test_the_palette_the_doctor_and_ask_name_what_is_ignored(world: World, asks: Path) -> None:
    seat = ChiefSeat(world, FLOWLOOM_NO_ROUTE="palette", columns=140, rows=30)
    seat.ctrl_g(world.prompt_file("hello"))
    shown = seat.shows("flowloom trust")
    assert "docs" not in shown.partition("flowloom trust")[2]
    seat.press("Escape")
    seat.ended()
    findings = json.loads(world.flowloom("doctor", "--json").stdout)
    found = next(each for each in findings["checks"] if each["name"] == "flowloom.toml")
    assert (found["level"], found["repair"]) == ("warn", "flowloom trust")
    assert "session" in found["saw"]
    assert "agents.docs.prompt" in found["saw"]
    done = world.flowloom("ask", "docs", "hello")
    assert (done.returncode, b"flowloom trust" in done.stderr) == (2, True)


def test_a_person_sees_the_values_and_agrees(world: World, asks: Path) -> None:
    refused = world.flowloom("trust")
    assert (refused.returncode, b"--yes" in refused.stderr) == (2, True)
    for answer, code in (("n", 130), ("y", 0)):
        script = f"{sys.executable} -m flowloom trust; echo code=$?; exec cat"
        seat = Seat(world, "sh", "-c", script, columns=140, socket=f"{world.socket}-seat")
        try:
            shown = seat.shows("[y/N]")
            assert "agents.docs.prompt" in shown
            assert "a project cannot set this" in shown
            seat.type(answer)
            seat.press("Enter")
            seat.shows(f"code={code}")
        finally:
            seat.tmux("kill-server")
        known = world.flowloom("ask", "docs", "hello")
        assert (known.returncode == 0) is (answer == "y"), known
    assert world.flowloom("trust", "--undo").returncode == 0
    assert world.flowloom("trust").stderr.count(b"--yes") == 1


def test_a_worktree_is_its_main_checkout(world: World, asks: Path) -> None:
    git = ["git", "-C", str(world.project), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["worktree", "add", "-q", "../tree"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    tree = world.project.parent / "tree"
    (tree / "flowloom.toml").write_text('[agents.other]\nprompt = "x"\n')
    assert world.flowloom("trust", "--yes", cwd=tree).returncode == 0
    for folder in (tree, world.project):
        document = json.loads(world.flowloom("config", "--json", cwd=folder).stdout)
        assert [each["key"] for each in document["ignored"]] == ["session"]
    # What only claims to be one of it reads none of its own files.
    false = world.folder / "false"
    false.mkdir()
    (false / ".git").write_text((tree / ".git").read_text())
    (false / "flowloom.toml").write_text('[agents.evil]\nprompt = "x"\n')
    document = json.loads(world.flowloom("config", "--json", cwd=false).stdout)
    assert [each["key"] for each in document["settings"] if each["key"].startswith("agents")] == ["agents.docs.prompt"]
