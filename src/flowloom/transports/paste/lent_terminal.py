"""The terminal of an agent's window while its program does not have it: an editor does, or nothing after a Ctrl-Z."""

from __future__ import annotations

from flowloom.clock import SYSTEM
from flowloom.ports import procs
from flowloom.transports.paste.held_up import EDITOR, HANDED_OVER, SUSPENDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.clock import Clock
    from flowloom.ports.tmux.formats import Look

# Once it has its terminal back, a program draws an empty box for a moment, and then the draft that the editor left.
BACK_S = 1.0
# How often we check which process reads the terminal. For a moment between a program and its editor, none does.
READERS_AGAIN_S = 1.0
# A program that is still suspended after this many SIGCONT does not react to them.
CONTINUED = 3


class LentTerminal:
    """Tells, from look to look, why a terminal that is lent takes no text; continues a program that is suspended."""

    def __init__(self, name: str, clock: Clock = SYSTEM) -> None:
        self.clock = clock
        self._name = name
        self._lent_at_s = -BACK_S
        self._readers_at_s = -READERS_AGAIN_S
        self._alone = 0
        self._why = ""

    def reason(self, look: Look) -> str:
        """Return why nothing may be typed or decided; empty once its program has had its terminal back for a moment."""
        at_s = self.clock.steady_s()
        if procs.is_lent(look.tty):
            self._lent_at_s = at_s
            if at_s - self._readers_at_s >= READERS_AGAIN_S:
                self._readers_at_s = at_s
                self._why = self._by_readers(look)
        elif at_s - self._lent_at_s >= BACK_S:
            self._readers_at_s, self._alone, self._why = at_s - READERS_AGAIN_S, 0, ""
        return self._why

    def _by_readers(self, look: Look) -> str:
        self._alone = 0 if procs.has_other_reader(look.tty, look.pid) else self._alone + 1
        if self._alone < 2:
            return HANDED_OVER if self._alone else EDITOR
        # tmux continues a program as soon as it stops: Claude Code misses that SIGCONT and reacts to the next one.
        procs.resume(look.pid)
        todo = f"; restart it: flowloom restart {self._name}" if self._alone - 1 > CONTINUED else ""
        return f"{SUSPENDED}{todo}"
