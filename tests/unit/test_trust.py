"""A project's flowloom.toml sets nothing that its person has not agreed to, whatever it says."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as runs
from hypothesis import strategies as st

from flowloom.config import schema, settings, trust
from flowloom.errors import BadConfig, BadFile

HOSTILE = [
    *("x#(touch pwned)", "#{pid}", "#[fg=red]", "%H", "a.b", "a:b", "=a", "$(id)", "`id`", "a;b", "\x1b]0;x\x07", "\0"),
    *("../../../tmp/s", "/bin/sh", "..", ".", "", " ", "-s", "a\nb", "a" * 20_000, "\u202e", "é", "planning@other"),
]
SHAPES = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.lists(st.sampled_from(HOSTILE), max_size=3),
    st.just({}),
)
FIELDS = list(schema.AgentTable.model_fields)
TABLES = st.fixed_dictionaries(
    {},
    optional={key: SHAPES for key in schema.ConfigFile.model_fields if key != "agents"}
    | {
        "agents": st.dictionaries(
            st.sampled_from(["planning", "docs", *HOSTILE[:8]]),
            st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, SHAPES)),
            max_size=2,
        )
    },
)


def toml(value: Any) -> str:
    """Return a value in TOML; JSON's strings, lists and numbers are TOML's too."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value).replace("\x7f", "\\u007f")


def write(project: Path, table: dict[str, Any]) -> None:
    text = "".join(f"{key} = {toml(value)}\n" for key, value in table.items())
    # What JSON writes as two halves TOML has in one escape.
    text = re.sub(r"\\u(d[89ab]..)\\u(d[c-f]..)", lambda m: json.loads(f'"{m[0]}"'), text)
    (project / "flowloom.toml").write_text(text, "utf-8", "replace")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    for path in (tmp_path / "home", tmp_path / "site"):
        path.mkdir()
    return tmp_path / "site"


def in_force(found: settings.Settings) -> dict[str, Any]:
    keys = [key for key in settings.Settings.__annotations__ if trust.rule(key)[0] != "always" or key == "agents"]
    return {key: getattr(found, key) for key in keys}


def test_every_key_of_a_file_has_a_rule() -> None:
    keys = {*schema.ConfigFile.model_fields} - {"agents"} | {f"agents.*.{field}" for field in FIELDS} | {"agents.*"}
    assert keys == {*trust.POLICY}
    never = {key for key, (when, _) in trust.POLICY.items() if when == "never"}
    assert never == {"claude", "args", "agents.*.args", "session", "tmux_socket", "keep_days"}
    assert trust.rule("what_comes_later")[0] == trust.rule("agents.x.env")[0] == "never"


FUZZED = runs(
    max_examples=300,
    # Shrinking one that fails would take five minutes.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


# A file that is too large makes an example that is large, too, when it is shown.
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
@FUZZED
@given(table=TABLES)
def test_nothing_of_an_untrusted_project_takes_effect(project: Path, table: dict[str, Any]) -> None:
    (project / "flowloom.toml").unlink(missing_ok=True)
    without = in_force(settings.load(str(project)))
    write(project, table)
    try:
        found = settings.load(str(project))
    except (BadConfig, BadFile):
        return  # nothing is done at all
    assert in_force(found) == without
    asked = {key for key, _ in trust.entries(table) if trust.rule(key)[0] != "always"}
    assert {each.key for each in found.ignored} == asked


# A file that is too large makes an example that is large, too, when it is shown.
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
@FUZZED
@given(table=TABLES)
def test_nothing_of_a_trusted_project_reaches_a_format_a_program_or_a_folder_outside(
    project: Path, table: dict[str, Any]
) -> None:
    write(project, table)
    try:
        trust.agree(str(project), settings.explain(str(project)).digest)
        found = settings.load(str(project))
    except (BadConfig, BadFile):
        return
    plain = settings.Settings()
    for key in ("claude", "args", "session", "tmux_socket", "keep_days"):
        assert getattr(found, key) == (os.environ.get(settings.ENVIRONMENT.get(key, "")) or getattr(plain, key))
    assert re.fullmatch(r"[A-Za-z0-9_-]+", found.provider + found.default_agent)
    for name, agent in found.agents.items():
        assert re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", name)
        assert {*agent} <= {"role", "provider", "dir", "prompt"}
        assert agent.get("dir", str(project)).startswith(str(project))
        assert "\0" not in agent.get("prompt", "")


def ignored(project: Path) -> list[str]:
    return [each.key for each in settings.load(str(project)).ignored]


def test_agreement_is_about_this_text_in_this_folder(project: Path, tmp_path: Path) -> None:
    write(project, {"agents": {"planning": {"prompt": "one"}}})
    assert ignored(project) == ["agents.planning.prompt"]
    trust.agree(str(project), settings.explain(str(project)).digest)
    assert (ignored(project), settings.load(str(project)).agents) == ([], {"planning": {"prompt": "one"}})
    other = tmp_path / "other"
    other.mkdir()
    write(other, {"agents": {"planning": {"prompt": "one"}}})
    assert ignored(other) == ["agents.planning.prompt"]
    write(project, {"agents": {"planning": {"prompt": "two"}}})
    assert ignored(project) == ["agents.planning.prompt"]
    write(project, {"agents": {"planning": {"prompt": "one"}}})
    assert ignored(project) == []
    assert (trust.take_back(str(project)), trust.take_back(str(project))) == (True, False)
    assert ignored(project) == ["agents.planning.prompt"]


@pytest.mark.parametrize(
    ("document", "trusted"),
    [
        ({"projects": {"{root}": {"hasTrustDialogAccepted": True}}}, True),
        ({"projects": {"{root}": {"hasTrustDialogAccepted": False}}}, False),
        ({"projects": {"{root}": {"hasTrustDialogAccepted": "yes"}}}, False),
        ({"projects": {"{root}": {}}}, False),
        ({"projects": {"{root}": None, "x": "{root}"}}, False),
        ({"projects": ["{root}"]}, False),
        ({"projects": {"{parent}": {"hasTrustDialogAccepted": True}}}, False),
        ({"projects": {"{root}/": {"hasTrustDialogAccepted": True}}}, False),
        ({"projects": {"{root}/sub": {"hasTrustDialogAccepted": True}}}, False),
        ({"projects": {"/": {"hasTrustDialogAccepted": True}}}, False),
        (["{root}"], False),
    ],
)
@pytest.mark.parametrize("own_dir", [False, True])
def test_claude_codes_answer_counts_for_exactly_this_folder(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: object, trusted: bool, own_dir: bool
) -> None:
    text = json.dumps(document).replace("{root}", str(project)).replace("{parent}", str(tmp_path))
    where = tmp_path / ("claude" if own_dir else "home")
    where.mkdir(exist_ok=True)
    (where / ".claude.json").write_text(text)
    if own_dir:
        monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(where))
    write(project, {"agents": {"planning": {"prompt": "one"}}})
    assert (ignored(project) == []) is trusted


def test_a_file_that_another_user_can_change_needs_agreement_of_its_own(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"projects": {str(project): {"hasTrustDialogAccepted": True}}}
    (tmp_path / "home" / ".claude.json").write_text(json.dumps(entry))
    write(project, {"default_agent": "docs"})
    assert trust.agreed_by(str(project), "x", [0, 0o100644]) == "Claude Code"
    assert trust.agreed_by(str(project), "x", [os.getuid() + 4711, 0o100644]) == ""
    for mode, counts in ((0o644, True), (0o666, False), (0o602, False), (0o664, True)):
        (project / "flowloom.toml").chmod(mode)
        assert (settings.load(str(project)).default_agent == "docs") is counts, oct(mode)
        found = settings.explain(str(project))
        assert (found.agreed_by, found.ignored == []) == ("Claude Code" if counts else "", counts)
    # What the person agreed to is this text, whoever may change it later.
    (project / "flowloom.toml").chmod(0o666)
    trust.agree(str(project), found.digest)
    assert settings.explain(str(project)).agreed_by == "flowloom trust"


def test_a_folder_that_is_linked_outside_is_outside_also_later(project: Path, tmp_path: Path) -> None:
    (project / "in").mkdir()
    (project / "to").symlink_to("in")
    write(project, {"agents": {"docs": {"dir": "to", "role": "docs"}}})
    trust.agree(str(project), settings.explain(str(project)).digest)
    assert settings.load(str(project)).agents == {"docs": {"dir": f"{project}/to", "role": "docs"}}
    (project / "to").unlink()
    (project / "to").symlink_to(tmp_path)
    found = settings.load(str(project))
    assert (found.agents, [each.why for each in found.ignored]) == ({"docs": {"role": "docs"}}, [trust.OUTSIDE])
    assert trust.leads_out(str(project), f"{project}/to")
    assert not trust.leads_out(str(project), f"{project}/in")
    assert not trust.leads_out(str(project), str(tmp_path))  # a person named it
