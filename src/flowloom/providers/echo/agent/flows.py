"""Flows: what the session does one step at a time, each waiting for something of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

NEVER = float("inf")


class Wait:
    """What a flow waits for, and when to look again though nothing has happened."""

    def __init__(self, ready: Callable[[], bool], at: float = NEVER, every_s: float = NEVER) -> None:
        self.ready, self.at, self.every_s = ready, at, every_s


Flow = Generator[Wait, None, None]


def pause(seconds: float) -> Wait:
    """Wait for a time."""
    at = time.monotonic() + seconds
    return Wait(lambda: time.monotonic() >= at, at)


class Flows:
    """The flows under way, each with its wait."""

    def __init__(self) -> None:
        self.waits: dict[Flow, Wait] = {}

    def begin(self, flow: Flow) -> None:
        """Add a flow; it takes its first step in `advance`."""
        self.waits[flow] = pause(0)

    def advance(self) -> bool:
        """Let every flow whose wait is over run to its next one; say whether there was any."""
        moved = False
        for flow, wait in tuple(self.waits.items()):
            if flow in self.waits and wait.ready():
                moved = True
                try:
                    self.waits[flow] = next(flow)
                except StopIteration:
                    self.waits.pop(flow, None)
        return moved

    def drop(self, flow: Flow) -> None:
        """End a flow where it stands."""
        flow.close()
        self.waits.pop(flow, None)

    def clear(self) -> None:
        """Forget every flow."""
        self.waits.clear()

    def due(self, now: float) -> float:
        """Return the moment at which a flow wants to be looked at though nothing has happened."""
        return min((min(wait.at, now + wait.every_s) for wait in self.waits.values()), default=NEVER)
