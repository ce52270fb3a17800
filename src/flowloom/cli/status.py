"""The command `status`."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from flowloom.agents.survey import survey
from flowloom.cli import app
from flowloom.cli.options import Json
from flowloom.cli.tables import RED, YELLOW, Cell, coloured, show, words
from flowloom.clock import wall_s
from flowloom.delegation import overview
from flowloom.store import layout, news
from flowloom.terminal.durations import age


@app.command()
def status(
    tmux: Annotated[
        bool, typer.Option("--tmux", help="Print the status line, and how to show it in tmux's status bar.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Show what waits for you: questions, unread replies, failed tasks."""
    asking = overview.questions(survey())
    unread, failed = overview.replies(), overview.failures()
    if as_json:
        from flowloom.cli import published  # noqa: PLC0415 - pydantic, 60 ms

        waiting = published.Waiting(
            line=news.line(),
            questions=published.agents(asking),
            unread=published.tasks(unread),
            failed=published.tasks(failed),
        )
        typer.echo(waiting.to_json())
        return 0
    if tmux:
        _tmux()
        return 0
    now_s = wall_s()
    rows: list[list[Cell | str]] = []
    for now in asking:
        says = now["question"]["text"] if now["question"] else now["why"]
        how = f"flowloom attach {now['agent_id']}"
        rows.append([Cell("?", YELLOW), now["agent_id"], Cell(age(now_s - now["since"]), right=True), how, says])
    for task in unread:
        how = f"flowloom reply {task['task_id']}"
        since = age(now_s - task["journal"][-1]["at"])
        rows.append(["✉", task["agent_id"], Cell(since, right=True), how, words(task)])
    for task in failed:
        how = f"flowloom show {task['task_id']}"
        since = age(now_s - task["journal"][-1]["at"])
        rows.append([Cell("✗", RED), task["agent_id"], Cell(since, right=True), how, Cell(task["error"], RED)])
    typer.echo(coloured(_words(len(asking), len(unread), len(failed)), "1"))
    if rows:
        show(["", "AGENT", "SINCE", "NEXT", "WHAT"], rows)
    return 0


def _words(asking: int, unread: int, failed: int) -> str:
    """Return the counts in words."""
    counts = [(asking, "question", "questions"), (unread, "unread reply", "unread replies")]
    counts.append((failed, "failed task", "failed tasks"))
    said = [f"{count} {one if count == 1 else more}" for count, one, more in counts if count]
    return ", ".join(said) if said else "nothing waits for you"


def _tmux() -> None:
    news.renew()
    path = shlex.quote(layout.status_line()).replace("%", "%%")
    typer.echo(f"{news.line() or '(empty: nothing waits for you)'}\n")
    typer.echo("Add these lines to ~/.tmux.conf, then run: tmux source-file ~/.tmux.conf\n")
    typer.echo(f'set -ag status-right " #(cat {path})"')
    typer.echo("set -g status-interval 5\n")
    typer.echo("? questions of agents   ✉ unread replies   ✗ failed tasks")
    typer.echo("Reading a reply, or flowloom show for a failed task, removes it from the list.")
