"""The embedded agent: no login, no network, and faults on request (`flowloom.providers.echo.agent`)."""

from __future__ import annotations

import os
import sys

from flowloom.providers.claude import program as claude
from flowloom.providers.claude import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.providers.protocol import Keys, Launch

LEAVE = "/exit"
CLEAR = ["C-c"]
CLOSE = ["Escape"]
EDITS = False
COLOURLESS: tuple[str, ...] = ()
HOMES: tuple[str, ...] = ()
MISLEADING = claude.MISLEADING
INSTALL = "it comes with FlowLoom"
TIMING = claude.TIMING

# It reads the hooks in a settings file of Claude Code's, and honours the same arguments.
named = claude.named
reads = claude.reads
check = claude.check
files = claude.files
silent = claude.silent
scrub = claude.scrub
read_headless = claude.read_headless


def binary(claude: str) -> str:
    """Return the interpreter that runs it."""
    return sys.executable


def release_command(binary: str) -> list[str]:
    """Return nothing: it is of our own release."""
    return []


def environment(launch: Launch) -> dict[str, str]:
    """Return where it keeps what it was told, and what it says of its session."""
    return {
        "FLOWLOOM_ECHO_SESSIONS": f"{launch['agent_dir']}/sessions",
        "FLOWLOOM_ECHO_MEMORY": f"{launch['agent_dir']}/memory",
    }


def _program() -> str:
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "agent", "__main__.py")


def command(launch: Launch) -> list[str]:
    """Return the command line of an interactive agent."""
    conversation = ["--resume" if launch["resume"] else "--session-id", launch["session_id"]]
    return [
        *(launch["binary"], "-I", "-S", _program(), *conversation),
        *("--settings", f"{launch['files_dir']}/{claude.SETTINGS}", "-n", launch["agent_id"]),
        *("--append-system-prompt", launch["system_prompt"], *settings.split(launch["args"])[0]),
    ]


def headless(launch: Launch) -> list[str]:
    """Return the command line of one turn without a terminal; its words are those of `claude -p`."""
    return [
        *(launch["binary"], "-I", "-S", _program(), "-p", "--session-id", launch["session_id"]),
        *("-n", launch["agent_id"], "--append-system-prompt", launch["system_prompt"], *launch["args"]),
    ]


def key_bindings(environment: dict[str, str]) -> str:
    """Return nothing: its keys cannot be bound."""
    return ""


def keys(text: str) -> Keys:
    """Return its keys; it has none that opens an editor."""
    return {"submit": ["Enter"], "stash": ["C-s"], "edit": []}


def enter_at_once(release: str) -> bool:
    """Return True: it reads its keys in their order."""
    return True
