"""Ctrl-G on a prompt without a route: the palette, and what each of its choices does."""

from __future__ import annotations

import difflib
import os
import re
import time

from flowloom import (
    asking,
    chief,
    files,
    launch,
    palette,
    paths,
    prompt_file,
    providers,
    roles,
    settings,
    tasks,
    tmux,
    wait_view,
    windows,
)
from flowloom.agents import named, survey
from flowloom.ages import age
from flowloom.clock import wall_s
from flowloom.errors import FlowLoomError
from flowloom.palette import Row
from flowloom.states import State, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.records import Status, Task
    from flowloom.settings import Settings
    from flowloom.terminal import Terminal
    from flowloom.wait_screen import WaitScreen

# The exit codes of `hooks/editor` for what the palette decides.
REAL_EDITOR = 112
WENT_BACK = 130
DONE = 0
# Linux takes no longer word than 131,071 bytes in the arguments or the environment of a program.
ARGUMENT_LIMIT_BYTES = 130_000


def choose(
    path: str, draft: str, root: str, chosen: Settings, screen: WaitScreen, terminal: Terminal
) -> tuple[str, str] | int:
    """Let the person choose; return (agent, prompt) to send, or the exit code that ends it."""
    return Lobby(path, draft, root, chosen, screen, terminal).run()


def remember(slug: str, name: str) -> None:
    """Note the agent of a project that was asked last: it is chosen beforehand the next time."""
    try:
        folder = files.ensure_dir(f"{paths.ensure_home()}/agents/{slug}")
        files.write(f"{folder}/last", name.encode(), durable=False)
    except (FlowLoomError, OSError):
        return  # a disk without room for it is no reason to give up a task that is sent


class Lobby:
    """The palette on a terminal, until something is chosen that ends it."""

    def __init__(
        self, path: str, draft: str, root: str, chosen: Settings, screen: WaitScreen, terminal: Terminal
    ) -> None:
        self.path = path
        self.draft = draft
        self.root = root
        self.chosen = chosen
        self.screen = screen
        self.terminal = terminal
        self.slug = paths.project_slug(root)
        self.note = settings.unheeded(chosen.ignored)
        self.started = ""
        self.statuses: dict[str, Status] = {}

    def run(self) -> tuple[str, str] | int:
        """Show the palette again and again until a choice ends it."""
        prompt, meant = self._misspelt()
        while True:
            shown = palette.Palette(
                os.path.basename(self.root),
                self._rows(),
                self.draft,
                last=self.started or meant or self._last(),
                hint=self.note,
            )
            what, name = palette.choose(self.terminal, shown, self._rows, self._live, self.screen.hangup_fd)
            self.note = ""
            try:
                ended = self._do(what, name, prompt)
            except FlowLoomError as error:
                self.note = f"{error}{f' - {error.hint}' if error.hint else ''}"
                continue
            if ended is not None:
                return ended

    def _do(self, what: str, name: str, prompt: str) -> tuple[str, str] | int | None:
        """Carry one choice out; None shows the palette again."""
        if what == "send":
            if not self.draft.strip():
                self.note = "the draft is empty: there is nothing to send"
                return None
            return name, prompt
        if what in ("edit", "back"):
            return REAL_EDITOR if what == "edit" else WENT_BACK
        if what == "attach":
            now = self.statuses.get(name)
            window = now["window_id"] if now else None
            self.note = self.screen.show_window(now["socket"], window) if now and window else "it has no window yet"
            return None
        done = {
            "new": self._start,
            "replies": self._take_reply,
            "parallel": self._parallel,
            "terminal": self._shell,
            "files": self._mention,
        }
        return done[what]()

    def _misspelt(self) -> tuple[str, str]:
        """Return the prompt to send and, where the first word is nearly a route, the name that was meant."""
        found = prompt_file.route(self.draft)
        whole = self.draft.rstrip("\n")
        if found is None or os.path.lexists(os.path.join(self.root, found[0])):
            return whole, ""
        names = [*roles.ROLES, *self.chosen.agents, *(agent.name for agent, _ in survey() if agent.slug == self.slug)]
        near = difflib.get_close_matches(found[0], names, n=1, cutoff=0.7)
        if not near:
            return whole, ""
        self.note = f"there is no @{found[0]}; did you mean @{near[0]}? Enter sends it what follows"
        return found[1], near[0]

    def _rows(self) -> list[Row]:
        """Return this project's agents and the roles that have none yet."""
        unread = self._unread()
        rows, self.statuses = [], {}
        for agent, now in survey():
            if agent.slug != self.slug or now is None:
                continue
            self.statuses[agent.name] = now
            waiting = sum(1 for task in unread if task["agent_id"] == agent.agent_id)
            rows.append(
                Row(agent.name, now["status"], now["since"], now["context_summary"], unread=waiting, why=now["why"])
            )
        fresh = [name for name in [*roles.ROLES, *self.chosen.agents] if name not in self.statuses]
        return [*rows, *(Row(name, State.OFFLINE, 0.0, "not started yet; Enter starts it") for name in fresh)]

    def _unread(self) -> list[Task]:
        """Return the tasks of this project whose replies nobody has read, the newest first."""
        found = [task for task_id in tasks.all_ids() if (task := tasks.find(task_id))]
        mine = [task for task in found if task["agent_id"].endswith(f"@{self.slug}")]
        ready = [task for task in mine if task["status"] is Step.DONE and task["read"] is None]
        return sorted(ready, key=lambda task: -task["created"])

    def _live(self, name: str, columns: int, rows: int) -> list[str]:
        now = self.statuses.get(name)
        if now is None or not now["pane_id"]:
            return []
        look = tmux.Tmux(now["socket"]).look(now["pane_id"])
        return wait_view.live_end(look.screen, columns, rows) if look else []

    def _last(self) -> str:
        return (files.read(f"{paths.home()}/agents/{self.slug}/last") or b"").decode(errors="replace")

    def _start(self) -> None:
        """Start an agent: its name (a role's, or an own one), then its directory."""
        free = [name for name in roles.ROLES if name not in self.statuses]
        name = palette.ask_line(self.terminal, "Start an agent called", free[0] if free else "", self.screen.hangup_fd)
        if not name:
            return
        agent = named(name, self.root)
        directory = palette.ask_line(self.terminal, f"{name} works in", self.root, self.screen.hangup_fd)
        if directory is None:
            return
        launch.prepare(agent, self.chosen, root=self.root, directory=directory)
        lost = launch.spawn(agent, self.chosen)
        self.started = name
        self.note = lost or f"{agent.agent_id} is starting; Enter sends it the draft"

    def _take_reply(self) -> int | None:
        """Let the person read the waiting replies and take one into the draft, above what stands there."""
        unread = self._unread()
        if not unread:
            self.note = "there is no reply that you have not read; the former ones: flowloom tasks"
            return None
        widest = max([20, *(len(task["agent_id"]) for task in unread)])
        entries = [
            f"{task['agent_id']:<{widest}} {age(int(wall_s() - task['created'])):>12}  {words(task)}" for task in unread
        ]
        at = palette.pick(
            self.terminal,
            "Replies nobody has read",
            entries,
            self.screen.hangup_fd,
            preview=lambda number: (tasks.reply_of(unread[number]["task_id"]) or b"").decode("utf-8", "replace"),
        )
        if at is None:
            return None
        task = unread[at]
        reply = tasks.reply_of(task["task_id"])
        if reply is None:
            raise asking.failure(task)
        name, plain = task["agent_id"].split("@")[0], self.chosen.reply == "plain"
        text = prompt_file.with_reply(
            name, task["task_id"], tasks.prompt_of(task), reply, plain=plain, replaced=task["replaced"]
        )
        below = self.draft.encode("utf-8", "surrogateescape")
        prompt_file.write(self.path, text + (b"\n\n" + below if below.strip() else b""))
        asking.mark_read(task["task_id"])
        return DONE

    def _parallel(self) -> int | None:
        """Open a fresh Claude Code with this draft in a window of its own; the draft is kept on disk."""
        if not self.draft.strip():
            self.note = "the draft is empty: there is nothing to send"
            return None
        raw = self.draft.encode("utf-8", "surrogateescape")
        if len(raw) > ARGUMENT_LIMIT_BYTES:
            self.note = "the draft is too long for a parallel Claude, which gets it as an argument; send it to an agent"
            return None
        launch.program(providers.find("claude"), self.chosen, "a parallel Claude")
        says = (
            f"It begins to work on the draft at once, in a window parallel of the tmux session {self.chosen.session},"
            " and your prompt box is emptied. A copy of the draft is kept on disk."
        )
        if not palette.confirm(
            self.terminal, "Start another Claude Code with this draft?", says, self.screen.hangup_fd
        ):
            return None
        folder = files.ensure_dir(paths.ensure_home() + "/parallel")
        kept = f"{folder}/{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.md"
        files.write(kept, raw)
        command = ["sh", "-c", 'exec "$1" -- "$(cat "$2")"', "sh", self.chosen.claude, kept]
        windows.open_beside(self.chosen, "parallel", self.root, command, {})
        prompt_file.write(self.path, b"")
        return DONE

    def _shell(self) -> None:
        """Open a terminal in the session, with the draft in $PROMPT, and show it."""
        if len(self.draft.encode("utf-8", "surrogateescape")) > ARGUMENT_LIMIT_BYTES:
            self.note = "the draft is too long for $PROMPT"
            return
        shell = os.environ.get("SHELL") or "/bin/sh"
        where = windows.open_beside(self.chosen, "terminal", self.root, [shell], {"PROMPT": self.draft})
        self.note = self.screen.show_window(self.chosen.tmux_socket, where)

    def _mention(self) -> int | None:
        """Add a file that the Chief touched to the end of the draft."""
        touched = chief.touched_files(os.environ.get("FLOWLOOM_CHIEF", ""))
        if not touched:
            self.note = "the Chief has touched no files yet"
            return None
        shown = [os.path.relpath(name, self.root) if name.startswith(f"{self.root}/") else name for name in touched]
        at = palette.pick(self.terminal, "Files the Chief touched, the last first", shown, self.screen.hangup_fd)
        if at is None:
            return None
        gap = "" if not self.draft or re.search(r"\s$", self.draft) else " "
        prompt_file.write(self.path, f"{self.draft}{gap}@{shown[at]} ".encode("utf-8", "surrogateescape"))
        return DONE


def words(task: Task) -> str:
    """Return a task's prompt on one line."""
    return " ".join(tasks.prompt_of(task).split())
