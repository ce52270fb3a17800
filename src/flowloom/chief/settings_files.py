"""Claude Code's settings files on this machine: what each sets, and which one wins."""

from __future__ import annotations

import os

from flowloom.errors import BadFile, DamagedFile
from flowloom.ports import git
from flowloom.providers.claude import home, settings
from flowloom.store import foreign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USER, MANAGED = settings.USER, settings.MANAGED


def config_dir() -> str:
    """Return the folder of the user's own Claude Code configuration."""
    return home.folder({"HOME": os.path.expanduser("~"), **os.environ})


def user_path() -> str:
    """Return the path of the user's own settings file."""
    return f"{config_dir()}/settings.json"


def paths_for(directory: str, release: str = "") -> list[tuple[str, str]]:
    """Return (whose, path) of every settings file that applies to a Claude Code in a directory, the weakest first.

    Without a release, a new one is assumed.
    """
    environment = {"HOME": os.path.expanduser("~"), **os.environ}
    checkout = git.project_root(directory)
    # As Claude Code names them; the folder itself where it is its own checkout.
    known = settings.files_for(
        environment, directory, directory if checkout == os.path.realpath(directory) else checkout, release
    )
    mine = os.path.realpath(user_path())
    return [
        (whose, each)
        for whose, path in known
        # In the home folder, the project's file is the user's.
        if whose == USER or os.path.realpath(path) != mine
        for each in foreign.expanded(path)
    ]


def default_mode(directory: str, release: str) -> str:
    """Return the permission mode that a Claude Code starts in; empty if no settings file sets one."""
    return settings.default_mode([document for _, _, document in documents(directory, release)])


def documents(directory: str, release: str = "") -> list[tuple[str, str, dict[str, Any]]]:
    """Return (whose, path, document) of the files that exist; Claude Code skips one that is not JSON, and so do we."""
    found = []
    for whose, path in paths_for(directory, release):
        try:
            document = foreign.read_json(path, foreign.CONFIG_BYTES)
        except (DamagedFile, BadFile):
            continue
        if document is not None:
            found.append((whose, path, document))
    return found


def unreadable(directory: str) -> list[tuple[str, str]]:
    """Return (path, why) of the files that Claude Code will skip."""
    found = []
    for _, path in paths_for(directory):
        try:
            foreign.read_json(path, foreign.CONFIG_BYTES)
        except (DamagedFile, BadFile) as error:
            commented = isinstance(error, DamagedFile) and has_comments(foreign.read(path, foreign.CONFIG_BYTES) or b"")
            found.append((path, f"{path} has comments" if commented else str(error)))
    return found


def has_comments(raw: bytes) -> bool:
    """Tell whether a settings file that is no valid JSON has comments, which Claude Code does not allow."""
    return any(line.lstrip().startswith((b"//", b"/*")) or b" // " in line for line in raw.splitlines())


def variable(name: str, directory: str) -> tuple[str, str]:
    """Return the value of an environment variable as a Claude Code in a directory sees it, and where it is set.

    Settings override the shell. Both are empty if it is not set.
    """
    known = [(path, document) for _, path, document in documents(directory)]
    return settings.variable(name, dict(os.environ), known)
