"""Runs that alternate, and what they come to: one row for each thing measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Row:
    """One thing measured: the median of its runs, and the bar it is held against.

    `against` names the row of the same bench that `ratio` and `over_ms` compare
    with; `bar` is one of `ms`, `ratio` and `over_ms`, with its limit.
    """

    bench: str
    what: str
    unit: str
    runs: list[float]
    against: str = ""
    ratio: float | None = None
    over: float | None = None
    bar: dict[str, float] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    def held(self) -> bool | None:
        """Tell whether every bar is held; None where there is none."""
        if not self.bar:
            return None
        values = {"value": self.median, "ratio": self.ratio, "over": self.over}
        return all((values[name] or 0.0) <= limit for name, limit in self.bar.items())

    def document(self) -> dict[str, Any]:
        rounded = {"median": round(self.median, 3), "min": round(min(self.runs), 3), "max": round(max(self.runs), 3)}
        found = {**asdict(self), **rounded, "held": self.held(), "runs": len(self.runs)}
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in found.items()}


def alternate(rounds: int, *runs: Callable[[], float]) -> list[list[float]]:
    """Call each of `runs` once a round, in turn, and return what each returned.

    A B A B, so that what else the machine does falls on all of them alike. One
    round more is run first and thrown away: it fills caches.
    """
    found: list[list[float]] = [[] for _ in runs]
    for number in range(rounds + 1):
        for kept, run in zip(found, runs, strict=True):
            value = run()
            if number:
                kept.append(value)
    return found


def timed_ms(run: Callable[[], object]) -> float:
    """Return how long one call takes."""
    began = time.monotonic()
    run()
    return (time.monotonic() - began) * 1000


def compare(rows: list[Row]) -> list[Row]:
    """Fill in ratios and differences between the rows of one bench."""
    by_name = {row.what: row for row in rows}
    for row in rows:
        if row.against:
            other = by_name[row.against].median
            row.ratio, row.over = row.median / other if other else None, row.median - other
    return rows


def table(rows: list[Row]) -> str:
    """Return the rows as lines for a person."""
    lines = [("bench", "what", "median", "min…max", "against", "bar", "")]
    for row in rows:
        spread = f"{min(row.runs):.1f}…{max(row.runs):.1f}"
        beside = f"{row.ratio:.2f} x, {row.over:+.1f} {row.unit}" if row.ratio is not None else ""
        bar = ", ".join(
            f"<= {limit:g} x" if name == "ratio" else f"<= {'+' if name == 'over' else ''}{limit:g} {row.unit}"
            for name, limit in row.bar.items()
        )
        verdict = {True: "held", False: "MISSED", None: ""}[row.held()]
        lines.append((row.bench, row.what, f"{row.median:.1f} {row.unit}", spread, beside, bar, verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
