"""The help of the command line: what is typed, in whole sentences."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer.main

from flowloom.cli import COMMANDS, app, load


def help_of(word: str) -> str:
    """Return the help of a command, or of the program, at 80 columns."""
    load("")
    group: Any = typer.main.get_command(app)
    context = group.make_context("flowloom", [], resilient_parsing=True, terminal_width=80)
    if not word:
        return str(group.get_help(context))
    command = group.get_command(context, word)
    inner = command.make_context(word, [], parent=context, resilient_parsing=True, terminal_width=80)
    return str(command.get_help(inner))


@pytest.mark.parametrize("word", COMMANDS)
def test_no_type_of_python_stands_in_the_help(word: str) -> None:
    said = help_of(word)
    assert re.findall(r"<\w+|\{|x>=|\d\.0|\[required\]", said) == [], said


def test_the_list_of_commands_has_a_whole_sentence_for_each() -> None:
    said = help_of("")
    listed = re.findall(r"^  (\w+) +[A-Z].*[^.]\.$", said.partition("Commands:")[2], re.MULTILINE)
    assert (listed, "completion" in said) == (list(COMMANDS), False), said
