"""The prompt file changes while somebody waits, the working directory goes, an agent is called as one of our files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.support.world import EDITOR, World

from flowloom.store import layout, projects

pytestmark = pytest.mark.faults


def waiting(world: World, prompt: Path) -> subprocess.Popen[bytes]:
    """Begin a Ctrl-G that waits for its agent, which continues when `go` exists."""
    process = world.popen(str(EDITOR), str(prompt))
    world.until_step("accepted")
    return process


@pytest.mark.parametrize("theirs", ["their text", None])
def test_a_prompt_file_that_changed_while_waiting_loses_nothing(world: World, theirs: str | None) -> None:
    go = world.folder / "go"
    prompt = world.prompt_file(f"@planning [[hold {go}]] hello\n")
    process = waiting(world, prompt)
    if theirs is None:
        prompt.unlink()
    else:
        prompt.write_text(theirs)
    go.touch()
    _, said = process.communicate(timeout=30)
    task = world.task()
    assert (process.returncode, prompt.read_text() if prompt.exists() else None) == (1, theirs), said
    assert (task["status"], task["read"]) == ("done", None)
    assert f"flowloom wait {task['task_id']}".encode() in said
    kept = world.state / "tasks" / task["task_id"] / "changed-prompt.md"
    if theirs is not None:
        assert (kept.read_text(), str(kept).encode() in said) == (theirs, True)
    unread = world.flowloom("tasks", "--unread").stdout.decode()
    assert task["task_id"] in unread
    assert world.flowloom("reply", task["task_id"]).stdout.startswith(b"echo heard")


COMMANDS = ["ask planning hello", "agents", "doctor", "config", "start planning", "trust", "tasks"]


@pytest.mark.parametrize("words", [*COMMANDS, "ctrl-g"])
def test_a_working_directory_that_was_removed_is_said(world: World, words: str) -> None:
    gone = world.folder / "tree"
    gone.mkdir()
    prompt = world.prompt_file("@planning hello\n")
    command = [str(EDITOR), str(prompt)] if words == "ctrl-g" else [sys.executable, "-m", "flowloom", *words.split()]
    held = world.popen("sh", "-c", 'read go; exec "$@"', "sh", *command, cwd=gone, stdin=subprocess.PIPE)
    shutil.rmtree(gone)
    out, said = held.communicate(b"go\n", timeout=30)
    if words in ("agents", "tasks"):
        assert held.returncode == 0, said  # they are about every project
    else:
        assert (held.returncode, b"working directory no longer exists" in said) == (2, True), (out, said)
        assert b"start Claude Code again" in said
    assert (prompt.read_text(), world.tasks()) == ("@planning hello\n", [])


def test_an_agent_can_be_called_as_a_file_of_ours(world: World) -> None:
    world.ask("planning", "hello")
    slug = world.agent_dir().parent
    # As it was until 0.1.
    (slug / "last").write_text("planning")
    path = world.prompt_file("@planning hello\n")
    assert world.ctrl_g(path).returncode == 0
    world.start("last")
    assert world.ask("last", "hello") == "echo heard: hello"
    path = world.prompt_file("@last hello\n")
    assert world.ctrl_g(path).returncode == 0
    assert Path(layout.last_asked("site")).read_text() == "last"
    assert {entry.name for entry in slug.iterdir()} == {".last", "last", "planning", "project.json"}


def test_a_role_with_a_number_is_known_to_ctrl_g(world: World) -> None:
    path = world.prompt_file("@planning2 hello\n")
    assert world.ctrl_g(path).returncode == 0
    assert path.read_text().startswith("Reply from planning2")
    path = world.prompt_file("@readme2 hello\n")
    assert (world.ctrl_g(path).returncode, path.read_text()) == (1, "@readme2 hello\n")


def test_a_renamed_project_keeps_its_agents_and_says_how_to_go_on(world: World) -> None:
    world.start("planning")
    world.ask("review", "before")
    world.flowloom("stop", "review")
    pid, new = world.status()["pid"], world.folder / "site-new"
    world.project.rename(new)
    world.project = new
    move = f"flowloom start planning@site --dir {new}"
    # The agent that runs there keeps working.
    assert world.ask("planning@site", "hello") == "echo heard: hello"
    listed = world.flowloom("agents").stdout.decode()
    assert "the folder of planning@site no longer exists" in listed, listed
    assert f"flowloom stop planning@site; {move}" in " ".join(listed.split()), listed
    doctor = world.flowloom("doctor").stdout.decode()
    assert "the folder of planning@site no longer exists" in " ".join(doctor.split())
    # A restart ends nothing that could not be started again.
    for words in (["restart", "planning@site"], ["start", "review@site"], ["ask", "review@site", "x"]):
        done = world.flowloom(*words)
        assert (done.returncode, b"no longer exists: " in done.stderr) == (2, True), (words, done.stderr)
        assert b"move it back, or give the agent another one: " in done.stderr
    assert world.status()["pid"] == pid
    done = world.flowloom("start", "planning@site", "--dir", str(new))
    assert (done.returncode, b"flowloom stop planning@site" in done.stderr) == (2, True), done.stderr
    assert projects.root_of("site") != str(new)
    # In its new place the project keeps its name and its agents.
    world.flowloom("stop", "planning@site")
    done = world.flowloom("start", "planning@site", "--dir", ".")
    assert (done.returncode, f"site is in {new} from now on".encode() in done.stderr) == (0, True), done.stderr
    for name in ("planning", "review"):
        assert "I have been told 2 things" in world.ask(name, "again")
        where = psutil.Process(world.status(name)["pid"]).cwd()
        assert (world.status(name)["conversation"], where) == (True, str(new))
    assert {path.name for path in world.agent_dir().parent.parent.iterdir()} == {"site"}


def test_an_agent_is_not_started_elsewhere_where_its_folder_was_removed(world: World) -> None:
    work = world.folder / "work"
    work.mkdir()
    world.start("planning", "--dir", str(work))
    world.flowloom("ask", "planning", f"first\necho: hold {world.folder / 'never'}", "--no-wait")
    world.until_step("accepted")
    world.flowloom("ask", "planning", "second", "--no-wait")
    shutil.rmtree(work)
    psutil.Process(world.status()["pid"]).kill()
    world.until_step("failed", 1)
    gone = f"the folder of planning@site no longer exists: {work}"
    assert world.task(1)["error"].startswith(gone), world.task(1)["error"]
    assert gone in " ".join(world.flowloom("agents").stdout.decode().split()).replace("✗ ", "")
