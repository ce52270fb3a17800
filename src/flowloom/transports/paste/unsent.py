"""What a person has not sent yet in an agent's window: kept whole before its program is ended, or named."""

from __future__ import annotations

from flowloom.clock import Deadline, steady_s
from flowloom.errors import AgentFailed
from flowloom.ports import procs
from flowloom.store.bell import pause
from flowloom.tasks import prompt as prompt_text
from flowloom.transports.paste import drafts
from flowloom.transports.paste.held_up import SUSPENDED
from flowloom.transports.paste.keyboard import TRIES
from flowloom.transports.paste.lent_terminal import LentTerminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.ports.tmux.formats import Look
    from flowloom.providers.protocol import Screen
    from flowloom.transports.protocol import AgentWindow
    from flowloom.turns.record import Status

# An overlay closes and a box is drawn within 0.2 s; a long conversation can take seconds.
OPENS_S = 5.0
# A stashed draft stands in the box again 50 ms after the key.
COMES_BACK_S = 0.3
# When its editor closes, Claude Code loses keys and shows an empty box for a moment.
SETTLED_S = 1.0
# No person writes in a window narrower than this. How often a key is pressed at once.
COLUMNS, ROWS = 40, 400


def keep(agent: AgentWindow, now: Status, pane: str, *, force: bool = False) -> None:
    """Keep the draft in an agent's box and the stashed one; `Agent.kept` says where.

    Raises:
        AgentFailed: something of a person's stands there that cannot be kept whole; what it is, and what was kept.
            With `force`, what the window shows of it is kept instead.
    """
    window = _Window(agent, now, pane)
    try:
        window.keep()
    except AgentFailed:
        if not force:
            raise
        if window.unkept:
            agent.kept = drafts.keep(agent.ref, window.unkept)


def keep_glued(agent: AgentWindow, look: Look | None, ours: str) -> None:
    """Keep what a person typed before or behind a text of ours that was not submitted."""
    if look is None or look.dead:
        return
    screen = agent.read_screen(look)
    words = screen["draft"].replace(ours, "", 1).strip() if screen["kind"] == "box" else ""
    if words and drafts.own(screen) is None:
        agent.kept = drafts.keep(agent.ref, words)


def _is_persons(screen: Screen) -> bool:
    return bool(screen["draft"]) and drafts.own(screen) is None


class _Window:
    """One agent's window, as it looked last."""

    def __init__(self, agent: AgentWindow, now: Status, pane: str) -> None:
        self.agent = agent
        self.now = now
        self.pane = pane
        self.tmux = agent.tmux(now)
        self.look: Look | None = None
        self.screen: Screen | None = None
        self.unkept = ""  # a draft, as much of it as could be read
        self._edited = False
        self._lent = LentTerminal(agent.name)

    def keep(self) -> None:
        screen = self._uncover()
        if screen is None or (not _is_persons(screen) and screen["draft"] and not screen["stashed"]):
            return
        if _is_persons(screen):
            shown = screen["draft"]
            kept = self._keep_draft(screen)
            screen = self._leave_history(kept) or screen
            if _is_persons(screen) and screen["draft"] != shown:
                self._keep_draft(screen, kept)
        # A menu below the box hides that a draft is stashed.
        if screen["draft"] and not self._empty():
            if screen["stashed"]:
                raise self._refusal("has a stashed draft, and its box cannot be cleared for it")
            return
        self._keep_stashed()

    def _see(self) -> Screen | None:
        """Look at the window; None where its program is gone."""
        self.look = self.tmux.look(self.pane)
        gone = self.look is None or self.look.dead
        self.screen = None if self.look is None or gone else self.agent.read_screen(self.look)
        return self.screen

    def _uncover(self) -> Screen | None:
        """Close what hides the box, where that loses nothing; return what the window shows then, None for nothing.

        Raises:
            AgentFailed: what a person has open stays open.
        """
        deadline, pressed_on = Deadline(OPENS_S), ""
        while True:
            screen = self._see()
            if screen is None or self.look is None:
                return None
            if screen["kind"] != "box" and not self.now["up"]:
                return None  # it is starting: no box has been there yet
            covers, may_pass = self._covers(self.look, screen)
            if not covers:
                return screen
            if not may_pass or deadline.over():
                raise self._refusal(covers)
            # The key that leaves the transcript opens it too.
            if screen["kind"] == "overlay" and self.look.screen != pressed_on:
                pressed_on = self.look.screen
                self._press(screen["keys"])
            pause(procs.LOOKED_AGAIN_S)

    def _covers(self, look: Look, screen: Screen) -> tuple[str, bool]:
        """Say what a person has open, nothing where the box is free; and whether it may close."""
        title = f" ({screen['title']})" if screen["title"] else ""
        lent = self._lent.reason(look) if self.agent.provider().program.EDITS else ""
        if lent:
            return "is suspended (Ctrl-Z)" if lent.startswith(SUSPENDED) else "has an editor open in its window", True
        if screen["field"]:
            return f"has words typed into what is open in its window{title}", False
        if screen["kind"] == "overlay":
            return f"has something open in its window{title}", screen["safe"] and bool(screen["keys"])
        if screen["question"] is not None:
            return f"has a question in its window ({screen['question']['text']})", False
        if screen["kind"] != "box":
            return "shows no input box in its window", True
        # Something above the box takes its keys. The session file reports its end late.
        waits = self.agent.session_says(self.now) == "waiting"
        return (f"has something open in its window{title}" if waits else ""), True

    def _keep_draft(self, screen: Screen, kept: str = "") -> str:
        """Keep the draft in the box, once: one that does not fit into it shows other rows later. Return its text."""
        fetched = self._fetch()
        text = self.unkept = fetched or screen["draft"]
        mark = prompt_text.placeholder(text)
        if mark is not None and mark.startswith("[Image"):
            raise self._refusal("has an image in its box, which cannot be kept")
        if mark is not None or (not fetched and not drafts.is_whole(screen)):
            raise self._refusal("has a draft in its box that cannot be read whole")
        if text.strip() != kept.strip():
            self.agent.kept = drafts.keep(self.agent.ref, text)
        self.unkept = ""
        return text

    def _leave_history(self, text: str) -> Screen | None:
        """Go forward to the newest draft: Up shows a former prompt in place of it. Return what the window shows then.

        Raises:
            AgentFailed: the box shows one prompt after the other.
        """
        screen = self._settle() if self._edited else self.screen
        deadline = Deadline(2 * OPENS_S)
        # In a text of several rows the key moves the cursor first.
        rows = min(text.count("\n") + len(text) // COLUMNS + 3, ROWS)
        while screen is not None and screen["draft"] and self._takes_keys():
            if not self._press(["Down"] * rows) or not self._changes(screen["draft"]):
                break
            screen = self.screen
            if deadline.over():
                raise self._refusal("shows a former prompt in place of a draft in its box")
        return self.screen

    def _fetch(self) -> str | None:
        """Return the draft as the agent's editor gets it, None where that does not answer."""
        keys = self.agent.key_bindings()["edit"]
        if not keys or not self._takes_keys() or not drafts.hands_over(self.agent.ref):
            return None
        self._edited = True
        text = drafts.fetch(self.agent.ref, lambda: self._press(keys))
        procs.await_true(lambda: self.look is None or not procs.is_lent(self.look.tty), timeout_s=OPENS_S)
        return text

    def _empty(self) -> bool:
        """Take what is kept out of the box; tell whether it is empty now."""
        if self._edited:
            self._settle()
        for _ in range(TRIES):
            if not self._takes_keys() or not self._press(self.agent.provider().program.CLEAR):
                break
            if procs.await_true(
                lambda: self._draft() == "", timeout_s=self.agent.provider().program.TIMING["clear_again_s"]
            ):
                return True
        return False

    def _keep_stashed(self) -> None:
        """Bring a stashed draft back into the empty box and keep it.

        Raises:
            AgentFailed: there is one, and it stays where it is.
        """
        keys = self.agent.key_bindings()["stash"]
        for _ in range(TRIES):
            shown = self.screen is not None and self.screen["stashed"]
            if not keys or not self._takes_keys() or not self._press(keys):
                break
            if procs.await_true(lambda: self._draft() != "", timeout_s=OPENS_S if shown else COMES_BACK_S):
                screen = self._settle()
                if screen is not None and _is_persons(screen):
                    self._keep_draft(screen)
                return
        if self.screen is not None and self.screen["stashed"]:
            raise self._refusal("has a stashed draft that cannot be read")

    def _draft(self) -> str:
        """Return what stands in the box now; empty where there is none."""
        screen = self._see()
        return screen["draft"] if screen is not None and screen["kind"] == "box" else ""

    def _changes(self, draft: str) -> bool:
        return procs.await_true(lambda: self._draft() != draft, timeout_s=COMES_BACK_S)

    def _settle(self) -> Screen | None:
        """Wait until the same draft has stood in the box for SETTLED_S; return what the window shows."""
        deadline, before, since_s = Deadline(OPENS_S), "", steady_s()
        while not deadline.over() and (not before or steady_s() - since_s < SETTLED_S):
            draft = self._draft()
            if draft != before:
                before, since_s = draft, steady_s()
            pause(procs.LOOKED_AGAIN_S)
        return self.screen

    def _takes_keys(self) -> bool:
        look = self.look
        return look is not None and not look.input_off and not procs.unread_bytes(look.tty)

    def _press(self, keys: list[str]) -> bool:
        if self.look is not None and self.look.in_mode:
            self.tmux.leave_mode(self.pane)
        return self.tmux.press(self.pane, *keys)

    def _refusal(self, what: str) -> AgentFailed:
        agent = self.agent
        kept = f"; another draft is kept, at the end of {agent.kept}" if agent.kept else ""
        hint = f"send, save or close it: flowloom attach {agent.name}; --force keeps only what its window shows"
        return AgentFailed(f"{agent.agent_id} {what}; it was not stopped{kept}", hint=hint)
