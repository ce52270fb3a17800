"""What the user has chosen: environment over project over user configuration over defaults."""

from __future__ import annotations

import json
import os

from flowloom import files, paths
from flowloom.errors import BadConfig, DamagedFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILE = "flowloom.toml"


class Settings:
    """The choices in force for one command."""

    provider: str = "claude"
    session: str = "Claude"
    tmux_socket: str = "default"
    claude: str = "claude"
    reply: str = "headed"
    default_agent: str = "planning"
    no_route: str = "palette"
    timeout_s: float | None = None
    park_s: float = 120.0
    typing_pause_s: float = 2.0
    keep_days: float | None = None
    announce: bool = True
    args: tuple[str, ...] = ()
    agents: dict[str, dict[str, Any]]

    def __init__(self, **chosen: Any) -> None:
        self.agents = {}
        for key, value in chosen.items():
            setattr(self, key, value)

    def of_agent(self, name: str) -> dict[str, Any]:
        """Return the table `[agents.NAME]` of the configuration, empty where there is none."""
        return self.agents.get(name, {})


ENVIRONMENT = {
    "session": "FLOWLOOM_SESSION",
    "tmux_socket": "FLOWLOOM_TMUX_SOCKET",
    "provider": "FLOWLOOM_PROVIDER",
    "claude": "FLOWLOOM_CLAUDE",
    "no_route": "FLOWLOOM_NO_ROUTE",
}


def config_paths(project_root: str) -> list[str]:
    """Return the configuration files that can exist, the weaker first."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return [f"{base}/flowloom/config.toml", f"{project_root}/{FILE}"]


def load(project_root: str) -> Settings:
    """Return the settings for a project.

    Raises:
        BadConfig: a configuration file has an unknown key or a bad value; names file and key.
    """
    chosen: dict[str, Any] = {}
    stamps = []
    for path in config_paths(project_root):
        try:
            found = os.stat(path)
        except OSError:
            continue
        stamps.append([path, found.st_mtime_ns, found.st_size, found.st_ino])
    if stamps:
        chosen = _from_files(stamps)
    for key, variable in ENVIRONMENT.items():
        if os.environ.get(variable):
            chosen[key] = os.environ[variable]
    session = str(chosen.get("session", "Claude"))
    if not session.strip() or set(session) & set(".:"):
        raise BadConfig(f"{session!r} cannot be the name of a tmux session", hint="leave out dots and colons")
    if chosen.get("no_route", "palette") not in ("palette", "editor"):
        raise BadConfig(
            f"FLOWLOOM_NO_ROUTE={chosen['no_route']}: it is palette or editor", hint="set it to one of these"
        )
    return Settings(**chosen)


class Choice:
    """One setting in force: its key, its value, and who chose it."""

    __slots__ = ("key", "place", "source", "value")

    def __init__(self, key: str, value: Any, source: str, place: str) -> None:
        self.key, self.value, self.source, self.place = key, value, source, place


def explain(project_root: str) -> list[Choice]:
    """Return every setting in force with its source: default, user, project or environment.

    Raises:
        BadConfig: as `load` does.
    """
    from flowloom.config import read_files  # noqa: PLC0415 - pydantic and tomllib, 80 ms

    chosen: dict[str, Choice] = {}
    for key, kind in Settings.__annotations__.items():
        if key != "agents" and kind:
            default = getattr(Settings, key)
            chosen[key] = Choice(key, list(default) if isinstance(default, tuple) else default, "default", "")
    for source, path in zip(("user", "project"), config_paths(project_root), strict=True):
        if not os.path.exists(path):
            continue
        table = read_files([path])
        for name, agent in table.pop("agents").items():
            for key, value in agent.items():
                chosen[f"agents.{name}.{key}"] = Choice(f"agents.{name}.{key}", value, source, path)
        for key, value in table.items():
            chosen[key] = Choice(key, value, source, path)
    for key, variable in ENVIRONMENT.items():
        if os.environ.get(variable):
            chosen[key] = Choice(key, os.environ[variable], "environment", variable)
    return list(chosen.values())


def _from_files(stamps: list[list[Any]]) -> dict[str, Any]:
    """Return the checked contents of the files, from a cache while none of them has changed.

    Reading TOML and checking it costs 80 ms, which every Ctrl-G would pay.
    """
    cache = f"{paths.home()}/cache/settings.json"
    try:
        known = files.read_json(cache) or {}
    except DamagedFile:
        known = {}
    if known.get("stamps") == stamps:
        chosen: dict[str, Any] = known["chosen"]  # type: ignore[assignment]
        return chosen
    from flowloom.config import read_files  # noqa: PLC0415 - pydantic and tomllib, see above

    chosen = read_files([stamp[0] for stamp in stamps])
    paths.ensure_home()
    files.ensure_dir(os.path.dirname(cache))
    files.write_json(cache, {"stamps": stamps, "chosen": json.loads(json.dumps(chosen))})
    return chosen
