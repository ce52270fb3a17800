"""`FILE.delegate`: an order next to a prompt file, from a program that calls `hooks/editor`."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flowloom.errors import BadOrder
from flowloom.store import foreign

SUFFIX = ".delegate"


class Order(BaseModel):
    """The keys of a `.delegate` document; all are optional."""

    model_config = ConfigDict(extra="forbid", strict=True)

    to: str | list[str] | None = Field(None, description="the agent, or several that all get the same prompt")
    timeout: float | int | None = Field(None, gt=0, description="seconds; the task continues afterwards")
    reply: Literal["headed", "plain"] | None = Field(None, description="with the line above the reply, or without")

    def names(self, default: str) -> list[str]:
        """Return the names of the agents to ask."""
        if self.to is None:
            return [default]
        return [self.to] if isinstance(self.to, str) else self.to


def read(prompt_path: str) -> Order | None:
    """Return the order next to a prompt file; None if there is none.

    Raises:
        BadOrder: it is invalid; the message names the file, the line and the key.
        BadFile: it is not a regular file, too large, or not readable.
    """
    path = prompt_path + SUFFIX
    raw = foreign.read(path, foreign.CONFIG_BYTES)
    if raw is None:
        return None
    if not raw.strip():
        return Order.model_validate({})
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}: " if isinstance(error, json.JSONDecodeError) else ""
        raise BadOrder(f"{path}: {where}not valid JSON: {error}") from error
    try:
        return Order.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        line = next((n for n, text in enumerate(raw.decode(errors="replace").split("\n"), 1) if f'"{key}"' in text), 1)
        known = f"; known keys: {', '.join(Order.model_fields)}" if first["type"] == "extra_forbidden" else ""
        said = f"unknown key {key!r}{known}" if known else f"{key or 'the document'}: {first['msg']}"
        raise BadOrder(f"{path}: line {line}: {said}") from error
