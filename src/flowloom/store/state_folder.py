"""The state folder itself: make it, and say what is wrong with it."""

from __future__ import annotations

import errno
import os

from flowloom.errors import FlowLoomError, StateFailed
from flowloom.store import files
from flowloom.store.layout import home

README = """This is the state of FlowLoom: its agents, tasks and replies.
You can delete it when no agent is running. This deletes the prompts and replies stored here.
"""

FULL = (errno.ENOSPC, errno.EDQUOT)
EXHAUSTED = (errno.EMFILE, errno.ENFILE)
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def trouble(error: OSError) -> StateFailed | None:
    """Return our error for an OSError about the state folder or a full disk; None for any other."""
    path = error.filename if isinstance(error.filename, str) else ""
    if error.errno in FULL:
        return StateFailed(f"no room is left on the disk: {path or home()}", hint=f"make room: df -h {path or home()}")
    if error.errno in EXHAUSTED:
        return StateFailed(f"no more files can be opened: {error.strerror}", hint="raise the limit: ulimit -n 1024")
    if not path.startswith(f"{home()}/") and path != home():
        return None
    if error.errno in NO_LOCKS:
        return StateFailed(
            f"the file system of {path} has no locks ({error.strerror})",
            hint="set FLOWLOOM_HOME to a folder on a local disk",
        )
    if error.errno == errno.ELOOP:
        return StateFailed(f"{path} is a symbolic link, which is not followed here", hint=f"remove it: rm {path}")
    hint = {
        errno.EROFS: "make its disk writable again, or set FLOWLOOM_HOME to another folder",
        errno.EACCES: f"it must be your own: ls -ld {path}",
        errno.EPERM: f"it must be your own: ls -ld {path}",
    }.get(error.errno or 0, f"see what it is: ls -ld {path}")
    return StateFailed(f"{path} cannot be used: {error.strerror}", hint=hint)


def named(error: FlowLoomError | OSError) -> str:
    """Return an expected error in one line, with what to do next."""
    known = (trouble(error) or error) if isinstance(error, OSError) else error
    hint = getattr(known, "hint", "")
    return f"{known}; {hint}" if hint else str(known)


def refuse_foreign() -> None:
    """Refuse the state folder of another user: as root, we would write files that its owner cannot use.

    Raises:
        FlowLoomError: it belongs to another user.
    """
    path = home()
    try:
        theirs = os.stat(path).st_uid != os.getuid()
    except PermissionError:
        theirs = True
    except OSError:
        return
    if theirs:
        raise FlowLoomError(
            f"the state folder {path} belongs to another user", hint="set FLOWLOOM_HOME to a folder of your own"
        )


def ensure() -> str:
    """Create the state folder, for its owner only, and return it.

    Raises:
        FlowLoomError: it cannot be created, or belongs to another user.
    """
    path = home()
    try:
        files.ensure_dir(path)
        owner = os.stat(path)
    except OSError as error:
        raise FlowLoomError(
            f"the state folder {path} cannot be created: {error.strerror}",
            hint="set FLOWLOOM_HOME to a folder that you can write to",
        ) from error
    refuse_foreign()
    if not os.access(path, os.W_OK | os.X_OK):
        raise FlowLoomError(
            f"the state folder {path} cannot be written to",
            hint="set FLOWLOOM_HOME to a folder that you can write to; in Claude Code's sandbox, "
            "or add this one to sandbox.filesystem.allowWrite in its settings",
        )
    if owner.st_mode & 0o077:
        os.chmod(path, 0o700)
    if not os.path.exists(f"{path}/README"):
        files.write(f"{path}/README", README.encode(), durable=False)
    return path
