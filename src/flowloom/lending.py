"""The terminal of an agent's window while its program has lent it: to a person's editor, or to a shell by a Ctrl-Z."""

from __future__ import annotations

from flowloom import procs
from flowloom.clock import steady_s
from flowloom.held_up import EDITOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.looks import Look

# Once it has its terminal back, a program draws an empty box for a moment, and then the draft that the editor left.
BACK_S = 1.0


class Lending:
    """Tells, from look to look, why a terminal that is lent takes no text."""

    def __init__(self) -> None:
        self._lent_at_s = -BACK_S

    def reason(self, look: Look) -> str:
        """Return why nothing may be typed or decided; empty once its program has had its terminal back for a moment."""
        if procs.is_lent(look.tty):
            self._lent_at_s = steady_s()
        return EDITOR if steady_s() - self._lent_at_s < BACK_S else ""
