"""Pressing keys in an agent's window: only after a person's pause, no key twice, and their draft saved first."""

from __future__ import annotations

from flowloom.clock import SYSTEM
from flowloom.tasks import prompt as prompt_text
from flowloom.transports.paste import drafts
from flowloom.transports.paste.held_up import KEEPS, SETTLES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.clock import Clock
    from flowloom.ports.tmux.formats import Look
    from flowloom.ports.tmux.server import Tmux
    from flowloom.providers.protocol import Keys, Screen
    from flowloom.transports.protocol import AgentWindow, Ledger

# A long conversation can take seconds to be redrawn: an unchanged window has not shown yet what a key did.
UNCHANGED_AGAIN_S = 10.0
# A key that failed this often is bound to something else by the user.
TRIES = 2

VISUAL = "vim's VISUAL mode is on in its window"
TYPES = "a person types in its window"
STASHED = "its input box has a draft, and another one is already stashed: send or clear one"


class Keyboard:
    """Tells when a key may be pressed in one agent's window."""

    def __init__(self, pause_s: float, clock: Clock = SYSTEM) -> None:
        self.clock = clock
        self._pause_s = pause_s
        self._seen = ""
        self._seen_since_s = 0.0
        self._key_at_s, self._key_on = -UNCHANGED_AGAIN_S, ""
        self._led_back = 0

    def undisturbed(self, what: str) -> bool:
        """Tell whether the window has looked the same for the time that a person's pause may take."""
        if what != self._seen:
            self._seen, self._seen_since_s = what, self.clock.steady_s()
        if self.clock.steady_s() - self._seen_since_s >= self._pause_s:
            self._seen = ""
            return True
        return False

    def may_press(self, look: Look, again_s: float) -> bool:
        """Tell whether a key may be pressed that must not be pressed twice; it is pressed next.

        A second one on the box that is empty by now, and is not drawn yet, would
        bring the draft back, or begin to end the program.
        """
        if self.clock.steady_s() - self._key_at_s < (UNCHANGED_AGAIN_S if look.screen == self._key_on else again_s):
            return False
        self._key_at_s, self._key_on = self.clock.steady_s(), look.screen
        return True

    def lead_back(self, tmux: Tmux, pane: str, look: Look, screen: Screen, *, ours: bool = False) -> str:
        """Leave a mode of the box that takes Enter for itself; return what is waited for, nothing without such a mode.

        At once where only our own text stands there. Not for ever: a user's status line can say the same.
        """
        if not screen["keys"] or self._led_back >= TRIES:
            self._led_back = self._led_back if screen["keys"] else 0
            return ""
        if (ours or self.undisturbed(f"visual {look.screen}")) and self.may_press(look, 0.0):
            self._led_back += 1
            tmux.press(pane, *screen["keys"], stamp=look.stamp)
        return VISUAL


class Draft:
    """What a person has typed into the box that a task needs: written to drafts.txt once, then taken out of the box."""

    def __init__(self, agent: AgentWindow, ledger: Ledger, keyboard: Keyboard) -> None:
        self.agent = agent
        self.ledger = ledger
        self.keyboard = keyboard
        self.stashed = False
        self._asked_for, self._asked_at_s, self._handed = "", 0.0, ""
        self._kept, self._kept_at, self._field = "", "", ""
        self._is_all = self._mixed = self._noted = False
        self._tries = 0

    @property
    def asked(self) -> bool:
        """Tell whether the agent's editor is asked to hand the draft over."""
        return bool(self._asked_for)

    def empty(self) -> str:
        """Return what an empty box still waits for: behind the editor, it is empty before the draft stands there."""
        waits = self._asked_for and self.keyboard.clock.steady_s() - self._asked_at_s < drafts.HANDED_WITHIN_S
        if not waits:
            self._kept, self._tries = "", 0
        return KEEPS if waits else ""

    def put_aside(self, tmux: Tmux, pane: str, look: Look, screen: Screen) -> str:
        """Keep the draft and empty the box, a step a call; return what is waited for."""
        draft = screen["draft"]
        if screen["stashed"]:
            return STASHED
        if not self._asked_for and draft != self._kept and not self.keyboard.undisturbed(f"draft {draft}"):
            return TYPES
        if self._asked_for and self._asked_for != draft:
            # The person is still typing: the pause begins again.
            self._asked_for = self._handed = ""
            return TYPES
        keys = self.agent.key_bindings()
        if draft != self._kept and self._is_fetched(tmux, pane, look, screen, keys["edit"]):
            return KEEPS
        if draft != self._kept:
            self._keep(screen)
        pressed = self._way_out(keys)
        if not pressed:
            return self._stuck(keys["stash"])
        if self.keyboard.may_press(look, self.agent.provider().program.TIMING["clear_again_s"]):
            self._take_out(tmux, pane, look, pressed)
        return SETTLES

    def keep_field(self, text: str) -> None:
        """Write down what a person has typed into an overlay that is about to be closed; nothing for an empty field."""
        if text and text != self._field:
            self._field = text
            path = drafts.keep(self.agent.ref, text)
            self.ledger.note(f"what was typed into an overlay in its window is kept, at the end of {path}")

    def _is_fetched(self, tmux: Tmux, pane: str, look: Look, screen: Screen, edit: list[str]) -> bool:
        """Ask the agent's editor for a draft that is not whole on the screen; tell whether it is still waited for."""
        if drafts.is_whole(screen) or not edit or not drafts.hands_over(self.agent.ref):
            return False
        if not self._asked_for:
            self._asked_for, self._asked_at_s = screen["draft"], self.keyboard.clock.steady_s()
            drafts.ask(self.agent.ref)
            tmux.press(pane, *edit, stamp=look.stamp)
            return True
        self._handed = drafts.collect(self.agent.ref) or self._handed
        return not self._handed and self.keyboard.clock.steady_s() - self._asked_at_s < drafts.HANDED_WITHIN_S

    def _keep(self, screen: Screen) -> None:
        """Write the draft down, as whole as it can be had."""
        text = self._handed or screen["draft"]
        self._kept, self._kept_at = screen["draft"], drafts.keep(self.agent.ref, text)
        # Only the box and Claude Code's own stash hold an image.
        self._is_all = bool(self._handed or not screen["cut"]) and prompt_text.placeholder(text) is None
        self._mixed = drafts.holds(text, self.ledger.task_id) and (bool(self._handed) or drafts.is_whole(screen))
        self._asked_for = self._handed = ""

    def _way_out(self, keys: Keys) -> list[str]:
        """Return the keys that take the kept draft out of the box, none where that would lose something."""
        clear = self.agent.provider().program.CLEAR
        if self._tries >= 2 * TRIES:
            return []  # not even that key empties the box
        if self._mixed:
            # A stashed text would come back after this delivery, and one Enter would submit the task again.
            return clear
        # Claude Code's own stash has the whole of a draft that the editor did not hand over.
        if keys["stash"] and self._tries < TRIES:
            return keys["stash"]
        return clear if self._is_all else []

    def _take_out(self, tmux: Tmux, pane: str, look: Look, pressed: list[str]) -> None:
        self._tries += 1
        cleared = pressed == self.agent.provider().program.CLEAR
        self.stashed = not cleared
        if cleared and not self._noted:
            self._noted = True
            said = "a person typed into its text in the box" if self._mixed else "a draft was taken out of the box"
            self.ledger.note(f"{said}: {self._kept_at}")
        tmux.press(pane, *pressed, stamp=look.stamp)

    def _stuck(self, stash: list[str]) -> str:
        """Say why the draft stays in the box."""
        how = f"{key_name(stash)} does not put it aside" if stash else "no key puts it aside"
        return f"its input box has a draft, and {how}: send or clear it{look_at(self.agent)}"


def key_name(keys: list[str]) -> str:
    """Return tmux keys as people write them; `its key` where only a terminal's sequence has a name for them."""
    if any(key.startswith("[") for key in keys):
        return "its key"
    return " ".join(f"Ctrl-{key[2:].upper()}" if key.startswith("C-") else key for key in keys)


def look_at(agent: AgentWindow) -> str:
    """Return a remark that names the file in which the user binds the program's keys; empty where there is none."""
    path = agent.key_bindings_file()
    return f" (see {path})" if path else ""
