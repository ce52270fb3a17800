"""What must not be left when everything has ended: processes, locks, pipes, temporary files."""

from __future__ import annotations

import os
import signal

import psutil
from tests.support.warm import Warm
from tests.support.world import World


def processes(world: World) -> list[str]:
    """Return the command lines of this world's processes that do not belong to its tmux server."""
    found = [str(begun.args) for begun in world.started if isinstance(begun, Warm) and begun.poll() is None]
    for process in psutil.process_iter():
        try:
            if process.environ().get("FLOWLOOM_HOME") != str(world.state):
                continue
            family = [process, *process.parents()]
            if process.status() != psutil.STATUS_ZOMBIE and not any("tmux" in one.name() for one in family):
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def files(world: World) -> list[str]:
    """Return the files of this world that only a running command or a crash can have left."""
    left = [*world.state.rglob("*.tmp"), *world.state.glob("agents/*/*/wake/*"), *world.state.glob("agents/*/*/line/*")]
    left += world.state.glob("tasks/*/wake")
    left += [*world.state.glob("agents/*/*/spool/*"), *world.state.glob("agents/*/*/launch")]
    return sorted(str(path.relative_to(world.state)) for path in left)


def check(world: World, *, after_kill: bool = False) -> None:
    """Wait until nothing is left; fail with what is. A kill (-9) in the middle of a write leaves its temporary file."""

    def left() -> list[str]:
        return [path for path in files(world) if not ((after_kill or world.killed) and path.endswith(".tmp"))]

    world.until(lambda: not processes(world), f"no process is left: {processes(world)}", 10)
    world.until(lambda: not left(), f"no file is left: {left()}", 5)


def waiter(world: World, task_id: str) -> int:
    """Return the detached process that waits for a task, which must be there."""
    return int(world.until(lambda: waiters(task_id), "a waiter")[0])


def waiters(task_id: str) -> list[int]:
    """Return the detached processes that wait for a task."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if "flowloom.delegation.waiter" in words and task_id in words:
            found.append(process.pid)
    return found


def kill_waiter(world: World, task_id: str) -> None:
    """Kill (-9) the detached process that waits for a task, which must be there."""
    world.killed = True
    for pid in world.until(lambda: waiters(task_id), "a waiter"):
        os.kill(pid, signal.SIGKILL)
    # The kernel takes its command line away before its locks.
    world.until(lambda: not waiters(task_id) and not world.waited_for(task_id))
