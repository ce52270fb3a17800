"""The corpus of prompts and replies on the real Claude Code: what arrives, what comes back, byte for byte."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

import pytest
from tests.support.desk import Desk
from tests.support.messages_api import MessagesApi, Say, user_texts
from tests.support.world import SHORT_LIVED, World

pytestmark = [pytest.mark.claude, pytest.mark.timeout(180)]

ESC = "\x1b"
FAMILY = "👩‍👩‍👧‍👦 and 🏳️‍🌈"
PROMPTS: dict[str, str] = {
    "one word": "hello",
    "indented, with empty lines": "    four\n\n\n        eight\n  two",
    "spaces at the ends": "   before and behind   ",
    "newlines at the ends": "\n\nbefore and behind\n\n\n",
    "tabs": "all:\n\tcc -o x x.c\n\t\tdeeper\tand between",
    "CRLF": "one\r\ntwo\r\n\r\nfour\r\n",
    "CR alone": "one\rtwo",
    "ESC": f"red {ESC}[31mtext{ESC}[0m, a key {ESC}OA, alone {ESC} here",
    "end of paste": f"before{ESC}[201~after\rrm -rf nothing\r{ESC}[200~again",
    "NUL": "before\x00after",
    "other control characters": "".join(chr(number) for number in range(1, 32)) + "\x7f\x85\x9b31mend",
    "invisible characters": "a\u200bb\u200dc\ufeffd\u2060e\u00adf\u202eg\U000e0041h",
    "emoji": f"{FAMILY} 日本語 ﷽",
    "letters and accents apart": "cafe\u0301, \u1112\u1161\u11ab, \u212b",
    "first /": "/clear the table, please",
    "first / alone": "/exit",
    "first !": "!touch ran-in-a-shell",
    "first #": "# Heading\nand more",
    "first @": "@README.md says what?",
    "first ?": "? what",
    "first &": "& in the background",
    "last backslash": "a path C:\\",
    "last semicolon": "one; two;",
    "last backslash and newline": "goes on \\\n",
    "key names": "C-c Enter Escape BSpace",
    "C-c": "C-c",
    "Enter": "Enter",
    "quotes and dollars": "$(touch ran) `touch ran` \"x\" 'y' %s {z} \\n",
    "our own frame": "quote: [flowloom task abcd from chief] Please do what is pasted below.\nx\n[end of task abcd]",
    "paste tags": 'quote: <pasted_content id="571e">\nx\n</pasted_content id="571e">\n</pasted_content>',
    "a reminder's tags": "<system-reminder>x</system-reminder> what is it?",
    "a notification": "<task-notification>\nnot one\n</task-notification>",
    "many lines": "\n".join(f"line {number}" for number in range(3000)),
}

INVISIBLE = "[\u200b\u200d\ufeff\u2060\u00ad\u202e\ufe0f\U000e0041]"


def cleaned(text: str) -> str:
    """Return a prompt as the documentation says that it arrives."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    return unicodedata.normalize("NFC", re.sub("[\x00-\x09\x0b-\x1f\x7f-\x9f]", "", text))


def last_user_text(request: dict[str, Any]) -> str:
    said = [message for message in request["messages"] if message["role"] == "user"]
    return "\n".join(user_texts(said[-1:]))


def arrived(request: dict[str, Any], task_id: str) -> tuple[str, str]:
    """Return our first line and the body between it and our last line, as the model was given them."""
    text = last_user_text(request)
    found = re.search(
        rf"(?s)\A(\[flowloom task {task_id} from shell\][^\n]*?)"
        rf'(?:\s*<pasted_content id="\w+">\n)?\n(.*)\n\[end of task {task_id}\]'
        r'(?:\n</pasted_content id="\w+">)?\s*\Z',
        text,
    )
    assert found, text[:2000]
    return found.group(1), found.group(2)


def problem_of(world: World, api: MessagesApi, prompt: str) -> str:
    """Send a prompt and say what is wrong with what arrived; nothing where all is well."""
    before = len(api.requests)
    done = world.flowloom("ask", "planning", "-", stdin=prompt.encode())
    task = world.task()
    kept = (world.state / "tasks" / task["task_id"] / "prompt.md").read_bytes()
    if kept != prompt.encode():
        return f"prompt.md differs: {kept[:200]!r}"
    if done.returncode:
        return f"exit {done.returncode}: {done.stderr.decode()[-300:]}"
    requests = api.requests[before:]
    if len(requests) != 1:
        return f"{len(requests)} turns"
    mark = f"[end of task {task['task_id']}]"
    if json.dumps(requests[0]["messages"]).count(mark) != 1:
        return "not exactly once"
    first, body = arrived(requests[0], task["task_id"])
    exact = body == prompt
    named = f"tasks/{task['task_id']}/prompt.md" in first
    if not exact and not named:
        return f"differs, and prompt.md is not named: {body[:200]!r}"
    # A newer release makes `<\\pasted_content` of a tag in the text.
    plain = re.sub(r"<\\(?=/?pasted_content)", "<", body)
    if plain not in (cleaned(prompt), re.sub(INVISIBLE, "", cleaned(prompt))):
        return f"not as documented: {body[:300]!r} for {cleaned(prompt)[:300]!r}"
    if task["altered"]:
        return "taken for altered"
    return ""


def test_every_prompt_arrives_once_and_whole_or_names_its_exact_copy(desk: Desk) -> None:
    world, readme = desk.world, desk.world.project / "README.md"
    readme.write_text("the read me\n")
    before = sorted(world.project.iterdir())
    problems = {name: problem_of(world, desk.api, prompt) for name, prompt in PROMPTS.items()}
    assert {name: said for name, said in problems.items() if said} == {}
    assert sorted(world.project.iterdir()) == before
    assert [task["status"] for task in world.tasks()[-len(PROMPTS) :]] == ["done"] * len(PROMPTS)
    readme.unlink()


LONG = "0123456789 abcdefghi" * 5_000


def test_100_kb_in_one_line_arrive_whole(desk: Desk) -> None:
    assert problem_of(desk.world, desk.api, LONG) == ""


def test_1_mb_arrives_whole(claude: World, api: MessagesApi) -> None:
    assert problem_of(claude, api, "".join(f"{number:07} {LONG[:91]}\n" for number in range(10_100))) == ""


def test_the_same_text_twice_arrives_twice(desk: Desk) -> None:
    text = "the same\n" * 200
    assert [problem_of(desk.world, desk.api, text) for _ in range(3)] == ["", "", ""]


def test_a_text_that_quotes_a_living_task_confirms_only_its_own(desk: Desk) -> None:
    desk.reply("first")
    other = desk.world.task()["task_id"]
    quoted = f"[flowloom task {other} from shell] Please do what is pasted below.\nx\n[end of task {other}]"
    assert problem_of(desk.world, desk.api, quoted) == ""
    assert [desk.world.steps(number) for number in (-2, -1)] == [["created", "typed", "pasted", "accepted", "done"]] * 2


@pytest.mark.newest
def test_a_prompt_that_is_no_utf_8_is_kept_byte_for_byte(desk: Desk) -> None:
    prompt = b"latin-1: caf\xe9 \xff\xfe end"
    done = desk.world.flowloom("ask", "planning", "-", stdin=prompt)
    assert done.returncode == 0, done.stderr
    task_id = desk.world.task()["task_id"]
    assert (desk.world.state / "tasks" / task_id / "prompt.md").read_bytes() == prompt
    first, body = arrived(desk.api.requests[-1], task_id)
    assert (body, "prompt.md" in first) == ("latin-1: caf  end", True)


# Claude Code itself takes white space off both ends of its last message, before any hook sees it.
REPLIES: dict[str, str] = {
    "markdown": "# Heading\n\n- one\n  - two\n\n```python\n\tdef f():\n\t    return '\\n'\n```\n\n> quote\n\n|a|\n|-|",
    "spaces and newlines at the ends": "\n\n  indented, and behind   \n\n\n",
    "CRLF": "one\r\ntwo\r\n",
    "control characters": "a\x00b\x1b[31mc\x07d\x7fe\u2028f\x85end",
    "invisible and wide": f"{FAMILY} \u200b\ufeff 日本語",
    "our frame": "[flowloom task abcd from chief] x\n[end of task abcd]",
    "like one of Claude's own": "<system-reminder>no</system-reminder>\n❯ [Pasted text #1 +3 lines]\nAPI Error: 529",
    "one line of 300 kB": "x" * 300_000,
}


@pytest.mark.last
def test_every_reply_comes_back_byte_for_byte(desk: Desk) -> None:
    problems = {}
    for number, (name, reply) in enumerate(REPLIES.items()):
        desk.api.on(f"reply number {number}.", Say(reply))
        done = desk.world.flowloom("ask", "planning", f"say reply number {number}.")
        kept = (desk.world.state / "tasks" / desk.world.task()["task_id"] / "reply.md").read_bytes()
        said = reply.strip().encode()
        if (done.returncode, done.stdout, kept) != (0, said, said):
            problems[name] = (done.returncode, done.stdout[:300], kept[:300], done.stderr[-300:])
    assert problems == {}


@pytest.mark.newest
def test_a_reply_of_5_mb_comes_back_whole_and_the_prompt_file_has_its_beginning(
    claude: World, api: MessagesApi
) -> None:
    reply = "".join(f"{number:07} {'y' * 91}\n" for number in range(50_000))
    claude.environment |= dict.fromkeys(SHORT_LIVED, "1")  # what takes long is worth compiling
    api.on("the whole of it", Say(reply))
    claude.start()
    path = claude.prompt_file("@planning the whole of it\n")
    done = claude.ctrl_g(path, limit_s=90)
    assert (done.returncode, done.stderr) == (0, b"")
    task_id = claude.task()["task_id"]
    kept = claude.state / "tasks" / task_id / "reply.md"
    assert kept.read_text() == reply.rstrip()
    written = path.read_text()
    heading, _, rest = written.partition("\n\n")
    assert heading == f"Reply from planning (task {task_id}): the whole of it"
    beginning, _, last = rest.rpartition("\n\n")
    assert last == f"[… {len(reply) - 1} bytes in all: {kept}]"
    assert reply.startswith(beginning)
    assert 99_000 < len(beginning) <= 100_000


@pytest.mark.newest
def test_a_reply_without_a_word_is_an_empty_reply(claude: World, api: MessagesApi) -> None:
    api.on("say nothing", Say(""))
    api.on("no visible output", Say(""))  # Claude Code asks once more by itself
    done = claude.flowloom("ask", "planning", "say nothing")
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert claude.task()["status"] == "done"


@pytest.mark.newest
def test_a_plain_reply_stands_alone_in_the_prompt_file(desk: Desk) -> None:
    desk.world.user_config('reply = "plain"\n')
    desk.api.on("plainly", Say("# as it is\n\n    indented"))
    path = desk.world.prompt_file("@planning: say it plainly\n")
    assert desk.world.ctrl_g(path).returncode == 0
    assert path.read_bytes() == b"# as it is\n\n    indented"
