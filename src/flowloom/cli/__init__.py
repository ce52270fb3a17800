"""The command line."""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from flowloom import __version__, crash
from flowloom.cli import output
from flowloom.errors import FlowLoomError, OutputFailed, UsageError
from flowloom.ports import procs
from flowloom.store import layout

Function = TypeVar("Function", bound=Callable[..., Any])

# The module that holds each command, as they are met: set up, hand out work, look at agents, look after the house.
COMMANDS = {
    "setup": "setup",
    "doctor": "doctor",
    "ask": "tasks",
    "wait": "tasks",
    "reply": "tasks",
    "tasks": "task_list",
    "show": "show",
    "cancel": "tasks",
    "status": "status",
    "start": "agents",
    "agents": "agents",
    "attach": "agents",
    "logs": "logs",
    "restart": "restart",
    "stop": "agents",
    "config": "config",
    "trust": "trust",
    "clean": "clean",
}

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


class Command(TyperCommand):
    """A command whose help names its arguments as they are typed, without Python's types."""

    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002 - one sentence is never cut
        """Return the first sentence of the help, for the list of commands and for completion."""
        return super().get_short_help_str(limit=1000)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words behind the command in its usage line."""
        return ["[OPTIONS]", *(_typed(each, usage=True) for each in _arguments(self, ctx))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options."""
        arguments = [(_typed(each), each.help or "") for each in _arguments(self, ctx)]
        listed: list[Any] = [each for each in self.get_params(ctx) if each.param_type_name == "option"]
        options = [(record[0], each.help or "") for each in listed if (record := each.get_help_record(ctx))]
        for title, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _arguments(command: TyperCommand, ctx: Any) -> list[Any]:
    return [each for each in command.get_params(ctx) if each.param_type_name == "argument"]


def _typed(argument: Any, *, usage: bool = False) -> str:
    name = f"{argument.metavar}{'...' if argument.nargs == -1 else ''}"
    return name if argument.required or not usage else f"[{name}]"


class App(typer.Typer):
    """Typer with our own class of commands."""

    def command(self, name: str | None = None, **more: Any) -> Callable[[Function], Function]:
        """Return a decorator that makes a command of a function."""
        return super().command(name, cls=Command, **more)


class Ordered(TyperGroup):
    """The commands in the order in which a new user meets them."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options; Typer's own for completion, which `setup` installs, stay out of the help."""
        found: list[Any] = super().get_params(ctx)
        for each in found:
            each.hidden = each.hidden or each.name in ("install_completion", "show_completion")
        return found

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands."""
        return sorted(super().list_commands(ctx), key=list(COMMANDS).index)


app = App(
    name="flowloom",
    cls=Ordered,
    help="A staff of long-lived Claude Code agents in tmux: start them, ask them, watch them.",
    invoke_without_command=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="To begin: flowloom setup. Then type '@planning …' in Claude Code and press Ctrl-G.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"flowloom {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback has read it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Start long-lived Claude Code agents in tmux, ask them, watch them."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit
    if context.invoked_subcommand != "doctor":  # which says it in its own words
        layout.refuse_foreign()
        procs.ensure_files()


def main() -> NoReturn:
    """Run the command line and exit with its outcome."""
    _open_streams()
    output.guard()
    if os.environ.get("_FLOWLOOM_COMPLETE") == "source_zsh":
        from flowloom.cli import completion  # noqa: PLC0415 - for this shell only

        sys.stdout.write(completion.ZSH)
        _leave(0)
    sys.argv[1:] = _plain(sys.argv[1:])
    load(sys.argv[1] if sys.argv[1:] else "")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # As Ctrl-C: a command that waits leaves its task to a waiter. Under nohup a hang-up stays ignored.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        code = crash.reported(_run, "cli")
    except FlowLoomError as error:
        say(error)
        code = error.exit_code
    _leave(code)


def _open_streams() -> None:
    """Put nothing in the place of what the caller has closed, as `>&-` does; the next file would take its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            stream = open(number, "w" if number else "r", encoding="utf-8")  # noqa: SIM115 - for as long as we run
            setattr(sys, name, stream)


def _leave(code: int) -> NoReturn:
    """Exit without the interpreter's tidying up of all that Typer loads, 35 ms of every command."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OutputFailed as error:
            # Said already where the command itself met it.
            if code == 0:
                say(error)
            code = code or error.exit_code
    os._exit(code)


def load(word: str) -> None:
    """Import the module of the command that was typed; all of them where the word is none.

    Typer builds every command that it knows, and with each a validator an option: 100 ms for all.
    """
    if "_FLOWLOOM_COMPLETE" in os.environ:
        typed = os.environ.get("_TYPER_COMPLETE_ARGS", "").split(" ")
        word = typed[1] if len(typed) > 2 else ""
    for module in [COMMANDS[word]] if word in COMMANDS else dict.fromkeys(COMMANDS.values()):
        importlib.import_module(f"flowloom.cli.{module}")


def _plain(words: list[str]) -> list[str]:
    """Return the words with `help` and `version`, as other programs have them, in the form of options."""
    if words[:1] == ["help"]:
        return [*words[1:], "--help"]
    return ["--version"] if words == ["version"] else words


def _said(error: TyperException) -> str:
    """Return what is wrong with the words that were typed; a number that is none is named."""
    said = error.format_message()
    found = re.match(r"Invalid value for '(.+?)': Input should be (?:a valid|(greater) than or equal to (\d+))", said)
    if found is None:
        return said
    wrong = f"is less than {found[3]}" if found[2] else "is not a number"
    names = [name.strip(" '") for name in found[1].split("/")]
    for word, after in zip(sys.argv, [*sys.argv[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name in names:
            return f"{word if not equals else name}: {value if equals else after!r} {wrong}"
    return f"{names[0]}: the value {wrong}"


def _run() -> int:
    try:
        result = app(standalone_mode=False)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "flowloom"
        said = _said(error)
        meant = MEANT.get(said.split("'")[1]) if said.startswith("No such command '") else ""
        if meant:
            said = said.partition(" Did you mean")[0]
        raise UsageError(said.removesuffix("."), hint=f"use: {meant}" if meant else f"see: {command} --help") from error
    except (typer.Abort, KeyboardInterrupt):
        return 130
    return result if isinstance(result, int) else 0


def say(error: FlowLoomError) -> None:
    """Tell an error and what to do next, on stderr."""
    sys.stderr.write(output.theirs(f"flowloom: {error}\n"))
    if error.hint:
        sys.stderr.write(output.theirs(f"  {error.hint}\n"))
