"""The palette: from the call of the editor, on a prompt without a route, to its first frame."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import time
from pathlib import Path

from tests.support import old_tasks
from tests.support.world import EDITOR, World

from bench.ground import Ground, echo_world
from bench.measure import Row, alternate, compare

AGENTS = ["planning", "coding", "testing", "review"]
LIMIT_S = 10.0
ESCAPE = b"\x1b"
# What the first frame ends with: the keys below its list.
DRAWN = b" files"


def run(ground: Ground) -> list[Row]:
    """Open the palette again and again, with no agent, with four, and with many old tasks."""
    with echo_world() as world:
        none = alternate(ground.rounds(15), lambda: _first_frame_ms(world))[0]
        for name in AGENTS:
            world.start(name)
        four = alternate(ground.rounds(15), lambda: _first_frame_ms(world))[0]
        many = old_tasks.make(str(world.state), ground.old_tasks())
        world.flowloom("tasks")  # builds the index, once
        old = alternate(ground.rounds(15), lambda: _first_frame_ms(world))[0]
    return compare(
        [
            Row("palette", "first frame, no agent", "ms", none, bar={"value": 60.0}),
            Row("palette", "first frame, 4 agents", "ms", four, against="first frame, no agent", bar={"value": 60.0}),
            Row(
                "palette",
                f"first frame, {many:,} old tasks",
                "ms",
                old,
                against="first frame, 4 agents",
                bar={"value": 60.0},
            ),
        ]
    )


def _first_frame_ms(world: World) -> float:
    path = world.prompt_file("a draft without a route\n")
    began = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        _be_the_editor(world, path)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    shown = b""
    while DRAWN not in shown:
        drawn = _read(terminal, began)
        assert drawn, f"the editor ended without a palette: {shown!r}"
        shown += drawn
    took_ms = (time.monotonic() - began) * 1000
    os.write(terminal, ESCAPE)
    while _read(terminal, began):
        continue
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130, shown
    return took_ms


def _be_the_editor(world: World, path: Path) -> None:
    os.chdir(world.project)
    os.execve(EDITOR, [str(EDITOR), str(path)], {**os.environ, **world.environment, "FLOWLOOM_NO_ROUTE": ""})


def _read(terminal: int, began: float) -> bytes:
    """Return what the editor has drawn since, nothing once it has gone."""
    ready = select.select([terminal], [], [], began + LIMIT_S - time.monotonic())[0]
    assert ready, "the palette does not draw, or does not go"
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
