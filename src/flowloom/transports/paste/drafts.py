"""What stands in an agent's box: a text of ours that was not confirmed, or a person's draft, which is kept."""

from __future__ import annotations

import os
import re

from flowloom.clock import Deadline, wall_s
from flowloom.store import files, layout, projects, state_folder
from flowloom.store.bell import pause
from flowloom.tasks import frame
from flowloom.tasks import prompt as prompt_text
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from flowloom.providers.protocol import Screen
    from flowloom.store.layout import AgentRef

# Claude Code starts its editor within 0.1 s of the key.
HANDED_WITHIN_S = 3.0
HANDED_AGAIN_S = 0.02
# On a loaded machine it comes later. The request outlives our wait for it, or a real editor would open in a window
# that is not being watched, and hold the agent up until it is closed.
OPENED_WITHIN_S = 60.0
# The text of a confirmed task has left the box: if it stands there, a person has brought it back.
_CONFIRMED = (Step.ACCEPTED, Step.PARKED, Step.DONE)
_PASTE_MARK = r"\[Pastedtext#\d+(\+\d+lines)?\]"


class OwnText:
    """A text of ours in the box: its task, and whether it stands there to its end."""

    __slots__ = ("task_id", "whole")

    def __init__(self, task_id: str, *, whole: bool) -> None:
        self.task_id = task_id
        self.whole = whole


def own(screen: Screen) -> OwnText | None:
    """Return our text if it stands in the box, and nothing else; None otherwise."""
    draft = _bare(screen["draft"])
    names = re.findall(r"^\[flowloomtask([a-z2-9]{4,8}?)from|\[endoftask([a-z2-9]{4,8})\]$", draft)
    for task_id in {begun or ended for begun, ended in names}:
        task = tasks.find(task_id)
        if task is None or task["status"] in _CONFIRMED:
            continue
        first, body = _bare(_text(layout.frame(task_id, "first"))), _bare(_text(layout.frame(task_id, "body")))
        stands = _stands(draft, first, body, cut=screen["cut"]) if first else ""
        if stands:
            return OwnText(task_id, whole=stands == "whole")
    return None


def holds(draft: str, task_id: str) -> bool:
    """Tell whether a draft holds the first line of a task, among whatever else."""
    return f"[flowloomtask{task_id}from" in _bare(draft)


def _stands(draft: str, first: str, body: str, *, cut: bool) -> str:
    """Return `whole` or `begun` where a draft is the text of a task, as much of it as is there; empty otherwise."""
    if cut and (first + body).endswith(draft):
        return "whole"
    if not draft.startswith(first):
        return ""
    rest = draft[len(first) :]
    if rest == body or re.fullmatch(_PASTE_MARK, rest):
        return "whole"
    return "begun" if body.startswith(rest) else ""


def _text(path: str) -> str:
    return (files.read(path) or b"").decode("utf-8", "replace")


def _bare(text: str) -> str:
    """Return a text for comparing: without white space, which wraps, and without what a terminal may lose."""
    visible = frame.comparable(text)
    return "".join(each for each in visible if not each.isspace() and (each.isascii() or each.isalnum()))


def keep(agent: AgentRef, text: str) -> str:
    """Write a person's draft down, whole, before anything is done to the box; return where.

    One that stands at the end of the file already is not written again.
    """
    path = layout.drafts(agent)
    entry = f"{text}\n".encode("utf-8", "surrogatepass")
    if not (b"\n" + files.tail(path, len(entry) + 1)).endswith(b"\n" + entry):
        files.append(path, text)
    return path


def is_whole(screen: Screen) -> bool:
    """Tell whether all of a draft stands on the screen: it fits, and no mark stands for what was pasted."""
    found = prompt_text.placeholder(screen["draft"])
    return not screen["cut"] and (found is None or found.startswith("[Image"))


def hands_over(agent: AgentRef) -> bool:
    """Tell whether an agent's program was started with our editor, which hands a draft over."""
    named = f'"{state_folder.agent_editor()}"'.encode()
    told = any(named in (files.read(path) or b"") for path in projects.program_files(agent))
    return told and os.path.exists(state_folder.agent_editor())


def ask(agent: AgentRef) -> None:
    """Make the agent's editor hand the draft over the next time it is opened, within OPENED_WITHIN_S."""
    for path in (layout.draft_request(agent), layout.handed_draft(agent)):
        _forget(path)
    files.write(layout.draft_request(agent), f"{int(wall_s() + OPENED_WITHIN_S)}\n".encode(), durable=False)


def collect(agent: AgentRef) -> str | None:
    """Return the draft that the agent's editor has handed over, once; None while it has not."""
    path = layout.handed_draft(agent)
    if not os.path.exists(path):
        return None
    text = prompt_text.text(files.read(path) or b"")
    _forget(path)
    return text


def fetch(agent: AgentRef, open_editor: Callable[[], object]) -> str | None:
    """Return the draft as the agent's own editor gets it, None where that does not answer; blocks HANDED_WITHIN_S."""
    ask(agent)
    open_editor()
    deadline = Deadline(HANDED_WITHIN_S)
    while not deadline.over():
        text = collect(agent)
        if text is not None:
            return text
        pause(HANDED_AGAIN_S)
    return collect(agent)


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
