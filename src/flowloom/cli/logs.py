"""The command `logs`."""

from __future__ import annotations

import json
import sys
from typing import Any

from flowloom.agents.agent import named
from flowloom.cli import tables
from flowloom.cli.options import AGENT, LOOK_AGAIN_S, flag, number
from flowloom.cli.output import print_line
from flowloom.cli.program import command
from flowloom.cli.tables import Cell
from flowloom.delegation import ask
from flowloom.store import layout, projects
from flowloom.store.bell import Bell
from flowloom.terminal.durations import moment
from flowloom.terminal.style import DIM, STATES
from flowloom.turns import status

HEAD = ("TIME", "EVENT", "STATUS", "TASK", "WHY")
# Known before the first event, since others follow.
WIDTHS = (8, 7, 19, 4, 0)


@command(
    "logs",
    AGENT,
    flag("--follow", "-f", help="Follow new events; Ctrl-C stops."),
    number("--lines", "-n", help="Show the last N events (default 40).", least=0, default=40),
    flag("--json", "as_json", help="Print one JSON object per line."),
)
def logs(name: str, follow: bool, lines: int, as_json: bool) -> int:
    """Show what happened to an agent, and why."""
    agent = named(name, projects.here())
    ask.refuse_unstarted(agent)
    why = agent.refresh()
    if why:
        sys.stderr.write(f"flowloom: {why}\n")
    bell = Bell(layout.agent_dir(agent.ref)) if follow else None
    try:
        seen = status.read_events(agent.ref)
        if not as_json:
            print_line(tables.line([Cell(title, DIM) for title in HEAD], WIDTHS))
        for event in seen[-lines:] if lines else []:
            _tell(event, as_json=as_json)
        last = seen[-1]["seq"] if seen else 0
        while bell is not None:
            bell.wait(LOOK_AGAIN_S)
            for event in status.read_events(agent.ref):
                if event["seq"] > last:
                    _tell(event, as_json=as_json)
                    last = event["seq"]
    finally:
        if bell is not None:
            bell.close()
    return 0


def _cells(event: dict[str, Any]) -> tuple[Cell | str, ...]:
    before, after = str(event.get("from")), str(event.get("to"))
    led_to = after if before == after else f"{before} → {after}"
    return (
        moment(event["at"]),
        str(event.get("event", "")),
        Cell(led_to, STATES.get(after, "") if before != after else DIM),
        event.get("task") or "-",
        str(event.get("why", "")),
    )


def _tell(event: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_line(json.dumps(event, ensure_ascii=False))
    else:
        print_line(tables.line(_cells(event), WIDTHS))
