"""Ctrl-G on a prompt without a route: the palette, and what each of its choices does."""

from __future__ import annotations

import os
import re

from flowloom.agents import launch, life
from flowloom.agents.agent import named
from flowloom.agents.survey import survey
from flowloom.chief import touched_files
from flowloom.clock import wall_s
from flowloom.config import settings as config
from flowloom.delegation import ask, executors
from flowloom.editor import dialogs, palette, parts, prompt_file, replies, side_windows, wait_lines
from flowloom.editor.outcome import Outcome
from flowloom.editor.palette import Row
from flowloom.errors import FlowLoomError, TmuxUnreachable
from flowloom.ports.tmux import client
from flowloom.roles import builtin
from flowloom.store import files, layout, projects, state_folder
from flowloom.tasks import prompt as prompt_text
from flowloom.tasks import store as tasks
from flowloom.tasks.remarks import beside
from flowloom.tasks.steps import Step
from flowloom.terminal.durations import age
from flowloom.turns import status, whereabouts
from flowloom.turns.states import NO_PROGRAM, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from flowloom.config.settings import Settings
    from flowloom.editor.keys import Command
    from flowloom.editor.parts import Part
    from flowloom.editor.wait_screen import WaitScreen
    from flowloom.tasks.record import Task
    from flowloom.terminal.tty import Terminal
    from flowloom.turns.record import Status

EMPTY = "Your prompt is empty. Type one, or press r for replies"


def choose(
    path: str, raw: bytes, root: str, settings: Settings, screen: WaitScreen, terminal: Terminal
) -> Part | Outcome:
    """Let the person choose; return the part to send, or what became of the prompt file."""
    return PaletteActions(path, raw, root, settings, screen, terminal).run()


def remember(slug: str, name: str) -> None:
    """Note the agent of a project that was asked last: the palette opens with it selected."""
    try:
        state_folder.ensure()
        files.ensure_dir(layout.project_dir(slug))
        files.write(layout.last_asked(slug), name.encode(), durable=False)
    except (FlowLoomError, OSError):
        return  # a disk without room for it is no reason to give up a task that is sent


class PaletteActions:
    """The palette on a terminal, and what each of its commands does, until one of them ends it."""

    def __init__(
        self, path: str, raw: bytes, root: str, settings: Settings, screen: WaitScreen, terminal: Terminal
    ) -> None:
        self.path = path
        self.raw = raw
        self.draft = prompt_text.text(raw)
        self.root = root
        self.settings = settings
        self.screen = screen
        self.terminal = terminal
        self.slug = projects.slug_of(root)
        self.unseen = replies.UnreadTasks(self.slug)
        self.note = config.unheeded(settings.ignored)
        # A first word that names no agent, the agent it probably means, and the text after it.
        self.unknown, self.addressee, self.rest = "", "", ""
        self.started = ""
        self.statuses: dict[str, Status] = {}
        self.waiting: list[Task] = []

    def run(self) -> Part | Outcome:
        """Show the palette until a command ends it."""
        rows = self._rows()
        self._read_names()
        self.name_at_first = self.addressee or self._last()
        while True:
            shown = palette.Palette(
                os.path.basename(self.root),
                rows,
                self.draft,
                last=self.started or self.name_at_first,
                hint=self._hint(),
                unknown="" if self.started else self.unknown,
            )

            def renew(shown: palette.Palette = shown) -> None:
                shown.renew(self._rows(), wall_s())
                shown.hint = self._hint()

            command, name = palette.choose(self.terminal, shown, renew, self._live, self.screen.hangup_fd)
            self.note = ""
            # Its row stays selected when the palette is shown again.
            self.name_at_first = name or self.name_at_first
            try:
                ended = self._do(command, name)
            except FlowLoomError as error:
                self.note = error.sentences()
                ended = None
            if ended is not None:
                return ended
            rows = self._rows()

    def _do(self, command: Command, name: str) -> Part | Outcome | None:
        """Carry out one command; None shows the palette again."""
        if command == "enter" and self.draft.strip():
            theirs = self.rest if name in (self.addressee, self.started) and self.rest else ""
            return name, theirs or self.draft.rstrip("\n")
        if command in ("edit", "back"):
            return Outcome.REAL_EDITOR if command == "edit" else Outcome.UNCHANGED
        for_an_agent: dict[Command, Callable[[str], None]] = {
            "enter": self._open_window,
            "attach": self._open_window,
            "log": self._log,
            "end": self._end,
            "new": self._start,
        }
        if command in for_an_agent:
            for_an_agent[command](name)
            return None
        others: dict[Command, Callable[[], Outcome | None]] = {
            "replies": self._take_reply,
            "parallel": self._parallel,
            "terminal": self._shell,
            "files": self._mention,
        }
        return others[command]()

    def _read_names(self) -> None:
        """Read which agent the draft itself names: nearly, as one that is unknown, or on a later line."""
        names = {*builtin.ROLES, *self.settings.agents, *self.statuses}
        found = prompt_text.route(self.draft)
        if found is None or os.path.lexists(os.path.join(self.root, found[0])):
            self.addressee, line = parts.later(self.draft, names.__contains__)
            if line:
                self._say(f"Line {line} names @{self.addressee}: Enter sends {self.addressee} the whole prompt")
            return
        from difflib import get_close_matches  # noqa: PLC0415 - 2 ms that only a misspelling should pay

        near = get_close_matches(found[0], sorted(names), n=1, cutoff=0.7)
        self.rest = found[1]
        if near:
            self.addressee = near[0]
            self._say(f"There is no @{found[0]}. Did you mean @{near[0]}? Enter sends it the rest")
            return
        self.unknown = found[0]
        self._say(f"There is no @{found[0]} here. Press n to create it, or choose an agent for this prompt")

    def _say(self, text: str) -> None:
        self.note = f"{self.note}. {text}" if self.note else text

    def _hint(self) -> str:
        """Return what to say above the agents now."""
        if not self.started or self.note:
            return self.note
        now = self.statuses.get(self.started)
        if now is None or now["status"] == State.STARTING:
            return f"{self.started} is starting; Enter sends it the prompt"
        if now["status"] == State.BLOCKED:
            return f"{self.started} asks something: a answers"
        if now["status"] in NO_PROGRAM:
            return f"{self.started} did not come up: {now['why']}"
        return f"{self.started} is ready; Enter sends it the prompt"

    def _rows(self) -> list[Row]:
        """Return this project's agents and the roles that have none yet."""
        self.waiting = self.unseen.look(wall_s())
        rows, self.statuses = [], {}
        for agent, now in survey():
            if agent.slug != self.slug:
                continue
            self.statuses[agent.name] = now
            unreachable = now.get("unreachable", "")
            mine = [task for task in self.waiting if task["agent_id"] == agent.agent_id]
            unread = [task for task in mine if task["status"] is Step.DONE]
            failed = next((task for task in mine if task["status"] is not Step.DONE), None)
            rows.append(
                Row(
                    agent.name,
                    "unknown" if unreachable else now["status"],
                    now["since"],
                    self._said(now, unread),
                    unread=len(unread),
                    why=unreachable or now["why"],
                    failed=replies.failure(failed) if failed else "",
                    task=now["current_task"] or "",
                )
            )
        fresh = [name for name in [*builtin.ROLES, *self.settings.agents] if name not in self.statuses]
        start = "not started (Enter starts it and sends)" if self.draft.strip() else "not started"
        return [*rows, *(Row(name, State.OFFLINE, 0.0, start) for name in fresh)]

    def _said(self, now: Status, unread: list[Task]) -> str:
        """Return what a row says of an agent: unread reply, task in hand, or last words."""
        if unread:
            return replies.beginning(unread[0])
        task = tasks.find(now["current_task"]) if now["status"] in (State.WORKING, State.PARKED) else None
        return replies.words(task)[:300] if task else now["context_summary"]

    def _live(self, name: str, columns: int, rows: int) -> list[str]:
        now = self.statuses.get(name)
        if now is None or not now["pane_id"]:
            return []
        if "unreachable" in now:
            return []
        try:
            look = whereabouts.look(now)
        except TmuxUnreachable:
            return []  # its row will say so at the next look
        return wait_lines.live_end(look.screen, columns, rows) if look else []

    def _last(self) -> str:
        return (files.read(layout.last_asked(self.slug)) or b"").decode(errors="replace")

    def _open_window(self, name: str) -> None:
        now = self.statuses.get(name)
        window = now["window_id"] if now else None
        if now and window:
            self.note = self.screen.show_window(whereabouts.socket(now), window, name)
        else:
            self.note = f"{name} has no window yet" if self.draft.strip() else EMPTY

    def _log(self, name: str) -> None:
        """Show what happened to an agent."""
        now = self.statuses.get(name)
        if now is None:
            self.note = f"{name} has no log: it was never started"
            return
        events = status.read_events(named(name, self.root).ref)
        dialogs.page(
            self.terminal,
            f"Log of {now['agent_id']}",
            lambda columns: wait_lines.log_lines(events, columns),
            self.screen.hangup_fd,
        )

    def _end(self, name: str) -> None:
        """End an agent's task, after a yes."""
        task = tasks.find((self.statuses[name]["current_task"] if name in self.statuses else "") or "")
        if task is None:
            self.note = f"{name} has no task to end"
            return
        says = f"{' '.join(tasks.prompt_of(task)[:300].split())}"
        if dialogs.confirm(self.terminal, f"Interrupt {name} (task {task['task_id']})?", says, self.screen.hangup_fd):
            self.note = f"Task {task['task_id']}: {executors.cancel(task['task_id'])}"

    def _start(self, name_hint: str) -> None:
        """Start an agent: its name (a role's, or an own one), then its directory."""
        free = [name for name in builtin.ROLES if name not in self.statuses]
        # From a filter without a hit, or from the prompt, comes a name; from a selected row none does.
        given = name_hint if name_hint and name_hint not in self.statuses and name_hint not in free else self.unknown
        field = dialogs.Field(
            "New agent's name",
            text=given,
            placeholder=free[0] if free else "",
            below=f"Unused roles: {', '.join(free)}" if free else "",
        )
        name = dialogs.ask_line(self.terminal, field, self.screen.hangup_fd, self._refused_name)
        if name is None:
            return
        where = dialogs.Field(f"Working directory of {name}", placeholder=self.root)
        directory = dialogs.ask_line(
            self.terminal, where, self.screen.hangup_fd, lambda text: self._refused_directory(name, text)
        )
        if directory is None:
            return
        self.started = name
        self.note = life.ensure_up(named(name, self.root), self.settings, by_person=True).began_anew

    def _refused_name(self, name: str) -> str:
        """Return why no agent can be created under a name, empty where one can."""
        try:
            agent = named(name, self.root)
        except FlowLoomError as error:
            return error.sentences()
        now = self.statuses.get(name)
        if agent.slug != self.slug:
            return "Give a name without @: the agent belongs to this project"
        return f"{name} exists already ({now['status']})" if now and now["status"] not in NO_PROGRAM else ""

    def _refused_directory(self, name: str, text: str) -> str:
        """Prepare an agent to work in a directory; return why that is impossible, empty where it is done."""
        directory = os.path.normpath(os.path.join(self.root, os.path.expanduser(text)))
        if not os.path.isdir(directory):
            return f"{directory} is not a directory"
        try:
            launch.prepare(named(name, self.root), self.settings, root=self.root, directory=directory)
        except FlowLoomError as error:
            return error.sentences()
        return ""

    def _take_reply(self) -> Outcome | None:
        """Let the person read what waits and take one into the draft, above what stands there."""
        waiting = self.unseen.look(wall_s())
        if not waiting:
            self.note = "No unread replies. Older ones: flowloom tasks"
            return None
        widest = max([12, *(len(task["agent_id"].partition("@")[0]) for task in waiting)])
        entries = [
            f"{'✉' if task['status'] is Step.DONE else '✗'} {task['agent_id'].partition('@')[0]:<{widest}} "
            f"{age(int(wall_s() - task['created'])):>7}  {replies.words(task)}"
            for task in waiting
        ]
        seen: set[str] = set()

        def preview(number: int) -> str:
            seen.add(waiting[number]["task_id"])
            return replies.content(waiting[number])

        at = dialogs.pick(self.terminal, "Unread replies and failures", entries, self.screen.hangup_fd, preview=preview)
        for task in waiting:
            if task["task_id"] in seen and task["status"] is not Step.DONE:
                ask.mark_read(task["task_id"])  # a failure has been looked at; a reply is read when it is taken
        if at is None:
            return None
        text = replies.as_draft(waiting[at], plain=self.settings.reply == "plain")
        below = self.draft.encode("utf-8", "surrogateescape")
        prompt_file.write(self.path, text + (b"\n\n" + below if below.strip() else b""), self.raw)
        ask.mark_read(waiting[at]["task_id"])
        if self.settings.reply == "plain" and beside(waiting[at]):
            client.tell_around(f"task {waiting[at]['task_id']}: {'; '.join(beside(waiting[at]))}")
        return Outcome.REPLIED

    def _parallel(self) -> Outcome | None:
        """Open a fresh Claude Code with this draft in a window of its own."""
        if not self.draft.strip():
            self.note = EMPTY
            return None
        side_windows.refuse_parallel(self.draft, self.settings)
        says = (
            f"It starts on your prompt at once, in the tmux window {self.settings.session}:parallel."
            " Your prompt box is emptied; a copy of the prompt is kept on disk."
        )
        title = "Start another Claude Code with this prompt?"
        if not dialogs.confirm(self.terminal, title, says, self.screen.hangup_fd):
            return None
        side_windows.open_parallel(self.draft, self.root, self.settings)
        client.tell_around(
            f"another Claude Code works on your prompt in the tmux window {self.settings.session}:parallel"
        )
        prompt_file.write(self.path, b"", self.raw)
        return Outcome.LEFT

    def _shell(self) -> None:
        """Show the project's terminal, with the draft in $PROMPT."""
        window_id, said = side_windows.ensure_terminal(self.draft, self.root, self.settings)
        self.note = self.screen.show_window(self.settings.tmux_socket, window_id, "terminal") or said

    def _mention(self) -> Outcome | None:
        """Add a file that the caller's Claude Code touched to the end of the draft."""
        touched = touched_files.touched_files(os.environ.get("FLOWLOOM_CHIEF", ""))
        if not touched:
            self.note = "This session has not touched any files yet"
            return None
        shown = [os.path.relpath(name, self.root) if name.startswith(f"{self.root}/") else name for name in touched]
        at = dialogs.pick(self.terminal, "Files Claude touched, newest first", shown, self.screen.hangup_fd)
        if at is None:
            return None
        gap = "" if not self.draft or re.search(r"\s$", self.draft) else " "
        text = f"{self.draft}{gap}@{shown[at]} "
        prompt_file.write(self.path, text.encode("utf-8", "surrogateescape"), self.raw)
        return Outcome.EDITED
