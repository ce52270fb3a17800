"""Names, slugs and the state folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowloom.errors import BadName, FlowLoomError
from flowloom.store import layout


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
    with pytest.raises(BadName):
        layout.agent_dir("site", name)


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
    assert layout.project_slug(root) == slug


def test_two_projects_whose_folders_share_a_name_have_two_slugs_that_stay() -> None:
    first = layout.project_slug("/one/site")
    layout.ensure_project(first, "/one/site")
    second = layout.project_slug("/two/site")
    layout.ensure_project(second, "/two/site")
    third = layout.project_slug("/three/site")
    assert first == "site"
    assert len({first, second, third}) == 3
    assert second.startswith("site-")
    assert [layout.project_slug(root) for root in ("/two/site", "/one/site")] == [second, first]
    assert [layout.project_root(slug) for slug in (first, second, "nobody")] == ["/one/site", "/two/site", None]


def test_a_project_stays_written_down_as_it_was_first() -> None:
    layout.ensure_project("site", "/one/site")
    layout.ensure_project("site", "/two/site")
    assert layout.project_root("site") == "/one/site"


def test_the_state_folder_is_for_its_owner_only_and_says_what_it_is() -> None:
    home = Path(layout.ensure_home())
    assert str(home) == os.environ["FLOWLOOM_HOME"]
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "README").read_text().startswith("This is the state of FlowLoom")
    home.chmod(0o755)
    layout.ensure_home()
    assert home.stat().st_mode & 0o777 == 0o700


def test_the_state_folder_is_found_by_the_xdg_variable_without_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWLOOM_HOME")
    assert layout.home() == os.environ["HOME"] + "/.local/state/flowloom"
    monkeypatch.setenv("XDG_STATE_HOME", "/x/state")
    assert layout.home() == "/x/state/flowloom"
    monkeypatch.setenv("FLOWLOOM_HOME", "~/fl")
    assert layout.home() == os.environ["HOME"] + "/fl"


def test_a_state_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "file" / "state"))
    with pytest.raises(FlowLoomError, match="cannot be created") as caught:
        layout.ensure_home()
    assert "FLOWLOOM_HOME" in caught.value.hint


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_state_folder_of_somebody_else_is_refused() -> None:
    home = layout.ensure_home()
    os.chown(home, 65534, 65534)
    with pytest.raises(FlowLoomError, match="belongs to another user"):
        layout.ensure_home()


def test_all_agents_are_found_in_order_of_project_and_name() -> None:
    assert layout.agent_dirs() == []
    made = [("site", "planning"), ("app", "testing"), ("app", "coding")]
    for slug, name in made:
        folder = Path(layout.agent_dir(slug, name))
        folder.mkdir(parents=True)
        (folder / "agent.json").write_text("{}")
    (Path(layout.home()) / "agents" / "app" / "half").mkdir()
    (Path(layout.home()) / "agents" / "app" / "project.json").write_text("{}")
    (Path(layout.home()) / "agents" / "stray").write_text("")
    assert [path.split("/")[-2:] for path in layout.agent_dirs()] == [
        ["app", "coding"],
        ["app", "testing"],
        ["site", "planning"],
    ]


def test_a_project_that_was_moved_keeps_its_name() -> None:
    layout.ensure_project("other", "/one/other")
    layout.ensure_project("site", "/one/site")
    (Path(layout.home()) / "agents" / "other" / "project.json").write_text("{")
    layout.move_project("site", "/one/shop")
    assert [layout.project_slug(root) for root in ("/one/shop", "/two/shop")] == ["site", "shop"]
    # Another folder in its former place is another project.
    assert layout.project_slug("/one/site").startswith("site-")
