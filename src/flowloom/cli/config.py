"""The command `config`."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from flowloom import git, paths, settings
from flowloom.cli import app
from flowloom.cli.options import Json


@app.command("config")
def show_config(
    only_paths: Annotated[bool, typer.Option("--path", help="Only where configuration files can lie.")] = False,
    as_json: Json = False,
) -> int:
    """Show the settings in force here, and who chose each.

    That is the default, your own file, the project's, or a variable.
    """
    root = git.project_root(os.getcwd())
    places = settings.config_paths(root)
    if only_paths:
        typer.echo("\n".join(places))
        return 0
    chosen = settings.explain(root)
    if as_json:
        document = {
            "version": 1,
            "state": paths.home(),
            "files": [{"path": path, "exists": os.path.exists(path)} for path in places],
            "settings": [
                {"key": each.key, "value": each.value, "source": each.source, "place": each.place} for each in chosen
            ],
        }
        typer.echo(json.dumps(document, indent=1, ensure_ascii=False))
        return 0
    for each in chosen:
        where = f"{each.source} {each.place}".strip()
        typer.echo(f"{each.key:<18} {_value(each.value):<24} {where}")
    typer.echo(f"\nstate   {paths.home()}")
    for source, path in zip(("user", "project"), places, strict=True):
        typer.echo(f"{source:<7} {path}{'' if os.path.exists(path) else '  (not there)'}")
    return 0


def _value(value: object) -> str:
    return "-" if value is None else json.dumps(value, ensure_ascii=False)
