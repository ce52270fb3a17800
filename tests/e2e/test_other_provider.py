"""A program of another kind, from another package, carries a task: no settings, payloads as arguments, no receipt."""

from __future__ import annotations

import json
import os
import venv
from pathlib import Path

import pytest
from tests.support import leftovers
from tests.support.install import Install
from tests.support.world import ROOT, World

pytestmark = pytest.mark.echo

NOTIFIER = ROOT / "tests" / "support" / "notifier"
DEPENDENCIES = Path(pytest.__file__).parents[1]


@pytest.fixture
def installed(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A FlowLoom in an environment of its own, with the package of the provider beside it."""
    install = Install(tmp_path / "install")
    environment = install.folder / ".venv"
    install.python.unlink()
    venv.EnvBuilder(symlinks=True).create(environment)
    (site,) = environment.glob("lib/python3*/site-packages")
    (site / "installed.pth").write_text(f"{NOTIFIER}\n{DEPENDENCIES}\n")
    world.environment |= {"PYTHONPATH": f"{install.folder / 'src'}:{NOTIFIER}", "FLOWLOOM_PROVIDER": "notifier"}
    monkeypatch.setenv("FLOWLOOM_PROVIDER", "notifier")
    return world


def test_a_program_without_receipts_starts_answers_and_ends(installed: World) -> None:
    world = installed
    world.start()
    assert world.status()["provider"] == "notifier"
    assert not (world.agent_dir() / "program").exists()
    assert world.ask("planning", "heron\nand egret") == "turn 1: heron\nand egret"
    assert world.ask("planning", "stork") == "turn 2: stork"
    for number in (0, 1):
        assert world.steps(number) == ["created", "typed", "pasted", "accepted", "done"]
        (why,) = [entry["why"] for entry in world.task(number)["journal"] if entry["step"] == "accepted"]
        assert "its program confirms no prompt" in why
    # What a person types is a turn of their own.
    world.keys("by hand", "Enter")
    world.until(lambda: "turn 3: by hand" in world.screen())
    assert world.ask("planning", "crane") == "turn 4: crane"
    world.flowloom("stop", "planning")
    assert world.status()["status"] == "offline"
    leftovers.check(world)


def test_its_events_are_applied_by_its_own_hook_calls(installed: World) -> None:
    """Not only by the next command: the hook finds a provider that is installed beside FlowLoom."""
    world = installed
    world.start()
    seq = world.status()["seq"]
    payload = json.dumps({"type": "turn-complete", "turn-id": "9", "last-message": "all by itself"})
    world.run(
        *("sh", str(world.state / "hooks" / "agent-event"), "notifier", payload),
        env={"FLOWLOOM_AGENT_DIR": str(world.agent_dir())},
        stdin=b"not a payload",
    )
    now = world.status()
    assert (now["context_summary"], now["seq"] > seq) == ("all by itself", True)
    # A payload that cannot be applied is kept, wherever it stood.
    (world.agent_dir() / "status.json").rename(world.agent_dir() / "away")
    os.mkdir(world.agent_dir() / "status.json")
    world.run(
        *("sh", str(world.state / "hooks" / "agent-event"), "notifier", payload),
        env={"FLOWLOOM_AGENT_DIR": str(world.agent_dir())},
    )
    (kept,) = world.kept()
    assert json.loads(kept.read_bytes())["turn-id"] == "9"
    os.rmdir(world.agent_dir() / "status.json")
    (world.agent_dir() / "away").rename(world.agent_dir() / "status.json")
    world.flowloom("stop", "planning")
