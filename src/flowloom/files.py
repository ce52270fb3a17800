"""The one place that writes files: whole, in order, under locks."""

from __future__ import annotations

import errno
import fcntl
import itertools
import json
import os
import time

from flowloom.errors import DamagedFile

try:
    # Where `random` of the standard library takes its sha512 from, and for the same
    # reason: hashlib loads OpenSSL, 4 ms in every hook call and every Ctrl-G.
    from _sha2 import sha256 as _small_sha256  # type: ignore[import-not-found]
except ImportError:
    try:
        from _sha256 import sha256 as _small_sha256  # type: ignore[import-not-found] # before Python 3.12
    except ImportError:
        from hashlib import sha256 as _small_sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_NUMBERS = itertools.count()
# Wake-up pipes are named after the process that reads them.
WAKE = "wake"
# From here on OpenSSL, which is eight times as fast, makes up for its loading.
BIG_BYTES = 1_000_000
SWEPT_AFTER_S = 60.0


def ensure_dir(path: str) -> str:
    """Make a directory that only its owner can enter, and its parents, and return it."""
    # Not os.makedirs: it gives the mode to the last one only.
    try:
        _ensure_one(path)
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if parent == path:
            raise
        ensure_dir(parent or ".")
        # Once: in /proc a folder can be missing whose parent is there.
        _ensure_one(path)
    return path


def _ensure_one(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def write(path: str, data: bytes, *, durable: bool = True, mode: int = 0o600) -> None:
    """Replace a file by `data` so that a reader sees the old or the new one, never a part.

    With `durable` the bytes are on the disk before the name is; without, a
    power cut may lose them (for what can be made again).
    """
    temporary = f"{path}.{os.getpid()}.tmp"
    # Only one of our own making: the prompt file lies where others may have put one there, to read along.
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
    except BaseException as error:  # a Ctrl-C too leaves nothing behind
        try:
            os.unlink(temporary)
        except FileNotFoundError:
            pass
        _name_path(error, path)
        raise


def _name_path(error: BaseException, path: str) -> None:
    """Put the path that an error is about into it: what fails on a descriptor names none."""
    if isinstance(error, OSError) and error.filename is None:
        error.filename = path


def sweep(directory: str) -> list[str]:
    """Remove what writers that were killed have left in a directory; return what that was.

    Only of a process that is gone, and not of the last minute: over a network
    or in a container the same number may be somebody else.
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


def write_json(path: str, document: object, *, durable: bool = False) -> None:
    """Replace a file by a JSON document, one key a line."""
    text = json.dumps(document, ensure_ascii=False, indent=1)
    # A path may hold bytes that are no UTF-8: JSON spells them as Python escapes them, `\udcff`.
    write(path, (text + "\n").encode("utf-8", "backslashreplace"), durable=durable)


def read(path: str) -> bytes | None:
    """Return a file's bytes, or None where there is none."""
    try:
        with open(path, "rb", buffering=0) as stream:
            return stream.readall()
    except (FileNotFoundError, NotADirectoryError):
        return None


def tail(path: str, size_bytes: int) -> bytes:
    """Return the last `size_bytes` of a file, nothing where there is none."""
    try:
        with open(path, "rb") as stream:
            stream.seek(max(0, os.path.getsize(path) - size_bytes))
            return stream.read()
    except FileNotFoundError:
        return b""


def read_json(path: str) -> dict[str, object] | None:
    """Return a JSON object, or None where there is no file.

    Raises:
        DamagedFile: the file is there and cannot be read, or holds no JSON object.
    """
    try:
        raw = read(path)
    except OSError as error:
        raise DamagedFile(
            f"{path} cannot be read: {error.strerror}", hint=f"it must be a file of your own: ls -ld {path}"
        ) from error
    if raw is None:
        return None
    try:
        document = json.loads(raw)
    except ValueError as error:
        raise damaged(path, str(error)) from error
    if not isinstance(document, dict):
        raise damaged(path, "not a JSON object")
    return document


def damaged(path: str, why: str) -> DamagedFile:
    """Return the error for a file that cannot be believed."""
    return DamagedFile(f"{path} is damaged: {why}", hint=f"look at it, then move it away: mv {path} {path}.bad")


def append(path: str, line: str) -> None:
    """Add one line to a file in a single write, so that lines of several writers do not mix."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, (line + "\n").encode("utf-8", "surrogatepass"))
    except OSError as error:
        _name_path(error, path)
        raise
    finally:
        os.close(descriptor)


class locked:  # noqa: N801 - used as a function; importing contextlib for it takes 0.5 ms of every hook call
    """Hold an exclusive lock on `path`, a file made for it; blocks until it is free.

    The kernel frees it when the holder dies, however it dies.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except BaseException as error:
            os.close(self._descriptor)
            _name_path(error, self._path)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def sha256(data: bytes) -> str:
    """Return the hex digest of `data`."""
    if len(data) < BIG_BYTES:
        return str(_small_sha256(data).hexdigest())
    from hashlib import sha256 as digest  # noqa: PLC0415 - see the import of the small one

    return digest(data).hexdigest()


def hold(path: str) -> int:
    """Create a lock file, lock it and return its descriptor, which a child may inherit.

    Raises:
        FileExistsError: somebody has it.
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
        # Shared, so that two who ask at once do not take each other for the holder.
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

    Non-blocking and never at end of file, so it can stand in a select(). Where
    the file system has no pipes it is one that nobody wakes, and has no name:
    who waits then sees everything when it looks by itself.
    """
    try:
        return make_wake(directory)
    except OSError:
        silent, end = os.pipe()
        os.set_blocking(silent, False)
        # Its other end stays open, or it would be readable, at its end, for ever.
        _SILENT.append(end)
        return silent, ""


_SILENT: list[int] = []


def drain_wake(descriptor: int) -> None:
    """Take what `wake` has written to a pipe, so that it wakes its reader again."""
    try:
        os.read(descriptor, 4096)
    except BlockingIOError:
        return


def close_wake(descriptor: int, path: str) -> None:
    """Give up what `open_wake` returned."""
    os.close(descriptor)
    try:
        if path:
            os.unlink(path)
    except OSError:
        return  # `wake` takes a pipe without a reader away


def make_wake(directory: str) -> tuple[int, str]:
    """Do what `open_wake` does, or fail where the file system has no pipes."""
    ensure_dir(f"{directory}/{WAKE}")
    folder = f"{directory}/{WAKE}"
    while True:
        # A name is never used twice: whoever takes a dead pipe away must not meet a new one.
        number = next(_NUMBERS)
        path = f"{folder}/{os.getpid()}.{number}"
        fresh = f"{folder}/.{os.getpid()}.{number}.{os.getpid()}.tmp"  # as `sweep` knows it
        if os.path.exists(path):
            continue
        # Under its name only once it is open: `wake` takes a pipe without a reader away.
        try:
            os.mkfifo(fresh, 0o600)
        except FileExistsError:
            continue
        descriptor = os.open(fresh, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        os.rename(fresh, path)
        return descriptor, path


def wake(directory: str) -> None:
    """Wake whoever waits for a change in `directory`.

    Only a hint, which may be lost: who waits also looks by itself now and then.
    So nothing that fails here is an error.
    """
    try:
        names = os.listdir(f"{directory}/{WAKE}")
    except OSError:
        return
    for name in names:
        if name.startswith("."):
            continue  # it is just being made
        path = f"{directory}/{WAKE}/{name}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            # ENXIO: the reader died without taking its pipe away.
            if error.errno == errno.ENXIO:
                try:
                    os.unlink(path)
                except OSError:
                    pass
            continue
        os.close(descriptor)
        try:
            # As a reader too: should theirs go just now, the write must not end us by SIGPIPE.
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            os.write(descriptor, b"\n")
        except OSError:
            pass  # the pipe is full of earlier wake-ups: the reader will look anyway
        finally:
            os.close(descriptor)
