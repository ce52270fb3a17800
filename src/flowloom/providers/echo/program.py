"""The embedded agent: no login, no network, and faults on request (`flowloom.providers.echo.agent`)."""

from __future__ import annotations

import os
import sys

from flowloom.providers.claude import program as claude

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.providers.protocol import Keys, Launch, Screen

NAME = "echo"
LEAVE = "/exit"
CLEAR = ["C-c"]
EDITS = False
LATER = claude.LATER
COLOURLESS: tuple[str, ...] = ()
CUT_MARKS: tuple[bytes, ...] = ()

# It speaks Claude Code's hook protocol, and shows the same box.
settings = claude.settings
report = claude.report
scrub = claude.scrub
read_sessions = claude.read_sessions
read_waiting = claude.read_waiting
refusal = claude.refusal
towards = claude.towards
shows = claude.shows
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
        *(launch["binary"], "-I", "-S", _program(), *conversation, "--settings", launch["settings_path"]),
        *("-n", launch["agent_id"], "--append-system-prompt", launch["system_prompt"], *launch["args"]),
    ]


def headless(launch: Launch) -> list[str]:
    """Return the command line of one turn without a terminal; its words are those of `claude -p`."""
    return [
        *(launch["binary"], "-I", "-S", _program(), "-p", "--session-id", launch["session_id"]),
        *("-n", launch["agent_id"], "--append-system-prompt", launch["system_prompt"], *launch["args"]),
    ]


def read_screen(screen: str) -> Screen:
    """Return what the screen shows; its footer says when it works."""
    seen = claude.read_screen(screen)
    seen["busy"] = "echo · esc to interrupt" in screen
    return seen


def limit(screen: str) -> str:
    """Return nothing: it has no limits."""
    return ""


def key_bindings(environment: dict[str, str]) -> str:
    """Return nothing: its keys cannot be bound."""
    return ""


def keys(text: str) -> Keys:
    """Return its keys; it has none that opens an editor."""
    return {"submit": ["Enter"], "stash": ["C-s"], "edit": []}


def enter_at_once(release: str) -> bool:
    """Return True: it reads its keys in their order."""
    return True


def session_file(environment: dict[str, str], pid: int) -> str:
    """Return the file in which it keeps the status of its session."""
    return f"{environment.get('FLOWLOOM_ECHO_SESSIONS', '')}/{pid}.json"


def moved_to(text: str) -> str:
    """Return nothing: its session stays in its window."""
    return ""


def shown(text: str) -> str:
    """Return nothing: its window shows one session."""
    return ""


def sessions_command(binary: str) -> list[str]:
    """Return nothing: its file says all."""
    return []


def conversation_files(environment: dict[str, str], session_id: str) -> str:
    """Return nothing: what it was told is kept with the agent."""
    return ""


def resumable(transcript: bytes) -> bool:
    """Return True: it keeps what it was told elsewhere."""
    return True


def joined(transcript: bytes, message: str) -> str | None:
    """Return the message: nothing cuts it."""
    return message


def reply_in_transcript(transcript: bytes, task_id: str) -> str | None:
    """Return None: it keeps no transcript."""
    return None
