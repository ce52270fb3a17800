"""One real agent for the tests of a module that leave it as they found it: see `SHARED` in tests/support/scheduling."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conftest import claude_binaries
from tests.support.desk import ASKS, Desk
from tests.support.messages_api import MessagesApi
from tests.support.world import SHORT_LIVED, World


@pytest.fixture(scope="module")
def staff(release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One agent of one release; the first test that sits at its desk starts it."""
    world = World(tmp_path_factory.mktemp("desk") / "w")
    # Module-scoped: it lives longer than the folder for sockets that each test is given.
    sockets = world.folder / "sockets"
    sockets.mkdir()
    with MessagesApi() as api:
        world.use_claude(claude_binaries()[release], api.url, **SHORT_LIVED)
        world.environment["TMUX_TMPDIR"] = str(sockets)
        world.user_settings(permissions=ASKS)
        (world.project / "flowloom.toml").write_text("typing_pause_s = 0.5\n")
        yield Desk(world, api)
        world.end()


@pytest.fixture
def desk(staff: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The shared agent, idle, with an empty box."""
    world = staff.world
    monkeypatch.setenv("TMUX_TMPDIR", world.environment["TMUX_TMPDIR"])
    monkeypatch.chdir(world.project)
    if not world.agent_dir().exists() or world.status()["status"] == "offline":
        world.start("planning", "--", "--permission-mode", "default")
    for path in (world.project / "gate", world.project / "runs", world.agent_dir() / "drafts.txt"):
        path.unlink(missing_ok=True)
    yield staff
    staff.tidy()
    world.user_config("")
