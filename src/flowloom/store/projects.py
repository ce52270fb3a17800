"""The projects with agents: their short names, their places, and the agents of each."""

from __future__ import annotations

import os

from flowloom.errors import DamagedFile, NoDirectory
from flowloom.store import files, layout
from flowloom.store.document import Documents
from flowloom.store.layout import AgentRef

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMAT = 1
_records = Documents(lambda known, path: files.format_of(known, FORMAT, path))


def here() -> str:
    """Return the working directory.

    Raises:
        NoDirectory: it was removed, as by `git worktree remove`.
    """
    try:
        return os.getcwd()
    except OSError as error:
        raise NoDirectory(f"the working directory no longer exists ({error.strerror})") from error


def slug_of(root: str) -> str:
    """Return the short name of the project at `root`: its folder's name, with a hash if two share it.

    The first project to use a name gets it without the hash; `agents/<slug>/project.json`
    records which project that is.
    """
    import re  # noqa: PLC0415 - 1.3 ms of each hook call, and few need it

    base = re.sub(r"[^a-z0-9_-]+", "-", os.path.basename(root).lower()).strip("-")[:30] or "root"
    for slug in (base, f"{base}-{files.sha256(root.encode('utf-8', 'surrogateescape'))[:4]}"):
        known = _record(slug)
        if known is not None and known.get("root") == root:
            return slug
        if known is None:
            return _moved_here(root) or slug
    return slug


def _record(slug: str) -> dict[str, Any] | None:
    return _records.read(layout.project_file(slug))


def _moved_here(root: str) -> str:
    """Return the project that was moved to `root` and keeps its name, empty for none."""
    for slug in _slugs():
        try:
            if root_of(slug) == root:
                return slug
        except (DamagedFile, OSError):
            continue  # its own agents tell
    return ""


def move(slug: str, root: str) -> None:
    """Record that the project `slug` is at `root` from now on."""
    files.write_json(layout.project_file(slug), {"format": FORMAT, "root": root})


def ensure(slug: str, root: str) -> None:
    """Record that `slug` stands for the project at `root`."""
    if not os.path.exists(layout.project_file(slug)):
        files.ensure_dir(layout.project_dir(slug))
        move(slug, root)


def root_of(slug: str) -> str | None:
    """Return the folder of the project `slug`, None if it is not known."""
    known = _record(slug)
    root = known.get("root") if known else None
    return root if isinstance(root, str) else None


def agents() -> list[AgentRef]:
    """Return every recorded agent, in order of project and name."""
    found = []
    for slug in _slugs():
        try:
            names = sorted(os.listdir(layout.project_dir(slug)))
        except OSError:
            continue  # `unlistable` names it
        found += [agent for name in names if _recorded(layout.spec(agent := AgentRef(slug, name)))]
    return found


def with_status() -> list[AgentRef]:
    """Return every agent that has a status, and what stands for the headless tasks of each project."""
    found = []
    for slug in _slugs():
        names = sorted(os.listdir(layout.project_dir(slug)))
        found += [agent for name in names if os.path.isfile(layout.status(agent := AgentRef(slug, name)))]
    return found


def unlistable() -> list[str]:
    """Return the folders of projects whose agents cannot be listed."""
    return [folder for slug in _slugs() if not os.access(folder := layout.project_dir(slug), os.R_OK | os.X_OK)]


def _slugs() -> list[str]:
    top = layout.agents_dir()
    names = sorted(os.listdir(top)) if os.path.isdir(top) else []
    return [name for name in names if os.path.isdir(layout.project_dir(name))]


def _recorded(path: str) -> bool:
    """Tell whether there is a record at `path`, also one that cannot be read: its agent must not vanish."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def ensure_agent(agent: AgentRef) -> None:
    """Make the folder of one agent's state."""
    path = layout.agent_dir(agent)
    if os.path.isfile(path):
        # Until 0.1 the palette noted its last agent in a file where an agent called `last` has its folder.
        os.replace(path, layout.last_asked(agent.project))
    files.ensure_dir(path)


def program_files(agent: AgentRef) -> list[str]:
    """Return the files that an agent's program was started with; until 0.1 there was one, in the agent's own folder."""
    folder = layout.program_dir(agent)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    paths = [*(layout.program_file(agent, name) for name in names), layout.former_settings(agent)]
    return [path for path in paths if os.path.isfile(path)]
