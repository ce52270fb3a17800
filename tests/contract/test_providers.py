"""What every provider must answer, for each capability that it declares; one set of tests for each member there is.

`notifier` is a provider of another package, found by its entry point: a program without settings, that passes its
payloads as arguments and gives no receipt.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.world import ROOT

from flowloom.errors import UsageError
from flowloom.providers import protocol, registry
from flowloom.turns.states import Event

NOTIFIER = ROOT / "tests" / "support" / "notifier"
# The protocol of each capability, by the name of its module.
PROTOCOLS = {
    "program": "Launcher",
    "dialect": "Dialect",
    "screen": "ScreenReader",
    "session": "SessionReader",
    "memory": "Memory",
}
BUILT_IN = ["claude", "echo"]
MEMBERS = [*BUILT_IN, "notifier"]
TREE = ast.parse(Path(protocol.__file__).read_text())


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(NOTIFIER))


@pytest.fixture(params=MEMBERS)
def member(request: pytest.FixtureRequest) -> registry.Provider:
    """One provider."""
    return registry.find(request.param)


def launch(**more: Any) -> Any:
    return {
        "binary": "/usr/bin/program",
        "agent_id": "planning@site",
        "agent_dir": "/state/agents/site/planning",
        "session_id": "5b1f",
        "resume": False,
        "transcript": "",
        "dir": "/home/dev/site",
        "checkout": "/home/dev/site",
        "files_dir": "/state/agents/site/planning/program",
        "hook": ["sh", "/state/my hooks/agent-event", "member"],
        "editor": "",
        "system_prompt": "You are planning@site.\nBe brief.",
        "args": ["--model", "x y"],
        "environment": {"HOME": "/home/dev"},
        "read": {},
        "unread": {},
        "release": "",
        **more,
    }


def declared(member: registry.Provider) -> dict[str, Any]:
    """Return the modules of the capabilities that a member declares."""
    return {name: importlib.import_module(f"{member.package}.{name}") for name in PROTOCOLS if member.declares(name)}


def wanted(capability: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the values of a capability with their types, and its functions with the names of their arguments."""
    (found,) = [node for node in TREE.body if isinstance(node, ast.ClassDef) and node.name == PROTOCOLS[capability]]
    values = {
        ast.unparse(node.target): ast.unparse(node.annotation) for node in found.body if isinstance(node, ast.AnnAssign)
    }
    functions = [node for node in found.body if isinstance(node, ast.FunctionDef)]
    return values, {node.name: [argument.arg for argument in node.args.args[1:]] for node in functions}


def test_members_are_found_by_their_folders_and_entry_points() -> None:
    assert registry.names() == sorted(MEMBERS)
    assert [registry.find(name).package for name in MEMBERS] == [
        "flowloom.providers.claude",
        "flowloom.providers.echo",
        "notifier",
    ]


@pytest.mark.parametrize("name", ["nobody", "", "../claude", "__init__", "claude.py", "a-b", "undeclared", "registry"])
def test_a_member_that_does_not_exist_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(UsageError, match="there is no provider") as caught:
        registry.find(name)
    assert caught.value.hint == f"there are: {', '.join(registry.names())}"


def test_a_member_whose_package_is_broken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "__init__.py").touch()
    (tmp_path / "torn" / "dialect.py").write_text("import nothing_of_that_name\n")
    info = tmp_path / "torn-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torn\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[flowloom.providers]\ntorn = torn\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        UsageError, match="the provider 'torn' cannot be loaded: No module named 'nothing_of_that_name'"
    ):
        _ = registry.find("torn").dialect


def test_a_member_declares_a_program_and_a_dialect_and_says_how_its_start_is_seen(member: registry.Provider) -> None:
    assert {"program", "dialect"} <= set(declared(member))
    # Without either, nothing would tell when a prompt can be typed.
    assert "screen" in declared(member) or Event.UP in member.dialect.EVENTS
    # A receipt in the transcript needs one.
    assert member.dialect.RECEIPT != "transcript" or "memory" in declared(member)


def test_each_capability_has_all_that_its_protocol_names(member: registry.Provider) -> None:
    for capability, module in declared(member).items():
        values, functions = wanted(capability)
        assert {name for name in values if not hasattr(module, name)} == set(), capability
        found = {name: list(inspect.signature(getattr(module, name)).parameters) for name in functions}
        assert found == functions, capability


def test_what_is_not_declared_is_answered_all_the_same() -> None:
    for capability in registry.OPTIONAL:
        module = importlib.import_module(f"{registry.ABSENT}.{capability}")
        values, functions = wanted(capability)
        assert {name for name in values if not hasattr(module, name)} == set()
        assert {name: list(inspect.signature(getattr(module, name)).parameters) for name in functions} == functions
    notifier = registry.find("notifier")
    assert [notifier.declares(name) for name in registry.OPTIONAL] == [False, False, False]
    assert notifier.screen.read("$ ")["kind"] == "box"


TOUCHES = {"subprocess", "psutil", "libtmux", "termios", "time", "socket", "shutil", "signal", "pathlib"}
OURS = (
    "flowloom.errors",
    "flowloom.store",
    "flowloom.providers",
    "flowloom.tasks",
    "flowloom.terminal",
    "typing",
    "__future__",
)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_capability_touches_no_terminal_file_process_or_clock(name: str) -> None:
    for module in declared(registry.find(name)).values():
        tree = ast.parse(inspect.getsource(module))
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        sources = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert imported & TOUCHES == set()
        assert [source for source in sources if not source.startswith(OURS)] == []
        # Laziness by package, not by function.
        assert [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.col_offset > 4] == []
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert {each.id for each in calls if isinstance(each, ast.Name)} & {
            "open",
            "print",
            "input",
            "exec",
            "eval",
        } == set()


@pytest.mark.parametrize("name", MEMBERS)
def test_a_hook_call_loads_the_dialect_and_no_other_capability(name: str) -> None:
    code = (
        f"import sys; sys.path[:0] = [{str(ROOT / 'src')!r}, {str(NOTIFIER)!r}]\n"
        f"from flowloom.providers import registry\nregistry.find({name!r}).dialect.report({{}})\n"
        "print(*sorted(m for m in sys.modules if m.split('.')[-1] in ('program', 'screen', 'session', 'memory')))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# The program.


def test_a_command_starts_the_program_with_its_role_and_the_users_arguments(member: registry.Provider) -> None:
    command = member.program.command(launch())
    assert command[0] == "/usr/bin/program"
    assert "You are planning@site.\nBe brief." in command
    assert command[-2:] == ["--model", "x y"]
    assert all(isinstance(word, str) for word in command)


def test_the_program_is_told_how_to_report(member: registry.Provider) -> None:
    """The path of the hook stands in a file or in an argument: without it, nothing would be heard."""
    told = b"".join(member.program.files(launch()).values()).decode() + " ".join(member.program.command(launch()))
    assert "/state/my hooks/agent-event" in told


def test_a_conversation_is_resumed_by_its_id_where_it_is_kept(member: registry.Provider) -> None:
    begun, resumed = member.program.command(launch()), member.program.command(launch(resume=True))
    assert ("5b1f" in resumed) is member.declares("memory")
    assert (begun != resumed) is member.declares("memory")


def test_files_lie_below_their_folder(member: registry.Provider) -> None:
    for name, raw in member.program.files(launch()).items():
        assert os.path.normpath(name) == name
        assert not name.startswith(("/", ".."))
        assert isinstance(raw, bytes)


def test_values_are_values(member: registry.Provider) -> None:
    program = member.program
    assert all(isinstance(value, str) for value in program.environment(launch()).values())
    assert isinstance(program.binary("claude"), str)
    assert all(isinstance(word, str) for word in program.release_command("x"))
    assert isinstance(program.enter_at_once("1.0"), bool)
    assert [path for path in (*program.named(launch()), *program.reads(launch())) if not path.startswith("/")] == []
    program.check(launch())
    assert program.keys("")["submit"]
    assert program.CLEAR
    assert program.LEAVE
    assert set(program.TIMING) == set(protocol.Timing.__annotations__)
    timing: Any = program.TIMING
    assert all(seconds > 0 for seconds in timing.values())
    assert [program.scrub(name) for name in ("PATH", "HOME", "LANG")] == [False, False, False]
    printed = program.read_headless("", "it broke", 1)
    assert (printed["reply"], bool(printed["error"])) == (None, True)


# The dialect.


def test_only_events_that_we_know_are_declared(member: registry.Provider) -> None:
    assert set(Event) >= member.dialect.EVENTS
    assert Event.STOP in member.dialect.EVENTS
    # What confirms a prompt is an event of its own, or there is none.
    assert (member.dialect.RECEIPT == "hook") is (Event.ACCEPT in member.dialect.EVENTS)


@pytest.mark.parametrize(
    "payload", [{}, {"hook_event_name": None}, {"hook_event_name": 7}, {"type": None}, {"type": "unheard of"}]
)
def test_a_payload_that_says_nothing_is_nothing(member: registry.Provider, payload: dict[str, Any]) -> None:
    assert member.dialect.report(payload) is None


# The screen, the session, the memory.


@pytest.mark.parametrize("screen", ["", "\n" * 50, "$ ", "─" * 80, "\x1b[7m❯\xa0\x1b[0m", "─" * 80 + "\n" + "─" * 80])
def test_a_screen_that_shows_nothing_known_is_never_free(member: registry.Provider, screen: str) -> None:
    if not member.declares("screen"):
        return
    seen = member.screen.read(screen)
    assert (seen["kind"], seen["keys"], seen["question"]) == ("none", [], None)
    assert set(seen) == set(protocol.Screen.__annotations__)
    assert member.screen.refusal(screen) == ""
    assert member.screen.limit(screen) == ""
    assert member.screen.towards(screen, "Yes") == []
    asked: Any = {"kind": "permission", "text": "Bash: ls", "how": "", "call": "x", "options": []}
    assert not member.screen.shows(screen, asked)


@pytest.mark.parametrize("text", ["", "[]", "[7]", "null", '{"pid": 7, "sta', '{"pid": 8, "status": "idle"}'])
def test_a_session_file_that_says_nothing_of_a_session_says_nothing(member: registry.Provider, text: str) -> None:
    session = member.session
    assert (session.read_sessions(text, 7), session.read_waiting(text, 7)) == ("", "")
    assert (session.moved_to(text), session.shown(text), session.opened("")) == ("", "", False)
    assert not member.declares("session") or str(7) in session.session_file({"HOME": "/home/dev"}, 7)


@pytest.mark.parametrize("raw", [b"", b"\xff\n{", b"[]\nnull\n7\n", b'{"message": null}\n'])
def test_a_transcript_without_the_task_has_no_reply(member: registry.Provider, raw: bytes) -> None:
    assert member.memory.reply_in_transcript(raw, "7k2m") is None
    assert member.memory.joined(raw, "hi") in (None, "hi")


def test_the_notifier_is_heard_by_the_arguments_of_its_command() -> None:
    notifier = registry.find("notifier")
    command = notifier.program.command(launch())
    hook = json.loads(command[command.index("-c") + 1].removeprefix("notify="))
    assert hook == ["sh", "/state/my hooks/agent-event", "member"]
    assert notifier.program.files(launch()) == {}
    said: Any = notifier.dialect.report({"type": "turn-complete", "turn-id": "1", "last-message": "hi"})
    assert (said["event"], said["message"], said["prompt_id"]) == (Event.STOP, "hi", "1")
