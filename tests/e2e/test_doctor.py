"""`flowloom doctor`: a healthy chain, and each link broken for real, with the repair that mends it.

Most checks are asked by themselves, in this process, in a world of the test's
own: the whole takes seconds. What a test cannot break (a disk without room, a
file system without pipes) is stood in for, and says so.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support import leftovers as left
from tests.support.seat import Seat
from tests.support.world import World

from flowloom import doctor
from flowloom.agents.hook_shims import hook_path
from flowloom.cli import doctor as face
from flowloom.config import settings
from flowloom.doctor import claude_code, install, leftovers, multiplexer, round_trip, state
from flowloom.doctor.finding import Case, Finding, fail, ok, warn
from flowloom.providers.claude import settings as claude_settings
from flowloom.store.layout import AgentRef
from flowloom.tasks import store as tasks


@pytest.fixture
def house(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which every link holds."""
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    for name, value in {
        "PATH": path,
        "FLOWLOOM_CLAUDE": script(tmp_path / "claude", "echo '2.1.200 (Claude Code)'"),
    }.items():
        world.environment[name] = value
        monkeypatch.setenv(name, value)
    world.environment["ANTHROPIC_AUTH_TOKEN"] = "anything"
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "anything")
    del world.environment["FLOWLOOM_EDITOR"]
    monkeypatch.delenv("FLOWLOOM_EDITOR")
    # An administrator's settings lie where a test must not write.
    monkeypatch.setattr(claude_settings, "managed_dir", lambda: str(tmp_path / "managed"))
    assert world.flowloom("setup", "--yes").returncode == 0
    return world


def script(path: Path, *lines: str) -> str:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


def seen(check: Callable[[Case], list[Finding]]) -> Finding:
    """Ask one check; return its worst finding."""
    here = os.getcwd()
    found = check(Case(here, settings.load(here)))
    return sorted(found, key=lambda finding: ["fail", "warn", "ok"].index(finding.level))[0]


def told(world: World, *words: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Run the command; return its exit code and the findings by name."""
    done = world.flowloom("doctor", "--json", *words, limit_s=90)
    document = json.loads(done.stdout)
    assert document["ok"] is (done.returncode == 0)
    return done.returncode, {check["name"]: check for check in document["checks"]}


# The whole.


def test_a_healthy_chain_is_told_so_and_nothing_is_left_behind(house: World) -> None:
    before = sorted(str(path) for path in house.folder.rglob("*"))
    code, checks = told(house)
    assert (code, {name for name, check in checks.items() if check["level"] != "ok"}) == (0, set())
    assert f"through {house.state}/hooks/editor" in checks["round trip"]["saw"]
    kept = house.state / "cache"
    new = {str(path) for path in house.folder.rglob("*")} - set(before)
    assert {path for path in new if not path.startswith(str(kept))} == set()
    sockets = Path(os.environ["TMUX_TMPDIR"]) / f"tmux-{os.getuid()}"
    assert not sockets.is_dir() or not [name for name in os.listdir(sockets) if "doctor" in name]
    left.check(house)


def test_a_broken_link_is_exit_1_and_its_repair_stands_below_it(house: World) -> None:
    assert house.flowloom("setup", "--undo", "--yes").returncode == 0
    done = house.flowloom("doctor", limit_s=90)
    lines = done.stdout.decode().splitlines()
    number = next(number for number, line in enumerate(lines) if line.startswith("FAIL"))
    assert done.returncode == 1
    assert lines[number].split()[1] == "Ctrl-G"
    assert lines[number + 1].strip() == "→ flowloom setup"
    assert re.fullmatch(r"1 broken \(Ctrl-G\), no warnings, \d+ checks", lines[-1])


def test_a_broken_configuration_is_a_finding_and_the_rest_is_still_examined(house: World) -> None:
    (house.project / "flowloom.toml").write_text("sesion = 'x'\n")
    code, checks = told(house)
    assert (code, "'sesion'" in checks["configuration"]["saw"]) == (1, True)
    assert "tmux" in checks


UNUSABLE = ["/proc/x/y", "/etc/passwd/x", "/dev/null", "/proc/self/fd/nothing/x"]


@pytest.mark.parametrize("config", [False, True], ids=["no configuration", "a configuration"])
@pytest.mark.parametrize("folder", UNUSABLE)
def test_a_state_folder_that_cannot_be_used_is_a_finding_and_the_rest_is_still_examined(
    house: World, monkeypatch: pytest.MonkeyPatch, folder: str, config: bool
) -> None:
    if config:
        (house.project / "flowloom.toml").write_text("no_route = 'editor'\n")
    monkeypatch.setenv("FLOWLOOM_HOME", folder)
    found = list(doctor.examine(os.getcwd(), claude=False))
    broken = {finding.name for finding in found if finding.level == "fail"}
    assert {"state", "space", "file system", "round trip"} <= {finding.name for finding in found}
    assert broken & {"state", "configuration"}
    assert {finding.name for finding in found if finding.level == "ok"} >= {"python", "tmux"}
    assert [finding for finding in found if "Error:" in finding.saw] == []


def test_a_check_that_meets_what_nobody_foresaw_is_a_finding(house: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Finding] = {}
    monkeypatch.setattr(doctor, "CHECKS", {"trips": lambda case: [found["nothing"]], "python": install.python})
    first, second = doctor.examine(os.getcwd(), claude=False)
    assert (first.name, first.level, first.saw, second.level) == ("trips", "fail", "KeyError: 'nothing'", "ok")


def test_the_list_folds_at_the_terminals_width_and_names_home(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", "/home/dev")
    saw = "/home/dev/.local/state/flowloom/hooks/editor (set by /home/dev/.claude/settings.json), '/home/dev/a b'"
    findings = [
        ok("Ctrl-G", saw),
        fail("login", "no login", "chmod 700 /home/dev/x"),
        warn("log", "one"),
        warn("log", ""),
    ]
    monkeypatch.setattr(face, "examine", lambda *_, **__: iter(findings))
    for width, lines in (
        (None, 3),
        (60, 6),
    ):
        monkeypatch.setattr(face, "columns", lambda width=width: width)
        assert face.doctor(as_json=False, claude=False) == 1
        shown = capsys.readouterr().out
        assert shown.splitlines()[-1] == "1 broken (login), 2 warnings (log), 4 checks"
        assert max(map(len, shown.splitlines())) <= (width or 1000)
        assert "".join(shown.split()).count("~/") == 3
        assert "'/home/dev/a" in shown.replace("\n" + " " * 21, " ")
        assert "→ chmod 700 ~/x" in shown
        assert len(shown.split("FAIL")[0].splitlines()) == (1 if width is None else lines - 3)


@pytest.mark.claude
def test_a_real_agent_is_asked_only_with_claude_and_answers(
    claude: World, release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert claude.flowloom("setup", "--yes").returncode == 0
    _, checks = told(claude, "--claude")
    assert checks["real agent"]["level"] == "ok", checks["real agent"]
    # A release on trial is newer than the newest tested one: doctor warns of it, and that is no fault.
    assert (checks["claude"]["level"], release in checks["claude"]["saw"]) == (level_of(release), True)
    left.check(claude)


@pytest.mark.claude
def test_hooks_that_the_user_has_turned_off_keep_an_agent_from_coming_up_and_the_doctor_says_so(claude: World) -> None:
    claude.user_settings(disableAllHooks=True)
    assert claude.flowloom("start", "planning", "--timeout", "6").returncode == 124
    finding = seen(claude_code.hooks_allowed)
    assert (finding.level, "disableAllHooks" in finding.saw) == ("fail", True)


# Link by link.


def test_a_library_that_is_missing(house: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "LIBRARIES", ("no_such_library",))
    assert "no no_such_library" in seen(install.python).saw


def test_flowloom_is_not_on_the_path(house: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert seen(install.command).level == "warn"


@pytest.mark.parametrize(("mode", "repair"), [(0o644, "chmod +x"), (None, "install FlowLoom again")])
def test_a_hook_that_cannot_be_run(
    house: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int | None, repair: str
) -> None:
    path = tmp_path / "hook"
    if mode is not None:
        path.write_text("#!/bin/sh\n")
        path.chmod(mode)
    monkeypatch.setattr(install, "hook_path", lambda name: str(path))
    finding = seen(install.hooks)
    assert (finding.level, finding.repair.startswith(repair)) == ("fail", True)


@pytest.mark.parametrize("name", ["editor", "agent-event"])
def test_a_hook_path_that_dangles_after_a_move(house: World, name: str) -> None:
    house.start()
    stub = house.state / "hooks" / name
    gone = f"/gone/hooks/{name}"
    stub.write_text(stub.read_text().replace(hook_path(name), gone))
    finding = seen(install.stubs)
    assert (finding.level, f"points to {gone}, which is missing" in finding.saw) == ("fail", True)
    repaired = house.flowloom(
        *shlex.split(finding.repair.rpartition("flowloom ")[2]), *(["--yes"] if name == "editor" else [])
    )
    assert repaired.returncode == 0
    house.flowloom("stop", "--all")
    house.start()
    assert seen(install.stubs).level == "ok"


TMUX = [
    ("exit 127", "fail", "not installed"),
    ("echo tmux 3.1c", "fail", "3.1c is older than 3.2"),
    ("echo tmux master", "warn", "unknown release 'master'"),
    ('[ "$1" = -V ] && echo tmux 3.9 && exit; echo 3.8', "warn", "3.9, but the server that runs is 3.8"),
    ('[ "$1" = -V ] && echo tmux 3.3a && exit; exit 1', "ok", "3.3a"),
]


@pytest.mark.parametrize(("line", "level", "saw"), TMUX)
def test_a_tmux_of_another_release(
    house: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, level: str, saw: str
) -> None:
    script(tmp_path / "tmux", line)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    finding = seen(multiplexer.program)
    assert (finding.level, saw in finding.saw) == (level, True)


def test_no_tmux(house: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert seen(multiplexer.program).repair.startswith("sudo apt-get install tmux")


def test_a_tmux_conf_that_ends_servers_is_told_and_the_round_trip_survives_it(house: World) -> None:
    (house.home / ".tmux.conf").write_text("set -s exit-unattached on\nset -g destroy-unattached on\n")
    finding = seen(multiplexer.options)
    assert (finding.level, "exit-unattached on, destroy-unattached on" in finding.saw) == ("ok", True)
    assert seen(round_trip.echo).level == "ok"


def test_a_running_server_is_asked_and_not_the_file(house: World) -> None:
    house.start()
    (house.home / ".tmux.conf").write_text("set -s exit-unattached on\n")
    assert seen(multiplexer.options).level == "ok"
    other = f"{house.socket}-other"
    try:
        # Somebody is attached, or tmux would end the session at once.
        viewer = Seat(house, "env", "-u", "TMUX", "tmux", "-L", house.socket, "attach", "-t", "=Claude", socket=other)
        house.until(lambda: house.tmux("list-clients"), "somebody is attached")
        for words in (["-t", "=Claude:", "destroy-unattached"], ["-s", "exit-unattached"]):
            house.tmux("set-option", *words, "on")
            finding = seen(multiplexer.options)
            assert (finding.level, f"{words[-1]} is on" in finding.saw) == ("fail", True)
            house.run("sh", "-c", finding.repair)
        assert seen(multiplexer.options).level == "ok"
    finally:
        viewer.tmux("kill-server")


def test_options_that_flowloom_sets_aside_are_told(house: World) -> None:
    (house.home / ".tmux.conf").write_text("setw -g synchronize-panes on\nset -g default-command true\n")
    finding = seen(multiplexer.options)
    assert (finding.level, "default-command true" in finding.saw) == ("ok", True)
    assert "synchronize-panes on" in finding.saw


OLDEST, NEWEST = claude_code.TESTED


def level_of(release: str) -> str:
    """Return what doctor must make of a release, worked out from its numbers."""
    oldest, newest, given = ([int(part) for part in text.split(".")] for text in (OLDEST, NEWEST, release))
    return "fail" if given < oldest else "warn" if given > newest else "ok"


def beside(release: str, by: int) -> str:
    *head, last = release.split(".")
    return ".".join([*head, str(int(last) + by)])


CLAUDES = [
    (f"echo '{beside(OLDEST, -1)} (Claude Code)'", "fail", f"older than {OLDEST}"),
    (f"echo '{OLDEST} (Claude Code)'", "ok", OLDEST),
    (f"echo '{NEWEST} (Claude Code)'", "ok", NEWEST),
    (f"echo '{beside(NEWEST, +1)} (Claude Code)'", "warn", f"newer than {NEWEST}"),
    ("echo '9.0.0 (Claude Code)'", "warn", "newer than"),
    ("exit 1", "fail", "does not print its release"),
]


@pytest.mark.parametrize(("line", "level", "saw"), CLAUDES)
def test_a_claude_code_of_another_release(
    house: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, level: str, saw: str
) -> None:
    monkeypatch.setenv("FLOWLOOM_CLAUDE", script(tmp_path / "other", line))
    finding = seen(claude_code.program)
    assert (finding.level, saw in finding.saw) == (level, True)


def test_no_claude_code(house: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWLOOM_CLAUDE", "/nowhere/claude")
    assert seen(claude_code.program).level == "fail"


def test_no_sign_of_a_login(house: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN")
    assert seen(claude_code.login).level == "warn"
    (house.home / ".claude" / ".credentials.json").touch()
    assert seen(claude_code.login).level == "ok"


def test_a_settings_file_that_claude_code_skips(house: World) -> None:
    path = house.home / ".claude" / "settings.json"
    path.write_text("{ // no\n}")
    assert (seen(claude_code.settings_files).level, seen(claude_code.settings_files).repair) == ("fail", f"fix {path}")
    assert seen(claude_code.editor).level == "fail"


@pytest.mark.parametrize(
    ("text", "levels", "saw"),
    [
        ("", ["ok"], "Claude Code's own"),
        ("{ // no", ["warn"], "is not JSON"),
        ('{"bindings": [{"context": "Chat", "bindings": {"ctrl+g": "chat:undo"}}]}', ["warn"], "Ctrl-X Ctrl-E opens"),
        (
            '{"bindings": [{"context": "Chat", "bindings": {"enter": null, "ctrl+s": null}}]}',
            ["fail", "warn"],
            "submit",
        ),
    ],
)
def test_key_bindings_that_are_in_the_way_are_named(house: World, text: str, levels: list[str], saw: str) -> None:
    if text:
        (house.home / ".claude" / "keybindings.json").write_text(text)
    found = claude_code.key_bindings(Case(os.getcwd(), settings.load(os.getcwd())))
    assert [finding.level for finding in found] == levels
    assert saw in found[0].saw


@pytest.mark.parametrize(
    ("where", "env", "level", "saw"),
    [
        ("site/.claude/settings.json", {"VISUAL": "vim"}, "fail", "Ctrl-G opens vim"),
        ("site/.claude/settings.local.json", {"VISUAL": "vim"}, "fail", "Ctrl-G opens vim"),
        ("managed/managed-settings.json", {"VISUAL": "vim"}, "fail", "Ctrl-G opens vim"),
        ("managed/managed-settings.d/10.json", {"VISUAL": "vim"}, "fail", "Ctrl-G opens vim"),
        ("site/.claude/settings.json", {"EDITOR": "vim"}, "warn", "but EDITOR is vim"),
        ("site/.claude/settings.json", {"VISUAL": "/gone/hooks/editor"}, "fail", "is missing or cannot be run"),
    ],
)
def test_another_editor_wins(
    house: World, monkeypatch: pytest.MonkeyPatch, where: str, env: dict[str, str], level: str, saw: str
) -> None:
    monkeypatch.setattr(claude_settings, "managed_dir", lambda: str(house.folder / "managed"))
    path = house.folder / where
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"env": env}))
    finding = seen(claude_code.editor)
    assert (finding.level, saw in finding.saw) == (level, True)
    if "opens" in saw:
        assert finding.repair == f"remove VISUAL and EDITOR from {path}"


def test_the_real_editor_is_gone(house: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWLOOM_EDITOR", "no-such-editor --wait")
    assert (seen(claude_code.real_editor).level, "no-such-editor" in seen(claude_code.real_editor).saw) == (
        "warn",
        True,
    )


@pytest.mark.parametrize(
    ("where", "document"),
    [
        ("home/.claude/settings.json", {"disableAllHooks": True}),
        ("site/.claude/settings.json", {"disableAllHooks": True}),
        ("managed/managed-settings.json", {"allowManagedHooksOnly": True}),
    ],
)
def test_hooks_are_forbidden(
    house: World, monkeypatch: pytest.MonkeyPatch, where: str, document: dict[str, bool]
) -> None:
    monkeypatch.setattr(claude_settings, "managed_dir", lambda: str(house.folder / "managed"))
    path = house.folder / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    finding = seen(claude_code.hooks_allowed)
    assert (finding.level, str(path) in finding.saw) == ("fail", True)


def test_others_can_look_into_the_state(house: World) -> None:
    house.state.chmod(0o755)
    assert (seen(state.folder).level, seen(state.folder).repair) == ("warn", f"chmod 700 {house.state}")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_the_state_belongs_to_somebody_else(house: World) -> None:
    os.chown(house.state, 12345, 12345)
    assert "belongs to another user" in seen(state.folder).saw
    assert [finding.level for finding in doctor.examine(os.getcwd(), claude=False) if finding.name == "space"] == [
        "fail"
    ]


def test_whatever_is_called_first_makes_the_state_for_its_owner_alone(
    house: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "new" / "state"
    monkeypatch.setenv("FLOWLOOM_HOME", str(home))
    seen(claude_code.program)  # keeps the release in a folder two levels below
    assert (stat.S_IMODE(home.stat().st_mode), seen(state.folder).level) == (0o700, "ok")


def test_the_state_is_a_file(house: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "file"))
    assert "is not a folder" in seen(state.folder).saw


def test_no_room_is_left(house: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # A test cannot fill the disk, so the limits are raised above what is free.
    monkeypatch.setattr(state, "LITTLE_BYTES", 1 << 60)
    assert seen(state.space).level == "warn"
    monkeypatch.setattr(state, "NONE_BYTES", 1 << 60)
    assert seen(state.space).level == "fail"


@pytest.mark.parametrize("call", ["os.mkfifo", "fcntl.flock", "os.rename"])
def test_a_file_system_that_cannot_do_it(house: World, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    # No such file system can be mounted here, so the call fails as it would there.
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(call, refuse)
    finding = seen(state.file_system)
    assert (finding.level, f"{call.partition('.')[2]} on {house.state}: Operation not supported" in finding.saw) == (
        "fail",
        True,
    )
    assert not [name for name in os.listdir(house.state) if name.startswith("doctor")]


def test_locks_that_do_nothing(house: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # As on some network mounts: flock succeeds, and for everybody.
    monkeypatch.setattr("fcntl.flock", lambda *_: None)
    assert "flock" in seen(state.file_system).saw


def test_hook_calls_that_were_kept(house: World) -> None:
    house.start()
    spool = house.agent_dir() / "spool"
    spool.mkdir(exist_ok=True)
    (spool / "late-1.json").write_text("{}")
    assert (seen(leftovers.payloads).level, seen(leftovers.payloads).repair[:15]) == ("warn", "flowloom agents")
    house.flowloom("agents")
    (spool / "late-2.json").write_text("[]")
    house.flowloom("agents")
    finding = seen(leftovers.payloads)
    assert (finding.level, "made no sense" in finding.saw) == ("warn", True)


def test_pipes_that_nobody_reads(house: World) -> None:
    house.start()
    for number in range(leftovers.MANY_PIPES + 1):
        os.mkfifo(house.agent_dir() / "wake" / f"{number}.0")
    assert seen(leftovers.payloads).saw.startswith("21 pipes")


def test_a_place_in_line_that_nobody_holds(house: World) -> None:
    house.ask("planning", "echo: say hello")
    place = house.agent_dir() / "line" / f"0000000009-{house.task()['task_id']}"
    place.touch()
    assert seen(leftovers.places).repair == f"rm {place}"


def test_an_agent_whose_status_is_damaged(house: World) -> None:
    house.start()
    (house.agent_dir() / "status.json").write_text("{")
    assert (seen(leftovers.agents).level, "is damaged" in seen(leftovers.agents).saw) == ("fail", True)


def test_an_agent_that_is_blocked(house: World) -> None:
    with house.begin("ask", "planning", "echo: ask Bash rm -r build") as asker:
        house.until_status("blocked")
        finding = seen(leftovers.agents)
        asker.kill()
    assert (finding.level, finding.repair) == ("warn", "flowloom attach planning@site")


def test_an_agent_whose_hook_is_gone(house: World) -> None:
    house.start()
    (house.state / "hooks" / "agent-event").unlink()
    assert "nothing it does is heard" in seen(leftovers.agents).saw


def test_a_window_that_is_in_no_record(house: World) -> None:
    house.start()
    made = ["new-window", "-d", "-n", "stray", "-t", "=Claude:", "cat"]
    house.tmux(*made, ";", "set-option", "-p", "-t", "stray", "@flowloom_agent", "x@y")
    finding = seen(leftovers.windows)
    assert (finding.level, "of x@y" in finding.saw) == ("warn", True)
    house.run("sh", "-c", finding.repair.partition("then: ")[2])
    assert seen(leftovers.windows).level == "ok"


def test_a_task_that_nobody_waits_for(house: World) -> None:
    house.start()
    task_id = tasks.open_task(
        "planning@site", AgentRef("site", "planning"), "echo: say hello", asker="x", asker_kind="shell"
    )["task_id"]
    finding = seen(leftovers.tasks_unattended)
    assert (finding.level, finding.repair) == ("warn", f"flowloom wait {task_id}, or flowloom cancel {task_id}")
    assert house.flowloom("wait", task_id).stdout == b"hello"
    assert seen(leftovers.tasks_unattended).level == "ok"


def test_errors_and_bugs_that_nobody_was_told_of(house: World) -> None:
    log = house.state / "log"
    log.mkdir(exist_ok=True)
    (log / "bug-20260101-000000-1.txt").write_text("x")
    assert (seen(leftovers.bug_reports).level, "FlowLoom: 1, " in seen(leftovers.bug_reports).saw) == ("warn", True)
    house.start()
    whose = {"FLOWLOOM_AGENT_DIR": str(house.agent_dir())}
    house.run(hook_path("agent-event"), "claude", stdin=b"no JSON", env=whose)
    finding = seen(leftovers.logged_errors)
    assert (finding.level, "by spool" in finding.saw) == ("warn", True)


def test_a_round_trip_that_ends_in_another_way_says_how(
    house: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "hooks"
    folder.mkdir()
    monkeypatch.setenv("VISUAL", script(folder / "editor", "echo it broke >&2", "exit 7"))
    (house.home / ".claude" / "settings.json").write_text("{}")
    finding = seen(round_trip.echo)
    assert (finding.level, finding.saw) == ("fail", f"{folder}/editor failed (exit 7): it broke")
