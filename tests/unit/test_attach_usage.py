"""Options of `flowloom attach` that would not do what they say are refused."""

from __future__ import annotations

import pytest

from flowloom.cli.attach import attach
from flowloom.errors import UsageError


@pytest.mark.parametrize("name", ["planning", None])
def test_a_window_that_takes_keys_is_not_opened_as_read_only(name: str | None) -> None:
    with pytest.raises(UsageError, match="--read-only"):
        attach(name, every=False, read_only=True)
