"""A person visits a window: a tmux client over our screen, whose status line says how to come back.

Inside of tmux the client runs in a popup over the person's own client, so that
the way back, the prefix and d, is the same as outside: the keys go to the popup
alone. Where no popup can be had (no client here, an older tmux, one that has a
popup already) it runs on the terminal that we were given.

The client has a session of its own that holds the one window: when the program
in it ends the visit ends, and never leads into the window beside it. Afterwards
the window has the size that it had, and the session is gone.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from contextlib import suppress

from flowloom.errors import TmuxFailed
from flowloom.ports import procs
from flowloom.ports.tmux import formats, reach, server
from flowloom.ports.tmux.formats import literal, shown
from flowloom.store import files, state_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from flowloom.terminal.tty import Terminal

# An option of the visit's session: what is news meanwhile.
NEWS = "@flowloom_news"
# A user's own options must not end the session, nor move its client to another one.
LASTING = (("destroy-unattached", "off"), ("detach-on-destroy", "on"))
LIMIT_S = 5.0
TOLD_MS = 4000


PREFIX = "#{?#{==:#{prefix},None},#{prefix2},#{prefix}}"


class OuterTmux:
    """The tmux server that we run inside of."""

    def __init__(self, socket_path: str, pane_id: str) -> None:
        self.socket_path = socket_path
        self.pane_id = pane_id

    @classmethod
    def detect(cls) -> OuterTmux | None:
        """Return the server that TMUX names, None where there is none that answers."""
        path, pane = os.environ.get("TMUX", "").partition(",")[0], os.environ.get("TMUX_PANE", "")
        outer = cls(path, pane)
        return outer if path and pane and outer.window_id() else None

    def run(self, *words: str) -> str:
        """Run a tmux command there and return what it prints; nothing where it fails."""
        command = ["tmux", "-S", self.socket_path, *words]
        try:
            done = subprocess.run(
                command,
                env=reach.outside(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.decode(errors="replace")

    def window_id(self) -> str:
        """Return the window that we run in."""
        return self.run("display-message", "-p", "-t", self.pane_id, "#{window_id}").strip()

    def client(self) -> str:
        """Return the client that shows us and can have a popup, empty where there is none."""
        fmt = "#{client_control_mode} #{window_id} #{client_activity} #{client_name}"
        lines = [line.split(" ", 3) for line in self.run("list-clients", "-F", fmt).splitlines()]
        here = self.window_id()
        showing = [(line[2], line[3]) for line in lines if len(line) == 4 and line[:2] == ["0", here]]
        return max(showing)[1] if showing and self._version() >= [3, 2] else ""

    def client_size(self) -> tuple[int, int]:
        """Return columns and rows of the client that shows us."""
        fmt = "#{client_width} #{client_height}"
        columns, _, rows = self.run("display-message", "-p", "-c", self.client(), fmt).strip().partition(" ")
        return int(columns or 80), int(rows or 24)

    def _version(self) -> list[int]:
        found = re.search(r"(\d+)\.(\d+)", self.run("display-message", "-p", "#{version}"))
        return [int(number) for number in found.groups()] if found else [0]

    def popup(self, command: list[str]) -> list[str]:
        """Return what runs a command in a popup over the client that shows us, and returns when that ends."""
        # A border would take two columns and two rows; before 3.3 there is no popup without one.
        bare = ["-B"] if self._version() >= [3, 3] else []
        words = ["tmux", "-S", self.socket_path, "display-popup", "-c", self.client(), *bare, "-E"]
        return [*words, "-w", "100%", "-h", "100%", shlex.join(command)]

    def prefix_again(self) -> str:
        """Return, in tmux's format language, the key to press before the inner client's own prefix, if any.

        With the same prefix on both, the first press is for the server outside,
        whose d would detach the person's own client; the second one is handed on.
        """
        prefix = self.run("display-message", "-p", "-t", self.pane_id, "#{prefix}").strip()
        prefix = prefix.replace(",", "#,").replace("}", "#}")
        return f"#{{?#{{==:#{{prefix}},{prefix}}},{prefix} ,}}" if prefix else ""


def tell_around(text: str) -> None:
    """Show a message on the tmux client around us for a moment; without one there is no place for it."""
    outer = OuterTmux.detect()
    client = outer.client() if outer else ""
    if outer and client:
        outer.run("display-message", "-c", client, "-d", str(TOLD_MS), shown(f"FlowLoom: {text}"))


class Client:
    """A tmux client of a person's over our screen: in a popup, or on the terminal that we were given.

    `words` returns its command; it is given what another tmux around the
    terminal takes before the prefix, if any, and the client's columns and rows.
    """

    def __init__(self, words: Callable[[str, tuple[int, int]], list[str]]) -> None:
        self.outer = OuterTmux.detect()
        self._words = words
        self._in_popup = bool(self.outer and self.outer.client())
        self._process = self._begin()

    def _begin(self) -> subprocess.Popen[bytes]:
        again = self.outer.prefix_again() if self.outer and not self._in_popup else ""
        size = self.outer.client_size() if self.outer and self._in_popup else _terminal_size()
        self._script = _write(self._words(again, size))
        command = ["sh", self._script]
        if self._in_popup and self.outer:
            command = self.outer.popup(command)
        # The client draws on what its stdin is. Its stdout is for `[detached …]`, which would stand on Claude Code's
        # screen.
        return subprocess.Popen(command, env=reach.outside(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def over(self) -> bool:
        """Tell whether the person has come back."""
        if self._process.poll() is None:
            return False
        if self._in_popup and os.path.exists(self._script):
            # tmux took the popup and did not open it: one is open already, or there is no room.
            self._collect()
            self._in_popup = False
            self._process = self._begin()
            return False
        return True

    def wait(self) -> None:
        """Block until the person has come back."""
        while True:
            self._process.wait()
            if self.over():
                return

    def close(self) -> str:
        """End the client if it runs; return what it complained of."""
        if self._process.poll() is None:
            self._process.terminate()
        return self._collect()

    def _collect(self) -> str:
        _, said = self._process.communicate()
        with suppress(FileNotFoundError):
            os.unlink(self._script)
        return said.decode(errors="replace").strip()


class Visit:
    """One look of a person at a window, from its start to `end`.

    Raises:
        TmuxFailed: there is no such window, or it is the one that we are in.
    """

    def __init__(self, socket: str, window_id: str, terminal: Terminal | None, *, name: str = "") -> None:
        self._port = server.Tmux(socket)
        self._window_id = window_id
        self._session = f"{formats.VIEW}{os.getpid()}-visit"
        self._terminal = terminal
        self._name = name
        asked = ("display-message", "-p", "-t", window_id, "#{window_width}x#{window_height} #{socket_path}")
        found, _, self._size_option = self._port.run(
            *asked, ";", "show-options", "-wqv", "-t", window_id, "window-size"
        ).partition("\n")
        self._size, _, self._socket_path = found.partition(" ")
        if not self._socket_path or self._size == "x":
            raise TmuxFailed("its window is gone")
        outer = OuterTmux.detect()
        if outer and outer.socket_path == self._socket_path and outer.window_id() == window_id:
            raise TmuxFailed("it is in this very window, in another pane")
        self._sweep()
        if terminal:
            terminal.close()
        self._client = Client(lambda again, _: self._words(again, inside=outer is not None))

    def _sweep(self) -> None:
        """End what is left of visits whose program was killed: a session that no client shows."""
        for line in self._port.run("list-sessions", "-F", "#{session_attached} #{session_name}").splitlines():
            attached, _, session = line.partition(" ")
            found = re.fullmatch(rf"{formats.VIEW}(\d+)-visit", session)
            if attached == "0" and found and procs.ended(int(found.group(1))):
                self._port.end_session(session)

    def _words(self, again: str, *, inside: bool) -> list[str]:
        """Return the tmux command of the visit's client."""
        title = f"#[bold]{literal(self._name)}#[nobold]  " if self._name else ""
        place = "prompt" if self._terminal else "shell"
        back = f"{again}{PREFIX} {bound(self._port, 'detach-client', 'd')}: back to your {place}"
        target = f"={self._session}:"
        # Inside of tmux the client cannot ask its terminal for its colours; it has them.
        features = ["-T", "256,RGB"] if inside else []
        words = ["tmux", "-u", *features, "-S", self._socket_path, "new-session", "-s", self._session, "exec cat"]
        line = f" {title}{back}  #[reverse]#{{{NEWS}}}#[noreverse]"
        for option in (*LASTING, ("status", "on"), ("status-format[0]", line)):
            words += [";", "set-option", "-t", target, *option]
        # Its first window is a placeholder.
        return [*words, ";", "link-window", "-k", "-s", self._window_id, "-t", f"{target}^"]

    def over(self) -> bool:
        """Tell whether the person has come back."""
        return self._client.over()

    def wait(self) -> None:
        """Block until the person has come back."""
        self._client.wait()

    def tell(self, text: str) -> None:
        """Say something in the visit's status line, for as long as it lasts."""
        with suppress(TmuxFailed):  # it has just ended
            self._port.run("set-option", "-t", f"={self._session}:", NEWS, f"{literal(text)} ")

    def end(self) -> str:
        """End the visit if it lasts, and give the window its size back; return what tmux complained of."""
        # Its client ends with it, and the popup with its client.
        self._port.end_session(self._session)
        said = self._client.close()
        self._give_size_back()
        if self._terminal:
            self._terminal.open()
            self._terminal.read_keys()  # typed on the way: they were for the window
        return said

    def _give_size_back(self) -> None:
        target = ("-t", self._window_id)
        columns, _, rows = self._size.partition("x")
        was = self._size_option.strip()
        option = ["-w", *target, "window-size", was] if was else ["-w", "-u", *target, "window-size"]
        try:
            size = self._port.run("display-message", "-p", *target, "#{window_width}x#{window_height}").strip()
            if size not in ("", "x", self._size):
                # Resizing a window by hand makes its size manual, which it was not.
                self._port.run("resize-window", *target, "-x", columns, "-y", rows, ";", "set-option", *option)
        except TmuxFailed as error:
            if not reach.gone(error) and not reach.absent(error):
                raise


def bound(port: server.Tmux, command: str, default: str) -> str:
    """Return the key that the user has bound to a command behind the prefix, for a format."""
    with suppress(TmuxFailed):
        for line in port.run("list-keys", "-T", "prefix").splitlines():
            key, _, does = line.partition(" prefix ")[2].strip().partition(" ")
            if does.strip() == command:
                return literal(key.removeprefix("\\"))
    return default


def _terminal_size() -> tuple[int, int]:
    """Return columns and rows of our terminal, whatever COLUMNS and LINES were exported as."""
    with suppress(OSError):
        found = os.get_terminal_size(sys.stdin.fileno())
        return found.columns, found.lines
    return 80, 24


def _write(words: list[str]) -> str:
    """Write a script that runs a command and deletes itself at once; return its path."""
    state_folder.ensure()
    files.ensure_dir(state_folder.windows_dir())
    path = state_folder.window_script(os.urandom(16).hex())
    text = f'#!/bin/sh\nrm -f -- "$0"\nunset TMUX TMUX_PANE\nexec {shlex.join(words)}\n'
    files.write(path, text.encode("utf-8", "surrogateescape"), durable=False)
    return path
