"""A task's lock: several processes that change one task at once lose nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest
from tests.support.world import AGENT_EVENT, ROOT

from flowloom.delegation import ask, executors
from flowloom.errors import NoSuchTask
from flowloom.store import files, layout, locks
from flowloom.store.layout import AgentRef
from flowloom.tasks import frame
from flowloom.tasks import record as task_record
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import payloads, spool, status, task_lock
from flowloom.turns import record as status_record
from flowloom.turns.states import State

AGENT = AgentRef("site", "planning")
OPEN: task_record.Agent | None = None
MANY = 40


@pytest.fixture
def task() -> task_record.Task:
    """A task whose text stands in the box of its agent, which is idle."""
    files.ensure_dir(layout.agent_dir(AGENT))
    now = status_record.empty_status("planning@site", "planning", "planning", "site", "claude")
    now.update({"status": State.IDLE, "up": True, "session_id": "s1"})
    opened = tasks.open_task("planning@site", AGENT, "do it", asker="chief", asker_kind="chief")
    status.write(AGENT, now | {"delivering": opened["task_id"]})
    for step in (Step.TYPED, Step.PASTED):
        tasks.note_step(opened, step, "so it went")
    return opened


def child(code: str, *words: str) -> subprocess.Popen[str]:
    """Start a process of ours that does what the code says."""
    start = "import sys\nfrom flowloom.tasks import store as tasks\nfrom flowloom.turns import spool, task_lock\n"
    command = [sys.executable, "-c", start + code, *words]
    return subprocess.Popen(command, cwd=ROOT / "src", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def confirms(task_id: str) -> None:
    """Make the hook call by which the agent confirms the task."""
    text = frame.first_line(task_id, "chief") + "\n" + frame.body(task_id, "do it")
    payload = {"hook_event_name": "UserPromptSubmit", "session_id": "s1", "prompt": text, "prompt_id": "1"}
    around = {**os.environ, "FLOWLOOM_AGENT_DIR": layout.agent_dir(AGENT)}
    subprocess.run(["sh", AGENT_EVENT, "claude"], input=json.dumps(payload).encode(), env=around, check=True)


HOLDS = """
with task_lock.hold(sys.argv[1]) as task:
    print("has read it", flush=True)
    sys.stdin.readline()
    tasks.note_fact(task, "of the command")
"""


def test_a_task_whose_agent_has_a_key_of_a_later_release_is_held(
    task: task_record.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown keys are kept; they make it no other agent's task, for which the locks would be taken without end."""
    agent: Any = {"project": "site", "name": "planning", "later": 1}
    task["agent"] = agent
    tasks.write(task)
    read, times = tasks.read, []

    def counted(task_id: str) -> task_record.Task:
        times.append(task_id)
        assert len(times) < MANY
        return read(task_id)

    monkeypatch.setattr(tasks, "read", counted)
    with task_lock.hold(task["task_id"]) as held:
        assert held["agent"] == agent


def test_a_hook_call_and_a_command_that_write_one_journal_at_once_lose_nothing(task: task_record.Task) -> None:
    task_id = task["task_id"]
    command = child(HOLDS, task_id)
    assert said(command) == "has read it"
    confirms(task_id)
    assert len(payloads.names(AGENT)) == 1, "the hook call has not waited"
    command.communicate("\n")
    after = tasks.read(task_id)
    assert after["notes"] == ["of the command"]
    assert [entry["step"] for entry in after["journal"]] == ["created", "typed", "pasted", "accepted"]
    assert payloads.names(AGENT) == []


BEGINS = """
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("agent", [OPEN, {"project": "site", "name": layout.HEADLESS}])
def test_a_hook_call_writes_no_task_that_its_agent_does_not_have(
    task: task_record.Task, agent: task_record.Agent | None
) -> None:
    task["agent"] = agent
    tasks.write(task)
    confirms(task["task_id"])
    assert tasks.read(task["task_id"]) == task
    now = status.read(AGENT)
    assert now is not None
    assert now["status"] is State.WORKING


APPENDS = f"""{BEGINS}
for number in range({MANY}):
    with task_lock.hold(sys.argv[1]) as task:
        tasks.note_fact(task, f"{{sys.argv[2]}} {{number}}")
"""
# A process of an older release knows no lock but the agent's.
APPENDS_AS_BEFORE = f"""{BEGINS}
from flowloom.store.layout import AgentRef
for number in range({MANY}):
    with spool.lock(AgentRef("site", "planning")):
        tasks.note_fact(tasks.read(sys.argv[1]), f"{{sys.argv[2]}} {{number}}")
"""


@pytest.mark.parametrize("whose", ["an agent's", "an agent's, and one is of an older release", "no agent's", "removed"])
def test_two_processes_that_write_one_journal_at_once_lose_nothing(task: task_record.Task, whose: str) -> None:
    if whose == "no agent's":
        task["agent"] = OPEN
        tasks.write(task)
    elif whose == "removed":
        shutil.rmtree(layout.agent_dir(AGENT))
    first = APPENDS_AS_BEFORE if "older" in whose else APPENDS
    both = [child(first, task["task_id"], "one"), child(APPENDS, task["task_id"], "two")]
    assert [said(process) for process in both] == ["ready", "ready"]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in both:
        process.communicate()
    expected = [f"{name} {number}" for name in ("one", "two") for number in range(MANY)]
    assert sorted(tasks.read(task["task_id"])["notes"]) == sorted(expected)


TELLS = """
from flowloom.store import locks
take = locks.Lock.take
def told(self, *, wait=True):
    print(self._path, flush=True)
    return take(self, wait=wait)
locks.Lock.take = told
with task_lock.hold(sys.argv[1]) as task:
    print(task["agent"]["name"], flush=True)
"""


def test_a_task_that_is_given_to_an_agent_is_held_with_that_agent(task: task_record.Task) -> None:
    taken, task["agent"] = task["agent"], OPEN
    tasks.write(task)
    own = locks.Lock(layout.task_lock(task["task_id"]))
    with spool.lock(AGENT):
        own.take()
        other = child(TELLS, task["task_id"])
        assert said(other) == layout.task_lock(task["task_id"])
        task["agent"] = taken
        tasks.write(task)
        own.release()
        assert said(other) == layout.agent_lock(AGENT)
    assert [said(other), said(other)] == [layout.task_lock(task["task_id"]), "planning"]
    other.communicate()


def test_who_waits_for_a_task_does_not_hold_its_agent(task: task_record.Task) -> None:
    own = locks.Lock(layout.task_lock(task["task_id"]))
    own.take()
    other = child(TELLS, task["task_id"])
    both = [layout.agent_lock(AGENT), layout.task_lock(task["task_id"])]
    assert [said(other), said(other)] == both
    assert said(other) == layout.task_lock(task["task_id"]), "it waits for the task alone"
    assert not files.held(layout.agent_lock(AGENT))
    confirms(task["task_id"])
    assert payloads.names(AGENT) == []
    own.release()
    assert [said(other), said(other), said(other)] == [*both, "planning"]
    other.communicate()


def test_a_task_that_no_agent_has_is_cancelled_once(task: task_record.Task) -> None:
    task["agent"], task["status"] = OPEN, Step.CREATED
    tasks.write(task)
    done = [executors.cancel(task["task_id"]) for _ in range(2)]
    assert done == ["it will not be delivered", "it had already ended: cancelled"]
    assert tasks.read(task["task_id"])["status"] is Step.CANCELLED


def test_a_reply_is_read_although_its_agent_was_removed(task: task_record.Task) -> None:
    tasks.complete(task, "a reply", "its turn ended")
    shutil.rmtree(layout.agent_dir(AGENT))
    ask.mark_read(task["task_id"])
    assert tasks.read(task["task_id"])["read"] is not None


def test_a_task_that_is_removed_is_not_held(task: task_record.Task) -> None:
    shutil.rmtree(layout.task_dir(task["task_id"]))
    with pytest.raises(NoSuchTask), task_lock.hold(task["task_id"]):
        pass
    assert not files.held(layout.agent_lock(AGENT))
