"""The port to tmux: the session, our windows in it, and the keys that go into them.

Windows and panes are found by id and by an option that we set on them, never by
index or name: a user may rename and move them, and ids start again when a server
does. All of it is run directly, because somebody waits for it: `inventory.py` has
what takes its time (docs/decisions/0002).
"""

from __future__ import annotations

import os
import select
import subprocess

from flowloom.clock import Deadline
from flowloom.errors import TmuxFailed, TmuxUnreachable
from flowloom.ports.tmux.formats import LIST, LOOK, MARK, STAMP, TYPED, Look, Window, argument, quoted, refuses, shown
from flowloom.ports.tmux.reach import TmuxSocket, absent, gone, outside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    # `refused` by a pane that takes no keys; `stale` where another text was put there since the look.
    Pasted = Literal["pasted", "refused", "stale"]

# The option, set on a window that is no agent's, by which we find it again.
BESIDE = "@flowloom_beside"
# tmux before 3.5 crashes, with all that runs in it, when a client leaves or enters a dead pane whose program had asked
# for focus reports and was killed (https://github.com/tmux/tmux/issues/3776). Its modes are reset, which clears it;
# what it showed last stays in copy mode.
DIED = "if-shell -F '#{m/r:^(2|3\\.[0-4]),#{version}}' 'copy-mode ; send-keys -R'"
SIZE = ("200", "50")
HOLD_AGAIN_S = 0.25
# Ends the first of two lists.
BREAK = "= variables ="
# A window is tried ten times to open: nothing is lost the second time, 0.9 s in all.
AGAIN_S = 0.02


class Tmux(TmuxSocket):
    """One tmux server, with the commands that we need of it."""

    # The way to the paste.

    def look(self, pane_id: str) -> Look | None:
        """Return what stands in a pane, None when the server says that there is no such pane."""
        try:
            answer = self.run(
                "display-message", "-p", "-t", pane_id, LOOK, ";", "capture-pane", "-p", "-e", "-t", pane_id
            )
        except TmuxFailed as error:
            if gone(error):
                return None
            raise
        if answer.count("|") < 9:
            return None
        look = Look(answer)
        # tmux answers for a pane that is gone with empty formats, not with an error.
        return look if look.window_id else None

    def server_pid(self) -> int:
        """Return the process id of the server that answers."""
        return int(self.run("display-message", "-p", "#{pid}").strip() or 0)

    def collect(self) -> None:
        """Let tmux collect the programs that have ended: the end of any child of its makes it look for all of them.

        It misses one now and then (3.3a): its pane then counts as dead, without an exit code and without its hook.
        """
        self.run("run-shell", "-b", "true")

    def history(self, pane_id: str) -> str:
        """Return all that a pane has shown and still remembers, without colours."""
        try:
            return self.run("capture-pane", "-p", "-J", "-S", "-", "-t", pane_id)
        except TmuxFailed as error:
            if gone(error):
                return ""
            raise

    def paste(self, pane_id: str, buffers: dict[str, str], *keys: str, stamp: str = "", typed: str = "") -> Pasted:
        """Paste files one after the other, each bracketed, then press `keys`; tell whether it was done.

        `buffers` are the names of paste buffers and the paths that fill them: the
        only way that has no limit of size. To load and to paste is one process (4 ms).

        It is one sequence, and tmux runs a sequence without taking a viewer's
        keys in between, so no typing can come into the middle of it. Whether
        the pane can take it is asked in the same sequence: tmux 3.3a crashes, and all
        agents with it, when it is to paste into a dead one. The buffers are always
        gone afterwards.

        With the `stamp` of a look it is done only if nothing of ours was put there since, and leaves the name
        `typed`: a process that is stopped before its paste pastes nothing when it runs again and another one has.
        """
        load = [word for name, path in buffers.items() for word in ("load-buffer", "-b", name, argument(path), ";")]
        pasted = [f"paste-buffer -p -d -b {quoted(buffer)} -t {pane_id}" for buffer in buffers]
        noted = [f"set-option -p -t {pane_id} {TYPED} {quoted(typed)}"] if typed else []
        sequence = " ; ".join([*noted, *pasted, *([_keys(pane_id, *keys)] if keys else [])])
        says = f"display-message -p -t {pane_id} 'REFUSED {STAMP}'"
        refused = " ; ".join([says, *(f"delete-buffer -b {quoted(name)}" for name in buffers)])
        choice = ("if-shell", "-F", "-t", pane_id, refuses(stamp), refused, sequence)
        try:
            answer = self.run(*load, *choice)
        except TmuxUnreachable:
            raise  # whether it was pasted is seen when the server can be reached again
        except TmuxFailed:
            for buffer in buffers:
                self._try("delete-buffer", "-b", buffer)
            if self.look(pane_id) is None:
                return "refused"
            raise
        _, refused, now = answer.strip().partition("REFUSED ")
        if not refused:
            return "pasted"
        return "stale" if stamp and now != stamp else "refused"

    def claim(self, pane_id: str, typed: str) -> str:
        """Let no paste and no key reach a pane that an earlier look decided on; return its stamp until now."""
        try:
            show = ("display-message", "-p", "-t", pane_id, STAMP)
            return self.run(*show, ";", "set-option", "-p", "-t", pane_id, TYPED, typed).strip()
        except TmuxFailed as error:
            if not gone(error):
                raise
            return ""

    def press(self, pane_id: str, *keys: str, stamp: str = "") -> bool:
        """Press keys by their tmux names in a pane's program and nowhere else; tell whether it could take them.

        Nothing is pressed in a pane that is gone or dead, takes no input, or shows
        one of tmux's own modes, whose keys are commands; and with the `stamp` of a look,
        in one where another text of ours has been put since.
        """
        choice = ("display-message -p REFUSED", _keys(pane_id, *keys))
        try:
            return "REFUSED" not in self.run("if-shell", "-F", "-t", pane_id, refuses(stamp), *choice)
        except TmuxFailed as error:
            if not gone(error):
                raise
            return False

    def leave_mode(self, pane_id: str) -> None:
        """End copy-mode, a chooser or a clock, where keys do not reach the program; nothing where there is none."""
        self._try("copy-mode", "-q", "-t", pane_id)

    # Sessions and windows.

    def open_window(
        self, session: str, name: str, agent_id: str, directory: str, command: list[str], *, has_session: bool = True
    ) -> tuple[str, str]:
        """Open a window that runs `command`, making the session if need be; return window and pane id.

        Whether there is a session (`has_session`) may be out of date: it only says what is tried first.

        The window keeps its name, stays when the command fails (so that its
        last words can be read), and the session stays when no client is attached.
        """
        fmt = ["-P", "-F", "#{window_id}|#{pane_id}"]
        # Several words: tmux runs them itself, without the user's default-shell or default-command.
        tail = ["-n", argument(name), "-c", argument(directory), *command]
        dressed = [*tail, *_dress(f"={session}:{{end}}", name, agent_id)]
        made = self._make_window(session, fmt, dressed, has_session=has_session)
        window_id, _, pane_id = made.partition("|")
        return window_id, pane_id

    def open_beside(self, session: str, name: str, directory: str, command: list[str], *, mark: str = "") -> str:
        """Open a window that is no agent's, and return its id; it closes with its command.

        `find_beside` finds it by the beginning of its mark.
        """
        kept = [";", "set-option", "-t", f"={session}:", "destroy-unattached", "off"]
        kept += [";", "set-option", "-w", "-t", f"={session}:{{end}}", BESIDE, mark] if mark else []
        tail = ["-n", argument(name), "-c", argument(directory), *command, *kept]
        return self._make_window(session, ["-P", "-F", "#{window_id}"], tail)

    def find_beside(self, mark: str) -> tuple[str, str]:
        """Return the window whose mark begins so, and its whole mark; empty where there is none."""
        for line in self._lines("list-panes", "-a", "-F", f"#{{pane_dead}} #{{window_id}} #{{{BESIDE}}}"):
            dead, window_id, found = line.split(" ", 2)
            if dead == "0" and found.startswith(mark):
                return window_id, found
        return "", ""

    def _make_window(self, session: str, fmt: list[str], tail: list[str], *, has_session: bool = True) -> str:
        # In one sequence, or a program that ends at once takes its window along, `destroy-unattached on`
        # the session, and `exit-unattached on` the server, before we could keep them.
        in_session = ("new-window", "-d", "-a", *fmt, "-t", f"={session}:{{end}}", *tail)
        with_session = ("new-session", "-d", *fmt, "-s", argument(session), "-x", SIZE[0], "-y", SIZE[1], *tail)
        ways = (in_session, with_session) if has_session else (with_session, in_session)
        for attempt in range(10):
            try:
                return self.run(*ways[attempt % 2]).strip()
            except TmuxFailed as error:
                # There is no server or session, or one was made since we tried: the other way then.
                if not gone(error) and not absent(error) and "duplicate session" not in str(error):
                    raise
                last = error
                # A server whose last window was just closed refuses both until it has ended.
                select.select([], [], [], AGAIN_S * attempt)
        raise last

    def reopen(self, pane_id: str, directory: str, command: list[str]) -> bool:
        """Run `command` in the pane of a program that has ended; False where a program runs in it by now."""
        try:
            self.run("respawn-pane", "-c", argument(directory), "-t", pane_id, *command)
        except TmuxFailed as error:
            if "still active" not in str(error):
                raise
            return False
        return True

    def unmark(self, pane_id: str) -> None:
        """Leave a pane to the person who has taken it into use: it is no agent's any more."""
        self._try("set-option", "-p", "-u", "-t", pane_id, MARK)

    def windows(self) -> list[Window]:
        """Return all windows that we opened on this server.

        Raises:
            TmuxUnreachable: also where there is no server: what had windows there may run.
        """
        return [each for each in self.every_window() if each.is_ours]

    def every_window(self) -> list[Window]:
        """Return all panes on this server, ours or not, each with its window and session.

        Raises:
            TmuxUnreachable: as `windows` does.
        """
        try:
            lines = self.run("list-panes", "-a", "-F", LIST).splitlines()
        except TmuxFailed as error:
            if not gone(error):
                raise
            return []  # a server without a session answers "no current target"
        return [Window(each) for each in lines]

    def survey(self) -> tuple[list[Window], list[str]]:
        """Return what `every_window` and `global_names` do, in one process of tmux instead of two (5 ms each).

        Raises:
            TmuxUnreachable: as `windows` does.
        """
        ask = ("list-panes", "-a", "-F", LIST, ";", "display-message", "-p", BREAK, ";", "show-environment", "-g")
        try:
            panes, _, names = self.run(*ask).partition(f"\n{BREAK}\n")
        except TmuxFailed as error:
            if not gone(error):
                raise
            return [], self.global_names()  # it has no session
        return [Window(each) for each in panes.splitlines()], _names(names)

    def running(self, script: str) -> list[tuple[str, str, int]]:
        """Return window, pane and process of every living pane that was opened with this script."""
        fmt = "#{pane_dead}|#{window_id}|#{pane_id}|#{pane_pid}|#{pane_start_command}"
        split = [line.split("|", 4) for line in self._lines("list-panes", "-a", "-F", fmt)]
        return [(line[1], line[2], int(line[3])) for line in split if line[0] == "0" and script in line[4]]

    def tell(self, text: str, shown_ms: int, *, except_window: str = "") -> list[str]:
        """Show a line in the status line of every client of this server; return their terminals.

        A client that shows the window `except_window` is left out.
        """
        told = []
        for line in self.run("list-clients", "-F", "#{window_id} #{client_name}").splitlines():
            window, client = line.split(" ", 1)
            if window == except_window:
                continue
            self.run("display-message", "-c", client, "-d", str(shown_ms), shown(text))
            told.append(client)
        return told

    def close_pane(self, pane_id: str, pid: int) -> None:
        """Close a pane if its program is, or was, process `pid`; its window closes with its last pane.

        A window may hold other panes, which are its person's.
        """
        command = ("if-shell", "-F", "-t", pane_id, f"#{{==:#{{pane_pid}},{pid}}}", f"kill-pane -t {pane_id}")
        try:
            self.run(*command)
        except TmuxFailed as error:
            # The server can end with its last pane before it has answered.
            if not gone(error) and not absent(error):
                raise

    def global_names(self) -> list[str]:
        """Return the names of the variables of every new window."""
        return _names("\n".join(self._lines("show-environment", "-g")))

    def session_names(self) -> list[str]:
        """Return the names of all sessions; empty when no server runs."""
        return self._lines("list-sessions", "-F", "#{session_name}")

    def client_sessions(self) -> list[str]:
        """Return the name of the session that each client shows."""
        return self.run("list-clients", "-F", "#{client_session}").splitlines()

    def hold(self, session: str) -> Iterator[None]:
        """Be a client in a new session; yield every HOLD_AGAIN_S, at first more often, until the server ends.

        Client and session end when the generator is closed. The client has a
        terminal of its own, because tmux 3.3a crashes, and all agents with it,
        when a session is made while a client in control mode (-C) comes up.
        """
        ours, its = os.openpty()
        client = subprocess.Popen(
            [*self.client, "new-session", "-s", session, "exec cat"],
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
            if not gone(error) and not absent(error):
                raise


def _names(variables: str) -> list[str]:
    """Return the names of variables as tmux lists them."""
    return [line.partition("=")[0] for line in variables.splitlines() if "=" in line]


def _keys(pane_id: str, *keys: str) -> str:
    """Return the command that presses keys in one pane, and in no other where a person has synchronized them.

    tmux repeats the keys of `send-keys` in the panes of the window with
    `synchronize-panes` (3.3a; a paste goes to one pane only). Since 3.2 the option
    is each pane's own, and off in ours the others keep it among themselves.
    """
    alone = f"set-option -p -t {pane_id} synchronize-panes off"
    return f"{alone} ; send-keys -t {pane_id} {' '.join(map(quoted, keys))}"


def _dress(window: str, name: str, agent_id: str) -> list[str]:
    """Return what follows the command that opens a window: it is ours, keeps its name, and stays."""
    of_window = {"automatic-rename": "off", "allow-rename": "off", "remain-on-exit": "on", "synchronize-panes": "off"}
    return [
        *(";", "set-option", "-s", "exit-unattached", "off"),
        *(";", "set-option", "-t", window.partition(":")[0] + ":", "destroy-unattached", "off"),
        *(";", "set-option", "-p", "-t", window, MARK, agent_id),
        *(";", "set-option", "-p", "-t", window, "synchronize-panes", "off"),
        *(";", "set-hook", "-p", "-t", window, "pane-died", DIED),
        *(
            word
            for option, value in of_window.items()
            for word in (";", "set-option", "-w", "-t", window, option, value)
        ),
        *(";", "rename-window", "-t", window, argument(name)),
    ]
