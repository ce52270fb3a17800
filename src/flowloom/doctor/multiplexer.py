"""tmux: its release, and what the user's tmux.conf makes of it."""

from __future__ import annotations

import os
import re

from flowloom.doctor.finding import Case, Finding, fail, ok, warn
from flowloom.errors import TmuxFailed
from flowloom.ports import procs
from flowloom.ports.tmux.inventory import Inventory
from flowloom.ports.tmux.reach import absent, gone
from flowloom.ports.tmux.server import Tmux

OLDEST = (3, 2)
# From here on an Esc is felt to be late.
SLOW_ESCAPE_MS = 100
SHOW = ["show-options", "-s", ";", "show-options", "-g", ";", "show-options", "-gw"]


def program(case: Case) -> list[Finding]:
    """Check that tmux is there, new enough, and the same release as the server that runs."""
    said = procs.output(["tmux", "-V"], timeout_s=5.0)
    if said is None:
        return [fail("tmux", "not installed", "sudo apt-get install tmux (macOS: brew install tmux)")]
    release = said.split()[-1] if said.split() else ""
    number = re.search(r"(\d+)\.(\d+)", release)
    if number and (int(number.group(1)), int(number.group(2))) < OLDEST:
        return [fail("tmux", f"{release} is older than {OLDEST[0]}.{OLDEST[1]}", "install a newer one")]
    if not number:
        return [warn("tmux", f"unknown release {release!r}", "FlowLoom needs 3.2 or newer")]
    try:
        running = Tmux(case.settings.tmux_socket).run("display-message", "-p", "#{version}").strip()
    except TmuxFailed:
        running = ""
    if running and running != release:
        saw = f"{release}, but the server that runs is {running}"
        return [warn("tmux", saw, "once no agent works, end that server; the next start opens the new one")]
    return [ok("tmux", release)]


def options(case: Case) -> list[Finding]:
    """Check the options that the user's tmux.conf sets, in the running server or else in one made for a moment."""
    socket = case.settings.tmux_socket
    tmux = Tmux(socket)
    where = f"the running server ({socket})"
    try:
        shown = tmux.run(*SHOW)
    except TmuxFailed as error:
        if not absent(error):
            raise
        where = "checked in a server made for this, with your tmux.conf"
        shown = _fresh()
    set_options = dict(line.partition(" ")[::2] for line in shown.splitlines())
    found = []
    session = case.settings.session
    # FlowLoom turns both off when it opens a window; the user may have turned them on since.
    windows = Inventory(socket).windows() if where.startswith("the running") else []
    if windows and set_options.get("exit-unattached") == "on":
        saw = f"exit-unattached is on in {where}: tmux ends with every agent as soon as you detach"
        found.append(fail("tmux.conf", saw, f"tmux -L {socket} set-option -s exit-unattached off"))
    own = _of_session(tmux, session) if any(window.session == session for window in windows) else ""
    if own not in ("", "off"):
        saw = f"destroy-unattached is {own} for the session {session}: it ends with its agents when you detach"
        found.append(fail("tmux.conf", saw, f"tmux -L {socket} set-option -t ={session}: destroy-unattached off"))
    handled = [
        f"{name} {set_options[name]}"
        for name in ("exit-unattached", "destroy-unattached", "default-command", "synchronize-panes", "allow-rename")
        if set_options.get(name, "off") not in ("off", "''", '""', "")
    ]
    remarks = [f"set aside for agents' windows: {', '.join(handled)}"] if handled else []
    waits_ms = set_options.get("escape-time", "")
    if waits_ms.isdigit() and int(waits_ms) > SLOW_ESCAPE_MS:
        remarks.append(f"escape-time is {waits_ms} ms, which delays every Esc; to change that: set -s escape-time 10")
    if set_options.get("focus-events") == "off":
        remarks.append(
            "focus-events is off, which Claude Code mentions below its box; to change that: set -g focus-events on"
        )
    return found or [ok("tmux.conf", "; ".join([where, *remarks]))]


def _fresh() -> str:
    """Return the options as a server has them that is started for this question and ends at once."""
    socket = f"flowloom-doctor-{os.getpid()}"
    try:
        return Tmux(socket).run("start-server", ";", *SHOW)
    finally:
        Inventory(socket).end()


def _of_session(tmux: Tmux, session: str) -> str:
    try:
        return tmux.run("show-options", "-A", "-v", "-t", f"={session}:", "destroy-unattached").strip()
    except TmuxFailed as error:
        if gone(error) or absent(error):
            return ""
        raise
