"""Files by their age: which are old, and their removal."""

from __future__ import annotations

import os


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
