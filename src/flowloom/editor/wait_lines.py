"""The wait drawn as lines: for each part its prompt, its agent's status and question, and the end of its window.

Values in, values out: `wait_screen` owns the terminal and the keys.
"""

from __future__ import annotations

import time

from flowloom.clock import wall_s
from flowloom.editor import keys
from flowloom.tasks.steps import Step
from flowloom.terminal import ansi
from flowloom.terminal.durations import age
from flowloom.terminal.style import BOLD, DIM, GREEN, RED, RESET, REVERSE, STATES, YELLOW
from flowloom.terminal.text import cut, padded, shorten, wrap
from flowloom.turns import questions
from flowloom.turns.limits import clock
from flowloom.turns.states import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from flowloom.delegation.runner import View
    from flowloom.delegation.waiting import Phase
    from flowloom.editor.keys import Command
    from flowloom.tasks.record import Task

    # A question of ours to the person: whether to stop waiting, or to end the work.
    OwnQuestion = Literal["back", "end"]

# Narrower than this no part stands beside another.
PART_COLUMNS = 44
# With fewer rows a question stands behind the status; from so many on there is room for a rule below a part.
TIGHT_ROWS, RULED_ROWS = 6, 10
# With fewer rows a question stands without empty lines, and without what the legend says.
QUESTION_ROWS = 32
# With fewer rows of a window than this its input box is not worth its own.
BOX_ROWS = 12
UNFINISHED = {
    Step.CREATED: "it is in line for {name}",
    Step.TYPED: "it is on its way to {name}",
    Step.PASTED: "it is on its way to {name}",
    Step.ACCEPTED: "{name} is on it",
    Step.PARKED: "{name} is waiting for its background work",
    Step.UNKNOWN: "it was typed, and {name} never confirmed it",
}
# Narrower than this a log has no room for the former state and the task.
WIDE_COLUMNS = 70
# Who reported an agent's status; FlowLoom itself where none of these did.
SOURCES = {"hook": "its hooks", "screen": "its screen", "session": "its session", "transcript": "its transcript"}


def lines(
    views: list[View],
    prompts: list[str],
    columns: int,
    rows: int,
    *,
    now_s: float,
    waited_s: int,
    selected: int = 0,
) -> list[str]:
    """Return what fills `columns` by `rows`: the parts side by side as far as they fit, the others below them."""
    across = max(1, min(len(views), columns // PART_COLUMNS))
    bands = -(-len(views) // across)
    across = -(-len(views) // bands)
    # With fewer rows than parts, those around the selected one are shown.
    first = max(0, min(selected // across - rows // 2, bands - rows))
    shown: list[str] = []
    for band in range(first, bands):
        room = (rows - len(shown)) // (bands - band) if rows >= 2 * bands else 1
        numbers = range(band * across, min(len(views), (band + 1) * across))
        # In the last band, fewer parts share the width.
        width = (columns - 3 * (len(numbers) - 1)) // len(numbers)
        ruled = room > RULED_ROWS and band < bands - 1
        blocks = [
            part(
                views[number],
                prompts[number],
                width,
                room - ruled,
                now_s=now_s,
                waited_s=waited_s,
                mark=number == selected,
            )
            for number in numbers
        ]
        tall = max(len(block) for block in blocks)
        blocks = [block + [""] * (tall - len(block)) for block in blocks]
        if len(blocks) == 1:
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
    name = f"{REVERSE if mark else BOLD}{'▸ ' if mark else ''}{task['agent_id']}{RESET}"
    if view.ended:
        does = ending(view)
    else:
        # The status's own age: a task in line has waited for another time than its agent has worked.
        since = f" {age(now_s - (now['since'] if now else view.since))}"
        does = f"{STATES.get(status, DIM)}{status}{RESET}{DIM}{since}{RESET}{phase(view)}"
        if now and "unreachable" in now:
            does = f"{YELLOW}unknown{RESET}{DIM}, was {status}{since}{RESET}"
    asked = question(view)
    if rows < TIGHT_ROWS and asked:
        does = f"{YELLOW}{status}{RESET} {YELLOW}{asked[0]}{RESET}"
    if rows == 1:
        return [shorten(f"{name}  {does}", columns)]
    head = [f"{name}  {DIM}task {task['task_id']} · {age(waited_s)}{RESET}", does, f"{DIM}{prompt}{RESET}"]
    if rows >= TIGHT_ROWS and asked:
        # The whole question where there is room: its end can decide the answer.
        head += [f"{YELLOW}{line}{RESET}" for line in wrap(asked[0], columns)[: max(1, rows - len(head) - 1)]]
        head += [f"{DIM}{line}{RESET}" for line in wrap(asked[1], columns)]
    head += [f"{YELLOW}{line}{RESET}" for said in notices(view) for line in wrap(said, columns)[:2]]
    head = [shorten(line, columns) for line in head][:rows]
    room = rows - len(head) - 1
    seen = live_end(view.screen, columns, room) if room >= 2 else []
    return [*head, *([f"{DIM}{'─' * columns}{RESET}", *seen] if seen else [])][:rows]


def name_of(view: View) -> str:
    """Return the agent's name."""
    return view.task["agent_id"].partition("@")[0]


def asks(view: View) -> bool:
    """Tell whether the agent waits for an answer of the person's."""
    return bool(view.agent and view.agent["status"] is State.BLOCKED and not view.ended)


def question(view: View) -> tuple[str, str] | None:
    """Return the agent's question and how to answer it, None where it asks nothing."""
    if not asks(view) or not view.question:
        return None
    asked = view.question
    return f"{questions.words(asked)}{others(view)}", asked["how"] or "Press a to answer in its window."


def others(view: View) -> str:
    """Return how many more questions of the agent are open; empty for none."""
    more = len(view.agent["questions"]) - 1 if view.agent else 0
    return f" (and {more} more {'question' if more == 1 else 'questions'})" if more > 0 else ""


def in_line(view: View) -> bool:
    """Tell whether a task still waits in line: nothing of it is with its agent."""
    return view.phase == "in line"


def notices(view: View) -> list[str]:
    """Return what else is to be said of a task."""
    return [said for said in (view.says, view.began_anew) if said]


def standing(view: View, columns: int, now_s: float) -> list[str]:
    """Return what a task waits for and since when, then what is known beyond that."""
    now = view.agent
    lines = [f"{BOLD}{doing(view)}{RESET}  {DIM}{age(now_s - view.since)}{RESET}"]
    # The question stands in full below, the prompt above.
    told_already = now is None or now["status"] in (State.BLOCKED, State.WORKING) or not now["why"]
    why = "" if told_already or now is None else f"{now['status']}: {now['why']}"
    known = " · ".join(said for said in (why, delivered(view.task)) if said)
    return [*lines, *(f"{DIM}{line}{RESET}" for line in wrap(known, columns)[:2] if line)]


def title(agent_id: str, task: Task, columns: int, waited_s: int) -> str:
    """Return the first line of the wait for one task."""
    waited = age(waited_s)
    left = f"{agent_id} · task {task['task_id']}"
    gap = columns - 12 - len(left) - len(waited)
    if gap < 1:
        return f" {BOLD}{agent_id}{RESET}  {waited}"
    return f" {BOLD}FlowLoom{RESET}  {left}{' ' * gap}{waited}"


def state(view: View, prompt: str, columns: int, rows: int, now_s: float, *, note: str = "") -> list[str]:
    """Return what is going on and since when, the question that a person must answer, and what else there is."""
    room = max(10, columns - 4)
    asked = question(view)
    # On few rows the window comes first: its dialog, with all options, says more than a line of ours.
    gap = [] if asked and rows < QUESTION_ROWS else [""]
    lines = [*gap, f"  {DIM}{shorten(prompt, room)}{RESET}", *gap]
    lines += [f"  {line}" for line in standing(view, room, now_s)[: None if gap else 1]]
    if asked:
        lines += [*gap, *(f"  {YELLOW}{line}{RESET}" for line in wrap(asked[0], room)[: 6 if gap else 2])]
        lines += [f"  {line}" for line in wrap(asked[1], room) if gap or (view.question and view.question["how"])]
    for text in (*notices(view), note):
        if text:
            lines += ["", *(f"  {YELLOW}{line}{RESET}" for line in wrap(text, room))]
    return lines


def our_question(which: OwnQuestion, view: View, columns: int, *, several: bool) -> list[str]:
    """Return our own question with its keys: whether to stop waiting (`back`), or to end the work (`end`)."""
    name = "all of them" if several else name_of(view)
    if which == "back":
        queued = in_line(view) and not several
        goes_on = "they keep working" if several else "the task stays in line" if queued else f"{name} keeps working"
        end = "take it out of line" if queued else "interrupt"
        found = [("s", f"stop waiting ({goes_on})"), ("^X", end), ("esc", "keep waiting")]
        return keys.choices("Stop?", found, columns)
    what = "Take it out of line?" if in_line(view) else f"Interrupt {name}?"
    return keys.choices(what, [("y", "yes"), ("esc", "keep waiting")], columns)


def legend(view: View, columns: int, lines: int, *, several: bool) -> list[str]:
    """Return the legend, with the words that are true now."""
    words: dict[Command, str] = {"end": "take it out of line"} if in_line(view) else {}
    without: list[Command] = [] if several else ["row"]
    if view.task["status"] is not Step.PARKED or view.task["until"]:
        without.append("message")
    if asks(view):
        words["attach"] = f"answer {name_of(view)}" if several else "answer"
    if several:
        words["leave"] = "leave them running (Ctrl-G, r to collect)"
    if columns < WIDE_COLUMNS:
        words["leave"] = "leave running"
    return keys.legend(keys.WAIT, columns, lines, words=words, without=tuple(without), first_to_go="row")


def former(task: Task, now_s: float) -> str:
    """Return in a sentence what became of a task that the same draft was sent as."""
    ended = task["status"] is Step.DONE
    said = "its reply is there, unread" if ended else UNFINISHED.get(task["status"], f"it is {task['status']}")
    said = said.format(name=task["agent_id"].partition("@")[0])
    return f"You already sent this {age(int(now_s - task['created']))} ago; {said} (task {task['task_id']})."


def bad_end(text: str, hint: str) -> str:
    """Return an error and its hint as the wait screen shows them: a line for each thing to do."""
    todo = [f"{clause[:1].upper()}{clause[1:]}" for clause in hint.split("; ") if clause]
    return "\n".join([text.strip().removeprefix("flowloom: "), "", *todo, "Your draft is unchanged."])


def delivered(task: Task) -> str:
    """Return how long a task took to reach its agent, empty while it has not."""
    at = {entry["step"]: entry["at"] for entry in reversed(task["journal"])}
    if Step.CREATED not in at or Step.ACCEPTED not in at:
        return ""
    after_s = max(0.0, at[Step.ACCEPTED] - at[Step.CREATED])
    return f"delivered in {f'{after_s:.1f} s' if after_s < 60 else age(int(after_s))}"


def evidence(view: View) -> list[str]:
    """Return what is waited for, and what the agent's status is and where that is known from."""
    now = view.agent
    lines = [f"Waiting for {view.waits_for}"] if view.waits_for else []
    if now:
        source = SOURCES.get(now["source"], "FlowLoom")
        lines.append(f"{now['agent_id']} is {now['status']}: {now['why']} (reported by {source})")
    return lines


def log_lines(events: list[dict[str, Any]], columns: int) -> list[str]:
    """Return what happened to an agent, a line for each event, the newest last."""
    found = []
    for event in events:
        at = time.strftime("%H:%M:%S", time.localtime(event["at"]))
        if columns < WIDE_COLUMNS:
            found.append(shorten(f"  {at}  {event['to']:<8} {event['why']}", columns))
            continue
        moved = event["to"] if event["from"] == event["to"] else f"{event['from']} → {event['to']}"
        found.append(shorten(f"  {at}  {moved:<20} {event['task'] or '-':<5} {event['why']}", columns))
    return found


def news(views: list[View]) -> str:
    """Return, for who looks at a window, that their tasks have ended."""
    replied = [name_of(view) for view in views if view.task["status"] is Step.DONE]
    if len(replied) == len(views):
        return f"{', '.join(replied)} {'has' if len(replied) == 1 else 'have'} replied"
    return "It ended without a reply" if len(views) == 1 else "All of them have ended"


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
    return f"{RED}{step}{RESET}: {view.task['error']}"


def phase(view: View) -> str:
    """Return where the task is, in few words, where the status does not say it already."""
    if view.phase == "in line":
        return f" · in line, {view.ahead} ahead"
    status = view.agent["status"] if view.agent else ""
    return "" if view.phase in (status, "waiting") else f" · {view.phase}"


def doing(view: View) -> str:
    """Return in a sentence where the task is."""
    name = name_of(view)
    phase: Phase | State = view.phase
    if phase == "waiting" and view.agent and view.agent["current_task"] == view.task["task_id"]:
        # Another process carries it, and only the agent says how far it is.
        phase = view.agent["status"]
    if phase == "parked" and view.task["until"]:
        now_s = wall_s()
        left = age(max(0, int(view.task["until"] - now_s)))
        return f"{name} is waiting for its usage limit, which resets at {clock(view.task['until'], now_s)} (in {left})"
    sentences: dict[Phase | State, str] = {
        "in line": f"in line for {name}, {view.ahead} ahead",
        "starting": f"{name} is starting",
        "delivering": f"handing it to {name}",
        "working": f"{name} is working",
        "blocked": f"{name} is waiting for you",
        "parked": f"{name} is waiting for its background work",
        "settling": f"{name} is finishing",
        "with a person": f"someone is working in {name}'s window",
        "waiting": f"waiting for {name}",
        "out of reach": f"{name} cannot be reached",
    }
    return sentences.get(phase, str(phase))


def live_end(screen: str, columns: int, rows: int) -> list[str]:
    """Return the last lines of a window as it looks there, with its colours.

    Where there are few, its input box is left out: what stands above says more.
    """
    shown = ansi.coloured_lines(screen)
    if rows < BOX_ROWS:
        shown = shown[: _box_at([ansi.plain_text(line) for line in shown])]
    while shown and not ansi.plain_text(shown[-1]).strip():
        shown.pop()
    return [cut(line, columns) + RESET for line in shown[-rows:]]


def _box_at(text: list[str]) -> int:
    """Return the row where an input box begins, between two rules; behind the last row where there is none."""
    # The upper one may hold the session's name.
    rules = [number for number, line in enumerate(text) if line.startswith("───")]
    if len(rules) < 2 or not text[rules[-2] + 1].startswith(("❯", ">", "!")):
        return len(text)
    above = any(line.strip() for line in text[: rules[-2]])
    return rules[-2] if above else len(text)
