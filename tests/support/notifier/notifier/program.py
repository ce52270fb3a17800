"""How the scripted program in `agent.py` is started."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

LEAVE = "/exit"
CLEAR = ["C-u"]
CLOSE = ["Escape"]
EDITS = False
COLOURLESS: tuple[str, ...] = ()
HOMES: tuple[str, ...] = ()
MISLEADING: tuple[str, ...] = ()
INSTALL = "it comes with the tests"
TIMING = {"clear_again_s": 0.1, "receipt_s": 5.0, "first_look_s": 0.1, "silent_s": 8.0, "hook_limit_s": 10.0}


def binary(claude: str) -> str:
    """Return the interpreter."""
    return sys.executable


def release_command(binary: str) -> list[str]:
    """Return nothing: it has one release."""
    return []


def named(launch: Any) -> list[str]:
    """Return nothing: its arguments name no files."""
    return []


def reads(launch: Any) -> list[str]:
    """Return nothing: it has no settings."""
    return []


def check(launch: Any) -> None:
    """Accept any argument."""


def files(launch: Any) -> dict[str, bytes]:
    """Return nothing: all that it is told stands in its arguments."""
    return {}


def environment(launch: Any) -> dict[str, str]:
    """Return nothing."""
    return {}


def scrub(name: str) -> bool:
    """Return False: no variable misleads it."""
    return False


def command(launch: Any) -> list[str]:
    """Return the command line, with the command to notify in it."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "agent.py")
    notify = f"notify={json.dumps(launch['hook'])}"
    return [launch["binary"], "-I", "-S", program, "-c", notify, "-i", launch["system_prompt"], *launch["args"]]


def silent(launch: Any) -> str:
    """Return nothing: it always notifies."""
    return ""


def headless(launch: Any) -> list[str]:
    """Return nothing: it runs in a terminal only."""
    return []


def read_headless(stdout: str, stderr: str, exit_code: int | None) -> Any:
    """Return no reply."""
    return {"reply": None, "error": "it runs in a terminal only", "refused": []}


def enter_at_once(release: str) -> bool:
    """Return True: it reads its keys in their order."""
    return True


def key_bindings(environment: dict[str, str]) -> str:
    """Return nothing: its keys cannot be bound."""
    return ""


def keys(text: str) -> dict[str, list[str]]:
    """Return its keys."""
    return {"submit": ["Enter"], "stash": [], "edit": []}
