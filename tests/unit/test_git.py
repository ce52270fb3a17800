"""Which project a directory belongs to, by a real git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from flowloom.ports import git

WHO = {f"GIT_{role}_{what}": "x@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def run(folder: Path, *words: str) -> None:
    command = ["git", "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", *words]
    environment = {**os.environ, **WHO, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A main checkout with one commit and a folder in it."""
    folder = tmp_path / "site"
    (folder / "src" / "deep").mkdir(parents=True)
    run(folder, "init")
    run(folder, "commit", "--allow-empty", "-m", "first")
    return folder


def test_a_folder_in_a_checkout_belongs_to_the_checkout(checkout: Path) -> None:
    for folder in (checkout, checkout / "src" / "deep"):
        assert git.project_root(str(folder)) == str(checkout)


@pytest.mark.parametrize("place", ["../beside", "inside", "src/deep/inside"])
def test_a_worktree_belongs_to_the_checkout_it_was_made_from(checkout: Path, place: str) -> None:
    run(checkout, "worktree", "add", place, "-b", "other")
    inner = checkout / place / "src"
    inner.mkdir()
    assert [git.project_root(str(folder)) for folder in (checkout / place, inner)] == [str(checkout)] * 2


def test_a_worktree_with_a_relative_path_belongs_to_it_too(checkout: Path) -> None:
    run(checkout, "worktree", "add", "../beside", "-b", "other")
    (checkout.parent / "beside" / ".git").write_text("gitdir: ../site/.git/worktrees/beside\n")
    assert git.project_root(str(checkout.parent / "beside")) == str(checkout)


def test_a_submodule_is_a_project_of_its_own(checkout: Path, tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    lib.mkdir()
    run(lib, "init")
    run(lib, "commit", "--allow-empty", "-m", "first")
    run(checkout, "submodule", "add", str(lib), "vendor/lib")
    assert git.project_root(str(checkout / "vendor" / "lib")) == str(checkout / "vendor" / "lib")


def test_a_worktree_of_a_bare_repository_belongs_to_the_repository(checkout: Path, tmp_path: Path) -> None:
    run(tmp_path, "clone", "--bare", str(checkout), "site.git")
    bare = tmp_path / "site.git"
    for name in ("one", "two"):
        run(bare, "worktree", "add", str(tmp_path / name), "-b", name)
    assert {git.project_root(str(tmp_path / name)) for name in ("one", "two")} == {str(bare)}


def test_a_folder_without_git_is_its_own_project(tmp_path: Path) -> None:
    folder = tmp_path / "plain" / "below"
    folder.mkdir(parents=True)
    assert git.project_root(str(folder)) == str(folder)
    (folder / ".git").write_text("not a pointer")
    assert git.project_root(str(folder)) == str(folder)


def test_a_folder_is_the_same_project_by_way_of_a_link(checkout: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(checkout)
    assert git.project_root(str(link / "src")) == str(checkout)
