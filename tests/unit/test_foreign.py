"""A file from outside is regular, bounded, or refused by its name; nothing waits for it."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from flowloom.chief import settings_files
from flowloom.config import settings
from flowloom.editor import delegate_file, prompt_file
from flowloom.errors import BadConfig, BadFile, UsageError
from flowloom.ports import git
from flowloom.store import foreign


def linked(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def sparse(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(5_000_000_000)


def listening(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path may have 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


SHAPES: dict[str, Callable[[Path], None]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "socket": listening,
    "terminal": linked("/dev/tty"),
    "stdin": linked("/dev/stdin"),
    "descriptor": linked("/proc/self/fd/0"),
    "zeroes": linked("/dev/zero"),
    "full": linked("/dev/full"),
    "loop": lambda path: path.symlink_to(path.name),
    "sparse": sparse,
    # It has no size and no end.
    "memory": linked("/proc/self/mem"),
}
READERS: dict[str, Callable[[Path], object]] = {
    "flowloom.toml": lambda path: settings.load(str(path.parent)),
    "p.md.delegate": lambda path: delegate_file.read(str(path).removesuffix(".delegate")),
    "claude-prompt-x.md": lambda path: prompt_file.read(str(path)),
    "settings.json": lambda path: foreign.read_json(str(path), foreign.CONFIG_BYTES),
}


@pytest.fixture
def _piped() -> object:
    """Stdin is a pipe that nobody writes to: reading it would wait for ever."""
    ours, end = os.pipe()
    former = os.dup(0)
    os.dup2(ours, 0)
    yield
    os.dup2(former, 0)
    for descriptor in (ours, end, former):
        os.close(descriptor)


@pytest.mark.usefixtures("_piped")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_regular_file_is_refused_by_its_name(tmp_path: Path, shape: str, name: str) -> None:
    path = tmp_path / name
    SHAPES[shape](path)
    if shape == "loop" and name == "flowloom.toml":
        settings.load(str(tmp_path))  # leads nowhere: as if it were not there
        return
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((BadFile, BadConfig, UsageError)) as caught:
        READERS[name](path)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize("shape", SHAPES)
def test_claude_codes_files_and_gits_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / ".claude").mkdir()
    SHAPES[shape](tmp_path / ".claude" / "settings.json")
    assert settings_files.documents(str(tmp_path)) == []
    assert len(settings_files.unreadable(str(tmp_path))) == 1
    if shape != "folder":
        SHAPES[shape](tmp_path / ".git")
        assert git.project_root(str(tmp_path)) != ""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".git").write_text(f"gitdir: {tmp_path}/there\n")
    (tmp_path / "there").mkdir()
    SHAPES[shape](tmp_path / "there" / "commondir")
    assert git.project_root(str(tmp_path / "sub")) == str(tmp_path / "sub")


def test_a_file_up_to_the_limit_is_read_whole_and_one_that_grows_no_further(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 3_000_000)
    assert foreign.read(str(path), 3_000_000) == b"x" * 3_000_000
    with pytest.raises(BadFile, match="holds more than 2999999 bytes"):
        foreign.read(str(path), 2_999_999)
    # What says that it is empty and is not, as a file does that grows while it is read.
    with pytest.raises(BadFile, match="holds more than 10 bytes"):
        foreign.read("/proc/self/status", 10)
    assert foreign.read(str(tmp_path / "none"), 1) is None
    assert foreign.read(f"{path}/none", 1) is None
    link = tmp_path / "link"
    link.symlink_to(path)
    assert foreign.read(str(link), 3_000_000) == b"x" * 3_000_000
