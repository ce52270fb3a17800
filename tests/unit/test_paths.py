"""Names, slugs and the state folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowloom.errors import BadName, FlowLoomError
from flowloom.store import layout, projects, state_folder
from flowloom.store.layout import AgentRef


@pytest.mark.parametrize("name", ["planning", "a", "coding-2", "x_y", "a" * 40])
def test_a_good_name_is_taken(name: str) -> None:
    assert layout.check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "/etc", "a" * 41, "a" * 200, "Planning", "9a", "-a", "_a", "a b", "a\n", "a.b", "ä"],
)
def test_a_name_that_climbs_or_looks_like_an_option_is_refused(name: str) -> None:
    with pytest.raises(BadName) as caught:
        layout.check_name(name)
    assert (caught.value.exit_code, len(str(caught.value)) < 120) == (2, True)


@pytest.mark.parametrize("task_id", ["", "..", "../x", "abc", "a/bc", "abcdefghj", "ab1c", "ABCD"])
def test_what_is_no_task_id_is_no_part_of_a_path(task_id: str) -> None:
    assert not layout.is_task_id(task_id)


@pytest.mark.parametrize(
    ("root", "slug"),
    [
        ("/home/dev/site", "site"),
        ("/home/dev/My Site!", "my-site"),
        ("/home/dev/..x..", "x"),
        ("/home/dev/ä", "root"),
        ("/", "root"),
        ("/home/dev/" + "x" * 50, "x" * 30),
    ],
)
def test_a_project_is_named_after_its_folder(root: str, slug: str) -> None:
    assert projects.slug_of(root) == slug


def test_two_projects_whose_folders_share_a_name_have_two_slugs_that_stay() -> None:
    first = projects.slug_of("/one/site")
    projects.ensure(first, "/one/site")
    second = projects.slug_of("/two/site")
    projects.ensure(second, "/two/site")
    third = projects.slug_of("/three/site")
    assert first == "site"
    assert len({first, second, third}) == 3
    assert second.startswith("site-")
    assert [projects.slug_of(root) for root in ("/two/site", "/one/site")] == [second, first]
    assert [projects.root_of(slug) for slug in (first, second, "nobody")] == ["/one/site", "/two/site", None]


def test_a_project_stays_written_down_as_it_was_first() -> None:
    projects.ensure("site", "/one/site")
    projects.ensure("site", "/two/site")
    assert projects.root_of("site") == "/one/site"


def test_the_state_folder_is_for_its_owner_only_and_says_what_it_is() -> None:
    home = Path(state_folder.ensure())
    assert str(home) == os.environ["FLOWLOOM_HOME"]
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "README").read_text().startswith("This is the state of FlowLoom")
    home.chmod(0o755)
    state_folder.ensure()
    assert home.stat().st_mode & 0o777 == 0o700


def test_the_state_folder_is_found_by_the_variables_that_are_set_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLOWLOOM_HOME")
    assert layout.home() == os.environ["HOME"] + "/.local/state/flowloom"
    monkeypatch.setenv("XDG_STATE_HOME", "/x/state")
    assert layout.home() == "/x/state/flowloom"
    monkeypatch.setenv("FLOWLOOM_HOME", "~/fl")
    assert layout.home() == os.environ["HOME"] + "/fl"
    monkeypatch.setenv("HOME", "/another")
    assert layout.home() == "/another/fl"
    for place in (tmp_path, tmp_path.parent):
        monkeypatch.chdir(place)
        monkeypatch.setenv("FLOWLOOM_HOME", "relative")
        assert layout.home() == f"{place}/relative"
    for given in ("/one/", "/two", "/one/"):
        monkeypatch.setenv("FLOWLOOM_HOME", given)
        assert layout.home() == given.rstrip("/")


def test_a_state_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "file" / "state"))
    with pytest.raises(FlowLoomError, match="cannot be created") as caught:
        state_folder.ensure()
    assert "FLOWLOOM_HOME" in caught.value.hint


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_state_folder_of_somebody_else_is_refused() -> None:
    home = state_folder.ensure()
    os.chown(home, 65534, 65534)
    with pytest.raises(FlowLoomError, match="belongs to another user"):
        state_folder.ensure()


def test_all_agents_are_found_in_order_of_project_and_name() -> None:
    assert projects.agents() == []
    made = [("site", "planning"), ("app", "testing"), ("app", "coding")]
    for slug, name in made:
        folder = Path(layout.agent_dir(AgentRef(slug, name)))
        folder.mkdir(parents=True)
        (folder / "agent.json").write_text("{}")
    (Path(layout.home()) / "agents" / "app" / "half").mkdir()
    (Path(layout.home()) / "agents" / "app" / "project.json").write_text("{}")
    (Path(layout.home()) / "agents" / "stray").write_text("")
    assert projects.agents() == [
        AgentRef("app", "coding"),
        AgentRef("app", "testing"),
        AgentRef("site", "planning"),
    ]


def test_a_project_that_was_moved_keeps_its_name() -> None:
    projects.ensure("other", "/one/other")
    projects.ensure("site", "/one/site")
    (Path(layout.home()) / "agents" / "other" / "project.json").write_text("{")
    projects.move("site", "/one/shop")
    assert [projects.slug_of(root) for root in ("/one/shop", "/two/shop")] == ["site", "shop"]
    # Another folder in its former place is another project.
    assert projects.slug_of("/one/site").startswith("site-")
