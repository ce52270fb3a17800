"""What a check is given and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flowloom.settings import Settings

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True)
class Finding:
    """One link of the chain: `fail` breaks it, `warn` may. `repair` says what to do, if anything is."""

    name: str
    level: Literal["ok", "warn", "fail"]
    saw: str
    repair: str = ""


@dataclass(frozen=True)
class Case:
    """What the doctor looks at: the project of a directory, with the settings in force there."""

    directory: str
    settings: Settings


def ok(name: str, saw: str) -> Finding:
    """Say that a link holds."""
    return Finding(name, "ok", saw)


def warn(name: str, saw: str, repair: str = "") -> Finding:
    """Say that a link may break."""
    return Finding(name, "warn", saw, repair)


def fail(name: str, saw: str, repair: str) -> Finding:
    """Say that a link is broken."""
    return Finding(name, "fail", saw, repair)
