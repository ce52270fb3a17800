"""A tmux client on the terminal that we were given: a person looks at an agent's window, and comes back."""

from __future__ import annotations

import os
import subprocess

from flowloom import tmux
from flowloom.errors import TmuxFailed

# For as long as this, in ms, its status line says how to come back.
TOLD_MS = "5000"


def show(command: list[str]) -> subprocess.Popen[bytes]:
    """Start the client of `command` on our stdin; it ends when the person detaches, its errors on its stderr.

    It says how to come back in the client's own status line, where the person looks.
    """
    # It draws on what its stdin is. Its stdout is for `[detached …]`, which would stand on Claude Code's screen.
    told = [";", "display-message", "-d", TOLD_MS, f"FlowLoom: back to your prompt with {_again()}#{{prefix}} d"]
    return subprocess.Popen([*command, *told], env=tmux.outside(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _again() -> str:
    """Return, in tmux's format language, the key that must be pressed before the client's own prefix, if any.

    Inside of another server with the same prefix the first press of it is for
    that server, whose d would detach the person's own client; the second one is
    handed on.
    """
    outer = os.environ.get("TMUX", "").partition(",")[0]
    if not outer:
        return ""
    try:
        port = tmux.Tmux(os.path.basename(outer))
        if port.run("display-message", "-p", "#{socket_path}").strip() != outer:
            return ""
        prefix = port.run("display-message", "-p", "-t", os.environ.get("TMUX_PANE", ""), "#{prefix}").strip()
    except TmuxFailed:
        return ""  # gone, or not in tmux's own folder: the client's prefix alone is told
    prefix = prefix.replace(",", "#,").replace("}", "#}")
    return f"#{{?#{{==:#{{prefix}},{prefix}}},{prefix} ,}}"
