"""Configuration: who wins, what is refused, and that it is read anew when it has changed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from flowloom import config, paths, settings
from flowloom.errors import BadConfig


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "config" / "flowloom" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def load(project: Path) -> settings.Settings:
    return settings.load(str(project))


def test_without_a_file_and_a_variable_the_defaults_hold(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWLOOM_TMUX_SOCKET")
    chosen = load(project)
    assert (chosen.provider, chosen.session, chosen.tmux_socket, chosen.claude) == (
        "claude",
        "Claude",
        "default",
        "claude",
    )
    assert (chosen.reply, chosen.timeout_s, chosen.agents, chosen.of_agent("x")) == ("headed", None, {}, {})


# `no_route` takes two words only, and `claude` is not for a project to choose.
FREE = [(key, variable) for key, variable in settings.ENVIRONMENT.items() if key not in ("no_route", "claude")]


@pytest.mark.parametrize(("key", "variable"), FREE)
def test_the_environment_wins_over_the_project_and_the_project_over_the_user(
    project: Path, user: Path, key: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    seen = [getattr(load(project), key)]
    user.write_text(f'{key} = "by the user"\n')
    seen.append(getattr(load(project), key))
    (project / "flowloom.toml").write_text(f'{key} = "by the project"\n')
    seen.append(getattr(load(project), key))
    monkeypatch.setenv(variable, "")
    seen.append(getattr(load(project), key))
    monkeypatch.setenv(variable, "by the environment")
    seen.append(getattr(load(project), key))
    default = getattr(settings.Settings, key)
    assert seen == [default, "by the user", "by the project", "by the project", "by the environment"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("claude = '/x/evil'", "claude"),
        ("args = ['-x']", "args"),
        ("agents.planning.args = ['-x']", "agents.planning.args"),
    ],
)
def test_a_project_does_not_choose_what_is_run(project: Path, user: Path, text: str, key: str) -> None:
    user.write_text(text)
    load(project)
    (project / "flowloom.toml").write_text(text)
    with pytest.raises(BadConfig, match=f"'{key}' is not for a project to choose"):
        load(project)


@pytest.mark.parametrize("name", ["a.b", "a:b", " "])
def test_a_session_is_not_called_what_tmux_would_take_apart(
    project: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWLOOM_SESSION", name)
    with pytest.raises(BadConfig, match="cannot be the name of a tmux session"):
        load(project)


def test_tables_of_agents_are_merged_key_by_key(project: Path, user: Path) -> None:
    user.write_text('[agents.planning]\nprovider = "echo"\nprompt = "be brief"\n[agents.docs]\nrole = "coding"\n')
    (project / "flowloom.toml").write_text('[agents.planning]\nprompt = "be long"\ndir = "sub"\n')
    assert load(project).agents == {
        "planning": {"provider": "echo", "prompt": "be long", "dir": "sub"},
        "docs": {"role": "coding"},
    }
    assert load(project).of_agent("docs") == {"role": "coding"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sesion = 'x'", "unknown key 'sesion'; did you mean 'session'?"),
        ("agents.planning.promt = 'x'", "unknown key 'agents.planning.promt'; did you mean 'prompt'?"),
        ("xyzzy = 1", "unknown key 'xyzzy'; known are provider, session, "),
        ("agents.planning.xyzzy = 1", "unknown key 'agents.planning.xyzzy'; known are role, provider, "),
        ("reply = 'loud'", "'reply': Input should be 'headed' or 'plain'"),
        ("timeout_s = 0", "'timeout_s': Input should be greater than 0"),
        ("timeout_s = 'soon'", "'timeout_s': Input should be a valid number"),
        ("park_s = -1", "'park_s': Input should be greater than or equal to 0"),
        ("args = '--model x'", "'args': Input should be a valid list"),
        ("agents = 7", "'agents': Input should be a valid dictionary"),
        ("session = ", "is not TOML: Invalid value"),
    ],
)
def test_what_a_file_may_not_say_is_refused_by_file_and_key(project: Path, text: str, says: str) -> None:
    path = project / "flowloom.toml"
    path.write_text(text)
    with pytest.raises(BadConfig) as caught:
        load(project)
    assert str(caught.value).startswith(f"{path}")
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=f"{tmp_path}/config.toml cannot be read: No such file"):
        config.read_files([f"{tmp_path}/config.toml"])


def test_every_key_of_a_file_is_a_setting_and_the_other_way_round() -> None:
    assert set(config.ConfigFile.model_fields) == set(settings.Settings.__annotations__)


def cache() -> dict[str, Any]:
    return dict(json.loads(Path(paths.home(), "cache", "settings.json").read_text()))


def test_an_unchanged_file_is_read_from_the_cache(project: Path) -> None:
    (project / "flowloom.toml").write_text('session = "One"\n')
    assert load(project).session == "One"
    known = cache()
    known["chosen"]["session"] = "from the cache"
    Path(paths.home(), "cache", "settings.json").write_text(json.dumps(known))
    assert load(project).session == "from the cache"


def test_a_changed_file_is_read_anew_even_with_the_same_size_and_time(project: Path) -> None:
    path = project / "flowloom.toml"
    path.write_text('session = "One"\n')
    before = path.stat()
    assert load(project).session == "One"
    fresh = project / "new.toml"
    fresh.write_text('session = "Two"\n')
    os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
    fresh.rename(path)
    assert load(project).session == "Two"


def test_a_file_that_was_taken_away_holds_no_more(project: Path, user: Path) -> None:
    user.write_text('session = "User"\n')
    (project / "flowloom.toml").write_text('session = "Project"\n')
    assert load(project).session == "Project"
    (project / "flowloom.toml").unlink()
    assert load(project).session == "User"
    user.unlink()
    assert load(project).session == "Claude"


def test_two_projects_do_not_share_their_settings(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (project / "flowloom.toml").write_text('session = "One"\n')
    (other / "flowloom.toml").write_text('session = "Two"\n')
    assert [load(folder).session for folder in (project, other, project)] == ["One", "Two", "One"]


@pytest.mark.parametrize("raw", ["", "{", "[]", '{"stamps": 1}'])
def test_a_broken_cache_is_no_obstacle(project: Path, raw: str) -> None:
    (project / "flowloom.toml").write_text('session = "One"\n')
    assert load(project).session == "One"
    Path(paths.home(), "cache", "settings.json").write_text(raw)
    assert load(project).session == "One"
