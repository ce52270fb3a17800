"""What `claude -p --output-format json` prints, read. Text in, values out.

An error stands in `result` (the API, no login) or in `errors` (a budget, a limit of turns), with `is_error` and exit 1;
an unknown option is one line on stderr. Measured on 2.1.197 and 2.1.329.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def result(stdout: str) -> dict[str, Any]:
    """Return the last result document among the lines; an empty one where there is none."""
    for line in reversed(stdout.split("\n")):  # splitlines() would cut at a U+2028 in a string
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and said.get("type") == "result":
            return said
    return {}


def reply(said: dict[str, Any], exit_code: int | None) -> str | None:
    """Return the reply in a result document, None where it tells of an error."""
    text = said.get("result")
    return text if isinstance(text, str) and not said.get("is_error") and not exit_code else None


def error(said: dict[str, Any], stdout: str, stderr: str, exit_code: int | None) -> str:
    """Return why there is no reply, in the program's own words where it has any."""
    if said:
        errors = "; ".join(str(each) for each in said.get("errors") or [])
        return errors or str(said.get("result") or said.get("subtype") or "it failed without a word")
    last = " ".join((stderr.strip() or stdout.strip()).splitlines()[-3:])[:500]
    ended = "it ended" if exit_code is None else f"it ended with exit {exit_code}"
    return last or f"{ended} and printed no reply"


def denied(said: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tool calls that were refused, each with `tool_name` and `tool_input`."""
    return [entry for entry in said.get("permission_denials") or [] if isinstance(entry, dict)]
