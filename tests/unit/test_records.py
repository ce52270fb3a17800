"""What is read from disk is checked, and a complaint names the file and the key."""

from __future__ import annotations

from typing import Any

import pytest

from flowloom.errors import DamagedFile
from flowloom.store import shapes
from flowloom.store.layout import AgentRef
from flowloom.tasks import record as task_record
from flowloom.turns import record as status_record

STATUS: dict[str, Any] = dict(status_record.empty_status("planning@site", "planning", "planning", "site", "echo"))
TASK: dict[str, Any] = dict(task_record.empty_task("7k2m", "planning@site", AgentRef("site", "planning")))


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
        ("seq", True, "'seq' is a bool"),
        ("turn", "x", "'turn' is a str"),
        ("turn", {"task": 1}, "'task' is a int"),
        ("turn", {"whose": "nobody"}, "'whose' is 'nobody'"),
        ("turn", {"before": [1]}, "an item of 'before' is a int"),
        ("last_turn", {"at": "now"}, "'at' is a str"),
        ("parked", {"until": "soon"}, "'until' is a str"),
        ("parked", {"told": 1}, "'told' is a int"),
        ("also_parked", ["7k2m"], "an item of 'also_parked' is a str"),
        ("also_parked", [{"ids": "b1"}], "'ids' is a str"),
        ("question", "x", "'question' is a str"),
        ("question", {"text": None}, "'text' is a NoneType"),
        ("held_up", {"since": "now"}, "'since' is a str"),
        ("server", 17, "'server' is a int"),
        ("process", {"pid": "x"}, "'pid' is a str"),
        ("process", {"pid": 7, "birth": 1}, "'birth' is a int"),
        ("pid", "x", "'pid' is a str"),
        ("pid", -1, "'pid' is -1"),
        ("deaths", ["now"], "an item of 'deaths' is a str"),
    ],
)
def test_a_status_with_a_value_of_another_type_is_damaged(key: str, value: object, says: str) -> None:
    with pytest.raises(DamagedFile, match=f"/x/status.json is damaged: {says}"):
        status_record.status_from({**STATUS, key: value}, "/x/status.json")


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("journal", [1], "an item of 'journal' is a int"),
        ("journal", [{"step": "done", "at": "now"}], "'at' is a str"),
        ("headless", "x", "'headless' is a str"),
        ("headless", {"pid": "x"}, "'pid' is a str"),
        ("read", "yes", "'read' is a str"),
        ("notes", [None], "an item of 'notes' is a NoneType"),
    ],
)
def test_a_task_with_a_value_of_another_type_is_damaged(key: str, value: object, says: str) -> None:
    with pytest.raises(DamagedFile, match=f"/x/task.json is damaged: {says}"):
        task_record.task_from({**TASK, key: value}, "/x/task.json")


@pytest.mark.parametrize("like", [STATUS, TASK])
def test_every_value_that_may_be_absent_and_every_item_of_a_list_has_a_shape(like: dict[str, Any]) -> None:
    assert {key for key, value in like.items() if value is None} <= shapes.OPTIONAL.keys()
    assert {key for key, value in like.items() if isinstance(value, list)} <= shapes.ITEMS.keys()


def test_a_document_does_not_share_its_lists_with_the_next_one() -> None:
    first = status_record.status_from({key: STATUS[key] for key in ("agent_id", "status")} | {"turn": {}}, "f")
    second = status_record.status_from({key: STATUS[key] for key in ("agent_id", "status")} | {"turn": {}}, "f")
    assert first["turn"] is not None
    first["turn"]["before"].append("b1")
    assert second["turn"] is not None
    assert second["turn"]["before"] == []


def test_a_task_with_an_unknown_step_is_damaged() -> None:
    with pytest.raises(DamagedFile, match="'lost' is not a valid Step"):
        task_record.task_from({**TASK, "status": "lost"}, "/x/task.json")


@pytest.mark.parametrize(("key", "value"), [("since", 3), ("session_id", None), ("session_id", "x"), ("pid", 7)])
def test_what_may_be_absent_or_a_whole_number_may_be_so(key: str, value: object) -> None:
    assert status_record.status_from({**STATUS, key: value}, "f")[key] == value  # type: ignore[literal-required]
