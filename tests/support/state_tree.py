"""The files of a state folder as docs/reference/protocol-on-disk.md lists them, as patterns of paths."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "protocol-on-disk.md"


def patterns() -> list[re.Pattern[str]]:
    """Return a pattern for each line of the page's tree; a folder stands for what is in it, unless that is listed."""
    tree = PAGE.read_text("utf-8").split("```")[1].strip("\n").splitlines()
    parents: list[tuple[int, str]] = []
    found: list[str] = []
    for line in tree:
        depth, said = len(line) - len(line.lstrip()), re.split(r" {2,}", line.strip())[0]
        if depth > 12:
            continue  # the rest of the sentence above
        parents = [(at, folder) for at, folder in parents if at < depth]
        parent = parents[-1][1] if parents else ""
        for name in said.split(", "):
            first = said.split(", ")[0]
            beside = first.rpartition("/")[0] + "/" if "/" in first.rstrip("/") and name != first else ""
            found.append(f"{parent}{beside}{name}")
        if said.endswith("/"):
            parents.append((depth, f"{parent}{said}"))
    listed = [
        path for path in found if not path.endswith("/") or not any(p != path and p.startswith(path) for p in found)
    ]
    return [re.compile(_regex(path)) for path in listed]


def unlisted(paths: list[str]) -> list[str]:
    """Return the paths, relative to the state folder, that the page does not list."""
    known = patterns()
    return [path for path in paths if not any(each.fullmatch(path) for each in known)]


def _regex(path: str) -> str:
    parts = ["[^/]+" if part[:1] in ("<", "*") else re.escape(part) for part in re.split(r"(<[^>]+>|\*)", path)]
    return "".join(parts) + (".+" if path.endswith("/") else "")
