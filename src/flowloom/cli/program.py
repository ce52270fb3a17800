"""The parser of the command line: what was typed becomes the call of one command's function.

Only the module of that command is loaded. Click parses and formats the help; it loads neither pydantic nor Rich
(docs/decisions/0010).
"""

from __future__ import annotations

import gc
import importlib
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowloom import crash
from flowloom.cli import COMMANDS, output
from flowloom.errors import FlowLoomError, UsageError
from flowloom.ports import births, procs
from flowloom.store import locks, state_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Function = TypeVar("Function", bound=Callable[..., int])

NAME = "flowloom"
# What other programs call what some commands do.
MEANT = {
    "replies": "flowloom tasks --unread",
    "unread": "flowloom tasks --unread",
    "list": "flowloom agents",
    "ls": "flowloom agents",
    "ps": "flowloom agents",
    "send": "flowloom ask",
    "kill": "flowloom stop",
    "open": "flowloom attach",
    "install": "flowloom setup",
    "uninstall": "flowloom setup --undo",
}
# The commands of the modules that are loaded.
_commands: dict[str, click.Command] = {}


def command(name: str, *params: click.Parameter) -> Callable[[Function], Function]:
    """Return a decorator that makes a function the command `name`; its docstring is the help.

    The function stays what it is. It is called with a value for every parameter and returns the exit code.
    """

    def made(function: Function) -> Function:
        _commands[name] = Command(name, callback=function, params=list(params), help=function.__doc__)
        return function

    return made


class Argument(click.Argument):
    """An argument with a line of help."""

    def __init__(self, name: str, *, metavar: str, help: str, **more: Any) -> None:
        super().__init__([name], metavar=metavar, **more)
        self.says = help


class Command(click.Command):
    """A command whose help names its arguments as they are typed, without Python's types."""

    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002 - one sentence is never cut
        """Return the first sentence of the help, for the list of commands and for completion."""
        return super().get_short_help_str(limit=1000)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the words behind the command in its usage line."""
        return ["[OPTIONS]", *(_typed(each, usage=True) for each in self.arguments(ctx))]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the arguments and the options."""
        rows = [(_typed(each), each.says) for each in self.arguments(ctx)]
        _write_rows(formatter, "Arguments", rows)
        _write_options(self, ctx, formatter)

    def arguments(self, ctx: click.Context) -> Iterator[Argument]:
        """Yield the arguments."""
        return (each for each in self.get_params(ctx) if isinstance(each, Argument))


def _write_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    listed = [each for each in command.get_params(ctx) if isinstance(each, click.Option)]
    rows = [(record[0], each.help or "") for each in listed if (record := each.get_help_record(ctx))]
    _write_rows(formatter, "Options", rows)


def _write_rows(formatter: click.HelpFormatter, title: str, rows: list[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)


def _typed(argument: Argument, *, usage: bool = False) -> str:
    name = f"{argument.metavar}{'...' if argument.nargs == -1 else ''}"
    return name if argument.required or not usage else f"[{name}]"


class Program(click.Group):
    """`flowloom`: the module of a command is loaded when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's signature
        """Return the names of the commands in the order in which a new user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Return a command; None for an unknown name."""
        if cmd_name in COMMANDS:
            importlib.import_module(f"flowloom.cli.{COMMANDS[cmd_name]}")
        return _commands.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that was typed and its words.

        Raises:
            UsageError: there is none of that name; with the nearest, or with ours for what other programs have.
        """
        word = args[0]
        if word in COMMANDS or word.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        if word in MEANT:
            raise UsageError(f"No such command {word!r}", hint=f"use: {MEANT[word]}")
        from difflib import get_close_matches  # noqa: PLC0415 - 2 ms that only a misspelling should pay

        near = get_close_matches(word, COMMANDS)
        meant = f". Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise UsageError(f"No such command {word!r}{meant}", hint=f"see: {NAME} --help")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, and the commands with a sentence each."""
        _write_options(self, ctx, formatter)
        commands = [(name, self.get_command(ctx, name)) for name in COMMANDS]
        rows = [(name, each.get_short_help_str()) for name, each in commands if each is not None]
        _write_rows(formatter, "Commands", rows)


def _begin() -> None:
    """Check what every command needs; print the help where no command was typed."""
    context = click.get_current_context()
    # Everything is loaded, and stays for as long as we run.
    gc.freeze()
    gc.enable()
    if context.invoked_subcommand is None:
        output.print_line(context.get_help())
    elif context.invoked_subcommand != "doctor":  # which says it in its own words
        state_folder.refuse_foreign()
        procs.ensure_files()


program = Program(
    name=NAME,
    help="A staff of long-lived Claude Code agents in tmux: start them, ask them, watch them.",
    epilog="To begin: flowloom setup. Then type '@planning …' in Claude Code and press Ctrl-G.",
    params=[click.Option(["--version"], is_flag=True, expose_value=False, help="Show the version.")],
    callback=_begin,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run(words: list[str]) -> int:
    """Run the command that was typed, tell on stderr what went wrong, and return the exit code."""
    with locks.LockWait(words=births.described, tell=_tell):
        try:
            return crash.reported(lambda: _run(words), "cli")
        except FlowLoomError as error:
            output.say(error)
            return error.exit_code


def _tell(words: str) -> None:
    """Say on stderr what a command waits for before it can do anything."""
    sys.stderr.write(output.theirs(f"flowloom: waiting: {words}\n"))
    sys.stderr.flush()


def _run(words: list[str]) -> int:
    try:
        with program.make_context(NAME, list(words)) as context:
            result = program.invoke(context)
    except click.exceptions.Exit as leaves:
        return leaves.exit_code
    except click.UsageError as error:
        asked = [word for word in words[:1] if word in COMMANDS]
        called = error.ctx.command_path if error.ctx else " ".join([NAME, *asked])
        raise UsageError(_said(error).removesuffix("."), hint=f"see: {called} --help") from error
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("\n")
        return 130
    return result if isinstance(result, int) else 0


def _said(error: click.UsageError) -> str:
    """Return what is wrong with the words that were typed, in the same words whatever Click's release."""
    if isinstance(error, click.NoSuchOption):
        near = f". Did you mean {' or '.join(error.possibilities)}?" if error.possibilities else ""
        return f"No such option: {error.option_name}{near}"
    return error.format_message()
