"""What happens to the real Claude Code while it has a task: errors, kills, and how it comes back."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from tests.support.desk import NOTICED_S, Asked, Desk, half
from tests.support.messages_api import ERRORS, Call, MessagesApi, Say
from tests.support.world import World

pytestmark = [pytest.mark.claude, pytest.mark.faults, pytest.mark.timeout(300)]

PATH = ["created", "typed", "pasted", "accepted"]


@pytest.fixture
def desk(claude: World, api: MessagesApi) -> Desk:
    return Desk(claude, api)


def in_mid_turn(desk: Desk, prompt: str) -> Asked:
    """Bring the agent into the middle of a reply."""
    desk.hold(prompt)
    asked = desk.ask(prompt)
    desk.until_seen(half(prompt))
    return asked


def resumed(desk: Desk, first: str, then: str) -> bool:
    """Tell whether the conversation that began with one text went on with another."""
    texts = desk.texts()
    return first in texts[0] and then in texts[-1]


SAID = {
    # what the API says: what the person reads
    400: "400 messages.1.content.0: scripted as invalid\n",
    401: "it is not logged in (authentication_failed); run /login in its window",
    403: "403 Your API key does not have permission to use the specified resource\n",
    429: "Request rejected (429) · This request would exceed your organization's rate limit; send it again later",
    500: "500 Internal server error; send it again",
    529: "529 Overloaded; send it again",
}


def test_an_error_of_the_api_fails_the_task_in_its_own_words_and_the_next_one_works(desk: Desk) -> None:
    desk.world.start()
    for code, said in SAID.items():
        desk.api.on(f"error {code}", ERRORS[code])
        ended = desk.ask(f"error {code}").end()
        assert ended[:2] == (1, "")
        assert said in ended[2]
        assert "your prompt is saved" in ended[2]
        # The newer release then shows a hint in the box, which is nobody's draft.
        assert f"well after {code}" in desk.reply(f"well after {code}")
    assert desk.drafts() == ""


def test_without_a_login_the_agent_starts_and_the_task_says_what_to_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN")
    del desk.world.environment["ANTHROPIC_AUTH_TOKEN"]
    for _ in range(2):
        ended = desk.ask("hello").end()
        assert ended[:2] == (1, "")
        assert "it is not logged in (authentication_failed); run /login in its window" in ended[2]


def test_an_agent_killed_before_the_typing_comes_back_with_its_conversation(desk: Desk) -> None:
    desk.reply("the port is 8080")
    before = desk.world.status()
    # It is written a moment after the turn.
    desk.world.until(lambda: "answer 1" in Path(before["transcript"]).read_text(), "it is in the transcript")
    os.kill(before["pid"], signal.SIGKILL)
    assert desk.reply("which port?") == "answer 2: which port?"
    after = desk.world.status()
    assert (after["session_id"], after["window_id"]) == (before["session_id"], before["window_id"])
    assert resumed(desk, "the port is 8080", "which port?")


def without_messages(transcript: Path) -> None:
    """Leave what stands there before the first message is written."""
    lines = transcript.read_text().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if json.loads(line)["type"] == "user")
    transcript.write_text("".join(line for line in lines[:first] if "sessionId" in json.loads(line)))


@pytest.mark.newest
def test_an_agent_killed_before_its_conversation_was_written_begins_anew(desk: Desk) -> None:
    desk.reply("the port is 8080")
    now = desk.world.status()
    desk.world.until(lambda: "answer 1" in Path(now["transcript"]).read_text(), "it is in the transcript")
    os.kill(now["pid"], signal.SIGKILL)
    without_messages(Path(now["transcript"]))
    code, out, err = desk.ask("which port?").end()
    assert (code, out) == (0, "answer 1: which port?"), err
    said = "planning@site begins with an empty conversation: its program's file of the former one holds no message"
    assert said in err


@pytest.mark.newest
def test_an_agent_whose_transcript_is_gone_begins_anew_and_says_so(desk: Desk) -> None:
    """Claude Code deletes transcripts after 30 days (`cleanupPeriodDays`)."""
    desk.reply("the port is 8080")
    desk.world.flowloom("stop", "planning")
    before = desk.world.status()
    Path(before["transcript"]).unlink()
    code, out, err = desk.ask("which port?").end()
    said = "planning@site begins with an empty conversation: its program's file of the former one is gone: "
    said += before["transcript"]
    assert (code, out, said in err) == (0, "answer 1: which port?", True), err
    assert said in desk.world.task()["notes"]
    assert desk.world.status()["session_id"] != before["session_id"]
    # And the new one is kept.
    desk.world.flowloom("restart", "planning")
    assert "which port again?" in desk.reply("which port again?")
    assert resumed(desk, "which port?", "which port again?")


@pytest.mark.newest
def test_an_agent_that_went_to_another_working_tree_comes_back_with_its_conversation(desk: Desk) -> None:
    """The newer release moves the transcript along, and names its former place when it is up again."""
    for words in (
        ["init", "-q"],
        ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        assert desk.world.run("git", *words).returncode == 0
    desk.api.on("go away", Call("EnterWorktree", {"name": "away"}), Say("there"))
    desk.world.user_config('args = ["--allowedTools", "EnterWorktree"]\n')
    asked = desk.ask("go away")
    assert asked.end()[:2] == (0, "there")
    for _ in range(2):
        done = desk.world.flowloom("restart", "planning")
        assert b"with its conversation" in done.stderr, done
    assert "which port?" in desk.reply("which port?")
    assert resumed(desk, "go away", "which port?")


@pytest.mark.newest
def test_a_conversation_that_lies_elsewhere_is_resumed_also_after_deaths(desk: Desk) -> None:
    desk.reply("the port is 8080")
    desk.world.flowloom("stop", "planning")
    path = desk.world.agent_dir() / "status.json"
    now = json.loads(path.read_text())
    now |= {"transcript": str(desk.world.folder / "moved.jsonl"), "deaths": [time.time(), time.time()]}
    path.write_text(json.dumps(now))
    assert "which port?" in desk.reply("which port?")
    assert resumed(desk, "the port is 8080", "which port?")


@pytest.mark.newest
def test_an_agent_killed_behind_a_clear_comes_back(desk: Desk) -> None:
    desk.reply("the port is 8080")
    before = desk.world.status()
    desk.type("/clear", enter=True)
    desk.world.until(lambda: desk.world.status()["session_id"] != before["session_id"], "a new session")
    os.kill(before["pid"], signal.SIGKILL)
    code, out, err = desk.ask("which port?").end()
    assert (code, "which port?" in out, "empty conversation" in err) == (0, True, False), err
    assert desk.world.status()["deaths"] == desk.world.status()["deaths"][:1]


def test_an_agent_killed_behind_the_paste_gets_the_task_once(desk: Desk) -> None:
    desk.reply("something before")
    transcript = Path(desk.world.status()["transcript"])
    # It is written a moment after the turn.
    desk.world.until(lambda: "answer 1" in transcript.read_text(), "it is in the transcript")
    # It cannot take the text while it is stopped, so the kill comes before the receipt.
    pid = desk.world.status()["pid"]
    stopped, over = threading.Event(), threading.Event()

    def stop() -> None:
        # tmux sends what was stopped a SIGCONT.
        while not over.wait(0.001):
            os.kill(pid, signal.SIGSTOP)
            stopped.set()

    holding = threading.Thread(target=stop)
    holding.start()
    try:
        stopped.wait()
        asked = desk.ask("once only")
        asked.until("pasted")
    finally:
        over.set()
        holding.join()
    os.kill(pid, signal.SIGKILL)
    code, out, err = asked.end()
    assert (code, out) == (0, "answer 2: once only"), err
    assert asked.steps() == ["created", "typed", "pasted", *PATH, "done"]
    assert sum("once only" in text for text in desk.texts()) == 1


def test_an_agent_killed_in_mid_turn_fails_the_task_and_comes_back_for_the_next(desk: Desk) -> None:
    desk.reply("the port is 8080")
    asked = in_mid_turn(desk, "a doomed task")
    os.kill(desk.world.status()["pid"], signal.SIGKILL)
    code, out, err = asked.ends_within(NOTICED_S)
    assert (code, out) == (1, "")
    assert f"task {asked.task_id} for planning@site: the agent is gone: its program ended" in err
    assert "ask again: that starts planning" in err
    requests = len(desk.api.requests)
    assert "which port?" in desk.reply("which port?")
    # Nothing of the turn that was cut off went on by itself.
    assert len(desk.api.requests) == requests + 1
    assert resumed(desk, "the port is 8080", "which port?")


@pytest.mark.newest
def test_a_closed_window_fails_the_task_and_the_next_one_opens_another(desk: Desk) -> None:
    desk.reply("the port is 8080")
    asked = in_mid_turn(desk, "a doomed task")
    desk.world.tmux("kill-window", "-t", desk.world.status()["window_id"])
    code, _, err = asked.ends_within(NOTICED_S)
    assert code == 1
    assert "the agent is gone" in err
    assert "which port?" in desk.reply("which port?")
    assert resumed(desk, "the port is 8080", "which port?")


@pytest.mark.newest
def test_a_killed_tmux_server_fails_the_task_and_the_next_one_opens_another(desk: Desk) -> None:
    desk.reply("the port is 8080")
    asked = in_mid_turn(desk, "a doomed task")
    desk.world.tmux("kill-server")
    code, _, err = asked.ends_within(NOTICED_S)
    assert code == 1
    assert "the agent is gone" in err
    assert "which port?" in desk.reply("which port?")
    assert resumed(desk, "the port is 8080", "which port?")


def test_an_agent_that_a_person_sent_away_comes_back_with_its_conversation(desk: Desk) -> None:
    desk.reply("the port is 8080")
    desk.type("/exit")
    desk.press("Enter", lambda: desk.world.status()["status"] == "offline")
    assert desk.world.status()["why"] == "it was closed with /exit"
    assert "which port?" in desk.reply("which port?")
    assert resumed(desk, "the port is 8080", "which port?")
