"""The palette: what Ctrl-G shows for a prompt without a route.

`Palette` is values in, values out: keys change it, `lines` draws it, `outcome`
says what was chosen. `choose` runs it on a terminal.
"""

from __future__ import annotations

import select

from flowloom.ages import age
from flowloom.clock import wall_s
from flowloom.terminal import ESC_S, choices, cut, shorten, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from flowloom.terminal import Terminal

BOLD, DIM, REVERSE, YELLOW, GREEN, CYAN, RED, RESET = (
    "\x1b[1m",
    "\x1b[2m",
    "\x1b[7m",
    "\x1b[33m",
    "\x1b[32m",
    "\x1b[36m",
    "\x1b[31m",
    "\x1b[0m",
)
# How often the rows and the window are looked at anew.
TICK_S = 1.0
COLOURS = {"idle": GREEN, "working": CYAN, "blocked": YELLOW, "parked": CYAN, "failed": RED}
# What comes first: what needs the person, then what is ready, then the rest.
ORDER = {"blocked": 0, "idle": 2, "parked": 3, "working": 4, "starting": 5, "failed": 6, "backoff": 6, "offline": 7}
# No name stands narrower than this; the longest stands whole where it takes half of the width at most.
NAME_COLUMNS = 18
# A letter that is a command is the beginning of a name if another letter follows within this.
LETTER_S = 0.3
COMMANDS = {
    "e": ("edit", "edit"),
    "n": ("new", "new agent"),
    "r": ("replies", "replies"),
    "a": ("attach", "attach"),
    "p": ("parallel", "parallel Claude"),
    "t": ("terminal", "terminal"),
    "f": ("files", "files"),
}


class Row:
    """One line that can be chosen: an agent, or a role that none has yet."""

    def __init__(self, name: str, status: str, since: float, said: str, *, unread: int = 0, why: str = "") -> None:
        self.name = name
        self.status = status
        self.since = since
        self.said = said
        self.unread = unread
        self.why = why

    def rank(self) -> tuple[int, str]:
        """Return what orders the rows: questions, waiting replies, then readiness."""
        return (1 if self.unread and self.status != "blocked" else ORDER.get(self.status, 8), self.name)


class Palette:
    """The state of the palette between two keys."""

    def __init__(self, project: str, rows: list[Row], draft: str, *, last: str = "", hint: str = "") -> None:
        self.project = project
        self.rows = sorted(rows, key=Row.rank)
        self.draft = draft
        self.hint = hint
        self.filter = ""
        self.filtering = False
        self.pending = ""
        self.outcome: tuple[str, str] | None = None
        names = [row.name for row in self.rows]
        self.at = names.index(last) if last in names else 0

    def renew(self, rows: list[Row]) -> None:
        """Show these rows from now on; the chosen one stays chosen."""
        chosen = self.selected()
        self.rows = sorted(rows, key=Row.rank)
        names = [row.name for row in self.shown()]
        if chosen and chosen.name in names:
            self.at = names.index(chosen.name)

    def shown(self) -> list[Row]:
        """Return the rows that the filter leaves."""
        return [row for row in self.rows if self.filter.lower() in row.name.lower()]

    def selected(self) -> Row | None:
        """Return the row that Enter takes."""
        rows = self.shown()
        return rows[min(self.at, len(rows) - 1)] if rows else None

    def press(self, key: str) -> None:
        """Take one key: `outcome` is (what, agent's name) once something was chosen."""
        letter = len(key) == 1 and key.isprintable()
        if self.pending and key in ("esc", "^C"):
            self.pending = ""
            return
        if self.pending and not letter:
            self.settle()
        if self.outcome is not None:
            return
        row = self.selected()
        name = row.name if row else ""
        if key in ("up", "^P"):
            self.at = max(0, min(self.at, len(self.shown()) - 1) - 1)
        elif key in ("down", "^N", "^I"):
            self.at = max(0, min(len(self.shown()) - 1, self.at + 1))
        elif key == "enter":
            self.outcome = ("send", name) if name else None
        elif key in ("esc", "^C"):
            self._escape(key)
        elif key in ("backspace", "^?", "^H"):
            self.filter = self.filter[:-1]
            self.filtering = bool(self.filter)
        elif key == "/" and not self.filtering:
            self.filtering = True
        elif not self.filtering and not self.pending and key in COMMANDS:
            # Or the first letter of a name: the next one, or its absence, will tell.
            self.pending = key
        elif letter:
            self.filtering = True
            self.filter += self.pending + key
            self.pending = ""
            self.at = 0

    def settle(self) -> None:
        """Take a letter that no other followed for the command that it is."""
        row = self.selected()
        if self.pending:
            self.outcome = (COMMANDS[self.pending][0], row.name if row else "")
            self.pending = ""

    def _escape(self, key: str) -> None:
        if self.filtering and key == "esc":
            self.filter, self.filtering = "", False
        else:
            self.outcome = ("back", "")

    def lines(self, columns: int, rows: int, live: list[str], now_s: float) -> list[str]:
        """Return the screen: the draft's beginning, the agents, the end of the chosen one's window, the keys."""
        words = " ".join(self.draft.split())
        head = [
            f"{BOLD}FlowLoom{RESET}  {self.project}   {DIM}to whom?{RESET}",
            f"{DIM}{shorten(words, columns) or '(the draft is empty)'}{RESET}",
        ]
        # Never all of a small terminal: what can be chosen stands below.
        told = wrap(self.hint, columns)[: max(1, rows // 6)] if self.hint else []
        head += [f"{YELLOW}{line}{RESET}" for line in told]
        head.append(f"filter: {self.filter}▏" if self.filtering else "")
        foot = ["", *self._keys(columns)[: max(1, rows // 5)]]
        shown = self.shown()
        room = max(1, rows - len(head) - len(foot))
        listed = min(len(shown), max(3, room // 2) if live and room > 5 else room)
        at = min(self.at, len(shown) - 1)
        first = max(0, min(at - listed // 2, len(shown) - listed))
        widest = max([NAME_COLUMNS, *(len(row.name) for row in shown)])
        widest = max(NAME_COLUMNS, min(widest, columns // 2))
        body = [
            self._row(row, now_s, widest, columns, chosen=row is self.selected())
            for row in shown[first : first + listed]
        ]
        if not shown:
            body = [f"  {DIM}no agent or role is called so{RESET}"]
        left = room - len(body) - 1
        if live and left >= 3:
            body += [f"{DIM}{'─' * columns}{RESET}", *live[-left:]]
        return [*head, *body, *foot]

    def _row(self, row: Row, now_s: float, widest: int, columns: int, *, chosen: bool) -> str:
        since = age(int(now_s - row.since)) if row.since else ""
        said = row.why if row.status == "blocked" else row.said
        said = " · ".join(words for words in (f"{row.unread} unread" if row.unread else "", said) if words)
        mark = f"{REVERSE}▸" if chosen else " "
        colour = COLOURS.get(row.status, DIM)
        name = f"{shorten(row.name, widest):<{widest}}"
        line = f"{mark} {name}{RESET} {colour}{row.status:<9}{RESET} {DIM}{since:>12}{RESET}  {said}"
        return shorten(line, columns)

    def _keys(self, columns: int) -> list[str]:
        if self.filtering:
            return choices("", [("enter", "send"), ("↑↓", "choose"), ("esc", "all agents")], columns)
        keys = [("enter", "send"), ("↑↓ or a name", "choose"), ("esc", "back")]
        return choices("", [*keys, *((key, words) for key, (_, words) in COMMANDS.items())], columns)


def choose(
    terminal: Terminal,
    palette: Palette,
    rows_now: Callable[[], list[Row]],
    live: Callable[[str, int, int], list[str]],
    hangup_fd: int,
) -> tuple[str, str]:
    """Run the palette until something is chosen; `rows_now` gives its rows anew, `live` the end of a window."""
    while palette.outcome is None:
        columns, rows = terminal.size()
        row = palette.selected()
        seen = live(row.name, columns, rows) if row and row.status != "offline" else []
        terminal.draw(palette.lines(columns, rows, seen, wall_s()))
        keys = await_keys(terminal, hangup_fd, LETTER_S if palette.pending else TICK_S)
        if keys is None:
            return ("back", "")
        if not keys and palette.pending:
            palette.settle()
        elif not keys:
            palette.renew(rows_now())
        for key in keys:
            palette.press(key)
    return palette.outcome


def await_keys(terminal: Terminal, hangup_fd: int, limit_s: float = TICK_S) -> list[str] | None:
    """Return the keys pressed within `limit_s`, maybe none; None when nobody is there any longer."""
    ready, _, _ = select.select([terminal.fd, hangup_fd], [], [], limit_s)
    if hangup_fd in ready or terminal.gone():
        return None
    keys = terminal.read_keys()
    # An ESC alone is known for the key only by what does not follow it.
    while not keys and terminal.keys.held:
        select.select([terminal.fd], [], [], ESC_S)
        keys = terminal.read_keys()
    return keys


def confirm(terminal: Terminal, title: str, says: str, hangup_fd: int) -> bool:
    """Let the person say yes with Enter, or go back."""
    while True:
        columns, _ = terminal.size()
        foot = choices("", [("enter", "yes"), ("esc", "back")], columns)
        said = [f"  {line}" for line in wrap(says, max(10, columns - 4))]
        terminal.draw([f"{BOLD}{title}{RESET}", "", *said, "", *foot])
        keys = await_keys(terminal, hangup_fd)
        if keys is None or "esc" in keys or "^C" in keys:
            return False
        if "enter" in keys:
            return True


def pick(
    terminal: Terminal, title: str, entries: list[str], hangup_fd: int, *, preview: Callable[[int], str] | None = None
) -> int | None:
    """Let the person pick one of several lines, with a preview below; None when they go back."""
    at = read_on = 0
    while True:
        columns, rows = terminal.size()
        listed = min(len(entries), max(3, rows // 3) if preview else rows - 4)
        first = max(0, min(at - listed // 2, len(entries) - listed))
        lines = [f"{BOLD}{title}{RESET}", ""]
        for number in range(first, first + listed):
            entry = shorten(entries[number], columns - 2)
            lines.append(f"{REVERSE}▸{RESET} {entry}" if number == at else f"  {entry}")
        keys = [("enter", "take"), ("↑↓", "choose"), ("esc", "back")]
        room = 0
        if preview and entries:
            text = [row for line in preview(at).split("\n") for row in fold(line, columns)]
            room = max(1, rows - len(lines) - 4)
            keys += [("space", "read on")] if len(text) > room else []
            read_on = read_on if read_on < len(text) else 0
            lines += [f"{DIM}{'─' * columns}{RESET}", *text[read_on : read_on + room]]
        lines += ["", *choices("", keys, columns)]
        terminal.draw(lines)
        pressed = await_keys(terminal, hangup_fd)
        if pressed is None:
            return None
        for key in pressed:
            if key in ("up", "down"):
                at = max(0, min(len(entries) - 1, at + (1 if key == "down" else -1)))
                read_on = 0
            elif key == " ":
                read_on += room
            elif key == "enter" and entries:
                return at
            elif key in ("esc", "^C"):
                return None


def fold(line: str, columns: int) -> list[str]:
    """Return a line of a text in as many rows as it needs, each as far to the right as it is."""
    line = line.expandtabs()
    if cut(line, columns) == line:
        return [line]
    margin = line[: min(len(line) - len(line.lstrip()), columns // 2)]
    return [f"{margin}{row}" for row in wrap(line, columns - len(margin))]


def ask_line(terminal: Terminal, title: str, text: str, hangup_fd: int) -> str | None:
    """Let the person type or paste one line, beginning with `text`; None when they go back."""
    terminal.keys.wants_text = True
    try:
        return _typed_line(terminal, title, text, hangup_fd)
    finally:
        terminal.keys.wants_text = False


def _typed_line(terminal: Terminal, title: str, text: str, hangup_fd: int) -> str | None:
    while True:
        columns, _ = terminal.size()
        foot = choices("", [("enter", "take"), ("^U", "clear"), ("esc", "back")], columns)
        # The end is where the next character goes.
        seen = next((text[at:] for at in range(len(text)) if cut(text[at:], columns - 3) == text[at:]), "")
        terminal.draw([f"{BOLD}{title}{RESET}", "", f"  {seen}▏", "", *foot])
        keys = await_keys(terminal, hangup_fd)
        if keys is None:
            return None
        for key in keys:
            if key == "enter":
                return text
            if key in ("esc", "^C"):
                return None
            if key in ("backspace", "^?", "^H"):
                text = text[:-1]
            elif key == "^U":
                text = ""
            elif len(key) == 1 and key.isprintable():
                text += key
