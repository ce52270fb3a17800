"""Run `flowloom` with the words after the first one; write the modules that it had loaded at its end to that path."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flowloom.cli import main

path, leave = Path(sys.argv.pop(1)), os._exit


def tell(code: int) -> None:
    path.write_text("\n".join(sys.modules))
    leave(code)


os._exit = tell  # type: ignore[assignment]
main()
