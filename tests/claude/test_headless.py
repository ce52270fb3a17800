"""`ask --headless` on the real Claude Code: replies, errors, size, and the Claude around it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

import psutil
import pytest
from tests.support import leftovers
from tests.support.messages_api import Call, Fail, MessagesApi, Say, text_of, user_texts
from tests.support.world import World

pytestmark = pytest.mark.claude


def ask(world: World, *words: str, stdin: str = "", **more: Any) -> tuple[int, str, str]:
    done: subprocess.CompletedProcess[bytes] = world.flowloom("ask", "--headless", *words, stdin=stdin.encode(), **more)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_a_headless_reply_is_the_last_message_byte_for_byte(claude: World, api: MessagesApi) -> None:
    reply = '\n# head\n\n    indented \\u "q" é\u2028x\n\n```\n/slash\n```\nend\n\n'
    api.on("please", Call("Bash", {"command": "echo hi", "description": "x"}, text="first words"), Say(reply))
    assert ask(claude, "review", "please") == (0, reply, "")
    task = claude.task()
    assert (task["agent_id"], claude.steps()) == ("review@site", ["created", "typed", "accepted", "done"])
    system = text_of(api.requests[0]["system"])
    assert "You carry out one task for review@site, without a terminal" in system
    assert "Your role is review" in system
    leftovers.check(claude)


def test_a_first_slash_and_the_like_reach_the_model(claude: World, api: MessagesApi) -> None:
    for prompt in ("/nosuchcmd foo", "!echo hi", "ends with \\"):
        assert ask(claude, "-", stdin=prompt)[0] == 0
        assert f"\n{prompt}\n[end of task {claude.task()['task_id']}]" in user_texts(api.requests[-1]["messages"])[-1]


@pytest.mark.newest
def test_a_prompt_of_1_mb_arrives(claude: World, api: MessagesApi) -> None:
    api.on("needle", Say("seen"))
    prompt = "é" * 500_000 + " needle"
    assert ask(claude, "-", stdin=prompt)[:2] == (0, "seen")
    assert prompt in user_texts(api.requests[-1]["messages"])[-1]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (Fail(400, "invalid_request_error"), "API Error: 400 scripted failure"),
        (Fail(401, "authentication_error"), "Failed to authenticate"),
        (Fail(429, "rate_limit_error"), "Request rejected (429)"),
    ],
)
def test_an_error_of_the_api_is_exit_1_with_its_message(
    claude: World, api: MessagesApi, step: Fail, message: str
) -> None:
    api.on("please", step)
    code, out, err = ask(claude, "please do")
    assert (code, out, claude.task()["status"]) == (1, "", "failed")
    assert message in err


def test_no_login_is_exit_1_and_says_so(claude: World) -> None:
    code, out, err = ask(claude, "please do", env={"ANTHROPIC_AUTH_TOKEN": None})
    assert (code, out) == (1, "")
    assert "Not logged in" in err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--max-budget-usd", "0.0000001"], "Reached maximum budget"),
        (["--nosuchflag"], "unknown option '--nosuchflag'"),
    ],
)
def test_a_limit_or_a_bad_argument_is_exit_1_with_its_words(claude: World, args: list[str], message: str) -> None:
    claude.user_config(f"args = {json.dumps(args)}\n")
    code, out, _ = ask(claude, "please do", "--json")
    assert (code, claude.task()["status"]) == (1, "failed")
    assert message in json.loads(out)["task"]["error"]


def test_a_refused_tool_is_told(claude: World, api: MessagesApi) -> None:
    claude.user_config('args = ["--permission-mode", "default"]\n')
    api.on("please", Call("Bash", {"command": "touch made", "description": "x"}), Say("I could not"))
    code, out, err = ask(claude, "please do")
    assert (code, out) == (0, "I could not")
    assert "refused, because a headless run cannot ask you: Bash: touch made" in err
    assert not (claude.project / "made").exists()


@pytest.mark.newest
def test_a_timeout_ends_claude_and_what_it_runs(claude: World, api: MessagesApi) -> None:
    claude.user_config('args = ["--allowedTools", "Bash"]\n')
    api.on("please", Call("Bash", {"command": "echo $$ >pid; exec tail -f pid", "description": "x"}), Say("never"))
    begin = time.monotonic()
    going = claude.begin("ask", "--headless", "please do", "--timeout", "12")
    pid = int(claude.until(lambda: (claude.project / "pid").read_text().strip(), limit_s=12))
    _, err = going.communicate(timeout=30)
    assert (going.returncode, claude.task()["status"]) == (124, "failed"), err
    assert time.monotonic() - begin < 60
    claude.until(lambda: not psutil.pid_exists(pid), "its tool is gone too")
    leftovers.check(claude)


@pytest.mark.newest
def test_a_killed_asker_loses_no_reply(claude: World, api: MessagesApi) -> None:
    go = threading.Event()
    api.on("please", Say("after all", hold=go))
    going = claude.begin("ask", "--headless", "please do")
    claude.until(lambda: api.requests, "the model is asked")
    going.kill()
    going.communicate()
    waiting = claude.begin("wait", claude.task()["task_id"])
    go.set()
    assert waiting.communicate(timeout=20)[0] == b"after all"


def test_it_works_inside_claudes_own_bash_tool(claude: World, api: MessagesApi) -> None:
    """A Chief that runs `flowloom ask --headless` itself: the inner Claude is not taken for the outer one."""
    command = f"{sys.executable} -m flowloom ask --headless 'inner question'"
    api.on("outer question", Call("Bash", {"command": command, "description": "x"}), Say("outer done"))
    api.on("inner question", Say("inner answer"))
    binary = claude.environment["FLOWLOOM_CLAUDE"]
    done = claude.run(binary, "-p", "outer question", "--allowedTools", "Bash")
    assert done.stdout.decode().strip() == "outer done", done.stderr
    assert (claude.task()["asker"], claude.task()["status"]) == ("chief", "done")
    results = [
        text_of(block["content"]) if isinstance(block["content"], list) else block["content"]
        for request in api.requests
        for message in request["messages"]
        if message["role"] == "user" and isinstance(message["content"], list)
        for block in message["content"]
        if block.get("type") == "tool_result"
    ]
    assert results[-1].strip() == "inner answer"
