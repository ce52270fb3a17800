"""Our hook fails under the real Claude Code: it is not disturbed, and the reply arrives or is recovered."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.install import Install
from tests.support.messages_api import Fail, MessagesApi
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
    install.behave(f'case "$*" in *flowloom.hook.*) {script};; esac')
    reply = claude.ask("planning", "what is the port?", env=install.environment)
    assert reply == "answer 1: what is the port?", claude.describe()
    # Without its receipt a task is known again at its Stop, or from the transcript, if that was written later.
    assert claude.task()["recovered"] or event != "Stop", claude.describe()
    assert "hook error" not in claude.screen().lower()


@pytest.mark.newest
def test_a_hook_that_cannot_run_at_all_loses_nothing(claude: World, api: MessagesApi, install: Install) -> None:
    done = claude.flowloom("start", "planning", env=install.environment)
    assert done.returncode == 0, done.stderr
    install.behave('case "$*" in *flowloom.hook.*) exit 1;; esac')
    reply = claude.ask("planning", "what is the port?", env=install.environment)
    assert reply == "answer 1: what is the port?"
    assert claude.steps() == ["created", "typed", "pasted", "accepted", "done"]
    assert claude.task()["recovered"] is False
    assert "hook error" not in claude.screen().lower()


@pytest.mark.newest
def test_an_error_of_the_api_that_is_heard_late_is_neither_a_reply_nor_an_interruption(
    claude: World, api: MessagesApi, install: Install
) -> None:
    api.on("fail me", Fail(529, "overloaded_error"))
    count, go = claude.folder / "count", claude.folder / "go"
    # Behind SessionStart and UserPromptSubmit comes the StopFailure, for which Claude Code does not wait.
    late = f"[ $(wc -l <{count}) = 3 ] && while [ ! -e {go} ]; do sleep 0.02; done"
    install.behave(f'case "$*" in *flowloom.hook.*) echo x >>{count}; {late};; esac')
    task_id = (
        claude.flowloom("ask", "planning", "fail me", "--no-wait", env=install.environment).stdout.decode().strip()
    )
    claude.until_step("accepted")
    waited = claude.flowloom("wait", task_id, "--timeout", "5")
    assert (waited.returncode, claude.status()["status"]) == (124, "working"), (waited, claude.describe())
    go.touch()
    done = claude.flowloom("wait", task_id)
    assert (done.returncode, done.stdout) == (1, b""), claude.describe()
    assert b"529 scripted failure; send it again" in done.stderr
