"""What tmux answers about panes and windows, as values, and how text is given to it."""

from __future__ import annotations

import signal

# The sessions of `attach --all` begin with this.
VIEW = "flowloom-view-"
# The option, set on the pane, that makes a pane ours.
MARK = "@flowloom_agent"
# The option, set on the pane, that names the last text of ours that was put there. With the pane's process it tells
# whether what a process is about to type was decided on what stands there now. An agent could set it to anything.
TYPED = "@flowloom_typed"
STAMP = "#{pane_pid}/#{s/[^a-z0-9.]//:" + TYPED + "}"
# Before 3.3 tmux does not know pane_dead_signal, and expands it to nothing.
END = "#{pane_dead_status},#{pane_dead_signal}"
# Where keys are not taken, or by something other than the pane's program.
DEAF = "#{||:#{pane_dead},#{||:#{pane_input_off},#{pane_in_mode}}}"
# What a user can name stands last: it may hold the separator.
LOOK = (
    "#{pane_dead}|#{pane_mode}|#{pane_input_off}|#{pane_pid}|"
    + END
    + "|#{pane_tty}|#{window_id}|#{pid}|"
    + STAMP
    + "|#{"
    + MARK
    + "}|#{socket_path}"
)


class Look:
    """What stands in a pane now: its screen with colours, and whether it lives, scrolls, and is still ours."""

    __slots__ = (
        "agent_id",
        "dead",
        "end",
        "input_off",
        "mode",
        "pid",
        "screen",
        "server_pid",
        "socket_path",
        "stamp",
        "tty",
        "window_id",
    )

    def __init__(self, answer: str) -> None:
        head, _, self.screen = answer.partition("\n")
        dead, self.mode, off, pid, end, self.tty, self.window_id, server, self.stamp, rest = head.split("|", 9)
        self.agent_id, _, self.socket_path = rest.partition("|")
        self.dead = dead == "1"
        self.input_off = off == "1"
        self.pid = int(pid or 0)
        self.server_pid = int(server or 0)
        self.end = _end(end)

    @property
    def in_mode(self) -> bool:
        """Tell whether tmux itself has the pane's keys: copy-mode, a chooser, a clock."""
        return bool(self.mode)


class Window:
    """One of our windows, as a listing has it: without its screen."""

    __slots__ = ("agent_id", "dead", "end", "name", "pane_id", "pid", "server_pid", "session", "window_id")

    def __init__(self, line: str) -> None:
        # As above.
        self.window_id, self.pane_id, dead, pid, end, server, self.agent_id, self.session, self.name = line.split(
            "|", 8
        )
        self.dead = dead == "1"
        self.pid = int(pid or 0)
        self.server_pid = int(server or 0)
        self.end = _end(end)

    @property
    def is_ours(self) -> bool:
        """Tell whether we opened it; a view shows our windows in sessions of its own, where they do not count."""
        return bool(self.agent_id) and not self.session.startswith(VIEW)


LIST = (
    "#{window_id}|#{pane_id}|#{pane_dead}|#{pane_pid}|" + END + "|#{pid}|#{" + MARK + "}|#{session_name}|#{window_name}"
)


def _end(answer: str) -> str:
    """Return how a dead pane's program ended, `exit 3` or `SIGKILL`; nothing where tmux does not know (yet)."""
    status, _, number = answer.partition(",")
    if not number:
        return f"exit {status}" if status else ""
    try:
        return signal.Signals(int(number)).name
    except ValueError:
        return f"signal {number}"


def refuses(stamp: str) -> str:
    """Return the format that is true of a pane which must get no keys: it takes none, or it is not as `stamp` says."""
    return f"#{{||:{DEAF},#{{!=:{STAMP},{stamp}}}}}" if stamp else DEAF


def argument(text: str) -> str:
    """Return a name or a path that a tmux command takes as it stands: `#(command)` in it would be run.

    tmux expands formats, but never before a `[`, where a `#` begins a style;
    and a `;` at the end of an argument begins the next command.
    """
    *before, last = text.split("[")
    bodies = [(each.rstrip("#"), each) for each in before]
    text = "[".join([*(literal(body) + each[len(body) :] for body, each in bodies), literal(last)])
    return f"{text[:-1]}\\;" if text.endswith(";") else text


def literal(text: str) -> str:
    """Return text that tmux draws as it stands in a status line."""
    return text.replace("#", "##")


def shown(text: str) -> str:
    """Return text that `display-message` shows as it stands: it expands the time (`%H`) too."""
    return argument(text.replace("%", "%%"))


def quoted(text: str) -> str:
    """Return text as one word of a tmux command string."""
    return "'" + text.replace("'", "'\\''") + "'"
