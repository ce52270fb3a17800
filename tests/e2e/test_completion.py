"""The Tab key, in each shell for real: agents, roles, tasks with the beginning of their prompts, providers."""

from __future__ import annotations

import os
import shutil
import sys
from itertools import takewhile
from pathlib import Path

import pytest
from tests.support.seat import Seat
from tests.support.world import World

from flowloom.cli import completion

pytestmark = [pytest.mark.tmux, pytest.mark.echo]

BIN = Path(sys.executable).parent
RC = {
    "bash": "PS1='go> '; . {home}/.local/share/bash-completion/completions/flowloom",
    # As `setup` says to do it.
    "zsh": "PS1='go> '; autoload -Uz compinit; compinit -u -d {home}/.zcompdump; unsetopt beep\n"
    'eval "$(_FLOWLOOM_COMPLETE=source_zsh flowloom)"',
    "fish": "function fish_prompt; echo 'go> '; end; set -g fish_greeting; set -g fish_autosuggestion_enabled 0",
}
COMMANDS = {
    "bash": ["bash", "--noprofile", "--rcfile", "{rc}", "-i"],
    "zsh": ["zsh", "-d", "-i"],
    "fish": ["fish", "-i"],
}


def shell(world: World, name: str) -> Seat:
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name}")
    path = f"{BIN}:{os.environ['PATH']}"
    world.flowloom("setup", "--yes", env={"PATH": path})
    rc = world.home / (".zshrc" if name == "zsh" else "rc")
    if name == "fish":
        rc = world.home / ".config" / "fish" / "config.fish"
        rc.parent.mkdir(parents=True, exist_ok=True)
    rc.write_text(RC[name].format(home=world.home) + "\n")
    # The server's own PATH would win over the session's.
    words = ["env", f"PATH={path}", *(word.format(rc=rc) for word in COMMANDS[name])]
    seat = Seat(world, *words, columns=120, ZDOTDIR=str(world.home), SHELL=str(shutil.which(name)))
    seat.shows("go>")
    return seat


def tab(seat: Seat, typed: str, words: str, *, presses: int = 1) -> str:
    """Type the beginning of a command, press Tab, and wait for words; bash lists several words at the second one."""
    seat.press("C-u")
    seat.type(typed)
    seat.shows(typed.rstrip())
    seat.press(*["Tab"] * presses)
    return seat.shows(words)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_names_and_tasks_are_offered(world: World, name: str) -> None:
    world.ask("planning", "echo: say hello")
    world.flowloom("ask", "coding", 'look at the $(touch pwned) `touch pwned` \\" page\necho: say fine', "--no-wait")
    world.until_step("done")
    world.flowloom("ask", "coding", "write the tests\necho: say fine", "--no-wait")
    world.until_step("done")
    seat = shell(world, name)
    tab(seat, "flowloom attach plan", "attach planning")
    tab(seat, "flowloom ask rev", "ask review")
    tab(seat, "flowloom ask @cod", "ask @coding")
    tab(seat, "flowloom start docs --provider ec", "--provider echo")
    unread = [str(task["task_id"]) for task in world.tasks()[1:]]
    # Ids are random. What two of them share is typed: at the first Tab, bash and zsh would insert it, and list nothing.
    shared = "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(*unread, strict=False)))
    shown = tab(seat, f"flowloom reply {shared}", "write the tests", presses=2 if name == "bash" else 1)
    assert "look at the" in shown
    assert world.tasks()[0]["task_id"] not in shown, "only unread replies where there are any"
    tab(seat, f"flowloom show {world.tasks()[0]['task_id'][:3]}", f"show {world.tasks()[0]['task_id']}")
    assert not (world.project / "pwned").exists()


def test_in_bash_the_project_of_another_agent_is_completed_behind_its_at_sign(world: World) -> None:
    other = world.folder / "shop"
    other.mkdir()
    world.flowloom("start", "coding", cwd=other)
    seat = shell(world, "bash")
    tab(seat, "flowloom attach coding@s", "attach coding@shop")


@pytest.mark.parametrize(
    "text", ["`x`", "$(x)", 'a\\" =(touch x)', "'; x; '", "<(x)", "[red]", "a:b", "\x1b[2J\n\ud800", "*", "~"]
)
def test_no_description_means_anything_to_a_shell(text: str) -> None:
    assert not set(completion._harmless(text)) & set("`$\\\"'();<>[]:*~\x1b\n&|")
