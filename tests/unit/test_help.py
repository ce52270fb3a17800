"""The help of the command line: what is typed, in whole sentences."""

from __future__ import annotations

import re

import click
import pytest

from flowloom.cli import COMMANDS
from flowloom.cli.program import NAME, program


def help_of(word: str) -> str:
    """Return the help of a command, or of the program, at 80 columns."""
    context = program.make_context(NAME, [], resilient_parsing=True, terminal_width=80)
    if not word:
        return program.get_help(context)
    command = program.get_command(context, word)
    assert isinstance(command, click.Command)
    return command.get_help(command.make_context(word, [], parent=context, resilient_parsing=True, terminal_width=80))


@pytest.mark.parametrize("word", COMMANDS)
def test_no_type_of_python_stands_in_the_help(word: str) -> None:
    said = help_of(word)
    assert re.findall(r"<\w+|\{|x>=|\d\.0|\[required\]", said) == [], said


def test_the_list_of_commands_has_a_whole_sentence_for_each() -> None:
    said = help_of("")
    listed = re.findall(r"^  (\w+) +[A-Z].*[^.]\.$", said.partition("Commands:")[2], re.MULTILINE)
    assert (listed, "completion" in said) == (list(COMMANDS), False), said
