"""The wait on a terminal: what is drawn, the keys that end or change it, and the questions it may have to ask.

Without a terminal there is no screen, and every question has its safe answer.
"""

from __future__ import annotations

import os
import select
import subprocess

from flowloom import tmux, wait_view
from flowloom.ages import age
from flowloom.clock import steady_s, wall_s
from flowloom.states import Step
from flowloom.terminal import Terminal
from flowloom.wait_view import BOLD, DIM, RESET, YELLOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.coordinator import View
    from flowloom.errors import FlowLoomError
    from flowloom.records import Status, Task

# How long a bad end stays on the screen when nobody presses a key.
TELL_S = 20.0
# How often the windows and the clock on the screen are drawn anew.
DRAW_AGAIN_S = 0.5


def open_screen(hangup_fd: int) -> WaitScreen:
    """Return a screen for the terminal at stdin and stdout, or one that shows nothing where there is none.

    It takes the terminal over at its first use; a question on it is given up
    when `hangup_fd` can be read.
    """
    if os.isatty(0) and os.isatty(1):
        return OnTerminal(hangup_fd)
    return WaitScreen(hangup_fd)


class WaitScreen:
    """No terminal: nothing is shown and nothing can be pressed."""

    fds: tuple[int, ...] = ()

    def __init__(self, hangup_fd: int) -> None:
        self.hangup_fd = hangup_fd
        self.chosen = ""

    def show(self, views: list[View]) -> bool:
        """Show what there is to see; False when the person does not want to wait on (then `chosen` says what)."""
        return True

    def choose_former(self, task: Task) -> str:
        """Ask what to do with a task that the same draft was sent as: rejoin, new, back."""
        return "rejoin"

    def choose_interrupted(self, view: View) -> str:
        """Ask what to do after an interruption: wait, again, give up."""
        return "give up"

    def opened(self) -> Terminal:
        """Return the terminal, taken over."""
        raise NotImplementedError

    def attach(self, now: Status | None) -> str:
        """Show an agent's window until the person comes back; return what to tell them then."""
        return ""

    def show_window(self, socket: str, window_id: str) -> str:
        """Show any window until the person comes back; return what to tell them then."""
        return ""

    def tell(self, error: FlowLoomError) -> None:
        """Show a bad end until it was read."""

    def close(self) -> None:
        """Give the terminal back."""


class OnTerminal(WaitScreen):
    """The wait on a terminal."""

    fds = (0,)

    def __init__(self, hangup_fd: int) -> None:
        super().__init__(hangup_fd)
        self.started_s = steady_s()
        self.asking = False
        self.note = ""
        self.part = 0
        self.terminal = Terminal()

    def opened(self) -> Terminal:
        """Return the terminal, taken over."""
        self.terminal.open()
        return self.terminal

    def show(self, views: list[View]) -> bool:
        """Draw the wait and take its keys."""
        self.opened()
        for view in views:
            view.again_s = min(view.again_s, DRAW_AGAIN_S)
        for key in self.terminal.read_keys():
            if not self._press(key, views):
                return False
        columns, rows = self.terminal.size()
        title = f"{BOLD}FlowLoom{RESET}" + (f"  {YELLOW}{self.note}{RESET}" if self.note else "")
        waited_s = int(steady_s() - self.started_s)
        body = wait_view.lines(views, columns, rows - 4, now_s=wall_s(), waited_s=waited_s, chosen=self.part)
        self.terminal.draw(wait_view.fitted([title, "", *body], self._keys(views), rows))
        return True

    def _press(self, key: str, views: list[View]) -> bool:
        """Take one key; False when it ends the wait."""
        if self.asking:
            self.asking = False
            self.chosen = {"s": "stop", "i": "interrupt"}.get(key, "")
            return not self.chosen
        if key in ("^C", "esc", "c"):
            self.asking = True
        elif key == "l":
            self.chosen = "leave"
        elif key == "p" and any(view.task["status"] is Step.PARKED for view in views):
            self.chosen = "provisional"
        elif key == "^I":
            self.part = (self.part + 1) % len(views)
        elif key == "a":
            self.note = self.attach(views[min(self.part, len(views) - 1)].agent)
        return not self.chosen

    def _keys(self, views: list[View]) -> str:
        if self.asking:
            whom = "the agents" if len(views) > 1 else "the agent"
            return f"{BOLD}Stop?{RESET}  s stop waiting (it goes on)   i interrupt {whom} too   other keys: wait on"
        keys = [f"{BOLD}a{RESET} attach", f"{BOLD}l{RESET} leave it running", f"{BOLD}c{RESET} cancel"]
        if len(views) > 1:
            keys.insert(0, f"{BOLD}tab{RESET} next part")
        if any(view.task["status"] is Step.PARKED for view in views):
            keys.insert(0, f"{BOLD}p{RESET} take the message so far")
        return "   ".join(keys)

    def attach(self, now: Status | None) -> str:
        """Show an agent's window: a client on this terminal, or this client switched over."""
        if now is None or not now["window_id"]:
            return "it has no window yet"
        return self.show_window(now["socket"], now["window_id"])

    def show_window(self, socket: str, window_id: str) -> str:
        """Show a window of a server until the person detaches, or switch this terminal's client to it."""
        port = tmux.Tmux(socket)
        session = port.session_of(window_id)
        if not session:
            return "its window is gone"
        command = port.attach_command(session, window_id, os.environ.get("TMUX"))
        switched = "switch-client" in command
        self.terminal.close()
        try:
            environment = dict(os.environ) if switched else tmux.outside()
            done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, check=False, text=True)
        finally:
            self.terminal.open()
        return done.stderr.strip() or ("come back with: prefix L" if switched else "")

    def choose_former(self, task: Task) -> str:
        """Ask what to do with the former task."""
        ended = task["status"] is Step.DONE
        said = "has a reply that you have not read" if ended else f"is not finished ({task['status']})"
        first = "take that reply" if ended else "wait for it again"
        ago = age(int(wall_s() - task["created"]))
        lines = [
            f"{BOLD}FlowLoom{RESET}  {task['agent_id']}",
            "",
            f"You sent the same text {ago} ago: task {task['task_id']} {said}.",
            "",
            f"{BOLD}r{RESET} {first}   {BOLD}n{RESET} send it anew   {BOLD}esc{RESET} back to the draft",
        ]
        keys = {"r": "rejoin", "enter": "rejoin", "n": "new", "esc": "back", "^C": "back"}
        return self._choose(lines, keys, None) or "back"

    def choose_interrupted(self, view: View) -> str:
        """Ask what to do after an interruption."""
        lines = [
            f"{BOLD}FlowLoom{RESET}  {view.task['agent_id']}  {DIM}task {view.task['task_id']}{RESET}",
            "",
            f"{YELLOW}{view.task['error']}{RESET}",
            "",
            f"{BOLD}w{RESET} wait on (what it says next is the reply)   {BOLD}s{RESET} send it again   "
            f"{BOLD}g{RESET} give up, back to the draft",
        ]
        keys = {"w": "wait", "s": "again", "g": "give up", "esc": "give up", "^C": "give up"}
        return self._choose(lines, keys, None) or "give up"

    def _choose(self, lines: list[str], keys: dict[str, str], limit_s: float | None) -> str | None:
        """Show lines until one of the keys is pressed; None when the time is over or the terminal is gone."""
        self.opened()
        end_s = None if limit_s is None else steady_s() + limit_s
        while True:
            self.terminal.draw(lines)
            left_s = 1.0 if end_s is None else min(1.0, end_s - steady_s())
            if left_s <= 0:
                return None
            ready, _, _ = select.select([0, self.hangup_fd], [], [], left_s)
            if self.hangup_fd in ready:
                return None
            pressed = self.terminal.read_keys()
            if 0 in ready and not pressed and not os.isatty(0):
                return None
            for key in pressed:
                if key in keys or "any" in keys:
                    return keys.get(key) or keys["any"]

    def tell(self, error: FlowLoomError) -> None:
        """Show a bad end until a key is pressed, at most TELL_S."""
        if self.chosen:
            return  # the person knows: it was their choice
        lines = [f"{BOLD}FlowLoom{RESET}", "", f"{YELLOW}{error}{RESET}", error.hint]
        lines += ["", "Your draft is as it was.", "", f"{DIM}any key: back{RESET}"]
        self._choose(lines, {"any": "back"}, TELL_S)

    def close(self) -> None:
        """Give the terminal back as it was found."""
        self.terminal.close()
