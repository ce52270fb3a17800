"""A cloned repository runs nothing, says nothing to an agent and holds nothing up until its person trusts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.world import APART, EDITOR, World

from flowloom.ports import births

pytestmark = pytest.mark.faults

ASKS_FOR = """session = "x#(touch {touched})"
tmux_socket = "../pwned"
claude = "/bin/false"
[agents.planning]
role = "pwned"
prompt = "PWNED"
dir = ".."
args = ["-pwned"]
"""


def test_a_clone_takes_no_effect_before_the_person_agreed_and_its_programs_never(world: World, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    path = world.project / "flowloom.toml"
    path.write_text(ASKS_FOR.format(touched=touched))
    done = world.flowloom("ask", "planning", "hello")
    assert (done.returncode, done.stdout) == (0, b"echo heard: hello"), done
    assert b"flowloom trust" in done.stderr
    assert b"session" in done.stderr
    spec = json.loads((world.agent_dir() / "agent.json").read_text())
    assert [spec[key] for key in ("role", "prompt", "dir", "args")] == ["planning", "", str(world.project), []]
    assert world.tmux("list-sessions", "-F", "#{session_name}").split() == ["Claude"]

    prompt = world.prompt_file("@planning again\n")
    assert world.ctrl_g(prompt).returncode == 0
    assert "echo heard: again" in prompt.read_text()

    # An agent may not agree; a person may, and no more than a project's takes effect then.
    refused = world.flowloom("trust", "--yes", env={"FLOWLOOM_AGENT": "planning@site"})
    assert (refused.returncode, b"only a person" in refused.stderr) == (2, True)
    assert world.flowloom("trust", "--yes").returncode == 0
    assert world.flowloom("restart", "planning").returncode == 0
    spec = json.loads((world.agent_dir() / "agent.json").read_text())
    assert [spec[key] for key in ("role", "prompt", "dir", "args")] == ["pwned", "PWNED", str(world.project), []]
    assert world.tmux("list-sessions", "-F", "#{session_name}").split() == ["Claude"]
    assert not touched.exists()

    # A change asks again.
    path.write_text(path.read_text().replace("PWNED", "PWNED AGAIN"))
    done = world.flowloom("ask", "planning", "third")
    assert b"flowloom trust" in done.stderr
    assert json.loads((world.agent_dir() / "agent.json").read_text())["prompt"] == ""


@pytest.mark.parametrize("variable", ["FLOWLOOM_SESSION", "FLOWLOOM_TMUX_SOCKET"])
def test_a_name_that_tmux_would_take_apart_is_refused_whoever_gives_it(
    world: World, tmp_path: Path, variable: str
) -> None:
    touched = tmp_path / "touched"
    done = world.flowloom("ask", "planning", "hello", env={variable: f"x#(touch {touched})"})
    assert (done.returncode, variable.encode() in done.stderr) == (2, True)
    assert not touched.exists()


@pytest.mark.parametrize("target", ["/dev/stdin", "/dev/zero", "/proc/self/fd/0", "pipe"])
@pytest.mark.parametrize("name", ["flowloom.toml", "prompt", "order"])
def test_what_never_ends_is_refused_at_once(world: World, target: str, name: str) -> None:
    prompt = world.prompt_file("@planning hello\n")
    place = {
        "flowloom.toml": world.project / "flowloom.toml",
        "prompt": prompt,
        "order": prompt.with_name(f"{prompt.name}.delegate"),
    }[name]
    place.unlink(missing_ok=True)
    if target == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(target)
    silent, end = os.pipe()
    try:
        process = world.popen(str(EDITOR), str(prompt), stdin=silent)
        _, said = process.communicate(timeout=20)
    finally:
        os.close(silent)
        os.close(end)
    assert (process.returncode, str(place).encode() in said) == (2, True), said
    assert world.tasks() == []


def test_a_model_cannot_agree_for_the_person_by_unsetting_its_variables(world: World, tmp_path: Path) -> None:
    (world.project / "flowloom.toml").write_text('[agents.docs]\nprompt = "x"\n')
    world.start()
    record = world.agent_dir() / "status.json"
    program = tmp_path / "claude"
    program.symlink_to(sys.executable)
    runs = "import subprocess, sys; sys.stdin.readline(); sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    for words in (["trust", "--yes"], ["setup", "--yes"], ["setup", "--undo", "--yes"]):
        flowloom = [sys.executable, "-m", "flowloom", *words]
        below_claude = world.run(sys.executable, str(APART), str(program), "-c", runs, *flowloom, stdin=b"\n")
        # The program of an agent, whatever it is called.
        held = world.popen(sys.executable, "-c", runs, *flowloom, stdin=subprocess.PIPE)
        record.write_text(json.dumps(world.status() | {"process": births.noted(held.pid)}))
        _, of_agent = held.communicate(b"\n", timeout=30)
        for code, said, above in (
            (below_claude.returncode, below_claude.stderr, "this runs below Claude Code (process "),
            (held.returncode, of_agent, f"this runs below planning@site (process {held.pid})"),
        ):
            assert (code, b"only a person can" in said, above.encode() in said) == (2, True, True), (words, said)
    assert world.flowloom("setup", "--dry-run").returncode == 0
    assert world.flowloom("trust", "--yes").returncode == 0
