"""What the window of a Claude Code shows: its box and the draft in it, a dialog, or something over it."""

from __future__ import annotations

import re

from flowloom import screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.records import Question, Screen

# Words of a dialog, its kind, and what to do about it. The first match counts.
_DIALOGS = [
    (
        r"(?i)do you trust|is this a project you (created|trust)|trust this folder",
        "trust",
        "start it with --trust, or answer it in its window",
    ),
    (r"(?i)bypass permissions mode", "bypass warning", "answer it in its window"),
    (r"(?i)custom api key|use this api key", "API key", "answer it in its window"),
    (r"(?i)select login method|paste code here|browser didn't open", "login", "log in once in its window"),
    (r"(?i)choose the text style|let's get started|auto \(match terminal\)", "first start", "do it once in its window"),
    (r"(?i)fullscreen renderer", "renderer", "answer it in its window"),
    (r"(?i)mcp server", "MCP server", "answer it in its window"),
    (r"(?i)external imports|external claude\.md", "external imports", "answer it in its window"),
    (r"(?i)resume from summary|resume full session|resuming the full session", "resume", "answer it in its window"),
    (r"(?i)make auto mode your default", "auto mode", "answer it in its window"),
    (r"(?i)ready to code|would you like to proceed", "plan", "answer it in its window"),
    (r"(?i)do you want to", "permission", "answer it in its window"),
]
_NEW_SESSION = "describe a task for a new session"
_VIEWS = [
    (r"Showing detailed transcript", ["C-o"]),
    # The list of sessions, where the agent's own was moved to the background (2.1.330): back to it.
    (r"\besc returns to it\b", ["Escape"]),
    # On 2.1.197 an Escape there ends the process.
    (_NEW_SESSION, []),
    (r"(?m)^\s*Rewind$", ["Escape"]),
    (r"(?i)\besc(/\w+)* to (cancel|clear|close|exit|go back|dismiss)", ["Escape"]),
]
_LISTS = r"(?m)^\s*Select model$"  # numbered, but it asks nothing of anybody
# The colour of the box's sign while a turn runs. The words in the footer give way to other words.
_RUNNING = r"\x1b\[38;(5;246|2;153;153;153)m❯\xa0"


def read(screen: str) -> Screen:
    """Return what the screen shows: the input box with its draft, a dialog, or something over it."""
    rows = screens.cells(screen)
    lines = [screens.plain(row) for row in rows]
    seen: Screen = {
        "kind": "none",
        "busy": False,
        "draft": "",
        "ours": None,
        "question": None,
        "keys": [],
        "stashed": False,
        "whole": False,
    }
    box = _box(lines)
    if box is None:
        return _without_box(lines, seen)
    top, bottom = box
    draft = "\n".join(screens.undimmed(row[2:]) for row in rows[top + 1 : bottom]).strip()
    if lines[top + 1].startswith("!"):
        draft = f"!{draft}"
    ours = re.search(r"\[(?:flowloom task|end of task) ([a-z2-9]{4,8})\b", draft)
    below = "\n".join(lines[bottom + 1 :])
    seen.update({"kind": "box", "draft": draft, "ours": ours.group(1) if ours else None})
    # Both of our pastes have been taken, and an Enter would submit all of it.
    seen["whole"] = bool(re.search(r"\[flowloom task .*(\[Pasted text #\d+|\[end of task )", draft, re.DOTALL))
    if re.search(r"search prompts:|no matching prompt", below):
        seen.update({"kind": "view", "keys": ["Escape"]})
    elif draft == "!" and lines[top + 1].startswith("!"):
        # Shell mode with nothing typed. Stashing does not end it: 2.1.197 stays in it with a stashed draft.
        seen.update({"kind": "view", "draft": "", "keys": ["BSpace"]})
    seen["busy"] = (
        "esc to interrupt" in below
        or bool(re.search(_RUNNING, screen.split("\n")[top + 1]))
        or bool(re.search(r"(?m)^\S .*…\s*\(.*\d+s\b", "\n".join(lines[max(0, top - 8) : top])))
    )
    # The fullscreen renderer has this note above the box.
    seen["stashed"] = "stashed" in below or bool(top and re.search(r"· draft stashed$", lines[top - 1]))
    return seen


def _box(lines: list[str]) -> tuple[int, int] | None:
    """Return the rows of the rules above and below the input box, the lowest one on the screen."""
    # `─── ↑ 7 more ───`: a draft longer than the box, which then begins in its middle.
    rules = [number for number, line in enumerate(lines) if re.match(r"─{8}|─── [↑↓] \d+ more ─", line)]
    if any(_NEW_SESSION in line for line in lines[rules[-2] if rules[1:] else 0 :]):
        return None
    for top, bottom in zip(rules[-2::-1], rules[:0:-1], strict=True):
        if bottom > top + 1 and (re.match(r"[❯>!]\xa0|[❯>!]$", lines[top + 1]) or "─ ↑ " in lines[top]):
            # Where a dialog stands below it, it is a box that some program printed.
            asks = any(re.match(r"\s*❯ \d+\. ", line) for line in lines[bottom + 1 :])
            return None if asks else (top, bottom)
    return None


# An option that the cursor stands on; from 2.1.329 on, start-up dialogs have no numbers.
_OPTION = r"\s*[│┃]?\s*❯\s*(?:\d+\.\s+)?(?P<text>\S.*)"


def _without_box(lines: list[str], seen: Screen) -> Screen:
    option = next((number for number in range(len(lines) - 1, -1, -1) if re.match(_OPTION, lines[number])), None)
    text = "\n".join(lines)
    if "Enter to stay in auto mode" in text:
        said = "Auto mode can't check actions in this session"
        asked: Question = {"kind": "auto mode", "text": said, "how": "answer it in its window", "call": ""}
        seen.update({"kind": "dialog", "question": asked})
        return seen
    if option is not None:
        question = _dialog(lines, option)
        if question is not None:
            seen.update({"kind": "dialog", "question": question})
            if question["kind"] == "trust":
                seen["keys"] = _towards_yes(lines, option)
            return seen
    for words, keys in _VIEWS:
        if re.search(words, text):
            seen.update({"kind": "view", "keys": keys})
            return seen
    if re.search(r"(?i)paste code here|press enter to continue", text):
        how = "do it once in its window"
        question = {"kind": "first start", "text": "Claude Code's first start", "how": how, "call": ""}
        seen.update({"kind": "dialog", "question": question})
    return seen


def _dialog(lines: list[str], option: int) -> Question | None:
    """Return the question above the option that the cursor stands on, None for a list that asks nothing."""
    rules = [number for number in range(option) if re.match(r"─{20}", lines[number])]
    region = lines[rules[-1] if rules else 0 :]
    above = region[: option - (rules[-1] if rules else 0)]
    said = [text for line in above if (text := line.strip(" │┃╭╮╰╯─▔▁❯"))]
    for words, kind, how in _DIALOGS:
        if re.search(words, "\n".join(region)) or (
            len(rules) > 1 and re.search(words, "\n".join(lines[rules[-2] : option]))
        ):
            line = next((line for line in said if re.search(words, line)), said[-1] if said else kind)
            return {"kind": kind, "text": line[:200], "how": how, "call": ""}
    if not re.search(r"❯\s*\d+\.\s", lines[option]) or re.search(_LISTS, "\n".join(region)):
        return None
    text = said[-1][:200] if said else "a question"
    return {"kind": "question", "text": text, "how": "answer it in its window", "call": ""}


def _towards_yes(lines: list[str], option: int) -> list[str]:
    """Return the next key on the way to the option `Yes`: no release preselects what another does."""
    found = re.match(_OPTION, lines[option])
    if found and found.group("text").startswith("Yes"):
        return ["Enter"]
    below = any(re.match(r"\s*(\d+\.\s+)?Yes", line) for line in lines[option + 1 :])
    return ["Down"] if below else ["Up"]


def refusal(screen: str) -> str:
    """Return why the last prompt never became a turn, where the screen says so; empty otherwise."""
    text = "\n".join(screens.plain(row) for row in screens.cells(screen))
    found = list(re.finditer(r"UserPromptSubmit operation blocked by hook:?\s*\n?\s*(.*)", text))
    # A prompt below it was taken, so it speaks of an earlier one.
    last = found[-1] if found and not re.search(r"(?m)^❯ ", text[found[-1].end() :]) else None
    return f"a UserPromptSubmit hook of yours refused it: {last.group(1).strip()}" if last else ""
