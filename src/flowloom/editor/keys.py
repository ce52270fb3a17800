"""The keys of the palette and of the wait: one table, from which they act, the legends, the help and the docs come.

A letter is a command, at once. What a key does is the same on both screens,
where it does anything at all.
"""

from __future__ import annotations

from flowloom.terminal.style import BOLD, DIM, RESET, YELLOW
from flowloom.terminal.text import shorten, width, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Literal

    ScreenName = Literal["palette", "wait"]
    # What a key does.
    Command = Literal[
        "enter",
        "down",
        "up",
        "row",
        "attach",
        "filter",
        "replies",
        "new",
        "leave",
        "message",
        "log",
        "edit",
        "terminal",
        "parallel",
        "files",
        "end",
        "back",
        "help",
    ]

READS_ON = ("j", "down", " ")

PALETTE: Final = "palette"
WAIT: Final = "wait"
SCREENS: dict[ScreenName, str] = {PALETTE: "the palette", WAIT: "the wait screen"}
DIGITS = tuple("123456789")


class Key:
    """One command: its keys by the terminal's names, how they are written, and what it says of itself."""

    __slots__ = ("does", "keys", "says", "shown", "words")

    def __init__(
        self,
        does: Command,
        keys: tuple[str, ...],
        shown: str,
        words: dict[ScreenName, str],
        says: str | dict[ScreenName, str],
    ) -> None:
        self.does = does
        self.keys = keys
        self.shown = shown
        # Its words in the legend of each screen that has it; empty where the legend has no room for it.
        self.words = words
        self.says = says

    def help(self, screen: ScreenName) -> str:
        """Return its sentence, on one screen."""
        return self.says if isinstance(self.says, str) else self.says[screen]


# In the order in which a legend drops them from the end where it has no room; the last two always stay.
TABLE = (
    Key(
        "enter",
        ("enter",),
        "enter",
        {PALETTE: "send", WAIT: ""},
        {
            PALETTE: "Send the prompt to the selected agent, which starts if it is not running. With an empty prompt,"
            " open its window.",
            WAIT: "Open the agent's window, unless it asks a question.",
        },
    ),
    Key("down", ("j", "down", "^N", "^I"), "j ↓ tab", {PALETTE: "", WAIT: ""}, "Select the next agent."),
    Key("up", ("k", "up", "^P"), "k ↑", {PALETTE: "", WAIT: ""}, "Select the previous agent."),
    Key(
        "row",
        DIGITS,
        "1-9",
        {PALETTE: "or j k select", WAIT: "or j k select"},
        "Select the agent with that number.",
    ),
    Key(
        "attach",
        ("a",),
        "a",
        {PALETTE: "open window", WAIT: "open its window"},
        "Answer the agent's question in its window; if it asks none, open its window.",
    ),
    Key("filter", ("/",), "/", {PALETTE: "filter"}, "Filter the agents by name."),
    Key("replies", ("r",), "r", {PALETTE: "replies"}, "Read the replies and failures you have not looked at."),
    Key("new", ("n",), "n", {PALETTE: "new agent"}, "Start a new agent: its name, then its directory."),
    Key(
        "leave",
        ("l",),
        "l",
        {WAIT: "leave it running (Ctrl-G, r to collect)"},
        "Leave the task running; your prompt box is free. Ctrl-G, then r collects the reply.",
    ),
    Key("message", ("m",), "m", {WAIT: "take the message so far"}, "Take what the agent has said so far as its reply."),
    Key("log", ("o",), "o", {PALETTE: "log", WAIT: "log"}, "Show the log of the selected agent."),
    Key("edit", ("e",), "e", {PALETTE: "edit"}, "Open the prompt in your own editor."),
    Key("terminal", ("t",), "t", {PALETTE: "terminal"}, "Open a terminal in the project, with the prompt in $PROMPT."),
    Key("parallel", ("p",), "p", {PALETTE: "parallel Claude"}, "Start another Claude Code with this prompt."),
    Key("files", ("f",), "f", {PALETTE: "files"}, "Add a file that your Claude Code touched to the prompt."),
    Key(
        "end",
        ("^X",),
        "^X",
        {PALETTE: "interrupt", WAIT: "interrupt"},
        {
            PALETTE: "Interrupt the selected agent's task, after you confirm.",
            WAIT: "Interrupt the task, or take it out of line, after you confirm.",
        },
    ),
    Key(
        "back",
        ("q", "esc", "^C"),
        "q",
        {PALETTE: "back", WAIT: "stop"},
        {
            PALETTE: "Go back; the prompt is unchanged. Also Esc and Ctrl-C.",
            WAIT: "Stop waiting, after you confirm; the agent keeps working. Also Esc and Ctrl-C.",
        },
    ),
    Key("help", ("?",), "?", {PALETTE: "all keys", WAIT: "all keys"}, "Show these keys."),
)
ALWAYS: tuple[Command, ...] = ("back", "help")


def does(key: str, screen: ScreenName) -> Command | None:
    """Return what a key does on a screen, None for nothing."""
    return next((each.does for each in TABLE if key in each.keys and screen in each.words), None)


def instead(key: str, screen: ScreenName, *, asks: str = "") -> str:
    """Return what to press in place of a key that does nothing; `asks` names the agent that asks a question."""
    if asks:
        return f"Press a to answer {asks} in its window"
    found = next((each for each in TABLE if key in each.keys), None)
    if found is not None:
        other = next(name for name in SCREENS if name in found.words)
        way = "q, then Ctrl-G without @name" if other == PALETTE else "send a prompt first"
        said = (found.words[other] or found.does).partition(" (")[0]
        return f"{found.shown} ({said}) is for {SCREENS[other]}: {way}"
    name = key.replace("^", "Ctrl-") if len(key) == 2 else key
    if screen == WAIT:
        return f"{name} does nothing here: q stops, l leaves it running, ? shows all keys"
    return f"{name} does nothing here: / filters the agents by name, ? shows all keys"


def legend(
    screen: ScreenName,
    columns: int,
    lines: int,
    *,
    words: dict[Command, str] | None = None,
    without: tuple[Command, ...] = (),
    first_to_go: Command | None = None,
) -> list[str]:
    """Return the legend in at most so many lines: the most useful keys, and always the way back and the help.

    `words` replace what a command says of itself; `without` names those that would do nothing now,
    `first_to_go` the one that is missed least.
    """
    said = words or {}
    entries = []
    for each in TABLE:
        text = said.get(each.does) or each.words.get(screen, "")
        if text and screen in each.words and each.does not in without:
            entries.append((each.does, each.shown, text))
    while True:
        shown = choices("", [(key, text) for _, key, text in entries], columns)
        spare = [entry for entry in entries if entry[0] not in ALWAYS]
        if len(shown) <= lines or not spare:
            return shown
        least = [entry for entry in spare if entry[0] == first_to_go]
        entries.remove((least or spare)[-1])


def choices(question: str, keys: list[tuple[str, str]], columns: int) -> list[str]:
    """Return the keys that can be pressed, in as many lines as they need."""
    lines, used = ["  "], 2
    words = [(question, "")] if question else []
    for key, says in [*words, *keys]:
        room = sum(map(width, f"{key} {says}")) + 3
        if used + room - 3 > columns and used > 2:
            lines.append("  ")
            used = 2
        lines[-1] += f"{BOLD}{key}{RESET} {says}   " if says else f"{YELLOW}{key}{RESET}   "
        used += room
    return lines


def explained(screen: ScreenName) -> list[tuple[str, str]]:
    """Return each command of a screen as (its keys, its sentence)."""
    return [(each.shown, each.help(screen)) for each in TABLE if screen in each.words]


def help_lines(screen: ScreenName, columns: int) -> list[str]:
    """Return the help of a screen: the keys of each command, and its sentence beside them."""
    lines = []
    for shown, says in explained(screen):
        for number, part in enumerate(wrap(says, max(10, columns - 12))):
            lines.append(f"  {'' if number else shown:<9} {part}")
    return lines


def overlay(title: str, lines: list[str], columns: int, rows: int, first: int) -> list[str]:
    """Return a page that stands in place of a screen until a key is pressed, from line `first` on; j scrolls."""
    room = max(1, rows - 3)
    more = len(lines) > room
    shown = [title, "", *lines[min(first, max(0, len(lines) - room)) :][:room]][: rows - 1]
    foot = "j scrolls, any other key goes back" if more else "press any key to go back"
    return [*shown, *[""] * (rows - 1 - len(shown)), shorten(f"  {DIM}{foot}{RESET}", columns)]
