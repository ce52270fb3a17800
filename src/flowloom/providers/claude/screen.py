"""What the window of a Claude Code shows: its box and the draft in it, a dialog, or something over it."""

from __future__ import annotations

import re

from flowloom.terminal import ansi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.providers.protocol import Question, Screen

IN_WINDOW = "answer it in its window"
# Words of a dialog, its kind, and what to do about it. The first match counts.
_DIALOGS = [
    (
        r"(?i)do you trust|is this a project you (created|trust)|trust this folder",
        "trust",
        "start it with --trust, or answer it in its window",
    ),
    (r"(?i)bypass permissions mode", "bypass warning", IN_WINDOW),
    (r"(?i)custom api key|use this api key", "API key", IN_WINDOW),
    (r"(?i)select login method|paste code here|browser didn't open", "login", "log in once in its window"),
    (r"(?i)choose the text style|let's get started|auto \(match terminal\)", "first start", "do it once in its window"),
    (r"(?i)fullscreen renderer", "renderer", IN_WINDOW),
    (r"(?i)mcp server", "MCP server", IN_WINDOW),
    (r"(?i)external imports|external claude\.md", "external imports", IN_WINDOW),
    (r"(?i)resume from summary|resume full session|resuming the full session", "resume", IN_WINDOW),
    (r"(?i)make auto mode your default", "auto mode", IN_WINDOW),
    (r"(?i)ready to code|would you like to proceed", "plan", IN_WINDOW),
    (r"(?i)do you want to", "permission", IN_WINDOW),
]
LOGINS = "Select login method:"
_NEW_SESSION = "describe a task for a new session"
_OVERLAYS = [
    (r"Showing detailed transcript", ["C-o"]),
    (r"(?m)^\s*Rewind$", ["Escape"]),
    (r"(?i)\besc(/\w+)* to (cancel|clear|close|exit|go back|dismiss)", ["Escape"]),
]
# Opened by a person, and numbered on one release or the other: they ask nothing of anybody.
_LISTS = r"(?m)^\s*(Select model|Theme)$"
# Views in which a person can type nothing.
_SAFE = r"Showing detailed transcript|(?m:^\s*(Rewind|Select model|Theme)$)"
# Rules that begin in the first column are Claude Code's own: a reply, what a tool prints, a draft and the user's status
# line are all indented. `─── ↑ 7 more ───`: a draft longer than the box, which then begins in its middle;
# `─── History 1/9 ───`: a former prompt, fetched with Up (2.1.330).
_RULE = r"─{8}|─── \S.{0,60} ─|▔{8}"
# The sign of the box stands there, too.
_BOX_SIGN = r"[❯>!]\xa0|[❯>!]$"
# So does the line of the spinner; in a reply only its sign ● stands there. Once the turn is over it has no `…`.
_SPINNER = r"[·✢✳✶✻✽*] \S.*…"
# At the right end of the first line below the box. The fullscreen renderer has it above the box.
_STASHED = r"(?:^|\s{2}|· )(?:\u203a|draft) stashed$"
# vim's VISUAL mode eats every Enter. A status line stands above its name, and what has no room beside it, below.
_VISUAL = r"  -- VISUAL\b[A-Z ]* --"


def read(screen: str) -> Screen:
    """Return what the screen shows: the input box with its draft, a dialog, or something over it.

    Only what stands where Claude Code alone writes counts: never the words
    of a reply, or of the user's status line.
    """
    rows = ansi.cells(screen)
    lines = ansi.plain_rows(rows)
    seen: Screen = {
        "kind": "none",
        "busy": False,
        "draft": "",
        "cut": False,
        "question": None,
        "keys": [],
        "stashed": False,
        "title": "",
        "field": "",
        "safe": False,
        "listed": False,
    }
    box = _box(lines)
    if box is None:
        seen["field"] = _field(screen, rows)
        return _without_box(lines, seen)
    top, bottom = box
    above = [rule for rule in _rules(lines) if rule < top]
    cut = "more ─" in lines[bottom] or (top < 0 and not re.match(r"[❯>!]", lines[0])) or "more ─" in lines[max(0, top)]
    draft = "\n".join(ansi.undimmed(row[2:]) for row in rows[top + 1 : bottom]).strip()
    if lines[top + 1].startswith("!"):
        draft = f"!{draft}"
    seen.update({"kind": "box", "draft": draft, "cut": cut})
    seen["field"] = _field(screen, rows[:top]) if top > 0 else ""
    # From 2.1.330 on, what a person opens while a turn runs stands there, with the box below it.
    seen["title"] = _title(lines[:top], above[-1]) if above else ""
    footer = lines[bottom + 1 : bottom + 2]
    # The cursor is there, and no longer in the box.
    searches = footer and not any(inverse for row in rows[top + 1 : bottom] for _, _, inverse in row)
    if searches and re.match(r"\s*(search prompts:|no matching prompt)", footer[0]):
        # Escape takes the prompt that was found in place of the draft; Ctrl-C brings the draft back.
        searched = re.match(r"\s*(search prompts: \S|no matching prompt)", footer[0])
        seen.update({"kind": "overlay", "keys": ["C-c"] if searched else ["Escape"], "safe": True})
    elif draft == "!" and lines[top + 1].startswith("!"):
        # Shell mode with nothing typed. Stashing does not end it: 2.1.197 stays in it with a stashed draft.
        seen.update({"kind": "overlay", "draft": "", "keys": ["BSpace"], "safe": True})
    elif any(re.match(_VISUAL, line) for line in lines[bottom + 1 :]):
        seen["keys"] = ["Escape"]
    # The box's sign has a colour while a turn runs, in every theme, and the terminal's own while none does.
    dimmed = any(dim for _, dim, _ in rows[top + 1][:1])
    marked = dimmed or ansi.begins_coloured(ansi.coloured_lines(screen)[top + 1])
    spins = any(re.match(_SPINNER, line) for line in lines[max(0, top - 8) : max(0, top)])
    seen["busy"] = (marked and lines[top + 1].startswith("❯")) or spins
    seen["stashed"] = bool(
        (footer and re.search(_STASHED, footer[0])) or (top > 0 and re.search(r"· draft stashed$", lines[top - 1]))
    )
    return seen


def _field(screen: str, rows: list[list[tuple[str, bool, bool]]]) -> str:
    """Return what is typed into the field that the cursor stands in: all its rows, without its frame; no hint of it.

    Titles and options that are marked have several inverse cells, the cursor has one.
    """
    cursors = [sum(inverse for _, _, inverse in row) == 1 for row in rows]
    at = max((number for number, alone in enumerate(cursors) if alone), default=-1)
    lines = ansi.plain_rows(rows)
    if at < 0:
        return ""
    begin = _begin(lines, at)
    if begin >= 0 and re.match(_BOX_SIGN, lines[begin]):
        return ""  # a box that was drawn before a Ctrl-Z; it is drawn again below
    # A hint has another colour, which begins behind the cursor on its first character.
    behind = re.split(r"\x1b\[(?:[0-9;]*;)?7m.", screen.split("\n")[at], maxsplit=1)[-1]
    cursor = [inverse for _, _, inverse in rows[at]].index(True)
    following = [dim for character, dim, _ in rows[at][cursor + 1 :] if character.strip(" │")]
    if following and (following[0] or ansi.begins_coloured(behind)):
        return ""
    said = [line.strip() for line in lines]
    framed, first, last = said[at].startswith("│"), at, at
    while first > 0 and said[first - 1] and said[first - 1].startswith("│") == framed:
        first -= 1
    while last + 1 < len(said) and said[last + 1] and said[last + 1].startswith("│") == framed:
        last += 1
    return "\n".join(line.strip("│⌕ \xa0") for line in said[first : last + 1]).strip()


def _rules(lines: list[str]) -> list[int]:
    return [number for number, line in enumerate(lines) if re.match(_RULE, line)]


def _begin(lines: list[str], row: int) -> int:
    """Return the row that what stands in a row begins with, in the first column; -1 where that is above the screen."""
    while row >= 0 and re.match(r"  |$", lines[row]):
        row -= 1
    return row


def _title(lines: list[str], rule: int) -> str:
    """Return the first words below a rule: the name of what stands open there."""
    return next((said[:60] for line in lines[rule + 1 :] if (said := line.strip())), "")


def _box(lines: list[str]) -> tuple[int, int] | None:
    """Return the rows above and below the text of the input box, -1 where it begins above the screen; None for no box.

    It stands on the lowest rule: a dialog has a rule of its own, so what stands above that is a box that some program
    printed. In a narrow window that rule is wrapped, and the upper one, which holds the agent's name, cannot be known.
    """
    rules = _rules(lines)
    if not rules:
        return None
    bottom = rules[-1]
    while bottom - 1 in rules:
        bottom -= 1
    top = _begin(lines, bottom - 1)
    if top < 0:
        taller = any(lines[:bottom]) and _is_footer(lines[rules[-1] + 1 :])
        return (-1, bottom) if taller else None
    if re.match(_BOX_SIGN, lines[top]):
        return (top - 1, bottom)
    return (top, bottom) if "─ ↑ " in lines[top] and bottom > top + 1 else None


def _is_footer(lines: list[str]) -> bool:
    """Tell whether these lines stand below the box, and are no overlay or question below a rule of its own."""
    text = "\n".join(lines)
    opened = any(re.match(_OPTION, line) for line in lines) or any(re.search(words, text) for words, _ in _OVERLAYS)
    return not opened


# An option that the cursor stands on; from 2.1.329 on, start-up dialogs have no numbers.
_OPTION = r"\s*[│┃]?\s*❯\s*(?:(?P<number>\d+)\.\s+)?(?P<text>\S.*)"


def _without_box(lines: list[str], seen: Screen) -> Screen:
    rules = _rules(lines)
    if _NEW_SESSION in "".join(lines[rules[-2] : rules[-1]] if len(rules) > 1 else []):
        # The list of sessions has a box of its own. Where the agent's own was moved to the background (2.1.330), an
        # Escape leads back to it; on 2.1.197 it ends the process.
        back = any("esc returns to it" in line for line in lines)
        seen.update({"kind": "overlay", "keys": ["Escape"] if back else []})
        return seen
    # The lower rule of the box that it stands in the place of can be left.
    begins = next((rule for rule in reversed(rules) if _title(lines, rule)), 0)
    # What stands above it was said before: a reply may use the words of any dialog.
    text = "\n".join(lines[begins:])
    seen["title"] = _title(lines, begins)
    if "Enter to stay in auto mode" in text:
        said = "Auto mode can't check actions in this session"
        asked: Question = {"kind": "auto mode", "text": said, "how": IN_WINDOW, "call": "", "options": []}
        seen.update({"kind": "dialog", "question": asked})
        return seen
    # A question has its hints below a second rule.
    highest = max((rule for rule in rules if rule < begins), default=begins)
    options = [number for number in range(highest, len(lines)) if re.match(_OPTION, lines[number])]
    if options:
        option = options[-1]
        question = _dialog(lines, option, begins)
        if question is not None:
            # No hook told of it: a list with numbers, which a person has opened, as /login does.
            listed = question["kind"] == "question" or question["text"] == LOGINS
            seen.update({"kind": "dialog", "question": question, "listed": listed})
            return seen
    if "Esc to cancel" in text and (found := re.search(r"(?i)paste code here[^>\n]*", text)):
        # Its person is in a browser: closed, the login would begin again.
        how = "finish it, or press Escape, in its window"
        asked = {"kind": "login", "text": found.group().strip(), "how": how, "call": "", "options": []}
        seen.update({"kind": "dialog", "question": asked})
        return seen
    for words, keys in _OVERLAYS:
        if re.search(words, text):
            seen.update({"kind": "overlay", "keys": keys, "safe": re.search(_SAFE, text) is not None})
            return seen
    if re.search(r"(?i)paste code here|press enter to continue", text):
        first = "Claude Code's first start"
        asked = {"kind": "first start", "text": first, "how": "do it once in its window", "call": "", "options": []}
        seen.update({"kind": "dialog", "question": asked})
    return seen


def _dialog(lines: list[str], option: int, begins: int) -> Question | None:
    """Return the question above the option that the cursor stands on, None for a list that asks nothing."""
    options = [text for _, text in _options(lines, option)]
    rules = [number for number in range(option) if re.match(r"─{20}", lines[number])]
    region = lines[rules[-1] if rules else 0 :]
    above = region[: option - (rules[-1] if rules else 0)]
    said = [text for line in above if (text := line.strip(" │┃╭╮╰╯─▔▁❯"))]
    if re.search(_LISTS, "\n".join(lines[begins:])):
        return None
    for words, kind, how in _DIALOGS:
        if re.search(words, "\n".join(region)) or (
            len(rules) > 1 and re.search(words, "\n".join(lines[rules[-2] : option]))
        ):
            line = next((line for line in said if re.search(words, line)), said[-1] if said else kind)
            # What follows the question is an explanation, and ends where the line does.
            asked, mark, _ = line[:200].partition("? ")
            text = f"{asked}{mark.strip()}"
            return {"kind": kind, "text": text, "how": how, "call": "", "options": options}
    if not re.search(r"❯\s*\d+\.\s", lines[option]):
        return None
    text = said[-1][:200] if said else "a question"
    return {"kind": "question", "text": text, "how": IN_WINDOW, "call": "", "options": options}


def _options(lines: list[str], at: int) -> list[tuple[int, str]]:
    """Return (line, text) of each option of the list in which the cursor stands on the line `at`."""
    found = re.match(_OPTION, lines[at])
    if found is None:
        return []
    if found.group("number"):
        return _numbered(lines, at, int(found.group("number")))
    indent, options = found.start("text"), [(at, found.group("text"))]
    for step in (-1, 1):
        line = at + step
        while 0 <= line < len(lines) and (text := _indented(lines[line], indent)):
            options.append((line, text))
            line += step
    return sorted(options)


def _indented(line: str, indent: int) -> str:
    """Return the text of a line that begins exactly so far from the left; empty for any other line."""
    text = line[indent:].strip(" │┃")
    return text if text and not line[:indent].strip(" │┃") and line[indent : indent + 1] != " " else ""


def _numbered(lines: list[str], at: int, number: int) -> list[tuple[int, str]]:
    """Return the options of a list with numbers: those before the cursor's upwards, those behind it downwards.

    Between two of them can stand what explains the first, or a rule.
    """
    found = {number: (at, _text_of(lines[at], number))}
    for step, last in ((-1, 0), (1, len(lines))):
        wanted, line = number + step, at + step
        while wanted > 0 and line != last + min(step, 0):
            text = _text_of(lines[line], wanted)
            if text:
                found[wanted] = (line, text)
                wanted += step
            line += step
    return [found[each] for each in sorted(found)]


def _text_of(line: str, number: int) -> str:
    """Return the text of an option with this number; empty where the line is none."""
    found = re.match(rf"\s*[│┃]?\s*(?:❯\s*)?{number}\.\s+(\S.*)", line)
    return found.group(1).rstrip(" │┃") if found else ""


def towards(screen: str, choice: str) -> list[str]:
    """Return the next key on the way to an option: Enter where the cursor is on it, none where it is not offered.

    An option is named by its text or by a beginning that no other has: `No` is `No, exit` as well. No release
    preselects what another does, so the cursor's own place decides.
    """
    lines = ansi.plain_lines(screen)
    if read(screen)["question"] is None:
        return []
    at = max((number for number, line in enumerate(lines) if re.match(_OPTION, line)), default=-1)
    options = _options(lines, at) if at >= 0 else []
    wanted = [line for line, text in options if text == choice] or [
        line for line, text in options if re.match(rf"{re.escape(choice)}\b", text)
    ]
    if len(wanted) != 1 or not choice:
        return []
    return ["Enter"] if wanted[0] == at else ["Down"] if wanted[0] > at else ["Up"]


def shows(screen: str, question: Question) -> bool:
    """Tell whether the dialog on the screen is this question: its words, or what its call is about, stand there."""
    said = "".join("".join(ansi.plain(row).split()) for row in ansi.cells(screen))
    detail = question["text"].partition(": ")[2]
    about = detail if question["kind"] == "permission" and detail else question["text"]
    seen = read(screen)["question"]
    if seen is None or seen["kind"] != question["kind"]:
        return False
    # A path is shown as it is below the working directory, and a long command is cut.
    return any("".join(word.split())[:60] in said for word in (about, about.rpartition("/")[2]) if word.strip())


def refusal(screen: str) -> str:
    """Return why the last prompt never became a turn, where the screen says so; empty otherwise."""
    text = "\n".join(ansi.plain_lines(screen))
    found = list(re.finditer(r"UserPromptSubmit operation blocked by hook:?\s*\n?\s*(.*)", text))
    # A prompt below it was taken, so it speaks of an earlier one.
    last = found[-1] if found and not re.search(r"(?m)^❯ ", text[found[-1].end() :]) else None
    return f"a UserPromptSubmit hook of yours refused it: {last.group(1).strip()}" if last else ""


def limit(screen: str) -> str:
    """Return what the window shows of a usage limit: `waits` to continue by itself, `asks` what to do, or `cancelled`.

    The first two only below the last prompt sign, where nothing but Claude Code writes.
    """
    lines = ansi.plain_lines(screen)
    at = max((number for number, line in enumerate(lines) if re.match(r"\s*❯", line)), default=len(lines))
    below = "\n".join(lines[at:])
    if re.search(r"❯ 1\. Stop and wait for limit to reset", below):
        return "asks"
    if "Continuing automatically at" in below:
        return "waits"
    return "cancelled" if re.search(r"(?m)^● Automatic continue cancelled", "\n".join(lines[:at])) else ""
