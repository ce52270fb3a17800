"""Run `flowloom` with a clock that a test moves: `ahead.py FILE ARGUMENTS…`.

FILE holds the seconds that its clock is ahead of the machine's. What a wait does after
five seconds is seen at once then, on a machine of any speed. FILE.read grows by a byte
each time the clock is read, so a test knows when the move was met. Processes that it
starts (agents, waiters, hooks) have the machine's own clock.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace

from flowloom import clock
from flowloom.cli import main


def ahead_s(path: Path) -> float:
    seconds = float(path.read_text()) if path.exists() else 0.0
    with path.with_suffix(".read").open("ab") as stream:
        stream.write(b".")
    return seconds


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    moved = SimpleNamespace(
        time=lambda: time.time() + ahead_s(file),
        monotonic=lambda: time.monotonic() + ahead_s(file),
        sleep=time.sleep,  # noqa: TID251 - what a clock of ours pauses by
    )
    vars(clock)["time"] = moved
    main()
