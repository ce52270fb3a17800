"""What a Ctrl-G or a hook call does not load, of the standard library: it takes milliseconds and has a cheaper way."""

from __future__ import annotations

SLOW = {"typing", "glob", "fnmatch", "dataclasses", "inspect", "tempfile", "shutil", "random", "hashlib", "logging"}
SLOW |= {
    "asyncio",
    "socket",
    "datetime",
    "pathlib",
    "urllib.parse",
    "argparse",
    "tomllib",
    "unicodedata",
    "uuid",
    "platform",
    "difflib",
    "pty",
}
# And what a hook call can do without: 3 to 4 ms each.
SLOW_IN_A_HOOK = SLOW | {"enum", "re", "json", "collections", "functools", "contextlib"}
