"""Bugs, which are all exceptions that are not our own errors: a report file, one sentence, exit 70."""

from __future__ import annotations

import os
import sys
import time

from flowloom import __version__
from flowloom.errors import FlowLoomError
from flowloom.store import files, layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_CODE = 70


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
        known = layout.trouble(error) if isinstance(error, OSError) else None
        if known is not None:
            raise known from error
        import traceback  # noqa: PLC0415 - 3 ms that only a failing Ctrl-G should pay

        text = (
            f"FlowLoom {__version__}, Python {sys.version.split()[0]}, {sys.platform}\n"
            f"in {where}: {' '.join(sys.argv[1:])}\n\n{traceback.format_exc()}"
        )
        path = _write(text)
        said = f"flowloom: a bug in FlowLoom ({type(error).__name__}: {error}); the report is in {path}\n"
        (tell or sys.stderr.write)(said)
        return EXIT_CODE


def _write(text: str) -> str:
    path = f"{layout.home()}/log/bug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        files.ensure_dir(os.path.dirname(path))
        files.write(path, text.encode("utf-8", "replace"))
    except OSError:
        sys.stderr.write(text)
        return "the lines above (the state folder cannot be written)"
    return path
