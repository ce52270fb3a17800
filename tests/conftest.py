"""Fixtures: a world of its own for each test, and the real Claude Code on a model of ours."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest
from tests.support import scheduling
from tests.support.messages_api import MessagesApi
from tests.support.world import SHORT_LIVED, World

# The same examples each time, however slow the machine is.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("suite")


def claude_binaries() -> dict[str, str]:
    """Return the real Claude Codes to test with, by release: FLOWLOOM_TEST_CLAUDE holds paths `…/RELEASE/claude`."""
    found = [path for path in os.environ.get("FLOWLOOM_TEST_CLAUDE", "").split(":") if path]
    return {Path(path).parent.name: path for path in found}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `release` once with each release, or skip it where there is none.

    A test marked `newest` runs with the newest release only.
    """
    if "release" not in metafunc.fixturenames:
        return
    releases = sorted(claude_binaries(), key=lambda text: [int(part) for part in text.split(".")])
    if metafunc.definition.get_closest_marker("newest"):
        releases = releases[-1:]
    none = pytest.param("none", marks=pytest.mark.skip(reason="no real Claude Code: FLOWLOOM_TEST_CLAUDE is not set"))
    metafunc.parametrize("release", releases or [none], scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes long first, behind pytest-randomly, and what is marked `last` behind the rest of its module."""
    items.sort(key=lambda item: (scheduling.rank(item.nodeid), item.get_closest_marker("last") is not None))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> scheduling.Scheduling:
    """Keep tests that share an agent on one worker."""
    return scheduling.Scheduling(config, log)


def pytest_configure() -> None:
    """Hear Ctrl-C and a hang-up also where the tests were started in the background or below nohup.

    A signal that is ignored there is ignored by every child.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point everything that could be the user's at nowhere; a test that needs a world makes one."""
    nowhere = tmp_path / "nowhere"
    for name in list(os.environ):
        if name.startswith(("FLOWLOOM_", "CLAUDE", "ANTHROPIC_", "XDG_")) and name != "FLOWLOOM_TEST_CLAUDE":
            monkeypatch.delenv(name)
    # The last three of the first line decide about colours, and CI about more; a test that is about them sets them.
    # Without its bytecode each of some thousand processes would compile all of FlowLoom.
    for name in (
        *("TMUX", "TMUX_PANE", "VISUAL", "EDITOR", "NO_COLOR", "FORCE_COLOR", "CI"),
        *("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(nowhere / "home"))
    monkeypatch.setenv("FLOWLOOM_HOME", str(nowhere / "state"))
    monkeypatch.setenv("FLOWLOOM_TMUX_SOCKET", f"flowloom-test-nowhere-{os.getpid()}")
    # tmux keeps its sockets here: even a forgotten -L cannot reach the user's server.
    sockets = Path("/tmp") / f"fl-{os.getpid()}"
    sockets.mkdir(exist_ok=True)
    monkeypatch.setenv("TMUX_TMPDIR", str(sockets))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A home, a state folder, a project and a tmux server of its own, with echo agents; everything ends with it."""
    made = World(tmp_path / "w")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made.project)
    yield made
    made.end()


@pytest.fixture
def api() -> Iterator[MessagesApi]:
    """The model that a real Claude Code talks to; `api.on("words", Say("…"))` scripts it."""
    with MessagesApi() as served:
        yield served


@pytest.fixture
def other_server(world: World) -> Iterator[str]:
    """The socket of another tmux server, which ends with the test."""
    socket = f"fl-other-{uuid.uuid4().hex[:8]}"
    yield socket
    world.run("tmux", "-L", socket, "kill-server")


@pytest.fixture
def claude(world: World, api: MessagesApi, release: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose agents are the real Claude Code of one release."""
    world.use_claude(claude_binaries()[release], api.url, **SHORT_LIVED)
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    return world


@pytest.fixture(autouse=True, scope="session")
def _no_process_is_left() -> Iterator[None]:
    """End what a failed test may have left, and only what was started below us."""
    yield
    for child in psutil.Process().children(recursive=True):
        try:
            child.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
