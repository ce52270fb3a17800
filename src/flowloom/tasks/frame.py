"""The text that is pasted into an agent's window, and how to recognise it later.

A task is a first line of ours, the prompt, and a last line of ours. Characters that a
terminal would change are removed first; `normalise` says which.
"""

from __future__ import annotations

from flowloom.store import layout

# Nothing here uses `re`, which takes 5 ms to load and to compile its patterns: every prompt's receipt comes by here.
FIRST, FROM = "[flowloom task ", " from "
ASKER_LIMIT = 80
# The longest first line up to its bracket, from the task's id on.
NAMED_LIMIT = 8 + len(FROM) + ASKER_LIMIT + 1
CONTROLS = ((0x00, 0x09), (0x0B, 0x1F), (0x7F, 0x9F))
HALVES = ((0xD800, 0xDFFF),)
INVISIBLE = (
    *((0xAD, 0xAD), (0x061C, 0x061C), (0x180E, 0x180E), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F)),
    *((0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFF0, 0xFFFF), (0xE0000, 0xE0FFF)),
)
# Claude Code (since 2.1.328 at the latest) puts a long paste between `<pasted_content id="571e">` and its end.
PASTE_TAG = "pasted_content"
# No character before this one combines with another.
COMBINING = "\u0300"


def first_line(task_id: str, asker: str, *, prompt_path: str = "") -> str:
    """Return the line before a task's prompt, without a newline.

    It asks for what follows in the user's own name, because Claude Code tells its
    model not to follow pasted instructions that the user did not ask for.
    """
    exact = f" Its exact bytes are in {prompt_path} (read it if something looks cut)." if prompt_path else ""
    return f"[flowloom task {task_id} from {asker}] Please do what is pasted below, it is my own request.{exact}"


def last_line(task_id: str) -> str:
    """Return the line after a task's prompt. It makes every paste unique: Claude Code may drop a repeated one."""
    return f"[end of task {task_id}]"


def normalise(text: str) -> str:
    """Return `text` as a terminal can carry it.

    CRLF and CR become LF; a tab becomes four spaces, as in Claude Code's input box.
    Control characters other than LF are removed (an ESC could end the paste and turn
    the rest into keystrokes), and so are bytes that were not UTF-8.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    return _replaced(text, CONTROLS + HALVES)


def _replaced(text: str, ranges: tuple[tuple[int, int], ...], by: str = "") -> str:
    """Return `text` with `by` in place of each character of these ranges."""
    for char in set(text):
        if any(low <= ord(char) <= high for low, high in ranges):
            text = text.replace(char, by)
    return text


def valid(text: str) -> str:
    """Return `text` with U+FFFD in place of each half character (a lone surrogate), which UTF-8 cannot encode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _replaced(text, HALVES, "\ufffd")
    return text


def valid_in(value: object) -> object:
    """Return a JSON value whose texts are all `valid`."""
    if isinstance(value, str):
        return valid(value)
    if isinstance(value, list):
        return [valid_in(each) for each in value]
    return {key: valid_in(each) for key, each in value.items()} if isinstance(value, dict) else value


def arrives_exactly(text: str) -> bool:
    """Tell whether `text` reaches the agent unchanged, on every release."""
    if normalise(text) != text or "pasted_content" in text:
        return False
    return composed(text) == text and _replaced(text, INVISIBLE) == text


def composed(text: str) -> str:
    """Return `text` as Claude Code's input box stores it: a letter and its combining accent become one (NFC)."""
    if text.isascii() or max(text) < COMBINING:
        return text
    from unicodedata import normalize  # noqa: PLC0415 - a table of 1 MB; most texts need none of it

    return normalize("NFC", text)


def body(task_id: str, prompt: str) -> str:
    """Return the text to paste after the first line: the normalised prompt, and the last line."""
    return f"\n{normalise(prompt)}\n{last_line(task_id)}"


def task_ids(prompt: str) -> list[str]:
    """Return the task ids of all first lines in a submitted text, in order."""
    found, start = [], 0
    while (start := prompt.find(FIRST, start)) >= 0:
        start += len(FIRST)
        task_id, sep, rest = prompt[start : start + NAMED_LIMIT].partition(FROM)
        asker, end, _ = rest.partition("]")
        if sep and end and asker and "\n" not in asker and layout.is_task_id(task_id) and len(asker) <= ASKER_LIMIT:
            found.append(task_id)
            start += len(task_id) + len(FROM) + len(asker)
    return found


def comparable(text: str) -> str:
    """Return `text` without what may change during delivery: paste tags, white space, invisible characters."""
    visible = normalise(text)
    if not visible.isascii():
        visible = composed(_replaced(visible, INVISIBLE))
    # Newer releases escape such a tag in the text itself as `<\pasted_content`.
    visible = visible.replace("<\\pasted_content", "<pasted_content").replace("<\\/pasted_content", "</pasted_content")
    return " ".join(_untagged(visible, " ").split())


def _untagged(text: str, by: str) -> str:
    """Return `text` with `by` in place of each tag of a paste."""
    parts, kept, start = [], 0, 0
    while (at := text.find(PASTE_TAG, start)) >= 0:
        begin = at - 2 if text.startswith("</", max(0, at - 2)) else at - 1
        start = at + len(PASTE_TAG)
        end = start
        if text.startswith(' id="', start):
            quote = text.find('"', start + len(' id="'))
            end = quote + 1 if quote >= 0 and "\n" not in text[start:quote] else start
        if begin >= 0 and text[begin] == "<" and text.startswith(">", end):
            parts.append(text[kept:begin])
            kept = start = end + 1
    return by.join([*parts, text[kept:]])


def received(prompt: str, first: str, task_id: str, sent: str) -> str:
    """Say how a task's text arrived: `whole`, `altered` (all of it, with something else around or in it) or `cut`.

    `prompt` is the text that the agent reports, `first` our first line, `sent` the task's prompt.
    """
    got = comparable(prompt)
    head, tail = comparable(first), comparable(f"{sent}\n{last_line(task_id)}")
    if got == f"{head} {tail}":
        return "whole"
    start, end = got.find(f"[flowloom task {task_id} "), got.rfind(tail)
    return "altered" if 0 <= start < end else "cut"


def around(prompt: str, task_id: str) -> str:
    """Return what stands before and behind a task's text in a submitted one; all of it where its ends are not there."""
    start, last = prompt.find(f"[flowloom task {task_id} "), last_line(task_id)
    end = prompt.rfind(last)
    parts = [prompt[:start], prompt[end + len(last) :]] if 0 <= start < end else [prompt]
    visible = [_untagged(part, "").strip() for part in parts]
    return "\n".join(part for part in visible if part) or prompt


def answers(said: list[tuple[str, str]], task_id: str) -> list[str]:
    """Return the agent's messages in the turn that a task's text began; `said` is (role, text) in order.

    The role is `user` or `assistant`; any other value means that the turn was
    interrupted. The next prompt, from anyone, ends the turn.
    """
    found: list[str] = []
    ours = False
    for who, text in said:
        if who == "assistant":
            found += [text] if ours else []
            continue
        ours = who == "user" and task_ids(text)[:1] == [task_id]
        found = [] if ours or who != "user" else found
    return found


def heading(name: str, task_id: str, prompt: str) -> str:
    """Return the line above a reply in the prompt file."""
    words = " ".join(normalise(prompt).split())
    first = words
    if len(words) > 60:
        # At a space, where there is one near the end.
        whole = words[:60].rpartition(" ")[0]
        first = (whole if len(whole) > 40 else words[:59]).rstrip(" -,;:") + "…"
    return f"Reply from {name} (task {task_id}): {first}"
