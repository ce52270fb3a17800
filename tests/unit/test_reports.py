"""What goes wrong is written down: bugs in report files, the rest in the log."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from flowloom import crash, errors
from flowloom.store import files, layout, log
from flowloom.store.layout import AgentRef


def fails() -> int:
    raise KeyError("missing")


def test_what_goes_well_is_returned() -> None:
    assert crash.reported(lambda: 3, "ask") == 3


def test_an_expected_outcome_is_for_the_face_to_tell() -> None:
    def stopped() -> int:
        raise errors.Stopped("the user stopped waiting")

    with pytest.raises(errors.Stopped):
        crash.reported(stopped, "ask")


def test_a_bug_is_exit_seventy_with_a_report_that_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["flowloom", "ask", "planning"])
    told: list[str] = []
    assert crash.reported(fails, "ask", told.append) == 70
    found = re.fullmatch(
        r"flowloom: a bug in FlowLoom \(KeyError: 'missing'\); the report is in (\S+)\n", "".join(told)
    )
    assert found is not None
    report = Path(found.group(1))
    assert report.parent == Path(layout.home(), "log")
    assert report.stat().st_mode & 0o777 == 0o600
    text = report.read_text()
    assert "in ask: ask planning" in text
    assert 'raise KeyError("missing")' in text


def test_two_bugs_within_a_second_have_two_reports() -> None:
    told: list[str] = []
    for _ in range(2):
        crash.reported(fails, "ask", told.append)
    first, second = (said.rpartition(" ")[2].strip() for said in told)
    assert first != second
    assert Path(first).exists()


def test_a_bug_where_nothing_can_be_written_is_told_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "file" / "below"))
    told: list[str] = []
    assert crash.reported(fails, "ask", told.append) == 70
    assert 'raise KeyError("missing")' in capsys.readouterr().err
    assert "the lines above (the state folder cannot be written)" in told[0]


def lines(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (files.read(path) or b"").splitlines()]


def test_a_line_of_the_log_is_one_json_object() -> None:
    log.log("error", "spool", "two\nlines ä", agent=AgentRef("site", "planning"), task="7k2m")
    (line,) = lines(layout.log())
    known = {"level": "error", "where": "spool", "message": "two\nlines ä", "agent": "planning@site", "task": "7k2m"}
    assert {key: line[key] for key in known} == known
    assert set(line) == {*known, "at", "pid"}


def test_the_log_begins_anew_when_it_is_long_and_keeps_one_older_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LIMIT_BYTES", 300)
    for number in range(20):
        log.log("info", "here", f"line {number}")
    path = layout.log()
    kept = [line["message"] for line in [*lines(f"{path}.1"), *lines(path)]]
    assert kept == [f"line {number}" for number in range(20)][-len(kept) :]
    assert 2 <= len(kept) < 20
    assert sorted(entry.name for entry in Path(path).parent.iterdir()) == ["flowloom.jsonl", "flowloom.jsonl.1"]


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FLOWLOOM_HOME", f"{tmp_path}/file")
    log.log("info", "here", "lost")


TREE = [
    (errors.FlowLoomError, 1),
    (errors.UsageError, 2),
    (errors.BadName, 2),
    (errors.BadConfig, 2),
    (errors.BadOrder, 2),
    (errors.BadFile, 2),
    (errors.NoDirectory, 2),
    (errors.FolderGone, 2),
    (errors.NoSuchAgent, 2),
    (errors.NoSuchTask, 2),
    (errors.TmuxFailed, 1),
    (errors.TmuxUnreachable, 1),
    (errors.TmuxSilent, 1),
    (errors.AgentFailed, 1),
    (errors.QuestionClosed, 1),
    (errors.ConversationOpen, 1),
    (errors.DamagedFile, 1),
    (errors.NewerFormat, 1),
    (errors.StateFailed, 1),
    (errors.LockHeld, 1),
    (errors.OutputFailed, 1),
    (errors.Bug, 70),
    (errors.Blocked, 3),
    (errors.TimedOut, 124),
    (errors.Stopped, 130),
]


def test_every_error_stands_in_the_drawing_with_its_exit_code() -> None:
    drawn = re.findall(r"(?m)^ +[│├└─ ]*(\w+) +(\d+)", errors.__doc__ or "")
    assert [(kind.__name__, str(code)) for kind, code in TREE] == drawn
    assert [kind.exit_code for kind, _ in TREE] == [code for _, code in TREE]


def test_a_hint_of_ones_own_stands_before_that_of_the_kind() -> None:
    assert errors.NoSuchTask("x").hint == "list the tasks with: flowloom tasks"
    assert errors.NoSuchTask("x", hint="y").hint == "y"
