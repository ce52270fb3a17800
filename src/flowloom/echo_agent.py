r"""Stand in for Claude Code in a terminal: the embedded, scripted agent called echo.

It shows an input box, speaks Claude Code's hook protocol, remembers what it was
told and needs neither login nor network: for a user's first minute and for tests
of faults. `python -I -S echo_agent.py --session-id UUID --settings FILE` runs it,
`python echo_agent.py agents --json` lists the sessions that live. It imports
nothing of FlowLoom, and little of the library: it starts in under 60 ms.

A line of a prompt that begins with `echo:` is a directive; they run in order:
    say TEXT            answer exactly this (`\n` is a newline)
    big N | silent      answer with N bytes | with an empty message
    work S | hold PATH  stay busy for S seconds | until PATH exists
    ask TOOL DETAIL     ask for a permission: 1 or Enter goes on, 2 or Esc interrupts
    fail KIND | die     end by StopFailure | exit 1 without a word
    twice               Stop again 50 ms later, with a longer message
    background S        Stop with a task that runs on and ends S seconds later
    swallow | lag S     the next Enter does nothing | the next receipt comes S late
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
import termios
import time
import tty
import unicodedata
from collections.abc import Callable, Generator

TYPE_CHECKING = False  # `typing` alone would cost a tenth of the start
if TYPE_CHECKING:
    from typing import Any

FLAGS = ("--session-id", "--settings", "--resume", "-n", "--append-system-prompt")
# What a hook's `matcher` is held against; an event that is not here has none.
SUBJECTS = {
    "SessionStart": "source", "SessionEnd": "reason", "StopFailure": "error",
    "PermissionRequest": "tool_name", "PostToolUse": "tool_name",
}  # fmt: skip
NEVER = float("inf")
HOOK_LIMIT_S = 60.0
END_LIMIT_S = 1.5  # Claude Code gives all SessionEnd hooks together this long
ESC_LIMIT_S = 0.05  # an ESC with nothing behind it for this long is the key
AGAIN_LIMIT_S = 1.0  # a second Ctrl-C within this time exits
LOOK_S = 0.02
SHOWN_LINES, SHOWN_CHARS = 3, 800
ANSWER_LINES, ANSWER_CHARS = 120, 8000
TRANSCRIPT_ENTRIES = 500
PASTE, PASTE_END = b"\x1b[200~", b"\x1b[201~"
TOKEN = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO[ -~]|\x1b\r|[^\x00-\x1f\x7f]+|.", re.S)
UNFINISHED = re.compile(rb"\x1b(\[[0-?]*[ -/]*|O)?")
FRAME = re.compile(r"\[flowloom task (\S+) from [^\]\n]+\][^\n]*(?:\n|$)")
CLEAN = {c: 0x2400 + c for c in range(32) if c != 10} | dict.fromkeys(range(127, 160), 0xFFFD) | {9: "    "}


def new_id() -> str:
    """Return a random UUID; the `uuid` module would cost a tenth of the start."""
    raw = bytearray(os.urandom(16))
    raw[6], raw[8] = raw[6] & 0x0F | 0x40, raw[8] & 0x3F | 0x80
    return "-".join((raw[:4].hex(), raw[4:6].hex(), raw[6:8].hex(), raw[8:10].hex(), raw[10:].hex()))


def write_json(path: str, content: object) -> None:
    """Replace the file at once, so that no reader sees half of it."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(f"{path}.{os.getpid()}.new", "w", encoding="utf-8") as file:
        json.dump(content, file)
    os.replace(file.name, path)


def cells(text: str) -> int:
    """Count the columns that the text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def wrap(text: str, width: int) -> list[str]:
    """Break the text into rows of at most `width` columns."""
    rows = []
    for line in text.split("\n"):
        row, used = "", 0
        for char in line:
            used += cells(char)
            if used > width:
                rows.append(row)
                row, used = "", cells(char)
            row += char
        rows.append(row)
    return rows


def shorten(text: str) -> str:
    """Cut the middle out of an answer too long for a screen; the hooks still carry all of it."""
    lines = text.split("\n")
    if len(lines) > ANSWER_LINES:
        hidden = len(lines) - ANSWER_LINES
        lines[ANSWER_LINES - 1 : -1] = [f"… {hidden} lines …"]
        text = "\n".join(lines)
    return text if len(text) <= ANSWER_CHARS else f"{text[:ANSWER_CHARS]} … {text[-80:]}"


def unframe(prompt: str) -> str:
    """Take FlowLoom's first and last line off; a person's text comes back unchanged."""
    first = FRAME.match(prompt)
    if first is None:
        return prompt
    return prompt[first.end() :].rstrip("\n").removesuffix(f"[end of task {first[1]}]").strip("\n")


def split(body: str) -> tuple[str, list[str]]:
    """Return the body without its directives, and the directives."""
    lines = body.split("\n")
    rest = "\n".join(line for line in lines if not line.startswith("echo:"))
    return rest.strip("\n"), [line.removeprefix("echo:").lstrip() for line in lines if line.startswith("echo:")]


def is_question(body: str) -> bool:
    """Say whether the text asks for what was told, and so tells nothing itself."""
    return "what did i tell you" in body.lower()


def compose(body: str, told: list[str]) -> str:
    """Answer a body, given what was told before; the same input gets the same answer."""
    if is_question(body):
        items = "".join(f"\n{number}. {thing}" for number, thing in enumerate(told, 1))
        return f"You told me {len(told)} thing{'s' * (len(told) != 1)}:{items}" if told else "You told me nothing yet."
    if not told:
        return f"echo heard: {body}"
    words = told[-1].split()
    before = " ".join(words[:8]) + " …" * (len(words) > 8)
    return f'echo heard: {body}\nI have been told {len(told) + 1} things; before this: "{before}"'


def big(size_bytes: int) -> str:
    """Return an ASCII text of this size whose last line says so."""
    last = f"\n[echo: the last line of {size_bytes} bytes]"
    line = "sixty-four bytes a line: the quick brown fox jumps over the dog\n"
    text = (line * (size_bytes // len(line) + 1))[: max(0, size_bytes - len(last))] + last
    return text[len(text) - size_bytes :]


class Keys:
    """Turn the terminal's bytes into (kind, text): `text`, `paste` or `key`."""

    def __init__(self) -> None:
        self.held = bytearray()
        self.pasting = False
        self.looked = 0

    def feed(self, data: bytes) -> list[tuple[str, str]]:
        """Return what these bytes complete and hold back the rest."""
        self.held += data
        found = []
        while self.held and (self.pasting or not UNFINISHED.fullmatch(self.held)):
            if self.pasting:
                end = self.held.find(PASTE_END, self.looked)
                if end < 0:
                    # The mark may be cut by the end of a chunk; what is before it is never searched twice.
                    self.looked = max(0, len(self.held) - len(PASTE_END) + 1)
                    break
                # tmux sends a pasted newline as CR.
                found.append(("paste", self.held[:end].decode(errors="replace").replace("\r", "\n")))
                del self.held[: end + len(PASTE_END)]
                self.pasting, self.looked = False, 0
                continue
            token = TOKEN.match(self.held)[0]  # type: ignore[index]  # its last branch takes anything
            if token[0] >= 0x20 and len(token) == len(self.held):
                token = token[: len(token) - cut_off(token)]
                if not token:
                    break
            del self.held[: len(token)]
            self.pasting = token == PASTE
            if not self.pasting:
                kind = "text" if token[0] >= 0x20 and token[0] != 0x7F else "key"
                found.append((kind, token.decode(errors="replace")))
        return found

    def waits_for_esc(self) -> bool:
        """Say whether an ESC is held that may be a key or a sequence's first byte."""
        return not self.pasting and self.held[:1] == b"\x1b"

    def take_esc(self) -> list[tuple[str, str]]:
        """Give up waiting: the ESC was the key, and what came behind it was typed."""
        rest = bytes(self.held[1:])
        self.held.clear()
        return [("key", "\x1b"), *self.feed(rest)]


def cut_off(run: bytes) -> int:
    """Count the bytes at the end of the run that begin an unfinished UTF-8 character."""
    for back in range(1, min(3, len(run)) + 1):
        byte = run[-back]
        if byte >= 0xC0:
            return back if back < 2 + (byte >= 0xE0) + (byte >= 0xF0) else 0
        if byte < 0x80:
            break
    return 0


class Draft:
    """The text in the box: pieces typed and pasted, the long ones shown as a mark."""

    def __init__(self, text: str = "") -> None:
        self.pieces: list[tuple[str, bool]] = [(text, False)] if text else []

    def text(self) -> str:
        """Return the whole text, as it will be submitted."""
        return "".join(text for text, _ in self.pieces)

    def shown(self) -> str:
        """Return the text with each long piece as `[Pasted text #1 +N lines]`."""
        parts, marks = [], 0
        for text, _ in self.pieces:
            if is_long(text):
                marks += 1
                lines = text.count("\n")
                text = f"[Pasted text #{marks}{f' +{lines} lines' if lines else ''}]"
            parts.append(text)
        return "".join(parts).translate(CLEAN)

    def add(self, text: str, pasted: bool = False) -> None:
        """Append to the end; what is typed stays apart from what is pasted."""
        if self.pieces and not pasted and not self.pieces[-1][1]:
            text = self.pieces.pop()[0] + text
        if text:
            self.pieces.append((text, pasted))

    def rub_out(self) -> str:
        """Remove the last character, or a long piece whole, and return it."""
        if not self.pieces:
            return ""
        text, pasted = self.pieces.pop()
        gone = text if is_long(text) else text[-1]
        if gone != text:
            self.pieces.append((text[:-1], pasted))
        return gone

    def clear_line(self) -> None:
        """Remove the last line; when that is empty already, the newline before it."""
        if self.rub_out() == "\n":
            return
        while self.pieces and (is_long(self.pieces[-1][0]) or self.pieces[-1][0][-1] != "\n"):
            self.rub_out()

    def continue_line(self) -> bool:
        r"""Turn a `\` at the end into a newline; say whether there was one."""
        if not self.pieces or not self.pieces[-1][0].endswith("\\"):
            return False
        text, pasted = self.pieces.pop()
        self.add(text[:-1], pasted)
        self.add("\n")
        return True


def seconds(text: str) -> float:
    """Read a number of seconds; one that no clock can wait for is a ValueError."""
    if not 0 <= float(text) < 1e6:
        raise ValueError(text)
    return float(text)


def is_long(text: str) -> bool:
    """Say whether a piece is shown as a mark only."""
    return len(text) > SHOWN_CHARS or text.count("\n") >= SHOWN_LINES


class Screen:
    """A transcript that scrolls, and below it the live rows, drawn anew each time."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.transcript: list[str] = []
        self.printed = 0
        self.up = 0
        self.fit()

    def fit(self) -> None:
        """Take the terminal's size; a terminal that has none is 80 by 24."""
        try:
            size = os.get_terminal_size(self.fd)
        except OSError:
            size = os.terminal_size((0, 0))
        self.width, self.height = max(size.columns or 80, 12), max(size.lines or 24, 8)

    def print(self, text: str, mark: str = "  ") -> None:
        """Add an entry to the transcript; it appears with the next `draw`."""
        self.transcript.append(mark + text.translate(CLEAN).replace("\n", "\r\n  ") + "\r\n\r\n")

    def draw(self, rows: list[str], cursor: tuple[int, int], *, repaint: bool = False) -> None:
        """Draw the rows below the transcript, the cursor at (row, column) of them.

        `repaint` begins with an empty screen and history: after a change of
        size nobody knows how the terminal has wrapped what was there.
        """
        out = "\x1b[H\x1b[2J\x1b[3J" if repaint else (f"\x1b[{self.up}A" if self.up else "") + "\r\x1b[J"
        out += "".join(self.transcript[0 if repaint else self.printed :])
        self.transcript = self.transcript[-TRANSCRIPT_ENTRIES:]
        self.printed, self.up = len(self.transcript), cursor[0]
        back = len(rows) - 1 - cursor[0]
        out += "\r\n".join(rows) + (f"\x1b[{back}A" if back else "") + f"\x1b[{cursor[1] + 1}G"
        self.write(out)

    def write(self, text: str) -> None:
        """Write to the terminal; one that is gone is no error, its SIGHUP ends us."""
        data = memoryview(text.encode(errors="replace"))
        try:
            while data:
                data = data[os.write(self.fd, data) :]
        except OSError:
            pass


class Hook:
    """One running hook command: what it is still to be told, what it has said."""

    def __init__(self, command: str, payload: bytes, timeout_s: float) -> None:
        ins, self.stdin = os.pipe()
        self.out, outs = os.pipe()
        self.err, errs = os.pipe()
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((ins, outs, errs))]
        # A session of its own: no hook has a terminal, and a late one is ended with its children.
        self.pid = os.posix_spawn(
            "/bin/sh", ["sh", "-c", command], os.environ,
            file_actions=actions, setsid=True, setsigdef=[signal.SIGPIPE],
        )  # fmt: skip
        for fd in (ins, outs, errs):
            os.close(fd)
        for fd in (self.stdin, self.out, self.err):
            os.set_blocking(fd, False)
        self.unsent = memoryview(payload)
        self.said = {self.out: bytearray(), self.err: bytearray()}
        self.reading = [self.out, self.err]
        self.writing = [self.stdin]
        self.deadline = time.monotonic() + timeout_s
        self.code: int | None = None

    def move(self, now: float) -> None:
        """Write, read and reap as far as that goes without waiting."""
        self._write()
        if now >= self.deadline:
            self.kill()
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        for fd in tuple(self.reading):
            self._read(fd)
        if pid:
            # Its children may hold the pipes open; what counts is its own exit.
            for fd in (*self.reading, *self.writing):
                os.close(fd)
            self.reading, self.writing = [], []
            self.code = os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """End the command and its children."""
        self.deadline = NEVER
        os.killpg(self.pid, signal.SIGKILL)

    def veto(self) -> str | None:
        """Return why the command blocks what was about to happen, or None."""
        if self.code == 2:
            return self.said[self.err].decode(errors="replace").strip()
        try:
            answer = json.loads(self.said[self.out])
        except ValueError:
            return None
        blocks = isinstance(answer, dict) and answer.get("decision") == "block"
        return str(answer.get("reason", "")) if blocks else None

    def _write(self) -> None:
        try:
            while self.writing and self.unsent:
                self.unsent = self.unsent[os.write(self.stdin, self.unsent) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            pass
        if self.writing:
            os.close(self.writing.pop())

    def _read(self, fd: int) -> None:
        try:
            while chunk := os.read(fd, 65536):
                self.said[fd] += chunk
        except BlockingIOError:
            return
        os.close(fd)
        self.reading.remove(fd)


class Wait:
    """What a flow waits for, and when to look again though nothing has happened."""

    def __init__(self, ready: Callable[[], bool], at: float = NEVER, every_s: float = NEVER) -> None:
        self.ready, self.at, self.every_s = ready, at, every_s


def pause(seconds: float) -> Wait:
    """Wait for a time."""
    at = time.monotonic() + seconds
    return Wait(lambda: time.monotonic() >= at, at)


Flow = Generator[Wait, None, None]


class Ended(Exception):
    """The turn is over without a Stop of its own."""


class Turn:
    """One prompt on its way to its Stop."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.prompt_id = new_id()
        self.answer: str | None = None
        self.spoke = False
        self.twice = False


class Echo:
    """One session: keys in, hooks and a screen out, and the flows between them."""

    def __init__(self, argv: list[str]) -> None:
        options = parse(argv)
        resumed = options.get("--resume")
        self.argv, self.cwd = argv, os.getcwd()
        self.settings = read_settings(options.get("--settings"))
        self.session_id = options.get("--session-id") or resumed or new_id()
        self.memory = os.environ.get("FLOWLOOM_ECHO_MEMORY")
        self.told = self.recall(resumed or self.session_id)
        self.keys, self.draft, self.screen = Keys(), Draft(), Screen(1)
        self.stash: Draft | None = None
        self.hooks: list[Hook] = []
        self.flows: dict[Flow, Wait] = {}
        self.queue: list[Draft] = []
        self.turn: Turn | None = None
        self.turn_flow: Flow | None = None
        self.background: list[dict[str, str]] = []
        self.opening = self.leaving = False
        self.dialog: tuple[str, str] | None = None
        self.choice = ""  # what the dialog was answered: yes or no
        self.swallow, self.lag_s = 0, 0.0
        self.esc_at, self.again_until = NEVER, 0.0
        self.published: dict[str, object] = {}
        self.code: int | None = None
        self.screen.print(f"echo · a scripted agent, no model · session {self.session_id} · /exit leaves", "✻ ")
        self.begin(self.open("resume" if resumed else "startup"))

    # The loop

    def run(self, signals: int) -> int:
        """Serve keys, signals, hooks and flows until the session is over; return its exit code."""
        while self.code is None:
            self.draw()
            self.publish()
            reads = [signals, *(fd for hook in self.hooks for fd in hook.reading)]
            if not self.leaving:
                reads.append(0)
            writes = [fd for hook in self.hooks for fd in hook.writing]
            ready, _, _ = select.select(reads, writes, [], self.timeout_s())
            if signals in ready:
                self.heed(os.read(signals, 4096))
            if 0 in ready:
                self.read_keys()
            now = time.monotonic()
            if now >= self.esc_at:
                self.press_all(self.keys.take_esc())
            for hook in self.hooks:
                hook.move(now)
            self.hooks = [hook for hook in self.hooks if hook.code is None]
            self.advance()
        return self.code

    def timeout_s(self) -> float | None:
        """Return how long nothing will need us unless something happens."""
        now = time.monotonic()
        again = self.again_until if self.again_until > now else NEVER
        times = [self.esc_at, again, *(wait.at for wait in self.flows.values()), *(h.deadline for h in self.hooks)]
        soon = min(max(0.0, min(times) - now), *(wait.every_s for wait in self.flows.values()), NEVER)
        return None if soon == NEVER else soon

    def heed(self, signals: bytes) -> None:
        """Act on the signals that came."""
        if signal.SIGWINCH in signals:
            self.screen.fit()
            self.draw(repaint=True)
        if signal.SIGINT in signals:
            self.press("\x03")
        for signum in (signal.SIGTERM, signal.SIGHUP):
            if signum in signals:
                self.leave("other", 128 + signum)

    def begin(self, flow: Flow) -> None:
        """Add a flow; it takes its first step in `advance`."""
        self.flows[flow] = pause(0)

    def advance(self) -> None:
        """Let every flow go on whose wait is over, and begin the next turn when one may."""
        moved = True
        while moved and self.code is None:
            moved = False
            for flow, wait in tuple(self.flows.items()):
                if flow in self.flows and wait.ready():
                    moved = True
                    self.step(flow)
            if self.queue and not (self.turn or self.opening or self.leaving):
                self.turn = Turn(self.queue.pop(0))
                self.turn_flow = self.serve(self.turn)
                self.begin(self.turn_flow)
                moved = True

    def step(self, flow: Flow) -> None:
        """Run the flow to its next wait."""
        try:
            self.flows[flow] = next(flow)
        except StopIteration:
            self.flows.pop(flow, None)
            if flow is self.turn_flow:
                self.turn = self.turn_flow = None

    # The session

    def open(self, source: str) -> Flow:
        """Announce the session; no turn begins before that is done."""
        self.opening = True
        yield from self.fire("SessionStart", source=source)
        self.opening = False

    def clear(self) -> Flow:
        """End this session and begin another in the same terminal."""
        self.opening = True
        yield from self.fire("SessionEnd", reason="clear")
        self.session_id, self.told, self.background = new_id(), [], []
        yield from self.open("clear")

    def leave(self, reason: str, code: int = 0) -> None:
        """Begin to exit: SessionEnd, then the end, at most 1.5 s later."""
        if not self.leaving:
            self.leaving = True
            self.drop_turn()
            self.flows.clear()
            self.begin(self.end(reason, code))

    def end(self, reason: str, code: int) -> Flow:
        """Wait for the SessionEnd hooks, but not for long, and exit."""
        hooks = self.start("SessionEnd", reason=reason)
        limit = pause(END_LIMIT_S)
        yield Wait(lambda: limit.ready() or all(hook.code is not None for hook in hooks), limit.at)
        for hook in hooks:
            if hook.code is None:
                hook.kill()
        self.code = code

    def publish(self) -> None:
        """Write the session status file, when there is to be one and something has changed."""
        status = "waiting" if self.dialog else "busy" if self.turn else "idle"
        content: dict[str, object] = {"pid": os.getpid(), "sessionId": self.session_id, "cwd": self.cwd}
        content["status"] = status
        if self.dialog:
            content["waitingFor"] = f"approve {self.dialog[0]}"
        directory = os.environ.get("FLOWLOOM_ECHO_SESSIONS")
        if directory and content != self.published:
            self.published = content
            path = os.path.join(directory, f"{os.getpid()}.json")
            write_json(path, content | {"statusUpdatedAt": time.time_ns() // 1_000_000})

    def unpublish(self) -> None:
        """Remove the session status file."""
        if self.published:
            os.unlink(os.path.join(os.environ["FLOWLOOM_ECHO_SESSIONS"], f"{os.getpid()}.json"))

    def memory_path(self, session_id: str) -> str:
        """Return where a session's memory is kept, empty when none is."""
        return os.path.join(self.memory, f"{session_id}.json") if self.memory else ""

    def recall(self, session_id: str) -> list[str]:
        """Return what a session was told."""
        try:
            with open(self.memory_path(session_id), encoding="utf-8") as file:
                return [str(thing) for thing in json.load(file)["told"]]
        except FileNotFoundError:
            return []

    # Hooks

    def start(self, event: str, **fields: object) -> list[Hook]:
        """Start every command of an event beside us; the screen and the status file come first."""
        self.publish()
        self.draw()
        payload: dict[str, object] = {"session_id": self.session_id, "cwd": self.cwd, "hook_event_name": event}
        payload["transcript_path"] = self.memory_path(self.session_id)
        if self.turn:
            payload["prompt_id"] = self.turn.prompt_id
        data = json.dumps(payload | fields, ensure_ascii=False).encode(errors="replace")
        subject = str(fields[SUBJECTS[event]]) if event in SUBJECTS else None
        hooks = [Hook(command, data, limit_s) for command, limit_s in commands(self.settings, event, subject)]
        self.hooks += hooks
        return hooks

    def fire(self, event: str, **fields: object) -> Generator[Wait, None, str | None]:
        """Run an event's commands and wait for them; return the first veto, if any."""
        return (yield from self.settle(self.start(event, **fields)))

    def settle(self, hooks: list[Hook]) -> Generator[Wait, None, str | None]:
        """Wait until these commands have exited; return the first veto, if any."""
        yield Wait(lambda: all(hook.code is not None for hook in hooks))
        return next((why for hook in hooks if (why := hook.veto()) is not None), None)

    # A turn

    def serve(self, turn: Turn) -> Flow:
        """Carry one prompt from its receipt to its Stop."""
        prompt = turn.draft.text()
        lag_s, self.lag_s = self.lag_s, 0.0
        self.screen.print(turn.draft.shown(), "❯ ")
        yield pause(lag_s)
        veto = yield from self.fire("UserPromptSubmit", prompt=prompt)
        if veto is not None:
            self.screen.print(f"UserPromptSubmit hook erased the prompt: {veto}", "⎿ ")
            return
        body, directives = split(unframe(prompt))
        try:
            for directive in directives:
                try:
                    yield from self.obey(turn, *directive.partition(" ")[::2])
                except ValueError:
                    self.say(turn, f"echo cannot do this: {directive}")
        except Ended:
            return
        if turn.answer is None:
            self.say(turn, self.reply(body, directives))
        yield from self.stop(turn)

    def obey(self, turn: Turn, name: str, argument: str) -> Flow:
        """Run one directive; one that is not known is the answer.

        Raises:
            Ended: the turn is over.
            ValueError: the argument makes no sense.
        """
        match name:
            case "say" | "silent":
                self.say(turn, argument.replace("\\n", "\n"))
            case "big":
                self.say(turn, big(int(argument)))
            case "work":
                yield pause(seconds(argument))
            case "hold":
                yield Wait(lambda: os.path.exists(argument.strip()), every_s=LOOK_S)
            case "ask":
                yield from self.ask(turn, *argument.strip().partition(" ")[::2])
            case "fail":
                self.say(turn, f"API Error: {argument}")
                yield from self.fire("StopFailure", error=argument.strip(), last_assistant_message=turn.answer)
                raise Ended
            case "die":
                self.code = 1
                yield Wait(lambda: False)
            case "twice":
                turn.twice = True
            case "background":
                self.run_beside(seconds(argument))
            case "swallow":
                self.swallow += 1
            case "lag":
                self.lag_s = seconds(argument)
            case _:
                raise ValueError(name)

    def ask(self, turn: Turn, tool: str, detail: str) -> Flow:
        """Show a permission dialog and go on once it is allowed; refused, the turn ends without a hook."""
        call = {"tool_name": tool, "tool_input": {"command" if tool == "Bash" else "file_path": detail}}
        turn.spoke, self.dialog, self.allowed = True, (tool, detail), ""
        self.start("PermissionRequest", **call)
        yield Wait(lambda: bool(self.choice))
        self.dialog = None
        if self.choice == "no":
            self.screen.print("Interrupted by the user", "⎿ ")
            raise Ended
        self.screen.print(f"{tool}({detail})", "● ")
        yield from self.fire("PostToolUse", **call)

    def run_beside(self, duration_s: float) -> None:
        """Begin a background task; its end wakes the session, as in Claude."""
        task = {"id": new_id()[:8], "type": "shell", "status": "running", "description": f"sleep {duration_s:g}"}
        said = f"<task-id>{task['id']}</task-id>\n<status>completed</status>"

        def wait() -> Flow:
            yield pause(duration_s)
            if task in self.background:
                self.background.remove(task)
                self.queue.append(Draft(f"<task-notification>\n{said}\n</task-notification>"))

        self.background.append(task)
        self.begin(wait())

    def reply(self, body: str, directives: list[str]) -> str:
        """Compose the answer, and remember what the body told."""
        if prompt_is_own(body):
            return "background done"
        if not body.strip():
            return f"echo did: {'; '.join(directives)}"
        answer = compose(body, self.told)
        if not is_question(body):
            self.told.append(body)
            if self.memory:
                write_json(self.memory_path(self.session_id), {"told": self.told})
        return answer

    def say(self, turn: Turn, answer: str) -> None:
        """Show an answer and keep it for the Stop."""
        turn.answer, turn.spoke = answer, True
        if answer:
            self.screen.print(shorten(answer), "● ")

    def stop(self, turn: Turn) -> Flow:
        """Report the end, and go on once when a hook wants that."""
        hooks = self.start_stop(turn)
        if turn.twice:
            yield pause(0.05)
            self.say(turn, f"{turn.answer}\n\nAnd once more, at greater length.")
            hooks += self.start_stop(turn)
        veto = yield from self.settle(hooks)
        if veto is not None:
            self.say(turn, f"echo went on: {veto}")
            yield from self.settle(self.start_stop(turn, again=True))

    def start_stop(self, turn: Turn, *, again: bool = False) -> list[Hook]:
        """Start the Stop hooks; what runs in the background at this moment is told."""
        tasks = list(self.background)
        message = turn.answer or ""
        return self.start(
            "Stop", last_assistant_message=message, background_tasks=tasks, session_crons=[], stop_hook_active=again
        )

    def interrupt(self) -> None:
        """Drop the turn without a hook; as in Claude, a prompt not yet answered goes back into the box."""
        turn = self.turn
        self.drop_turn()
        self.screen.print("Interrupted by the user", "⎿ ")
        if turn and not (turn.spoke or self.draft.pieces or self.queue or prompt_is_own(turn.draft.text())):
            self.draft = turn.draft

    def drop_turn(self) -> None:
        """End the running turn where it stands; its hooks run on."""
        if self.turn_flow:
            self.turn_flow.close()
            self.flows.pop(self.turn_flow, None)
        self.turn = self.turn_flow = self.dialog = None

    # Keys and box

    def read_keys(self) -> None:
        """Take what was typed; a terminal that is gone ends the session."""
        try:
            data = os.read(0, 65536)
        except OSError:
            data = b""
        if not data:
            self.leave("other", 128 + signal.SIGHUP)
        self.press_all(self.keys.feed(data))

    def press_all(self, keys: list[tuple[str, str]]) -> None:
        """Act on keys, texts and pastes; a dialog takes only keys."""
        self.esc_at = time.monotonic() + ESC_LIMIT_S if self.keys.waits_for_esc() else NEVER
        for kind, text in keys:
            if self.dialog:
                self.choose("" if kind == "paste" else text)
            elif kind == "key":
                self.press(text)
            else:
                self.draft.add(text, kind == "paste")

    def choose(self, key: str) -> None:
        """Answer the permission dialog; any other key does nothing."""
        if not self.choice and key in ("1", "\r", "2", "\x1b", "\x03"):
            self.choice = "yes" if key in ("1", "\r") else "no"

    def press(self, key: str) -> None:
        """Act on one key outside of a dialog."""
        if key == "\r":
            self.enter()
        elif key in ("\n", "\x1b\r"):
            self.draft.add("\n")
        elif key in ("\x7f", "\x08"):
            self.draft.rub_out()
        elif key == "\x15":
            self.draft.clear_line()
        elif key == "\x13":
            self.put_away()
        elif key == "\x1b" and self.turn:
            self.interrupt()
        elif key == "\x04" and not self.draft.pieces:
            self.leave("prompt_input_exit")
        elif key == "\x03":
            self.cancel()

    def put_away(self) -> None:
        """Stash the draft; with an empty box, bring the stashed one back."""
        if self.draft.pieces:
            self.draft, self.stash = Draft(), self.draft
        elif self.stash:
            self.draft, self.stash = self.stash, None

    def cancel(self) -> None:
        """Clear the box, else interrupt; the second Ctrl-C within a second exits."""
        now = time.monotonic()
        if now < self.again_until:
            self.leave("prompt_input_exit")
        elif self.draft.pieces:
            self.draft = Draft()
        elif self.turn:
            self.interrupt()
        self.again_until = now + AGAIN_LIMIT_S

    def enter(self) -> None:
        """Submit the box: run a command, or queue a turn."""
        text = self.draft.text()
        if self.draft.continue_line() or not text.strip():
            return
        if self.swallow:
            self.swallow -= 1
            return
        draft, self.draft, self.stash = self.draft, self.stash or Draft(), None
        if text.strip() == "/exit":
            self.leave("prompt_input_exit")
        elif text.strip() == "/clear":
            self.drop_turn()
            self.queue.clear()
            self.begin(self.clear())
        elif text.strip() == "/args":
            self.screen.print(json.dumps(self.argv), "⎿ ")
        else:
            self.queue.append(draft)

    def draw(self, *, repaint: bool = False) -> None:
        """Draw the transcript's news and the box, or the dialog in its place."""
        rule = f"\x1b[2m{'─' * self.screen.width}\x1b[0m"
        if self.dialog:
            tool, detail = (part.translate(CLEAN)[: self.screen.width - 4] for part in self.dialog)
            rows = [rule, f"  {tool}", f"    {detail}", "", "Do you want to proceed?", "❯ 1. Yes", "  2. No", ""]
            self.screen.draw(rows, (len(rows) - 1, 0), repaint=repaint)
            return
        waiting = [f"\x1b[2m  queued: {wrap(d.shown(), self.screen.width - 11)[0]}\x1b[0m" for d in self.queue[:3]]
        text = wrap(self.draft.shown(), self.screen.width - 3)[-max(1, self.screen.height - 7) :]
        box = [("  " if number else "❯ ") + row for number, row in enumerate(text)]
        again = time.monotonic() < self.again_until
        footer = "ctrl-c again to exit" if again else "esc to interrupt" if self.turn else "ready"
        rows = [*waiting, rule, *box, rule, f"\x1b[2m  echo · {footer}\x1b[0m"]
        self.screen.draw(rows, (len(rows) - 3, cells(box[-1])), repaint=repaint)


def prompt_is_own(prompt: str) -> bool:
    """Say whether the session itself made this prompt, at the end of a background task."""
    return prompt.startswith("<task-notification>")


def parse(argv: list[str]) -> dict[str, str]:
    """Return the flags that mean something here; the last of each wins."""
    words = iter(argv)
    return {word: next(words, "") for word in words if word in FLAGS}


def read_settings(path: str | None) -> dict[str, Any]:
    """Return the hooks of a settings file: event → groups."""
    if not path:
        return {}
    with open(path, encoding="utf-8") as file:
        return dict(json.load(file).get("hooks", {}))


def commands(hooks: dict[str, Any], event: str, subject: str | None) -> list[tuple[str, float]]:
    """Return an event's commands whose matcher fits, each with its limit in seconds."""
    chosen = [
        hook
        for group in hooks.get(event, [])
        if subject is None or group.get("matcher") in (None, "", "*") or re.fullmatch(group["matcher"], subject)
        for hook in group["hooks"]
        if hook["type"] == "command"
    ]
    return [(hook["command"], float(hook.get("timeout", HOOK_LIMIT_S))) for hook in chosen]


def list_sessions() -> list[object]:
    """Return the status of every session whose process lives."""
    directory = os.environ.get("FLOWLOOM_ECHO_SESSIONS", "")
    found: list[object] = []
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
        pid, _, kind = name.partition(".")
        try:
            if kind == "json" and pid.isdecimal():
                os.kill(int(pid), 0)
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    found.append(json.load(file))
        except (ProcessLookupError, FileNotFoundError):
            continue
    return found


def watch_signals() -> int:
    """Turn the signals that concern us into bytes on a pipe and return its reading end."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for signum in (signal.SIGWINCH, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(signum, lambda *_: None)
    return reading


def main(argv: list[str]) -> int:
    """Run the agent on this terminal, or list the sessions; return the exit code."""
    if argv[:1] == ["agents"]:
        print(json.dumps(list_sessions()))
        return 0
    try:
        echo, before = Echo(argv), termios.tcgetattr(0)
    except (OSError, ValueError, termios.error) as error:
        print(f"echo: cannot start: {error}", file=sys.stderr)
        return 1
    signals = watch_signals()
    try:
        # Not flushed: what was typed while we started belongs to us.
        tty.setraw(0, termios.TCSANOW)
        echo.screen.write("\x1b[?2004h")
        return echo.run(signals)
    finally:
        echo.screen.draw([""], (0, 0))
        echo.screen.write("\x1b[?2004l")
        try:
            termios.tcsetattr(0, termios.TCSANOW, before)
        except termios.error:
            pass  # the terminal is gone
        echo.unpublish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
