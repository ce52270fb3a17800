"""A text is pasted into the input box of the agent's window, and Enter is pressed: look, paste, press, look again.

Nothing is pasted twice on a guess. The process that uses this holds the first place in line (`queue.line`), so no
other process pastes.
"""

from __future__ import annotations

from flowloom.clock import SYSTEM
from flowloom.ports import procs
from flowloom.terminal.ansi import plain_lines
from flowloom.transports.paste import drafts, held_up
from flowloom.transports.paste.keyboard import TRIES, UNCHANGED_AGAIN_S, Draft, Keyboard, key_name, look_at
from flowloom.transports.paste.lent_terminal import LentTerminal
from flowloom.turns import observed, questions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.clock import Clock
    from flowloom.ports.tmux.formats import Look
    from flowloom.ports.tmux.server import Tmux
    from flowloom.providers.protocol import Screen
    from flowloom.transports.protocol import AgentWindow, Evidence, Interruption, Ledger, Recall, Submission
    from flowloom.transports.text import Text
    from flowloom.turns.record import Status

# A text that still stands in the box after this time was not submitted by the last Enter.
ENTER_AGAIN_S = 0.8
ENTER_LIMIT = 4
# How often the window is looked at while Enter waits for the text to be there; and for the receipt.
LOOK_FOR_TEXT_S = 0.01
RECEIPT_AGAIN_S = 0.25
# A program that draws reads no keys for a moment.
SLOW_S = 1.0
# With an idle box, no text of ours in it and no receipt, the delivery is unknown after this time.
LOST_S = 5.0
# The time until the next attempt in a window that takes no input, or whose program did not read the paste.
REFUSED_AGAIN_S = 2.0
# A text that is never submitted is taken out of the box, and pasted again after this time: the user may bind the key.
ROUND_AGAIN_S = 30.0

NO_INPUT = "its window takes no input"


class Paste:
    """The transport that is always there. It keeps what it has seen of one agent's window from call to call."""

    NAME = "paste"

    def __init__(self, window: AgentWindow, ledger: Ledger, pause_s: float, clock: Clock = SYSTEM) -> None:
        self.window = window
        self.ledger = ledger
        self.clock = clock
        self.provider = window.provider()
        self._keyboard = Keyboard(pause_s, clock)
        self._draft = Draft(window, ledger, self._keyboard)
        self._lent = LentTerminal(window.name, clock) if self.provider.program.EDITS else None
        self._pressed = 0
        self._pressed_at_s = 0.0
        self._pasted_at_s = 0.0
        self._refused_at_s = -REFUSED_AGAIN_S
        self._before = ""
        self._rounds, self._round_at_s = 0, 0.0
        self._unread_since_s = 0.0
        self._awaited = False

    @property
    def again_s(self) -> float:
        """Return how soon to look again: at once while the first Enter waits for the text to be seen in the box."""
        at_once = self._pasted_at_s and self._pressed == 0 and self._awaited
        return LOOK_FOR_TEXT_S if at_once else RECEIPT_AGAIN_S

    @property
    def only_waits(self) -> bool:
        """Tell whether there is nothing to look for yet: Enter is pressed, and it is too early to press it again."""
        return self._pressed > 0 and self.clock.steady_s() - self._pressed_at_s < ENTER_AGAIN_S

    def ready(self, now: Status, look: Look) -> str:
        """Clear the way to an empty box, a step a call; return what is in the way, nothing once the box is free."""
        self._awaited = False
        if self.clock.steady_s() - self._refused_at_s < REFUSED_AGAIN_S:
            return NO_INPUT
        why = self._in_the_way(now, look, self.window.read_screen(look)) or self._not_again()
        if not why and not self.window.key_bindings()["submit"]:
            why = f"no key submits a prompt in its window{look_at(self.window)}"
        return why

    def submit(self, text: Text, now: Status, look: Look) -> Submission:
        """Paste a text, and press Enter where the release takes it together with the paste."""
        self._before = look.screen
        buffers = {f"flowloom-{text.task_id}-1": text.first_path, f"flowloom-{text.task_id}-2": text.body_path}
        at_once = self.provider.program.enter_at_once(now["release"])
        then = self.window.key_bindings()["submit"] if at_once else []
        how = self.window.tmux(now).paste(now["pane_id"] or "", buffers, *then, stamp=look.stamp, typed=text.stamp)
        if how == "stale":
            return "moved"
        if how == "refused":
            self._refused_at_s = self.clock.steady_s()
            return "refused"
        self._pasted_at_s = self.clock.steady_s()
        self._pressed, self._pressed_at_s = (1, self._pasted_at_s) if at_once else (0, self._pasted_at_s)
        self._awaited = True
        return "submitted"

    def pursue(self, text: Text, now: Status, look: Look, *, whole: bool) -> tuple[str, Evidence]:
        """Look why no receipt has come; press Enter again only where our text stands in the box."""
        why, evidence = self._pursue(text.task_id, now, look, self.window.read_screen(look), whole=whole)
        self._awaited = why == held_up.RECEIPT
        return why, evidence

    def uncover(self, now: Status, look: Look) -> str:
        """Leave what stands in the place of the box; return what it is."""
        return self._covered(now, look, self.window.read_screen(look))

    def interrupt(self, now: Status, look: Look) -> Interruption:
        """Press Esc in the agent's window if nothing was pasted since `look`."""
        tmux, pane = self.window.tmux(now), now["pane_id"] or ""
        if self._is_lent(look):
            return "lent"
        if look.in_mode:
            tmux.leave_mode(pane)
        if tmux.press(pane, "Escape", stamp=look.stamp):
            return "interrupted"
        after = tmux.look(pane)
        return "over" if after is not None and after.stamp != look.stamp else "refused"

    def take_back(self, text: Text, now: Status) -> Recall:
        """Take a text out of the box, or out of the turn that it has begun."""
        tmux, pane = self.window.tmux(now), now["pane_id"] or ""
        # From here on, the paste of a process that is just about to paste is refused.
        stamp = tmux.claim(pane, text.stamp)
        look = tmux.look(pane)
        if look is None or f"/{text.task_id}." not in stamp:
            return "unsent"
        now = self.window.status()
        if now["turn"] is not None or self._is_lent(look):
            return "sent"  # a key would reach the turn that runs, which is not its own, or a person's editor
        screen = self.window.read_screen(look)
        if screen["busy"] or self.window.session_says(now) == "busy":
            return self.interrupt(now, look)
        if look.in_mode:
            tmux.leave_mode(pane)
        own = drafts.own(screen)
        ours = own is not None and own.task_id == text.task_id
        return "removed" if ours and tmux.press(pane, *self.provider.program.CLEAR, stamp=look.stamp) else "sent"

    def _is_lent(self, look: Look) -> bool:
        """Tell whether a key would reach a person's editor; the one that clears the box would end the program."""
        return self.provider.program.EDITS and procs.is_lent(look.tty)

    def claim(self, text: Text, now: Status) -> None:
        """Refuse what another process, which is stopped now, would paste when it runs again."""
        self.window.tmux(now).claim(now["pane_id"] or "", text.stamp)

    # The text that was pasted several times and never submitted.

    @property
    def stuck(self) -> str:
        """Return why a text is not submitted however often it is pasted; empty where that has not been seen."""
        return self._not_submitted() if self._rounds >= TRIES else ""

    def _not_again(self) -> str:
        """Return why a text is not pasted once more by now; empty where it may be."""
        late = self._rounds < TRIES or self.clock.steady_s() - self._round_at_s >= ROUND_AGAIN_S
        return "" if late else self._not_submitted()

    def _not_submitted(self) -> str:
        key = key_name(self.window.key_bindings()["submit"])
        return f"its text stood in the input box, and {key} did not submit it; look at its window{look_at(self.window)}"

    # Before the paste.

    def _in_the_way(self, now: Status, look: Look, screen: Screen) -> str:
        tmux, pane = self.window.tmux(now), now["pane_id"] or ""
        lent = self._lent.reason(look) if self._lent else ""
        if lent:
            return held_up.KEEPS if self._draft.asked else lent
        if procs.unread_bytes(look.tty):
            # The program hangs, or a person types. It would read two keys at once, and two Ctrl-C end it.
            self._unread_since_s = self._unread_since_s or self.clock.steady_s()
            return held_up.HANGS if self.clock.steady_s() - self._unread_since_s >= SLOW_S else held_up.UNREAD
        self._unread_since_s = 0.0
        if look.input_off:
            return held_up.input_off(now)
        if look.in_mode:
            # A paste would work, Enter would not. A window with a clock in it never looks the same for long.
            if self._keyboard.undisturbed(f"mode {look.mode if look.mode == 'clock-mode' else look.screen}"):
                tmux.leave_mode(pane)
            return held_up.MODES.get(look.mode, f"tmux's {look.mode} is open in its window")
        if screen["kind"] != "box":
            return self._covered(now, look, screen)
        return (
            self._at_work(now, tmux, pane, look, screen)
            or self._keyboard.lead_back(tmux, pane, look, screen)
            or self._occupied(now, tmux, pane, look, screen)
        )

    def _covered(self, now: Status, look: Look, screen: Screen) -> str:
        """Leave an overlay above the box; take the agent for blocked on a dialog, or on something unknown."""
        question, keys = screen["question"], screen["keys"]
        if screen["listed"] and self.provider.session.opened(self.window.session_waits_for(now)):
            question, keys = None, self.provider.program.CLOSE
        if question is None and (screen["kind"] == "overlay" or keys):
            # The key that leaves the transcript opens it too.
            if self._keyboard.undisturbed(f"overlay {look.screen}") and keys and self._keyboard.may_press(look, 0.0):
                self._draft.keep_field(screen["field"])
                self.window.tmux(now).press(now["pane_id"] or "", *keys, stamp=look.stamp)
            return f"a person looks at something else in its window{_named(screen['title'])}"
        if question is None and not self._keyboard.undisturbed(f"none {look.screen}"):
            return "its window shows no input box"
        if question is None:
            lines = [line.strip(" ─╌│❯") for line in plain_lines(look.screen)]
            text = " / ".join([line for line in lines if line][-4:])[:200] or "an empty screen"
            question = observed.asks("something unknown", text, "look at its window")
        self.ledger.blocked(question)
        return questions.words(question)

    def _at_work(self, now: Status, tmux: Tmux, pane: str, look: Look, screen: Screen) -> str:
        """Return what its session is at although none of its hooks has said so: a turn, or something that is open.

        The session's own word counts, and the window only where the session says nothing.
        """
        said = self.window.session_says(now)
        if said == "busy":
            return held_up.BUSY
        if said == "waiting":
            asked = self.window.session_waits_for(now)
            if asked and not self.provider.session.opened(asked):
                return f"its session waits for an answer ({asked}); look at its window"
            # It stands above the box, which takes keys only once it is closed.
            if self._keyboard.undisturbed(f"open {look.screen}") and self._keyboard.may_press(look, 0.0):
                self._draft.keep_field(screen["field"])
                tmux.press(pane, *self.provider.program.CLOSE, stamp=look.stamp)
            return f"a person has left something open in its window{_named(screen['title'])}"
        # A running turn redraws its window: one that looks the same for a while only looks like one.
        if screen["busy"] and (said == "" or not self._keyboard.undisturbed(f"busy {look.screen}")):
            return "its window looks as if a turn runs"
        return ""

    def _occupied(self, now: Status, tmux: Tmux, pane: str, look: Look, screen: Screen) -> str:
        """Empty a box that is not empty: of our own text at once, of a person's draft after a pause, and it is kept."""
        if not screen["draft"]:
            return self._draft.empty()
        own = drafts.own(screen)
        if own is not None:
            if own.task_id == now["adopt"] and not self._keyboard.undisturbed(f"adopted {screen['draft']}"):
                return "a person is continuing an interrupted task in its window"
            self._clear(tmux, pane, look, own.task_id)
            return held_up.SETTLES
        return self._draft.put_aside(tmux, pane, look, screen)

    def _clear(self, tmux: Tmux, pane: str, look: Look, task_id: str) -> None:
        """Empty the box of our own text that was never submitted, once its task has it back."""
        self.ledger.unsent(task_id)
        if self._keyboard.may_press(look, self.provider.program.TIMING["clear_again_s"]):
            tmux.press(pane, *self.provider.program.CLEAR, stamp=look.stamp)

    # Between the paste and the receipt.

    def _pursue(self, task_id: str, now: Status, look: Look, screen: Screen, *, whole: bool) -> tuple[str, Evidence]:
        at_s = self.clock.steady_s()
        if not self._pasted_at_s:
            # The process before us was killed at this point: the window shows what became of the text.
            self._pasted_at_s = self._pressed_at_s = at_s
        lent = self._lent.reason(look) if self._lent else ""
        if lent:
            # The program is suspended. It may have read our text and take it once it has its terminal back; or the
            # editor has the text, and leaves it in the box.
            self._pasted_at_s = self._pressed_at_s = at_s
            return lent, "waiting"
        own = drafts.own(screen) if screen["kind"] == "box" and screen["draft"] else None
        mine = own is not None and own.task_id == task_id
        first = self._pressed == 0 and self._pressed_at_s == self._pasted_at_s
        first = first and whole and own is not None and mine and own.whole
        if at_s - self._pressed_at_s < ENTER_AGAIN_S and not first:
            return held_up.RECEIPT, "waiting"
        if not first and procs.unread_bytes(look.tty):
            # The program hangs. It takes our text once it continues; a second paste would give it the text twice.
            self._pasted_at_s = self._pressed_at_s = at_s
            return held_up.HANGS, "waiting"
        taken = self._taken_elsewhere(now, look, screen)
        if taken:
            return taken, "waiting"
        said = self.window.session_says(now)
        if mine and not (screen["busy"] and said != "idle"):
            # With the first Enter a stashed draft stands in the box again: a second one, pressed because the window was
            # drawn late, would submit it.
            late = self._draft.stashed or screen["stashed"]
            if self._pressed and late and at_s - self._pressed_at_s < UNCHANGED_AGAIN_S:
                return held_up.RECEIPT, "waiting"
            return self._ours_in_the_box(task_id, now, look, screen, whole=whole), "waiting"
        if screen["kind"] == "box" and said != "busy" and drafts.holds(screen["draft"], task_id):
            # The Enter was lost: a person's came at the same moment.
            return held_up.MIXED, "mixed" if self._keyboard.undisturbed(f"mixed {screen['draft']}") else "waiting"
        if self.provider.dialect.RECEIPT == "none" and self._pressed and screen["kind"] == "box":
            return held_up.RECEIPT, "taken"
        # A window that has not changed at all is that of a program that hangs with our text read.
        at_it = screen["busy"] or said == "busy" or look.screen == self._before
        waited_s = at_s - self._pasted_at_s
        if waited_s < LOST_S or (waited_s < self.provider.program.TIMING["receipt_s"] and at_it):
            return held_up.RECEIPT, "waiting"
        if screen["kind"] != "box":
            return held_up.RECEIPT, "hidden"
        shown = f"task {task_id} " in self.window.tmux(now).history(now["pane_id"] or "")
        return held_up.RECEIPT, "unsure" if shown else "absent"

    def _taken_elsewhere(self, now: Status, look: Look, screen: Screen) -> str:
        """Return why an Enter would not be taken, or by something other than the box; leave a mode of tmux."""
        if look.input_off:
            return held_up.input_off(now)
        if look.in_mode:
            self.window.tmux(now).leave_mode(now["pane_id"] or "")
            return held_up.MODES.get(look.mode, f"tmux's {look.mode} is open in its window")
        question = screen["question"] if screen["kind"] == "dialog" else None
        if question is None:
            return ""
        self.ledger.blocked(question)
        return questions.words(question)

    def _ours_in_the_box(self, task_id: str, now: Status, look: Look, screen: Screen, *, whole: bool) -> str:
        tmux, pane = self.window.tmux(now), now["pane_id"] or ""
        eaten = self._keyboard.lead_back(tmux, pane, look, screen, ours=True)
        if eaten:
            self._pressed_at_s = self.clock.steady_s()  # an Enter right behind an Escape is another key
            return eaten
        if whole and self._pressed < ENTER_LIMIT:
            self._pressed, self._pressed_at_s = self._pressed + 1, self.clock.steady_s()
            tmux.press(pane, *self.window.key_bindings()["submit"], stamp=look.stamp)
            return held_up.RECEIPT
        # The box holds half of the text, or takes no Enter: the text is taken out and pasted again.
        self._pressed = 0
        self._rounds, self._round_at_s = self._rounds + 1, self.clock.steady_s()
        self._clear(tmux, pane, look, task_id)
        return held_up.RECEIPT


def _named(title: str) -> str:
    return f" ({title})" if title else ""
