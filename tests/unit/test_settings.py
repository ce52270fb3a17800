"""Configuration: who wins, what is refused, and that it is read anew when it has changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from flowloom.config import schema, settings, trust
from flowloom.errors import BadConfig
from flowloom.store import layout


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


def agree(project: Path) -> None:
    trust.agree(str(project), settings.explain(str(project)).digest)


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


@pytest.mark.parametrize(
    ("key", "variable", "values"),
    [
        ("no_route", "FLOWLOOM_NO_ROUTE", ["palette", "editor", "palette", "palette", "editor"]),
        ("provider", "FLOWLOOM_PROVIDER", ["claude", "mine", "its", "its", "shells"]),
        # Never a project's.
        ("claude", "FLOWLOOM_CLAUDE", ["claude", "mine", "its", "mine", "shells"]),
        ("session", "FLOWLOOM_SESSION", ["Claude", "mine", "its", "mine", "shells"]),
        ("tmux_socket", "FLOWLOOM_TMUX_SOCKET", ["default", "mine", "its", "mine", "shells"]),
    ],
)
def test_the_environment_wins_over_the_project_and_the_project_over_the_user(
    project: Path, user: Path, key: str, variable: str, values: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    seen = [getattr(load(project), key)]
    user.write_text(f'{key} = "{values[1]}"\n')
    seen.append(getattr(load(project), key))
    (project / "flowloom.toml").write_text(f'{key} = "{values[2]}"\n')
    agree(project)
    monkeypatch.setenv(variable, "")
    seen.append(getattr(load(project), key))
    monkeypatch.setenv(variable, values[4])
    seen.append(getattr(load(project), key))
    assert seen == [getattr(settings.Settings, key), values[1], values[3], values[4]]


@pytest.mark.parametrize(
    "name", ["a.b", "a:b", " ", "x#(id)", "#{pid}", "=a", "@1", "$1", "%1", "-x", "a*", "a\n", "a "]
)
def test_a_session_is_not_called_what_tmux_would_take_apart(
    project: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWLOOM_SESSION", name)
    with pytest.raises(BadConfig, match="cannot be the name of a tmux session"):
        load(project)


def test_tables_of_agents_are_merged_key_by_key(project: Path, user: Path) -> None:
    user.write_text('[agents.planning]\nprovider = "echo"\nprompt = "be brief"\n[agents.docs]\nrole = "coding"\n')
    (project / "flowloom.toml").write_text('[agents.planning]\nprompt = "be long"\ndir = "sub"\n')
    agree(project)
    assert load(project).agents == {
        "planning": {"provider": "echo", "prompt": "be long", "dir": f"{project}/sub"},
        "docs": {"role": "coding"},
    }
    assert load(project).of_agent("docs") == {"role": "coding"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sesion = 'x'", "unknown key 'sesion'; did you mean 'session'?"),
        ("agents.planning.promt = 'x'", "unknown key 'agents.planning.promt'; did you mean 'prompt'?"),
        ("xyzzy = 1", "unknown key 'xyzzy'; known keys: provider, session, "),
        ("agents.planning.xyzzy = 1", "unknown key 'agents.planning.xyzzy'; known keys: role, provider, "),
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


def test_every_key_of_a_file_is_a_setting_and_the_other_way_round() -> None:
    assert set(schema.ConfigFile.model_fields) == set(settings.Settings.__annotations__)


def cache() -> Path:
    """The cache of the only project there is."""
    (path,) = Path(layout.home(), "cache", "settings").iterdir()
    return path


def test_an_unchanged_file_is_read_from_the_cache(project: Path) -> None:
    (project / "flowloom.toml").write_text('reply = "plain"\n')
    assert load(project).reply == "plain"
    known = json.loads(cache().read_text())
    known["tables"]["project"]["reply"] = "headed"
    cache().write_text(json.dumps(known))
    assert load(project).reply == "headed"


def test_a_changed_file_is_read_anew_even_with_the_same_size_and_time(project: Path) -> None:
    path = project / "flowloom.toml"
    path.write_text('reply = "plain" \n')
    before = path.stat()
    assert load(project).reply == "plain"
    with path.open("r+") as stream:  # the same inode
        stream.write('reply = "headed"\n')
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load(project).reply == "headed"


def test_a_file_that_was_taken_away_holds_no_more(project: Path, user: Path) -> None:
    user.write_text('reply = "plain"\n')
    (project / "flowloom.toml").write_text('reply = "headed"\n')
    assert load(project).reply == "headed"
    (project / "flowloom.toml").unlink()
    assert load(project).reply == "plain"
    user.unlink()
    assert load(project).reply == "headed"


def test_two_projects_in_turn_share_no_settings_and_are_parsed_once_each(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (project / "flowloom.toml").write_text('reply = "plain"\n')
    (other / "flowloom.toml").write_text('reply = "headed"\n')
    parsed, parse = [], schema.parse

    def counted(path: str, raw: bytes, *, of_project: bool) -> dict[str, object]:
        parsed.append(path)
        return parse(path, raw, of_project=of_project)

    monkeypatch.setattr(schema, "parse", counted)
    assert [load(folder).reply for folder in (project, other) * 3] == ["plain", "headed"] * 3
    assert parsed == [f"{project}/flowloom.toml", f"{other}/flowloom.toml"]


@pytest.mark.parametrize("raw", ["", "{", "[]", '{"stamps": 1}'])
def test_a_broken_cache_is_no_obstacle(project: Path, raw: str) -> None:
    (project / "flowloom.toml").write_text('reply = "plain"\n')
    assert load(project).reply == "plain"
    cache().write_text(raw)
    assert load(project).reply == "plain"
