"""What stands in an agent's box: a text of ours that was not confirmed, or a person's draft, which is kept."""

from __future__ import annotations

import re

from flowloom import files, frame, paths, tasks
from flowloom.states import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.records import Screen

KEPT = "drafts.txt"
# A task that its agent has confirmed is not in the box any more: its text there was fetched back by a person.
_CONFIRMED = (Step.ACCEPTED, Step.PARKED, Step.DONE)
_PASTE_MARK = r"\[Pastedtext#\d+(\+\d+lines)?\]"


class Own:
    """A text of ours in the box: its task, and whether it stands there to its end."""

    __slots__ = ("task_id", "whole")

    def __init__(self, task_id: str, *, whole: bool) -> None:
        self.task_id = task_id
        self.whole = whole


def own(screen: Screen) -> Own | None:
    """Return our own text in the box, None where anything else stands there, or ours with a word of a person's."""
    draft = _bare(screen["draft"])
    names = re.findall(r"^\[flowloomtask([a-z2-9]{4,8}?)from|\[endoftask([a-z2-9]{4,8})\]$", draft)
    for task_id in {begun or ended for begun, ended in names}:
        task = tasks.find(task_id)
        if task is None or task["status"] in _CONFIRMED:
            continue
        folder = paths.task_dir(task_id)
        first, body = (_bare(_text(f"{folder}/{name}")) for name in ("first", "body"))
        stands = _stands(draft, first, body, cut=screen["cut"]) if first else ""
        if stands:
            return Own(task_id, whole=stands == "whole")
    return None


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
    """Return what two texts must share to be one: without white space, which wraps, and what a terminal may lose."""
    visible = frame.comparable(text)
    return "".join(each for each in visible if not each.isspace() and (each.isascii() or each.isalnum()))


def keep(agent_dir: str, text: str) -> str:
    """Write a person's draft down, whole, before anything is done to the box; return where."""
    path = f"{agent_dir}/{KEPT}"
    files.append(path, text)
    return path
