"""Agent programs, one file each: values in, values out.

A provider never touches a terminal, a file, a process or a clock. Its module
offers the functions of `Provider`; its file name is its name. Third parties add
one through the entry point group `flowloom.providers`, whose value is such a
module.

`report` and what it needs run in every hook call: standard library only.
"""

from __future__ import annotations

import os
import sys

from flowloom.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol, TypedDict

    from flowloom.records import Keys, Report, Screen

    class Launch(TypedDict):
        """What a provider needs to know to start its program."""

        # What stands behind each is in docs/how-to/write-a-provider.md, word for word.
        binary: str  # the path of the program
        agent_id: str  # the agent, such as `planning@site`
        agent_dir: str  # the folder of the agent's state
        session_id: str  # the conversation to begin, or to resume
        resume: bool  # whether it is resumed
        transcript: str  # the transcript of the conversation to resume; empty where that is not known
        dir: str  # the folder that the program starts in, with every link resolved
        settings_path: str  # the document that `settings` returned, as a file; empty for a run without a window
        system_prompt: str  # what to add to the program's own system prompt
        args: list[str]  # the user's own arguments; they come last
        user_mode: str  # the permission mode that the user's settings choose; empty where they choose none
        release: str  # the release of the program; empty where it is not known

    class Printed(TypedDict):
        """What a run without a terminal came to.

        `reply` is None where there is none, and `error` then says why. `refused`
        are tool calls that were denied because a headless run cannot ask a person.
        """

        reply: str | None
        error: str
        refused: list[str]

    class Provider(Protocol):
        """What an agent program must answer."""

        NAME: str  # its name, which is also that of its file
        LEAVE: str  # what is typed to end the program
        CLEAR: list[str]  # keys that empty the box, which no user can bind
        EDITS: bool  # whether the program can hand a draft to $VISUAL
        LATER: tuple[str, ...]  # modules that it imports in its functions; a wait loads them before it waits
        # Its screen is read by its colours; its tools get these variables back by the `env` of its settings.
        COLOURLESS: tuple[str, ...]  # variables that take the colours from the screen; it starts without them
        CUT_MARKS: tuple[bytes, ...]  # what a transcript holds where the output limit cut a reply; none if never

        def binary(self, claude: str) -> str:
            """Return the program to run; `claude` is the user's choice of Claude Code."""
            ...

        def release_command(self, binary: str) -> list[str]:
            """Return the command whose first word of output is the release; empty for none."""
            ...

        def environment(self, launch: Launch) -> dict[str, str]:
            """Return the variables that its windows get."""
            ...

        def scrub(self, name: str) -> bool:
            """Tell whether a variable would mislead the program and is taken out."""
            ...

        def command(self, launch: Launch) -> list[str]:
            """Return the command line of an interactive agent."""
            ...

        def headless(self, launch: Launch) -> list[str]:
            """Return the command line that carries out the prompt on stdin and exits; empty if there is none."""
            ...

        def read_headless(self, stdout: str, stderr: str, exit_code: int | None) -> Printed:
            """Return the result of such a run; the exit code is None if no process saw it end."""
            ...

        def settings(self, hook: str, extra: list[dict[str, Any]]) -> dict[str, Any]:
            """Return the settings document whose hooks run `hook`, with the user's own merged in."""
            ...

        def report(self, payload: dict[str, Any]) -> Report | None:
            """Return what a hook's payload says, in FlowLoom's terms; None if nothing follows from it."""
            ...

        def read_screen(self, screen: str) -> Screen:
            """Return what a `capture-pane -e` shows."""
            ...

        def refusal(self, screen: str) -> str:
            """Return why the last prompt never became a turn, where the screen says so."""
            ...

        def limit(self, screen: str) -> str:
            """Return what the window shows of a usage limit: `waits` to continue, `asks`, `cancelled`, or nothing."""
            ...

        def enter_at_once(self, release: str) -> bool:
            """Tell whether Enter may be sent together with the paste."""
            ...

        def key_bindings(self, environment: dict[str, str]) -> str:
            """Return the file in which the user binds the program's keys; empty for none."""
            ...

        def keys(self, text: str) -> Keys:
            """Return the keys that the file with this text leaves for what we do in the box."""
            ...

        def session_file(self, environment: dict[str, str], pid: int) -> str:
            """Return the file in which the program keeps the status of the session with this pid."""
            ...

        def moved_to(self, text: str) -> str:
            """Return the beginning of the id of the session that this one was moved to, from its session file."""
            ...

        def shown(self, text: str) -> str:
            """Return the beginning of the id of the session that its window shows, from its session file."""
            ...

        def sessions_command(self, binary: str) -> list[str]:
            """Return the documented command that tells the status of sessions too, but slowly; empty for none."""
            ...

        def read_sessions(self, text: str, pid: int, since_s: float = 0.0) -> str:
            """Return `busy`, `waiting` or `idle`, from a session file or that command's output; empty for none.

            An `idle` that was said before `since_s`, a time of day, is of an earlier turn.
            """
            ...

        def read_waiting(self, text: str, pid: int) -> str:
            """Return what a session that is `waiting` waits for, in the program's words; empty where it is not said."""
            ...

        def conversation_files(self, environment: dict[str, str], session_id: str) -> str:
            """Return the pattern of the files that a conversation can be kept in, below one folder; empty for none."""
            ...

        def resumable(self, transcript: bytes) -> bool:
            """Tell whether a conversation that left this transcript can be resumed."""
            ...

        def joined(self, transcript: bytes, message: str) -> str | None:
            """Return the reply whose last part is `message`, with its other parts; None where that is not there yet.

            With an empty `message`, what was said before the turn failed.
            """
            ...

        def reply_in_transcript(self, transcript: bytes, task_id: str) -> str | None:
            """Return the last message of the turn that a task began; asked when a hook was lost."""
            ...


def names() -> list[str]:
    """Return the names of all providers there are."""
    here = os.path.dirname(os.path.abspath(__file__))
    own = [name[:-3] for name in os.listdir(here) if name.endswith(".py") and not name.startswith("_")]
    return sorted({*own, *_entry_points()})


def find(name: str) -> Provider:
    """Return the provider called `name`.

    Raises:
        UsageError: there is none, or its package cannot be loaded; names those there are.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    module = f"{__name__}.{name}"
    # One that is loaded stays so: a waiter outlives an upgrade that replaces its files.
    if module in sys.modules or (name.isidentifier() and name[0] != "_" and os.path.exists(f"{here}/{name}.py")):
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
