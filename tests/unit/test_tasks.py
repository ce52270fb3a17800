"""A task's folder: its journal is guarded, its reply is complete, an agent's status moves by events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.world import ROOT

from flowloom.cli.busy import working_on
from flowloom.errors import DamagedFile, NoSuchTask
from flowloom.providers import protocol
from flowloom.store import files, layout
from flowloom.store.files import sha256
from flowloom.store.layout import AgentRef
from flowloom.tasks import record as task_record
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import FOLLOWS, Step
from flowloom.turns import record as status_record
from flowloom.turns import status
from flowloom.turns.states import Event, State


@pytest.fixture
def agent() -> AgentRef:
    """The folder of an agent that has never been started."""
    folder = AgentRef("site", "planning")
    os.makedirs(layout.agent_dir(folder))
    return folder


@pytest.fixture
def task(agent: AgentRef) -> task_record.Task:
    """A task that was asked and nothing else."""
    return tasks.open_task("planning@site", agent, "say hello", asker="chief", asker_kind="chief")


def folder(task: task_record.Task) -> Path:
    return Path(layout.task_dir(task["task_id"]))


def test_the_prompt_is_on_disk_exactly_before_the_task_is(agent: AgentRef) -> None:
    prompt = "a\tb\r\n\x00\udcff\n"
    task = tasks.open_task("planning@site", agent, prompt, asker="chief", asker_kind="chief")
    raw = b"a\tb\r\n\x00\xff\n"
    assert (folder(task) / "prompt.md").read_bytes() == raw
    assert tasks.prompt_of(task) == prompt
    assert tasks.read(task["task_id"]) == task
    assert (task["prompt_sha256"], task["prompt_bytes"], task["exact"]) == (sha256(raw), 8, False)
    assert (folder(task) / "prompt.md").stat().st_mtime_ns <= (folder(task) / "task.json").stat().st_mtime_ns
    assert folder(task).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("task_id", ["zzzz", "", "..", "../x", "a/b", "x" * 200])
def test_a_task_that_does_not_exist_is_said_to_not_exist(task_id: str) -> None:
    with pytest.raises(NoSuchTask):
        tasks.read(task_id)
    assert tasks.find(task_id) is None


def test_no_task_is_no_task() -> None:
    assert tasks.find(None) is None
    assert tasks.all_ids() == []
    assert tasks.of_agent("planning@site") == []


def test_a_damaged_task_is_named_and_stops_no_listing(task: task_record.Task, agent: AgentRef) -> None:
    other = tasks.open_task("planning@site", agent, "second", asker="chief", asker_kind="chief")
    (folder(task) / "task.json").write_text("{")
    with pytest.raises(DamagedFile, match=f"{folder(task)}/task.json"):
        tasks.read(task["task_id"])
    assert [found["task_id"] for found in tasks.of_agent("planning@site")] == [other["task_id"]]


def test_tasks_are_listed_in_the_order_in_which_they_were_asked(agent: AgentRef) -> None:
    asked = [
        tasks.open_task(agent_id, agent, f"task {agent_id}", asker="chief", asker_kind="chief")
        for agent_id in ("a@site", "b@site", "a@site")
    ]
    assert tasks.all_ids() == [task["task_id"] for task in asked]
    assert [task["task_id"] for task in tasks.of_agent("a@site")] == [asked[0]["task_id"], asked[2]["task_id"]]


@pytest.mark.parametrize("before", list(Step))
@pytest.mark.parametrize("after", list(Step))
def test_a_journal_takes_only_a_step_that_may_follow(task: task_record.Task, before: Step, after: Step) -> None:
    task["status"] = before
    tasks.write(task)
    moved = tasks.note_step(task, after, "why")
    assert moved is (after in FOLLOWS[before])
    read = tasks.read(task["task_id"])
    assert read["status"] is (after if moved else before)
    assert [entry["step"] for entry in read["journal"]] == ["created", *([after] if moved else [])]


@pytest.mark.parametrize("step", [Step.FAILED, Step.INTERRUPTED, Step.UNKNOWN, Step.CANCELLED])
def test_why_a_task_ended_badly_stands_in_it_until_a_reply_comes(task: task_record.Task, step: Step) -> None:
    for each in (Step.TYPED, Step.ACCEPTED, step):
        tasks.note_step(task, each, f"because {each}")
    assert tasks.read(task["task_id"])["error"] == f"because {step}"
    tasks.complete(task, "late", "it came late")
    assert (task["status"], task["error"]) == (Step.DONE, "")


def accepted(task: task_record.Task) -> task_record.Task:
    for step in (Step.TYPED, Step.PASTED, Step.ACCEPTED):
        assert tasks.note_step(task, step, "on its way")
    return task


@pytest.mark.parametrize("message", ["hello", "", "# a\n```\n", "ä\ufffd", "x" * 5_000_000, "\n\n", "[end of task"])
def test_the_reply_is_the_message_byte_for_byte_and_its_marker_holds_its_digest(
    task: task_record.Task, message: str
) -> None:
    tasks.complete(accepted(task), message, "its turn ended")
    raw = message.encode()
    assert tasks.reply_of(task["task_id"]) == raw
    assert (folder(task) / "reply.md").read_bytes() == raw
    assert (folder(task) / ".done").read_text() == sha256(raw) + "\n"
    assert (folder(task) / "reply.md").stat().st_mtime_ns <= (folder(task) / ".done").stat().st_mtime_ns


def test_half_a_character_becomes_one_that_utf_8_can_hold_and_the_task_says_so(task: task_record.Task) -> None:
    tasks.park(accepted(task), "half \ud800", "waits")
    assert (tasks.provisional_of(task["task_id"]), task["replaced"]) == ("half \ufffd".encode(), True)
    tasks.complete(task, "half \ufffd", "its provisional reply is its last one")
    assert tasks.read(task["task_id"])["replaced"] is True
    tasks.complete(task, "whole", "a Stop hook continued its turn")
    assert (tasks.reply_of(task["task_id"]), tasks.read(task["task_id"])["replaced"]) == (b"whole", False)


def seen(task: task_record.Task) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_ino, path.read_bytes()) for path in folder(task).iterdir()}


def test_completing_twice_changes_nothing(task: task_record.Task) -> None:
    tasks.complete(accepted(task), "hello", "its turn ended")
    before = seen(task)
    tasks.complete(task, "hello", "once more")
    assert seen(task) == before


def test_a_later_message_renews_reply_and_marker_and_is_unread(task: task_record.Task) -> None:
    tasks.complete(accepted(task), "first", "its turn ended")
    task["read"] = 1.0
    tasks.complete(task, "second", "a Stop hook continued its turn")
    assert tasks.reply_of(task["task_id"]) == b"second"
    read = tasks.read(task["task_id"])
    assert (read["read"], read["notes"]) == (None, ["the reply was replaced: a Stop hook continued its turn"])
    assert [entry["step"] for entry in read["journal"]].count("done") == 1


def test_there_is_no_reply_before_its_marker(task: task_record.Task) -> None:
    assert tasks.reply_of(task["task_id"]) is None
    (folder(task) / "reply.md").write_bytes(b"half")
    assert tasks.reply_of(task["task_id"]) is None


def test_a_completion_that_was_cut_off_before_its_marker_is_made_good(task: task_record.Task) -> None:
    (folder(task) / "reply.md").write_bytes(b"half")
    tasks.complete(accepted(task), "whole", "its turn ended")
    assert tasks.reply_of(task["task_id"]) == b"whole"


def test_a_marker_whose_task_was_not_noted_is_noted_by_completing_again(task: task_record.Task) -> None:
    accepted(task)
    (folder(task) / "reply.md").write_bytes(b"hello")
    (folder(task) / ".done").write_text(sha256(b"hello") + "\n")
    tasks.complete(task, "hello", "its turn ended")
    assert tasks.read(task["task_id"])["status"] is Step.DONE


@pytest.mark.parametrize("reply", [None, b"another text"])
def test_a_marker_without_its_reply_is_damage_and_names_both(
    task: task_record.Task, reply: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks.complete(accepted(task), "hello", "its turn ended")
    (folder(task) / "reply.md").unlink()
    if reply is not None:
        (folder(task) / "reply.md").write_bytes(reply)
        os.utime(folder(task) / "reply.md", ns=(0, 0))
    with pytest.raises(DamagedFile, match=rf"{folder(task)}/reply.md is not the reply that {folder(task)}/.done"):
        tasks.reply_of(task["task_id"])


def test_a_reply_whose_renewal_was_cut_off_before_its_marker_is_read(
    task: task_record.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks.complete(accepted(task), "hello", "its turn ended")
    os.utime(folder(task) / ".done", ns=(0, 0))
    (folder(task) / "reply.md").write_bytes(b"hello again")
    assert tasks.reply_of(task["task_id"]) == b"hello again"


RENEWS = """
import sys
from flowloom.tasks import store as tasks
task = tasks.read(sys.argv[1])
for number in range(60):
    tasks.complete(task, f"message {number}", "again")
"""


def test_a_reply_that_is_being_renewed_is_read_whole(task: task_record.Task) -> None:
    tasks.complete(accepted(task), "message 0", "its turn ended")
    writer = subprocess.Popen([sys.executable, "-c", RENEWS, task["task_id"]], cwd=ROOT / "src")
    read = set()
    while writer.poll() is None:
        read.add(tasks.reply_of(task["task_id"]))
    assert writer.returncode == 0
    assert read <= {f"message {number}".encode() for number in range(60)}
    assert tasks.reply_of(task["task_id"]) == b"message 59"


def test_a_parked_task_has_its_message_so_far_and_no_reply(task: task_record.Task) -> None:
    assert tasks.provisional_of(task["task_id"]) is None
    tasks.park(accepted(task), "so far", "waits for b1")
    assert (tasks.provisional_of(task["task_id"]), tasks.reply_of(task["task_id"])) == (b"so far", None)
    assert not tasks.ended(task)


def test_a_fact_moves_nothing(task: task_record.Task) -> None:
    tasks.note_fact(task, "a remark")
    read = tasks.read(task["task_id"])
    assert (read["notes"], read["status"], len(read["journal"])) == (["a remark"], Step.CREATED, 1)


def test_a_change_of_a_task_wakes_who_waits_for_its_agent(task: task_record.Task, agent: AgentRef) -> None:
    reader, _ = files.open_wake(layout.agent_dir(agent))
    tasks.note_fact(task, "a remark")
    assert os.read(reader, 10) == b"\n"
    os.close(reader)


# The status of an agent.


@pytest.fixture
def now(agent: AgentRef) -> status_record.Status:
    """The status of that agent, on disk."""
    made = status_record.empty_status("planning@site", "planning", "planning", "site", "echo")
    status.write(agent, made)
    return made


def events(agent: AgentRef) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(layout.agent_dir(agent), "events.jsonl").read_text().splitlines()]


def test_an_event_moves_a_status_by_one_and_is_remembered(agent: AgentRef, now: status_record.Status) -> None:
    after = status.apply(agent, now, Event.SPAWN, why="started", source="spawn", pid=7)
    read = status.read(agent)
    assert read == now
    assert after is now["status"] is State.STARTING
    assert (now["seq"], now["pid"], now["why"], now["source"]) == (1, 7, "started", "spawn")
    assert now["since"] == now["last_active"] > 0
    at = now["since"]
    line = {"seq": 1, "at": at, "event": "spawn", "from": "offline", "to": "starting", "task": None, "why": "started"}
    assert events(agent) == [line]


def test_an_event_that_moves_nothing_keeps_why_and_since(agent: AgentRef, now: status_record.Status) -> None:
    status.apply(agent, now, Event.SPAWN, why="started", source="spawn")
    since = now["since"]
    status.apply(agent, now, Event.SIGN, why="a tool ran", source="hook", seen_ns=5)
    assert (now["status"], now["why"], now["since"], now["seen_ns"], now["seq"]) == ("starting", "started", since, 5, 2)
    assert [line["event"] for line in events(agent)] == ["spawn", "sign"]


def test_a_question_is_forgotten_when_the_agent_is_blocked_no_more(agent: AgentRef, now: status_record.Status) -> None:
    question: protocol.Question = {"kind": "permission", "text": "Bash: rm", "how": "", "call": "x", "options": []}
    now["status"] = State.WORKING
    status.apply(agent, now, Event.ASK, why="blocked on a permission", source="hook", question=question)
    assert now["question"] == question
    other: protocol.Question = {**question, "text": "Bash: ls"}
    status.apply(agent, now, Event.ASK, why="blocked on another", source="hook", question=other)
    assert (now["question"], now["why"]) == (other, "blocked on another")
    status.apply(agent, now, Event.SIGN, why="goes on", source="hook")
    read = status.read(agent)
    assert read is not None
    assert (read["status"], read["question"]) == (State.WORKING, None)


def test_a_note_moves_nothing_but_the_number(agent: AgentRef, now: status_record.Status) -> None:
    status.note(agent, now, adopt="7k2m")
    read = status.read(agent)
    assert read is not None
    assert (read["adopt"], read["seq"], read["status"]) == ("7k2m", 1, State.OFFLINE)
    assert not Path(layout.agent_dir(agent), "events.jsonl").exists()


def test_the_current_task_is_the_turns_or_the_one_under_way(
    agent: AgentRef, now: status_record.Status, task: task_record.Task
) -> None:
    tasks.note_step(task, Step.TYPED, "its text is being sent")
    turn = {"prompt_id": "p", "whose": "task", "task": "aaaa", "at": 0.0, "at_ns": 0, "before": []}
    status.apply(agent, now, Event.ACCEPT, why="works", source="hook", turn=turn, delivering=task["task_id"])
    assert now["current_task"] == "aaaa"
    status.apply(agent, now, Event.STOP, why="ended", source="hook", turn=None)
    assert now["current_task"] == task["task_id"]


def test_the_events_begin_anew_when_they_are_many(
    agent: AgentRef, now: status_record.Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "EVENTS_LIMIT_BYTES", 300)
    for _ in range(5):
        status.apply(agent, now, Event.SIGN, why="a tool ran", source="hook")
    older = [json.loads(line) for line in Path(layout.agent_dir(agent), "events.jsonl.1").read_text().splitlines()]
    assert [line["seq"] for line in [*older, *events(agent)]] == [1, 2, 3, 4, 5]


def test_an_agent_without_a_status_has_none(agent: AgentRef) -> None:
    assert status.read(agent) is None


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize("how", ["given", "its turn", "queued"])
def test_what_an_agent_is_given_is_told_by_the_step_of_the_task(
    task: task_record.Task, agent: AgentRef, step: Step, how: str
) -> None:
    """Its coordinator can be killed behind the submit, and another process then ends the task."""
    task["status"] = step
    tasks.write(task)
    now = status_record.empty_status("planning@site", "planning", "planning", "site", "echo")
    now["delivering"] = task["task_id"]
    if how == "its turn":
        now["turn"] = {"prompt_id": None, "whose": "task", "task": task["task_id"], "at": 0.0, "at_ns": 0, "before": []}
    elif how == "queued":
        now["queued"] = [task["task_id"]]
    on_its_way = how == "given" and step in (Step.TYPED, Step.PASTED)
    at = task["task_id"] if on_its_way or how == "its turn" else None
    given = {"delivering": task["task_id"] if on_its_way else None, "current_task": at}
    # As another process left it, and as it is written by any change that it knows nothing of.
    files.write_json(layout.status(agent), now)
    read = status.read(agent)
    assert read is not None
    assert {key: read[key] for key in given} == given  # type: ignore[literal-required]
    for write in (
        lambda written: status.note(agent, written),
        lambda written: status.apply(agent, written, Event.NOTICE, why="", source="hook"),
    ):
        write(now.copy())
        document = files.read_json(layout.status(agent))
        assert document is not None
        assert {key: document[key] for key in given} == given
    assert (task["task_id"] in working_on(read)) == (on_its_way or how != "given")
