"""The port to git."""

from __future__ import annotations

import os

from flowloom.errors import BadFile
from flowloom.store import foreign

# Enough for one path, as git writes it.
POINTER_BYTES = 10_000


def project_root(directory: str) -> str:
    """Return the main checkout that `directory` belongs to, or the directory itself.

    A worktree belongs to the checkout that it was made from. This reads git's own
    files: a `git rev-parse` would cost every Ctrl-G 4 ms.
    """
    place = start = os.path.realpath(directory)
    while True:
        dot_git = f"{place}/.git"
        if os.path.isdir(dot_git):
            return place
        pointer = _pointer(dot_git) if os.path.lexists(dot_git) else None
        if pointer and pointer.startswith(b"gitdir: "):
            return _main_checkout(place, os.fsdecode(pointer[len(b"gitdir: ") :].strip()))
        parent = os.path.dirname(place)
        if parent == place:
            return start
        place = parent


def _main_checkout(worktree: str, git_dir: str) -> str:
    git_dir = os.path.normpath(os.path.join(worktree, git_dir))
    common = _pointer(f"{git_dir}/commondir")
    if common is None:
        return worktree  # a submodule is a separate project
    common_dir = os.path.normpath(os.path.join(git_dir, os.fsdecode(common.strip())))
    # A bare repository has no main checkout: its worktrees share the repository's folder as their project.
    return os.path.dirname(common_dir) if os.path.basename(common_dir) == ".git" else common_dir


def _pointer(path: str) -> bytes | None:
    """Return the content of one of git's small files; None if it is missing or not a regular file."""
    try:
        return foreign.read(path, POINTER_BYTES)
    except BadFile:
        return None
