"""What is read from disk is checked, and a complaint names the file and the key."""

from __future__ import annotations

from typing import Any

import pytest

from flowloom.errors import DamagedFile
from flowloom.store import shapes
from flowloom.tasks import record as task_record
from flowloom.turns import record as status_record

STATUS: dict[str, Any] = dict(status_record.empty_status("planning@site", "planning", "planning", "site", "echo"))
TASK: dict[str, Any] = dict(task_record.empty_task("7k2m", "planning@site", "/state/agents/site/planning"))


def test_what_we_write_is_what_we_read() -> None:
    assert status_record.status_from({**STATUS}, "f") == STATUS
    assert task_record.task_from({**TASK}, "f") == TASK
    assert status_record.status_from({**STATUS, "unknown": 1}, "f")["status"] == "offline"


@pytest.mark.parametrize("key", sorted({*STATUS} & {*shapes.ESSENTIAL}))
def test_a_status_without_an_essential_key_is_damaged(key: str) -> None:
    document = {name: value for name, value in STATUS.items() if name != key}
    with pytest.raises(DamagedFile, match=f"/x/status.json is damaged: no '{key}'"):
        status_record.status_from(document, "/x/status.json")


@pytest.mark.parametrize("key", sorted({*STATUS} - {*shapes.ESSENTIAL}))
def test_what_an_older_release_did_not_write_has_its_first_value(key: str) -> None:
    document = {name: value for name, value in STATUS.items() if name != key}
    assert status_record.status_from(document, "f")[key] == status_record.empty_status("", "", "", "", "")[key]  # type: ignore[literal-required]


@pytest.mark.parametrize("key", sorted({*TASK} & {*shapes.ESSENTIAL}))
def test_a_task_without_an_essential_key_is_damaged(key: str) -> None:
    document = {name: value for name, value in TASK.items() if name != key}
    with pytest.raises(DamagedFile, match=f"/x/task.json is damaged: no '{key}'"):
        task_record.task_from(document, "/x/task.json")


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("seq", "1", "'seq' is a str"),
        ("seq", None, "'seq' is a NoneType"),
        ("since", "now", "'since' is a str"),
        ("queued", {}, "'queued' is a dict"),
        ("queued", None, "'queued' is a NoneType"),
        ("up", "yes", "'up' is a str"),
        ("agent_id", 7, "'agent_id' is a int"),
        ("held_up", 3, "'held_up' is a int"),
        ("held_up", {"task": 3, "why": "", "since": 0.0}, "'task' is a int"),
        ("status", "sleepy", "'sleepy' is not a valid State"),
        ("status", None, "'status' is a NoneType"),
    ],
)
def test_a_status_with_a_value_of_another_type_is_damaged(key: str, value: object, says: str) -> None:
    with pytest.raises(DamagedFile, match=f"/x/status.json is damaged: {says}"):
        status_record.status_from({**STATUS, key: value}, "/x/status.json")


def test_a_task_with_an_unknown_step_is_damaged() -> None:
    with pytest.raises(DamagedFile, match="'lost' is not a valid Step"):
        task_record.task_from({**TASK, "status": "lost"}, "/x/task.json")


@pytest.mark.parametrize(("key", "value"), [("since", 3), ("session_id", None), ("session_id", "x"), ("pid", 7)])
def test_what_may_be_absent_or_a_whole_number_may_be_so(key: str, value: object) -> None:
    assert status_record.status_from({**STATUS, key: value}, "f")[key] == value  # type: ignore[literal-required]
