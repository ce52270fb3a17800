"""One tmux server: how a command reaches it, and what it means when none does.

That this process cannot reach a server says nothing about the server: another
TMUX_TMPDIR, a sandbox without sockets, a socket that a cleaner of /tmp removed.
"""

from __future__ import annotations

import os
import subprocess

from flowloom.errors import TmuxFailed, TmuxSilent, TmuxUnreachable
from flowloom.store import files

# tmux itself gives up on a command long before; this only keeps a wedged or stopped server from holding us.
COMMAND_LIMIT_S = 20.0
# What tmux's client says of its own way to the server (client.c, tmux.c).
NO_WAY = (
    "no server running",
    "error connecting",
    "error creating",
    "couldn't create directory",
    "is not a directory",
    "has unsafe permissions",
    "lost server",
    "server exited",
)
ABSENT = ("no server running", "No such file or directory", "lost server", "server exited")
FORBIDDEN = ("Permission denied", "Operation not permitted", "Address family not supported")


def outside(environment: dict[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which tmux takes no other server for its own."""
    kept = dict(os.environ if environment is None else environment)
    kept.pop("TMUX", None)
    kept.pop("TMUX_PANE", None)
    return kept


class TmuxSocket:
    """One tmux server, by the name of its socket or by the socket's path."""

    def __init__(self, socket: str) -> None:
        self.socket = socket
        # A path is the same server whatever TMUX_TMPDIR says.
        self.client = ["tmux", "-S" if "/" in socket else "-L", socket]

    def path(self) -> str:
        """Return the path of the socket, as tmux makes it out of a name."""
        if "/" in self.socket:
            return self.socket
        return f"{os.environ.get('TMUX_TMPDIR') or '/tmp'}/tmux-{os.getuid()}/{self.socket}"  # noqa: S108 - tmux's own

    def run(self, *command: str) -> str:
        """Run one tmux command sequence and return what it prints.

        Raises:
            TmuxUnreachable: tmux is missing or hangs, or its server cannot be reached.
            TmuxFailed: it refuses.
        """
        files.refuse_slow("tmux runs")
        try:
            done = subprocess.run(
                [*self.client, *command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=outside(),
                timeout=COMMAND_LIMIT_S,
                check=False,
            )
        except FileNotFoundError as error:
            raise TmuxUnreachable(
                "tmux is not installed, or not in PATH", hint="install it: sudo apt-get install tmux; or set PATH"
            ) from error
        except OSError as error:
            raise TmuxUnreachable(f"tmux could not be run: {error.strerror}", hint=self.hint()) from error
        except subprocess.TimeoutExpired as error:
            raise TmuxSilent(f"tmux ({self.socket}) does not answer: {command[0]}", hint=self.hint()) from error
        if done.returncode:
            raise self.refused(command[0], done.stderr.decode(errors="replace").strip())
        return done.stdout.decode(errors="replace")

    def _try(self, *command: str) -> None:
        """Run a command whose object may be gone since the last look."""
        try:
            self.run(*command)
        except TmuxFailed as error:
            if not gone(error):
                raise

    def _lines(self, *command: str) -> list[str]:
        """Run a command that lists, and return its lines; none where there is no server, session or window."""
        try:
            return self.run(*command).splitlines()
        except TmuxFailed as error:
            if gone(error) or absent(error):
                return []
            raise

    def refused(self, command: str, said: str) -> TmuxFailed:
        """Return the error for what tmux said instead of doing it."""
        if not any(words in said for words in NO_WAY):
            return TmuxFailed(f"tmux {command}: {said}", hint=self.hint())
        hint = self.hint()
        if any(words in said for words in FORBIDDEN):
            hint = f"run this outside of the sandbox, as the user who started the agents: {' '.join(self.client)} ls"
        error = TmuxUnreachable(f"tmux {command}: {said}", hint=hint)
        error.absent = any(words in said for words in ABSENT)
        return error

    def hint(self) -> str:
        """Return what to try where tmux itself is the trouble."""
        return f"see that tmux >= 3.2 is installed and answers: tmux -V; {' '.join(self.client)} list-sessions"


def gone(error: TmuxFailed) -> bool:
    """Tell whether a server says that the session, window or pane does not exist."""
    said = str(error)
    if isinstance(error, TmuxUnreachable):
        return False
    return any(words in said for words in ("can't find", "no such", "not in a mode", "unknown buffer", "no current"))


def absent(error: TmuxFailed) -> bool:
    """Tell whether nothing listens at the socket: where a server is only to be opened, there is none yet."""
    return isinstance(error, TmuxUnreachable) and error.absent
