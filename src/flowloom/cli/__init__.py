"""The command line: which module holds each command, and what every call of `flowloom` does first and last.

Everything else is loaded by name once it is known what was typed: `--version` needs no parser, and no command needs
the modules of another one.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from typing import NoReturn

from flowloom import __version__
from flowloom.cli import output
from flowloom.errors import OutputFailed

# The module that holds each command, as a new user meets them: set up, ask, look at agents, tidy up.
COMMANDS = {
    "setup": "setup",
    "doctor": "doctor",
    "ask": "ask",
    "wait": "wait",
    "reply": "reply",
    "tasks": "tasks",
    "show": "show",
    "cancel": "cancel",
    "status": "status",
    "start": "start",
    "agents": "agents",
    "attach": "attach",
    "logs": "logs",
    "restart": "restart",
    "stop": "stop",
    "config": "config",
    "trust": "trust",
    "clean": "clean",
}


def main() -> NoReturn:
    """Run the command line and exit with its outcome."""
    gc.disable()  # to look for cycles among what is being loaded takes 4 ms; the parser turns it on again
    _open_streams()
    output.guard()
    sys.argv[1:] = words = _plain(sys.argv[1:])
    if os.environ.get("_FLOWLOOM_COMPLETE"):
        _leave(importlib.import_module("flowloom.cli.completion").run())
    if words[:1] == ["--version"]:
        sys.stdout.write(f"flowloom {__version__}\n")
        _leave(0)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # As Ctrl-C: a command that waits leaves its task to a waiter. Under nohup a hang-up stays ignored.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    _leave(importlib.import_module("flowloom.cli.program").run(words))


def _open_streams() -> None:
    """Open the null device for what the caller has closed with `>&-`; the next file would take its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            stream = open(number, "w" if number else "r", encoding="utf-8")  # noqa: SIM115 - for as long as we run
            setattr(sys, name, stream)


def _plain(words: list[str]) -> list[str]:
    """Return the words with `help` and `version`, as other programs have them, in the form of options."""
    if words[:1] == ["help"]:
        return [*words[1:], "--help"]
    return ["--version"] if words == ["version"] else words


def _leave(code: int) -> NoReturn:
    """Exit without the interpreter's tidying up of all that was loaded, 10 to 30 ms of every command."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OutputFailed as error:
            # The command itself has told it already where it met it.
            if code == 0:
                output.say(error)
            code = code or error.exit_code
    os._exit(code)
