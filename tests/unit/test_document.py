"""A document that others replace."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from flowloom.errors import DamagedFile
from flowloom.store import files
from flowloom.store.document import Document


def test_a_document_is_parsed_once_for_each_file_that_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.json"
    parsed: list[str] = []
    real = files.parsed

    def counted(raw: bytes, path: str) -> dict[str, object]:
        parsed.append(path)
        return real(raw, path)

    monkeypatch.setattr(files, "parsed", counted)
    agent = Document(str(path))
    assert agent.read() is None
    for at in (None, (1.0, 1.0)):  # just now, and long ago
        files.write_json(str(path), {"dir": f"a{at}"})
        if at:
            os.utime(path, at)
        parsed.clear()
        assert [agent.read(), agent.read()] == [{"dir": f"a{at}"}] * 2
        assert len(parsed) == 1
    files.write_json(str(path), {"dir": "b(1.0, 1.0)"})  # as long as the former, and perhaps at the same moment
    assert agent.read() == {"dir": "b(1.0, 1.0)"}
    agent.write({"dir": "c"})
    assert (agent.read(), len(parsed)) == ({"dir": "c"}, 2)  # it knows what it has written itself
    files.write_json(str(path), {"dir": "d"})
    assert (agent.read(), len(parsed)) == ({"dir": "d"}, 3)
    path.unlink()
    assert agent.read() is None


def test_a_file_as_young_as_a_tick_of_its_clock_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "agent.json"
    path.write_text('{"dir": "a"}')
    agent, found = Document(str(path)), path.stat()
    assert agent.read() == {"dir": "a"}
    # Another one that took its place within the tick: its number, its size and its time.
    path.write_text('{"dir": "b"}')
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert agent.read() == {"dir": "b"}


def test_what_a_caller_does_to_its_copy_changes_no_other(tmp_path: Path) -> None:
    path = tmp_path / "agent.json"
    files.write_json(str(path), {"args": [{"a": ["b"]}]})
    agent = Document(str(path))
    first: Any = agent.read()
    first["args"][0]["a"].append("c")
    first.clear()
    assert agent.read() == {"args": [{"a": ["b"]}]}


def test_a_damaged_document_is_refused_each_time_it_is_read(tmp_path: Path) -> None:
    def check(content: dict[str, object], path: str) -> None:
        if "dir" not in content:
            raise files.damaged(path, "no 'dir'")

    path = tmp_path / "agent.json"
    agent = Document(str(path), check)
    for text in ('{"name": "x"}', "{"):
        path.write_text(text)
        for _ in range(2):
            with pytest.raises(DamagedFile):
                agent.read()
