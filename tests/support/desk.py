"""One living agent at which several tests may sit, and a person's hands on its window."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.support.messages_api import Call, MessagesApi, Say, user_texts
from tests.support.world import LIMIT_S, World

# Esc, and a program's end, are noticed within 3 s; on a machine that is busy with other tests within this.
NOTICED_S = 20.0
# A shell runs unasked, so that a test can hold it; `touch` is what a person is asked about.
ASKS = {"allow": ["Bash"], "ask": ["Bash(touch:*)"]}


def half(prompt: str) -> str:
    """Return what the model says at once of a reply that is held back."""
    return f"half of <{prompt}>"


def background(command: str) -> Call:
    """Return a command that runs on while the turn ends."""
    return Call("Bash", {"command": command, "description": "bg", "run_in_background": True})


class Asked:
    """One `flowloom ask` that runs, with its task."""

    def __init__(self, world: World, prompt: str, *words: str, name: str = "planning") -> None:
        self.world = world
        known = {task["task_id"] for task in world.tasks()}
        self.process: subprocess.Popen[bytes] = world.begin("ask", name, prompt, *words)
        self.task_id: str = world.until(lambda: [t for t in world.tasks() if t["task_id"] not in known])[0]["task_id"]

    def task(self) -> dict[str, Any]:
        """Return its task as it stands on disk."""
        return next(task for task in self.world.tasks() if task["task_id"] == self.task_id)

    def steps(self) -> list[str]:
        """Return the steps of its task's journal."""
        return [entry["step"] for entry in self.task()["journal"]]

    def until(self, step: str) -> None:
        """Wait until its task's journal has a step."""
        self.world.until(lambda: step in self.steps(), f"task {self.task_id} is {step}")
        self.world.until_settled(self.world.folder_of(self.task()))

    def end(self, limit_s: float = LIMIT_S) -> tuple[int, str, str]:
        """Wait until it has ended; return exit code, stdout and stderr."""
        try:
            out, err = self.process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"ask still ran after {limit_s} s: {err!r}\n{self.world.describe()}") from None
        return self.process.returncode, out.decode(), err.decode()

    def ends_within(self, limit_s: float) -> tuple[int, str, str]:
        """Return how it ended, which must be this soon."""
        began = time.monotonic()
        ended = self.end()
        assert time.monotonic() - began < limit_s, (time.monotonic() - began, ended)
        return ended


class Desk:
    """A world with one real agent, `planning`, and the model that it talks to."""

    def __init__(self, world: World, api: MessagesApi) -> None:
        self.world = world
        self.api = api
        self._asked: list[Asked] = []

    def ask(self, prompt: str, *words: str) -> Asked:
        """Begin to ask."""
        self._asked.append(Asked(self.world, prompt, *words))
        return self._asked[-1]

    def hold(self, prompt: str, rest: str = " and the rest") -> threading.Event:
        """Let the model begin to answer a prompt, and go on when the event is set."""
        go_on = threading.Event()
        self.api.on(prompt, Say(rest, hold=go_on, begin=f"{half(prompt)}\n"))
        return go_on

    def reply(self, prompt: str) -> str:
        """Ask and return the reply; anything else is a failure."""
        code, out, err = self.ask(prompt).end()
        assert code == 0, (code, out, err, self.world.describe())
        return out

    def type(self, text: str, *, enter: bool = False) -> None:
        """Type as a person does and wait until it stands in the box; an Enter right behind it could be lost.

        Claude Code joins a first letter to an Escape just before it. A person sees that, and types it again.
        """
        if text[:1].isalpha() and self.box() == "":
            # A busy machine draws it late: pressed again too early, it would stand there twice.
            self.press(text[0], lambda: self.box() not in ("", None), again_s=5.0)
            self.world.tmux("send-keys", "-t", self.world.pane(), "-l", text[1:])
        else:
            self.world.tmux("send-keys", "-t", self.world.pane(), "-l", text)
        self.world.until(lambda: text in (self.box() or ""), f"{text!r} in the box")
        if enter:
            self.press("Enter", lambda: text not in (self.box() or ""))

    def press(self, key: str, done: Callable[[], bool], again_s: float = 1.0) -> None:
        """Press a key, as a person does: once more where nothing came of it, a dialog that just came up takes none."""
        for _ in range(8):
            if done():
                return
            self.world.keys(key)
            try:
                self.world.until(done, limit_s=again_s)
            except AssertionError:
                continue
        self.world.until(done, f"{key} has its effect", limit_s=0.1)

    def open(self, keys: list[str], shown: str) -> None:
        """Type and press what opens something, as a person does, until the window shows what only that shows.

        Another test, whose agent this is too, may have left the same word in the conversation above.
        """
        assert shown not in self.world.screen(), self.world.describe()
        if keys[0].startswith("/"):
            self.type(keys[0])
            keys = keys[1:]
        for _ in range(3 if keys else 0):
            self.world.keys(*keys)
            # Only what is drawn is not pressed again: a second key would close it.
            if self.comes(shown, within_s=LIMIT_S / 3):
                return
        self.until_seen(shown)

    def comes(self, text: str, *, within_s: float) -> bool:
        """Tell whether the window shows a text before long."""
        try:
            self.world.until(lambda: text in self.world.screen(), limit_s=within_s)
        except AssertionError:
            return False
        return True

    def answer(self, key: str, shown: str) -> None:
        """Answer the dialog that shows a text."""
        self.until_seen(shown)
        # The conversation above can show the same text.
        count = self.world.screen().count(shown)
        self.press(key, lambda: self.world.screen().count(shown) < count)

    def until_seen(self, text: str) -> None:
        """Wait until the window shows a text."""
        self.world.until(lambda: text in self.world.screen(), f"{text!r} on the screen")

    def box(self) -> str | None:
        """Return what stands in the input box, with a `!` before it in shell mode; None when there is none."""
        lines = self.world.screen().splitlines()
        rules = [number for number, line in enumerate(lines) if line.startswith("───")]
        if len(rules) < 2 or not lines[rules[-2] + 1].startswith(("❯", "!")):
            return None
        rows = lines[rules[-2] + 1 : rules[-1]]
        said = "\n".join([rows[0][1:], *rows[1:]]).replace("\xa0", " ").strip()
        return f"!{said}" if rows[0].startswith("!") else said

    def until_box(self, text: str) -> None:
        """Wait until the input box holds exactly this."""
        self.world.until(lambda: self.box() == text, f"the box holds {text!r}")

    def until_tool(self) -> None:
        """Wait until the agent's command has made the file `runs`."""
        self.world.until((self.world.project / "runs").exists, "its command runs")

    def drafts(self) -> str:
        """Return the drafts that were put aside."""
        path = self.world.agent_dir() / "drafts.txt"
        return path.read_text() if path.exists() else ""

    def texts(self) -> list[str]:
        """Return what the model was told last, text by text."""
        return user_texts(self.api.requests[-1]["messages"])

    def until_asked(self, text: str) -> None:
        """Wait until a request with this text has reached the model."""
        self.world.until(
            lambda: any(text in said for request in self.api.requests for said in user_texts(request["messages"])),
            f"{text!r} reached the model",
        )

    def tidy(self) -> None:
        """Bring the agent back to an empty box, with nobody waiting for it; end it where that fails."""
        for asked in self._asked:
            if asked.process.poll() is None:
                asked.process.kill()
                self.world.flowloom("cancel", asked.task_id)
            asked.process.communicate()
        self._asked.clear()
        try:
            self.world.until(lambda: self.world.status()["status"] in ("idle", "offline"), limit_s=3.0)
            if self.box() not in ("", "!"):
                self.world.keys("C-c")
                self.world.until(lambda: self.box() in ("", "!"), limit_s=3.0)
            if self.box() == "!":
                self.press("BSpace", lambda: self.box() == "")
        except (AssertionError, OSError):
            for name in os.listdir(self.world.state / "agents" / "site"):
                self.world.flowloom("stop", name)
