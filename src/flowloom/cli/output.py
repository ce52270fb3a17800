"""What the commands print: harmless on a terminal, exact in a pipe, and a full disk behind it is named as such."""

from __future__ import annotations

import io
import json
import sys

from flowloom.errors import FlowLoomError, OutputFailed
from flowloom.terminal import text


class Output(io.TextIOWrapper):
    """stdout or stderr of a command.

    On a terminal every control character but newline, tab and colours is shown instead of obeyed, so that
    no face can forget it; text of others goes through `theirs`, which takes their colours too. What UTF-8
    cannot hold is escaped as JSON spells it. A face that moves the cursor says so with `draw`.
    """

    def __init__(self, stream: io.TextIOWrapper, name: str) -> None:
        super().__init__(
            stream.buffer,
            encoding=stream.encoding,
            errors="backslashreplace",
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        self._called = name
        self._behind = stream  # which would close the descriptor when it goes
        self._terminal = self.isatty()

    def write(self, words: str) -> int:
        """Write text, made visible on a terminal.

        Raises:
            OutputFailed: nothing takes it.
        """
        return self.draw(text.visible(words, colours=True) if self._terminal else words)

    def draw(self, words: str) -> int:
        """Write text of our own that moves the cursor."""
        try:
            return super().write(words)
        except OSError as error:
            self._failed(error)
            return len(words)

    def put(self, data: bytes) -> None:
        """Write bytes as they are, behind what was written before."""
        self.flush()
        try:
            self.buffer.write(data)
        except OSError as error:
            self._failed(error)

    def flush(self) -> None:
        """Hand on what was written.

        Raises:
            OutputFailed: nothing takes it.
        """
        try:
            super().flush()
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        """Say that stdout cannot be written; without stderr no one can be told, and the work itself continues."""
        if self._called == "stdout":
            raise OutputFailed(f"stdout cannot be written: {error.strerror}") from error


def guard() -> None:
    """Put an Output in the place of stdout and stderr, for the rest of the process."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and not isinstance(stream, Output):
            setattr(sys, name, Output(stream, name))


def put(reply: bytes) -> None:
    """Print a text of an agent's: byte for byte in a pipe; on a terminal visible, and with a newline at its end."""
    if isinstance(sys.stdout, Output) and not sys.stdout.isatty():
        sys.stdout.put(reply)
    elif reply:
        shown = text.visible(reply.decode("utf-8", "replace"))
        sys.stdout.write(shown if shown.endswith("\n") else f"{shown}\n")
    sys.stdout.flush()


def print_line(words: str = "") -> None:
    """Print a line, at once."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def print_json(document: object) -> None:
    """Print a JSON document; bytes of a path that are no UTF-8 stay in it, and stdout escapes them."""
    print_line(json.dumps(document, ensure_ascii=False, indent=1))


def say(error: FlowLoomError) -> None:
    """Tell an error and what to do next, on stderr."""
    sys.stderr.write(theirs(f"flowloom: {error}\n"))
    if error.hint:
        sys.stderr.write(theirs(f"  {error.hint}\n"))


def theirs(words: str) -> str:
    """Return a text of others as it may stand in a line of ours on stderr or stdout."""
    return text.visible(words)
