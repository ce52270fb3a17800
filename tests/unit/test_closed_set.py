"""A closed set of strings behaves as the standard library's, for what FlowLoom asks of one."""

from __future__ import annotations

import copy
import enum
import json
import pickle
from typing import Any

import pytest

from flowloom.store import closed_set
from flowloom.tasks.steps import Step


def made(base: Any) -> Any:
    class Colour(base):  # type: ignore[misc]
        """A colour."""

        RED = "red"
        DARK_BLUE = "dark blue"

    return Colour


BOTH = pytest.mark.parametrize("base", [enum.StrEnum, closed_set.StrEnum], ids=["enum", "ours"])


@BOTH
def test_a_member_is_its_string_and_one_object(base: Any) -> None:
    colour = made(base)
    assert [*colour] == ["red", "dark blue"]
    assert colour("red") is colour.RED is next(iter(colour))
    assert (f"{colour.RED}", str(colour.RED), repr(colour.RED)) == ("red", "red", "<Colour.RED: 'red'>")
    assert (colour.DARK_BLUE.name, colour.DARK_BLUE.value, len(colour)) == ("DARK_BLUE", "dark blue", 2)
    assert type(colour.RED.value) is str
    assert json.dumps({"a": colour.RED}) == '{"a": "red"}'
    assert {colour.RED: 1}["red"] == 1
    assert copy.deepcopy(colour.RED) is colour.RED
    assert (colour.RED in colour, isinstance(colour.RED, colour)) == (True, True)


@BOTH
@pytest.mark.parametrize("value", ["green", "RED", None, 1, ["red"]])
def test_a_string_outside_of_the_set_is_refused(base: Any, value: object) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        made(base)(value)


def test_a_set_is_closed() -> None:
    with pytest.raises(AttributeError):
        made(closed_set.StrEnum).GREEN = "green"


def test_a_member_outlives_a_pickle() -> None:
    assert pickle.loads(pickle.dumps(Step.DONE)) is Step.DONE
