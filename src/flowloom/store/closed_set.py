"""`StrEnum` for what a hook call loads: the standard library's `enum` takes it 4 ms.

The type checker sees the standard library's. FlowLoom uses no aliases, `auto` or flags, so they are left out.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import StrEnum
    from typing import Any
else:

    class _Members(type):
        """Make each string in a class's body one member of the set: the same object wherever its value is met."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _Members:
            values = {key: value for key, value in body.items() if key[0] != "_" and isinstance(value, str)}
            made = super().__new__(cls, name, bases, {k: v for k, v in body.items() if k not in values})
            members = {value: str.__new__(made, value) for value in values.values()}
            for key, value in values.items():
                type.__setattr__(made, key, members[value])
                members[value].__dict__["name"] = key
            type.__setattr__(made, "_members", members)
            return made

        def __call__(cls, value: object) -> str:
            try:
                return cls._members[value]
            except (KeyError, TypeError):
                raise ValueError(f"{value!r} is not a valid {cls.__name__}") from None

        def __iter__(cls) -> Iterator[str]:
            return iter(cls._members.values())

        def __len__(cls) -> int:
            return len(cls._members)

        def __contains__(cls, value: object) -> bool:
            return value in cls._members

        def __setattr__(cls, name: str, value: object) -> None:
            raise AttributeError(f"{cls.__name__} is closed: {name} cannot be set")

    class StrEnum(str, metaclass=_Members):
        """A closed set of strings."""

        def __repr__(self) -> str:
            return f"<{type(self).__name__}.{self.name}: {str(self)!r}>"

        def __reduce__(self) -> tuple[type, tuple[str]]:
            return type(self), (str(self),)

        @property
        def value(self) -> str:
            """Return the member as a plain string."""
            return str.__str__(self)


__all__ = ["StrEnum"]
