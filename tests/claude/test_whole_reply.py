"""A reply that passes the output limit comes whole."""

from __future__ import annotations

import pytest
from tests.support.desk import Desk
from tests.support.messages_api import Call, MessagesApi, Say, Step
from tests.support.world import World

pytestmark = [pytest.mark.claude, pytest.mark.timeout(120)]

JOINED = "it passed the output limit; its parts were joined from the transcript"


def test_a_reply_that_passes_the_output_limit_comes_whole_and_says_so(claude: World, api: MessagesApi) -> None:
    desk = Desk(claude, api)
    tool = Call("Bash", {"command": "echo hi", "description": "x"}, text="before the tool")
    long = "".join(f'{number:06d} "äöü"\n' for number in range(5_000)).rstrip()
    cases: dict[str, tuple[list[Step], str, bool]] = {
        "one cut": ([Say("ONE", stop="max_tokens"), Say("TWO")], "ONE\n\nTWO", True),
        "two cuts": ([Say("1", stop="max_tokens"), Say("2", stop="max_tokens"), Say("3")], "1\n\n2\n\n3", True),
        "context": ([Say("ONE", stop="model_context_window_exceeded"), Say("TWO")], "ONE\n\nTWO", True),
        "behind a tool": ([tool, Say("ONE", stop="max_tokens"), Say("TWO")], "ONE\n\nTWO", True),
        "long parts": ([Say(long, stop="max_tokens"), Say(long)], f"{long}\n\n{long}", True),
        "tool between": ([Say("ONE", stop="max_tokens"), tool, Say("TWO")], "TWO", False),
        "no cut": (
            [Say('"stop_reason":"max_tokens" is what I say')],
            '"stop_reason":"max_tokens" is what I say',
            False,
        ),
    }
    for prompt, (steps, reply, joined) in cases.items():
        api.on(prompt, *steps)
        code, out, err = desk.ask(prompt).end()
        assert (prompt, code, out) == (prompt, 0, reply)
        assert (prompt, JOINED in err, claude.task()["cut"]) == (prompt, joined, "joined" if joined else "")
    assert claude.tasks()[-2]["notes"] == [
        "before its last tool call the agent passed the output limit; its window has all of it"
    ]
    # Ctrl-G says so in the heading.
    path = claude.prompt_file("@planning one cut")
    assert claude.ctrl_g(path).returncode == 0
    heading, _, rest = path.read_text().partition("\n\n")
    assert (heading.endswith(f": one cut [{JOINED}]"), rest) == (True, "ONE\n\nTWO")
    # Claude Code gives up after three more parts: what there was is kept.
    api.on("never ends", Say("and on", stop="max_tokens"))
    asked = desk.ask("never ends")
    code, _, err = asked.end()
    assert (code, "output token maximum" in err) == (1, True)
    kept = claude.flowloom("reply", asked.task_id, "--now").stdout.decode()
    assert kept == "\n\n".join(["and on"] * 4)
