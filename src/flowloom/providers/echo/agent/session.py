"""One session: who it is, what it was told, what it is doing, and the files that say so."""

from __future__ import annotations

import json
import os
import time

from flowloom.providers.echo.agent.draft import Draft
from flowloom.providers.echo.agent.flows import Flow, Flows
from flowloom.providers.echo.agent.hooks import Hook, read_settings
from flowloom.providers.echo.agent.screen import Screen

FLAGS = ("--session-id", "--settings", "--resume", "-n", "--append-system-prompt")


class Turn:
    """One prompt on its way to its Stop."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.prompt_id = new_id()
        self.answer: str | None = None
        self.spoke = False
        self.twice = False


class Session:
    """The state that keys, turns and hooks share; the rooms above move it."""

    def __init__(self, argv: list[str]) -> None:
        options = parse(argv)
        resumed = options.get("--resume")
        self.argv, self.cwd = argv, os.getcwd()
        self.settings = read_settings(options.get("--settings"))
        self.source = "resume" if resumed else "startup"
        self.session_id = options.get("--session-id") or resumed or new_id()
        self.memory = os.environ.get("FLOWLOOM_ECHO_MEMORY")
        self.told = self.recall(resumed or self.session_id)
        self.screen, self.draft = Screen(1), Draft()
        self.stash: Draft | None = None
        self.hooks: list[Hook] = []
        self.flows = Flows()
        self.queue: list[Draft] = []
        self.turn: Turn | None = None
        self.turn_flow: Flow | None = None
        self.background: list[dict[str, str]] = []
        self.opening = self.leaving = False
        self.dialog: tuple[str, str] | None = None
        self.on_no = False  # the dialog's cursor stands on its second option
        self.choice = ""  # what the dialog was answered: yes or no
        self.swallow, self.lag_s = 0, 0.0
        self.again_until = 0.0  # a second Ctrl-C before this moment exits
        self.published: dict[str, object] = {}
        self.code: int | None = None  # the exit code, once the session is over

    def memory_path(self) -> str:
        """Return where the session's memory is kept, empty when none is."""
        return self._memory_path(self.session_id)

    def recall(self, session_id: str) -> list[str]:
        """Return what a session was told."""
        try:
            with open(self._memory_path(session_id), encoding="utf-8") as file:
                return [str(thing) for thing in json.load(file)["told"]]
        except FileNotFoundError:
            return []

    def remember(self, body: str) -> None:
        """Keep what was told, for a resume too."""
        self.told.append(body)
        if self.memory:
            write_json(self.memory_path(), {"told": self.told})

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

    def _memory_path(self, session_id: str) -> str:
        return os.path.join(self.memory, f"{session_id}.json") if self.memory else ""


def parse(argv: list[str]) -> dict[str, str]:
    """Return the flags that mean something here; the last of each wins."""
    words = iter(argv)
    return {word: next(words, "") for word in words if word in FLAGS}


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
