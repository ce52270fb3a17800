"""The command `config`."""

from __future__ import annotations

import os

from flowloom.cli.options import JSON, as_value, flag
from flowloom.cli.output import print_json, print_line
from flowloom.cli.program import command
from flowloom.cli.tables import Cell, show
from flowloom.config import settings as config
from flowloom.ports import git
from flowloom.store import layout, projects
from flowloom.terminal.style import CYAN, DIM, RED


@command("config", flag("--path", "only_paths", help="Print the paths of the configuration files."), JSON)
def show_config(only_paths: bool, as_json: bool) -> int:
    """Show the settings in effect, and where each comes from.

    That is the default, your own file, the project's file or a variable. Values of the project's
    file that have no effect are listed below, with the reason.
    """
    root = git.project_root(projects.here())
    places = config.config_paths(root)
    exists = [{"path": path, "exists": os.path.exists(path)} for path in places]
    if only_paths and as_json:
        print_json({"version": 1, "files": exists})
        return 0
    if only_paths:
        print_line("\n".join(places))
        return 0
    found = config.explain(root)
    if as_json:
        document = {
            "version": 1,
            "state": layout.home(),
            "files": exists,
            "settings": [
                {"key": each.key, "value": each.value, "source": each.source, "place": each.place}
                for each in found.settings
            ],
            "ignored": [{"key": each.key, "value": each.value, "why": each.why} for each in found.ignored],
            "trusted_by": found.agreed_by or None,
        }
        print_json(document)
        return 0
    show(
        ("SETTING", "SOURCE", "VALUE"),
        [
            (each.key, Cell(_source(each), DIM if each.source == "default" else CYAN), as_value(each.value))
            for each in found.settings
        ],
    )
    print_line()
    where = [*zip(("user", "project"), places, strict=True), ("state", layout.home())]
    missing = Cell("(does not exist)", DIM)
    show(("FILE", "PATH", ""), [(name, path, "" if os.path.exists(path) else missing) for name, path in where])
    if found.digest:
        print_line(
            f"\nThis project's file is {f'trusted (by {found.agreed_by})' if found.agreed_by else 'not trusted'}."
        )
    if found.ignored:
        print_line()
        show(
            ("IGNORED", "WHY", "VALUE"),
            [(unused.key, Cell(unused.why, RED), as_value(unused.value)) for unused in found.ignored],
        )
    return 0


def _source(setting: config.Setting) -> str:
    return setting.place if setting.source == "environment" else setting.source
