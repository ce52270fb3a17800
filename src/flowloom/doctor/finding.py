"""The input of a check, and its findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flowloom.config.settings import Settings

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True)
class Finding:
    """One link of the chain: `fail` breaks it, `warn` may break it. `repair` says what to do, if anything."""

    name: str
    level: Literal["ok", "warn", "fail"]
    saw: str
    repair: str = ""


@dataclass(frozen=True)
class Case:
    """What the doctor looks at: the project of a directory, with its effective settings."""

    directory: str
    settings: Settings


def ok(name: str, saw: str) -> Finding:
    """Return the finding that a link works."""
    return Finding(name, "ok", saw)


def warn(name: str, saw: str, repair: str = "") -> Finding:
    """Return the finding that a link may break."""
    return Finding(name, "warn", saw, repair)


def fail(name: str, saw: str, repair: str) -> Finding:
    """Return the finding that a link is broken."""
    return Finding(name, "fail", saw, repair)
