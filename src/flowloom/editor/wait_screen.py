"""The wait screen: a few lines on the terminal, and the keys that end or change the wait.

Without a terminal there is no screen, and every question has its safe answer.
"""

from __future__ import annotations

import os
import select
import signal
import sys

from flowloom.clock import steady_s, wall_s
from flowloom.editor import keys, replies, wait_lines
from flowloom.editor.dialogs import WIDEST, at_bottom, choose_key
from flowloom.errors import TmuxFailed, sentences
from flowloom.ports.tmux import client
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.terminal.keys import ESC_S
from flowloom.terminal.style import BOLD, DIM, RESET, YELLOW
from flowloom.terminal.text import visible, wrap
from flowloom.terminal.tty import Terminal
from flowloom.turns import status, whereabouts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from flowloom.delegation.runner import View
    from flowloom.tasks.record import Task

    # What a person does with a task that the same draft was sent as before, and after an interruption.
    FormerChoice = Literal["rejoin", "new", "back"]
    InterruptedChoice = Literal["wait", "again", "give up"]
    # What a person chose in place of waiting on.
    Choice = Literal["leave", "provisional", "stop", "interrupt", "back", "give up"]

# How long a failure stays on the screen when no key is pressed.
TELL_S = 20.0
# A second Ctrl-C counts as an answer only when the question can have been seen.
SEEN_S = 0.3
# How often the screen's clock is drawn, and how often the end of a visit is looked for.
TICK_S, VISITED_TICK_S = 1.0, 0.1
# A key pressed this early was meant for the former screen.
SETTLED_S = 1.0
# The agent's window is shown only on a terminal with this many rows.
TAIL_FROM_ROWS = 16


def open_screen(hangup_fd: int) -> WaitScreen:
    """Return a screen on the terminal at stdin and stdout, or one that shows nothing where there is none.

    Nothing is drawn yet. A question on it is given up when `hangup_fd` can be read.
    """
    if os.isatty(0) and os.isatty(1):
        return TerminalWaitScreen(hangup_fd)
    return WaitScreen(hangup_fd)


class WaitScreen:
    """No terminal: nothing is shown and nothing can be pressed.

    `fds` are what to wait for besides the task: `show` is due when one can be
    read. The list changes in place.
    """

    def __init__(self, hangup_fd: int) -> None:
        self.agent_id = ""
        self.choice: Choice | None = None
        self.note = ""
        # The tasks whose end without a reply is about to be told.
        self.failed: list[str] = []
        self.hangup_fd = hangup_fd
        self.fds = [hangup_fd]
        # When `show` is due again, in seconds, whatever the tasks do: a caller that was killed sends no signal.
        self.again_s = TICK_S

    def show(self, views: list[View]) -> bool:
        """Show what there is to see; False when the person does not want to wait on (then `choice` says what)."""
        return True

    def choose_former(self, task: Task) -> FormerChoice:
        """Ask what to do with a task that the same draft was sent as before."""
        return "rejoin"

    def choose_interrupted(self, view: View) -> InterruptedChoice:
        """Ask what to do after an interruption."""
        return "give up"

    def opened(self) -> Terminal | None:
        """Return the terminal, taken over; None where there is none."""
        return None

    def show_window(self, socket: str, window_id: str, name: str) -> str:
        """Show a window until the person comes back; return what went wrong."""
        return ""

    def tell_wait(self, text: str) -> None:
        """Say what is waited for before there is a wait to be shown."""
        self.tell(f"flowloom: waiting: {text}")

    def pressed(self) -> bool:
        """Tell whether a key or a signal waits to be looked at."""
        return bool(select.select(self.fds, [], [], 0)[0])

    def tell(self, text: str, hint: str = "") -> bool:
        """Show an error; block until it was read, and tell whether it was."""
        said = f"{sentences(text.rstrip(), hint)}\n"
        sys.stderr.write(visible(said) if sys.stderr.isatty() else said)
        return True

    def close(self) -> None:
        """Give the terminal back."""


class TerminalWaitScreen(WaitScreen):
    """The wait on a terminal."""

    def __init__(self, hangup_fd: int) -> None:
        super().__init__(hangup_fd)
        self.fds = [0, hangup_fd]
        self.started_s = 0.0
        self.asks: wait_lines.OwnQuestion | None = None
        self.asked_s = 0.0
        self.flash = ""
        self.overlay: Literal["help", "log"] | None = None
        self.read_on = 0
        self.visit: client.Visit | None = None
        self.terminal = Terminal()
        self.part, self.part_by_hand = 0, False
        self.prompts: dict[str, str] = {}

    def opened(self) -> Terminal:
        """Return the terminal, taken over."""
        self.terminal.open()
        return self.terminal

    def show(self, views: list[View]) -> bool:
        """Draw the wait and take its keys; during a visit to a window, only look whether it still lasts."""
        self.started_s = self.started_s or steady_s()  # the time on the palette or a question does not count
        if self.visit is not None and not self._came_back(views):
            return True
        if self.terminal.gone():
            # No key can come from here any more: the same end as that of the terminal itself.
            os.kill(os.getpid(), signal.SIGHUP)
            return False
        self.terminal.open()
        for key in self.terminal.read_keys():
            if self.visit is None and not self._press(key, views):
                return False
        if self.visit is None:
            self._select_question(views)
            self.terminal.draw(self._drawn(views))
            self.again_s = ESC_S if self.terminal.keys.held else TICK_S
        return True

    def _select_question(self, views: list[View]) -> None:
        """Select a part that asks, unless the person has selected one."""
        if not (self.part_by_hand or self.asks or self.overlay or wait_lines.asks(views[self.part])):
            self.part = next((at for at, view in enumerate(views) if wait_lines.asks(view)), self.part)

    def _drawn(self, views: list[View]) -> list[str]:
        view = views[min(self.part, len(views) - 1)]
        if self.overlay:
            return self._page(view)
        return self._lines(view) if len(views) == 1 else self._parts(views)

    def _page(self, view: View) -> list[str]:
        """Return the help, or the log of the selected agent, in place of the wait."""
        columns, rows = self.terminal.size()
        if self.overlay == "help":
            title, lines = "keys", keys.help_lines(keys.WAIT, columns)
            lines += ["", *(f"  {line}" for said in wait_lines.evidence(view) for line in wrap(said, columns - 4))]
        else:
            title = f"log of {view.task['agent_id']}"
            events = wait_lines.log_lines(status.read_events(tasks.agent_of(view.task)), columns)
            lines = [f"  {DIM}{wait_lines.journal(view.task, columns - 4)}{RESET}", "", *events[-max(1, rows - 5) :]]
        return keys.overlay(f" {BOLD}FlowLoom{RESET}  {title}", lines, columns, rows, self.read_on)

    def _parts(self, views: list[View]) -> list[str]:
        """Return the screen of several parts, the one that keys are for marked."""
        columns, rows = self.terminal.size()
        foot = self._foot(views[self.part], columns, rows, several=True)
        prompts = [self._prompt(view.task) for view in views]
        waited_s = int(steady_s() - self.started_s)
        room = rows - len(foot)
        part = self.part
        body = wait_lines.lines(views, prompts, columns, room, now_s=wall_s(), waited_s=waited_s, selected=part)
        return at_bottom(body, foot, rows)

    # Keys.

    def _press(self, key: str, views: list[View]) -> bool:
        """Take one key; False when it ends the wait."""
        view = views[min(self.part, len(views) - 1)]
        self.flash = ""
        if self.overlay:
            self.read_on += 1
            self.overlay = self.overlay if key in keys.READS_ON else None
            return True
        if self.asks:
            return self._answer(key)
        does = keys.does(key, keys.WAIT)
        asks = wait_lines.asks(view)
        if does in ("up", "down", "row"):
            self._select_part(key, does, views)
        elif does == "leave":
            self.choice = "leave"
            return False
        elif does in ("back", "end"):
            self.asks, self.asked_s = does, steady_s()
        elif does == "message" and view.task["status"] is Step.PARKED and not view.task["until"]:
            self.choice = "provisional"
            return False
        elif does == "attach" or (does == "enter" and not asks):
            self._attach(view, key)
        elif does in ("help", "log"):
            self.overlay, self.read_on = does, 0
        elif does == "message":
            self.flash = f"{wait_lines.name_of(view)} has said nothing yet that could be taken"
        else:
            self.flash = keys.instead(key, keys.WAIT, asks=wait_lines.name_of(view) if asks else "")
        return True

    def _select_part(self, key: str, does: keys.Command, views: list[View]) -> None:
        if len(views) == 1:
            asks = wait_lines.name_of(views[0]) if wait_lines.asks(views[0]) else ""
            self.flash = keys.instead(key, keys.WAIT, asks=asks) if asks else "There is only one agent here"
        elif does == "row" and int(key) <= len(views):
            self.part, self.part_by_hand = int(key) - 1, True
        elif does != "row":
            self.part_by_hand = True
            self.part = (self.part + (1 if does == "down" else -1)) % len(views)

    def _answer(self, key: str) -> bool:
        """Take one key as the answer to our own question; False when it ends the wait."""
        again = key == "^C" and self.asks == "back" and steady_s() - self.asked_s >= SEEN_S
        if self.asks == "back" and (key == "s" or again):
            self.choice = "stop"
            return False
        if self.asks == "end" and key in ("y", "Y"):
            self.choice = "interrupt"
            return False
        if key == "^X":
            self.asks, self.asked_s = "end", steady_s()
        elif key in ("esc", "q", "n", "N"):
            self.asks = None
        elif key != "^C":
            self.flash = "Press s to stop waiting, esc to keep waiting" if self.asks == "back" else "Press y or esc"
        return True

    # The agent's own window.

    def _attach(self, view: View, key: str) -> None:
        """Show the agent's window, unless the key was meant for the former screen."""
        now = view.agent
        if key == "enter" and steady_s() - self.started_s < SETTLED_S:
            return  # the Enter that sent the prompt
        if wait_lines.asks(view) and now and wall_s() - now["since"] < SETTLED_S:
            self.flash = f"{now['name']} asked this just now. Press a again to answer"
            return
        if now is None or not now["window_id"]:
            self.flash = "It has no window yet"
            return
        self.visit = self._begin_visit(whereabouts.socket(now), now["window_id"], now["name"])
        if self.visit is not None:
            self.fds.remove(0)
            self.again_s = VISITED_TICK_S

    def _begin_visit(self, socket: str, window_id: str, name: str) -> client.Visit | None:
        self.note = ""
        try:
            return client.Visit(socket, window_id, self.terminal, name=name)
        except TmuxFailed as error:
            self.note = str(error)
            return None

    def show_window(self, socket: str, window_id: str, name: str) -> str:
        """Show a window until the person comes back; return what went wrong."""
        visit = self._begin_visit(socket, window_id, name)
        if visit is None:
            return self.note
        visit.wait()
        return visit.end()

    def _came_back(self, views: list[View]) -> bool:
        """Tell whether the visit is over. When the tasks have ended, tell the visitor and wait for its end."""
        assert self.visit is not None
        if not all(view.ended for view in views) and not self.visit.over():
            self.again_s = VISITED_TICK_S
            return False
        if all(view.ended for view in views):
            self.visit.tell(wait_lines.news(views))
            self.visit.wait()
        self.note = self.visit.end()
        self.visit = None
        self.fds.insert(0, 0)
        return True

    # What is drawn.

    def _lines(self, view: View) -> list[str]:
        columns, rows = self.terminal.size()
        state = wait_lines.state(view, self._prompt(view.task), min(columns, WIDEST), rows, wall_s(), note=self.note)
        head = [wait_lines.title(self.agent_id, view.task, columns, int(steady_s() - self.started_s)), *state]
        foot = self._foot(view, columns, rows)
        room = rows - len(foot)
        tail = self._window(view, room - len(head) - 1) if rows >= TAIL_FROM_ROWS else []
        return at_bottom([*head[:room], *tail], foot, rows)

    def _foot(self, view: View, columns: int, rows: int, *, several: bool = False) -> list[str]:
        """Return the legend, or our own question with its keys, under a line for what a key could not do."""
        flash = [f"  {YELLOW}{line}{RESET}" for line in wrap(self.flash, columns - 4)[:2]]
        asked = wait_lines.our_question(self.asks, view, columns, several=several) if self.asks else []
        return [
            *flash,
            *(asked or wait_lines.legend(view, columns, max(2, rows // (10 if several else 5)), several=several)),
        ]

    def _window(self, view: View, limit: int) -> list[str]:
        """Return the end of the agent's window as it looks there, under a rule; nothing where there is no room."""
        if not view.screen.strip() or limit < 3:
            return []
        columns, _ = self.terminal.size()
        return ["", f"{DIM}{'─' * columns}{RESET}", *wait_lines.live_end(view.screen, columns, limit - 1)]

    def _prompt(self, task: Task) -> str:
        """Return the beginning of a task's prompt on one line, read once."""
        if task["task_id"] not in self.prompts:
            self.prompts[task["task_id"]] = " ".join(tasks.prompt_of(task)[:400].split())
        return self.prompts[task["task_id"]]

    # Questions.

    def _title(self) -> str:
        return f" {BOLD}FlowLoom{RESET}  {self.agent_id}"

    def choose_former(self, task: Task) -> FormerChoice:
        """Ask what to do with the former task."""
        ended, text = task["status"] is Step.DONE, wait_lines.former(task, wall_s())
        offered = [("r", "take that reply" if ended else "wait for it"), ("n", "send again"), ("esc", "back")]
        meanings: dict[str, FormerChoice] = {
            "r": "rejoin",
            "enter": "rejoin",
            "n": "new",
            "esc": "back",
            "^C": "back",
            "q": "back",
        }
        choice = choose_key(self.terminal, self.hangup_fd, self._title(), text, offered, meanings) or "back"
        self.choice = choice if choice == "back" else None
        return choice

    def choose_interrupted(self, view: View) -> InterruptedChoice:
        """Ask what to do after an interruption."""
        text = f"Task {view.task['task_id']}: {view.task['error']}."
        offered = [("w", "keep waiting: its next message becomes the reply"), ("s", "send again"), ("q", "give up")]
        meanings: dict[str, InterruptedChoice] = {"w": "wait", "s": "again"}
        meanings.update(dict.fromkeys(("q", "g", "esc", "^C"), "give up"))
        choice = choose_key(
            self.terminal, self.hangup_fd, self._title(), text, offered, meanings, colour=YELLOW, settle_s=SETTLED_S
        )
        choice = choice or "give up"
        self.choice = choice if choice == "give up" else None
        return choice

    def tell(self, text: str, hint: str = "") -> bool:
        """Show a bad end until a key is pressed, at most TELL_S; the person knows an end of their own choice."""
        if self.choice:
            return True
        offered = [("any other key", "goes back")]
        meanings: dict[str, Literal["attach", "back"]] = {"any": "back"}
        now = replies.asked_agent(self.failed)
        if now and now["window_id"]:
            offered, meanings = [("a", "open its window"), *offered], {"a": "attach", **meanings}
        while True:
            said = wait_lines.bad_end(text, hint)
            choice = choose_key(
                self.terminal, self.hangup_fd, self._title(), said, offered, meanings, colour=YELLOW, limit_s=TELL_S
            )
            if choice != "attach" or now is None or not now["window_id"]:
                return choice is not None
            self.show_window(whereabouts.socket(now), now["window_id"], now["name"])

    def tell_wait(self, text: str) -> None:
        """Say what is waited for; any key ends that wait, and the error says what it was."""
        self.terminal.open()
        columns, rows = self.terminal.size()
        lines = [f"  {YELLOW}{line}{RESET}" for line in wrap(f"Waiting: {text}", min(columns, WIDEST) - 4)]
        foot = keys.choices("", [("any key", "stops waiting")], columns)
        self.terminal.draw(at_bottom([self._title(), "", *lines], foot, rows))

    def close(self) -> None:
        """Give the terminal back as it was found."""
        if self.visit is not None:
            # A visit ends here too: the terminal goes back to Claude Code.
            self.visit.end()
            self.visit = None
        self.terminal.close()
