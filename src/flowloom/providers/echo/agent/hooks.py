"""Hook commands: which of them an event has, and one of them while it runs."""

from __future__ import annotations

import json
import os
import re
import signal
import time

from flowloom.providers.echo.agent.flows import NEVER

TYPE_CHECKING = False  # `typing` alone would cost a tenth of the start
if TYPE_CHECKING:
    from typing import Any

# What a hook's `matcher` is held against; an event that is not here has none.
SUBJECTS = {
    "SessionStart": "source", "SessionEnd": "reason", "StopFailure": "error",
    "PermissionRequest": "tool_name", "PostToolUse": "tool_name",
}  # fmt: skip  # fmt: skip
HOOK_LIMIT_S = 60.0


def read_settings(path: str | None) -> dict[str, Any]:
    """Return the hooks of a settings file: event → groups."""
    if not path:
        return {}
    with open(path, encoding="utf-8") as file:
        return dict(json.load(file).get("hooks", {}))


def commands(hooks: dict[str, Any], event: str, subject: str | None) -> list[tuple[str, float]]:
    """Return an event's commands whose matcher fits, each with its limit in seconds."""
    matching = [
        hook
        for group in hooks.get(event, [])
        if subject is None or group.get("matcher") in (None, "", "*") or re.fullmatch(group["matcher"], subject)
        for hook in group["hooks"]
        if hook["type"] == "command"
    ]
    return [(hook["command"], float(hook.get("timeout", HOOK_LIMIT_S))) for hook in matching]


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
