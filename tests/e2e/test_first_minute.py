"""A newcomer's first minute: `bin/demo` and `bin/flowloom`, from a clone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import termios
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.world import ROOT, World

DEMO = ROOT / "bin" / "demo"
FLOWLOOM = ROOT / "bin" / "flowloom"
LIMIT_S = 50.0

pytestmark = pytest.mark.tmux


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and an empty TMPDIR, as `home` and `tmp` of the folder returned."""
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return tmp_path


def begin(*words: str | Path, **environment: str) -> subprocess.Popen[str]:
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([str(word) for word in words], env={**os.environ, **environment}, text=True, **pipes)


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    process = begin(*words, **environment)
    out, err = process.communicate(timeout=LIMIT_S)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def left_behind(folder: Path) -> list[str]:
    """Return what a demo with its temporary folder below `folder` has left: files, sockets, processes."""
    sockets = Path(os.environ["TMUX_TMPDIR"]) / f"tmux-{os.getuid()}"
    # A Claude Code keeps its own things in TMPDIR, which are none of ours.
    files = [path for path in folder.iterdir() if path.name not in (f"claude-{os.getuid()}", "cc-socks")]
    found = [*files, *sockets.glob("flowloom-demo-*")]
    living = []
    for process in psutil.process_iter():
        try:
            home = process.environ().get("FLOWLOOM_HOME", "")
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if home.startswith(str(folder)):
            living.append(f"{process.pid}: {process.name()}")
    return [str(path) for path in found] + living


def soon_nothing(folder: Path) -> list[str]:
    """Return what is still there when the kernel has had its time to end what was told to end."""
    end = time.monotonic() + 5
    while (left := left_behind(folder)) and time.monotonic() < end:
        os.sched_yield()
    return left


def test_the_demo_shows_reply_and_memory_and_leaves_nothing(place: Path) -> None:
    # Whoever read these would fail or leave a trace.
    (place / "home" / ".config" / "flowloom").mkdir(parents=True)
    (place / "home" / ".config" / "flowloom" / "config.toml").write_text("nosuch = 1")
    (place / "home" / ".tmux.conf").write_text("run-shell 'touch ~/touched'")
    before = sorted((place / "home").rglob("*"))
    done = run(DEMO)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(
        r"│ Reply from planning \(task \w{4}\): Keep in mind: .*\n  │\n  │ echo heard: Keep in mind", done.stdout
    )
    assert "│ You told me 1 thing:\n  │ 1. Keep in mind: our shop runs on port 8080 and" in done.stdout
    assert re.search(r"planning@site +idle ", done.stdout)
    assert "│   echo · ready" in done.stdout
    assert "\x1b" not in done.stdout
    assert soon_nothing(place / "tmp") == []
    assert sorted((place / "home").rglob("*")) == before


def test_the_demo_fits_a_narrow_terminal(place: Path) -> None:
    ours, its = os.openpty()
    termios.tcsetwinsize(its, (24, 72))
    done = subprocess.Popen([DEMO], stdin=subprocess.DEVNULL, stdout=its, stderr=its)
    os.close(its)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 65536)
        except OSError:
            break
    os.close(ours)
    assert done.wait(timeout=LIMIT_S) == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r", "").split("\n")
    assert [line for line in lines if len(line) > 72] == []
    assert "no model. To try it with your own Claude Code: PROVIDER=claude bin/demo" in " ".join(
        " ".join(lines).split()
    )


def test_the_readme_shows_what_the_demo_shows(place: Path) -> None:
    def plain(text: str) -> list[str]:
        lines = [line.rstrip() for line in text.strip("\n").splitlines()]
        return [re.sub(r"task \w{4}\)", "…", line) for line in lines]

    block = re.search(r"^```console\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert block
    wanted = plain(block.group(1))
    shown = plain(run(DEMO).stdout)
    first = shown.index(wanted[0])
    assert shown[first : first + len(wanted)] == wanted


UNUSUAL = {
    "blanks and quotes": 'it\'s a "dir" of $HOME; and `more` é',
    "long": "/".join(["d" * 60] * 4),
    "inside of a git repository": "repo/tmp",
}


@pytest.mark.parametrize("case", UNUSUAL)
def test_the_demo_runs_in_an_unusual_tmpdir(place: Path, case: str) -> None:
    (place / "repo" / ".git").mkdir(parents=True)
    (place / "repo" / "flowloom.toml").write_text("nosuch = 1")
    folder = place / UNUSUAL[case]
    folder.mkdir(parents=True)
    done = run(DEMO, TMPDIR=str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert "You told me 1 thing" in done.stdout
    assert soon_nothing(folder) == []


def test_the_demo_runs_where_tmpdir_does_not_exist(place: Path) -> None:
    done = run(DEMO, TMPDIR=str(place / "nowhere"))
    assert (done.returncode, done.stderr) == (0, "")
    assert not (place / "nowhere").exists()


def test_the_demo_runs_inside_of_an_agent_of_another_flowloom(place: Path) -> None:
    other = {"FLOWLOOM_AGENT": "coding@shop", "FLOWLOOM_HOME": "/nowhere", "FLOWLOOM_SESSION": "Other"}
    done = run(DEMO, **other, TMUX="/nowhere/default,1,0", TMUX_PANE="%0", CLAUDECODE="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "You told me 1 thing" in done.stdout


def test_keep_leaves_the_demo_running_and_says_how_to_ask_and_end_it(place: Path) -> None:
    done = run(DEMO, KEEP="1")
    assert (done.returncode, done.stderr) == (0, "")
    ask, end = (re.search(rf"^  {words} +(.*)$", done.stdout, re.MULTILINE) for words in ("ask it", "end it"))
    assert ask
    assert end
    try:
        asked = run("sh", "-c", ask.group(1))
        assert asked.returncode == 0
        assert asked.stdout.startswith("You told me 1 thing:\n1. Keep in mind")
        look = re.search(r"^  look at it +(.*) attach$", done.stdout, re.MULTILINE)
        assert look
        windows = run(*look.group(1).split(), "list-windows", "-F", "#{session_name} #{window_name}")
        assert windows.stdout == "Claude planning\n"
    finally:
        ended = run("sh", "-c", end.group(1))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert soon_nothing(place / "tmp") == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("heading", ["1 ", "2 ", "3 "])
def test_a_demo_that_is_stopped_leaves_nothing(place: Path, heading: str, number: int, code: int) -> None:
    process = begin(DEMO)
    assert process.stdout
    for line in process.stdout:
        if line.startswith(heading):
            break
    process.send_signal(number)
    process.communicate(timeout=LIMIT_S)
    assert process.returncode == code
    assert soon_nothing(place / "tmp") == []


def test_a_demo_whose_agent_cannot_start_says_why_and_leaves_nothing(place: Path) -> None:
    done = run(DEMO, PROVIDER="claude", FLOWLOOM_CLAUDE="/nowhere/claude")
    assert done.returncode == 1
    assert "there is no program '/nowhere/claude'" in done.stdout
    assert "the demo stops here (exit 1)" in done.stdout
    assert soon_nothing(place / "tmp") == []


@pytest.mark.claude
def test_the_demo_runs_with_the_claude_code_of_the_user(claude: World, tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    done = run(DEMO, PROVIDER="claude", TMPDIR=str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(
        r"│ Reply from planning \(task \w{4}\): Keep in mind.*\n  │\n  │ answer 1: Keep in mind", done.stdout
    )
    assert "│ answer 2: What did I tell you about our shop?" in done.stdout
    assert soon_nothing(folder) == []


def links(folder: Path) -> dict[str, Path]:
    """Return ways to call `bin/flowloom`, by what they are."""
    (folder / "bin").mkdir()
    (folder / "absolute").symlink_to(FLOWLOOM)
    (folder / "bin" / "relative").symlink_to(os.path.relpath(FLOWLOOM, folder / "bin"))
    (folder / "chain").symlink_to("bin/relative")
    (folder / "folder").symlink_to(ROOT / "bin")
    return {
        "itself": FLOWLOOM,
        "an absolute link": folder / "absolute",
        "a relative link": folder / "bin" / "relative",
        "a link to a link": folder / "chain",
        "a link to its folder": folder / "folder" / "flowloom",
    }


@pytest.mark.parametrize(
    "how", ["itself", "an absolute link", "a relative link", "a link to a link", "a link to its folder"]
)
def test_flowloom_runs_from_a_clone_by(place: Path, how: str) -> None:
    done = run(links(place)[how], "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, "flowloom 0.1.0\n", "")


def test_flowloom_is_found_on_the_path(place: Path) -> None:
    (place / "flowloom").symlink_to(FLOWLOOM)
    done = run("sh", "-c", "cd / && flowloom --version", PATH=f"{place}:{os.environ['PATH']}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "flowloom 0.1.0\n", "")


def test_flowloom_says_what_it_needs_where_there_is_no_python(place: Path) -> None:
    """A copy of the clone without a .venv, on a PATH with the plain tools and no Python."""
    clone, tools = place / "clone", place / "tools"
    tools.mkdir()
    for folder in ("bin", "hooks"):
        shutil.copytree(ROOT / folder, clone / folder)
    shutil.copy(ROOT / "pyproject.toml", clone)
    for name in ("sh", "dirname", "readlink", "cat", "find", "id", "mkdir"):
        (tools / name).symlink_to(str(shutil.which(name)))
    done = run(clone / "bin" / "flowloom", "--version", PATH=str(tools))
    assert (done.returncode, done.stdout) == (1, "")
    assert "flowloom: needs Python 3.11 or newer, and found none" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nosuch"], "flowloom: No such command 'nosuch'"),
        (["start"], "flowloom: Missing argument 'NAME'"),
        (["agents", "--nosuch"], "flowloom: No such option: --nosuch"),
        (["-x"], "flowloom: No such option: -x\n  see: flowloom --help"),
        (["--nosuch", "agents"], "flowloom: No such option: --nosuch\n  see: flowloom --help"),
        (["agents", "--json=3"], "flowloom: Option '--json' does not take a value\n  see: flowloom agents --help"),
        (["logs", "planning", "--lines"], "flowloom: Option '--lines' requires an argument"),
        (["agents", "extra"], "flowloom: Got unexpected extra argument (extra)"),
        (["tasks", "-n", "0"], "flowloom: -n: '0' is less than 1"),
    ],
)
def test_a_mistyped_command_is_told_in_one_line(place: Path, words: list[str], says: str) -> None:
    done = run(FLOWLOOM, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(says)
    command = "flowloom" if words == ["nosuch"] or words[0].startswith("-") else f"flowloom {words[0]}"
    assert done.stderr.endswith(f"\n  see: {command} --help\n")


@pytest.mark.parametrize("command", ["ask", "wait", "start", "restart", "logs", "tasks", "clean"])
def test_help_names_what_an_option_takes_as_the_reference_does(place: Path, command: str) -> None:
    options = run(FLOWLOOM, command, "--help").stdout.partition("Options:")[2]
    section = (ROOT / "docs/reference/cli.md").read_text().partition(f"## {command}\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"--[a-z-]+ ([A-Z]+)`", section))
    assert ("<" in options, {word for word in named if f" {word} " not in options}) == (False, set())


def test_flowloom_alone_says_what_it_can_do(place: Path) -> None:
    done = run(FLOWLOOM)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: flowloom [OPTIONS] COMMAND [ARGS]..." in done.stdout
