"""A process of its own that waits for a task that was left: it delivers, watches, and outlives who asked."""

from __future__ import annotations

import os
import select
import sys

from flowloom import announce, bugs, coordinator, files, paths, tasks, waits
from flowloom.agents import Agent
from flowloom.clock import Deadline
from flowloom.errors import FlowLoomError, StateFailed, TmuxSilent
from flowloom.logs import log
from flowloom.settings import load

# How often a waiter looks whether a full disk has room again, and whether tmux answers.
MENDED_AGAIN_S = 5.0


def main() -> None:
    """Carry the task named by the first argument to its end; the second is the inherited place in line."""
    task_id, inherited = sys.argv[1], int(sys.argv[2])
    try:
        bugs.reported(lambda: carry(task_id, inherited), "waiter")
    except FlowLoomError as error:
        log(paths.home(), "error", "waiter", f"{type(error).__name__}: {error}", task=task_id)


def carry(task_id: str, inherited: int) -> int:
    """Wait until a task has ended, also past its provisional reply."""
    agent = Agent(tasks.read(task_id)["agent_dir"])
    settings = load(paths.project_root(agent.slug) or os.getcwd())
    settings.park_s = float("inf")
    carrier = coordinator.Carrier(task_id, settings, inherited=inherited)
    try:
        while True:
            try:
                waits.await_end(carrier, Deadline(None), lambda _: True)
                break
            except (StateFailed, TmuxSilent) as error:
                # Whoever could be told is gone. It goes on by itself when there is room again, or tmux is awake.
                log(paths.home(), "error", "waiter", str(error), task=task_id)
                select.select([], [], [], MENDED_AGAIN_S)
        task = tasks.read(task_id)
        if task["left"] and task["read"] is None:
            announce.announce(task, agent.status()["socket"])
    finally:
        carrier.close()
        files.wake(agent.directory)
    return 0


if __name__ == "__main__":
    main()
