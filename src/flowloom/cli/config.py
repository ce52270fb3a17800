"""The command `config`."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from flowloom import git, paths, settings
from flowloom.cli import app
from flowloom.cli.options import Json
from flowloom.cli.tables import CYAN, DIM, Cell, show


@app.command("config")
def show_config(
    only_paths: Annotated[bool, typer.Option("--path", help="Print the paths of the configuration files.")] = False,
    as_json: Json = False,
) -> int:
    """Show effective settings and where each comes from (default, user file, project file, variable)."""
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
    show(
        ("SETTING", "SOURCE", "VALUE"),
        [
            (each.key, Cell(_source(each), DIM if each.source == "default" else CYAN), _value(each.value))
            for each in chosen
        ],
    )
    typer.echo()
    where = [*zip(("user", "project"), places, strict=True), ("state", paths.home())]
    missing = Cell("(does not exist)", DIM)
    show(("FILE", "PATH", ""), [(name, path, "" if os.path.exists(path) else missing) for name, path in where])
    return 0


def _source(choice: settings.Choice) -> str:
    return choice.place if choice.source == "environment" else choice.source


def _value(value: object) -> str:
    return "-" if value is None else json.dumps(value, ensure_ascii=False)
