"""How an agent is started, as `agent.json` holds it."""

from __future__ import annotations

from flowloom.store import files

FORMAT = 1
# Its keys, each with a value of its type.
SPEC: dict[str, object] = {
    "format": FORMAT,
    "provider": "",
    "role": "",
    "dir": "",
    "args": [],
    "prompt": "",
    "given": {},
    "trust": False,
    "root": "",
}


def check(document: dict[str, object], path: str) -> None:
    """Refuse a document that is none.

    Raises:
        NewerFormat: a newer release wrote it.
        DamagedFile: a value is of another type.
    """
    files.format_of(document, FORMAT, path)
    for key, example in SPEC.items():
        if not isinstance(document.get(key, example), type(example)):
            raise files.damaged(path, f"{key!r} is a {type(document[key]).__name__}")
