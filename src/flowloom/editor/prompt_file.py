"""Claude Code's prompt file: read the draft, write the reply."""

from __future__ import annotations

import os

from flowloom.errors import BadFile, FlowLoomError, UsageError
from flowloom.store import files, foreign, layout
from flowloom.tasks.frame import heading
from flowloom.tasks.remarks import remarks, wrong_without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.tasks.record import Task

# Of a larger reply, only the beginning and the path go into the draft.
LIMIT_BYTES = 100_000


class FileChanged(FlowLoomError):
    """Another program changed or deleted the prompt file; `now` is its content, None if it is gone."""

    def __init__(self, message: str, now: bytes | None, *, hint: str = "") -> None:
        super().__init__(message, hint=hint or "a reply that waits: flowloom tasks --unread")
        self.now = now


def read(path: str) -> bytes:
    """Return the content of a prompt file.

    Raises:
        UsageError: there is no such file; BadFile: it is not a regular file, too large, or not readable.
    """
    raw = foreign.read(path, foreign.TEXT_BYTES)
    if raw is None:
        raise UsageError(f"there is no prompt file {path}", hint="Claude Code makes one on Ctrl-G")
    return raw


def consume_order(path: str) -> None:
    """Remove the `.delegate` document next to a prompt file, once its tasks are on disk."""
    try:
        os.unlink(f"{path}.delegate")
    except FileNotFoundError:
        return


def with_reply(
    name: str, task: Task, prompt: str, reply: bytes, *, plain: bool = False, provisional: bool = False
) -> bytes:
    """Return the new draft: the heading with its remarks, an empty line, the reply byte for byte.

    With `plain`, the heading is left out, and only remarks that the reply would mislead without are kept; the others
    are for the caller to tell (`remarks.beside`).
    """
    task_id, cut = task["task_id"], reply
    if len(reply) > LIMIT_BYTES:
        cut = reply[:LIMIT_BYTES].rpartition(b"\n")[0] or reply[:LIMIT_BYTES]
        kept = layout.provisional(task_id) if provisional else layout.reply(task_id)
        cut = cut.decode("utf-8", "ignore").encode() + f"\n\n[… {len(reply)} bytes in all: {kept}]".encode()
    said = (wrong_without if plain else remarks)(task, provisional=provisional)
    marks = f"[{'; '.join(said)}]" if said else ""
    line = marks if plain else f"{heading(name, task_id, prompt)} {marks}".rstrip()
    return (f"{line}\n\n".encode("utf-8", "replace") if line else b"") + cut


def write(path: str, data: bytes, was: bytes) -> None:
    """Replace the prompt file, whose content was `was` when it was read.

    Raises:
        FileChanged: its content has changed, or it is gone; it is left alone.
        FlowLoomError: it cannot be written; the draft is unchanged.
    """
    try:
        now = foreign.read(path, foreign.TEXT_BYTES)
    except BadFile as error:
        raise FileChanged(f"the prompt file changed while you waited: {error}", None) from error
    if now is None:
        raise FileChanged(f"the prompt file {path} was deleted while you waited", None)
    if now != was:
        raise FileChanged(f"the prompt file {path} changed while you waited; nothing was overwritten", now)
    try:
        # Write to a link's target: the link stays a link, and a full disk leaves the draft intact. Without waiting for
        # the disk (3 ms): the prompt and its reply are on it, and a power cut ends Claude Code and its draft anyway.
        files.write(os.path.realpath(path), data, durable=False)
    except OSError as error:
        raise FlowLoomError(
            f"the prompt file {path} cannot be written: {error.strerror}",
            hint="the reply is kept: flowloom tasks --unread",
        ) from error
