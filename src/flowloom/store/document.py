"""JSON documents that other processes replace, parsed once for each content that they get."""

from __future__ import annotations

import os
import time

from flowloom.store import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


# The time of a file moves in ticks of up to 10 ms, and a file that is gone gives its number to the next one. A file
# that is not older than this when it is read may be replaced by another one that looks the same: it is read again.
YOUNG_NS = 12_000_000


class Document:
    """The document at `path`, as it is now.

    Every writer makes a new file and renames it (`files.write`), so a file that is
    still the same one has not changed. `check` may bring what was read up to date.
    """

    __slots__ = ("_check", "_content", "_is", "_raw", "path")

    def __init__(self, path: str, check: Callable[[dict[str, Any], str], object] | None = None) -> None:
        self.path = path
        self._check = check
        self._is: tuple[int, int, int] | None = None
        self._raw: bytes | None = None
        self._content: dict[str, Any] | None = None

    def read(self) -> dict[str, Any] | None:
        """Return a copy of the object, or None if there is no file.

        Raises:
            DamagedFile: it cannot be read, is not a JSON object, or `check` refuses it.
        """
        try:
            found = os.stat(self.path)
        except OSError:
            found = None  # `read_state` tells absent from unreadable
        same = (found.st_ino, found.st_mtime_ns, found.st_size) if found else None
        if found is None or same != self._is:
            raw = files.read_state(self.path)
            if raw is None or raw != self._raw:
                self._raw = self._is = None
                self._content = None if raw is None else files.parsed(raw, self.path)
                if self._content is not None and self._check is not None:
                    self._check(self._content, self.path)
                self._raw = raw
            self._is = same if found and time.time_ns() - found.st_mtime_ns >= YOUNG_NS else None
        return None if self._content is None else copied(self._content)

    def write(self, content: Mapping[str, Any]) -> None:
        """Replace the object; it is not parsed again where no other process replaces it."""
        self._raw = self._is = None
        raw = files.write_json(self.path, content)
        self._raw, self._content = raw, copied(content)


class Documents:
    """The documents of one kind that this process has used last, by their paths."""

    LIMIT = 16

    def __init__(self, check: Callable[[dict[str, Any], str], object]) -> None:
        self._check = check
        self._known: dict[str, Document] = {}

    def read(self, path: str) -> dict[str, Any] | None:
        """Return a copy of the object at a path, or None if there is no file.

        Raises:
            DamagedFile: as `Document.read` does.
        """
        return self._at(path).read()

    def write(self, path: str, content: Mapping[str, Any]) -> None:
        """Replace the object at a path."""
        self._at(path).write(content)

    def _at(self, path: str) -> Document:
        known = self._known.pop(path, None)
        if known is None:
            known = Document(path, self._check)
        self._known[path] = known
        if len(self._known) > self.LIMIT:
            del self._known[next(iter(self._known))]
        return known


def copied(value: Any) -> Any:
    """Return a copy of a JSON value; no part of it is shared."""
    if isinstance(value, dict):
        return {key: copied(each) for key, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list) else value
