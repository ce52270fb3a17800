"""A JSON document that other processes replace, parsed once for each file that takes its place."""

from __future__ import annotations

import os
import time

from flowloom.store import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


# The time of a file moves in ticks of up to 10 ms, and a file that is gone gives its number to the next one. A file
# that is not older than this when it is read may be replaced by another one that looks the same.
YOUNG_NS = 12_000_000


class Document:
    """The document at `path`, as it is now.

    Every writer makes a new file and renames it (`files.write`), so a file that is
    still the same one has not changed. `check` may bring what was read up to date.
    """

    __slots__ = ("_check", "_content", "_is", "path")

    def __init__(self, path: str, check: Callable[[dict[str, Any], str], object] | None = None) -> None:
        self.path = path
        self._check = check
        self._is: tuple[int, int, int] | None = None
        self._content: dict[str, object] | None = None

    def read(self) -> dict[str, object] | None:
        """Return a copy of the object, or None if there is no file.

        Raises:
            DamagedFile: it cannot be read, is not a JSON object, or `check` refuses it.
        """
        try:
            found = os.stat(self.path)
        except OSError:
            self._is = None
            return files.read_json(self.path)  # which tells absent from unreadable
        same = (found.st_ino, found.st_mtime_ns, found.st_size)
        if same != self._is:
            content = files.read_json(self.path)
            if content is not None and self._check is not None:
                self._check(content, self.path)
            young = time.time_ns() - found.st_mtime_ns < YOUNG_NS
            self._is, self._content = None if young else same, content
        return None if self._content is None else copied(self._content)


def copied(value: Any) -> Any:
    """Return a copy of a JSON value; no part of it is shared."""
    if isinstance(value, dict):
        return {key: copied(each) for key, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list) else value
