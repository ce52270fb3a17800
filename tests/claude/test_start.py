"""Starting the real Claude Code: its dialogs, its arguments, its environment."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
from tests.support.desk import Desk
from tests.support.messages_api import Call, Fail, MessagesApi, Say
from tests.support.world import World

pytestmark = [pytest.mark.claude, pytest.mark.timeout(120)]


@pytest.fixture
def desk(claude: World, api: MessagesApi) -> Desk:
    return Desk(claude, api)


def blocked_start(world: World, *words: str) -> str:
    """Start an agent that comes to a dialog, stop waiting for it, and return what is said of it."""
    said = world.folder / "said"
    with said.open("w") as file:
        process = world.begin("start", "planning", *words, stderr=file)
    world.until(lambda: "is blocked on" in said.read_text(), "it is blocked")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, b""), (process.returncode, said.read_text(), world.screen())
    assert world.status()["status"] == "blocked"
    return said.read_text()


def begin_and_keep_the_mode(desk: Desk, *words: str) -> None:
    """Start an agent; the newer release asks a user with a mode of their own, soon after, to make auto mode it."""
    asks, world = "Make auto mode your default", desk.world
    process = world.begin("start", "planning", *words)
    world.until(lambda: asks in world.screen() or "shift+tab" in world.screen() or "for shortcuts" in world.screen())
    if world.environment["FLOWLOOM_CLAUDE"].split("/")[-2] != "2.1.197":
        desk.until_seen(asks)
        desk.press("Down", lambda: "❯ No, keep" in world.screen())
        desk.answer("Enter", asks)
    assert process.wait(30) == 0
    process.communicate()


def arguments(world: World) -> list[str]:
    return Path(f"/proc/{world.status()['pid']}/cmdline").read_text().split("\0")[:-1]


def environment(world: World) -> dict[str, str]:
    raw = Path(f"/proc/{world.status()['pid']}/environ").read_text()
    return dict(line.split("=", 1) for line in raw.split("\0") if "=" in line)


def test_the_trust_dialog_blocks_and_is_not_answered_for_anybody(desk: Desk) -> None:
    world = desk.world
    world.seed(hasCompletedOnboarding=True, theme="dark")
    said = blocked_start(world)
    assert "planning@site is blocked on trust: Quick safety check" in said
    assert "start it with --trust, or answer it in its window: flowloom attach planning" in said
    assert re.search(r"^  waiting for the answer for up to \d+m?\d*s?; Ctrl-C stops waiting$", said, re.MULTILINE), said
    again = world.flowloom("start", "planning", "--timeout", "0.3")
    assert (again.returncode, again.stdout) == (3, b""), again
    code, out, err = desk.ask("are you there?", "--timeout", "0.5").end()
    assert (code, out) == (3, "")
    assert "is blocked on trust" in err
    desk.press("Up", lambda: "❯ Yes" in world.screen() or "❯ 1. Yes" in world.screen())
    desk.answer("Enter", "Quick safety check")
    done = world.flowloom("wait", world.task()["task_id"])
    assert (done.returncode, done.stdout) == (0, b"answer 1: are you there?")


def test_trust_answers_the_trust_dialog_whatever_the_release_preselects(desk: Desk) -> None:
    desk.world.seed(hasCompletedOnboarding=True, theme="dark")
    desk.world.start("planning", "--trust")
    assert desk.reply("hello") == "answer 1: hello"
    (noted,) = (json.loads(path.read_text()) for path in (desk.world.state / "questions").glob("*.json"))
    assert (noted["kind"], noted["status"], noted["choice"], noted["answered_by"]) == (
        *("trust", "answered"),
        *("Yes", "--trust"),
    )
    assert desk.world.status()["deaths"] == []


def test_a_trust_that_a_person_refuses_ends_the_start(desk: Desk) -> None:
    world = desk.world
    world.seed(hasCompletedOnboarding=True, theme="dark")
    blocked_start(world)
    desk.press("Down", lambda: "❯ No" in world.screen() or "❯ 2. No" in world.screen())
    desk.press("Enter", lambda: world.tmux("display-message", "-p", "-t", world.pane(), "#{pane_dead}") == "1\n")
    shown = json.loads(world.flowloom("agents", "--json").stdout)["agents"][0]
    assert shown["status"] == "offline"
    assert shown["why"].startswith("its program ended")


def test_the_api_key_dialog_blocks(desk: Desk) -> None:
    desk.world.environment["ANTHROPIC_API_KEY"] = "sk-ant-xyz-0123456789012345678901234567890123456789"
    said = blocked_start(desk.world)
    assert "blocked on API key: Detected a custom API key in your environment\n  answer it in its window: " in said


def test_the_bypass_warning_blocks_until_a_person_accepts_it(desk: Desk) -> None:
    desk.world.environment["IS_SANDBOX"] = "1"
    said = blocked_start(desk.world, "--", "--dangerously-skip-permissions")
    assert "blocked on bypass warning: WARNING: Claude Code running in Bypass Permissions mode" in said
    desk.press("Down", lambda: "❯ Yes" in desk.world.screen() or "❯ 2. Yes" in desk.world.screen())
    desk.answer("Enter", "WARNING: Claude Code")
    assert desk.reply("hello") == "answer 1: hello"
    assert "bypass permissions on" in desk.world.screen()


def test_the_dialog_about_an_mcp_server_blocks_until_it_is_left(desk: Desk) -> None:
    servers = {"mcpServers": {"demo": {"command": "true", "args": []}}}
    (desk.world.project / ".mcp.json").write_text(json.dumps(servers))
    said = blocked_start(desk.world)
    assert "blocked on MCP server: New MCP server found in this project: demo" in said
    desk.answer("Escape", "New MCP server found")
    assert desk.reply("hello") == "answer 1: hello"


def test_the_first_start_of_all_blocks(desk: Desk) -> None:
    desk.world.seed(projects={str(desk.world.project): {"hasTrustDialogAccepted": True}})
    assert "blocked on first start: Let's get started." in blocked_start(desk.world)


def test_settings_among_the_arguments_are_merged_and_plan_mode_is_not_inherited(desk: Desk, release: str) -> None:
    world = desk.world
    # Another Claude's: the first agent's tmux server is opened by who starts it.
    theirs = {"CLAUDECODE": "1", "CLAUDE_CODE_ENTRYPOINT": "sdk", "CLAUDE_CODE_SESSION_ID": "x", "CLAUDE_PID": "1"}
    world.environment |= theirs
    world.user_settings(permissions={"defaultMode": "plan"})
    seen = world.folder / "seen"
    hooks = {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": f"printenv MARK >{seen}"}]}]}
    (world.project / "more.json").write_text(json.dumps({"env": {"MARK": "merged"}, "hooks": hooks}))
    begin_and_keep_the_mode(desk, "--", "--settings", "more.json")
    assert desk.reply("hello") == "answer 1: hello"
    assert seen.read_text() == "merged\n"
    assert [word for word in arguments(world) if word.startswith("--settings")] == ["--settings"]
    assert arguments(world)[arguments(world).index("--permission-mode") + 1] == "default"
    assert "plan mode on" not in world.screen()
    assert not theirs.keys() & environment(world).keys()


def test_what_takes_the_colours_away_is_kept_from_the_window_and_not_from_its_tools(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.world.user_settings(permissions={"defaultMode": "acceptEdits", "allow": ["Bash"]})
    theirs = {"NO_COLOR": "1", "CI": "true", "FORCE_COLOR": "0"}
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    begin_and_keep_the_mode(desk)
    assert not theirs.keys() & environment(desk.world).keys()
    seen = "printf '%s %s %s' $NO_COLOR $CI $FORCE_COLOR >seen"
    desk.api.on("which variables", Call("Bash", {"command": seen, "description": "x"}), Say("those"))
    assert desk.reply("which variables") == "those"
    assert (desk.world.project / "seen").read_text() == "1 true 0"
    # The newer release shows a hint in the box after this error, which without colours looks like a draft.
    desk.api.on("not logged in", Fail(401, "authentication_error"))
    assert desk.ask("not logged in").end()[0] == 1
    assert "and on" in desk.reply("and on")


def test_the_users_own_permission_mode_is_left_alone(desk: Desk) -> None:
    desk.world.user_settings(permissions={"defaultMode": "acceptEdits"})
    begin_and_keep_the_mode(desk)
    assert "--permission-mode" not in arguments(desk.world)
    desk.until_seen("accept edits on")


@pytest.mark.newest
def test_settings_that_would_silence_our_hooks_are_refused(desk: Desk) -> None:
    done = desk.world.flowloom("start", "planning", "--", "--settings", '{"disableAllHooks": true}')
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"turn all hooks off (disableAllHooks)" in done.stderr
