"""Files by their age: which are old or were left behind, and their removal."""

from __future__ import annotations

import os
import time

SWEPT_AFTER_S = 60.0


def older(directory: str, before: float) -> list[str]:
    """Return the files of a directory that were last changed before this time; links and folders are none."""
    found = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                try:
                    if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < before:
                        found.append(entry.path)
                except FileNotFoundError:
                    continue
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(found)


def remove(directory: str, before: float) -> list[str]:
    """Remove the files of a directory that were last changed before this time; return their paths."""
    removed = []
    for path in older(directory, before):
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue  # another process removed it
        removed.append(path)
    return removed


def sweep(directory: str) -> list[str]:
    """Remove the temporary files of killed processes from a directory; return their paths.

    A file goes only if its process is gone and it is over a minute old: in a container
    or over a network, the process id in its name may belong to a process we cannot see.
    """
    swept = []
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    for name in names:
        stem, _, pid = name.removesuffix(".tmp").rpartition(".")
        path = f"{directory}/{name}"
        if not (stem and name.endswith(".tmp") and pid.isdecimal()) or _runs(int(pid)):
            continue
        try:
            if abs(time.time() - os.lstat(path).st_mtime) > SWEPT_AFTER_S:
                os.unlink(path)
                swept.append(path)
        except OSError:
            continue
    return swept


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
