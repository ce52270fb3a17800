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
    from flowloom.records import Status, Task

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
# Narrower than this no part stands beside another.
PART_COLUMNS = 44
# With fewer rows a question stands behind the status; from so many on there is room for the journal.
TIGHT_ROWS, JOURNAL_ROWS = 6, 10
# Who says an agent's status; what FlowLoom did itself needs no witness.
SOURCES = {"hook": "its hook", "screen": "its screen", "session": "its session", "transcript": "its transcript"}


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
    """Return what fills `columns` by `rows`: the parts side by side as far as they fit, the others below them."""
    across = max(1, min(len(views), columns // PART_COLUMNS))
    bands = -(-len(views) // across)
    across = -(-len(views) // bands)
    width = (columns - 3 * (across - 1)) // across
    # Where not even a row each is there: those around the chosen one.
    first = max(0, min(chosen // across - rows // 2, bands - rows))
    shown: list[str] = []
    for band in range(first, bands):
        room = (rows - len(shown)) // (bands - band) if rows >= 2 * bands else 1
        ruled = room > JOURNAL_ROWS and band < bands - 1
        blocks = [
            part(
                views[number],
                prompts[number],
                width,
                room - ruled,
                now_s=now_s,
                waited_s=waited_s,
                mark=number == chosen,
            )
            for number in range(band * across, min(len(views), (band + 1) * across))
        ]
        tall = max(len(block) for block in blocks)
        blocks = [block + [""] * (tall - len(block)) for block in blocks]
        if across == 1:
            shown += blocks[0]
        else:
            shown += [f" {DIM}│{RESET} ".join(padded(line, width) for line in row) for row in zip(*blocks, strict=True)]
        shown += [f"{DIM}{'─' * columns}{RESET}"] if ruled else []
    return shown[:rows]


def part(
    view: View, prompt: str, columns: int, rows: int, *, now_s: float, waited_s: int, mark: bool = False
) -> list[str]:
    """Return one part: who, what it is to do, what it does, its question, and as much of its window as fits."""
    now, task = view.agent, view.task
    status = now["status"] if now else State.OFFLINE
    name = f"{BOLD}{'▸ ' if mark else ''}{task['agent_id']}{RESET}"
    if view.ended:
        does = ending(view)
    else:
        since = f" for {age(max(0, int(now_s - now['since'])))}" if now and now["since"] else ""
        does = f"{COLOURS.get(status, DIM)}{status}{RESET}{DIM}{since}{said_by(now)}{RESET}{phase(view)}"
    asked = view.question if status is State.BLOCKED and not view.ended else None
    question = f"{YELLOW}{asked['kind']}: {asked['text']}{RESET}" if asked else ""
    if rows < TIGHT_ROWS and asked:
        does = f"{YELLOW}{status}{RESET} {question}"
    if rows == 1:
        return [shorten(f"{name}  {does}", columns)]
    head = [f"{name}  {DIM}task {task['task_id']} · {age(waited_s)}{RESET}", does, f"{DIM}{prompt}{RESET}"]
    if rows >= JOURNAL_ROWS:
        head.append(f"{DIM}{journal(task, columns)}{RESET}")
    if rows >= TIGHT_ROWS and asked:
        head += ["", question, f"{DIM}{asked['how'] or 'press a and answer in its window'}{RESET}"]
    head += [f"{YELLOW}{said}{RESET}" for said in (view.says, view.began_anew) if said]
    head = [shorten(line, columns) for line in head]
    room = rows - len(head) - 1
    seen = live_end(view.screen, columns, room) if room >= 2 else []
    return [*head, *([f"{DIM}{'─' * columns}{RESET}", *seen] if seen else [])][:rows]


def said_by(now: Status | None) -> str:
    """Return who says what an agent does."""
    source = SOURCES.get(now["source"]) if now else None
    return f", says {source}" if source else ""


def journal(task: Task, columns: int) -> str:
    """Return the steps of a task, each with the time from the first to it; the last ones where not all fit."""
    entries = task["journal"]
    steps = []
    for entry in entries:
        after_s = max(0.0, entry["at"] - entries[0]["at"])
        steps.append(f"{entry['step']} {f'{after_s:.1f} s' if after_s < 60 else age(int(after_s))}")
    steps[:1] = [str(entry["step"]) for entry in entries[:1]]
    for first in range(len(steps)):
        line = " → ".join([*(["…"] if first else []), *steps[first:]])
        if cut(line, columns) == line:
            return line
    return ""


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


def doing(view: View) -> str:
    """Return in a sentence where the task is."""
    name = view.agent["name"] if view.agent else "the agent"
    phase = view.phase
    if phase == "waiting" and view.agent and view.agent["current_task"] == view.task["task_id"]:
        # Somebody else carries it, and only the agent says how far it is.
        phase = view.agent["status"]
    return {
        "in line": f"in line, {view.ahead} before it",
        "starting": f"{name} is starting",
        "delivering": f"handing it over to {name}",
        "working": f"{name} works on it",
        "blocked": f"{name} waits for you",
        "parked": f"{name} waits for its background work",
        "settling": f"{name} is about to end",
        "with a person": f"{name} is with a person",
    }.get(phase, phase)


def live_end(screen: str, columns: int, rows: int) -> list[str]:
    """Return the last lines of a window as it looks there, with its colours."""
    shown = screens.coloured_lines(screen)
    while shown and not screens.plain_text(shown[-1]).strip():
        shown.pop()
    return [cut(line, columns) + RESET for line in shown[-rows:]]
