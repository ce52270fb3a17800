"""The providers there are: one folder each beside this module, and those of other packages.

A folder's name is its provider's name, and its module `program` is the provider.
`report` and what it needs run in every hook call: standard library only.
"""

from __future__ import annotations

import os
import sys

from flowloom.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.providers.protocol import Provider


def names() -> list[str]:
    """Return the names of all providers there are."""
    here = os.path.dirname(os.path.abspath(__file__))
    own = [name for name in os.listdir(here) if os.path.exists(f"{here}/{name}/program.py")]
    return sorted({*own, *_entry_points()})


def find(name: str) -> Provider:
    """Return the provider called `name`.

    Raises:
        UsageError: there is none, or its package cannot be loaded; names those there are.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    module = f"flowloom.providers.{name}.program"
    # One that is loaded stays so: a waiter outlives an upgrade that replaces its files.
    if module in sys.modules or (
        name.isidentifier() and name[0] != "_" and os.path.exists(f"{here}/{name}/program.py")
    ):
        # Not by importlib, which loads `warnings`: 0.5 ms of every hook call.
        __import__(module)
        return sys.modules[module]
    found = _entry_points().get(name)
    if found is None:
        raise UsageError(f"there is no provider {name!r}", hint=f"there are: {', '.join(names())}")
    try:
        return found.load()  # type: ignore[no-any-return]
    except (ImportError, AttributeError, SyntaxError) as error:
        raise UsageError(
            f"the provider {name!r} cannot be loaded: {error}", hint=f"install its package again: {found.value}"
        ) from error


def load(name: str) -> None:
    """Load a provider with all that it imports later: a wait outlives an upgrade, which takes its files away."""
    for module in find(name).LATER:
        __import__(module)


def _entry_points() -> dict[str, Any]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - 25 ms, only for what is not built in

    return {point.name: point for point in entry_points(group="flowloom.providers")}
