"""The state folder itself: make it, say what is wrong with it, and where the files are that belong to no agent or task.

Like `layout`, it alone joins these paths. They stand here because no hook call needs them.
"""

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


def has(path: str) -> bool:
    """Tell whether a path leads into the state folder."""
    return path.startswith(f"{home()}/")


def trouble(error: OSError) -> StateFailed | None:
    """Return our error for an OSError about the state folder or a full disk; None for any other."""
    path = error.filename if isinstance(error.filename, str) else ""
    if error.errno in FULL:
        return StateFailed(f"no room is left on the disk: {path or home()}", hint=f"make room: df -h {path or home()}")
    if error.errno in EXHAUSTED:
        return StateFailed(f"no more files can be opened: {error.strerror}", hint="raise the limit: ulimit -n 1024")
    if not has(path) and path != home():
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


def hooks_dir() -> str:
    """Return the folder of the scripts whose paths never change: other programs call them."""
    return f"{home()}/hooks"


def hook(name: str) -> str:
    """Return one of these scripts: `editor` or `agent-event`."""
    return f"{hooks_dir()}/{name}"


def agent_editor() -> str:
    """Return the script that agents have for their editor."""
    return f"{hooks_dir()}/agent/editor"


def setup_record() -> str:
    """Return the record of what setup has changed."""
    return f"{home()}/setup.json"


def trusted(digest: str) -> str:
    """Return the record of what a person agreed to of one project."""
    return f"{trusted_dir()}/{digest}.json"


def trusted_dir() -> str:
    """Return the folder of the records of what a person agreed to."""
    return f"{home()}/trust"


def windows_dir() -> str:
    """Return the folder of the scripts of windows that run no agent."""
    return f"{home()}/windows"


def window_script(name: str) -> str:
    """Return one of these scripts."""
    return f"{windows_dir()}/{name}"


def cache_dir() -> str:
    """Return the folder of what can be computed again."""
    return f"{home()}/cache"


def releases() -> str:
    """Return the known releases of programs."""
    return f"{cache_dir()}/releases.json"


def checked_settings_dir() -> str:
    """Return the folder of the checked settings of projects."""
    return f"{cache_dir()}/settings"


def checked_settings(digest: str) -> str:
    """Return the checked settings of one project."""
    return f"{checked_settings_dir()}/{digest}.json"


def parallel_dir() -> str:
    """Return the folder of the drafts that a parallel Claude Code was started with."""
    return f"{home()}/parallel"


def parallel_draft(name: str) -> str:
    """Return one of these drafts."""
    return f"{parallel_dir()}/{name}.md"


def removed_dir() -> str:
    """Return the folder that holds what is just being removed."""
    return f"{home()}/removed"


def removed_task(task_id: str) -> str:
    """Return where a task is moved before it is removed."""
    return f"{removed_dir()}/{task_id}"


def log_dir() -> str:
    """Return the folder of the log and of the reports of bugs."""
    return f"{home()}/log"


def log_file(name: str) -> str:
    """Return one file of that folder."""
    return f"{log_dir()}/{name}"


def trial_dir(pid: int) -> str:
    """Return the folder in which a doctor tries things out."""
    return f"{home()}/doctor-{pid}"


def trial_file(pid: int, name: str) -> str:
    """Return a file or a folder in it."""
    return f"{trial_dir(pid)}/{name}"


def trial_root() -> str:
    """Return the folder above that of the project for round trips."""
    return f"{home()}/doctor"


def trial_site() -> str:
    """Return the project in which the doctor's agents work."""
    return f"{trial_root()}/site"


def asking_lock() -> str:
    """Return the file that is locked until a task that an agent asks has its place in line."""
    return f"{home()}/asking.lock"


def waiters_format() -> str:
    """Return the file that says of which format all waiters are, after those of an older one were replaced."""
    return f"{home()}/waiters-format"
