"""Files that other programs or people wrote: in a project, next to a prompt, in Claude Code's folder.

Reading one never blocks.
"""

from __future__ import annotations

import json
import os
import stat

from flowloom.errors import BadFile
from flowloom.store.files import damaged

# Limits for files that people write, for files that programs keep, and for texts that are passed on.
CONFIG_BYTES = 1_000_000
STATE_BYTES = 64_000_000
TEXT_BYTES = 64_000_000

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read(path: str, limit_bytes: int) -> bytes | None:
    """Return the bytes of a regular file, or None if there is no file.

    A link is followed, and its target is checked. A growing file is read no further than the limit.

    Raises:
        BadFile: it is not a regular file, holds more than `limit_bytes`, or cannot be read; names it.
    """
    try:
        # Check before opening too: opening a device can have effects, and opening a pipe waits for its writer.
        _refuse_other_kinds(path, os.stat(path).st_mode)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as stream:
            now = os.fstat(descriptor)
            _refuse_other_kinds(path, now.st_mode)
            chunks, left = [], limit_bytes + 1
            while now.st_size <= limit_bytes and left and (chunk := stream.read(min(left, 1 << 20))):
                chunks.append(chunk)
                left -= len(chunk)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = error.strerror if isinstance(error, OSError) else error
        raise BadFile(f"{path} cannot be read: {why}", hint=f"check its owner and mode: ls -ldL {path}") from error
    if now.st_size > limit_bytes or not left:
        raise BadFile(f"{path} holds more than {limit_bytes} bytes", hint="make it smaller, or move it away")
    return b"".join(chunks)


def _refuse_other_kinds(path: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise BadFile(f"{path} is {kind}, not a regular file", hint=f"see what it is: ls -ldL {path}")


def read_json(path: str, limit_bytes: int) -> dict[str, object] | None:
    """Return the JSON object in a regular file, or None if there is no file.

    Raises:
        BadFile: as `read` does.
        DamagedFile: it is not a JSON object.
    """
    raw = read(path, limit_bytes)
    if raw is None:
        return None
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from error
    if not isinstance(document, dict):
        raise damaged(path, "not a JSON object")
    return document


def read_all(paths: list[str], limit_bytes: int) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the bytes of the files that exist, by their paths, and why the others cannot be read.

    A path that ends in `/*.json` stands for each such file of that folder, in the order of their names.
    """
    found: dict[str, bytes] = {}
    bad: dict[str, str] = {}
    for path in (each for wanted in paths for each in expanded(wanted)):
        try:
            raw = read(path, limit_bytes)
        except BadFile as error:
            bad[path] = str(error)
        else:
            found.update({} if raw is None else {path: raw})
    return found, bad


def expanded(path: str) -> list[str]:
    """Return the files that a path stands for, see `read_all`.

    Not by `glob`, which loads three modules on the way to every Ctrl-G.
    """
    folder, star, suffix = path.partition("/*")
    if not star or suffix != ".json":
        return [path]
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [f"{folder}/{name}" for name in sorted(names) if name.endswith(suffix) and not name.startswith(".")]
