"""The command `status`."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from flowloom.agents.survey import survey
from flowloom.cli import published
from flowloom.cli.options import JSON, flag
from flowloom.cli.output import print_json, print_line, theirs
from flowloom.cli.program import command
from flowloom.cli.tables import Cell, coloured, show, words
from flowloom.clock import wall_s
from flowloom.delegation import overview
from flowloom.store import layout, news
from flowloom.terminal.durations import age
from flowloom.terminal.style import BOLD, RED, YELLOW
from flowloom.turns import questions

if TYPE_CHECKING:
    from flowloom.turns.record import Status


@command(
    "status",
    flag("--tmux", help="Print the status line, and how to show it in tmux's status bar."),
    JSON,
)
def status(tmux: bool = False, as_json: bool = False) -> int:
    """Show what waits for you: questions, unread replies, failed tasks."""
    surveyed = survey()
    asking = overview.asking(surveyed)
    for why in dict.fromkeys(now["unreachable"] for _, now in surveyed if "unreachable" in now):
        sys.stderr.write(theirs(f"flowloom: {why}\n"))
    unread, failed = overview.replies(), overview.failures()
    if as_json:
        waiting: published.Waiting = {
            "version": 1,
            "line": news.line(),
            "questions": [published.agent(each) for each in asking],
            "unread": [published.task(each) for each in unread],
            "failed": [published.task(each) for each in failed],
        }
        print_json(waiting)
        return 0
    if tmux:
        _tmux()
        return 0
    now_s = wall_s()
    rows: list[list[Cell | str]] = []
    asked = [(now, since, says) for now in asking for since, says in _asked(now)]
    for now, since, says in asked:
        how = f"flowloom attach {now['agent_id']}"
        rows.append([Cell("?", YELLOW), now["agent_id"], Cell(age(now_s - since), right=True), how, says])
    for task in unread:
        how = f"flowloom reply {task['task_id']}"
        ago = age(now_s - task["journal"][-1]["at"])
        rows.append(["✉", task["agent_id"], Cell(ago, right=True), how, words(task)])
    for task in failed:
        how = f"flowloom show {task['task_id']}"
        ago = age(now_s - task["journal"][-1]["at"])
        rows.append([Cell("✗", RED), task["agent_id"], Cell(ago, right=True), how, Cell(task["error"], RED)])
    print_line(coloured(_words(len(asked), len(unread), len(failed)), BOLD))
    if rows:
        show(["", "AGENT", "SINCE", "NEXT", "WHAT"], rows)
    return 0


def _asked(now: Status) -> list[tuple[float, str]]:
    """Return since when an agent waits and for what: one line for each open question."""
    known = questions.open_of(now)
    if known:
        return [(each["asked_at"], each["text"]) for each in known]
    return [(now["since"], now["question"]["text"] if now["question"] else now["why"])]


def _words(asking: int, unread: int, failed: int) -> str:
    """Return the counts in words."""
    counts = [(asking, "question", "questions"), (unread, "unread reply", "unread replies")]
    counts.append((failed, "failed task", "failed tasks"))
    said = [f"{count} {one if count == 1 else more}" for count, one, more in counts if count]
    return ", ".join(said) if said else "nothing waits for you"


def _tmux() -> None:
    news.renew()
    path = shlex.quote(layout.status_line()).replace("%", "%%")
    print_line(f"{news.line() or '(empty: nothing waits for you)'}\n")
    print_line("Add these lines to ~/.tmux.conf, then run: tmux source-file ~/.tmux.conf\n")
    print_line(f'set -ag status-right " #(cat {path})"')
    print_line("set -g status-interval 5\n")
    print_line("? questions of agents   ✉ unread replies   ✗ failed tasks")
    print_line("Reading a reply, or flowloom show for a failed task, removes it from the list.")
