"""A person's seat: a tmux pane of a known size with a program in it, its keys and what it shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import psutil
from tests.support.world import EDITOR, ROOT, World

STAND_IN = ROOT / "tests" / "support" / "chief_stand_in.py"


class Seat:
    """One pane on the world's tmux server, or on another one."""

    def __init__(
        self, world: World, *command: str, columns: int = 80, rows: int = 24, socket: str = "", **environment: str
    ) -> None:
        self.world = world
        self.socket = socket or world.socket
        self.session = f"seat{id(self)}"
        variables = {**world.environment, **environment}
        sets = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
        size = ["-x", str(columns), "-y", str(rows)]
        self.tmux(
            *("-f", "/dev/null", "new-session", "-d", "-s", self.session, "-c", str(world.project)),
            *(*size, *sets, *command, ";", "set-option", "-w", "remain-on-exit", "on"),
        )
        self.tty = self.tmux("display-message", "-p", "-t", self.session, "#{pane_tty}").strip()

    def tmux(self, *words: str) -> str:
        environment = {**os.environ, **self.world.environment}
        done = subprocess.run(
            ["tmux", "-L", self.socket, *words], env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout

    def press(self, *keys: str) -> None:
        """Press keys by their tmux names, together."""
        self.tmux("send-keys", "-t", self.session, *keys)

    def type(self, text: str) -> None:
        """Type text, also what would be the name of a key."""
        self.tmux("send-keys", "-t", self.session, "-l", text)

    def send(self, raw: bytes) -> None:
        """Send bytes as a terminal does that speaks other protocols than tmux."""
        self.tmux("send-keys", "-t", self.session, "-H", *(f"{byte:02x}" for byte in raw))

    def paste(self, text: str, *, bracketed: bool = True) -> None:
        """Paste text, as a terminal does."""
        path = self.world.folder / "clipboard"
        path.write_text(text)
        how = ["-p"] if bracketed else []
        self.tmux(
            "load-buffer", "-b", "clip", str(path), ";", "paste-buffer", *how, "-d", "-b", "clip", "-t", self.session
        )

    def screen(self, *, colours: bool = False) -> str:
        how = ["-e"] if colours else []
        return self.tmux("capture-pane", "-p", *how, "-t", self.session)

    def cursor(self) -> str:
        fmt = "#{cursor_x},#{cursor_y},#{cursor_flag},#{alternate_on},#{mouse_any_flag}"
        return self.tmux("display-message", "-p", "-t", self.session, fmt).strip()

    def shows(self, words: str) -> str:
        """Wait until the screen shows words, and return it."""

        def look() -> str:
            found = self.screen()
            return found if words in found else ""

        try:
            return str(self.world.until(look, f"the screen shows {words!r}"))
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- the seat:\n{self.screen()}") from None

    def resize(self, columns: int, rows: int) -> None:
        self.tmux("resize-window", "-t", self.session, "-x", str(columns), "-y", str(rows))

    def alive(self) -> bool:
        """Tell whether the seat's own program still runs."""
        return self.tmux("display-message", "-p", "-t", self.session, "#{pane_dead}").strip() == "0"

    def attributes(self) -> list[Any]:
        """Return the terminal's attributes as they are now, read from outside."""
        descriptor = os.open(self.tty, os.O_RDWR | os.O_NOCTTY)
        try:
            return termios.tcgetattr(descriptor)
        finally:
            os.close(descriptor)

    def held(self) -> bool:
        """Tell whether the terminal is cooked and makes no signals: `hooks/editor` has it, and nothing else yet."""
        local = self.attributes()[3]
        return bool(local & termios.ICANON) and not local & termios.ISIG

    def signals_on(self) -> bool:
        """Tell whether a Ctrl-C would be a signal now."""
        return bool(self.attributes()[3] & termios.ISIG)


class ChiefSeat(Seat):
    """The stand-in for Claude Code, with `hooks/editor` for its editor."""

    def __init__(self, world: World, *, editor: Path = EDITOR, **more: Any) -> None:
        self.folder = world.folder / f"seat-{id(self)}"
        self.folder.mkdir()
        self.runs = 0
        super().__init__(world, sys.executable, str(STAND_IN), str(self.folder), str(editor), **more)
        world.until(lambda: self.told("ready"), "the stand-in is there")
        self.before = (self.screen(colours=True), self.cursor())

    def told(self, name: str) -> Any:
        path = self.folder / name
        return json.loads(path.read_text()) | {"told": True} if path.exists() else None

    def ctrl_g(self, path: Path) -> None:
        """Open the editor on a prompt file; return when it is being started."""
        (self.folder / "next").write_text(str(path))
        self.runs += 1
        self.press("g")
        self.world.until(lambda: (self.told("began") or {}).get("number") == self.runs, "the editor is started")

    def ended(self) -> dict[str, Any]:
        """Wait until the editor has ended and return how."""

        def over() -> Any:
            found = self.told("ended")
            return found if found and found["number"] == self.runs else None

        try:
            return dict(self.world.until(over, "the editor has ended"))
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- the seat:\n{self.screen()}") from None

    def editor_pid(self) -> int:
        """Return the pid of our Python below the stub."""

        def find() -> int:
            chief = psutil.Process(self.told("began")["pid"])
            for child in chief.children(recursive=True):
                try:
                    if "flowloom.editor.main" in " ".join(child.cmdline()):
                        return int(child.pid)
                except psutil.NoSuchProcess:
                    continue  # an `stty` that has ended
            return 0

        return int(self.world.until(find, "our Python runs"))

    def given_back(self) -> tuple[bool, bool, str]:
        """Tell whether attributes and screen are as they were before, and what is left of the keys."""
        ended = self.ended()
        try:
            # tmux draws what it was given a moment later.
            same = self.world.until(lambda: (self.screen(colours=True), self.cursor()) == self.before, limit_s=5)
        except AssertionError:
            same = False
        return ended["attributes_kept"], same, ended["left_over"]


def until_now(seat: Seat, condition: Any, limit_s: float = 5.0) -> float:
    """Poll as fast as can be until a condition holds; return how long it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < limit_s, seat.screen()
    return time.monotonic() - start
