"""The wait, as a person sees it: a few lines on the terminal, and the keys that end or change it.

Without a terminal there is no screen, and every question has its safe answer.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

from flowloom import tasks, tmux, viewer, wait_view
from flowloom.ages import age
from flowloom.clock import steady_s, wall_s
from flowloom.errors import TmuxFailed
from flowloom.states import State, Step
from flowloom.terminal import ESC_S, Terminal, choices, shorten, wrap
from flowloom.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.coordinator import View
    from flowloom.records import Task

BOLD, DIM, YELLOW, RESET = "\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[0m"
# How long a bad end stays on the screen when nobody presses a key.
TELL_S = 20.0
# A second Ctrl-C counts as an answer only when the question can have been seen.
SEEN_S = 0.3
# The clock on it ticks; a client that was detached is noticed.
TICK_S, ATTACHED_TICK_S = 1.0, 0.1
# What the agent's window shows is worth its rows only where there are this many.
TAIL_FROM_ROWS = 16
UNFINISHED = {
    Step.CREATED: "waits in line",
    Step.TYPED: "was being handed over",
    Step.PASTED: "was being handed over",
    Step.ACCEPTED: "is being worked on",
    Step.PARKED: "waits for its background work",
    Step.UNKNOWN: "was typed, and never confirmed",
}
# On a wide terminal a line is no longer than an eye can follow.
WIDEST = 110


def open_screen(hangup_fd: int) -> WaitScreen:
    """Return a screen on the terminal at stdin and stdout, or one that shows nothing where there is none.

    Nothing is drawn yet. A question on it is given up when `hangup_fd` can be read.
    """
    if os.isatty(0) and os.isatty(1):
        return OnTerminal(hangup_fd)
    return WaitScreen(hangup_fd)


class WaitScreen:
    """No terminal: nothing is shown and nothing can be pressed.

    `fds` are what to wait for besides the task: `show` is due when one can be
    read. The list changes in place.
    """

    def __init__(self, hangup_fd: int) -> None:
        self.agent_id = ""
        self.chosen = ""
        self.note = ""
        self.hangup_fd = hangup_fd
        self.fds = [hangup_fd]

    def show(self, views: list[View]) -> bool:
        """Show what there is to see; False when the person does not want to wait on (then `chosen` says what)."""
        return True

    def choose_former(self, task: Task) -> str:
        """Ask what to do with a task that the same draft was sent as: rejoin, new, back."""
        return "rejoin"

    def choose_interrupted(self, view: View) -> str:
        """Ask what to do after an interruption: wait, again, give up."""
        return "give up"

    def opened(self) -> Terminal | None:
        """Return the terminal, taken over; None where there is none."""
        return None

    def show_window(self, socket: str, window_id: str) -> str:
        """Show a window until the person comes back; return what to tell them then."""
        return ""

    def tell(self, text: str) -> None:
        """Say a bad end; block until it was read."""
        sys.stderr.write(visible(text) if sys.stderr.isatty() else text)

    def close(self) -> None:
        """Give the terminal back."""


class OnTerminal(WaitScreen):
    """The wait on a terminal."""

    def __init__(self, hangup_fd: int) -> None:
        super().__init__(hangup_fd)
        self.fds = [0, hangup_fd]
        self.started_s = 0.0
        self.asking_since_s: float | None = None
        self.client: subprocess.Popen[bytes] | None = None
        self.terminal = Terminal()
        self.part = 0
        self.prompts: dict[str, str] = {}

    def opened(self) -> Terminal:
        """Return the terminal, taken over."""
        self.terminal.open()
        return self.terminal

    def show(self, views: list[View]) -> bool:
        """Draw the wait and take its keys; while a tmux client has the terminal, only look whether it still has."""
        self.started_s = self.started_s or steady_s()  # not while the palette or a question stood there
        view = views[min(self.part, len(views) - 1)]
        if self.client is not None and not self._detached(views):
            return True
        if self.terminal.gone():
            # Nobody would ever press a key here: the same end as that of the terminal itself.
            os.kill(os.getpid(), signal.SIGHUP)
            return False
        self.terminal.open()
        for key in self.terminal.read_keys():
            if key == "^I":
                self.part = (self.part + 1) % len(views)
            elif not self._press(key, view):
                return False
        if self.client is None:
            self.terminal.draw(self._lines(view) if len(views) == 1 else self._parts(views))
            for shown in views:
                shown.again_s = min(shown.again_s, ESC_S if self.terminal.keys.held else TICK_S)
        return True

    def _parts(self, views: list[View]) -> list[str]:
        """Return the screen of several parts, the one that keys are for marked."""
        columns, rows = self.terminal.size()
        keys = self._keys(views[self.part], columns, several=True)
        prompts = [self._prompt(view.task) for view in views]
        waited_s = int(steady_s() - self.started_s)
        room = rows - len(keys) - 1
        chosen = self.part
        body = wait_view.lines(views, prompts, columns, room, now_s=wall_s(), waited_s=waited_s, chosen=chosen)[:room]
        return [*body, *[""] * (rows - len(keys) - len(body)), *keys]

    def _press(self, key: str, view: View) -> bool:
        """Take one key; False when it ends the wait."""
        if self.asking_since_s is not None:
            again = key == "^C" and steady_s() - self.asking_since_s >= SEEN_S
            if key in ("s", "i") or again:
                self.chosen = "interrupt" if key == "i" else "stop"
                return False
            if key == "esc" or not key.startswith("^"):
                self.asking_since_s = None
        elif key in ("^C", "esc", "c"):
            self.asking_since_s = steady_s()
        elif key == "l":
            self.chosen = "leave"
            return False
        elif key == "p" and view.task["status"] is Step.PARKED:
            self.chosen = "provisional"
            return False
        elif key == "a":
            self._attach(view)
        return True

    # The agent's own window.

    def _attach(self, view: View) -> None:
        """Show the agent's window: a client on this terminal, or this client switched over."""
        now = view.agent
        if now is None or not now["window_id"]:
            self.note = "it has no window yet"
            return
        command = self._way_to(now["socket"], now["window_id"])
        if not command:
            return
        self.terminal.close()
        self.client = viewer.show(command)
        self.fds.remove(0)
        view.again_s = ATTACHED_TICK_S

    def _way_to(self, socket: str, window_id: str) -> list[str]:
        """Return the command for a client on this terminal; none where the client was switched over, or cannot be."""
        port = tmux.Tmux(socket)
        session = port.session_of(window_id)
        if not session:
            self.note = "its window is gone"
            return []
        command = port.attach_command(session, window_id, os.environ.get("TMUX"))
        if "switch-client" not in command:
            return command
        try:
            self._switch(port, command, session)
        except TmuxFailed as error:
            self.note = str(error)
        return []

    def show_window(self, socket: str, window_id: str) -> str:
        """Show a window until the person detaches, or switch this terminal's client to it."""
        self.note = ""
        command = self._way_to(socket, window_id)
        if command:
            self.terminal.close()
            _, said = viewer.show(command).communicate()
            self.note = said.decode(errors="replace").strip()
            self.terminal.open()
        return self.note

    def _switch(self, port: tmux.Tmux, command: list[str], session: str) -> None:
        """Switch the client that shows us over to the agent's window."""
        # The name of a session can hold anything but ":" and "."; that of a key has no space.
        prefix, _, here = (
            port.run("display-message", "-p", "-t", os.environ.get("TMUX_PANE", ""), "#{prefix} #{session_name}")
            .removesuffix("\n")
            .partition(" ")
        )
        # Without a name tmux takes the client that was used last, whatever it shows.
        listed = port.run("list-clients", "-t", f"={here}:", "-F", "#{client_activity} #{client_name}").splitlines()
        if not listed:
            self.note = "nobody is attached here"
            return
        client = max(listed).partition(" ")[2]
        back = f"{prefix} {'l' if here == session else 'L'}"
        port.run(*command[3:], "-c", client)
        port.run("display-message", "-c", client, "-d", "5000", f"FlowLoom: back to your prompt with {back}")
        self.note = f"its window was shown; come back with {back}"

    def _detached(self, views: list[View]) -> bool:
        """Tell whether the client has given the terminal back; wait for it when the tasks have ended."""
        assert self.client is not None
        if not all(view.ended for view in views) and self.client.poll() is None:
            for view in views:
                view.again_s = min(view.again_s, ATTACHED_TICK_S)
            return False
        _, said = self.client.communicate()
        self.note = said.decode(errors="replace").strip()
        self.client = None
        self.fds.insert(0, 0)
        return True

    # What is drawn.

    def _size(self) -> tuple[int, int]:
        columns, rows = self.terminal.size()
        return min(columns, WIDEST), rows

    def _lines(self, view: View) -> list[str]:
        columns, rows = self._size()
        head = [self._title(view.task, columns), "", *self._state(view, columns)]
        keys = self._keys(view, columns)
        room = rows - len(keys) - 1
        tail = self._window(view, room - len(head) - 2) if rows >= TAIL_FROM_ROWS else []
        return [*head[:room], *tail, *([""] if len(head) < room + 1 else []), *keys]

    def _window(self, view: View, limit: int) -> list[str]:
        """Return the end of the agent's window as it looks there, under a rule; nothing where there is no room."""
        if not view.screen.strip() or limit < 3:
            return []
        columns, _ = self.terminal.size()
        return [f"{DIM}{'─' * columns}{RESET}", *wait_view.live_end(view.screen, columns, limit - 1)]

    def _title(self, task: Task, columns: int) -> str:
        waited = age(int(steady_s() - self.started_s))
        left = f"{self.agent_id} · task {task['task_id']}"
        gap = columns - 13 - len(left) - len(waited)
        if gap < 1:
            return f" {BOLD}{self.agent_id}{RESET}  {waited}"
        return f" {BOLD}FlowLoom{RESET}  {left}{' ' * gap}{waited}"

    def _prompt(self, task: Task) -> str:
        """Return the beginning of a task's prompt on one line, read once."""
        if task["task_id"] not in self.prompts:
            self.prompts[task["task_id"]] = " ".join(tasks.prompt_of(task)[:400].split())
        return self.prompts[task["task_id"]]

    def _state(self, view: View, columns: int) -> list[str]:
        """Return what is going on, the question that somebody must answer, and what else is to be said."""
        now, room = view.agent, max(10, columns - 4)
        lines = [
            f"  {DIM}{shorten(self._prompt(view.task), room)}{RESET}",
            "",
            f"  {BOLD}{wait_view.doing(view)}{RESET}",
        ]
        if now:
            since = f" for {age(int(wall_s() - now['since']))}" if now["since"] else ""
            # What it is blocked on stands below, in full; what it works on, above.
            why = "" if now["status"] in (State.BLOCKED, State.WORKING) else f" · {now['why']}"
            said = wrap(f"{now['status']}{since}{wait_view.said_by(now)}{why}", room)[:2]
            lines += [f"  {DIM}{line}{RESET}" for line in [*said, wait_view.journal(view.task, room)]]
        if view.question and now and now["status"] is State.BLOCKED:
            how = view.question["how"] or "press a and answer in its window"
            asked = wrap(f"{view.question['kind']}: {view.question['text']}", room)[:6]
            lines += ["", *(f"  {YELLOW}{line}{RESET}" for line in asked), *(f"  {line}" for line in wrap(how, room))]
        for text in (view.says, view.began_anew, self.note):
            if text:
                lines += ["", *(f"  {YELLOW}{line}{RESET}" for line in wrap(text, room))]
        return lines

    def _keys(self, view: View, columns: int, *, several: bool = False) -> list[str]:
        them = "them" if several else "it"
        keys = [("a", "look into its window"), ("l", f"leave {them} running (reply later: Ctrl-G r)"), ("c", "cancel")]
        if several:
            keys.insert(0, ("tab", "the next agent"))
        if view.task["status"] is Step.PARKED:
            keys.insert(0, ("p", "take the message so far"))
        if self.asking_since_s is None:
            return choices("", keys, columns)
        name = "them all" if several else self.agent_id.partition("@")[0]
        goes_on = "they go on" if several else "it goes on"
        keys = [("s", f"stop waiting, {goes_on}"), ("i", f"interrupt {name} too"), ("esc", "wait on")]
        return choices("Cancel?", keys, columns)

    # Questions.

    def choose_former(self, task: Task) -> str:
        """Ask what to do with the former task."""
        ended = task["status"] is Step.DONE
        said = "has a reply that you have not read" if ended else UNFINISHED.get(task["status"], f"is {task['status']}")
        text = f"You sent the same text {age(int(wall_s() - task['created']))} ago. Task {task['task_id']} {said}."
        keys = [("r", "take that reply" if ended else "wait for it"), ("n", "send it anew"), ("esc", "back")]
        meant = {"r": "rejoin", "enter": "rejoin", "n": "new", "esc": "back", "^C": "back"}
        choice = self._choose("", text, keys, meant, None) or "back"
        self.chosen = choice if choice == "back" else ""
        return choice

    def choose_interrupted(self, view: View) -> str:
        """Ask what to do after an interruption."""
        text = f"Task {view.task['task_id']}: {view.task['error']}."
        keys = [("w", "wait on, what it says next is the reply"), ("s", "send it again"), ("g", "give up")]
        meant = {"w": "wait", "s": "again", "g": "give up", "esc": "give up", "^C": "give up"}
        choice = self._choose(YELLOW, text, keys, meant, None) or "give up"
        self.chosen = choice if choice == "give up" else ""
        return choice

    def tell(self, text: str) -> None:
        """Show a bad end until a key is pressed, at most TELL_S; what the person chose is no news."""
        if self.chosen:
            return
        said = text.strip().removeprefix("flowloom: ")
        said += "" if said.endswith((".", "?", "!")) else "."
        self._choose(YELLOW, f"{said}\nYour draft is as it was.", [("any key", "back")], {"any": "back"}, TELL_S)

    def _choose(
        self, colour: str, text: str, keys: list[tuple[str, str]], meant: dict[str, str], limit_s: float | None
    ) -> str | None:
        """Ask until one of the keys is pressed; None when the time is over or the terminal is gone."""
        end_s = None if limit_s is None else steady_s() + limit_s
        # A key that was meant for the wait must not answer a question that nobody has seen.
        self.terminal.open()
        self.terminal.read_keys()
        while not self.terminal.gone():
            columns, rows = self._size()
            said = [line for part in text.split("\n") for line in ["", *wrap(part, max(10, columns - 4))]]
            below = choices("", keys, columns)
            lines = [f" {BOLD}FlowLoom{RESET}  {self.agent_id}", *(f"  {colour}{line}{RESET}" for line in said)]
            self.terminal.draw([*lines[: rows - len(below) - 1], "", *below])
            left_s = TICK_S if end_s is None else min(TICK_S, end_s - steady_s())
            if left_s <= 0:
                return None
            if self.terminal.keys.held:
                left_s = ESC_S
            ready, _, _ = select.select([0, self.hangup_fd], [], [], left_s)
            if self.hangup_fd in ready:
                return None
            for key in self.terminal.read_keys():
                if key in meant or "any" in meant:
                    return meant.get(key) or meant["any"]
        return None

    def close(self) -> None:
        """Give the terminal back as it was found."""
        if self.client is not None:
            # Whoever looks at the agent is taken back: this terminal is not ours to hold any longer.
            self.client.terminate()
            self.client.communicate()
            self.client = None
        self.terminal.close()
