"""Whether a person runs a command, or a model does. This is a guard, not a sandbox."""

from __future__ import annotations

import os

from flowloom.agents.agent import list_agents
from flowloom.errors import FlowLoomError, UsageError
from flowloom.ports import births, procs
from flowloom.providers.claude import session
from flowloom.store import files
from flowloom.turns import whereabouts

# Set in every command that an agent or Claude Code runs.
OF_MODELS = ("FLOWLOOM_AGENT", "CLAUDECODE")


def refuse_model(what: str, command: str) -> None:
    """Refuse what only a person may do.

    Raises:
        UsageError: an agent or a Claude Code runs this; says how that is known.
    """
    why = model()
    if why:
        raise UsageError(f"only a person can {what}, and {why}", hint=f"run it yourself, in a terminal: {command}")


def model() -> str:
    """Return what shows that an agent or a Claude Code runs this process, empty where nothing does."""
    for name in OF_MODELS:
        if os.environ.get(name):
            return f"{name} is set here"
    above = procs.ancestors()
    agents = _agents() if above else {}
    for pid in above:
        if pid in agents:
            return f"this runs below {agents[pid]} (process {pid})"
        if _is_claude_code(pid):
            return f"this runs below Claude Code (process {pid})"
    return ""


def _agents() -> dict[int, str]:
    """Return the processes of all agents."""
    found = {}
    for agent in list_agents():
        try:
            process = whereabouts.program(agent.status())
        except (FlowLoomError, OSError):
            continue  # the commands on that agent report it
        if process is not None and births.life(process) != "ended":
            found[process["pid"]] = agent.agent_id
    return found


def _is_claude_code(pid: int) -> bool:
    if files.read(session.session_file(dict(os.environ), pid)) is not None:
        return True
    words = procs.command(pid)[:2]
    # Not by what stands behind the name: a person can be called claude, as in `su claude`.
    return bool(words) and (os.path.basename(words[0]) == "claude" or any("/claude-code/" in word for word in words))
