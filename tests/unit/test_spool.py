"""What hooks say while another process holds the agent's lock: stored, then applied in order, once, by its own time."""

from __future__ import annotations

import builtins
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.slow_imports import SLOW_IN_A_HOOK

from flowloom.agents import hook_shims
from flowloom.ports import child, procs
from flowloom.ports.tmux import server
from flowloom.store import files, layout, locks
from flowloom.store.layout import AgentRef
from flowloom.tasks import frame
from flowloom.tasks import record as task_record
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import payloads, receipts, spool, status
from flowloom.turns import record as status_record
from flowloom.turns.payloads import Payload
from flowloom.turns.states import State

SESSION = "s1"
MINUTE_NS = 60 * 10**9
SRC = Path(spool.__file__).parents[2]


class Heron:
    """One agent, idle, with a task in its box; and hook calls that are stored and not applied."""

    def __init__(self, folder: Path) -> None:
        self.agent = AgentRef("site", "planning")
        self.transcript = folder / "transcript"
        os.makedirs(layout.agent_dir(self.agent))
        now = status_record.empty_status("planning@site", "planning", "planning", "site", "claude")
        now.update({"status": State.IDLE, "up": True, "session_id": SESSION, "transcript": str(self.transcript)})
        status.write(self.agent, now)
        self.began_ns = time.monotonic_ns() - 10 * MINUTE_NS
        self.task_id = self.pasted("do it")

    def pasted(self, prompt: str) -> str:
        task = tasks.open_task("planning@site", self.agent, prompt, asker="chief", asker_kind="chief")
        tasks.note_step(task, Step.TYPED, "its text is being sent")
        status.note(self.agent, self.now(), delivering=task["task_id"])
        tasks.note_step(task, Step.PASTED, "its text is in the input box")
        return task["task_id"]

    def now(self) -> status_record.Status:
        read = status.read(self.agent)
        assert read is not None
        return read

    def task(self) -> task_record.Task:
        return tasks.read(self.task_id)

    def says(self, event: str, after_ns: int = 0, **more: Any) -> None:
        """Store a hook call that was made `after_ns` after the first one."""
        said = {"hook_event_name": event, "session_id": SESSION, "transcript_path": str(self.transcript), **more}
        at_ns = self.began_ns + after_ns
        at = time.time() - (time.monotonic_ns() - at_ns) / 1e9
        payloads.store(self.agent, Payload("", at_ns, at, 0, "claude"), json.dumps(said).encode())

    def accepts(self, after_ns: int = 0, prompt_id: str = "1") -> None:
        text = frame.first_line(self.task_id, "chief") + "\n" + frame.body(self.task_id, "do it")
        self.says("UserPromptSubmit", after_ns, prompt=text, prompt_id=prompt_id)

    def known(self) -> tuple[str, str | None, str | None, list[str]]:
        """Return what can be told in the end, whichever way it came to it."""
        now, task = self.now(), self.task()
        whose = now["turn"]["whose"] if now["turn"] else None
        reply = tasks.reply_of(self.task_id)
        return now["status"], whose, reply.decode() if reply is not None else None, [task["status"], *task["notes"]]


@pytest.fixture
def heron(tmp_path: Path) -> Heron:
    return Heron(tmp_path)


@pytest.mark.parametrize(("of_the_agent", "kept"), [(True, [".payload"]), (False, [".bad"])])
def test_a_payload_waits_for_its_agents_provider_and_for_no_other(
    heron: Heron, of_the_agent: bool, kept: list[str]
) -> None:
    now = heron.now()
    now["provider"] = "codex" if of_the_agent else "claude"
    status.write(heron.agent, now)
    payloads.store(heron.agent, Payload("", heron.began_ns, time.time(), 0, "codex"), b"{}")
    spool.drain(heron.agent)
    assert [os.path.splitext(name)[1] for name in os.listdir(layout.spool_dir(heron.agent))] == kept


NEVER_READ: dict[str, Callable[[Path], object]] = {
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("name", ["late-1-2-3.json", "1-2-3-4-boot-claude.payload", "odd.json"])
@pytest.mark.parametrize("what", NEVER_READ)
def test_an_entry_of_the_spool_that_can_never_be_read_is_set_aside(heron: Heron, what: str, name: str) -> None:
    heron.accepts()
    NEVER_READ[what](Path(layout.payload(heron.agent, name)))
    spool.drain(heron.agent)
    assert heron.now()["status"] is State.WORKING
    assert os.listdir(layout.spool_dir(heron.agent)) == [f"{name}.bad"]
    assert "can be read" in Path(layout.log()).read_text()


@pytest.mark.parametrize(("call", "nth"), [("lstat", 1), ("lstat", 2), ("access", 1), ("open", 1)])
def test_a_payload_that_is_left_while_it_is_looked_at_is_heard(
    heron: Heron, monkeypatch: pytest.MonkeyPatch, call: str, nth: int
) -> None:
    """A hook call leaves its payload to the holder of the lock, which can be at this very payload."""
    heron.accepts()
    heron.says("Stop", MINUTE_NS, prompt_id="1", last_assistant_message="done")
    module: Any = builtins if call == "open" else os
    done, seen = getattr(module, call), []

    def after_it_is_left(path: Any, *more: Any, **named: Any) -> Any:
        seen.extend([path] if str(path).endswith(payloads.OWN) else [])
        if len(seen) == nth:
            payloads.leave(heron.agent)
        return done(path, *more, **named)

    with monkeypatch.context() as patch:
        patch.setattr(module, call, after_it_is_left)
        spool.drain(heron.agent)
    assert len(seen) >= nth
    assert heron.known()[2] == "done"
    assert os.listdir(layout.spool_dir(heron.agent)) == []
    assert [entry["step"] for entry in heron.task()["journal"]][-2:] == [Step.ACCEPTED, Step.DONE]


def test_the_text_of_a_task_that_was_cancelled_meanwhile_is_no_persons(heron: Heron) -> None:
    tasks.note_step(heron.task(), Step.CANCELLED, "cancelled by the user")
    status.note(heron.agent, heron.now(), delivering=None)
    heron.accepts()
    spool.drain(heron.agent)
    why = f"works on task {heron.task_id}, which has ended already (cancelled)"
    assert (heron.now()["why"], heron.task()["status"]) == (why, Step.CANCELLED)


def test_a_hook_call_loads_nothing_slow_whatever_it_says(heron: Heron) -> None:
    heron.task_id = heron.pasted("Größe? \u201eSo\u201c\t\U0001f600")
    sent = frame.body(heron.task_id, tasks.prompt_of(heron.task()))
    asked = {"tool_name": "Bash", "tool_input": {"command": "ls 'é'"}}
    prompt = frame.first_line(heron.task_id, "chief", prompt_path=receipts.prompt_path(heron.task()))
    calls: list[tuple[str, Mapping[str, object], State]] = [
        ("SessionStart", {"source": "resume"}, State.IDLE),
        (
            "UserPromptSubmit",
            {"prompt": f'a draft {prompt}<pasted_content id="1">{sent}</pasted_content>'},
            State.WORKING,
        ),
        ("PermissionRequest", asked, State.BLOCKED),
        ("PostToolUse", asked, State.WORKING),
        ("Stop", {"last_assistant_message": "Größe: \u2028 1 \ud83d"}, State.IDLE),
        ("SessionEnd", {"reason": "logout"}, State.OFFLINE),
    ]
    code = hook_shims.HOOK_CODE.replace("os._exit(0)", "print(*sys.modules)")
    assert code != hook_shims.HOOK_CODE
    environment = {**os.environ, "FLOWLOOM_AGENT_DIR": layout.agent_dir(heron.agent)}
    for name, more, after in calls:
        said = {"hook_event_name": name, "session_id": SESSION, "transcript_path": str(heron.transcript)}
        raw = json.dumps({**said, **({} if name.startswith("Session") else {"prompt_id": "1"}), **more}).encode()
        words = [sys.executable, "-I", "-S", "-c", code, str(SRC), "claude"]
        loaded = subprocess.run(words, input=raw, env=environment, capture_output=True, check=True).stdout
        # Only a text with characters that could combine needs the table of those, which takes 0.3 ms.
        slow = SLOW_IN_A_HOOK - {"unicodedata"}
        assert (name, slow & set(loaded.decode().split())) == (name, set())
        assert (name, heron.now()["status"]) == (name, after)
    assert (heron.task()["status"], heron.task()["altered"]) == (Step.DONE, True)


def test_what_is_said_while_the_lock_is_held_is_applied_when_its_holder_lets_go(heron: Heron) -> None:
    with spool.lock(heron.agent):
        heron.accepts()
        spool.drain(heron.agent)  # as the hook call does; it returns
        assert heron.task()["status"] is Step.PASTED
    assert (heron.task()["status"], payloads.names(heron.agent)) == (Step.ACCEPTED, [])
    # Also where the holder fails, and for the next one before it decides.
    heron.says("Stop", 1, last_assistant_message="done", prompt_id="1")
    with spool.lock(heron.agent):
        assert heron.now()["status"] is State.IDLE
    with pytest.raises(ZeroDivisionError):
        _fail_under_the_lock(heron)
    assert heron.now()["status"] is State.WORKING


def _fail_under_the_lock(heron: Heron) -> None:
    with spool.lock(heron.agent):
        heron.says("UserPromptSubmit", 2, prompt="words", prompt_id="2")
        1 / 0  # noqa: B018 - a bug of a holder


def test_a_persons_answer_after_an_interruption_is_not_the_tasks_reply_however_late_it_is_heard(heron: Heron) -> None:
    heron.accepts()
    heron.says("UserPromptSubmit", MINUTE_NS, prompt="and now?", prompt_id="2")
    heron.says("Stop", 2 * MINUTE_NS, last_assistant_message="to the person", prompt_id="2")
    spool.drain(heron.agent)
    assert (heron.task()["status"], heron.task()["shared"]) == (Step.INTERRUPTED, False)
    now = heron.now()
    assert abs(time.time() - 8 * 60 - now["since"]) < 30  # it has been idle since then, not since it was heard


def test_texts_that_came_together_are_one_turn_however_late_they_are_heard(heron: Heron) -> None:
    heron.accepts()
    heron.says("UserPromptSubmit", 10_000_000, prompt="and quickly", prompt_id="2")
    heron.says("Stop", MINUTE_NS, last_assistant_message="both", prompt_id="2")
    spool.drain(heron.agent)
    assert (heron.task()["status"], heron.task()["shared"]) == (Step.DONE, True)


def test_payloads_are_applied_in_the_order_of_their_calls_whoever_stored_them(heron: Heron) -> None:
    folder = Path(layout.agent_dir(heron.agent), "spool")
    heron.says("Stop", 3, prompt_id="9")
    heron.accepts(2)
    stored = {path.name: path for path in folder.iterdir()}
    boot = next(iter(stored)).split("-")[4]
    for name, path in list(stored.items()):
        if name.startswith(str(heron.began_ns + 3)):
            # From before the machine was started again: that clock had measured more than this one has by now.
            path.rename(folder / name.replace(boot, "0" * len(boot)).replace(str(heron.began_ns), "9" * 18, 1))
    late = folder / "late-1-77-4711.json"
    late.write_text("{}")
    os.utime(late, ns=(0, time.time_ns() - MINUTE_NS))
    found = [(each.at_ns < 0, each.pid, each.provider) for each in payloads.stored(heron.agent)]
    assert found == [(True, 0, "claude"), (False, 0, "claude"), (False, 4711, "")]


def test_a_call_that_has_begun_is_heard_before_a_later_one_that_ends_no_question(heron: Heron) -> None:
    heron.says("UserPromptSubmit", 1, prompt="words", prompt_id="1")
    call: dict[str, Any] = {"tool_name": "Bash", "tool_input": {"command": "ls"}}
    heron.says("PermissionRequest", 2, **call)
    heron.says("PostToolUse", 3, **call)
    spool.drain(heron.agent)
    assert heron.now()["status"] is State.WORKING


class Killed(BaseException):
    """The process ends here."""


def interrupted(number: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let this process be killed at its write of that number; return what lets it live again."""
    left = [number]
    reals = {name: getattr(files, name) for name in ("write", "append")}
    unlink = os.unlink

    def counted(real: Callable[..., None]) -> Callable[..., None]:
        def write(*args: Any, **more: Any) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            real(*args, **more)

        return write

    for name, real in reals.items():
        monkeypatch.setattr(files, name, counted(real))
    monkeypatch.setattr(os, "unlink", counted(unlink))

    def again() -> None:
        for name, real in reals.items():
            monkeypatch.setattr(files, name, real)
        monkeypatch.setattr(os, "unlink", unlink)

    return again


def plain(heron: Heron) -> None:
    heron.accepts()
    heron.says("Stop", 1, last_assistant_message="done", prompt_id="1")


def queued(heron: Heron) -> None:
    heron.says("UserPromptSubmit", 1, prompt="words", prompt_id="7")
    heron.accepts(2, prompt_id="7")
    heron.says("Stop", 3, last_assistant_message="to the person")
    heron.says("Stop", 4, last_assistant_message="to the task", prompt_id="8")


def unannounced(heron: Heron) -> None:
    heron.transcript.write_text(f"[flowloom task {heron.task_id} from chief]")
    heron.says("Stop", 1, last_assistant_message="done", prompt_id="1")


def background(heron: Heron) -> None:
    heron.accepts()
    work = [{"id": "b1"}]
    heron.says("Stop", 1, last_assistant_message="so far", prompt_id="1", background_tasks=work)
    ended = "<task-notification>\n<task-id>b1</task-id>"
    heron.says("UserPromptSubmit", 2, prompt=ended, prompt_id="2")
    heron.says("Stop", 3, last_assistant_message="whole", prompt_id="2")


def failed(heron: Heron) -> None:
    heron.accepts()
    heron.says("StopFailure", 1, error="overloaded", prompt_id="1")


def typed_into(heron: Heron) -> None:
    heron.accepts()
    heron.says("UserPromptSubmit", MINUTE_NS, prompt="and?", prompt_id="2")
    heron.says("SessionEnd", 2 * MINUTE_NS, reason="other")


@pytest.mark.parametrize("story", [plain, queued, unannounced, background, failed, typed_into])
def test_a_call_that_is_killed_at_any_write_loses_nothing_and_applies_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, story: Callable[[Heron], None]
) -> None:
    def told(number: int) -> tuple[bool, object]:
        monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / f"state{number}"))
        heron = Heron(tmp_path)
        heron.transcript.unlink(missing_ok=True)
        story(heron)
        again = interrupted(number, monkeypatch) if number else None
        killed = False
        try:
            spool.drain(heron.agent)
        except Killed:
            killed = True
        if again:
            again()
        for _ in range(2):
            spool.drain(heron.agent)
        assert payloads.names(heron.agent) == []
        return killed, heron.known()

    _, undisturbed = told(0)
    number, killed = 1, True
    while killed:
        killed, found = told(number)
        assert found == undisturbed, number
        number += 1
    assert number > 5


def test_what_hooks_say_of_a_program_that_is_just_being_started_waits_for_its_start(heron: Heron) -> None:
    status.write(heron.agent, {**heron.now(), "status": State.OFFLINE, "up": False, "delivering": None, "pid": None})
    with spool.starting(heron.agent):
        heron.says("SessionStart", 1, source="startup")
        spool.drain(heron.agent)
        assert len(payloads.names(heron.agent)) == 1
        with spool.lock(heron.agent):
            now = heron.now()
            now["status"] = State.STARTING
            status.note(heron.agent, now)
        assert (payloads.names(heron.agent), heron.now()["up"]) == ([], True)
    status.write(heron.agent, {**heron.now(), "status": State.OFFLINE, "up": False})
    with spool.starting(heron.agent):
        heron.says("SessionStart", 2, source="resume")
    # It came to nothing, and what was said is still heard.
    assert (payloads.names(heron.agent), heron.now()["up"]) == ([], True)


@pytest.mark.parametrize("damaged", ["environment.json", "status.json"])
def test_what_cannot_be_looked_at_leaves_payloads_stored_and_fails_nobody(
    heron: Heron, monkeypatch: pytest.MonkeyPatch, damaged: str
) -> None:
    """A session of another id is the agent's own if its program says so, which files tell that can be damaged."""
    status.write(heron.agent, {**heron.now(), "pid": os.getpid()})
    whole = Path(layout.agent_dir(heron.agent), "status.json").read_text()
    heron.says("SessionStart", 1, source="fork", session_id="another")
    plain = spool._seen

    def seen(agent: AgentRef, look: Any) -> str:
        assert not files.held(layout.agent_lock(agent))
        Path(layout.agent_dir(heron.agent), damaged).write_text("{")
        return plain(agent, look)

    monkeypatch.setattr(spool, "_seen", seen)
    spool.drain(heron.agent)
    with spool.lock(heron.agent):
        assert files.held(layout.agent_lock(heron.agent))
    assert len(payloads.names(heron.agent)) == 1
    monkeypatch.setattr(spool, "_seen", plain)
    Path(layout.agent_dir(heron.agent), "environment.json").unlink(missing_ok=True)
    Path(layout.agent_dir(heron.agent), "status.json").write_text(whole)
    spool.drain(heron.agent)
    assert (payloads.names(heron.agent), heron.now()["foreign"]) == ([], ["another"])


def test_a_payload_that_cannot_be_stored_is_applied_at_once_where_the_lock_is_free(heron: Heron) -> None:
    Path(layout.agent_dir(heron.agent), "spool").write_text("no folder")
    said = {"hook_event_name": "UserPromptSubmit", "prompt": "words", "prompt_id": "1", "session_id": SESSION}
    call = Payload("x", time.monotonic_ns(), time.time(), 0, "claude", json.dumps(said).encode())
    spool.drain(heron.agent, call)
    assert heron.now()["status"] is State.WORKING


SLOW: dict[str, Callable[[], object]] = {
    "tmux": lambda: server.Tmux("none").windows(),
    "a transcript": lambda: files.tail("/dev/null", 8_000_000),
    "a program": lambda: procs.output(["true"], timeout_s=1.0),
    "a program and its status": lambda: procs.outcome(["true"], timeout_s=1.0, env={}, directory="/"),
    "a detached program": lambda: procs.detach("none", []),
    "a child": lambda: child.begin(["true"], stdin="", stdout="", stderr="", env={}, cwd="/"),
    "a search for processes": lambda: procs.bearing("NONE", "none"),
    "a search for children": lambda: procs.young_child(1, "none", within_s=1.0),
    "a wait": lambda: procs.await_true(lambda: True, timeout_s=1.0),
}


@pytest.mark.parametrize("what", SLOW)
def test_nothing_slow_is_done_while_an_agents_lock_is_held(heron: Heron, what: str) -> None:
    with spool.lock(heron.agent), pytest.raises(RuntimeError, match=f"while {layout.agent_lock(heron.agent)} is held"):
        SLOW[what]()
    files.refuse_slow("nothing is held, so this may take long")


def test_who_waits_is_woken_once_for_all_that_is_written_under_the_lock(heron: Heron) -> None:
    reader, _ = files.open_wake(layout.agent_dir(heron.agent))
    with spool.lock(heron.agent):
        tasks.note_fact(heron.task(), "a fact")
        status.note(heron.agent, heron.now())
        assert select.select([reader], [], [], 0)[0] == []
    assert os.read(reader, 100) == b"\n"
    tasks.note_fact(heron.task(), "another fact")
    assert os.read(reader, 100) == b"\n"
    os.close(reader)


# As `hooks/agent-event` runs it, except that a lock that it would wait for ends it.
HOOK = """
import fcntl, os, sys
sys.path.insert(0, sys.argv.pop(1))
flock = fcntl.flock
fcntl.flock = lambda descriptor, how: flock(descriptor, how) if how & fcntl.LOCK_NB else os._exit(9)
from flowloom.hook.call import take
taken = take()
if taken:
    from flowloom.hook.main import main
    main(*taken)
print(*sys.modules)
"""


# What a call that changes nothing has no time to load.
HEAVY = {"flowloom.turns.spool", "flowloom.turns.reported", "flowloom.turns.status", "json", "re", "enum"}


def hook_call(heron: Heron, *, home: str = "", **payload: Any) -> set[str]:
    """Make a hook call in a process of its own; return the modules that it has loaded."""
    said = {"session_id": SESSION, "transcript_path": str(heron.transcript), **payload}
    environment = {**os.environ, "FLOWLOOM_AGENT_DIR": layout.agent_dir(heron.agent)}
    environment["FLOWLOOM_HOME"] = home or layout.home()
    command = [sys.executable, "-I", "-S", "-c", HOOK, str(SRC), "claude"]
    done = subprocess.run(command, input=json.dumps(said).encode(), env=environment, capture_output=True, check=True)
    return set(done.stdout.decode().split())


def test_a_hook_call_writes_to_the_state_folder_of_its_agent_whatever_else_names_another(
    heron: Heron, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    text = frame.first_line(heron.task_id, "chief") + "\n" + frame.body(heron.task_id, "do it")
    hook_call(heron, home=str(other), hook_event_name="UserPromptSubmit", prompt=text, prompt_id="1")
    assert (heron.now()["status"], heron.task()["status"]) == (State.WORKING, Step.ACCEPTED)
    assert not other.exists()


def test_the_end_of_a_tool_call_that_changes_nothing_writes_nothing_and_wakes_nobody(heron: Heron) -> None:
    status.write(heron.agent, {**heron.now(), "status": State.WORKING})
    call: dict[str, Any] = {"tool_name": "Bash", "tool_input": {"command": "ls"}}
    wake, path = files.make_wake(layout.agent_dir(heron.agent))

    def seen() -> dict[str, int]:
        return {
            str(each): each.lstat().st_mtime_ns
            for each in Path(layout.agent_dir(heron.agent)).rglob("*")
            if each.is_file()
        }

    try:
        before = seen()
        for quiet in (
            {"hook_event_name": "PostToolUse", **call},
            {"hook_event_name": "PostToolUse", "agent_id": "sub", **call},
            {"hook_event_name": "Stop", "agent_id": "sub"},
            {"hook_event_name": "Notification", "notification_type": "idle_prompt"},
        ):
            assert HEAVY & hook_call(heron, **quiet) == set()
        assert seen() == before
        with pytest.raises(BlockingIOError):
            os.read(wake, 1)
    finally:
        files.close_wake(wake, path)
    # What it answers, where the conversation has moved to, and what comes behind others is heard.
    hook_call(heron, hook_event_name="PermissionRequest", **call)
    assert heron.now()["status"] is State.BLOCKED
    hook_call(heron, hook_event_name="PostToolUse", tool_name="Read")
    assert heron.now()["status"] is State.BLOCKED
    hook_call(heron, hook_event_name="PostToolUse", **call)
    assert heron.now()["status"] is State.WORKING
    hook_call(heron, hook_event_name="PostToolUse", **{**call, "transcript_path": "/elsewhere"})
    assert heron.now()["transcript"] == "/elsewhere"
    heron.says("PermissionRequest", 10 * MINUTE_NS - 1, **{**call, "transcript_path": "/elsewhere"})
    with spool.starting(heron.agent):  # no more than a reason to run
        assert "flowloom.turns.spool" in hook_call(heron, hook_event_name="PostToolUse", **call)
    assert (heron.now()["status"], payloads.names(heron.agent)) == (State.WORKING, [])


def test_a_process_of_an_older_release_sees_only_what_is_left_to_it(heron: Heron) -> None:
    """It looks at each file `*.json` that it lists, and fails where one is gone by then; what waits, it can apply."""

    def seen_by_it() -> list[str]:
        return [path.name for path in Path(layout.agent_dir(heron.agent), "spool").iterdir() if path.suffix == ".json"]

    called = payloads.Payload("", time.monotonic_ns(), time.time(), 4711, "claude")
    payloads.store(heron.agent, called, b'{"hook_event_name": "Stop"}')
    (name,) = payloads.names(heron.agent)
    assert seen_by_it() == []
    held = locks.Lock(layout.agent_lock(heron.agent))
    assert held.take()
    spool.drain(heron.agent)  # as the hook call does
    held.release()
    assert seen_by_it() == [f"{name}.json"]
    assert payloads.names(heron.agent) == [name]
    spool.drain(heron.agent)
    assert payloads.names(heron.agent) == []


@pytest.mark.parametrize("end", [payloads.OWN, payloads.LEFT])
def test_a_payload_that_is_left_while_it_is_applied_is_applied_once(heron: Heron, end: str) -> None:
    Path(layout.agent_dir(heron.agent), "spool").mkdir(exist_ok=True)
    Path(layout.agent_dir(heron.agent), "spool", f"1-2-3-4-boot-claude{end}").touch()
    assert payloads.read(heron.agent, "1-2-3-4-boot-claude") == b""
    payloads.remove(heron.agent, "1-2-3-4-boot-claude")
    payloads.leave(heron.agent)
    assert payloads.names(heron.agent) == []
