"""The configuration files, checked: `flowloom.toml` and the user's `config.toml`."""

from __future__ import annotations

import difflib
import os
import tomllib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flowloom.errors import BadConfig

PROJECT_FILE = "flowloom.toml"


class AgentTable(BaseModel):
    """`[agents.NAME]`: how one agent is started."""

    model_config = ConfigDict(extra="forbid")

    role: str | None = None
    provider: str | None = None
    dir: str | None = None
    args: list[str] | None = None
    prompt: str | None = Field(None, description="text added to the system prompt")


class ConfigFile(BaseModel):
    """All that a configuration file may say."""

    model_config = ConfigDict(extra="forbid")

    provider: str | None = None
    session: str | None = None
    tmux_socket: str | None = None
    claude: str | None = None
    reply: Literal["headed", "plain"] | None = None
    default_agent: str | None = None
    no_route: Literal["palette", "editor"] | None = None
    timeout_s: float | None = Field(None, gt=0)
    park_s: float | None = Field(None, ge=0)
    typing_pause_s: float | None = Field(None, ge=0)
    keep_days: float | None = Field(None, gt=0)
    announce: bool | None = None
    args: list[str] | None = None
    agents: dict[str, AgentTable] = {}


def read_files(files: list[str]) -> dict[str, Any]:
    """Return the merged contents of the files; the later ones win, tables of agents are merged.

    Raises:
        BadConfig: naming file, key and, for an unknown key, the nearest known one.
    """
    merged: dict[str, Any] = {"agents": {}}
    for path in files:
        try:
            with open(path, "rb") as stream:
                table = ConfigFile.model_validate(tomllib.load(stream))
        except OSError as error:
            raise BadConfig(
                f"{path} cannot be read: {error.strerror}", hint="mend its rights, or move it away"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadConfig(f"{path} is not TOML: {error}", hint="mend that line") from error
        except ValidationError as error:
            raise BadConfig(*_explain(path, error)) from error
        chosen = table.model_dump(exclude_none=True)
        if os.path.basename(path) == PROJECT_FILE:
            _refuse_programs(path, chosen)
        for name, agent in chosen.pop("agents", {}).items():
            merged["agents"].setdefault(name, {}).update(agent)
        merged.update(chosen)
    return merged


def _refuse_programs(path: str, chosen: dict[str, Any]) -> None:
    """Refuse what a project may not choose: whoever clones it would run it, before any question about trust."""
    named: list[str] = [key for key in ("claude", "args") if key in chosen]
    named += [f"agents.{name}.args" for name, agent in chosen.get("agents", {}).items() if "args" in agent]
    if named:
        raise BadConfig(
            f"{path}: {named[0]!r} is not for a project to choose: it decides what is run on your machine",
            hint="put it into your own config.toml, or give arguments with: flowloom start NAME -- ARGUMENTS",
        )


def _explain(path: str, error: ValidationError) -> tuple[str]:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        table = AgentTable if first["loc"][0] == "agents" else ConfigFile
        near = difflib.get_close_matches(str(first["loc"][-1]), list(table.model_fields), n=1)
        instead = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(table.model_fields)}"
        return (f"{path}: unknown key {key!r}{instead}",)
    return (f"{path}: {key!r}: {first['msg']}",)
