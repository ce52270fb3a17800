"""Nothing of one agent's takes a listing down: its own row says what is wrong, and the others are right."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from tests.support.another_user import TheirWorld, another_user
from tests.support.world import World

from flowloom.cli import agents, completion, status, tasks
from flowloom.config import settings
from flowloom.doctor import leftovers
from flowloom.doctor.finding import Case
from flowloom.editor import palette_actions

pytestmark = pytest.mark.faults


def empty(path: Path) -> None:
    path.write_bytes(b"")


def gone(path: Path) -> None:
    return


def a_folder(path: Path) -> None:
    path.mkdir()


def a_file(path: Path) -> None:
    path.write_bytes(b"x")


def a_list(path: Path) -> None:
    path.write_text("[]")


def other_values(path: Path) -> None:
    path.write_text(json.dumps({"hooks": 3, "provider": ["x"], "status": {}}))


def nested(path: Path) -> None:
    path.write_text("[" * 200_000)


def a_loop(path: Path) -> None:
    path.symlink_to(path)


def no_provider(path: Path) -> None:
    path.write_text(json.dumps({"provider": "taken_away", "dir": "/", "args": []}))


Damage = Callable[[Path], None]
UNKNOWN, AS_EVER = "unknown", "idle"
# A file of the agent `review`, what becomes of it, and what its row shows.
DAMAGES: list[tuple[str, Damage, str]] = [
    *(("status.json", damage, UNKNOWN) for damage in (empty, gone, a_folder, a_list, other_values, nested, a_loop)),
    *(("agent.json", damage, UNKNOWN) for damage in (empty, a_folder, other_values, nested, a_loop, no_provider)),
    *(("environment.json", damage, UNKNOWN) for damage in (empty, a_folder, nested)),
    *(("settings.json", damage, AS_EVER) for damage in (empty, a_folder, a_list, other_values, nested)),
    *(("lock", damage, AS_EVER) for damage in (a_folder, a_loop)),
    ("spool", a_file, AS_EVER),
    ("line", a_file, AS_EVER),
    ("line/0000000009-{task}", a_folder, AS_EVER),
    ("line.lock", a_folder, AS_EVER),
    ("events.jsonl", a_folder, AS_EVER),
    ("../../../tasks/{task}/reply.md", a_folder, AS_EVER),
    ("../../../tasks/{task}/prompt.md", a_folder, AS_EVER),
    ("../../../tasks/{task}/task.json", nested, AS_EVER),
    ("../nonsense", a_file, AS_EVER),
]


def palette_rows(world: World) -> dict[str, tuple[str, str]]:
    root = str(world.project)
    actions = palette_actions.PaletteActions("", b"hello", root, settings.load(root), cast(Any, None), cast(Any, None))
    return {row.name: (row.status, row.why) for row in actions._rows()}


def test_nothing_of_one_agent_takes_a_listing_down(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.start()
    world.start("review")
    task_id = world.flowloom("ask", "review", "heron", "--no-wait").stdout.decode().strip()
    world.until_step("done")
    world.until_status("idle", "review")
    case = Case(str(world.project), settings.load(str(world.project)))
    news = world.state / "fleet" / "news"
    (world.agent_dir("review") / "spool").mkdir(exist_ok=True)
    for name, damage, shown in DAMAGES:
        path = world.agent_dir("review") / name.format(task=task_id)
        path = path.parent.resolve() / path.name
        kept = path.parent.parent / f"kept-{path.name}"
        if path.exists():
            path.rename(kept)
        damage(path)
        # Markers that do not say what is there, so that each listing has something to put right.
        news.mkdir(exist_ok=True)
        (news / "question-review@site").touch()
        (news / f"reply-{task_id}").unlink(missing_ok=True)
        if name == "lock":
            (path.parent / "spool" / "1-1.json").write_text("{}")
        what = f"{name} {damage.__name__}"

        assert agents.list_agents(as_json=True) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["agents"]}
        assert (rows["planning"]["status"], rows["review"]["status"]) == ("idle", shown), what
        why = rows["review"]["unreachable"]
        assert (str(path) in why) == (shown == UNKNOWN and damage is not no_provider), (what, why)
        assert ("there is no provider 'taken_away'" in why) == (damage is no_provider), (what, why)
        assert (agents.list_agents(), why in capsys.readouterr().out) == (0, True), what
        assert (status.status(), tasks.list_tasks()) == (0, 0), what
        drawn = palette_rows(world)
        assert (drawn["planning"][0], drawn["review"][0]) == ("idle", shown), what
        assert drawn["review"][1] == why or shown == AS_EVER, what
        offered = dict(completion.agents(""))
        assert (offered["planning"], "review" in offered) == ("idle", True), what
        completion.all_tasks("")
        found = {finding.level: finding.saw for finding in leftovers.agents(case)}
        assert ("review@site is unknown" in found.get("fail", "")) == (shown == UNKNOWN), (what, found)
        for check in (leftovers.payloads, leftovers.places, leftovers.windows, leftovers.tasks_unattended):
            check(case)
        if name == "lock":
            (path.parent / "spool" / "1-1.json").unlink()
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        if kept.exists():
            kept.rename(path)
        capsys.readouterr()
    assert world.ask("review", "wren").startswith("echo heard: wren")


@pytest.fixture
def theirs() -> Iterator[TheirWorld]:
    with another_user() as world:
        yield world


def test_a_folder_that_cannot_be_read_is_named_and_costs_its_own_rows(theirs: TheirWorld) -> None:
    theirs.start()
    folder = theirs.agent_dir("review")
    for shut, text in ((folder, f"{folder}/spool cannot be used"), (theirs.state / "agents" / "other", "listed")):
        shut.mkdir()
        (shut / "agent.json").touch()
        os.chown(shut, 0, 0)
        shut.chmod(0o700)
        listed = theirs.flowloom("agents", "--json")
        rows = {row["name"]: row for row in json.loads(listed.stdout)["agents"]}
        assert (listed.returncode, rows["planning"]["status"]) == (0, "idle")
        said = listed.stderr.decode() + "".join(row["unreachable"] for row in rows.values())
        assert text in said
        assert str(shut) in said
        assert theirs.flowloom("tasks").returncode == 0
