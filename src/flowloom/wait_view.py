"""The wait drawn as lines: for each part its prompt, its agent's status and question, and the end of its window.

Values in, values out: `wait_screen` owns the terminal and the keys.
"""

from __future__ import annotations

from flowloom import screens
from flowloom.ages import age
from flowloom.states import State, Step
from flowloom.terminal import cut, padded, shorten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.coordinator import View

BOLD, DIM, YELLOW, GREEN, CYAN, RED, RESET = (
    "\x1b[1m",
    "\x1b[2m",
    "\x1b[33m",
    "\x1b[32m",
    "\x1b[36m",
    "\x1b[31m",
    "\x1b[0m",
)
COLOURS = {State.IDLE: GREEN, State.WORKING: CYAN, State.BLOCKED: YELLOW, State.PARKED: CYAN, State.FAILED: RED}
# Narrower than this, parts stand one below the other.
PART_COLUMNS = 44
# The share of a small terminal that the window's end may not take from what it is about.
ABOVE_ROWS = 5


def lines(
    views: list[View],
    prompts: list[str],
    columns: int,
    rows: int,
    *,
    now_s: float,
    waited_s: int,
    chosen: int = 0,
) -> list[str]:
    """Return what fills `columns` by `rows`: one part over all of it, several side by side or stacked."""
    if len(views) == 1:
        return part(views[0], prompts[0], columns, rows, now_s=now_s, waited_s=waited_s)
    if columns // len(views) >= PART_COLUMNS:
        width = (columns - 3 * (len(views) - 1)) // len(views)
        blocks = [
            part(view, prompts[number], width, rows, now_s=now_s, waited_s=waited_s, mark=number == chosen)
            for number, view in enumerate(views)
        ]
        tall = max(len(block) for block in blocks)
        blocks = [block + [""] * (tall - len(block)) for block in blocks]
        return [f" {DIM}│{RESET} ".join(padded(line, width) for line in row) for row in zip(*blocks, strict=True)]
    each = max(2, rows // len(views))
    stacked: list[str] = []
    for number, view in enumerate(views):
        shown = part(view, prompts[number], columns, each, now_s=now_s, waited_s=waited_s, mark=number == chosen)
        stacked += shown[:each]
    return stacked[:rows]


def part(
    view: View, prompt: str, columns: int, rows: int, *, now_s: float, waited_s: int, mark: bool = False
) -> list[str]:
    """Return one part: who, what it is to do, what it does, its question, and as much of its window as fits."""
    now, task = view.agent, view.task
    status = now["status"] if now else State.OFFLINE
    name = f"{BOLD}{'▸ ' if mark else ''}{task['agent_id']}{RESET}"
    head = [f"{name}  {DIM}task {task['task_id']} · {age(waited_s)}{RESET}"]
    since = f" {DIM}for {age(max(0, int(now_s - now['since'])))}{RESET}" if now and now["since"] else ""
    if view.ended:
        head.append(ending(view))
    else:
        head.append(f"{COLOURS.get(status, DIM)}{status}{RESET}{since}{phase(view)}")
    head.append(shorten(f"{DIM}{prompt}{RESET}", columns))
    if view.question and status is State.BLOCKED:
        how = view.question["how"] or "press a and answer in its window"
        head += ["", f"{YELLOW}{view.question['kind']}: {view.question['text']}{RESET}", f"{DIM}{how}{RESET}"]
    head += [f"{YELLOW}{view.says}{RESET}"] if view.says else []
    head = [cut(line, columns) for line in head]
    room = rows - len(head) - 1
    seen = live_end(view.screen, columns, room) if room >= 2 else []
    return [*head, *([f"{DIM}{'─' * columns}{RESET}", *seen] if seen else [])]


def ending(view: View) -> str:
    """Return how a part ended."""
    step = view.task["status"]
    if step is Step.DONE:
        return f"{GREEN}replied{RESET}"
    return f"{YELLOW}{step}{RESET} {view.task['error']}"


def phase(view: View) -> str:
    """Return where the task is, in few words, where the status does not say it already."""
    if view.phase == "in line":
        return f" · in line, {view.ahead} before it"
    status = view.agent["status"] if view.agent else ""
    return "" if view.phase in (status, "waiting") else f" · {view.phase}"


def live_end(screen: str, columns: int, rows: int) -> list[str]:
    """Return the last lines of a window as it looks there, with its colours."""
    shown = screens.coloured_lines(screen)
    while shown and not screens.plain_text(shown[-1]).strip():
        shown.pop()
    return [cut(line, columns) + RESET for line in shown[-rows:]]
