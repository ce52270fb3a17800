"""Every agent at once: a tmux session of its own whose panes show the agents' windows.

Each pane runs a tmux client inside of tmux, in a session of its own to which one
agent's window is linked. So nothing is moved, the agent's window keeps its size
(`ignore-size`), and what is typed into a tile reaches the agent.

`main` is a process of its own, beside the view. It holds one more client, on a
terminal that is not shown: `ignore-size` counts only while a client without it is
there, and when the viewer detached, the agents got the size of their tiles. It
moves each tile to the newest lines of its window: tmux shows the part with the
cursor, which Claude Code hides, and then shows the top. And once the viewer is
gone it ends the sessions, one after the other: the option made for that,
`destroy-unattached`, makes tmux 3.3a crash, and all agents with it, when several
clients leave at the same time.
"""

from __future__ import annotations

import os
import select
import shlex
import sys
from contextlib import suppress

from flowloom.clock import steady_s
from flowloom.errors import TmuxFailed
from flowloom.ports import procs
from flowloom.ports.tmux.client import PREFIX, bound
from flowloom.ports.tmux.server import Tmux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.ports.tmux.formats import Window

# A tile of fewer cells shows nothing that helps.
COLUMNS, ROWS = 38, 9
# Whatever the user's own options are: we end these sessions, and their clients then leave.
LASTING = (("destroy-unattached", "off"), ("detach-on-destroy", "on"))
# A client on its way out can bring its session up once more.
TRIES = 20
READY_S = 5.0
# How often the tiles are moved to the newest lines.
NEWEST_S = 1.0
# The option of a page's window with its number.
PAGE = "@flowloom_page"


def per_page(columns: int, rows: int) -> int:
    """Return how many tiles a window of this size can show."""
    return max(1, columns // COLUMNS) * max(1, (rows - 1) // ROWS)


def view_command(
    socket: str, windows: list[Window], *, view: str, size: tuple[int, int], read_only: bool, again: str = ""
) -> list[str]:
    """Return the tmux command that opens a view of these windows on a terminal of this size.

    All of it is one sequence: had the agents' clients attached before the
    viewer's, they would set the size of the agents' windows. `again` is the key
    that another tmux around the terminal takes before the prefix, if any.
    """
    target = f"={view}:"
    tiles = [
        tile_command(socket, window, f"{view}-{place}", read_only=read_only) for place, window in enumerate(windows)
    ]
    limit = per_page(*size)
    pages = -(-len(tiles) // limit)
    command = ["tmux", "-L", socket, "new-session", "-s", view]
    command += ["-x", str(size[0]), "-y", str(size[1]), "-n", "agents", tiles[0]]
    for option, value in LASTING:
        command += [";", "set-option", "-t", target, option, value]
    command += _dress(target, windows[0], f"1/{pages}")
    for place in range(1, len(tiles)):
        if place % limit:
            command += [";", "split-window", "-t", target, tiles[place], ";", "select-layout", "-t", target, "tiled"]
        else:
            command += [";", "new-window", "-t", target, "-n", "agents", tiles[place]]
        command += _dress(target, windows[place], f"{place // limit + 1}/{pages}")
    line = _status_line(Tmux(socket), again, pages=pages, read_only=read_only)
    command += [";", "set-option", "-t", target, "status", "on"]
    command += [";", "set-option", "-t", target, "status-format[0]", line]
    command += [";", "select-window", "-t", f"{target}^", ";", "select-pane", "-t", f"{target}^.{{top-left}}"]
    return command


def _status_line(tmux: Tmux, again: str, *, pages: int, read_only: bool) -> str:
    """Return the status line of a view, with the keys as the user has bound them; what helps least stands last."""
    found = [(bound(tmux, "detach-client", "d"), "back")]
    found += [(bound(tmux, "next-window", "n"), f"page #{{{PAGE}}}")] if pages > 1 else []
    found += [("arrows", "another tile"), (bound(tmux, "resize-pane -Z", "z"), "enlarge it")]
    keys = "   ".join(f"{again}{PREFIX} {key}: {words}" for key, words in found)
    return f" {'#[reverse] read-only #[noreverse]  ' if read_only else ''}{keys}"


def _dress(target: str, window: Window, page: str) -> list[str]:
    """Return what gives the newest tile its title, and its window no tricks of the user's."""
    options = {"pane-border-status": "top", "remain-on-exit": "off", "synchronize-panes": "off"}
    options |= {"pane-border-format": " #{@flowloom_tile} ", "automatic-rename": "off", "allow-rename": "off"}
    options[PAGE] = page
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


def show_newest(tmux: Tmux, view: str) -> None:
    """Move every tile of a view to the last lines of its window, and to its left edge."""
    fmt = "#{window_bigger}|#{client_name}|#{client_height}|#{window_offset_x}|#{window_offset_y}|#{window_id}"
    lines = [line.split("|", 6) for line in tmux.run("list-clients", "-F", f"{fmt}|#{{client_session}}").splitlines()]
    tiles = [line[1:6] for line in lines if line[-1].startswith(f"{view}-") and line[0] == "1"]
    if not tiles:
        return
    ends = _content_ends(tmux, sorted({window_id for *_, window_id in tiles}))
    moves: list[str] = []
    for client, height, left, top, window_id in tiles:
        down = max(0, ends.get(window_id, 0) - int(height)) - int(top)
        if down:
            moves += [";", "refresh-client", "-t", client, "-D" if down > 0 else "-U", str(abs(down))]
        if int(left):
            moves += [";", "refresh-client", "-t", client, "-L", left]
    if moves:
        tmux.run(*moves[1:])


def _content_ends(tmux: Tmux, window_ids: list[str]) -> dict[str, int]:
    """Return, for each window, how many rows there are down to its last line that is not empty."""
    words: list[str] = []
    mark = os.urandom(8).hex()  # which no window shows
    for window_id in window_ids:
        words += [";", "display-message", "-p", f"{mark}{window_id}", ";", "capture-pane", "-p", "-t", window_id]
    ends: dict[str, int] = {}
    for part in tmux.run(*words[1:]).split(mark)[1:]:
        window_id, _, screen = part.partition("\n")
        ends[window_id] = len(screen.rstrip().split("\n"))
    return ends


def await_keeper(socket: str, view: str) -> None:
    """Start the process beside a view and wait until its client is there, or for READY_S."""
    reading, writing = os.pipe()
    procs.detach("flowloom.ports.tmux.tiles", [socket, view, str(os.getpid()), str(writing)], keep=[writing])
    os.close(writing)
    select.select([reading], [], [], READY_S)
    os.close(reading)


def main() -> None:
    """Hold a client beside a view, and end its sessions once it has no client.

    Its arguments: the server's socket, the name of the view, the process that
    opens it (which is the viewer's client then, or has ended), and the pipe that
    it closes when its own client is there.
    """
    tmux, view, opener, ready = Tmux(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    keeper = f"{view}-keeper"
    seen, tries, newest_s = False, 0, 0.0
    for _ in tmux.hold(keeper):
        shown = tmux.client_sessions()
        if keeper in shown and ready >= 0:
            os.close(ready)
            ready = -1
        there = view in shown
        seen = seen or there
        if there and steady_s() - newest_s >= NEWEST_S:
            newest_s = steady_s()
            with suppress(TmuxFailed):  # a tile that has just closed
                show_newest(tmux, view)
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
