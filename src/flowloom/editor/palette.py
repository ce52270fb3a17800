"""The palette: what Ctrl-G shows for a prompt without a route.

`Palette` is values in, values out: keys change it, `lines` draws it, `choice`
is what the person chose. `choose` runs it on a terminal.
"""

from __future__ import annotations

from flowloom.clock import wall_s
from flowloom.editor import keys
from flowloom.editor.dialogs import await_keys
from flowloom.terminal.durations import age
from flowloom.terminal.style import BOLD, DIM, MAGENTA, RED, RESET, REVERSE, STATES, YELLOW
from flowloom.terminal.text import shorten, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from flowloom.editor.keys import Command
    from flowloom.terminal.tty import Terminal

# What comes first: what needs the person, then what is ready, then the rest.
FIRST = ("blocked", "unknown", "idle", "parked", "working", "starting", "failed", "backoff", "offline")
ORDER = {state: number for number, state in enumerate(FIRST)}
# No name stands narrower than this where there is room; the longest stands whole where it takes half of the width.
NAME_COLUMNS = 18
# Narrower than this, a row leaves out its age.
AGE_COLUMNS = 60
# With fewer rows for the agents they have all of them; what is left over is for the window of the selected one.
TALL_ROWS = 12
# With fewer rows there are no empty lines.
ROOMY_ROWS = 16
# A key meant for something else must not answer, or show, a question that came up this recently.
SEEN_S = 1.0


class Row:
    """One line that can be selected: an agent, or a role that has none yet."""

    def __init__(
        self,
        name: str,
        status: str,
        since: float,
        said: str,
        *,
        unread: int = 0,
        why: str = "",
        failed: str = "",
        task: str = "",
    ) -> None:
        self.name = name
        self.status = status
        self.since = since
        # With `unread` replies it is the beginning of the newest of them.
        self.text = said
        self.unread = unread
        self.why = why
        # The sentence about a task that failed and was not looked at.
        self.failed = failed
        self.task = task

    def rank(self) -> tuple[int, str]:
        """Return what orders the rows: questions, waiting replies and failures, then readiness."""
        waits = (self.unread or self.failed) and self.status != "blocked"
        return (ORDER.get("unknown" if waits else self.status, len(ORDER)), self.name)


class Palette:
    """The state of the palette between two keys."""

    def __init__(
        self,
        project: str,
        rows: list[Row],
        draft: str,
        *,
        last: str = "",
        hint: str = "",
        unknown: str = "",
    ) -> None:
        self.project = project
        self.rows = sorted(rows, key=Row.rank)
        self.draft = draft
        self.hint = hint
        # The name that the draft is for and that no agent has: no row is selected until the person selects one.
        self.unknown = unknown
        self.filter = ""
        self.filtering = False
        self.helping, self.help_at = False, 0
        self.flash = ""
        self.choice: tuple[Command, str] | None = None
        names = [row.name for row in self.rows]
        self.at: int | None = None if unknown else names.index(last) if last in names else 0
        self._asked_s = {row.name: row.since for row in rows if row.status == "blocked"}

    def renew(self, rows: list[Row], now_s: float) -> None:
        """Show these rows from now on, in the order they have: no row moves away under a number or an Enter."""
        before = self.selected()
        places = {row.name: number for number, row in enumerate(self.rows)}
        self._asked_s = {row.name: self._asked_s.get(row.name, now_s) for row in rows if row.status == "blocked"}
        self.rows = sorted(rows, key=lambda row: (places.get(row.name, len(places)), *row.rank()))
        names = [row.name for row in self.matches()]
        if before and before.name in names:
            self.at = names.index(before.name)
        elif before:
            # It is gone, and the row in its place was never selected.
            self.at = None

    def matches(self) -> list[Row]:
        """Return the rows that the filter leaves."""
        return [row for row in self.rows if self.filter.lower() in row.name.lower()]

    def selected(self) -> Row | None:
        """Return the row that Enter takes."""
        rows = self.matches()
        return rows[min(self.at, len(rows) - 1)] if rows and self.at is not None else None

    def press(self, key: str, now_s: float) -> None:
        """Take one key: `choice` is (command, agent's name) once there is one."""
        self.flash = ""
        if self.choice is not None:
            return
        if self.helping and key in keys.READS_ON:
            self.help_at += 1
        elif self.helping:
            self.helping = False
        elif self.filtering:
            self._type(key)
        else:
            self._command(key, now_s)

    def _type(self, key: str) -> None:
        """Take one key while a filter is typed: letters and digits are part of it."""
        if len(key) == 1 and key.isprintable():
            self.filter += key
            self.at = 0
        elif key in ("backspace", "^?", "^H"):
            self.filtering = bool(self.filter)
            self.filter = self.filter[:-1]
        elif key == "esc":
            self.filter, self.filtering = "", False
        elif key == "^C":
            self.choice = ("back", "")
        elif key == "enter":
            row = self.selected()
            self.choice = ("enter", row.name) if row else ("new", self.filter.strip())
        else:
            self._move(keys.does(key, keys.PALETTE))

    def _move(self, does: Command | None) -> None:
        last = len(self.matches()) - 1
        if does in ("up", "down") and last >= 0:
            first = 0 if does == "down" else last
            at = first if self.at is None else min(self.at, last) + (1 if does == "down" else -1)
            self.at = max(0, min(last, at))

    def _command(self, key: str, now_s: float) -> None:
        does = keys.does(key, keys.PALETTE)
        row = self.selected()
        if does in ("up", "down"):
            self._move(does)
        elif does == "row":
            if int(key) <= len(self.matches()):
                self.at = int(key) - 1
            else:
                self.flash = f"There is no row {key}"
        elif does == "filter":
            self.filtering = True
        elif does == "help":
            self.helping, self.help_at = True, 0
        elif does is None:
            self.flash = keys.instead(key, keys.PALETTE)
        elif does in ("enter", "attach", "log", "end") and row is None:
            self.flash = "Select an agent first: j, k or its number"
            self.flash += f"; n creates {self.unknown}" if self.unknown else ""
        elif does == "attach" and row and now_s - self._asked_s.get(row.name, -SEEN_S) < SEEN_S:
            self.flash = f"{row.name} asked this just now. Press a again to answer"
        elif does == "end" and row and not row.task:
            self.flash = f"{row.name} has no task to end"
        else:
            self.choice = (does, "" if does == "back" or row is None else row.name)

    def lines(self, columns: int, rows: int, live: list[str], now_s: float) -> list[str]:
        """Return the screen: the draft's beginning, the agents, the end of the selected one's window, the keys."""
        if self.helping:
            lines = keys.help_lines(keys.PALETTE, columns)
            return keys.overlay(f"{BOLD}FlowLoom{RESET}  keys", lines, columns, rows, self.help_at)
        head = [f"{BOLD}FlowLoom{RESET}  {self.project}   {DIM}Send to{RESET}", self._draft_line(columns)]
        # The hint must leave room for the agents on a small terminal.
        told = wrap(self.hint, columns)[: max(1, rows // 6)] if self.hint else []
        head += [f"{YELLOW}{line}{RESET}" for line in told]
        if self.filtering or rows >= ROOMY_ROWS:
            head.append(f"filter: {self.filter}▏" if self.filtering else "")
        # On a small terminal, the legend takes the rows that the agents leave.
        spare = rows - len(head) - 1 - len(self.matches())
        legend = self._legend(columns, max(1, rows // 5, spare if rows < ROOMY_ROWS else 0))
        foot = [f"{YELLOW}{shorten(self.flash, columns)}{RESET}" if self.flash else "", *legend]
        shown = self.matches()
        room = max(1, rows - len(head) - len(foot))
        listed = min(len(shown), room // 2 if live and room >= TALL_ROWS else room)
        at = min(self.at or 0, len(shown) - 1)
        first = max(0, min(at - listed // 2, len(shown) - listed))
        body = self._body(shown, first, listed, columns, now_s)
        left = room - len(body) - 1
        if live and left >= 3:
            body += [f"{DIM}{'─' * columns}{RESET}", *live[-left:]]
        return [*head, *body, *[""] * (room - len(body)), *foot]

    def _draft_line(self, columns: int) -> str:
        """Return the draft's beginning and, where it is longer than that, its size."""
        if not self.draft.strip():
            return f"{DIM}(your prompt is empty){RESET}"
        words = " ".join(self.draft[:2000].split())
        count = self.draft.rstrip("\n").count("\n") + 1
        size = len(self.draft.encode("utf-8", "surrogateescape"))
        if count == 1 and size <= columns:
            return f"{DIM}{shorten(words, columns)}{RESET}"
        told = f"{count} line{'s' if count > 1 else ''}, {f'{round(size / 1000)} kB' if size >= 1000 else f'{size} B'}"
        return f"{DIM}{shorten(words, max(10, columns - len(told) - 3))}{RESET}   {told}"

    def _body(self, shown: list[Row], first: int, listed: int, columns: int, now_s: float) -> list[str]:
        if not shown:
            return [f"  {DIM}No agent matches “{self.filter}”{RESET}"]
        least = NAME_COLUMNS if columns >= AGE_COLUMNS else 8
        widest = max(least, min(max(len(row.name) for row in shown), columns // (2 if columns >= AGE_COLUMNS else 3)))
        selected = self.selected()
        return [
            self._row(shown[number], number + 1, now_s, widest, columns, selected=shown[number] is selected)
            for number in range(first, first + listed)
        ]

    def _row(self, row: Row, number: int, now_s: float, widest: int, columns: int, *, selected: bool) -> str:
        since = age(int(now_s - row.since)) if row.since else ""
        said = row.text
        if row.status in ("blocked", "unknown"):
            said = row.why.removeprefix("blocked on ")
        elif row.failed:
            said = f"{RED}✗ {row.failed}{RESET}"
        elif row.unread:
            said = f"{MAGENTA}{row.unread} unread{RESET}" + (f" · {row.text}" if row.text else "")
        mark = f"{REVERSE}▸" if selected else " "
        colour = STATES.get(row.status, DIM)
        digit = f"{number}" if number <= len(keys.DIGITS) and not self.filtering else " "
        when = f"{DIM}{since:>7}{RESET}  " if columns >= AGE_COLUMNS else ""
        line = f"{mark}{digit} {shorten(row.name, widest):<{widest}}{RESET} {colour}{row.status:<9}{RESET} {when}{said}"
        return shorten(line, columns)

    def _legend(self, columns: int, lines: int) -> list[str]:
        row = self.selected()
        if self.filtering:
            name = self.filter.strip()
            found = [("enter", "send"), ("↑↓", "select")] if row else [("enter", f"start '{name}'")] if name else []
            return keys.choices("", [*found, ("esc", "all agents")], columns)
        words: dict[Command, str] = {}
        without: list[Command] = []
        blocked = row is not None and row.status == "blocked"
        if row is None:
            without += ["enter", "attach", "log"]
        elif blocked:
            words["attach"] = "answer"
        if not self.draft.strip():
            words["enter"] = "answer" if blocked else "open window"
            without += ["parallel", "attach"]
        if row is None or not row.task:
            without.append("end")
        if self.unknown:
            words["new"] = f"create {self.unknown}"
        return keys.legend(keys.PALETTE, columns, lines, words=words, without=tuple(without))


def choose(
    terminal: Terminal,
    palette: Palette,
    renew: Callable[[], None],
    live: Callable[[str, int, int], list[str]],
    hangup_fd: int,
) -> tuple[Command, str]:
    """Run the palette until the person has made a choice; `renew` renews its rows, `live` gives the end of a window."""
    while palette.choice is None:
        columns, rows = terminal.size()
        row = palette.selected()
        seen = live(row.name, columns, rows) if row and row.status != "offline" else []
        terminal.draw(palette.lines(columns, rows, seen, wall_s()))
        pressed = await_keys(terminal, hangup_fd)
        if pressed is None:
            return ("back", "")
        if not pressed:
            renew()
        for key in pressed:
            palette.press(key, wall_s())
    return palette.choice
