"""The providers there are: one folder each beside this module, and those of other packages.

A folder's name is its provider's name; each of its modules is a capability, loaded when it is asked for. A hook call
asks for the `dialect` alone: that and what it imports use the standard library only.
"""

from __future__ import annotations

import os
import sys

from flowloom.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.providers.protocol import Dialect, Launcher, Memory, ScreenReader, SessionReader

# The provider of an agent whose record names none.
DEFAULT = "claude"
REQUIRED = ("program", "dialect")
# What a program need not have. For what it does not declare, a module of this name in `undeclared/` answers.
OPTIONAL = ("screen", "session", "memory")
HERE = os.path.dirname(os.path.abspath(__file__))
ABSENT = "flowloom.providers.undeclared"


class Provider:
    """One provider by its package; each capability is loaded when it is first asked for, and kept."""

    program: Launcher  # how the program is started, and its keys
    dialect: Dialect  # how its hook calls are understood
    screen: ScreenReader  # how its window is read
    session: SessionReader  # how its own word on its session is read
    memory: Memory  # how its conversations are read

    def __init__(self, name: str, package: str) -> None:
        self.name = name
        self.package = package

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Load a capability, the first time."""
            if name not in (*REQUIRED, *OPTIONAL):
                raise AttributeError(f"{name!r} is no capability of a provider")
            module = self.__dict__[name] = self._capability(name)
            return module

    def declares(self, capability: str) -> bool:
        """Tell whether the provider has a capability of its own."""
        # One that is loaded stays so: a waiter outlives an upgrade that replaces its files.
        if f"{self.package}.{capability}" in sys.modules:
            return True
        if self.package == f"flowloom.providers.{self.name}":
            return os.path.exists(f"{HERE}/{self.name}/{capability}.py")
        from importlib.util import find_spec  # noqa: PLC0415 - 8 ms, only for what is not built in

        return find_spec(f"{self.package}.{capability}") is not None

    def _capability(self, name: str) -> Any:
        module = f"{self.package if name in REQUIRED or self.declares(name) else ABSENT}.{name}"
        if module not in sys.modules:
            try:
                # Not by importlib, which loads `warnings`: 0.5 ms of every hook call.
                __import__(module)
            except (ImportError, AttributeError, SyntaxError) as error:
                raise UsageError(
                    f"the provider {self.name!r} cannot be loaded: {error}",
                    hint=f"install its package again: {self.package}",
                ) from error
        return sys.modules[module]


def names() -> list[str]:
    """Return the names of all providers there are."""
    own = [name for name in os.listdir(HERE) if os.path.exists(f"{HERE}/{name}/dialect.py")]
    return sorted({*own, *_entry_points()})


def find(name: str) -> Provider:
    """Return the provider called `name`.

    Raises:
        UsageError: there is none; names those there are.
    """
    package = f"flowloom.providers.{name}"
    if f"{package}.dialect" in sys.modules or (
        name.isidentifier() and name[0] != "_" and os.path.exists(f"{HERE}/{name}/dialect.py")
    ):
        return Provider(name, package)
    found = _entry_points().get(name)
    if found is None:
        raise UsageError(f"there is no provider {name!r}", hint=f"there are: {', '.join(names())}")
    return Provider(name, str(found.value))


def load(name: str) -> None:
    """Load all capabilities of a provider: a wait outlives an upgrade, which takes its files away."""
    provider = find(name)
    for capability in (*REQUIRED, *OPTIONAL):
        provider._capability(capability)


def _entry_points() -> dict[str, Any]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - 25 ms, only for what is not built in

    return {point.name: point for point in entry_points(group="flowloom.providers")}
