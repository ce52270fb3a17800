"""The configuration files, checked: `flowloom.toml` and the user's `config.toml`."""

from __future__ import annotations

import difflib
import tomllib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flowloom.config import trust
from flowloom.errors import BadConfig


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


def parse(path: str, raw: bytes, *, of_project: bool) -> dict[str, Any]:
    """Return what a configuration file says, checked; who may say what is decided in `trust`.

    Raises:
        BadConfig: naming file, key and, for an unknown key, the nearest known one.
    """
    try:
        table = ConfigFile.model_validate(tomllib.loads(raw.decode()))
    except ValidationError as error:
        raise BadConfig(*_explain(path, error)) from error
    except (ValueError, RecursionError) as error:
        raise BadConfig(f"{path} is not TOML: {error}", hint="fix that line") from error
    values = table.model_dump(exclude_none=True)
    wrong = trust.fault(values, of_project=of_project)
    if wrong:
        raise BadConfig(f"{path}: {wrong[0]!r}: {wrong[1]}", hint="change it there")
    return values


def _explain(path: str, error: ValidationError) -> tuple[str]:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        table = AgentTable if first["loc"][0] == "agents" else ConfigFile
        near = difflib.get_close_matches(str(first["loc"][-1]), list(table.model_fields), n=1)
        instead = f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(table.model_fields)}"
        return (f"{path}: unknown key {key!r}{instead}",)
    return (f"{path}: {key!r}: {first['msg']}",)
