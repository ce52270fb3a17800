"""The log, one JSON object a line, for events that no command could show."""

from __future__ import annotations

import os
import time

from flowloom.store import files, layout

# One old file is kept.
LIMIT_BYTES = 5_000_000


def log(level: str, where: str, message: str, **fields: object) -> None:
    """Add a line to `log/flowloom.jsonl`; if that fails, do nothing.

    The log is the last place a failure can go to, so its own failure has none.
    """
    import json  # noqa: PLC0415 - 7 ms with `re` of every hook call, and few have anything to log

    path = layout.log()
    line = {"at": round(time.time(), 3), "level": level, "where": where, "pid": os.getpid(), "message": message}
    try:
        files.ensure_dir(os.path.dirname(path))
        if os.path.exists(path) and os.path.getsize(path) > LIMIT_BYTES:
            os.replace(path, f"{path}.1")
        files.append(path, json.dumps({**line, **fields}, ensure_ascii=True, default=str))
    except OSError:
        return
