"""The port to tmux: the session, our windows in it, and the keys that go into them.

Windows and panes are found by id and by an option that we set on them, never by
index or name: a user may rename and move them, and ids begin anew when a server
does. The few commands on the way to the paste are run directly; everything else
goes through libtmux, whose import takes longer than all of them together
(docs/decisions/0002).
"""

from __future__ import annotations

import os
import pty
import select
import subprocess

from flowloom.clock import Deadline
from flowloom.errors import TmuxFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from libtmux import Server

# The option, set on the pane, that makes a pane ours.
MARK = "@flowloom_agent"
# The sessions of `attach --all` begin with this.
VIEW = "flowloom-view-"
LOOK = "#{pane_dead}|#{pane_in_mode}|#{pane_pid}|#{pane_dead_status}|#{window_id}|#{" + MARK + "}"
# tmux itself gives up on a command long before; this only keeps a wedged server from holding us.
COMMAND_LIMIT_S = 20.0
SIZE = ("200", "50")
HOLD_AGAIN_S = 0.25
HINT = "see that tmux >= 3.2 is installed and answers: tmux -V; tmux -L {socket} list-sessions"


class Look:
    """What stands in a pane now: its screen with colours, and whether it lives, scrolls, and is still ours."""

    __slots__ = ("agent_id", "dead", "exit_status", "in_mode", "pid", "screen", "window_id")

    def __init__(self, answer: str) -> None:
        head, _, self.screen = answer.partition("\n")
        dead, mode, pid, status, self.window_id, self.agent_id = head.split("|", 5)
        self.dead = dead == "1"
        self.in_mode = mode not in ("", "0")
        self.pid = int(pid or 0)
        self.exit_status = int(status) if status.isdigit() else None


class Window:
    """One of our windows, as a listing has it: without its screen."""

    __slots__ = ("agent_id", "dead", "exit_status", "name", "pane_id", "pid", "session", "window_id")

    def __init__(self, line: str) -> None:
        self.session, self.window_id, self.pane_id, dead, pid, status, self.agent_id, self.name = line.split("|", 7)
        self.dead = dead == "1"
        self.pid = int(pid or 0)
        self.exit_status = int(status) if status.isdigit() else None


LIST = (
    "#{session_name}|#{window_id}|#{pane_id}|#{pane_dead}|#{pane_pid}|#{pane_dead_status}|#{"
    + MARK
    + "}|#{window_name}"
)


def outside(environment: dict[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which tmux takes no other server for its own."""
    kept = dict(os.environ if environment is None else environment)
    kept.pop("TMUX", None)
    kept.pop("TMUX_PANE", None)
    return kept


class Tmux:
    """One tmux server, by the name of its socket."""

    def __init__(self, socket: str) -> None:
        self.socket = socket

    def run(self, *command: str) -> str:
        """Run one tmux command sequence and return what it prints.

        Raises:
            TmuxFailed: tmux is missing, hangs, or refuses.
        """
        try:
            done = subprocess.run(
                ["tmux", "-L", self.socket, *command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=outside(),
                timeout=COMMAND_LIMIT_S,
                check=False,
            )
        except FileNotFoundError as error:
            raise TmuxFailed("tmux is not installed", hint="install it: sudo apt-get install tmux") from error
        except subprocess.TimeoutExpired as error:
            raise TmuxFailed(
                f"tmux (socket {self.socket}) does not answer: {command[0]}", hint=HINT.format(socket=self.socket)
            ) from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise TmuxFailed(f"tmux {command[0]}: {said}", hint=HINT.format(socket=self.socket))
        return done.stdout.decode(errors="replace")

    # The way to the paste.

    def look(self, pane_id: str) -> Look | None:
        """Return what stands in a pane, None when there is no such pane."""
        try:
            answer = self.run(
                "display-message", "-p", "-t", pane_id, LOOK, ";", "capture-pane", "-p", "-e", "-t", pane_id
            )
        except TmuxFailed as error:
            if gone(error):
                return None
            raise
        if answer.count("|") < 5:
            return None
        look = Look(answer)
        # tmux answers for a pane that is gone with empty formats, not with an error.
        return look if look.window_id else None

    def history(self, pane_id: str) -> str:
        """Return all that a pane has shown and still remembers, without colours."""
        try:
            return self.run("capture-pane", "-p", "-J", "-S", "-", "-t", pane_id)
        except TmuxFailed as error:
            if gone(error):
                return ""
            raise

    def paste(self, pane_id: str, buffers: dict[str, str], *, enter: bool) -> bool:
        """Paste files one after the other, each bracketed, then press Enter; False if the pane cannot take it.

        `buffers` are the names of paste buffers and the paths that fill them: the
        only way that has no limit of size. To load and to paste is one process (4 ms).

        It is one sequence, and tmux runs a sequence without taking a viewer's
        keys in between, so nobody's typing can come into the middle of it. A dead
        pane is asked for in the same sequence: tmux 3.3a crashes, and all agents
        with it, when it is to paste into one. The buffers are gone afterwards.
        """
        load = [word for buffer, path in buffers.items() for word in ("load-buffer", "-b", buffer, path, ";")]
        pasted = [f"paste-buffer -p -d -b {quoted(buffer)} -t {pane_id}" for buffer in buffers]
        pressed = [f"send-keys -t {pane_id} Enter"] if enter else []
        sequence = " ; ".join([*pasted, *pressed])
        refused = "display-message -p REFUSED"
        choice = ("if-shell", "-F", "-t", pane_id, "#{||:#{pane_dead},#{pane_input_off}}", refused, sequence)
        answer = self.run(*load, *choice)
        return "REFUSED" not in answer

    def press(self, pane_id: str, *keys: str) -> None:
        """Press keys by their tmux names."""
        self.run("send-keys", "-t", pane_id, *keys)

    def leave_mode(self, pane_id: str) -> None:
        """End copy-mode, in which a paste arrives and Enter does not."""
        self.run("send-keys", "-t", pane_id, "-X", "cancel")

    # Sessions and windows.

    def server(self) -> Server:
        """Return libtmux's view of the server."""
        from libtmux import Server  # noqa: PLC0415 - 45 ms, and not needed to deliver

        return Server(socket_name=self.socket)

    def _command(self, *command: str) -> list[str]:
        """Run a command through libtmux and return its lines.

        Raises:
            TmuxFailed: with what tmux said.
        """
        from libtmux.exc import LibTmuxException  # noqa: PLC0415 - as above

        with_outer = {name: os.environ.pop(name) for name in ("TMUX", "TMUX_PANE") if name in os.environ}
        try:
            answer = self.server().cmd(*command)
        except LibTmuxException as error:
            raise TmuxFailed(
                f"tmux {command[0]}: {str(error) or 'tmux is not installed'}", hint=HINT.format(socket=self.socket)
            ) from error
        finally:
            os.environ.update(with_outer)
        if answer.returncode:
            raise TmuxFailed(f"tmux {command[0]}: {' '.join(answer.stderr)}", hint=HINT.format(socket=self.socket))
        return list(answer.stdout)

    def open_window(
        self, session: str, name: str, agent_id: str, directory: str, command: list[str]
    ) -> tuple[str, str]:
        """Open a window that runs `command`, making the session if need be; return window and pane id.

        The window keeps its name, stays when the command fails (so that its
        last words can be read), and the session stays when nobody is attached.
        """
        fmt = ["-P", "-F", "#{window_id}|#{pane_id}"]
        # Several words: tmux runs them itself, without the user's default-shell or default-command.
        tail = ["-n", name, "-c", directory, *command]
        if self.has_session(session):
            made = self._command("new-window", "-d", *fmt, "-t", f"={session}:", *tail)
        else:
            # In one sequence, or `destroy-unattached on` would end the session before we could turn it off.
            made = self._command(
                *("new-session", "-d", *fmt, "-s", session, "-x", SIZE[0], "-y", SIZE[1], *tail),
                *(";", "set-option", "-t", f"={session}:", "destroy-unattached", "off"),
            )
        window_id, _, pane_id = made[0].partition("|")
        self._dress(window_id, pane_id, name, agent_id)
        return window_id, pane_id

    def _dress(self, window_id: str, pane_id: str, name: str, agent_id: str) -> None:
        self._command(
            *("set-option", "-p", "-t", pane_id, MARK, agent_id),
            *(";", "set-option", "-w", "-t", window_id, "automatic-rename", "off"),
            *(";", "set-option", "-w", "-t", window_id, "allow-rename", "off"),
            *(";", "set-option", "-w", "-t", window_id, "remain-on-exit", "on"),
            *(";", "set-option", "-w", "-t", window_id, "synchronize-panes", "off"),
            *(";", "rename-window", "-t", window_id, name),
        )

    def reopen(self, pane_id: str, directory: str, command: list[str]) -> None:
        """Run `command` in the pane of one that has ended."""
        self._command("respawn-pane", "-k", "-c", directory, "-t", pane_id, *command)

    def has_session(self, session: str) -> bool:
        """Tell whether the session exists."""
        try:
            self.run("has-session", "-t", f"={session}")
        except TmuxFailed as error:
            if gone(error):
                return False
            raise
        return True

    def windows(self) -> list[Window]:
        """Return all windows that we opened on this server."""
        try:
            lines = self.run("list-panes", "-a", "-F", LIST).splitlines()
        except TmuxFailed as error:
            if gone(error):
                return []
            raise
        # A view shows our windows in sessions of its own; each is told of where it is at home.
        return [each for each in map(Window, lines) if each.agent_id and not each.session.startswith(VIEW)]

    def running(self, script: str) -> list[tuple[str, str, int]]:
        """Return window, pane and process of every living pane that was opened with this script."""
        fmt = "#{pane_dead}|#{window_id}|#{pane_id}|#{pane_pid}|#{pane_start_command}"
        try:
            lines = self.run("list-panes", "-a", "-F", fmt).splitlines()
        except TmuxFailed as error:
            if gone(error):
                return []
            raise
        split = [line.split("|", 4) for line in lines]
        return [(line[1], line[2], int(line[3])) for line in split if line[0] == "0" and script in line[4]]

    def window_names(self, session: str) -> list[str]:
        """Return the names of all windows of a session, ours or not; empty when there is no session."""
        if not self.has_session(session):
            return []
        return self._command("list-windows", "-t", f"={session}:", "-F", "#{window_name}")

    def close_window(self, window_id: str) -> None:
        """Close one window; the session ends with its last one."""
        try:
            self._command("kill-window", "-t", window_id)
        except TmuxFailed as error:
            if not gone(error):
                raise

    def global_names(self) -> list[str]:
        """Return the names of the variables that the server gives to every new window."""
        try:
            lines = self.run("show-environment", "-g").splitlines()
        except TmuxFailed as error:
            if gone(error):
                return []
            raise
        return [line.partition("=")[0] for line in lines if "=" in line]

    def session_names(self) -> list[str]:
        """Return the names of all sessions; empty when no server runs."""
        try:
            return self.run("list-sessions", "-F", "#{session_name}").splitlines()
        except TmuxFailed as error:
            if gone(error):
                return []
            raise

    def client_sessions(self) -> list[str]:
        """Return the name of the session that each client shows."""
        return self.run("list-clients", "-F", "#{client_session}").splitlines()

    def hold(self, session: str) -> Iterator[None]:
        """Be a client in a new session; yield every HOLD_AGAIN_S, at first more often, until the server ends.

        Client and session end when the generator is closed. The client has a
        terminal of its own, because tmux 3.3a crashes, and all agents with it,
        when a session is made while a client in control mode (-C) comes up.
        """
        ours, its = pty.openpty()
        client = subprocess.Popen(
            ["tmux", "-L", self.socket, "new-session", "-s", session, "exec cat"],
            stdin=its,
            stdout=its,
            stderr=its,
            env=outside(),
            start_new_session=True,
        )
        os.close(its)
        try:
            again_s = 0.02
            while client.poll() is None:
                deadline = Deadline(again_s)
                again_s = min(HOLD_AGAIN_S, 1.3 * again_s)
                while not deadline.over():
                    if select.select([ours], [], [], deadline.left_s())[0]:
                        os.read(ours, 65536)
                yield
        except OSError:
            return  # its terminal was closed: the server is gone
        finally:
            self.end_session(session)
            os.close(ours)
            client.wait()

    def end_session(self, session: str) -> None:
        """End a session of ours; windows that are linked elsewhere live on."""
        try:
            self.run("kill-session", "-t", f"={session}")
        except TmuxFailed as error:
            if not gone(error):
                raise

    def attach_command(self, session: str, window_id: str, inside: str | None) -> list[str]:
        """Return the command that shows a window to the person at this terminal.

        `inside` is the value of TMUX: on the same server the client is switched
        over, everywhere else a client is attached, which returns on detach.
        """
        target = ["-t", f"={session}:{window_id}"]
        if inside and os.path.basename(inside.split(",")[0]) == self.socket:
            return ["tmux", "-L", self.socket, "switch-client", *target]
        return ["tmux", "-L", self.socket, "attach-session", *target]


def quoted(text: str) -> str:
    """Return text as one word of a tmux command string."""
    return "'" + text.replace("'", "'\\''") + "'"


def gone(error: TmuxFailed) -> bool:
    """Tell whether an error says that the server, session, window or pane does not exist."""
    said = str(error)
    return any(
        words in said
        for words in (
            "no server running",
            "can't find",
            "No such file or directory",
            "no current",
            "lost server",
            "server exited",
            "error connecting",
        )
    )
