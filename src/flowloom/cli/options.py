"""Arguments and options, and those that several commands share."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from flowloom.cli import completion
from flowloom.cli.program import Argument
from flowloom.config.settings import Settings, unheeded
from flowloom.errors import UsageError
from flowloom.terminal import durations

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowloom.cli.completion import Offer

# How long `restart --wait` and `logs -f` sleep at most; both are woken by events.
LOOK_AGAIN_S = 1.0


def seconds(value: object) -> float:
    """Return the seconds of a timeout: a duration such as `5m`, or a plain number of seconds.

    Raises:
        UsageError: it is neither.
    """
    text = str(value).strip()
    found = float(text) if re.fullmatch(r"\d{1,9}(\.\d+)?", text) else durations.seconds(text)
    if found is None:
        raise UsageError(
            f"--timeout: {text!r} is not a duration", hint="write 90s, 5m or 2h; a plain number is seconds"
        )
    return found


def at_least(least: int) -> Callable[[click.Context, click.Parameter, object], int]:
    """Return the check of an option with a whole number from `least` on."""

    def checked(context: click.Context, option: click.Parameter, value: object) -> int:
        text = str(value).strip()
        is_number = re.fullmatch(r"[+-]?\d+", text) is not None
        if is_number and int(text) >= least:
            return int(text)
        wrong = f"is less than {least}" if is_number else "is not a number"
        raise UsageError(f"{_as_typed(option)}: {text!r} {wrong}", hint=f"see: {context.command_path} --help")

    return checked


def _as_typed(option: click.Parameter) -> str:
    typed = (word.partition("=")[0] for word in sys.argv)
    return next((name for name in typed if name in option.opts), option.opts[0])


def flag(*names: str, help: str) -> click.Option:
    """Return an option without a value."""
    return click.Option(names, is_flag=True, help=help)


def value(*names: str, metavar: str, help: str, **more: Any) -> click.Option:
    """Return an option with a value; None where it is not typed. An empty one is refused."""
    return click.Option(names, metavar=metavar, help=help, **{"callback": _not_empty, **more})


def _not_empty(context: click.Context, option: click.Parameter, value: object) -> object:
    if value == "":
        raise UsageError(f"{_as_typed(option)}: its value is empty", hint=f"see: {context.command_path} --help")
    return value


def number(*names: str, help: str, least: int, default: int) -> click.Option:
    """Return an option with a whole number."""
    return value(*names, metavar="N", help=help, default=str(default), callback=at_least(least))


def limit(what: str, then: str, default: float | None = None) -> click.Option:
    """Return the option `--timeout`: `what` it limits, and what holds `then`."""
    said = f"{what}, such as 90s, 5m or 2h; {then}."
    return value("--timeout", metavar="DURATION", help=said, type=seconds, default=default)


def offered(offer: Callable[[str], Offer]) -> dict[str, Any]:
    """Return what makes Tab offer something for an argument or an option."""
    return {"shell_complete": lambda ctx, param, typed: completion.items(offer(typed))}  # noqa: ARG005 - Click's


JSON = flag("--json", "as_json", help="Print JSON.")
YES = flag("--yes", "-y", help="Do not ask.")
_NAME: dict[str, Any] = {
    "metavar": "NAME",
    "help": "The agent: planning, or planning@site in another project.",
    **offered(completion.agents),
}
_NAMES: dict[str, Any] = {**_NAME, "help": "The agents: planning, or planning@site in another project.", "nargs": -1}
AGENT = Argument("name", **_NAME)
OPTIONAL_AGENT = Argument("name", required=False, **_NAME)
AGENTS = Argument("names", required=True, **_NAMES)
OPTIONAL_AGENTS = Argument("names", required=False, **_NAMES)


def task(offer: Callable[[str], Offer]) -> Argument:
    """Return the argument that names a task."""
    return Argument("task_id", metavar="TASK", help="The task's id.", **offered(offer))


def tasks(offer: Callable[[str], Offer]) -> Argument:
    """Return the argument that names tasks."""
    return Argument("task_ids", metavar="TASK", help="The tasks' ids.", nargs=-1, required=True, **offered(offer))


def as_value(value: object) -> str:
    """Return a value of a configuration file on one line, without what would move a terminal's cursor."""
    text = json.dumps(value, ensure_ascii=False) if value is not None else "-"
    return "".join(each if each.isprintable() else "�" for each in text)


def tell_unheeded(settings: Settings) -> None:
    """Say on stderr what of the project's file is ignored."""
    said = unheeded(settings.ignored)
    if said:
        sys.stderr.write(f"flowloom: {said}\n")
