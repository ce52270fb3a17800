"""The prompt file of Claude Code: what stands in it, and the reply that goes into it."""

from __future__ import annotations

import os
import re

from flowloom import files, foreign, paths
from flowloom.errors import BadFile, FlowLoomError, UsageError
from flowloom.frame import heading
from flowloom.remarks import remarks, wrong_without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.records import Task

# Written by Claude Code when `externalEditorContext` is on, and taken off by it on save.
REFERENCE_START = "# ─── Claude's last response"
REFERENCE_END = "# ─── Write your reply below this line"
# A reply above this stands in the draft with its beginning and its path.
LIMIT_BYTES = 100_000
# What Claude Code shows for a long paste or an image. It writes the paste itself into the
# file (2.1.197 to 2.1.329), and nothing but this for an image; users saw it for pastes too.
PLACEHOLDER = r"\[Pasted text #\d+(?: \+\d+ lines)?\]|\[\.\.\.Truncated text #\d+[^\]]*\]|\[Image #\d+\]"


class FileChanged(FlowLoomError):
    """Another program changed or deleted the prompt file; `now` is what it holds, None where it is gone."""

    def __init__(self, message: str, now: bytes | None, *, hint: str = "") -> None:
        super().__init__(message, hint=hint or "a reply that waits: flowloom tasks --unread")
        self.now = now


def read(path: str) -> bytes:
    """Return what stands in a prompt file.

    Raises:
        UsageError: there is no such file; BadFile: it is no regular file, too large, or not readable.
    """
    raw = foreign.read(path, foreign.TEXT_BYTES)
    if raw is None:
        raise UsageError(f"there is no prompt file {path}", hint="Claude Code makes one on Ctrl-G")
    return raw


def text(raw: bytes) -> str:
    """Return the draft in a prompt file, without the block of Claude Code's last response.

    Bytes that are no UTF-8 come as surrogates, so that they can be written back.
    """
    text = raw.decode("utf-8", "surrogateescape")
    if text.startswith(REFERENCE_START):
        lines = text.split("\n")
        for number, line in enumerate(lines):
            if line.startswith(REFERENCE_END):
                return "\n".join(lines[number + 1 :])
            if not line.startswith("#"):
                break
    return text


def route(draft: str) -> tuple[str, str] | None:
    """Return the name after the first `@` and the prompt behind it, None where the first word is no route."""
    found = re.match(r"\s*@([A-Za-z0-9_.@/-]+?):?(?:\s+|$)", draft)
    if found is None or not re.fullmatch(rf"{paths.NAME}(@[a-z0-9_-]+)?", found.group(1)):
        return None
    return found.group(1), draft[found.end() :].rstrip("\n")


def consume_order(path: str) -> None:
    """Take the `.delegate` document beside a prompt file away, once its tasks are on disk."""
    try:
        os.unlink(f"{path}.delegate")
    except FileNotFoundError:
        return


def placeholder(prompt: str) -> str | None:
    """Return the first mark in a prompt that stands for text which is not there."""
    found = re.search(PLACEHOLDER, prompt)
    return found.group(0) if found else None


def with_reply(
    name: str, task: Task, prompt: str, reply: bytes, *, plain: bool = False, provisional: bool = False
) -> bytes:
    """Return what the draft becomes: the heading with its remarks, an empty line, the reply byte for byte.

    With `plain` only the remarks without which the reply would be taken for another one, if there are any.
    """
    task_id, cut = task["task_id"], reply
    if len(reply) > LIMIT_BYTES:
        cut = reply[:LIMIT_BYTES].rpartition(b"\n")[0] or reply[:LIMIT_BYTES]
        kept = f"{paths.task_dir(task_id)}/{'provisional' if provisional else 'reply'}.md"
        cut = cut.decode("utf-8", "ignore").encode() + f"\n\n[… {len(reply)} bytes in all: {kept}]".encode()
    said = (wrong_without if plain else remarks)(task, provisional=provisional)
    marks = f"[{'; '.join(said)}]" if said else ""
    line = marks if plain else f"{heading(name, task_id, prompt)} {marks}".rstrip()
    return (f"{line}\n\n".encode("utf-8", "replace") if line else b"") + cut


def write(path: str, data: bytes, was: bytes) -> None:
    """Replace the prompt file, which held `was` when it was read.

    Raises:
        FileChanged: it holds something else by now, or is gone; it is left as it is.
        FlowLoomError: it cannot be written; the draft is as it was.
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
        # Where a link leads to: it stays one, and a disk that is full costs no draft.
        files.write(os.path.realpath(path), data)
    except OSError as error:
        raise FlowLoomError(
            f"the prompt file {path} cannot be written: {error.strerror}",
            hint="the reply is kept: flowloom tasks --unread",
        ) from error
