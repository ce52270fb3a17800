"""Run a program of ours that dies, or fails, at one exact place: for faults that cannot be provoked from outside.

    python halting.py ACTION WHEN MODULE:NAME [WORDS] -- PROGRAM ARGUMENTS...

ACTION is `kill` (SIGKILL, as an OOM killer does), `stop` (SIGSTOP, once: it is as slow
as the test wants, until it sends SIGCONT) or `fail` (a bug of ours);
WHEN is `before` or `after` the call of MODULE:NAME whose arguments, printed,
hold WORDS. PROGRAM is `flowloom` or `editor`.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def halt(action: str) -> None:
    """Do what was asked for."""
    if action in ("kill", "stop"):
        os.kill(os.getpid(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)
        return
    raise RuntimeError("a bug, on request")


def install(action: str, when: str, target: str, words: str) -> None:
    """Wrap the function."""
    module, _, name = target.partition(":")
    owner: Any = importlib.import_module(module)
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    real: Callable[..., Any] = getattr(owner, last)
    halted = False

    def wrapped(*args: Any, **more: Any) -> Any:
        nonlocal halted
        meant = words in repr((args, more)) and not (halted and action == "stop")
        halted = halted or meant
        if meant and when == "before":
            halt(action)
        value = real(*args, **more)
        if meant and when == "after":
            halt(action)
        return value

    setattr(owner, last, wrapped)
    # Where it was imported by its name already.
    for loaded in [one for one in sys.modules.values() if one.__name__.startswith("flowloom")]:
        for known in [known for known, value in vars(loaded).items() if value is real]:
            setattr(loaded, known, wrapped)


def main() -> None:
    """Install the fault and run the program."""
    cut = sys.argv.index("--")
    action, when, target, *words = sys.argv[1:cut]
    install(action, when, target, words[0] if words else "")
    program = sys.argv[cut + 1]
    sys.argv = sys.argv[cut + 1 :]
    importlib.import_module({"flowloom": "flowloom.cli", "editor": "flowloom.editor.main"}[program]).main()


main()
