"""A wake-up pipe with the wait for it: what every process that waits for an agent or a task uses."""

from __future__ import annotations

import select

from flowloom.store import files


def pause(seconds: float) -> None:
    """Block for a time, where nothing rings when it is time to look again."""
    select.select([], [], [], seconds)


class Bell:
    """Wakes its process when something changes in `directory`; `fd` is readable then."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.fd, self.path = files.open_wake(directory)

    def wait(self, limit_s: float | None) -> None:
        """Block until something has changed, at most `limit_s`."""
        select.select([self.fd], [], [], limit_s)
        self.drain()

    def drain(self) -> None:
        """Make `fd` wait for the next change; look at the directory only after that."""
        files.drain_wake(self.fd)

    def close(self) -> None:
        """Take the pipe away."""
        files.close_wake(self.fd, self.path)
