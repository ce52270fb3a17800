"""The text that is pasted into an agent's window, and how to recognise it later.

A task is a first line of ours, the prompt, and a last line of ours. Characters that a
terminal would change are removed first; `normalise` says which.
"""

from __future__ import annotations

# Claude Code (since 2.1.328 at the latest) puts a long paste between these.
INVISIBLE = (
    "[\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\uffff\U000e0000-\U000e0fff]"
)
# ASCII text needs no pattern: compiling this module's patterns takes 1 ms of a hook call.
CONTROLS = dict.fromkeys([*range(0x0A), *range(0x0B, 0x20), 0x7F])
PASTE_TAG = r"</?pasted_content(?: id=\"[^\"\n]*\")?>"


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
    if text.isascii():
        return text.translate(CONTROLS)
    import re  # noqa: PLC0415 - 1.3 ms of each hook call, and few need it

    return re.sub("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "", text)


def valid(text: str) -> str:
    """Return `text` with U+FFFD in place of each half character (a lone surrogate), which UTF-8 cannot encode."""
    if text.isascii():
        return text
    import re  # noqa: PLC0415 - 1.3 ms of each hook call, and few need it

    return re.sub("[\ud800-\udfff]", "\ufffd", text)


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
    if text.isascii():
        return True
    import re  # noqa: PLC0415 - 1.3 ms of each hook call, and few need it

    return composed(text) == text and not re.search(INVISIBLE, text)


def composed(text: str) -> str:
    """Return `text` as Claude Code's input box stores it: a letter and its combining accent become one (NFC)."""
    from unicodedata import normalize  # noqa: PLC0415 - a table of 1 MB; most texts are ASCII

    return normalize("NFC", text)


def body(task_id: str, prompt: str) -> str:
    """Return the text to paste after the first line: the normalised prompt, and the last line."""
    return f"\n{normalise(prompt)}\n{last_line(task_id)}"


def task_ids(prompt: str) -> list[str]:
    """Return the task ids of all first lines in a submitted text, in order."""
    if "[flowloom task " not in prompt:
        return []
    import re  # noqa: PLC0415 - 1.3 ms of each hook call, and few need it

    return re.findall(r"\[flowloom task ([a-z2-9]{4,8}) from [^\]\n]{1,80}\]", prompt)


def comparable(text: str) -> str:
    """Return `text` without what may change during delivery: paste tags, white space, invisible characters."""
    import re  # noqa: PLC0415 - 1.3 ms of each hook call, and few need it

    visible = normalise(text)
    if not visible.isascii():
        visible = composed(re.sub(INVISIBLE, "", visible))
    # Newer releases escape such a tag in the text itself as `<\pasted_content`.
    visible = visible.replace("<\\pasted_content", "<pasted_content").replace("<\\/pasted_content", "</pasted_content")
    return " ".join(re.sub(PASTE_TAG, " ", visible).split())


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
    import re  # noqa: PLC0415 - 1.3 ms of each hook call, and few need it

    visible = [re.sub(PASTE_TAG, "", part).strip() for part in parts]
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
