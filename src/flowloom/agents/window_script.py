"""What a new window runs, with the environment of the process that opens it, not that of an old tmux server."""

from __future__ import annotations

import os
import shlex
from contextlib import contextmanager, suppress

from flowloom.clock import wall_s
from flowloom.ports.tmux.server import Tmux
from flowloom.store import files, old_files, state_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowloom.config.settings import Settings
    from flowloom.providers.protocol import Launcher

# What tmux and the window itself set.
WINDOW_OWN = {"TERM", "TMUX", "TMUX_PANE", "PWD", "OLDPWD", "SHLVL", "_", "COLUMNS", "LINES"}

# tmux opens a window within 20 s or never.
NEVER_RAN_S = 3600.0
# Variables with these prefixes that only the tmux server has belong to the process that started the server.
MISLEADING = ("FLOWLOOM_",)


def inherited(scrub: Callable[[str], bool]) -> dict[str, str]:
    """Return our own variables but those of the window and those that would mislead the program."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.isidentifier() and name not in WINDOW_OWN and not scrub(name)
    }


def write_script(
    path: str,
    of_server: list[str],
    wanted: dict[str, str],
    directory: str,
    command: list[str],
    program: Launcher,
    own_pid: str = "",
) -> None:
    """Write a script that runs `command` in `directory` with the variables `wanted`.

    Of those that the tmux server has (`of_server`), others stay, but those that would mislead `program` or take its
    colours. `own_pid` is the variable that tells the program's children its process id.
    It may hold secrets, so it deletes itself before anything else.
    """
    # A server that this opens has our own environment.
    inherits = {*of_server, *os.environ}
    stale = [name for name in sorted(inherits) if name.isidentifier() and name not in wanted]
    misleading = (*MISLEADING, *program.MISLEADING)
    lines = ["#!/bin/sh", 'rm -f -- "$0"']
    lines += [f"unset {name}" for name in stale if name.startswith(misleading) or name in program.COLOURLESS]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in wanted.items()]
    lines += [f"export {own_pid}=$$"] if own_pid else []
    lines += [f"cd {shlex.quote(directory)} || exit 1", f"exec {shlex.join(command)}", ""]
    files.write(path, "\n".join(lines).encode("utf-8", "surrogateescape"), durable=False)


@contextmanager
def kept_only_if_opened(script: str) -> Iterator[None]:
    """Delete a script whose window could not be opened; normally the script deletes itself."""
    try:
        yield
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(script)
        raise


def sweep() -> list[str]:
    """Remove scripts of windows that never ran, because the process that opened them was killed; return their paths.

    A script deletes itself when its window opens, and it holds the environment.
    """
    return old_files.remove(state_folder.windows_dir(), wall_s() - NEVER_RAN_S)


def open_beside(
    settings: Settings,
    name: str,
    directory: str,
    command: list[str],
    more: dict[str, str],
    program: Launcher,
    *,
    mark: str = "",
) -> str:
    """Open a window that belongs to no agent, with our environment and `more`; return its id.

    Nothing that would mislead `program` is handed on.
    """
    tmux = Tmux(settings.tmux_socket)
    sweep()
    state_folder.ensure()
    files.ensure_dir(state_folder.windows_dir())
    script = state_folder.window_script(os.urandom(16).hex())
    wanted = {**inherited(program.scrub), **more}
    write_script(script, tmux.global_names(), wanted, directory, command, program)
    with kept_only_if_opened(script):
        return tmux.open_beside(settings.session, name, directory, ["sh", script], mark=mark)
