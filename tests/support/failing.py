"""Run `flowloom` or the editor with one function of the standard library failing, as a file system makes it fail.

    python failing.py ERRNO MODULE:NAME -- PROGRAM ARGUMENTS...

For file systems that cannot be mounted here: without pipes (FAT, some network
shares) or without locks (NFS whose lock daemon is away).
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import Any


def main() -> None:
    """Install the fault and run the program."""
    number, (module, name) = getattr(errno, sys.argv[1]), sys.argv[2].split(":")

    def failing(*args: Any, **more: Any) -> Any:
        raise OSError(number, os.strerror(number))

    setattr(importlib.import_module(module), name, failing)
    program = sys.argv[4]
    sys.argv = sys.argv[4:]
    importlib.import_module({"flowloom": "flowloom.cli", "editor": "flowloom.editor.main"}[program]).main()


main()
