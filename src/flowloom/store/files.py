"""The one module that writes state files: each one whole, in a safe order, under locks."""

from __future__ import annotations

import errno
import fcntl
import itertools
import os

from flowloom.errors import DamagedFile, NewerFormat
from flowloom.store import layout, quick_json

try:
    # hashlib would load OpenSSL: 4 ms in every hook call and every Ctrl-G. The standard
    # library's `random` imports its sha512 in the same way, for the same reason.
    from _sha2 import sha256 as _small_sha256  # type: ignore[import-not-found]
except ImportError:
    try:
        from _sha256 import sha256 as _small_sha256  # type: ignore[import-not-found] # before Python 3.12
    except ImportError:
        from hashlib import sha256 as _small_sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_NUMBERS = itertools.count()
# From this size on, OpenSSL is worth loading: it is eight times as fast.
BIG_BYTES = 1_000_000
# More than this is not read under a lock that a hook call needs.
LONG_BYTES = 1_000_000
# The locks of this process that a hook call needs (`store.locks`), and what is woken once it holds none: each once.
HELD: list[str] = []
_POSTPONED: set[str] = set()


def refuse_slow(what: str) -> None:
    """Refuse to do what can take long while this process holds a lock that a hook call needs.

    Raises:
        RuntimeError: it does, which is a bug: look first, then take the lock, and act when it is released.
    """
    if HELD:
        raise RuntimeError(f"{what} while {HELD[-1]} is held")


def ensure_dir(path: str) -> str:
    """Make a directory and its parents, accessible to their owner only; return its path."""
    # Not os.makedirs: it applies the mode only to the last directory.
    try:
        _ensure_one(path)
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if parent == path:
            raise
        ensure_dir(parent or ".")
        # Retry only once: in /proc, creating a folder can fail although its parent exists.
        _ensure_one(path)
    return path


def _ensure_one(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def write(path: str, data: bytes, *, durable: bool = True, mode: int = 0o600) -> None:
    """Replace a file's content with `data`. A reader sees the old or the new content, never a part.

    With `durable` the bytes are on the disk before the file gets its name. Without
    it, a power cut may lose them: use that for files that can be recreated.
    """
    temporary = f"{path}.{os.getpid()}.tmp"
    # O_EXCL: the prompt file is in a folder where another user could place this file first, to read what we write.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        descriptor = os.open(temporary, flags, 0o600)
    except FileExistsError:
        os.unlink(temporary)
        descriptor = os.open(temporary, flags, 0o600)
    try:
        with open(descriptor, "wb", buffering=0) as stream:
            view = memoryview(data)
            while view:
                view = view[stream.write(view) :]
            if mode != 0o600:
                os.fchmod(descriptor, mode)
            if durable:
                os.fsync(descriptor)
        os.rename(temporary, path)
    except BaseException as error:  # BaseException: leave nothing behind after a Ctrl-C either
        try:
            os.unlink(temporary)
        except FileNotFoundError:
            pass
        _name_path(error, path)
        raise


def _name_path(error: BaseException, path: str) -> None:
    """Add the path to an error that has none, because it came from a file descriptor."""
    if isinstance(error, OSError) and error.filename is None:
        error.filename = path


def write_json(path: str, document: Mapping[str, object], *, durable: bool = False) -> bytes:
    """Replace a file by a JSON document, one key a line; return its bytes."""
    text = quick_json.dumps_by_key(document)
    # A path may contain bytes that are not UTF-8; write them as Python escapes them: `\udcff`.
    raw = (text + "\n").encode("utf-8", "backslashreplace")
    write(path, raw, durable=durable)
    return raw


def read(path: str) -> bytes | None:
    """Return a file's bytes, or None if there is no file."""
    try:
        with open(path, "rb", buffering=0) as stream:
            return stream.readall()
    except (FileNotFoundError, NotADirectoryError):
        return None


def tail(path: str, size_bytes: int) -> bytes:
    """Return the last `size_bytes` of a file; empty if there is no file."""
    if size_bytes > LONG_BYTES:
        refuse_slow("a transcript is read")
    try:
        with open(path, "rb") as stream:
            stream.seek(max(0, os.path.getsize(path) - size_bytes))
            return stream.read()
    except FileNotFoundError:
        return b""


def read_json(path: str) -> dict[str, object] | None:
    """Return a JSON object, or None if there is no file.

    Raises:
        DamagedFile: the file exists but cannot be read, or is not a JSON object.
    """
    raw = read_state(path)
    return None if raw is None else parsed(raw, path)


def read_state(path: str) -> bytes | None:
    """Return the bytes of a document, or None if there is no file.

    Raises:
        DamagedFile: the file exists but cannot be read.
    """
    try:
        return read(path)
    except OSError as error:
        raise DamagedFile(
            f"{path} cannot be read: {error.strerror}", hint=f"it must be a file of your own: ls -ld {path}"
        ) from error


def parsed(raw: bytes, path: str) -> dict[str, Any]:
    """Return the JSON object in the bytes of the file at `path`.

    Raises:
        DamagedFile: they are no JSON object.
    """
    try:
        document = quick_json.loads(raw.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from error
    if not isinstance(document, dict):
        raise damaged(path, "not a JSON object")
    return document


def format_of(document: dict[str, Any], newest: int, path: str) -> int:
    """Return the format of a document, 0 for one from before documents had a format.

    Raises:
        NewerFormat: a newer FlowLoom wrote it.
        DamagedFile: it is no format.
    """
    found = document.get("format", 0)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise damaged(path, f"'format' is {found!r:.60}")
    if found > newest:
        raise NewerFormat(f"{path} has the format {found}, and this FlowLoom reads up to {newest}")
    return found


def damaged(path: str, why: str) -> DamagedFile:
    """Return the error for a file whose content is invalid."""
    return DamagedFile(f"{path} is damaged: {why}", hint=f"look at it, then move it away: mv {path} {path}.bad")


def append(path: str, line: str) -> None:
    """Add one line to a file in a single write, so that lines from several writers do not mix."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, (line + "\n").encode("utf-8", "surrogatepass"))
    except OSError as error:
        _name_path(error, path)
        raise
    finally:
        os.close(descriptor)


def sha256(data: bytes) -> str:
    """Return the hex digest of `data`."""
    if len(data) < BIG_BYTES:
        return str(_small_sha256(data).hexdigest())
    from hashlib import sha256 as digest  # noqa: PLC0415 - see `_small_sha256`

    return digest(data).hexdigest()


def hold(path: str) -> int:
    """Create a lock file, lock it and return its descriptor, which a child may inherit.

    Raises:
        FileExistsError: the lock file exists already.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        os.close(descriptor)
        _name_path(error, path)
        raise
    return descriptor


def held(path: str) -> bool:
    """Tell whether a living process holds the lock file `path`."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        # A shared lock, so that two processes that check at once do not mistake each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        _name_path(error, path)
        raise
    finally:
        os.close(descriptor)
    return False


def open_wake(directory: str) -> tuple[int, str]:
    """Make a pipe in `directory` that `wake` writes to; return its descriptor and its name, for `close_wake`.

    It is non-blocking and never at end of file, so it can be used in select(). If
    the file system has no named pipes, the pipe has no name and is never written to;
    the caller then sees changes only when it checks on its own.
    """
    try:
        return make_wake(directory)
    except OSError:
        silent, end = os.pipe()
        os.set_blocking(silent, False)
        # Keep the other end open; otherwise select() would report this one as readable all the time.
        _SILENT.append(end)
        return silent, ""


_SILENT: list[int] = []


def drain_wake(descriptor: int) -> None:
    """Read what `wake` wrote to a pipe, so that the next write wakes the reader again."""
    try:
        os.read(descriptor, 4096)
    except BlockingIOError:
        return


def close_wake(descriptor: int, path: str) -> None:
    """Close and remove the pipe that `open_wake` returned."""
    os.close(descriptor)
    try:
        if path:
            os.unlink(path)
    except OSError:
        return  # `wake` removes a pipe that has no reader


def make_wake(directory: str) -> tuple[int, str]:
    """Do what `open_wake` does, but fail if the file system has no named pipes."""
    folder = ensure_dir(layout.wake_dir(directory))
    while True:
        # Never reuse a name: a process that removes a dead pipe must not remove a new one.
        number = next(_NUMBERS)
        path = layout.wake_pipe(directory, f"{os.getpid()}.{number}")
        # A name that `sweep` recognises.
        fresh = layout.wake_pipe(directory, f".{os.getpid()}.{number}.{os.getpid()}.tmp")
        if os.path.exists(path):
            continue
        # The pipe gets its name only once it is open, because `wake` removes a pipe that has no reader.
        try:
            os.mkfifo(fresh, 0o600)
        except FileExistsError:
            continue
        except FileNotFoundError:
            ensure_dir(folder)  # the last process that had one here has just taken the folder away
            continue
        descriptor = os.open(fresh, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        os.rename(fresh, path)
        return descriptor, path


def wake(directory: str) -> None:
    """Wake the processes that wait for a change in `directory`.

    This is only a hint, which may be lost: a waiting process also checks on its own
    about once a second. So a failure here is not an error. While this process holds a
    lock, it is done when the lock is released: once, for all that was written under it.
    """
    if HELD:
        _POSTPONED.add(directory)
    else:
        _wake(directory)


def wake_postponed() -> None:
    """Wake what was written for under locks; nothing while this process still holds one."""
    while _POSTPONED and not HELD:
        _wake(_POSTPONED.pop())


def _wake(directory: str) -> None:
    try:
        with os.scandir(layout.wake_dir(directory)) as entries:
            # One whose name begins with a dot is still being made.
            pipes = [entry.path for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return
    for path in pipes:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            # ENXIO: the reader died without removing its pipe.
            if error.errno == errno.ENXIO:
                try:
                    os.unlink(path)
                except OSError:
                    pass
            continue
        os.close(descriptor)
        try:
            # O_RDWR makes us a reader too: if the real one closes now, the write must not kill us with SIGPIPE.
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            os.write(descriptor, b"\n")
        except OSError:
            pass  # the pipe is full of earlier wake-ups: the reader will look anyway
        finally:
            os.close(descriptor)
