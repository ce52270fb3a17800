"""The wait, as a person sees it: a few lines on the terminal, and the keys that end or change it.

Without a terminal there is no screen, and every question has its safe answer.
"""

from __future__ import annotations

import os
import select
import subprocess

from flowloom import tmux
from flowloom.clock import steady_s, wall_s
from flowloom.states import State, Step
from flowloom.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.coordinator import View
    from flowloom.errors import FlowLoomError
    from flowloom.records import Task

BOLD, DIM, YELLOW, RESET = "\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[0m"
# How long a bad end stays on the screen when nobody presses a key.
TELL_S = 20.0


def open_screen(agent_id: str, hangup_fd: int) -> WaitScreen:
    """Return a screen on the terminal at stdin and stdout, or one that shows nothing where there is none.

    A question on it is given up when `hangup_fd` can be read.
    """
    if os.isatty(0) and os.isatty(1):
        return OnTerminal(agent_id, hangup_fd)
    return WaitScreen(agent_id)


class WaitScreen:
    """No terminal: nothing is shown and nothing can be pressed."""

    fds: tuple[int, ...] = ()

    def __init__(self, agent_id: str) -> None:
        self.agent_id = agent_id
        self.chosen = ""

    def show(self, view: View) -> bool:
        """Show what there is to see; False when the person does not want to wait on (then `chosen` says what)."""
        return True

    def choose_former(self, task: Task) -> str:
        """Ask what to do with a task that the same draft was sent as: rejoin, new, back."""
        return "rejoin"

    def choose_interrupted(self, view: View) -> str:
        """Ask what to do after an interruption: wait, again, give up."""
        return "give up"

    def tell(self, error: FlowLoomError) -> None:
        """Show a bad end until it was read."""

    def close(self) -> None:
        """Give the terminal back."""


class OnTerminal(WaitScreen):
    """The wait on a terminal."""

    fds = (0,)

    def __init__(self, agent_id: str, hangup_fd: int) -> None:
        super().__init__(agent_id)
        self.hangup_fd = hangup_fd
        self.started_s = steady_s()
        self.asking = False
        self.note = ""
        self.view: View | None = None
        self.terminal = Terminal()
        self.terminal.open()

    def show(self, view: View) -> bool:
        """Draw the wait and take its keys."""
        self.view = view
        view.again_s = min(view.again_s, 1.0)  # the clock on it ticks
        for key in self.terminal.read_keys():
            if not self._press(key, view):
                return False
        self.terminal.draw(self._lines(view))
        return True

    def _press(self, key: str, view: View) -> bool:
        """Take one key; False when it ends the wait."""
        if self.asking:
            self.asking = False
            if key in "si":
                self.chosen = {"s": "stop", "i": "interrupt"}[key]
                return False
            return True
        if key in ("^C", "esc", "c"):
            self.asking = True
        elif key == "l":
            self.chosen = "leave"
            return False
        elif key == "p" and view.task["status"] is Step.PARKED:
            self.chosen = "provisional"
            return False
        elif key == "a":
            self._attach(view)
        return True

    def _attach(self, view: View) -> None:
        """Show the agent's window: a client on this terminal, or this client switched over."""
        now = view.agent
        if now is None or not now["window_id"]:
            self.note = "it has no window yet"
            return
        port = tmux.Tmux(now["socket"])
        session = next((window.session for window in port.windows() if window.window_id == now["window_id"]), "")
        if not session:
            self.note = "its window is gone"
            return
        inside = os.environ.get("TMUX")
        command = port.attach_command(session, now["window_id"], inside)
        self.terminal.close()
        try:
            done = subprocess.run(command, env=tmux.outside(), stderr=subprocess.PIPE, check=False, text=True)
        finally:
            self.terminal.open()
        switched = "switch-client" in command
        self.note = done.stderr.strip() or ("come back with: prefix L" if switched else "")

    def _lines(self, view: View) -> list[str]:
        now, task = view.agent, view.task
        waited_s = int(steady_s() - self.started_s)
        status = now["status"] if now else State.OFFLINE
        age_s = int(wall_s() - now["since"]) if now and now["since"] else 0
        source = f" ({now['source']}, {age(age_s)} ago)" if now else ""
        lines = [
            f"{BOLD}FlowLoom{RESET}  {self.agent_id}  {DIM}task {task['task_id']}{RESET}",
            "",
            f"  {status:<9} {DIM}{now['why'] if now else ''}{source}{RESET}",
            f"  {phase(view):<9} {DIM}{age(waited_s)} waited{RESET}",
        ]
        if view.question and status is State.BLOCKED:
            how = view.question["how"] or "press a and answer in its window"
            lines += ["", f"  {YELLOW}{view.question['kind']}: {view.question['text']}{RESET}", f"  {how}"]
        if view.says or self.note:
            lines += ["", *(f"  {YELLOW}{text}{RESET}" for text in (view.says, self.note) if text)]
        keys = "a attach   l leave it running   c cancel"
        if task["status"] is Step.PARKED:
            keys = "p take the message so far   " + keys
        if self.asking:
            keys = f"{BOLD}Stop?{RESET}  s stop waiting (it goes on)   i interrupt the agent too   other keys: wait on"
        return [*lines, "", f"  {keys}"]

    def choose_former(self, task: Task) -> str:
        """Ask what to do with the former task."""
        ended = task["status"] is Step.DONE
        said = "has a reply that you have not read" if ended else f"is not finished ({task['status']})"
        first = "r take that reply" if ended else "r wait for it again"
        lines = [
            f"{BOLD}FlowLoom{RESET}  {self.agent_id}",
            "",
            f"  You sent the same text {age(int(wall_s() - task['created']))} ago: task {task['task_id']} {said}.",
            "",
            f"  {first}   n send it anew   esc back to the draft",
        ]
        keys = {"r": "rejoin", "enter": "rejoin", "n": "new", "esc": "back", "^C": "back"}
        return self._choose(lines, keys, None) or "back"

    def choose_interrupted(self, view: View) -> str:
        """Ask what to do after an interruption."""
        lines = [
            f"{BOLD}FlowLoom{RESET}  {self.agent_id}  {DIM}task {view.task['task_id']}{RESET}",
            "",
            f"  {YELLOW}{view.task['error']}{RESET}",
            "",
            "  w wait on (what it says next is the reply)   s send it again   g give up, back to the draft",
        ]
        keys = {"w": "wait", "s": "again", "g": "give up", "esc": "give up", "^C": "give up"}
        return self._choose(lines, keys, None) or "give up"

    def _choose(self, lines: list[str], keys: dict[str, str], limit_s: float | None) -> str | None:
        """Show lines until one of the keys is pressed; None when the time is over or the terminal is gone."""
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
            if ready and not pressed and not os.isatty(0):
                return None
            for key in pressed:
                if key in keys or "any" in keys:
                    return keys.get(key) or keys["any"]

    def tell(self, error: FlowLoomError) -> None:
        """Show a bad end until a key is pressed, at most TELL_S."""
        if self.chosen:
            return  # the person knows: it was their choice
        lines = [f"{BOLD}FlowLoom{RESET}  {self.agent_id}", "", f"  {YELLOW}{error}{RESET}", f"  {error.hint}"]
        lines += ["", "  Your draft is as it was.", "", f"  {DIM}any key: back{RESET}"]
        self._choose(lines, {"any": "back"}, TELL_S)

    def close(self) -> None:
        """Give the terminal back as it was found."""
        self.terminal.close()


def phase(view: View) -> str:
    """Return where the task is, in few words."""
    if view.phase == "in line":
        return f"in line, {view.ahead} before it"
    return view.phase


def age(seconds: int) -> str:
    """Return a duration in one or two units."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
