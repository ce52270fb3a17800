"""The disk is full, or read-only: it is said, nothing is sent twice, and with room again all goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import leftovers
from tests.support.desk import Desk, half
from tests.support.messages_api import MessagesApi
from tests.support.world import World

pytestmark = pytest.mark.faults

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Disk:
    """A small file system of its own in memory, which can be filled to the last page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.filler = folder / "filler"

    def fill(self, *, but_pages: int = 0) -> None:
        """Leave so many pages; every file takes one at least."""
        descriptor = os.open(self.filler, os.O_WRONLY | os.O_CREAT)
        free = os.statvfs(self.folder).f_bavail - but_pages
        os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, max(1, free) * PAGE_BYTES)
        os.close(descriptor)

    def empty(self) -> None:
        self.filler.unlink(missing_ok=True)

    def remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield Disk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=False)


def on(disk: Disk, world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Put a world's state on a disk; what the echo agent keeps for itself lies elsewhere, as Claude Code's does."""
    world.state = disk.folder / "state"
    world.environment["FLOWLOOM_HOME"] = str(world.state)
    monkeypatch.setenv("FLOWLOOM_HOME", str(world.state))
    world.agent_dir().mkdir(parents=True)
    for name in ("memory", "sessions"):
        elsewhere = world.folder / name
        elsewhere.mkdir()
        (world.agent_dir() / name).symlink_to(elsewhere)
    return world


def told(world: World, words: str) -> int:
    """Return how often the agent was told something."""
    return sum(path.read_text().count(words) for path in world.folder.glob("memory/*.json"))


@pytest.mark.parametrize("pages", range(13))
def test_wherever_the_disk_gets_full_it_is_said_and_nothing_is_sent_twice(
    world: World, disk: Disk, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    on(disk, world, monkeypatch)
    world.start()
    world.ask("planning", "one")
    draft = "@planning remember the word heron\n"
    path = world.prompt_file(draft)
    disk.fill(but_pages=pages)
    world.user_config("timeout_s = 8\n")
    done = world.ctrl_g(path)
    said = done.stderr.decode()
    # Law 8: replied, or untouched and not 0.
    if done.returncode == 0:
        assert "echo heard: remember the word heron" in path.read_text()
    else:
        assert (path.read_text(), done.returncode in (1, 124)) == (draft, True), done
        assert "no room is left on the disk" in said or "no reply" in said or done.returncode == 1, said
    assert "Traceback" not in said
    assert "bug" not in said
    assert "hook" not in world.screen().lower()
    disk.empty()
    open_tasks = [task["task_id"] for task in world.tasks() if task["status"] not in ("done", "failed", "interrupted")]
    for task_id in open_tasks:
        assert world.flowloom("wait", task_id).returncode in (0, 1), world.describe()
    assert world.ask("planning", "still there?").startswith("echo heard: still there?")
    assert told(world, "heron") <= 1
    assert not list(world.state.glob("log/bug-*"))
    leftovers.check(world)


def test_without_any_room_the_error_names_the_disk_and_no_task_is_left(
    world: World, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(disk, world, monkeypatch)
    world.start()
    disk.fill()
    for _ in range(2):
        done = world.flowloom("ask", "planning", "hello")
        assert (done.returncode, done.stdout) == (1, b""), done
        assert f"no room is left on the disk: {world.state}" in done.stderr.decode()
        assert "make room: df -h" in done.stderr.decode()
    assert list((world.state / "tasks").glob("*")) == []
    assert world.flowloom("agents").returncode == 0
    assert world.flowloom("doctor").returncode == 1
    disk.empty()
    assert world.ask("planning", "hello") == "echo heard: hello"
    leftovers.check(world)


def test_an_agent_is_not_started_on_a_full_disk_and_no_window_is_left(
    world: World, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(disk, world, monkeypatch)
    for pages in range(9):
        disk.fill(but_pages=pages)
        done = world.flowloom("start", "planning", "--timeout", "8")
        assert done.returncode == 0 or b"no room is left" in done.stderr or done.returncode == 124, (pages, done)
        disk.empty()
        world.start()
        alive = world.tmux("list-panes", "-a", "-F", "#{pane_dead}").split()
        assert alive.count("0") == 1, (pages, alive)
        assert world.flowloom("stop", "planning").returncode == 0


def test_a_prompt_file_on_a_full_disk_is_untouched_and_the_reply_is_kept(world: World, disk: Disk) -> None:
    world.start()
    draft = "@planning hello\n"
    for name in ("claude-prompt-1.md", "link"):
        path = disk.folder / name
        path.write_text(draft)
        prompt = path
        if name == "link":
            prompt = world.folder / "claude-prompt-2.md"
            prompt.symlink_to(path)
        disk.fill()
        done = world.ctrl_g(prompt)
        assert (done.returncode, path.read_text()) == (1, draft), done
        assert f"the prompt file {prompt} cannot be written: No space left on device" in done.stderr.decode()
        assert "flowloom tasks --unread" in done.stderr.decode()
        assert not list(disk.folder.glob("*.tmp"))
        disk.empty()
        assert world.flowloom("reply", world.task()["task_id"]).stdout.startswith(b"echo heard: hello")


def test_a_left_task_waits_for_room_by_itself(world: World, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    on(disk, world, monkeypatch)
    world.start()
    go = world.folder / "go"
    first = world.begin("ask", "planning", f"first\necho:hold {go}")
    world.until_step("accepted")
    second = world.flowloom("ask", "planning", "remember the word heron", "--no-wait").stdout.decode().strip()
    disk.fill()
    go.touch()
    # The Stop cannot be written down, so the one that waits sees an agent that is idle, and no reply.
    code = first.wait(timeout=30)
    assert code in (0, 1), first.communicate()
    disk.empty()
    done = world.flowloom("wait", second)
    assert (done.returncode, told(world, "heron")) == (0, 1), (done, world.describe())
    leftovers.check(world)


def test_a_read_only_disk_is_read_and_refused_for_everything_else(
    world: World, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(disk, world, monkeypatch)
    world.ask("planning", "one")
    task_id = world.task()["task_id"]
    draft = world.prompt_file("@planning two\n")
    disk.remount("ro")
    try:
        for words in (
            ["agents"],
            ["tasks"],
            ["show", task_id],
            ["reply", task_id],
            ["logs", "planning"],
        ):
            done = world.flowloom(*words)
            assert done.returncode == 0, (words, done)
        for done in (world.flowloom("ask", "planning", "two"), world.ctrl_g(draft), world.flowloom("stop", "planning")):
            assert (done.returncode, done.stdout) == (1, b""), done
            assert str(world.state) in done.stderr.decode()
            assert "Traceback" not in done.stderr.decode()
            assert "bug" not in done.stderr.decode()
        assert draft.read_text() == "@planning two\n"
    finally:
        disk.remount("rw")
    assert world.ask("planning", "two").startswith("echo heard: two")
    leftovers.check(world)


@pytest.mark.claude
@pytest.mark.timeout(300)
def test_a_reply_that_found_no_room_is_recovered_from_the_transcript(
    claude: World, api: MessagesApi, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(disk, claude, monkeypatch)
    desk = Desk(claude, api)
    claude.start()
    go_on = desk.hold("the long one")
    asked = desk.ask("the long one")
    desk.until_seen(half("the long one"))
    disk.fill()
    go_on.set()
    code, out, err = asked.end()
    assert (code, out) == (1, ""), err
    assert "no room is left on the disk" in err
    assert f"flowloom wait {asked.task_id}" in err
    assert "hook error" not in claude.screen().lower()
    disk.empty()
    done = claude.flowloom("wait", asked.task_id)
    assert done.returncode == 0, (done, claude.describe())
    assert done.stdout.decode() == f"{half('the long one')}\n and the rest"
    assert b"recovered from the transcript" in done.stderr
    assert "next" in desk.reply("the next one")
