"""A command that waits for several tasks gives all of them back, whatever giving one back raises."""

from __future__ import annotations

from typing import Any

import pytest

from flowloom.cli import wait
from flowloom.delegation import handover, loop, upgrade
from flowloom.editor import main
from flowloom.errors import LockHeld
from flowloom.tasks import store as tasks


class Carried:
    """A task's runner that notes that it was closed, and cannot write that down."""

    def __init__(self, task_id: str, closed: list[str]) -> None:
        self.task_id = task_id
        self.closed = closed
        self.shows_window = False

    def close(self) -> None:
        self.closed.append(self.task_id)
        raise LockHeld("planning@site is locked")


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(wait, "_runner", lambda task_id: Carried(task_id, found))
    monkeypatch.setattr(loop, "open_runner", lambda task_id, *_: Carried(task_id, found))
    return found


def test_wait_closes_all(closed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "read", lambda task_id: task_id)
    monkeypatch.setattr(upgrade, "replace_waiters", list)
    monkeypatch.setattr(wait, "wait_for", lambda *_, **__: [])
    with pytest.raises(LockHeld):
        wait.wait(("7k2m", "8k2m"), any_of=False, timeout=None, as_json=False)
    assert sorted(closed) == ["7k2m", "8k2m"]


def test_ctrl_g_closes_all(closed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    exchange: Any = main.Exchange.__new__(main.Exchange)
    exchange.parts = [("planning", "a"), ("review", "b")]
    exchange.settings = type("Settings", (), {"timeout_s": None})
    exchange.screen = exchange.signals = None
    sent: Any = [{"task_id": "7k2m"}, {"task_id": "8k2m"}]

    def await_ends(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(exchange, "_await", await_ends)
    with pytest.raises(LockHeld):
        exchange._carry(sent)
    assert sorted(closed) == ["7k2m", "8k2m"]


@pytest.mark.parametrize("hint", ["", "continue it"])
def test_a_task_that_is_not_carried_yet_is_named(monkeypatch: pytest.MonkeyPatch, hint: str) -> None:
    def held(*_: object) -> None:
        raise LockHeld("the line of planning@site is locked by another process", hint=hint)

    settings: Any = None
    monkeypatch.setattr(loop, "Runner", held)
    monkeypatch.setattr(handover, "without_place", lambda _: None)
    with pytest.raises(LockHeld) as error:
        loop.open_runner("7k2m", settings)
    assert error.value.hint == f"{hint}{'; ' if hint else ''}the task is kept: flowloom wait 7k2m"
