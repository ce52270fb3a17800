"""Bugs, which are all exceptions that are not our own errors: a report file, one sentence, exit 70."""

from __future__ import annotations

import itertools
import os
import sys
import time

from flowloom import __version__
from flowloom.errors import Bug, FlowLoomError
from flowloom.store import files, state_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


_NUMBERS = itertools.count()


def reported(run: Callable[[], int], where: str, tell: Callable[[str], object] | None = None) -> int:
    """Return what `run` returns. For a bug, write a report, `tell` its path (on stderr), and return 70.

    Raises:
        FlowLoomError: an expected failure, for the caller to show; a full disk is one too.
    """
    try:
        return run()
    except FlowLoomError:
        raise
    except Exception as error:
        known = state_folder.trouble(error) if isinstance(error, OSError) else None
        if known is not None:
            raise known from error
        bug = report(error, where)
        (tell or sys.stderr.write)(f"flowloom: {bug}\n")
        return bug.exit_code


def report(error: Exception, where: str) -> Bug:
    """Write a report of an exception that is being handled; return it as the error that names the report."""
    import traceback  # noqa: PLC0415 - 3 ms that only a failing Ctrl-G should pay

    text = (
        f"FlowLoom {__version__}, Python {sys.version.split()[0]}, {sys.platform}\n"
        f"in {where}: {' '.join(sys.argv[1:])}\n\n{traceback.format_exc()}"
    )
    path = _write(text)
    return Bug(f"a bug in FlowLoom ({type(error).__name__}: {error}); the report is in {path}")


def _write(text: str) -> str:
    number = next(_NUMBERS)
    again = f"-{number}" if number else ""
    path = state_folder.log_file(f"bug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}{again}.txt")
    try:
        files.ensure_dir(os.path.dirname(path))
        files.write(path, text.encode("utf-8", "replace"))
    except OSError:
        sys.stderr.write(text)
        return "the lines above (the state folder cannot be written)"
    return path
