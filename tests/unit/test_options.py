"""What is typed behind a command and would not do what it says is refused, or does it."""

from __future__ import annotations

import json

import pytest

from flowloom.cli import program

SAID = {
    ("stop", "--all", "planning"): "name the agents to stop or use --all, not both",
    ("stop",): "name the agents to stop, or use --all",
    ("start", "planning", "--dir="): "--dir: its value is empty",
    ("start", "planning", "--provider", ""): "--provider: its value is empty",
}


@pytest.mark.parametrize("words", SAID)
def test_words_that_mean_nothing_are_refused_with_what_is_wrong(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr("sys.argv", ["flowloom", *words])
    assert program.run(list(words)) == 2
    assert SAID[words] in capfd.readouterr().err


def test_the_paths_of_the_configuration_are_printed_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    assert program.run(["config", "--json", "--path"]) == 0
    shown = json.loads(capfd.readouterr().out)
    assert [set(each) for each in shown["files"]] == [{"path", "exists"}] * 2
    assert set(shown) == {"version", "files"}
