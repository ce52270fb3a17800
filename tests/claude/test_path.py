"""The path on the real Claude Code: ask, Ctrl-G, memory."""

from __future__ import annotations

import pytest
from tests.support.world import World

pytestmark = pytest.mark.claude


def test_ctrl_g_brings_the_reply_into_the_prompt_file(claude: World) -> None:
    claude.start()
    claude.ask("planning", "remember the port is 8080")
    path = claude.prompt_file("@planning what is\nthe port?\n")
    done = claude.ctrl_g(path)
    task = claude.task()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (
        path.read_text()
        == f"Reply from planning (task {task['task_id']}): what is the port?\n\nanswer 2: what is the port?"
    )
    assert claude.steps() == ["created", "typed", "pasted", "accepted", "done"]
