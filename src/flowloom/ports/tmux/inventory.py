"""What runs on a tmux server, for a command that may take its time; by libtmux, whose import takes longer than that.

What somebody waits for is in `server.py` (docs/decisions/0002).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from libtmux import Server
from libtmux.exc import LibTmuxException

from flowloom.errors import TmuxUnreachable
from flowloom.ports.tmux.formats import LIST, Window
from flowloom.ports.tmux.reach import TmuxSocket, absent, gone

if TYPE_CHECKING:
    from collections.abc import Iterator


class Inventory:
    """One tmux server, by the name of its socket or by the socket's path."""

    def __init__(self, socket: str) -> None:
        self._socket = TmuxSocket(socket)
        self._server = Server(socket_path=socket) if "/" in socket else Server(socket_name=socket)

    def windows(self) -> list[Window]:
        """Return all windows that we opened on this server; none where it has no session.

        Raises:
            TmuxUnreachable: also where there is no server: what had windows there may run.
        """
        with _outside():
            lines = self._command("list-panes", "-a", "-F", LIST)
        return [each for each in map(Window, lines) if each.is_ours]

    def end(self) -> None:
        """End a server of our own making, with all that runs in it, and remove its socket."""
        with _outside():
            self._command("kill-server")
        try:
            os.unlink(self._socket.path())
        except FileNotFoundError:
            pass

    def _command(self, *command: str) -> list[str]:
        """Run a command and return its lines; none where what it is about is gone.

        Raises:
            TmuxFailed: with what tmux said.
        """
        try:
            answer = self._server.cmd(*command)
        except LibTmuxException as error:
            said = str(error) or "tmux is not installed"
            raise TmuxUnreachable(f"tmux {command[0]}: {said}", hint=self._socket.hint()) from error
        if not answer.returncode:
            return list(answer.stdout)
        failed = self._socket.refused(command[0], " ".join(answer.stderr))
        if gone(failed) or (absent(failed) and command[0] == "kill-server"):
            return []
        raise failed


@contextmanager
def _outside() -> Iterator[None]:
    """Hide the tmux that we may run in, which libtmux would hand on to its commands."""
    kept = {name: os.environ.pop(name) for name in ("TMUX", "TMUX_PANE") if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
