"""Every agent at once: a tmux session of its own whose panes show the agents' windows.

Each pane runs a tmux client inside of tmux, in a session of its own to which one
agent's window is linked. So nothing is moved, the agent's window keeps its size
(`ignore-size`), and what is typed into a tile reaches the agent.

`main` is a process of its own, beside the view. It holds one more client, on a
terminal that nobody sees: `ignore-size` counts only while a client without it is
there, and when the viewer detached, the agents got the size of their tiles. And
once the viewer is gone it ends the sessions, one after the other: the option made
for that, `destroy-unattached`, makes tmux 3.3a crash, and all agents with it, when
several clients leave at the same time.
"""

from __future__ import annotations

import os
import select
import shlex
import sys

from flowloom import procs
from flowloom.tmux import Tmux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.looks import Window

# A tile of fewer cells shows nothing that helps.
COLUMNS, ROWS = 38, 9
# Whatever the user's own options are: we end these sessions, and their clients then leave.
LASTING = (("destroy-unattached", "off"), ("detach-on-destroy", "on"))
# A client on its way out can bring its session up once more.
TRIES = 20
READY_S = 5.0


def per_page(columns: int, rows: int) -> int:
    """Return how many tiles a window of this size can show."""
    return max(1, columns // COLUMNS) * max(1, (rows - 1) // ROWS)


def view_command(
    socket: str, windows: list[Window], *, view: str, size: tuple[int, int], inside: bool, read_only: bool
) -> list[str]:
    """Return the tmux command that opens a view of these windows, on this terminal or in the client we are `inside` of.

    All of it is one sequence: had the agents' clients attached before the
    viewer's, they would set the size of the agents' windows.
    """
    target = f"={view}:"
    tiles = [
        tile_command(socket, window, f"{view}-{place}", read_only=read_only) for place, window in enumerate(windows)
    ]
    limit = per_page(*size)
    command = ["tmux", "-L", socket, "new-session", *(["-d"] if inside else []), "-s", view]
    command += ["-x", str(size[0]), "-y", str(size[1]), "-n", "agents", tiles[0]]
    for option in LASTING:
        command += [";", "set-option", "-t", target, *option]
    command += [";", "switch-client", "-t", target] if inside else []
    command += _dress(target, windows[0])
    for place in range(1, len(tiles)):
        if place % limit:
            command += [";", "split-window", "-t", target, tiles[place], ";", "select-layout", "-t", target, "tiled"]
        else:
            command += [";", "new-window", "-t", target, "-n", "agents", tiles[place]]
        command += _dress(target, windows[place])
    keys = "prefix d: leave   prefix arrows: another tile   prefix z: enlarge it"
    command += [";", "set-option", "-t", target, "status-left-length", "90"]
    command += [";", "set-option", "-t", target, "status-left", f" {keys} "]
    command += [";", "set-option", "-t", target, "status-right", ""]
    command += [";", "select-window", "-t", f"{target}^", ";", "select-pane", "-t", f"{target}^.{{top-left}}"]
    return command


def _dress(target: str, window: Window) -> list[str]:
    """Return what gives the newest tile its title, and its window no tricks of the user's."""
    options = {"pane-border-status": "top", "remain-on-exit": "off", "synchronize-panes": "off"}
    options |= {"pane-border-format": " #{@flowloom_tile} ", "automatic-rename": "off", "allow-rename": "off"}
    command = [";", "set-option", "-p", "-t", target, "@flowloom_tile", window.agent_id]
    for name, value in options.items():
        command += [";", "set-option", "-w", "-t", target, name, value]
    return command


def tile_command(socket: str, window: Window, session: str, *, read_only: bool) -> str:
    """Return the shell command of one tile: a client in a session that holds this one window.

    The session is born with a placeholder, which the agent's window replaces.
    """
    flags = "ignore-size,read-only" if read_only else "ignore-size"
    inner = ["tmux", "-u", "-T", "256,RGB", "-L", socket, "new-session", "-f", flags, "-s", session, "exec cat"]
    target = f"={session}:"
    for option in (*LASTING, ("status", "off")):
        inner += [";", "set-option", "-t", target, *option]
    inner += [";", "link-window", "-k", "-s", window.window_id, "-t", f"{target}^"]
    return f"unset TMUX TMUX_PANE; exec {shlex.join(inner)}"


def is_inside(socket: str, inside: str | None) -> bool:
    """Tell whether `inside`, the value of TMUX, means this server."""
    return bool(inside) and os.path.basename((inside or "").split(",")[0]) == socket


def await_keeper(socket: str, view: str) -> None:
    """Start the process beside a view and wait until its client is there, or for READY_S."""
    reading, writing = os.pipe()
    procs.detach("flowloom.tiles", [socket, view, str(os.getpid()), str(writing)], keep=[writing])
    os.close(writing)
    select.select([reading], [], [], READY_S)
    os.close(reading)


def main() -> None:
    """Hold a client beside a view, and end its sessions once nobody is at it.

    Its arguments: the server's socket, the name of the view, the process that
    opens it (which is the viewer's client then, or has ended), and the pipe that
    it closes when its own client is there.
    """
    tmux, view, opener, ready = Tmux(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    keeper = f"{view}-keeper"
    seen, tries = False, 0
    for _ in tmux.hold(keeper):
        shown = tmux.client_sessions()
        if keeper in shown and ready >= 0:
            os.close(ready)
            ready = -1
        there = view in shown
        seen = seen or there
        if there or (not seen and procs.alive(opener)):
            continue
        left = [name for name in tmux.session_names() if name == view or name.startswith(f"{view}-")]
        tries += 1
        if left == [keeper] or tries > TRIES:
            return
        for name in left:
            if name != keeper:
                tmux.end_session(name)


if __name__ == "__main__":
    main()
