"""The state folder: its owner, its free space, and what its file system supports."""

from __future__ import annotations

import os
import select
import shlex
import shutil

from flowloom.doctor.finding import Case, Finding, fail, ok, warn
from flowloom.store import files, layout, state_folder

LITTLE_BYTES = 200_000_000
NONE_BYTES = 10_000_000
FEW_INODES = 200
# File systems whose locks and pipes may not work across machines.
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs")


def folder(case: Case) -> list[Finding]:
    """Check that only we can access the state folder."""
    home = layout.home()
    if not os.path.lexists(home):
        # Create it to see whether that works; the next check needs it anyway.
        state_folder.ensure()
        return [ok("state", f"{home} (new)")]
    if not os.path.isdir(home):
        return [fail("state", f"{home} is not a folder", "move it away, or set FLOWLOOM_HOME to another folder")]
    found = os.stat(home)
    quoted = shlex.quote(home)
    if found.st_uid != os.getuid():
        return [fail("state", f"{home} belongs to another user", "set FLOWLOOM_HOME to a folder of your own")]
    if found.st_mode & 0o077:
        return [warn("state", f"others can read {home} (mode {found.st_mode & 0o777:o})", f"chmod 700 {quoted}")]
    if not found.st_mode & 0o200 or not os.access(home, os.W_OK):
        return [fail("state", f"{home} cannot be written", f"chmod u+w {quoted}")]
    return [ok("state", home)]


def space(case: Case) -> list[Finding]:
    """Check that there is room for prompts and replies."""
    state_folder.ensure()
    left = os.statvfs(layout.home())
    free = left.f_bavail * left.f_frsize
    saw = f"{free / 1e9:.1f} GB free" if free > 1e9 else f"{free / 1e6:.0f} MB free"
    if free < NONE_BYTES or (left.f_files and left.f_favail < FEW_INODES):
        return [fail("space", f"{saw}, {left.f_favail} files", "make room, or set FLOWLOOM_HOME to another disk")]
    return [warn("space", saw, "make room soon")] if free < LITTLE_BYTES else [ok("space", saw)]


def file_system(case: Case) -> list[Finding]:
    """Try what FlowLoom relies on: replace a file, lock a file, wake through a pipe."""
    state_folder.ensure()
    place = state_folder.trial_dir(os.getpid())
    repair = "set FLOWLOOM_HOME to a folder on a local disk"
    try:
        files.ensure_dir(place)
        for name, trial in (("rename", _renames), ("flock", _locks), ("mkfifo", _wakes)):
            try:
                why = "" if trial(place) else "does nothing"
            except OSError as error:
                why = error.strerror or str(error)
            if why:
                return [fail("file system", f"{name} on {layout.home()}: {why}", repair)]
    finally:
        shutil.rmtree(place, ignore_errors=True)
    kind = _kind(layout.home())
    if kind in NETWORK:
        return [warn("file system", f"{layout.home()} is on {kind}; locks from other machines may not work", repair)]
    return [ok("file system", f"rename, flock and mkfifo work{f' on {kind}' if kind else ''}")]


def _renames(place: str) -> bool:
    for data in (b"old", b"new"):
        files.write(f"{place}/file", data)
    return files.read(f"{place}/file") == b"new"


def _locks(place: str) -> bool:
    descriptor = files.hold(f"{place}/lock")
    held = files.held(f"{place}/lock")
    os.close(descriptor)
    return held and not files.held(f"{place}/lock")


def _wakes(place: str) -> bool:
    descriptor, _ = files.make_wake(place)
    files.wake(place)
    ready = select.select([descriptor], [], [], 1.0)[0]
    os.close(descriptor)
    return bool(ready)


def _kind(path: str) -> str:
    """Return the type of the file system of a path; empty if the kernel does not say."""
    mounts = (files.read("/proc/self/mounts") or b"").decode(errors="replace").splitlines()
    real = os.path.realpath(path)
    points = [line.split()[1:3] for line in mounts if len(line.split()) > 2]
    over = [(point, kind) for point, kind in points if point == "/" or f"{real}/".startswith(f"{point}/")]
    return max(over, key=lambda pair: len(pair[0]))[1] if over else ""
