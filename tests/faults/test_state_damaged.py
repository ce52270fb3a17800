"""Files of ours that are empty, gone, a folder, a link, or somebody else's: FlowLoom goes on, or names the file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support import leftovers
from tests.support.another_user import NOBODY, TheirWorld, another_user
from tests.support.world import AGENT_EVENT, World

pytestmark = pytest.mark.faults


@pytest.fixture
def theirs() -> Iterator[TheirWorld]:
    with another_user() as world:
        yield world


# What becomes of a file; its content has been put aside at `kept`.


def empty(path: Path, kept: Path) -> None:
    path.write_bytes(b"")


def gone(path: Path, kept: Path) -> None:
    return


def a_folder(path: Path, kept: Path) -> None:
    path.mkdir()


def a_file(path: Path, kept: Path) -> None:
    path.write_bytes(b"x")


def a_dangling_link(path: Path, kept: Path) -> None:
    path.symlink_to("/nowhere/at/all")


def a_link_to_it(path: Path, kept: Path) -> None:
    path.symlink_to(kept)


def a_list(path: Path, kept: Path) -> None:
    path.write_text(json.dumps({**json.loads(kept.read_text()), "args": 3, "seq": "x"}))


def no_text(path: Path, kept: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


Damage = Callable[[Path, Path], None]
GOES_ON, NAMED, LOST_WINDOW = "goes on", "named", "lost window"

# A file below the agent's folder, what becomes of it, and what the next `ask` does.
AGENT_FILES: list[tuple[str, Damage, str]] = [
    ("status.json", empty, NAMED),
    ("status.json", a_folder, NAMED),
    ("status.json", a_list, NAMED),
    ("status.json", gone, LOST_WINDOW),
    ("status.json", a_dangling_link, LOST_WINDOW),
    ("status.json", a_link_to_it, GOES_ON),
    ("agent.json", empty, NAMED),
    ("agent.json", a_folder, NAMED),
    ("agent.json", a_list, NAMED),
    ("agent.json", no_text, NAMED),
    ("agent.json", gone, GOES_ON),
    ("agent.json", a_dangling_link, GOES_ON),
    ("agent.json", a_link_to_it, GOES_ON),
    ("environment.json", empty, NAMED),
    ("environment.json", gone, GOES_ON),
    ("settings.json", empty, GOES_ON),
    ("lock", gone, GOES_ON),
    ("lock", a_folder, NAMED),
    ("lock", a_link_to_it, NAMED),
    ("lock", a_dangling_link, NAMED),
    ("line.lock", a_folder, NAMED),
    ("line", gone, GOES_ON),
    ("line", a_file, NAMED),
    ("line", a_dangling_link, NAMED),
    ("wake", gone, GOES_ON),
    ("wake", a_file, GOES_ON),
    ("wake", a_dangling_link, GOES_ON),
    ("drafts", a_file, GOES_ON),
    ("spool", a_file, GOES_ON),
    ("events.jsonl", a_folder, GOES_ON),
    ("events.jsonl", no_text, GOES_ON),
    ("../project.json", empty, NAMED),
    ("../../../tasks", a_file, NAMED),
]


def names(cases: list[tuple[str, Damage, str]]) -> list[str]:
    return [f"{name} {damage.__name__}" for name, damage, _ in cases]


def put_aside(path: Path) -> Path:
    """Move a file or folder away and return where it is now."""
    kept = path.with_name(f"kept-{path.name}")
    if path.exists():
        path.rename(kept)
    return kept


def put_back(path: Path, kept: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    if kept.exists():
        kept.rename(path)


def no_bug(world: World) -> None:
    assert not list(world.state.glob("log/bug-*")), next(world.state.glob("log/bug-*")).read_text()


@pytest.mark.parametrize(("name", "damage", "then"), AGENT_FILES, ids=names(AGENT_FILES))
def test_an_agents_file_that_is_damaged_is_named_or_does_no_harm(
    world: World, name: str, damage: Damage, then: str
) -> None:
    world.start()
    world.ask("planning", "one")
    path = world.agent_dir() / name
    path = path.parent.resolve() / path.name
    kept = put_aside(path)
    damage(path, kept)
    draft = world.prompt_file("@planning two\n")
    if then == GOES_ON:
        assert world.ask("planning", "two").startswith("echo heard: two")
        assert world.ctrl_g(world.prompt_file("@planning three\n")).returncode == 0
    else:
        for done in (world.flowloom("ask", "planning", "two"), world.ctrl_g(draft)):
            assert (done.returncode, done.stdout) == (1, b""), done
            said = done.stderr.decode()
            assert (str(path) if then == NAMED else "kill-pane") in said
            assert len(said.splitlines()) <= 4
            assert "Traceback" not in said
        assert draft.read_text() == "@planning two\n"
    no_bug(world)
    if name != "../../../tasks":
        assert world.flowloom("agents").returncode == 0 or then == NAMED
        assert world.flowloom("tasks").returncode == 0
    if then == GOES_ON:
        return
    put_back(path, kept)
    assert world.ask("planning", "four").startswith("echo heard: four")
    leftovers.check(world)


TASK_FILES: list[tuple[str, Damage, str]] = [
    (".done", empty, NAMED),
    (".done", no_text, NAMED),
    (".done", a_folder, NAMED),
    (".done", gone, NAMED),
    (".done", a_dangling_link, NAMED),
    (".done", a_link_to_it, GOES_ON),
    ("reply.md", gone, NAMED),
    ("reply.md", a_folder, NAMED),
    ("reply.md", a_link_to_it, GOES_ON),
    ("prompt.md", gone, GOES_ON),
    ("prompt.md", a_folder, NAMED),
    ("task.json", a_folder, NAMED),
    ("task.json", no_text, NAMED),
    ("task.json", a_link_to_it, GOES_ON),
]


@pytest.mark.parametrize(("name", "damage", "then"), TASK_FILES, ids=names(TASK_FILES))
def test_a_tasks_file_that_is_damaged_is_named_and_costs_nothing_else(
    world: World, name: str, damage: Damage, then: str
) -> None:
    world.start()
    world.ask("planning", "one")
    task_id = world.task()["task_id"]
    path = world.state / "tasks" / task_id / name
    kept = put_aside(path)
    damage(path, kept)
    if name != "prompt.md":
        for words in (["reply", task_id], ["wait", task_id]):
            done = world.flowloom(*words)
            assert (done.returncode, done.stdout) == ((0, b"echo heard: one") if then == GOES_ON else (1, b"")), done
            assert then == GOES_ON or str(path) in done.stderr.decode()
            assert "Traceback" not in done.stderr.decode()
    assert world.ask("planning", "two").startswith("echo heard: two")
    listed = world.flowloom("tasks")
    assert (listed.returncode, "Traceback" in listed.stderr.decode()) == (0, False), listed
    no_bug(world)
    put_back(path, kept)
    assert world.flowloom("reply", task_id).stdout == b"echo heard: one"


def test_a_marker_that_is_no_text_does_not_stop_a_reply_that_is_renewed(world: World) -> None:
    world.start()
    world.ask("planning", "one")
    folder = world.state / "tasks" / world.task()["task_id"]
    (folder / ".done").write_bytes(b"\xff\xfe")
    turn = world.status()["last_turn"]
    payload = {"hook_event_name": "Stop", "session_id": world.status()["session_id"], "prompt_id": turn["prompt_id"]}
    raw = json.dumps({**payload, "last_assistant_message": "better"}).encode()
    world.run("/bin/sh", str(AGENT_EVENT), "echo", stdin=raw, env={"FLOWLOOM_AGENT_DIR": str(world.agent_dir())})
    assert world.flowloom("reply", folder.name).stdout == b"better"


@pytest.mark.parametrize("damage", [gone, empty, a_file])
def test_a_prompt_that_is_gone_before_its_turn_comes_is_not_sent(world: World, damage: Damage) -> None:
    world.start()
    go = world.folder / "go"
    first = world.begin("ask", "planning", f"first\necho:hold {go}")
    world.until_step("accepted")
    second = world.flowloom("ask", "planning", "remember the word heron", "--no-wait").stdout.decode().strip()
    path = world.state / "tasks" / second / "prompt.md"
    kept = put_aside(path)
    damage(path, kept)
    go.touch()
    assert first.communicate(timeout=30)[0] == b"echo heard: first"
    done = world.flowloom("wait", second)
    assert (done.returncode, done.stdout) == (1, b"")
    assert f"{path} is gone or was changed; nothing was sent" in done.stderr.decode()
    assert world.ask("planning", "third").startswith("echo heard: third")
    leftovers.check(world)


def test_a_state_folder_that_is_a_link_works(world: World) -> None:
    real = world.folder / "elsewhere"
    real.mkdir()
    world.state.symlink_to(real)
    assert world.ask("planning", "one") == "echo heard: one"
    assert (world.state.is_symlink(), real.stat().st_mode & 0o777) == (True, 0o700)


def test_strange_names_in_the_line_have_no_rank(world: World) -> None:
    world.start()
    world.ask("planning", "one")
    for name in (".nfs0001", "x.swp", "0000000001", "nonsense"):
        (world.agent_dir() / "line" / name).touch()
    assert world.ask("planning", "two").startswith("echo heard: two")


# The prompt file.


def test_a_prompt_file_that_is_a_link_stays_one_and_its_target_gets_the_reply(world: World) -> None:
    world.start()
    target = world.folder / "draft"
    target.write_text("@planning one\n")
    path = world.prompt_file("x")
    path.unlink()
    path.symlink_to(target)
    assert world.ctrl_g(path).returncode == 0
    assert path.is_symlink()
    assert target.read_text().endswith("\n\necho heard: one")


@pytest.mark.parametrize("damage", [gone, a_folder, a_dangling_link])
def test_a_prompt_file_that_is_none_is_exit_2(world: World, damage: Damage) -> None:
    path = world.prompt_file("x")
    path.unlink()
    damage(path, path)
    done = world.ctrl_g(path)
    assert (done.returncode, str(path) in done.stderr.decode()) == (2, True), done
    no_bug(world)


def test_a_prompt_file_of_another_user_is_refused_and_its_folder_keeps_the_reply(theirs: TheirWorld) -> None:
    theirs.start()
    path = theirs.prompt_file("@planning one\n")
    os.chown(path, 0, 0)
    path.chmod(0o600)
    done = theirs.ctrl_g(path)
    assert (done.returncode, f"{path} cannot be read" in done.stderr.decode()) == (2, True), done
    path.chmod(0o644)
    os.chown(path.parent, 0, 0)
    done = theirs.ctrl_g(path)
    assert (done.returncode, path.read_text()) == (1, "@planning one\n"), done
    assert f"{path} cannot be written" in done.stderr.decode()
    assert "flowloom tasks --unread" in done.stderr.decode()
    assert theirs.flowloom("reply", theirs.task()["task_id"]).stdout == b"echo heard: one"


# What root has taken: somebody called FlowLoom with sudo once.
TAKEN = {
    "status.json": NAMED,
    "agent.json": NAMED,
    "environment.json": NAMED,
    "lock": NAMED,
    "line.lock": NAMED,
    "line": NAMED,
    "wake": GOES_ON,
    "drafts": GOES_ON,
    "events.jsonl": GOES_ON,
    "../project.json": NAMED,
    "../../../tasks": NAMED,
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_file_that_belongs_to_root_is_named_or_does_no_harm(theirs: TheirWorld, name: str) -> None:
    theirs.start()
    theirs.ask("planning", "one")
    path = (theirs.agent_dir() / name).resolve()
    path.touch()
    mode = path.stat().st_mode
    os.chown(path, 0, 0)
    path.chmod(0o700 if path.is_dir() else 0o600)
    if TAKEN[name] == GOES_ON:
        assert theirs.ask("planning", "two").startswith("echo heard: two")
        return
    draft = theirs.prompt_file("@planning two\n")
    for done in (theirs.flowloom("ask", "planning", "two"), theirs.ctrl_g(draft)):
        assert (done.returncode, done.stdout) == (1, b""), done
        said = done.stderr.decode()
        assert str(path) in said
        assert "own" in said
        assert "Traceback" not in said
    assert draft.read_text() == "@planning two\n"
    no_bug(theirs)
    os.chown(path, NOBODY, NOBODY)
    path.chmod(mode & 0o777)
    assert theirs.ask("planning", "three").startswith("echo heard: three")
