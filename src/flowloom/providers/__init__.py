"""Agent programs, one file each: values in, values out.

A provider never touches a terminal, a file, a process or a clock. Its module
offers the functions of `Provider`; its file name is its name. Third parties add
one through the entry point group `flowloom.providers`, whose value is such a
module.

`report` and what it needs run in every hook call: standard library only.
"""

from __future__ import annotations

import importlib
import os

from flowloom.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol, TypedDict

    from flowloom.records import Question, Report

    class Launch(TypedDict):
        """What a provider needs to know to start its program."""

        binary: str
        agent_id: str
        agent_dir: str
        session_id: str
        resume: bool
        settings_path: str
        system_prompt: str
        args: list[str]
        user_mode: str

    class Screen(TypedDict):
        """What a provider reads from a window.

        `kind` is `box` (the empty or filled input box takes text), `dialog` (a
        question stands there), `view` (a list, a menu or the transcript hides
        the box) or `none`. `draft` is the text in the box, `ours` the id of a
        task whose frame stands in it. `keys` lead back to the box from a
        `view`. `stashed` says that a draft is put aside already, and there is room for one.
        """

        kind: str
        busy: bool
        draft: str
        ours: str | None
        question: Question | None
        keys: list[str]
        stashed: bool

    class Provider(Protocol):
        """What an agent program must answer."""

        NAME: str
        LEAVE: str  # typed to end it
        TRUST: list[str]  # keys that answer the trust dialog with yes
        STASH: list[str]  # keys that put a person's draft aside until the next submission
        CLEAR: list[str]  # keys that empty the box of our own text

        def binary(self, claude: str) -> str: ...
        def release_command(self, binary: str) -> list[str]: ...
        def environment(self, launch: Launch) -> dict[str, str]: ...
        def scrub(self, name: str) -> bool: ...
        def command(self, launch: Launch) -> list[str]: ...
        def settings(self, hook: str, extra: list[dict[str, Any]]) -> dict[str, Any]: ...
        def report(self, payload: dict[str, Any]) -> Report | None: ...
        def read_screen(self, screen: str) -> Screen: ...
        def enter_at_once(self, release: str) -> bool: ...
        def session_file(self, environment: dict[str, str], pid: int) -> str: ...
        def sessions_command(self, binary: str) -> list[str]: ...
        def read_sessions(self, text: str, pid: int) -> str: ...
        def reply_in_transcript(self, transcript: bytes, task_id: str) -> str | None: ...


def names() -> list[str]:
    """Return the names of all providers there are."""
    here = os.path.dirname(os.path.abspath(__file__))
    own = [name[:-3] for name in os.listdir(here) if name.endswith(".py") and not name.startswith("_")]
    return sorted({*own, *_entry_points()})


def find(name: str) -> Provider:
    """Return the provider called `name`.

    Raises:
        UsageError: there is none; names those there are.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    if name.isidentifier() and os.path.exists(f"{here}/{name}.py"):
        return importlib.import_module(f"flowloom.providers.{name}")  # type: ignore[return-value]
    found = _entry_points().get(name)
    if found is None:
        raise UsageError(f"there is no provider {name!r}", hint=f"there are: {', '.join(names())}")
    return found.load()  # type: ignore[no-any-return]


def _entry_points() -> dict[str, Any]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - 25 ms, only for what is not built in

    return {point.name: point for point in entry_points(group="flowloom.providers")}
