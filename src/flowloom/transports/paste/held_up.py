"""The reasons why a task's text cannot go into the agent's box, in words."""

from __future__ import annotations

from flowloom.turns import whereabouts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.turns.record import Status

ANOTHER = "another task is being handed over"
EDITOR = "an editor is open in its window"
SUSPENDED = "its program is suspended (Ctrl-Z in its window)"
HANGS = "its program does not read what is typed; look at its window"
# What passes by itself within a moment, and is worth a word only once it has not.
UNREAD = "its program has not read the last key yet"
SETTLES = "its box is being cleared"
KEEPS = "the draft in its box is being kept"
HANDED_OVER = "its program has just let go of its terminal"
MOVED = "its status has just changed"
RECEIPT = "the agent has not confirmed the text yet"
MIXED = "its text is in the input box together with words that a person typed"
# Behind another task, its session says so for a moment after that one's turn.
BUSY = "its session is busy, with no task of FlowLoom's"
PASSING = frozenset({UNREAD, SETTLES, KEEPS, HANDED_OVER, MOVED, RECEIPT, BUSY})

# What a person has open in the window where its keys are tmux's own.
MODES = {
    "copy-mode": "a person scrolls in its window",
    "view-mode": "a message of tmux stands in its window",
    "tree-mode": "tmux's list of windows is open in its window",
    "buffer-mode": "tmux's list of buffers is open in its window",
    "client-mode": "tmux's list of clients is open in its window",
    "options-mode": "tmux's list of options is open in its window",
    "clock-mode": "tmux's clock is open in its window",
}


def input_off(now: Status) -> str:
    """Return what is to be done about a pane whose input its person has disabled."""
    client = " ".join(whereabouts.port(now).client)
    return f"its pane has input disabled; enable it: {client} select-pane -e -t {now['pane_id']}"
