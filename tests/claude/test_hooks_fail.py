"""Our hook fails under the real Claude Code: it is not disturbed, and the reply arrives or is recovered."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.install import Install
from tests.support.messages_api import MessagesApi
from tests.support.world import World

pytestmark = [pytest.mark.claude, pytest.mark.faults]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    return Install(tmp_path / "copy")


@pytest.mark.parametrize("event", ["UserPromptSubmit", "Stop"])
def test_a_hook_that_is_killed_after_it_read_costs_no_reply(
    claude: World, api: MessagesApi, install: Install, event: str
) -> None:
    done = claude.flowloom("start", "planning", env=install.environment)
    assert done.returncode == 0, done.stderr
    # The payload is read and gone: nothing is left to be kept.
    script = f'cat >"$0.$$"; grep -q \'"{event}"\' "$0.$$" && kill -9 $$; exec "$real" "$@" <"$0.$$"'
    install.behave(f'case "$*" in *agent_event*) {script};; esac')
    reply = claude.ask("planning", "what is the port?", env=install.environment)
    assert reply == "answer 1: what is the port?", claude.describe()
    # Without its receipt a task is known again at its Stop, or from the transcript, if that was written later.
    assert claude.task()["recovered"] or event != "Stop", claude.describe()
    assert "hook error" not in claude.screen().lower()


def test_a_hook_that_cannot_run_at_all_loses_nothing(claude: World, api: MessagesApi, install: Install) -> None:
    done = claude.flowloom("start", "planning", env=install.environment)
    assert done.returncode == 0, done.stderr
    install.behave('case "$*" in *agent_event*) exit 1;; esac')
    reply = claude.ask("planning", "what is the port?", env=install.environment)
    assert reply == "answer 1: what is the port?"
    assert claude.steps() == ["created", "typed", "pasted", "accepted", "done"]
    assert claude.task()["recovered"] is False
    assert "hook error" not in claude.screen().lower()
