"""docs/reference/protocol-on-disk.md lists every file that a state folder can hold."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import pytest
from tests.support.state_tree import unlisted
from tests.support.world import World

from flowloom.store import layout, state_folder
from flowloom.store.layout import AgentRef

GIVEN: dict[str, Any] = {"AgentRef": AgentRef("site", "planning"), "str": "1-x1", "int": 4711}
# Arguments that are not any text.
NAMED = {
    **{f"{name} kind": "unread" for name in ("index_dir", "index_entry")},
    "headless stream": "out",
    "frame part": "first",
    "hook name": "editor",
    "log_file name": "bug-1.txt",
    "index_entry name": "7k2m-planning@site",
}
FOLDERS = {"trial_root", "trial_site"}
NO_PATH = {"check_name", "named", "ensure", "home"}


def paths(module: ModuleType) -> list[str]:
    """Return what every function of a module returns that is the path of a file in the state folder."""
    files: list[str] = []
    for name, function in inspect.getmembers(module, inspect.isfunction):
        signature = inspect.signature(function)
        if name.startswith("_") or name in NO_PATH or signature.return_annotation != "str":
            continue
        given = [NAMED.get(f"{name} {each.name}", GIVEN[each.annotation]) for each in signature.parameters.values()]
        path = function(*given)
        if path.startswith(f"{layout.home()}/") and name not in FOLDERS and not name.endswith("_dir"):
            files.append(path.removeprefix(f"{layout.home()}/"))
    return files


@pytest.mark.parametrize(("module", "least"), [(layout, 35), (state_folder, 12)])
def test_every_file_of_a_state_folder_is_listed(module: ModuleType, least: int) -> None:
    files = paths(module)
    assert len(files) > least
    assert unlisted(files) == []


def test_a_path_that_is_not_listed_is_found() -> None:
    assert unlisted(["tasks/7k2m/reply.md", "tasks/7k2m/nonsense", "nonsense"]) == ["tasks/7k2m/nonsense", "nonsense"]


def test_a_busy_state_folder_holds_nothing_else(world: World) -> None:
    world.start()
    world.ask("planning", "one")
    world.flowloom("ask", "--headless", "planning", "two")
    world.flowloom("ask", "planning", "three", "--no-wait")
    world.flowloom("agents")
    world.flowloom("stop", "planning", "--force")
    # A detached process may be writing: a file is complete once it has its own name.
    files = [path for path in world.state.rglob("*") if not path.is_dir() and path.suffix != ".tmp"]
    held = [str(path.relative_to(world.state)) for path in files]
    assert unlisted(held) == []
