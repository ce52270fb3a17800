"""The file in which an agent's program keeps the status of its session, found where that session runs now."""

from __future__ import annotations

import os

from flowloom.store import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from flowloom.providers.registry import Provider


class SessionFile:
    """The session file of an agent's program. `environment` returns the program's, which is read once a process."""

    def __init__(self, environment: Callable[[], dict[str, str]]) -> None:
        self._environment = environment
        self._pid = 0
        self._path = ""

    def read(self, provider: Provider, pid: int, session_id: str | None) -> tuple[str, int, str]:
        """Return what the file of the session says that a window shows, that session's process, and the file's path.

        The text is empty where there is no file.
        """
        if pid != self._pid:
            # The environment of a program is written down before its process is.
            self._pid, self._path = pid, provider.session.session_file(self._environment(), pid)
        path = self._path
        text = (files.read(path) or b"").decode(errors="replace")
        if text and provider.session.moved_to(text):
            path, pid = _moved(path, session_id) or (path, pid)
            text = (files.read(path) or b"").decode(errors="replace")
        return text, pid, path


def _moved(path: str, session_id: str | None) -> tuple[str, int] | None:
    """Return session file and process id of the session that the window shows, where it runs in another process."""
    folder = os.path.dirname(path)
    for name in os.listdir(folder):
        other = f"{folder}/{name}"
        if other != path and name[:-5].isdigit() and str(session_id).encode() in (files.read(other) or b""):
            return other, int(name[:-5])
    return None
