"""`flowloom setup` as a user has it: on a terminal, and with the real Claude Code as the Chief."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from tests.support.messages_api import Call, MessagesApi, Say
from tests.support.seat import Seat
from tests.support.world import ROOT, World

# Nothing that a release moves elsewhere by itself: 2.1.197 rewrites a file with "model": "opus".
SETTINGS = '{\n    "cleanupPeriodDays": 90,\n    "env": {"LC_TIME": "C"}\n}'


@pytest.fixture
def plain(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose shell says nothing about editors, and where `flowloom` can be typed."""
    del world.environment["FLOWLOOM_EDITOR"]
    monkeypatch.delenv("FLOWLOOM_EDITOR")
    world.environment["PATH"] = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    return world


def settings_of(world: World) -> Path:
    path = world.home / ".claude" / "settings.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(SETTINGS)
    return path


def files_of(world: World) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in world.home.rglob("*") if path.is_file()}


def chief(world: World, *words: str) -> Seat:
    """Sit down before a real Claude Code in which nothing says what its editor is."""
    seat = Seat(world, world.environment["FLOWLOOM_CLAUDE"], *words, columns=110, rows=36)
    seat.shows("❯")
    return seat


@pytest.mark.claude
def test_after_setup_ctrl_g_in_a_chief_reaches_an_agent_and_undo_restores_every_byte(
    plain: World, claude: World
) -> None:
    path = settings_of(claude)
    before = files_of(claude)
    done = claude.flowloom("setup", "--yes")
    assert (done.returncode, b"~/.claude/settings.json" in done.stdout) == (0, True), done
    claude.start()
    seat = chief(claude)
    seat.type("@planning what is the port?")
    seat.shows("@planning what is the port?")
    seat.press("C-g")
    seat.shows(f"Reply from planning (task {claude.until(claude.task)['task_id']})")
    assert claude.steps()[-1] == "done"
    seat.tmux("kill-session", "-t", seat.session)
    claude.flowloom("stop", "--all")
    assert claude.flowloom("setup", "--undo", "--yes").returncode == 0
    after = files_of(claude)
    assert {name: after.get(name) for name in before if name.endswith("settings.json")} == {
        str(path): SETTINGS.encode()
    }
    assert not [name for name in after if "skills" in name or "bash-completion" in name]


@pytest.mark.claude
def test_a_chief_knows_the_skill_and_may_call_flowloom_unasked(plain: World, claude: World, api: MessagesApi) -> None:
    claude.flowloom("setup", "--yes")
    api.on(
        "who is there", Call("Bash", {"command": "flowloom agents", "description": "list"}), Say("that is all of them")
    )
    seat = chief(claude, "--permission-mode", "default")
    seat.type("who is there")
    seat.shows("who is there")
    seat.press("Enter")
    seat.shows("that is all of them")
    sent = json.dumps(api.requests)
    assert "Hand work to the user's long-lived FlowLoom agents" in sent
    assert "no agents yet; start one" in sent


@pytest.mark.claude
def test_the_repository_is_a_plugin_with_the_skill_in_it(claude: World) -> None:
    done = claude.run(claude.environment["FLOWLOOM_CLAUDE"], "plugin", "validate", str(ROOT))
    assert (done.returncode, b"Validation passed" in done.stdout) == (0, True), done
    assert (ROOT / "skills" / "flowloom" / "SKILL.md").read_text().startswith("---\nname: flowloom\n")


def test_nothing_is_changed_by_a_dry_run_nor_where_nobody_can_be_asked(plain: World) -> None:
    settings_of(plain)
    before = files_of(plain)
    dry = plain.flowloom("setup", "--dry-run")
    assert (dry.returncode, b"+++ " + str(plain.home / ".claude/settings.json").encode() in dry.stdout) == (0, True)
    refused = plain.flowloom("setup")
    assert (refused.returncode, b"--yes" in refused.stderr) == (2, True)
    assert files_of(plain) == before


@pytest.mark.parametrize(
    ("answer", "changed", "said"), [("n", False, "nothing was changed"), ("y", True, "next: restart Claude Code")]
)
def test_a_person_is_shown_a_short_table_and_asked(plain: World, answer: str, changed: bool, said: str) -> None:
    path = settings_of(plain)
    seat = Seat(plain, "sh", "-c", f"{sys.executable} -m flowloom setup; echo code $?; cat", columns=160, rows=200)
    shown = seat.shows("[y/N")
    assert "change  ~/.claude/settings.json" in shown
    assert "VISUAL" in shown
    assert "+5 permissions" in shown
    assert len(shown.split()) < 80, "no diff unasked"
    seat.type(answer)
    seat.press("Enter")
    seat.shows(said)
    seat.shows("code 0" if changed else "code 1")
    assert (path.read_text() != SETTINGS) is changed


def test_the_diff_is_shown_on_demand_and_the_question_asked_again(plain: World) -> None:
    path = settings_of(plain)
    seat = Seat(plain, sys.executable, "-m", "flowloom", "setup", columns=160, rows=300)
    assert "+++ " not in seat.shows("[y/N")
    seat.type("d")
    seat.press("Enter")
    seat.shows(f"+++ {path}")
    plain.until(lambda: seat.screen().count("[y/N") == 2, "asked again")
    seat.press("Enter")
    seat.shows("nothing was changed")


def test_settings_that_cannot_be_read_are_never_nothing_to_do(plain: World) -> None:
    path = settings_of(plain)
    path.write_text("{ broken")
    for _ in range(2):
        done = plain.flowloom("setup", "--yes")
        assert (done.returncode, b"not valid JSON" in done.stderr, b"nothing to do" in done.stderr) == (1, True, False)
    assert b"nothing was changed; see above" in done.stderr


def test_setup_twice_says_that_there_is_nothing_to_do(plain: World) -> None:
    assert plain.flowloom("setup", "--yes").returncode == 0
    again = plain.flowloom("setup", "--yes")
    assert (again.returncode, again.stdout) == (0, b"")
    assert b"nothing to do" in again.stderr


def test_a_settings_file_with_comments_is_refused_with_exit_1_and_the_rest_is_done(plain: World) -> None:
    path = settings_of(plain)
    path.write_text("{ // mine\n}")
    done = plain.flowloom("setup", "--yes")
    assert (done.returncode, path.read_text()) == (1, "{ // mine\n}")
    assert b'"VISUAL"' in done.stderr
    assert b"now opens FlowLoom" not in done.stderr
    assert (plain.home / ".claude/skills/flowloom/SKILL.md").exists()


def test_undo_says_what_it_leaves(plain: World) -> None:
    plain.ask("planning", "echo: say hello")
    plain.flowloom("setup", "--yes")
    done = plain.flowloom("setup", "--undo", "--yes")
    assert f"{plain.state} (1 replies".encode() in done.stderr


def test_completion_completes_a_command_in_bash(plain: World) -> None:
    plain.flowloom("setup", "--yes")
    script = plain.home / ".local/share/bash-completion/completions/flowloom"
    typed = "COMP_LINE='flowloom docto'; COMP_POINT=14; _flowloom_completion flowloom"
    assert plain.run("bash", "-c", f"source {script}; {typed}; echo ${{COMPREPLY[@]}}").stdout == b"doctor\n"


def test_an_agent_that_starts_after_a_move_tells_the_script_where_flowloom_is_now(plain: World) -> None:
    plain.flowloom("setup", "--yes")
    stub = plain.state / "hooks" / "editor"
    sound = stub.read_text()
    stub.write_text(sound.replace("for hook in ", "for hook in /gone"))
    plain.start()
    assert stub.read_text() == sound
