"""What an agent says is exact in a pipe and harmless on a terminal, and no agent takes a listing down."""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.support.world import AGENT_EVENT, World

from flowloom.cli import agents as agents_face
from flowloom.cli import tasks as tasks_face

pytestmark = pytest.mark.echo

NASTY = "one\ttab\n\x1b]52;c;aGk=\x07\x1b[2J\x1b[8m\x9b31m\u202egnp\r\nend"
HARMLESS = "one\ttab\n␛]52;c;aGk=␇␛[2J␛[8m<U+009B>31m<U+202E>gnp\nend\n"
HALF = "before \ud800 after"
# What a terminal may be sent besides text: our colours, as `agents` has them, and what redraws the line of a wait.
OURS = re.compile(r"\r\x1b\[K|\r(?=[^\n\r\x1b]*\x1b\[K)|\x1b\[K")
OBEYED = re.compile(r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e]")


def hook(world: World, event: str, **payload: Any) -> None:
    """Call the agent's hook as its program would, with JSON that escapes what is no UTF-8."""
    said = {"hook_event_name": event, "session_id": world.status()["session_id"], **payload}
    done = world.run(
        *("/bin/sh", str(AGENT_EVENT), "echo"),
        stdin=json.dumps(said).encode(),
        env={"FLOWLOOM_AGENT_DIR": str(world.agent_dir())},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def says(world: World, message: str) -> str:
    """Let the agent's last reply be renewed by `message`; return the task."""
    turn = world.status()["last_turn"]
    hook(world, "Stop", prompt_id=turn["prompt_id"], last_assistant_message=message)
    return str(world.task()["task_id"])


def on_terminal(world: World, *words: str) -> str:
    """Run `flowloom` with stdout and stderr on a terminal of its own; return what the terminal was sent."""
    ours, its = os.openpty()
    received: list[bytes] = []

    def listen() -> None:
        while True:
            try:
                received.append(os.read(ours, 65536))
            except OSError:
                return

    reader = threading.Thread(target=listen)
    reader.start()
    world.begin(*words, stdout=its, stderr=its).wait(timeout=60)
    os.close(its)
    reader.join()
    os.close(ours)
    return b"".join(received).decode().replace("\r\n", "\n")


@pytest.fixture
def replied(world: World) -> World:
    """A world with one agent and one reply."""
    world.ask("planning", "one")
    return world


def test_a_reply_is_exact_in_a_pipe_and_harmless_on_a_terminal(replied: World) -> None:
    task_id = says(replied, NASTY)
    for words in (["reply", task_id], ["wait", task_id]):
        assert replied.flowloom(*words).stdout == NASTY.encode()
        assert on_terminal(replied, *words) == HARMLESS
    answer = json.loads(replied.flowloom("reply", task_id, "--json").stdout)
    assert answer["text"] == NASTY


def test_no_face_passes_on_what_a_terminal_obeys(replied: World) -> None:
    task_id = says(replied, NASTY)
    # Its session would say that it is idle: it knows nothing of these calls.
    sessions = json.loads((replied.agent_dir() / "environment.json").read_text())["FLOWLOOM_ECHO_SESSIONS"]
    Path(sessions, f"{replied.status()['pid']}.json").unlink()
    hook(replied, "UserPromptSubmit", prompt_id="p2", prompt="by hand")
    hook(replied, "PermissionRequest", prompt_id="p2", tool_name=f"Ba{NASTY}sh", tool_input={"command": NASTY})
    seen = {
        words: OURS.sub("", on_terminal(replied, *words))
        for words in (
            ("agents",),
            ("tasks",),
            ("status",),
            ("status", "--json"),
            ("show", task_id),
            ("logs", "planning"),
            ("agents", "--json"),
            ("show", task_id, "--json"),
            ("ask", "planning", f"two {NASTY}", "--timeout", "0"),
        )
    }
    assert {words: OBEYED.findall(text) for words, text in seen.items() if OBEYED.search(text)} == {}
    assert "blocked on permission: Ba" in seen["ask", "planning", f"two {NASTY}", "--timeout", "0"]
    assert "␛]52" in seen["logs", "planning"]


def test_half_a_character_takes_no_listing_down_and_is_said(replied: World) -> None:
    task_id = says(replied, HALF)
    hook(replied, "UserPromptSubmit", prompt_id="p2", prompt="by hand")
    hook(replied, "PermissionRequest", prompt_id="p2", tool_name="Bash", tool_input={"command": HALF})
    for words in (
        *(["agents"], ["agents", "--json"], ["tasks"], ["tasks", "--json"], ["show", task_id, "--json"]),
        *(["logs", "planning"], ["logs", "planning", "--json"], ["reply", task_id, "--json"]),
    ):
        done = replied.flowloom(*words)
        assert done.returncode == 0, (words, done.stderr)
        done.stdout.decode("utf-8")
        if "--json" in words and "logs" not in words:
            assert json.loads(done.stdout)["version"] == 1
    done = replied.flowloom("reply", task_id)
    assert done.stdout.decode("utf-8") == "before \ufffd after"
    assert "not valid Unicode" in done.stderr.decode()
    (replied.agent_dir() / "status.json").read_bytes().decode("utf-8")


def test_a_prompt_file_gets_valid_text_and_says_what_was_replaced(world: World) -> None:
    world.start()
    path = world.prompt_file("@planning one\n")
    assert world.ctrl_g(path).returncode == 0
    says(world, HALF)
    path = world.prompt_file("@planning one\n")  # the same draft: its renewed reply is unread
    assert world.ctrl_g(path).returncode == 0
    heading, text = path.read_bytes().decode("utf-8").split("\n\n")
    assert "[characters of the reply that are not valid Unicode were replaced by U+FFFD]" in heading
    assert text == "before \ufffd after"


def test_a_path_that_is_no_text_stays_exact_in_valid_json(world: World) -> None:
    state = os.fsdecode(os.fsencode(world.folder) + b"/st\xffate")
    world.environment["FLOWLOOM_HOME"] = state
    done = world.flowloom("ask", "planning", "one", "--json")
    path = json.loads(done.stdout.decode("utf-8"))["task"]["prompt"]
    assert Path(path).read_bytes() == b"one"
    assert os.fsencode(path).startswith(os.fsencode(state))
    world.flowloom("stop", "--all")


TURN: dict[str, Any] = {"prompt_id": None, "whose": "task", "task": "abcd", "at": 1.0, "before": []}
STATUS_DAMAGE: list[dict[str, Any]] = [
    {"question": "what?"},
    {"question": {"kind": 1, "text": "", "how": "", "call": ""}},
    {"turn": 5},
    {"turn": {**TURN, "at": "yesterday"}},
    {"parked": {"task": ["x"], "before": []}},
    {"since": 1e300},
    {"since": float("nan")},
    {"last_active": float("inf")},
    {"queued": [5]},
    {"pid": "x"},
    {"context_summary": None},
    {"status": "asleep"},
]
TASK_DAMAGE: list[dict[str, Any]] = [
    {"journal": ["x"]},
    {"journal": [{"at": float("nan"), "step": "created", "why": ""}]},
    {"journal": [{"at": 1.0, "why": ""}]},
    {"created": -1e300},
    {"notes": [None]},
    {"read": "x"},
]


def rewritten(path: Path, values: dict[str, Any]) -> str:
    """Write a document with other values; return what it was."""
    before = path.read_text()
    path.write_text(json.dumps({**json.loads(before), **values}))
    return before


def test_a_damaged_status_costs_its_own_row_and_no_other(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.start("coding")
    world.start("planning")
    path = world.agent_dir("coding") / "status.json"
    for values in STATUS_DAMAGE:
        before = rewritten(path, values)
        assert agents_face.list_agents(as_json=True) == 0
        shown = capsys.readouterr()
        rows = {each["name"]: str(each["unreachable"] or "") for each in json.loads(shown.out)["agents"]}
        assert (list(rows), rows["planning"]) == (["coding", "planning"], ""), values
        assert str(path) in rows["coding"] + shown.err, values
        assert agents_face.list_agents(as_json=False) == 0
        assert "planning@site" in capsys.readouterr().out
        path.write_text(before)
    # Of a release that did not stop it at the hook: shown, and no harm.
    rewritten(path, {"context_summary": HALF, "why": HALF})
    done = world.flowloom("agents", "--json")
    assert [each["name"] for each in json.loads(done.stdout.decode("utf-8"))["agents"]] == ["coding", "planning"]
    assert world.flowloom("agents").returncode == 0


def test_a_damaged_task_costs_its_own_row_and_no_other(replied: World, capsys: pytest.CaptureFixture[str]) -> None:
    replied.ask("planning", "two")
    bad, good = (task["task_id"] for task in replied.tasks())
    path = replied.state / "tasks" / bad / "task.json"
    for values in TASK_DAMAGE:
        before = rewritten(path, values)
        for as_json in (True, False):
            assert tasks_face.list_tasks(as_json=as_json, limit=20) == 0
            shown = capsys.readouterr()
            assert (good in shown.out, bad in shown.out, str(path) in shown.err) == (True, False, True), values
        path.write_text(before)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_stdout_that_takes_nothing_is_named_and_the_reply_stays_unread(replied: World) -> None:
    first = replied.flowloom("ask", "planning", "two", "--no-wait").stdout.decode().strip()
    replied.until_step("done")
    with open("/dev/full", "wb") as full:
        for words in (["reply", first], ["agents"], ["tasks", "--json"]):
            done = replied.flowloom(*words, stdout=full)
            assert done.returncode == 1, words
            assert "stdout cannot be written: No space left on device" in done.stderr.decode(), words
            assert "df" not in done.stderr.decode()
    assert replied.task()["read"] is None
