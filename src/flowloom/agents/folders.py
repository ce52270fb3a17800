"""The folder that an agent works in: which one it is, and what to do where it no longer exists."""

from __future__ import annotations

import os
import shlex

from flowloom.config import trust
from flowloom.errors import FolderGone
from flowloom.ports import git, procs
from flowloom.store import projects
from flowloom.turns import status
from flowloom.turns.states import NO_PROGRAM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.agents.agent import Agent


def choose(root: str, given: str | None, configured: str | None, was: dict[str, Any]) -> str:
    """Return an agent's folder: as given, else as configured, else that of its previous start, else the project's.

    A folder inside the project moves with the project.
    """
    former = str(was.get("root") or root)
    if given:
        return os.path.abspath(_moved(given, former, root))
    if configured:
        return os.path.abspath(os.path.join(root, os.path.expanduser(configured)))
    remembered = _moved(str(was.get("dir") or ""), former, root)
    # A link in the project may have changed since.
    return root if not remembered or trust.leads_out(root, remembered) else remembered


def _moved(directory: str, former: str, root: str) -> str:
    """Return where a folder is now if it was inside the project's former place."""
    inside = directory == former or directory.startswith(f"{former.rstrip('/')}/")
    if former == root or not inside or os.path.isdir(directory):
        return directory
    return os.path.normpath(os.path.join(root, os.path.relpath(directory, former)))


def ensure(agent: Agent) -> str:
    """Return the folder that an agent is started in: the one in its record, which must exist.

    Raises:
        FolderGone: it does not.
    """
    directory = str((agent.spec() or {}).get("dir") or "")
    if not os.path.isdir(directory):
        raise missing(agent, directory)
    return directory


def missing(agent: Agent, directory: str) -> FolderGone:
    """Return the error for an agent whose folder no longer exists: where it is now, and what to do."""
    now = status.read(agent.ref)
    runs = now is not None and now["status"] not in NO_PROGRAM
    place = _place(now["pid"]) if now is not None and runs and now["pid"] else ""
    stop = f"flowloom stop {agent.agent_id}; " if runs else ""
    return FolderGone(
        f"the folder of {agent.agent_id} no longer exists: {directory}{f' (moved to {place})' if place else ''}",
        hint="move it back, or give the agent another one: "
        f"{stop}flowloom start {agent.agent_id} --dir {shlex.quote(place) if place else 'FOLDER'}",
    )


def remark(agent: Agent) -> str:
    """Return what a listing says of an agent whose folder no longer exists, empty for every other agent."""
    directory = str((agent.spec() or {}).get("dir") or "")
    if not directory or os.path.isdir(directory):
        return ""
    error = missing(agent, directory)
    return f"{error}; {error.hint}"


def _place(pid: int) -> str:
    """Return the folder of a process that runs, empty where that is not known or it was removed."""
    place = procs.directory(pid)
    return place if os.path.isdir(place) else ""


def project_at(slug: str, root: str, directory: str) -> str:
    """Return the place of a project whose agent is given a folder: a new one if its own no longer exists.

    A folder that has agents as another project stays that project's.
    """
    if os.path.isdir(root) or not os.path.isdir(directory):
        return root
    new = git.project_root(directory)
    other = projects.slug_of(new)
    return root if other != slug and projects.root_of(other) is not None else new
