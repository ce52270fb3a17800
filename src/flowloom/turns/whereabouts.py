"""Where an agent's pane is, and whether it is provably gone.

An agent is gone when its tmux server says that the pane is, or when its process or
that server has provably ended. Everything else is a server that cannot be reached
from here, and moves nothing.
"""

from __future__ import annotations

from flowloom.errors import TmuxSilent, TmuxUnreachable
from flowloom.ports import births
from flowloom.ports.tmux.server import Tmux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.ports.births import Life
    from flowloom.ports.tmux.formats import Look, Window
    from flowloom.store.shapes import Process
    from flowloom.turns.record import Status


def socket(now: Status) -> str:
    """Return the socket of the tmux server that an agent's window is on; an older release noted its name only."""
    return now["socket_path"] or now["socket"] or "default"


def port(now: Status) -> Tmux:
    """Return the tmux server that an agent's window is on."""
    return Tmux(socket(now))


def look(now: Status) -> Look | None:
    """Return what stands in an agent's own pane, None where the agent is provably gone.

    Raises:
        TmuxUnreachable: it cannot be told from here.
    """
    pane = now["pane_id"]
    if not pane:
        return None
    try:
        refuse_stopped(now)
        seen = port(now).look(pane)
        answered = seen.server_pid if seen else port(now).server_pid()
    except TmuxUnreachable as error:
        if ended(now):
            return None
        raise unreachable(now, error) from error
    if seen is not None and is_own(now, seen):
        return seen
    if is_its_server(now, answered) or ended(now):
        return None
    other = TmuxUnreachable(f"another tmux server (process {answered}) answers at {port(now).socket}")
    raise unreachable(now, other)


class PaneListing:
    """The panes of agents as their tmux servers list them, each server asked once."""

    def __init__(self) -> None:
        self._servers: dict[str, dict[str, Window] | TmuxUnreachable] = {}

    def pane(self, now: Status) -> Window | None:
        """Return an agent's pane as it is listed, None where it is not: look closer then.

        Raises:
            TmuxUnreachable: its server cannot be reached from here, and it may run.
        """
        if ended(now):
            return None
        refuse_stopped(now)
        tmux = port(now)
        if tmux.socket not in self._servers:
            try:
                self._servers[tmux.socket] = {window.pane_id: window for window in tmux.windows()}
            except TmuxUnreachable as error:
                self._servers[tmux.socket] = error
        listed = self._servers[tmux.socket]
        if isinstance(listed, TmuxUnreachable):
            raise unreachable(now, listed)
        return listed.get(now["pane_id"] or "")


def is_own(now: Status, seen: Look | Window) -> bool:
    """Tell whether a pane is an agent's: on its server, with our mark, and with the program that we started in it."""
    process = program(now)
    mine = seen.agent_id == now["agent_id"] and is_its_server(now, seen.server_pid)
    return mine and (process is None or process["pid"] == seen.pid)


def is_its_server(now: Status, pid: int) -> bool:
    """Tell whether a server that answered is the one that an agent was started on; an older release noted none."""
    server = now["server"]
    if server is None:
        return True
    birth = births.of(pid)
    return server["pid"] == pid and (not birth or not server["birth"] or birth == server["birth"])


def program(now: Status) -> Process | None:
    """Return the process of an agent's program, of the last one where it is offline."""
    process = now["process"]
    return process or ({"pid": now["pid"], "birth": ""} if now["pid"] else None)


def life(now: Status) -> Life:
    """Tell what has become of an agent's program."""
    return births.life(program(now), noted_s=now["last_active"])


def ended(now: Status) -> bool:
    """Tell whether an agent's program, or the tmux server that held it, has provably ended."""
    return life(now) == "ended" or births.life(now["server"]) == "ended"


def close(now: Status) -> None:
    """Close the pane of an agent whose program has ended; one that a person has taken into use is left to them."""
    pane, tmux = now["pane_id"], port(now)
    try:
        seen = tmux.look(pane) if pane else None
    except TmuxUnreachable:
        return  # the pane is all there is to close
    if pane is None or seen is None or seen.agent_id != now["agent_id"]:
        return
    if is_own(now, seen):
        tmux.close_pane(pane, seen.pid)
    elif is_its_server(now, seen.server_pid):
        tmux.unmark(pane)


def refuse_stopped(now: Status) -> None:
    """Refuse to ask a tmux server that is stopped: it would not answer.

    Raises:
        TmuxSilent: naming it.
    """
    server = now["server"]
    if server and births.life(server) == "stopped":
        raise TmuxSilent(
            f"its tmux server (process {server['pid']}) does not answer: it is stopped",
            hint=f"let it run again: kill -CONT {server['pid']}",
        )


def unreachable(now: Status, error: TmuxUnreachable) -> TmuxUnreachable:
    """Return the error for an agent that may run and that cannot be reached from here."""
    server, hint = now["server"], error.hint
    if server and births.life(server) == "runs" and (error.absent or not hint):
        hint = f"its tmux server runs; make it listen there again: kill -USR1 {server['pid']}"
    kind = TmuxSilent if isinstance(error, TmuxSilent) else TmuxUnreachable
    told = kind(f"{now['agent_id']} cannot be reached: {error}", hint=hint)
    told.absent, told.reason = error.absent, error.reason or str(error)
    return told
