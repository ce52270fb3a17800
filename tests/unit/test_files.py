"""Files are written whole, locks are held across processes, wake-ups reach who waits."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.world import ROOT, waits_for_lock

from flowloom.clock import Deadline
from flowloom.errors import DamagedFile
from flowloom.store import files, locks, old_files


@contextmanager
def no_file_above(size_bytes: int) -> Iterator[None]:
    """Make the kernel refuse to write more, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_file_is_replaced_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "reply.md"
    path.write_bytes(b"old and longer")
    files.write(str(path), b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)
    assert [entry.name for entry in tmp_path.iterdir()] == ["reply.md"]


@pytest.mark.parametrize("durable", [True, False])
def test_a_full_disk_leaves_the_old_file_and_no_part_of_the_new_one(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "reply.md"
    path.write_bytes(b"old")
    with no_file_above(100), pytest.raises(OSError, match="File too large"):
        files.write(str(path), b"x" * 1000, durable=durable)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["reply.md"]


def test_a_file_in_a_folder_that_is_missing_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.write(str(tmp_path / "no" / "file"), b"")


def test_nothing_in_the_place_of_the_temporary_file_is_written_through(tmp_path: Path) -> None:
    target, temporary, path = tmp_path / "theirs", tmp_path / f"document.{os.getpid()}.tmp", tmp_path / "document"
    target.write_text("theirs")
    target.chmod(0o666)
    for put in (temporary.symlink_to, temporary.hardlink_to):
        put(target)
        files.write(str(path), b"ours")
        assert (target.read_text(), path.read_bytes(), path.stat().st_mode & 0o777) == ("theirs", b"ours", 0o600)
        assert sorted(each.name for each in tmp_path.iterdir()) == ["document", "theirs"]


def test_what_is_absent_reads_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert files.read(str(tmp_path / "no")) is None
    assert files.read(str(tmp_path / "file" / "below")) is None
    assert files.read_json(str(tmp_path / "no")) is None
    assert files.tail(str(tmp_path / "no"), 10) == b""


def test_a_tail_is_the_end_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    assert [files.tail(str(tmp_path / "file"), size) for size in (3, 10, 100)] == [b"789", b"0123456789", b"0123456789"]


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"x"', b"\xff", b"null"])
def test_a_document_that_is_no_json_object_is_damaged_and_named(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "status.json"
    path.write_bytes(raw)
    with pytest.raises(DamagedFile, match=str(path)) as caught:
        files.read_json(str(path))
    assert caught.value.hint == f"look at it, then move it away: mv {path} {path}.bad"


def test_a_document_with_half_a_character_is_written_and_read_back(tmp_path: Path) -> None:
    files.write_json(str(tmp_path / "a.json"), {"prompt": "ä\udc80"})
    # Valid UTF-8, whoever reads it.
    assert (tmp_path / "a.json").read_bytes() == b'{\n "prompt": "\xc3\xa4\\udc80"\n}\n'
    assert files.read_json(str(tmp_path / "a.json")) == {"prompt": "ä\udc80"}


def test_lines_of_many_writers_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    code = "import sys; from flowloom.store import files\n"
    code += "for n in range(200): files.append(sys.argv[1], sys.argv[2] * 500)"
    writers = [subprocess.Popen([sys.executable, "-c", code, path, word], cwd=ROOT / "src") for word in "ab"]
    assert [writer.wait(20) for writer in writers] == [0, 0]
    lines = path.read_text().splitlines()
    assert sorted(set(lines)) == ["a" * 500, "b" * 500]
    assert len(lines) == 400


@pytest.mark.parametrize("size", [0, 10, files.BIG_BYTES, files.BIG_BYTES + 1])
def test_a_digest_is_sha256_whichever_library_makes_it(size: int) -> None:
    assert files.sha256(b"x" * size) == hashlib.sha256(b"x" * size).hexdigest()


HOLDER = """
import sys
from flowloom.store import files, locks
how, path = sys.argv[1:]
if how == "locked":
    lock = locks.locked(path)
    lock.__enter__()
else:
    descriptor = files.hold(path)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder() -> Iterator[Callable[[str, Path], subprocess.Popen[bytes]]]:
    """Start a process that holds a lock until its stdin is closed or it is killed."""
    begun = []

    def start(how: str, path: Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, how, path],
            cwd=ROOT / "src",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        begun.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", ["locked", "hold"])
def test_a_lock_is_held_by_one_process_and_freed_when_it_is_killed(
    tmp_path: Path, holder: Callable[[str, Path], subprocess.Popen[bytes]], how: str
) -> None:
    path = tmp_path / "lock"
    process = holder(how, path)
    assert files.held(str(path))
    process.kill()
    process.wait()
    assert not files.held(str(path))
    with locks.locked(str(path)):
        assert files.held(str(path))
    assert not files.held(str(path))


def test_a_lock_is_freed_by_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locks.locked(str(tmp_path / "lock")):
        raise KeyError
    assert not files.held(str(tmp_path / "lock"))


def test_who_waits_for_a_lock_has_it_once_it_is_free(
    tmp_path: Path, holder: Callable[[str, Path], subprocess.Popen[bytes]]
) -> None:
    path = tmp_path / "lock"
    first = holder("locked", path)
    second = subprocess.Popen(
        [sys.executable, "-c", HOLDER, "locked", path], cwd=ROOT / "src", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert second.stdout is not None
    deadline = Deadline(10.0)
    while not waits_for_lock(second.pid, path):
        assert not deadline.over()
        os.sched_yield()
    assert not readable(second.stdout.fileno())
    first.communicate()
    assert second.stdout.readline() == b"held\n"
    second.communicate()


def test_a_place_that_somebody_has_cannot_be_held_twice(tmp_path: Path) -> None:
    path = str(tmp_path / "place")
    descriptor = files.hold(path)
    with pytest.raises(FileExistsError):
        files.hold(path)
    os.close(descriptor)
    assert not files.held(path)
    assert not files.held(str(tmp_path / "no"))


def test_two_who_ask_at_once_do_not_take_each_other_for_the_holder(tmp_path: Path) -> None:
    path = tmp_path / "place"
    path.touch()
    with open(path, "r+b") as other:
        # What `held` itself does for a moment.
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        assert not files.held(str(path))


def readable(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


def test_a_folder_of_wake_ups_that_is_taken_away_just_now_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes wait with one task: the one that ends takes the empty folder away."""
    plain = os.mkfifo
    away: list[str] = []

    def mkfifo(path: str, mode: int) -> None:
        if not away:
            away.append(path)
            os.rmdir(os.path.dirname(path))
        plain(path, mode)

    monkeypatch.setattr(os, "mkfifo", mkfifo)
    reader, path = files.open_wake(str(tmp_path))
    files.wake(str(tmp_path))
    assert select.select([reader], [], [], 0)[0]
    files.close_wake(reader, path)


def test_a_wake_up_reaches_everybody_who_waits(tmp_path: Path) -> None:
    first, _ = files.open_wake(str(tmp_path))
    second, _ = files.open_wake(str(tmp_path))
    try:
        assert [readable(first), readable(second)] == [False, False]
        files.wake(str(tmp_path))
        assert [readable(first), readable(second)] == [True, True]
        assert os.read(first, 100) == b"\n"
        assert not readable(first)
    finally:
        os.close(first)
        os.close(second)


def test_the_pipe_of_a_dead_reader_is_taken_away(tmp_path: Path) -> None:
    living, _ = files.open_wake(str(tmp_path))
    dead, path = files.open_wake(str(tmp_path))
    os.close(dead)
    files.wake(str(tmp_path))
    assert not Path(path).exists()
    assert readable(living)
    os.close(living)


def test_a_pipe_that_nobody_empties_blocks_no_one(tmp_path: Path) -> None:
    reader, _ = files.open_wake(str(tmp_path))
    assert os.write(reader, b"\n" * 5_000_000) < 5_000_000
    files.wake(str(tmp_path))
    assert readable(reader)
    os.close(reader)


def test_waking_nobody_does_nothing(tmp_path: Path) -> None:
    files.wake(str(tmp_path / "no"))
    assert json.dumps(os.listdir(tmp_path)) == "[]"


def test_a_pipe_that_was_being_made_when_its_maker_was_killed_is_swept(tmp_path: Path) -> None:
    made = "import os, sys\nfrom flowloom.store import files\n"
    made += "os.rename = lambda *_: os._exit(9)\nfiles.open_wake(sys.argv[1])"
    assert subprocess.run([sys.executable, "-c", made, str(tmp_path)], check=False).returncode == 9
    (left,) = (tmp_path / "wake").iterdir()
    assert old_files.sweep(str(left.parent)) == []
    os.utime(left, (0, 0))
    assert old_files.sweep(str(left.parent)) == [str(left)]
    assert not left.exists()
