"""The scripted agent, run on a real pseudo-terminal; only its pure functions are called directly."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyte
import pytest

from flowloom.providers.echo.agent.answers import big, compose, unframe
from flowloom.providers.echo.agent.keys import Keys

PROGRAM = Path(__file__).parents[2] / "src/flowloom/providers/echo/agent/__main__.py"
SESSION = "11111111-2222-4333-8444-555555555555"
EVENTS = (
    "SessionStart",
    "UserPromptSubmit",
    "PermissionRequest",
    "PostToolUse",
    "Stop",
    "StopFailure",
    "SessionEnd",
)
LIMIT_S = 10.0
LEAVE_LIMIT_S = 15.0  # of the 30 that what is not waited for takes


class Terminal:
    """One echo on a pseudo-terminal, with every hook event and the screen as a person sees it."""

    def __init__(self, folder: Path, *flags: str, hooks: dict[str, str] | None = None) -> None:
        self.events_file = folder / "events.jsonl"
        # The payload is one line, then when its hook ran; written at once, for two hooks may run beside each other.
        note = f"""line=$(cat; date +' %s.%N'); printf '%s\\n' "$line" >> '{self.events_file}'"""
        commands = dict.fromkeys(EVENTS, note) | {k: f"{note}; {v}" for k, v in (hooks or {}).items()}
        settings = folder / "settings.json"
        groups = {event: [{"hooks": [{"type": "command", "command": c}]}] for event, c in commands.items()}
        settings.write_text(json.dumps({"hooks": groups}))
        self.sessions, self.memory = folder / "sessions", folder / "memory"
        self.screen = pyte.Screen(80, 24)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        own, theirs = pty.openpty()
        self.fd, self.tty = own, theirs
        self.resize(80, 24)
        self.modes = termios.tcgetattr(theirs)
        environ = {"FLOWLOOM_ECHO_SESSIONS": str(self.sessions), "FLOWLOOM_ECHO_MEMORY": str(self.memory)}
        self.environ = {"PATH": os.environ["PATH"]} | environ
        identity = () if "--resume" in flags else ("--session-id", SESSION)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", PROGRAM, *identity, "--settings", settings, *flags],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env=self.environ,
            preexec_fn=self._own_terminal,
        )

    @staticmethod
    def _own_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, columns: int, lines: int) -> None:
        self.screen.resize(lines, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, wait_s: float = 0.01) -> None:
        """Take what the program has written."""
        while select.select([self.fd], [], [], wait_s)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return
            self.raw += data
            self.stream.feed(data)
            wait_s = 0

    def until(self, true: Callable[[], object]) -> None:
        """Read on until the condition holds."""
        deadline = time.monotonic() + LIMIT_S
        while not true():
            assert time.monotonic() < deadline, f"{self.text()}\n{self.events()}"
            self.read()

    def type(self, keys: str | bytes) -> None:
        """Send bytes as a keyboard does; read meanwhile, or both sides would wait for ever."""
        data = keys if isinstance(keys, bytes) else keys.encode()
        os.set_blocking(self.fd, False)
        while data:
            select.select([], [self.fd], [], 0.01)
            try:
                data = data[os.write(self.fd, data) :]
            except BlockingIOError:
                pass
            self.read(0)

    def paste(self, text: str) -> None:
        """Send text as `tmux paste-buffer -p` does."""
        self.type(b"\x1b[200~" + text.replace("\n", "\r").encode() + b"\x1b[201~")

    def ask(self, text: str) -> dict[str, Any]:
        """Paste a prompt, submit it and return the Stop that follows."""
        before = len(self.names("Stop"))
        self.paste(text)
        self.type("\r")
        self.until(lambda: len(self.names("Stop")) > before and self.box_footer() == "echo · ready")
        return self.names("Stop")[before]

    def events(self) -> list[dict[str, Any]]:
        if not self.events_file.exists():
            return []
        # A hook may be writing its line at this moment, and stand in the middle of a character.
        lines = self.events_file.read_bytes().split(b"\n")[:-1]
        parts = [line.rpartition(b" ") for line in lines]
        return [json.loads(event) | {"at": float(at)} for event, _, at in parts]

    def names(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events() if event["hook_event_name"] == name]

    def heard(self) -> list[str]:
        return [event["hook_event_name"] for event in self.events()]

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def box(self) -> list[str]:
        """Return the rows between the last two rules."""
        rows = [line.rstrip().replace("\xa0", " ") for line in self.screen.display]
        rules = [number for number, row in enumerate(rows) if row and not row.strip("─")]
        return rows[rules[-2] + 1 : rules[-1]] if len(rules) > 1 else []

    def box_footer(self) -> str:
        return self.text().split("\n")[-1].strip()

    def status(self) -> dict[str, Any]:
        return dict(json.loads((self.sessions / f"{self.process.pid}.json").read_text()))

    def exit_code(self) -> int:
        self.until(lambda: self.process.poll() is not None)
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for fd in (self.fd, self.tty):
            try:
                os.close(fd)
            except OSError:
                pass


Start = Callable[..., Terminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts an echo and waits until it is ready."""
    running: list[Terminal] = []

    def begin(*flags: str, hooks: dict[str, str] | None = None) -> Terminal:
        before = len(running[-1].names("SessionStart")) if running else 0
        terminal = Terminal(tmp_path, *flags, hooks=hooks)
        running.append(terminal)
        terminal.until(lambda: len(terminal.names("SessionStart")) > before and terminal.box() == ["❯"])
        return terminal

    yield begin
    for terminal in running:
        terminal.close()


def framed(body: str, task: str = "7k2m") -> str:
    return f"[flowloom task {task} from chief] Do what follows.\n{body}\n[end of task {task}]"


@pytest.mark.parametrize(
    ("prompt", "body"),
    [
        ("plain\ntext", "plain\ntext"),
        (framed("one"), "one"),
        (framed("# a\n\n```\nb\n```"), "# a\n\n```\nb\n```"),
        ("[flowloom task a from chief] x\n[end of task b]", "[end of task b]"),
        ("[flowloom task a from chief] only", ""),
        (framed("line\n[end of task other]"), "line\n[end of task other]"),
    ],
)
def test_the_frame_is_taken_off_and_nothing_else(prompt: str, body: str) -> None:
    assert unframe(prompt) == body


@pytest.mark.parametrize(
    ("body", "before", "answer"),
    [
        ("remember the port is 8080", [], "echo heard: remember the port is 8080"),
        ("b", ["a"], 'echo heard: b\nI have been told 2 things; before this: "a"'),
        (
            "c",
            ["x", "one two three four five six seven eight nine"],
            'echo heard: c\nI have been told 3 things; before this: "one two three four five six seven eight …"',
        ),
        ("So, what did I tell you?", ["a", "b"], "You told me 2 things:\n1. a\n2. b"),
        ("What did I tell you?", [], "You told me nothing yet."),
    ],
)
def test_an_answer_depends_on_the_body_and_on_what_was_told(body: str, before: list[str], answer: str) -> None:
    assert compose(body, before) == answer


@pytest.mark.parametrize("size", [0, 1, 30, 64, 65, 1000, 100_000])
def test_a_big_answer_has_its_size_and_a_last_line(size: int) -> None:
    text = big(size)
    assert len(text.encode()) == size
    assert f"\n[echo: the last line of {size} bytes]".endswith(text.rpartition("\n")[2])


def test_keys_are_the_same_wherever_the_bytes_are_cut() -> None:
    data = "aß€😀\x1b[A\r\x1b[200~p\r\x1b[31m\x1b[201\x03~€\x1b[201~\x7fz".encode()
    whole = Keys().feed(data)
    assert whole == [
        ("text", "aß€😀"),
        ("key", "\x1b[A"),
        ("key", "\r"),
        ("paste", "p\n\x1b[31m\x1b[201\x03~€"),
        ("key", "\x7f"),
        ("text", "z"),
    ]

    def joined(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
        out: list[tuple[str, str]] = []
        for kind, text in found:
            if kind == "text" and out and out[-1][0] == "text":
                text = out.pop()[1] + text
            out.append((kind, text))
        return out

    for first in range(len(data)):
        keys = Keys()
        assert joined(keys.feed(data[:first]) + keys.feed(data[first:])) == whole
    keys = Keys()
    assert joined([key for byte in data for key in keys.feed(bytes([byte]))]) == whole


def test_it_announces_itself_when_its_box_is_up(start: Start) -> None:
    terminal = start("-n", "planning", "--append-system-prompt", "be kind")
    (event,) = terminal.events()
    del event["at"]
    assert event == {
        "session_id": SESSION,
        "transcript_path": str(terminal.memory / f"{SESSION}.json"),
        "cwd": str(terminal.events_file.parent),
        "hook_event_name": "SessionStart",
        "source": "startup",
    }
    assert b"\x1b[?2004h" in terminal.raw
    rows = terminal.text().split("\n")[-4:]
    assert rows == ["─" * 80, "❯", "─" * 80, "  echo · ready"]


def test_a_framed_task_is_received_whole_and_answered(start: Start) -> None:
    terminal = start()
    prompt = framed("# Heading\n\n- remember the port is 8080\n")
    stop = terminal.ask(prompt)
    (receipt,) = terminal.names("UserPromptSubmit")
    assert receipt["prompt"] == prompt
    assert stop["prompt_id"] == receipt["prompt_id"]
    keys = ("last_assistant_message", "background_tasks", "session_crons", "stop_hook_active")
    expected = ["echo heard: # Heading\n\n- remember the port is 8080", [], [], False]
    assert [stop[key] for key in keys] == expected


def test_it_remembers_through_a_resume(start: Start) -> None:
    first = start()
    first.ask(framed("the port is 8080"))
    first.process.kill()
    first.process.wait()
    second = start("--resume", SESSION)
    assert second.events()[-1]["source"] == "resume"
    stop = second.ask("what did I tell you?")
    assert stop["session_id"] == SESSION
    assert stop["last_assistant_message"] == "You told me 1 thing:\n1. the port is 8080"


def test_two_megabytes_are_pasted_fast_and_exactly(start: Start) -> None:
    terminal = start()
    body = "".join(chr(c) for c in range(32, 0x250)) + "\x1b[31m\t\x00€😀\\\n"
    prompt = framed(body * (2_000_000 // len(body.encode())))
    terminal.paste(prompt)
    lines = prompt.count("\n")
    terminal.until(lambda: terminal.box() == [f"❯ [Pasted text #1 +{lines} lines]"])
    # Of the processor, which other programs may have.
    took_s = psutil.Process(terminal.process.pid).cpu_times().user
    terminal.type("\r")
    terminal.until(lambda: terminal.names("Stop"))
    assert terminal.names("UserPromptSubmit")[0]["prompt"] == prompt
    assert terminal.names("Stop")[0]["last_assistant_message"].startswith("echo heard:  !")
    assert took_s < 5


def test_a_typed_line_stands_before_a_long_paste(start: Start) -> None:
    terminal = start()
    terminal.type("[flowloom task a from chief] do this:")
    terminal.paste("\n1\n2\n3\n[end of task a]")
    terminal.until(lambda: terminal.box() == ["❯ [flowloom task a from chief] do this:[Pasted text #1 +4 lines]"])
    terminal.type("\r")
    terminal.until(lambda: terminal.names("Stop"))
    assert terminal.names("Stop")[0]["last_assistant_message"] == "echo heard: 1\n2\n3"


@pytest.mark.parametrize(
    ("keys", "box"),
    [
        ("ab\x7fc", ["❯ ac"]),
        ("a😀\x7fb", ["❯ ab"]),
        ("one\\\rtwo", ["❯ one", "  two"]),
        ("one\ntwo", ["❯ one", "  two"]),
        ("one\ntwo\x15", ["❯ one", ""]),
        ("one\ntwo\x15\x15", ["❯ one"]),
        ("one\ntwo\x15\x15\x15", ["❯"]),
        ("x\x1b[200~1\r2\r3\r4\x1b[201~\x7f", ["❯ x"]),
        ("draft\x13", ["❯"]),
        ("draft\x13\x13", ["❯ draft"]),
        ("draft\x13/args\r", ["❯ draft"]),
        ("\x1b[Aa\x1bOBb", ["❯ ab"]),
        ("a\x1b[200~\x03\x04\x15\x1b[201~b", ["❯ a␃␄␕b"]),
        ("-" * 77 + "漢字", ["❯ " + "-" * 77, "  漢字"]),
        ("x" * 801, ["❯ [Pasted text #1]"]),
    ],
)
def test_keys_edit_the_box(start: Start, keys: str, box: list[str]) -> None:
    terminal = start()
    terminal.type(keys + "\x1b[C")
    # pyte leaves the second cell of a wide character empty.
    terminal.until(lambda: [row.replace("漢 ", "漢") for row in terminal.box()] == box)
    assert terminal.heard() == ["SessionStart"]


@pytest.mark.parametrize(
    ("body", "events", "message"),
    [
        ("echo: say a\\nb", ["Stop"], "a\nb"),
        ("echo: silent", ["Stop"], ""),
        ("echo: fail rate_limit", ["StopFailure"], "API Error: rate_limit"),
        ("echo: work 0.05\nkeep this", ["Stop"], "echo heard: keep this"),
        ("echo: work 0.01", ["Stop"], "echo did: work 0.01"),
        ("echo: work never", ["Stop"], "echo cannot do this: work never"),
        ("echo: dance", ["Stop"], "echo cannot do this: dance"),
        ("echo: say 1\necho: say 2", ["Stop"], "2"),
        (" echo: say no", ["Stop"], "echo heard:  echo: say no"),
    ],
)
def test_directives_shape_the_end(start: Start, body: str, events: list[str], message: str) -> None:
    terminal = start()
    terminal.type(body.replace("\n", "\x1b\r") + "\r")
    terminal.until(lambda: terminal.heard()[2:] == events and terminal.box_footer() == "echo · ready")
    assert terminal.events()[-1]["last_assistant_message"] == message


def test_a_big_answer_arrives_whole_and_is_cut_on_the_screen_only(start: Start) -> None:
    terminal = start()
    message = terminal.ask("echo: big 1000000")["last_assistant_message"]
    assert message == big(1_000_000)
    assert "[echo: the last line of 1000000 bytes]" in terminal.text()


def test_hold_lasts_until_the_file_exists(start: Start, tmp_path: Path) -> None:
    terminal = start()
    terminal.type(f"echo: hold {tmp_path}/go\r")
    terminal.until(lambda: terminal.box_footer() == "echo · esc to interrupt" and terminal.names("UserPromptSubmit"))
    assert terminal.status()["status"] == "busy"
    (tmp_path / "go").touch()
    terminal.until(lambda: terminal.names("Stop") and terminal.status()["status"] == "idle")


@pytest.mark.parametrize(
    ("key", "events", "shown"),
    [
        ("1", ["PostToolUse", "Stop"], "● Bash(rm -r build)"),
        ("\r", ["PostToolUse", "Stop"], "● Bash(rm -r build)"),
        ("2", [], "⎿ Interrupted by the user"),
        ("\x1b", [], "⎿ Interrupted by the user"),
        ("2\r", [], "⎿ Interrupted by the user"),
    ],
)
def test_a_permission_dialog_is_answered_by_a_key(start: Start, key: str, events: list[str], shown: str) -> None:
    terminal = start()
    terminal.type("echo: ask Bash rm -r build\r")
    terminal.until(lambda: "Do you want to proceed?\n❯ 1. Yes\n  2. No" in terminal.text())
    terminal.until(lambda: terminal.names("PermissionRequest"))
    request = terminal.names("PermissionRequest")[0]
    assert (request["tool_name"], request["tool_input"]) == ("Bash", {"command": "rm -r build"})
    assert (terminal.status()["status"], terminal.status()["waitingFor"]) == ("waiting", "approve Bash")
    terminal.type("x")
    terminal.paste("1")
    terminal.type(key)
    terminal.until(lambda: terminal.status()["status"] == "idle" and terminal.box_footer() == "echo · ready")
    assert shown in terminal.text()
    assert terminal.heard()[3:] == events
    assert terminal.box() == ["❯"]


def test_a_second_dialog_waits_for_an_answer_of_its_own(start: Start) -> None:
    terminal = start()
    terminal.type("echo: ask Bash one\x1b\recho: ask Bash two\r")
    for number, detail in enumerate(("one", "two"), 1):
        terminal.until(lambda: f"  Bash\n    {detail}\n" in terminal.text())  # noqa: B023
        terminal.until(lambda: len(terminal.names("PermissionRequest")) == number)  # noqa: B023
        assert terminal.status()["status"] == "waiting"
        terminal.type("1")
    terminal.until(lambda: terminal.names("Stop"))


def test_esc_before_an_answer_is_silent_and_gives_the_prompt_back(start: Start) -> None:
    terminal = start()
    terminal.type("echo: work 60\r")
    terminal.until(lambda: terminal.names("UserPromptSubmit") and terminal.status()["status"] == "busy")
    terminal.type("\x1b")
    terminal.until(lambda: terminal.status()["status"] == "idle" and terminal.box() == ["❯ echo: work 60"])
    assert terminal.heard() == ["SessionStart", "UserPromptSubmit"]


def test_esc_after_a_partial_answer_leaves_the_box_empty(start: Start) -> None:
    terminal = start()
    terminal.paste("echo: say partly\necho: work 60")
    terminal.type("\r")
    terminal.until(lambda: "● partly" in terminal.text())
    terminal.type("\x1b")
    terminal.until(lambda: terminal.box_footer() == "echo · ready")
    assert terminal.box() == ["❯"]
    assert terminal.heard() == ["SessionStart", "UserPromptSubmit"]


def test_twice_stops_again_with_a_longer_message(start: Start) -> None:
    terminal = start()
    terminal.type("echo: twice\r")
    terminal.until(lambda: len(terminal.names("Stop")) == 2)
    first, second = terminal.names("Stop")
    assert first["prompt_id"] == second["prompt_id"]
    assert second["last_assistant_message"].startswith(first["last_assistant_message"] + "\n")
    assert first["at"] < second["at"]


def test_background_work_wakes_the_session(start: Start) -> None:
    terminal = start()
    terminal.type("echo: background 0.2\r")
    terminal.until(lambda: len(terminal.names("Stop")) == 2)
    assert terminal.heard() == ["SessionStart", *("UserPromptSubmit", "Stop") * 2]
    (first, second), (_, receipt) = terminal.names("Stop"), terminal.names("UserPromptSubmit")
    (task,) = first["background_tasks"]
    assert {key: task[key] for key in ("type", "status")} == {"type": "shell", "status": "running"}
    assert receipt["prompt"].startswith("<task-notification>")
    assert receipt["prompt_id"] == second["prompt_id"] != first["prompt_id"]
    assert (second["last_assistant_message"], second["background_tasks"]) == ("background done", [])


def test_a_swallowed_enter_leaves_the_text_and_the_next_one_submits(start: Start) -> None:
    terminal = start()
    terminal.ask("echo: swallow")
    terminal.type("hello\r")
    terminal.type("!")
    terminal.until(lambda: terminal.box() == ["❯ hello!"])
    assert len(terminal.names("UserPromptSubmit")) == 1
    terminal.type("\r")
    terminal.until(lambda: len(terminal.names("Stop")) == 2)


def test_a_lagging_receipt_comes_late_once(start: Start) -> None:
    terminal = start()
    terminal.ask("echo: lag 0.3")
    began = time.time()
    terminal.ask("a")
    assert terminal.names("UserPromptSubmit")[-1]["at"] - began >= 0.3
    began = time.time()
    terminal.ask("b")
    assert terminal.names("UserPromptSubmit")[-1]["at"] - began < 0.3


def test_die_says_nothing(start: Start) -> None:
    terminal = start()
    terminal.type("echo: die\r")
    assert terminal.exit_code() == 1
    assert terminal.heard() == ["SessionStart", "UserPromptSubmit"]
    assert termios.tcgetattr(terminal.tty) == terminal.modes


def test_an_erased_prompt_is_not_answered(start: Start) -> None:
    terminal = start(hooks={"UserPromptSubmit": "echo not today >&2; exit 2"})
    terminal.type("hello\r")
    terminal.until(lambda: "erased the prompt: not today" in terminal.text())
    terminal.until(lambda: terminal.box_footer() == "echo · ready")
    assert terminal.heard() == ["SessionStart", "UserPromptSubmit"]


@pytest.mark.parametrize("hook", ["echo go on >&2; exit 2", """echo '{"decision": "block", "reason": "go on"}'"""])
def test_a_stop_hook_sends_the_turn_on_once(start: Start, hook: str) -> None:
    terminal = start(hooks={"Stop": hook})
    terminal.type("hello\r")
    terminal.until(lambda: len(terminal.names("Stop")) == 2 and terminal.box_footer() == "echo · ready")
    first, second = terminal.names("Stop")
    assert first["prompt_id"] == second["prompt_id"]
    assert (first["stop_hook_active"], second["stop_hook_active"]) == (False, True)
    assert second["last_assistant_message"] == "echo continued: go on"


def test_text_submitted_while_busy_is_a_turn_of_its_own(start: Start, tmp_path: Path) -> None:
    terminal = start()
    terminal.type(f"echo: hold {tmp_path}/go\r")
    terminal.until(lambda: terminal.names("UserPromptSubmit"))
    terminal.type("second\r")
    terminal.until(lambda: "queued: second" in terminal.text())
    assert len(terminal.names("UserPromptSubmit")) == 1
    (tmp_path / "go").touch()
    terminal.until(lambda: len(terminal.names("Stop")) == 2)
    assert terminal.heard() == ["SessionStart", *("UserPromptSubmit", "Stop") * 2]
    first, second = terminal.names("UserPromptSubmit")
    assert (second["prompt"], first["prompt_id"] == second["prompt_id"]) == ("second", False)


def test_no_turn_begins_before_the_session_is_announced(start: Start) -> None:
    terminal = start(hooks={"SessionStart": "sleep 0.4"})
    terminal.ask("hello")
    began, received, _ = terminal.events()
    assert received["at"] - began["at"] >= 0.4


def test_a_hook_that_leaves_a_child_behind_holds_nothing_up(start: Start) -> None:
    terminal = start(hooks={"UserPromptSubmit": "sleep 30 & exit 0"})
    began = time.monotonic()
    terminal.ask("hello")
    assert time.monotonic() - began < LEAVE_LIMIT_S


@pytest.mark.parametrize(
    ("keys", "reason", "code"),
    [("/exit\r", "prompt_input_exit", 0), ("\x04", "prompt_input_exit", 0), ("\x03\x03", "prompt_input_exit", 0)],
)
def test_it_exits_by_keys(start: Start, keys: str, reason: str, code: int) -> None:
    terminal = start()
    terminal.type(keys)
    assert terminal.exit_code() == code
    assert terminal.events()[-1]["reason"] == reason
    assert termios.tcgetattr(terminal.tty) == terminal.modes
    # Its last words can be read a moment after its end.
    terminal.until(lambda: terminal.raw.rstrip().endswith(b"\x1b[?2004l"))
    assert list(terminal.sessions.iterdir()) == []


@pytest.mark.parametrize(
    ("hooks", "before"),
    [
        ({}, ""),
        ({}, "echo: work 60\r"),
        ({}, "echo: background 60\r"),
        ({"SessionEnd": "sleep 30"}, ""),
        ({"SessionEnd": "sleep 30 & exit 0"}, ""),
        ({"UserPromptSubmit": "sleep 30"}, "hello\r"),
        ({"Stop": "sleep 30"}, "hello\r"),
    ],
)
def test_it_leaves_at_once_when_asked_to(start: Start, hooks: dict[str, str], before: str) -> None:
    terminal = start(hooks=hooks)
    terminal.type(before)
    terminal.until(lambda: not before or terminal.names("UserPromptSubmit"))
    began = time.monotonic()
    terminal.type("/exit\r")
    assert terminal.exit_code() == 0
    assert time.monotonic() - began < LEAVE_LIMIT_S
    terminal.until(lambda: terminal.names("SessionEnd"))


def test_a_slow_last_hook_runs_on_when_it_has_left(start: Start, tmp_path: Path) -> None:
    terminal = start(hooks={"SessionEnd": f"sleep 0.5; touch '{tmp_path}/done'"})
    terminal.type("/exit\r")
    assert terminal.exit_code() == 0
    assert not (tmp_path / "done").exists()
    terminal.until((tmp_path / "done").exists)


def test_an_enter_typed_before_the_box_is_up_counts(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    try:
        terminal.type("/exit\r")
        assert terminal.exit_code() == 0
        terminal.until(lambda: sorted(terminal.heard()) == ["SessionEnd", "SessionStart"])
    finally:
        terminal.close()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_it_puts_the_terminal_back_when_it_is_ended(start: Start, signum: signal.Signals) -> None:
    terminal = start(hooks={"SessionEnd": "sleep 60"})
    terminal.type("echo: work 60\r")
    terminal.until(lambda: terminal.names("UserPromptSubmit"))
    began = time.monotonic()
    terminal.process.send_signal(signum)
    assert terminal.exit_code() == 128 + signum
    assert 1 < time.monotonic() - began < LEAVE_LIMIT_S
    assert terminal.events()[-1]["reason"] == "other"
    assert termios.tcgetattr(terminal.tty) == terminal.modes
    assert list(terminal.sessions.iterdir()) == []


def test_a_closed_terminal_ends_it(start: Start) -> None:
    terminal = start()
    os.close(terminal.tty)
    os.close(terminal.fd)
    assert terminal.process.wait(LIMIT_S) == 128 + signal.SIGHUP
    assert terminal.events()[-1]["reason"] == "other"


def test_ctrl_c_clears_first(start: Start) -> None:
    terminal = start()
    terminal.type("draft\x03")
    terminal.until(lambda: terminal.box_footer() == "echo · ctrl-c again to exit")
    assert terminal.box() == ["❯"]
    terminal.until(lambda: terminal.box_footer() == "echo · ready")
    assert terminal.process.poll() is None


def test_clear_begins_a_session_that_knows_nothing(start: Start) -> None:
    terminal = start()
    terminal.ask("a")
    terminal.type("/clear\r")
    terminal.until(lambda: len(terminal.names("SessionStart")) == 2)
    end, begin = terminal.events()[-2:]
    assert (end["session_id"], end["reason"], begin["source"]) == (SESSION, "clear", "clear")
    assert begin["session_id"] != SESSION
    stop = terminal.ask("b")
    assert (stop["session_id"], stop["last_assistant_message"]) == (begin["session_id"], "echo heard: b")
    assert terminal.status()["sessionId"] == begin["session_id"]


def test_args_are_shown_even_those_that_mean_nothing(start: Start) -> None:
    terminal = start("--model", "opus")
    terminal.type("/args\r")
    terminal.until(lambda: '"--model", "opus"' in terminal.text().replace("\n", ""))


def test_agents_lists_only_sessions_that_live(start: Start) -> None:
    first, second = start(), start()
    first.process.kill()
    first.process.wait()
    command = [sys.executable, "-I", "-S", str(PROGRAM), "agents", "--json"]
    done = subprocess.run(command, env=second.environ, capture_output=True, check=True)
    (session,) = json.loads(done.stdout)
    assert abs(session.pop("statusUpdatedAt") / 1000 - time.time()) < 60
    cwd = str(second.events_file.parent)
    assert session == {"pid": second.process.pid, "sessionId": SESSION, "cwd": cwd, "status": "idle"}
    assert len(list(second.sessions.iterdir())) == 2


def test_a_new_size_repaints_box_and_transcript(start: Start) -> None:
    terminal = start()
    terminal.ask("hello")
    terminal.type("draft")
    terminal.until(lambda: terminal.box() == ["❯ draft"])
    for columns, lines in ((40, 12), (100, 30)):
        terminal.resize(columns, lines)
        terminal.until(lambda: terminal.text().endswith("\n".join(("─" * columns, "  echo · ready"))))  # noqa: B023
        assert terminal.box() == ["❯ draft"]
        assert terminal.text().count("echo heard: hello") == 1


def test_without_a_terminal_it_says_so() -> None:
    done = subprocess.run([sys.executable, PROGRAM], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (done.returncode, done.stderr[:19]) == (1, b"echo: cannot start:")
