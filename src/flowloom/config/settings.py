"""The effective settings: environment over project over user configuration over defaults.

A project's file counts as far as `trust` lets it.
"""

from __future__ import annotations

import os

from flowloom.config import trust
from flowloom.errors import BadConfig, DamagedFile
from flowloom.store import files, foreign, state_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

FILE = "flowloom.toml"


class Settings:
    """The effective settings of one command."""

    provider: str = "claude"
    session: str = "Claude"
    tmux_socket: str = "default"
    claude: str = "claude"
    reply: Literal["headed", "plain"] = "headed"
    default_agent: str = "planning"
    no_route: Literal["palette", "editor"] = "palette"
    timeout_s: float | None = None
    park_s: float = 120.0
    typing_pause_s: float = 2.0
    keep_days: float | None = None
    announce: bool = True
    args: tuple[str, ...] = ()
    agents: dict[str, dict[str, Any]]

    def __init__(self, **values: Any) -> None:
        self.agents = {}
        # Values of the project's file that have no effect.
        self.ignored: list[trust.IgnoredValue] = []
        for key, value in values.items():
            setattr(self, key, value)

    def of_agent(self, name: str) -> dict[str, Any]:
        """Return the table `[agents.NAME]` of the configuration, empty if there is none."""
        return self.agents.get(name, {})


ENVIRONMENT = {
    "session": "FLOWLOOM_SESSION",
    "tmux_socket": "FLOWLOOM_TMUX_SOCKET",
    "provider": "FLOWLOOM_PROVIDER",
    "claude": "FLOWLOOM_CLAUDE",
    "no_route": "FLOWLOOM_NO_ROUTE",
}


def config_paths(project_root: str) -> list[str]:
    """Return the paths of the configuration files, the weaker first."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return [f"{base}/flowloom/config.toml", f"{project_root}/{FILE}"]


def load(project_root: str) -> Settings:
    """Return the settings for a project.

    Raises:
        BadConfig: a configuration file has an unknown key or a bad value; names file and key.
        BadFile: a configuration file is not a regular file, or too large.
    """
    return in_force(project_root, _tables(project_root))


def in_force(project_root: str, tables: dict[str, Any]) -> Settings:
    """Return the settings that the tables of the two files and the environment make up."""
    kept, ignored = trust.sift(project_root, tables["project"], tables["sha256"], tables["of"])
    values: dict[str, Any] = {"agents": {}}
    for table in (tables["user"], kept):
        for name, agent in table.get("agents", {}).items():
            values["agents"].setdefault(name, {}).update(agent)
        values.update({key: value for key, value in table.items() if key != "agents"})
    values.update(_of_environment())
    settings = Settings(**values)
    settings.ignored = ignored
    return settings


def _of_environment() -> dict[str, str]:
    values = {}
    for key, variable in ENVIRONMENT.items():
        value = os.environ.get(variable)
        if not value:
            continue
        why = trust.rule(key)[1](value)
        if key == "no_route" and value not in ("palette", "editor"):
            why = "it is palette or editor"
        if why:
            raise BadConfig(f"{variable}={value}: {why}", hint="set it to another value, or unset it")
        values[key] = value
    return values


def unheeded(ignored: list[trust.IgnoredValue]) -> str:
    """Return a sentence on which values of a project's file are ignored, and how to agree; empty if none are."""
    if not ignored:
        return ""
    keys = [each.key for each in ignored]
    named = ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
    waits = any(each.why == trust.NOT_AGREED for each in ignored)
    how = "to review and accept: flowloom trust" if waits else "see why: flowloom config"
    return f"ignored in this project's {FILE}: {named} ({how})"


class Setting:
    """One effective setting: its key, its value, and where it comes from."""

    __slots__ = ("key", "place", "source", "value")

    def __init__(self, key: str, value: Any, source: str, place: str) -> None:
        self.key, self.value, self.source, self.place = key, value, source, place


class ExplainedSettings:
    """Every effective setting with its source, the ignored values of the project's file, and who agreed to it."""

    __slots__ = ("agreed_by", "digest", "ignored", "settings")

    def __init__(self, settings: list[Setting], ignored: list[trust.IgnoredValue], digest: str, agreed_by: str) -> None:
        self.settings, self.ignored, self.digest, self.agreed_by = settings, ignored, digest, agreed_by


def explain(project_root: str) -> ExplainedSettings:
    """Return every effective setting with its source: default, user, project or environment.

    Raises:
        BadConfig, BadFile: as `load` does.
    """
    tables = _tables(project_root)
    kept, ignored = trust.sift(project_root, tables["project"], tables["sha256"], tables["of"])
    settings: dict[str, Setting] = {}
    for key, kind in Settings.__annotations__.items():
        if key != "agents" and kind:
            default = getattr(Settings, key)
            settings[key] = Setting(key, list(default) if isinstance(default, tuple) else default, "default", "")
    user_path, project_path = config_paths(project_root)
    for source, path, table in (("user", user_path, tables["user"]), ("project", project_path, kept)):
        for key, value in trust.entries(table):
            settings[key] = Setting(key, value, source, path)
    for key, value in _of_environment().items():
        settings[key] = Setting(key, value, "environment", ENVIRONMENT[key])
    agreed_by = trust.agreed_by(project_root, tables["sha256"], tables["of"]) if tables["sha256"] else ""
    return ExplainedSettings(list(settings.values()), ignored, tables["sha256"], agreed_by)


def _tables(project_root: str) -> dict[str, Any]:
    """Return the checked contents of the two files, from this project's cache while neither has changed.

    Reading and checking TOML costs 80 ms, which would be added to every Ctrl-G.
    """
    places = config_paths(project_root)
    stamps = [_stamp(path) for path in places]
    if not any(stamps):
        return {"user": {}, "project": {}, "sha256": "", "of": [0, 0]}
    cache = state_folder.checked_settings(files.sha256(project_root.encode("utf-8", "surrogateescape"))[:32])
    try:
        known = files.read_json(cache) or {}
    except DamagedFile:
        known = {}
    if known.get("stamps") == stamps and isinstance(known.get("tables"), dict):
        tables: dict[str, Any] = known["tables"]  # type: ignore[assignment]
        return tables
    from flowloom.config.schema import parse  # noqa: PLC0415 - pydantic and tomllib, see above

    user, project = (foreign.read(path, foreign.CONFIG_BYTES) for path in places)
    tables = {
        "user": parse(places[0], user, of_project=False) if user is not None else {},
        "project": parse(places[1], project, of_project=True) if project is not None else {},
        "sha256": files.sha256(project) if project is not None else "",
        "of": stamps[1][-2:],
    }
    state_folder.ensure()
    files.ensure_dir(os.path.dirname(cache))
    files.write_json(cache, {"stamps": stamps, "tables": tables})
    return tables


def _stamp(path: str) -> list[int]:
    """Return numbers that change with a file, its owner and mode last; empty if there is no file.

    They include the time of its last change of any kind (ctime), which cannot be set back.
    """
    try:
        found = os.stat(path)
    except OSError:
        return []
    return [
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_size,
        found.st_dev,
        found.st_ino,
        found.st_uid,
        found.st_mode,
    ]
