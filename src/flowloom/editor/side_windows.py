"""Windows other than the agents' that the palette opens: a terminal in the project, another Claude Code."""

from __future__ import annotations

import os
import time

from flowloom.agents import launch, window_script
from flowloom.errors import UsageError
from flowloom.ports.tmux import server
from flowloom.providers import registry
from flowloom.store import files, projects, state_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.config.settings import Settings
    from flowloom.providers.protocol import Launcher

# Linux limits one argument or environment variable of a program to 131,071 bytes.
ARGUMENT_LIMIT_BYTES = 130_000


def ensure_terminal(draft: str, root: str, settings: Settings) -> tuple[str, str]:
    """Return the window of this project's terminal, opened with the draft in $PROMPT, and what to say of it.

    One that stands there already is taken, with whatever runs in it.

    Raises:
        UsageError: the draft is too long for a variable.
    """
    raw = _argument(draft, "$PROMPT")
    mark = f"terminal:{projects.slug_of(root)}:"
    whole = mark + files.sha256(raw)[:12]
    window_id, found = server.Tmux(settings.tmux_socket).find_beside(mark)
    if window_id:
        earlier = "This terminal was open already: its $PROMPT is the prompt you opened it with."
        return window_id, "" if found == whole else earlier
    shell = os.environ.get("SHELL") or "/bin/sh"
    return window_script.open_beside(settings, "terminal", root, [shell], {"PROMPT": draft}, _program(), mark=whole), ""


def refuse_parallel(draft: str, settings: Settings) -> None:
    """Refuse to start another Claude Code that could not start.

    Raises:
        UsageError: the draft is too long for an argument, or there is no such program.
    """
    _argument(draft, "a parallel Claude")
    launch.program(registry.find("claude"), settings, "a parallel Claude")


def open_parallel(draft: str, root: str, settings: Settings) -> None:
    """Start another Claude Code on the draft, in a window that closes with it; the draft is kept on disk."""
    state_folder.ensure()
    files.ensure_dir(state_folder.parallel_dir())
    kept = state_folder.parallel_draft(f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
    files.write(kept, draft.encode("utf-8", "surrogateescape"))
    command = ["sh", "-c", 'exec "$1" -- "$(cat "$2")"', "sh", settings.claude, kept]
    window_script.open_beside(settings, "parallel", root, command, {}, _program())


def _argument(draft: str, what: str) -> bytes:
    raw = draft.encode("utf-8", "surrogateescape")
    if len(raw) > ARGUMENT_LIMIT_BYTES:
        raise UsageError(f"Your prompt is too long for {what}", hint="send it to an agent")
    return raw


def _program() -> Launcher:
    return registry.find("claude").program
