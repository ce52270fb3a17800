"""What every provider must answer; one set of tests for each member that is found."""

from __future__ import annotations

import ast
import glob
import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from flowloom.errors import UsageError
from flowloom.providers import registry
from flowloom.turns.states import Event

MEMBERS = registry.names()
HERE = Path(registry.__file__).parent


@pytest.fixture(params=MEMBERS)
def member(request: pytest.FixtureRequest) -> Any:
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
        "settings_path": "/state/agents/site/planning/settings.json",
        "system_prompt": "You are planning@site.\nBe brief.",
        "args": ["--model", "x y"],
        "user_mode": "",
        "release": "",
        **more,
    }


def test_the_built_in_members_are_found_by_their_files() -> None:
    assert {"claude", "echo"} <= set(MEMBERS)


def protocol() -> dict[str, list[str]]:
    """Return the functions of the protocol with the names of their arguments."""
    tree = ast.parse((HERE / "protocol.py").read_text())
    (found,) = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == "Provider"]
    return {
        node.name: [argument.arg for argument in node.args.args[1:]]
        for node in found.body
        if isinstance(node, ast.FunctionDef)
    }


def test_a_member_answers_the_whole_protocol(member: Any) -> None:
    wanted = protocol()
    assert len(wanted) > 10
    assert {name: list(inspect.signature(getattr(member, name)).parameters) for name in wanted} == wanted
    assert (type(member.NAME), type(member.LEAVE), type(member.CLEAR), type(member.EDITS)) == (str, str, list, bool)
    assert {**member.keys(""), "edit": []} == {"submit": ["Enter"], "stash": ["C-s"], "edit": []}
    assert member.CLEAR
    # Nothing of ours is left to be loaded in the middle of a wait.
    source = Path(str(member.__file__)).read_text()
    late = re.findall(r"^    +from (flowloom[\w.]*) import (\w+).*PLC0415", source, re.M)
    assert {f"{package}.{name}" for package, name in late} <= set(member.LATER)
    assert member.NAME in MEMBERS


TOUCHES = {"subprocess", "psutil", "libtmux", "termios", "time", "socket", "shutil", "signal", "pathlib"}


def test_a_member_touches_no_terminal_file_process_or_clock(member: Any) -> None:
    tree = ast.parse(inspect.getsource(member))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    sources = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    others = {name for name in sources if not name.startswith("flowloom.providers.")}
    assert imported & TOUCHES == set()
    assert others <= {"flowloom.errors", "typing", "__future__"}
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called & {"open", "print", "input", "exec", "eval"} == set()


def test_a_command_names_the_settings_and_the_session(member: Any) -> None:
    command = member.command(launch())
    assert command[0] == "/usr/bin/program"
    assert command[command.index("--settings") + 1] == "/state/agents/site/planning/settings.json"
    assert command[command.index("--session-id") + 1] == "5b1f"
    assert command.count("--settings") == 1
    assert "You are planning@site.\nBe brief." in command
    assert command[-2:] == ["--model", "x y"]
    assert "--resume" not in command


def test_a_conversation_is_resumed_by_its_id(member: Any) -> None:
    command = member.command(launch(resume=True))
    assert command[command.index("--resume") + 1] == "5b1f"
    assert "--session-id" not in command
    assert "--settings" in command


@pytest.mark.parametrize(
    ("folder", "version", "by"),
    [
        ("-home-dev-my-site", "2.1.197", "5b1f"),
        ("-home-dev-elsewhere", "2.1.197", "file"),
        ("-home-dev-elsewhere", "2.1.330", "5b1f"),
        ("-home-dev-elsewhere", "", "file"),
        ("", "2.1.197", "5b1f"),
    ],
)
def test_claude_code_resumes_a_conversation_of_another_folder_by_its_file(folder: str, version: str, by: str) -> None:
    file = f"/home/dev/.claude/projects/{folder}/5b1f.jsonl" if folder else ""
    given = launch(resume=True, transcript=file, dir="/home/dev/my site", release=version)
    command = registry.find("claude").command(given)
    assert command[command.index("--resume") + 1] == (file if by == "file" else by)


def test_values_are_values(member: Any) -> None:
    assert all(isinstance(value, str) for value in member.environment(launch()).values())
    assert isinstance(member.binary("claude"), str)
    assert all(isinstance(word, str) for word in [*member.release_command("x"), *member.sessions_command("x")])
    assert str(7) in member.session_file({"HOME": "/home/dev"}, 7)
    assert isinstance(member.enter_at_once("2.1.329"), bool)


@pytest.mark.parametrize(
    ("name", "scrubbed"),
    [
        ("CLAUDECODE", True),
        ("CLAUDE_CODE_ENTRYPOINT", True),
        ("CLAUDE_CODE_SSE_PORT", True),
        ("CLAUDE_CODE_SESSION_ID", True),
        ("CLAUDE_CODE_CHILD_SESSION", True),
        ("CLAUDE_PID", True),
        ("CLAUDE_PLUGIN_ROOT", True),
        ("CLAUDE_CODE_RESUME_INTERRUPTED_TURN", True),
        ("PATH", False),
        ("HOME", False),
        ("ANTHROPIC_API_KEY", False),
        ("ANTHROPIC_BASE_URL", False),
        ("CLAUDE_CONFIG_DIR", False),
        ("CLAUDE_CODE_MAX_RETRIES", False),
        ("CLAUDE_CODE_USE_BEDROCK", False),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", False),
        ("MY_CLAUDECODE", False),
    ],
)
def test_another_claudes_variables_are_scrubbed_and_the_users_stay(member: Any, name: str, scrubbed: bool) -> None:
    assert member.scrub(name) is scrubbed


# Settings.

OURS = {"type": "command", "command": "sh hook member", "timeout": 30}


def hooks_of(document: dict[str, Any], event: str) -> list[Any]:
    return [hook for group in document["hooks"][event] for hook in group["hooks"]]


EVENTS = [
    "SessionStart",
    "UserPromptSubmit",
    "PermissionRequest",
    "PostToolUse",
    "Stop",
    "StopFailure",
    "SessionEnd",
    "Notification",
]


def test_the_settings_let_every_event_be_heard(member: Any) -> None:
    document = member.settings("sh hook member", [])
    for event in EVENTS:
        assert document["hooks"][event] == [{"hooks": [OURS]}]
    assert json.loads(json.dumps(document)) == document


def test_the_users_settings_and_hooks_stay(member: Any) -> None:
    theirs = {"hooks": [{"type": "command", "command": "theirs"}]}
    first = {"model": "x", "hooks": {"Stop": [theirs], "PreCompact": [theirs]}, "disableAllHooks": False}
    second = {"model": "y", "env": {"A": "1", "B": "2"}, "hooks": {"Stop": [{"hooks": [{"command": "more"}]}]}}
    third = {"env": {"B": "3"}}
    document = member.settings("sh hook member", [first, second, third])
    assert (document["model"], document["env"]) == ("y", {"A": "1", "B": "3"})
    assert hooks_of(document, "Stop") == [theirs["hooks"][0], {"command": "more"}, OURS]
    assert document["hooks"]["PreCompact"] == [theirs]
    assert first["hooks"] == {"Stop": [theirs], "PreCompact": [theirs]}


def test_settings_that_would_silence_the_hooks_are_refused(member: Any) -> None:
    with pytest.raises(UsageError, match="disableAllHooks"):
        member.settings("sh hook member", [{"model": "x"}, {"disableAllHooks": True}])


def test_variables_that_are_none_are_refused_by_name(member: Any) -> None:
    with pytest.raises(UsageError, match="env"):
        member.settings("sh hook member", [{"env": ["A=1"]}])


@pytest.mark.parametrize(
    "document",
    [
        {"hooks": []},
        {"hooks": "x"},
        {"hooks": {"Stop": {}}},
        {"hooks": {"Stop": None}},
    ],
)
def test_hooks_that_are_none_are_refused_by_name(member: Any, document: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="hooks"):
        member.settings("sh hook member", [document])


# Reports.

COMMON = {"session_id": "s1", "transcript_path": "/t.jsonl", "cwd": "/x", "prompt_id": "p1"}
SAID = {"session_id": "s1", "transcript": "/t.jsonl", "prompt_id": "p1", "subagent": ""}
BASH = {"tool_name": "Bash", "tool_input": {"command": "rm -r\n build", "description": "x"}}
BASH_CALL = 'Bash{"command": "rm -r\\n build", "description": "x"}'


def asks(kind: str, text: str, call: str, *options: str) -> dict[str, Any]:
    return {"event": "ask", "question": {"kind": kind, "text": text, "how": "", "call": call, "options": [*options]}}


PORT = {"options": [{"label": "1"}, {"label": "2"}], "question": "Which port?"}
HIT = "You've hit your 5-hour limit · resets 3:43pm (UTC)"
MATE = {"id": "t1", "type": "teammate", "status": "running"}
SERVER = " This is a server-side issue, usually temporary — try again in a moment."
FAILURES = [
    ("server_error", f"API Error: 529 Overloaded.{SERVER}", "529 Overloaded; send it again"),
    ("unknown", "API Error: 400 bad\nrequest", "400 bad request"),
    ("authentication_failed", "Please run /login · API Error: 403 You may not.", "403 You may not"),
    (
        "authentication_failed",
        "Please run /login · API Error: 401 bad key",
        "401 bad key; it is not logged in (authentication_failed); run /login in its window",
    ),
    (
        "authentication_failed",
        "Not logged in · Please run /login",
        "it is not logged in (authentication_failed); run /login in its window",
    ),
]
NOTIFICATIONS = [
    ("permission_prompt", "permission"),
    ("elicitation_dialog", "elicitation"),
    ("elicitation_url_dialog", "elicitation"),
    ("agent_needs_input", "question"),
    ("idle_prompt", ""),
    ("quota_auto_resume_fired", ""),
    ("of_a_later_release", ""),
]
REPORTS: list[tuple[str, dict[str, Any], dict[str, Any] | None]] = [
    ("SessionStart", {"source": "startup"}, {"event": "up", "source": "startup"}),
    ("SessionStart", {"source": "compact"}, {"event": "up", "source": "compact"}),
    ("SessionStart", {}, {"event": "up", "source": "startup"}),
    ("UserPromptSubmit", {"prompt": "do it"}, {"event": "accept", "prompt": "do it"}),
    (
        "UserPromptSubmit",
        {"prompt": "<task-notification>\n<task-id>b1</task-id>"},
        {"event": "accept", "prompt": "<task-notification>\n<task-id>b1</task-id>", "source": "own", "ended": ["b1"]},
    ),
    ("PermissionRequest", BASH, asks("permission", "Bash: rm -r build", BASH_CALL)),
    ("PermissionRequest", {"tool_name": "Task", "tool_input": {}}, asks("permission", "Task", "Task{}")),
    (
        "PermissionRequest",
        {"tool_name": "AskUserQuestion", "tool_input": {"questions": [{"question": "Which colour?"}]}},
        asks("question", "Which colour?", 'AskUserQuestion{"questions": [{"question": "Which colour?"}]}'),
    ),
    (
        "PermissionRequest",
        {"tool_name": "AskUserQuestion", "tool_input": {"questions": [PORT]}},
        asks("question", "Which port?", f'AskUserQuestion{{"questions": [{json.dumps(PORT, sort_keys=True)}]}}', *"12"),
    ),
    *(
        (
            "PermissionRequest",
            {"tool_name": "AskUserQuestion", "tool_input": {"questions": form}},
            asks("question", "Which port?", f'AskUserQuestion{{"questions": {json.dumps(form, sort_keys=True)}}}'),
        )
        for form in ([PORT, PORT], [{**PORT, "multiSelect": True}])
    ),
    (
        "PermissionRequest",
        {"tool_name": "AskUserQuestion", "tool_input": {}},
        asks("question", "", "AskUserQuestion{}"),
    ),
    (
        "PermissionRequest",
        {"tool_name": "ExitPlanMode", "tool_input": {"plan": "x"}},
        asks("plan", "approve its plan?", 'ExitPlanMode{"plan": "x"}'),
    ),
    ("Notification", {"message": "needs your permission"}, asks("permission", "needs your permission", "")),
    ("PostToolUse", BASH, {"event": "sign", "call": BASH_CALL}),
    ("PostToolUseFailure", BASH, {"event": "sign", "call": BASH_CALL}),
    ("Stop", {"last_assistant_message": "hi"}, {"event": "stop", "message": "hi", "background": []}),
    ("Stop", {"last_assistant_message": None}, {"event": "stop", "message": "", "background": []}),
    (
        "Stop",
        {
            "last_assistant_message": "hi",
            "background_tasks": [{"id": "b1", "type": "shell"}, {"task_id": "b2"}, "b3", MATE],
        },
        {"event": "stop", "message": "hi", "background": ["b1", "b2", "b3"]},
    ),
    (
        "StopFailure",
        {"error": "rate_limit", "last_assistant_message": "API Error"},
        {"event": "fail", "error": "API Error; send it again later", "message": "API Error"},
    ),
    *(
        (
            "StopFailure",
            {"error": kind, "last_assistant_message": message},
            {"event": "fail", "error": said, "message": message},
        )
        for kind, message, said in FAILURES
    ),
    (
        "StopFailure",
        {"error": "rate_limit", "last_assistant_message": HIT},
        {"event": "fail", "error": HIT, "message": HIT, "limited": True},
    ),
    (
        "UserPromptSubmit",
        {"prompt": "Your claude.ai usage limit has reset. Continue the task"},
        {
            "event": "accept",
            "prompt": "Your claude.ai usage limit has reset. Continue the task",
            "source": "own",
            "ended": [],
        },
    ),
    ("StopFailure", {"error": "odd"}, {"event": "fail", "error": "odd", "message": ""}),
    ("StopFailure", {}, {"event": "fail", "error": "unknown", "message": ""}),
    *(
        (
            "Notification",
            {"notification_type": kind, "message": "answer me"},
            asks(asked, "answer me", "") if asked else {"event": "notice", "source": kind, "message": "answer me"},
        )
        for kind, asked in NOTIFICATIONS
    ),
    (
        "PermissionDenied",
        {**BASH, "reason": "it removes\n much"},
        {"event": "notice", "source": "denied", "message": "Bash: rm -r build: it removes much"},
    ),
    (
        "PermissionDenied",
        {},
        {"event": "notice", "source": "denied", "message": "a tool: no reason given"},
    ),
    ("SessionEnd", {"reason": "clear"}, {"event": "end", "reason": "clear"}),
    ("SessionEnd", {}, {"event": "end", "reason": ""}),
    ("PreCompact", {"trigger": "auto"}, None),
    ("SomethingNew", {}, None),
]


@pytest.mark.parametrize(("event", "payload", "said"), REPORTS)
def test_a_payload_is_reported_in_our_words(
    member: Any, event: str, payload: dict[str, Any], said: dict[str, Any] | None
) -> None:
    report = member.report({**COMMON, "hook_event_name": event, **payload})
    assert report == (None if said is None else {**SAID, **said})


def test_the_permission_and_the_end_of_its_tool_are_the_same_call(member: Any) -> None:
    asked = member.report({**COMMON, "hook_event_name": "PermissionRequest", **BASH})
    ended = member.report({**COMMON, "hook_event_name": "PostToolUse", **BASH, "tool_use_id": "t1"})
    assert asked["question"]["call"] == ended["call"]


def test_a_subagents_report_is_marked(member: Any) -> None:
    report = member.report({**COMMON, "hook_event_name": "Stop", "agent_id": "a1"})
    assert report["subagent"] == "a1"


@pytest.mark.parametrize("payload", [{}, {"hook_event_name": None}, {"hook_event_name": 7}])
def test_a_payload_that_says_nothing_is_nothing(member: Any, payload: dict[str, Any]) -> None:
    assert member.report(payload) is None


def test_only_events_that_we_know_are_reported(member: Any) -> None:
    reports = [member.report({"hook_event_name": event, **payload}) for event, payload, said in REPORTS if said]
    assert {report["event"] for report in reports} <= set(Event)


# Screens and sessions.


@pytest.mark.parametrize("screen", ["", "\n" * 50, "$ ", "─" * 80, "\x1b[7m❯\xa0\x1b[0m", "─" * 80 + "\n" + "─" * 80])
def test_a_screen_that_shows_nothing_known_is_never_free(member: Any, screen: str) -> None:
    seen = member.read_screen(screen)
    assert (seen["kind"], seen["keys"]) == ("none", [])
    known = {"kind", "busy", "draft", "cut", "question", "keys", "stashed", "title", "field", "safe"}
    assert set(seen) == known
    assert member.refusal(screen) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"pid": 7, "status": "idle"}', "idle"),
        ('{"pid": 7, "status": "busy"}', "busy"),
        ('{"pid": 7, "status": "waiting", "waitingFor": "permission prompt"}', "waiting"),
        ('{"pid": 7, "status": "shell"}', "idle"),
        ('{"pid": 7, "status": "stopped"}', ""),
        ('{"pid": 7}', ""),
        ('{"pid": 8, "status": "idle"}', ""),
        ('[{"pid": 8, "status": "idle"}, {"pid": 7, "status": "busy"}]', "busy"),
        ("[]", ""),
        ("[7]", ""),
        ("", ""),
        ('{"pid": 7, "sta', ""),
    ],
)
def test_a_session_says_what_it_does_or_nothing(member: Any, text: str, said: str) -> None:
    assert member.read_sessions(text, 7) == said


@pytest.mark.parametrize(("status", "said"), [("idle", ""), ("shell", ""), ("busy", "busy"), ("waiting", "waiting")])
def test_a_session_that_was_idle_before_the_turn_says_nothing_about_it(member: Any, status: str, said: str) -> None:
    text = json.dumps({"pid": 7, "status": status, "statusUpdatedAt": 1_000_999})
    assert member.read_sessions(text, 7, since_s=1001.0) == said
    assert member.read_sessions(text, 7, since_s=1000.5) in ("idle", status)


@pytest.mark.parametrize("raw", [b"", b"\xff\n{", b"[]\nnull\n7\n", b'{"message": null}\n'])
def test_a_transcript_without_the_task_has_no_reply(member: Any, raw: bytes) -> None:
    assert member.reply_in_transcript(raw, "7k2m") is None


# Claude Code alone.


def test_a_conversation_is_looked_for_in_every_project(tmp_path: Path) -> None:
    home = tmp_path / "a [home]"
    kept = home / ".claude/projects/-site--worktrees-x/5b1f.jsonl"
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert glob.glob(claude.conversation_files({"HOME": str(home)}, "5b1f")) == [str(kept)]
    assert glob.glob(claude.conversation_files({"HOME": str(home)}, "other")) == []
    moved = {"HOME": "/nowhere", "CLAUDE_CONFIG_DIR": str(home / ".claude")}
    assert glob.glob(claude.conversation_files(moved, "5b1f")) == [str(kept)]


@pytest.mark.parametrize(
    ("raw", "resumable"),
    [
        (b"", False),
        (b'{"type":"custom-title","customTitle":"planning@site"}\n{"type":"mode","mode":"normal"}\n', False),
        (b'{"type":"mode"}\n{"parentUuid":null,"type":"user","message":{"role":"user","content":"hello"}}\n', True),
        (b'cut","type":"assistant","message":{}}\n', True),
        (b'{"type":"summary","summary":"\\"type\\":\\"user\\""}\n', False),
    ],
)
def test_a_conversation_without_a_message_cannot_be_resumed(raw: bytes, resumable: bool) -> None:
    assert claude.resumable(raw) == resumable


claude = importlib.import_module("flowloom.providers.claude.program")


def entry(kind: str, content: Any, **more: Any) -> bytes:
    return json.dumps({"type": kind, "message": {"role": kind, "content": content}, **more}).encode() + b"\n"


ASKED = entry("user", "[flowloom task 7k2m from chief] do it\nsay hi\n[end of task 7k2m]")


@pytest.mark.parametrize(
    ("transcript", "reply"),
    [
        (ASKED, None),
        (ASKED + entry("assistant", [{"type": "text", "text": "hi"}]), "hi"),
        (ASKED + entry("assistant", "hi"), "hi"),
        (ASKED + entry("assistant", None), None),
        (ASKED + entry("assistant", [{"type": "text", "text": "let me see"}, {"type": "tool_use"}]), "let me see"),
        (
            ASKED + entry("assistant", "first") + entry("user", [{"type": "tool_result"}]) + entry("assistant", "hi"),
            "hi",
        ),
        (ASKED + entry("assistant", "hi") + entry("assistant", "aside", isSidechain=True), "hi"),
        (ASKED + entry("assistant", "API Error: 529", isApiErrorMessage=True), None),
        (ASKED + entry("assistant", "hal") + entry("user", "[Request interrupted by user]"), None),
        (ASKED + entry("assistant", "hi") + b'{"type": "assi', "hi"),
        (b'half a line"}\n' + ASKED + entry("assistant", "hi"), "hi"),
        (entry("assistant", "before") + ASKED + entry("assistant", "hi"), "hi"),
        (ASKED + entry("assistant", "old") + ASKED + entry("assistant", "hi"), "hi"),
        (ASKED + entry("assistant", "hi") + entry("user", "and now?") + entry("assistant", "another answer"), "hi"),
        (
            ASKED
            + entry("assistant", "hi")
            + entry("user", "[flowloom task abcd from chief] x")
            + entry("assistant", "b"),
            "hi",
        ),
        (
            ASKED + entry("assistant", "as I was asked in [flowloom task 7k2m from chief]"),
            "as I was asked in [flowloom task 7k2m from chief]",
        ),
    ],
)
def test_the_reply_of_a_lost_stop_is_found_in_the_transcript(transcript: bytes, reply: str | None) -> None:
    assert claude.reply_in_transcript(transcript, "7k2m") == reply


@pytest.mark.parametrize(
    ("version", "at_once"),
    [("2.1.197", False), ("2.1.259", False), ("2.1.260", True), ("2.1.329", True), ("3.0.0", True), ("", True)],
)
def test_enter_follows_the_paste_at_once_where_the_release_takes_it(version: str, at_once: bool) -> None:
    assert claude.enter_at_once(version) is at_once


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"HOME": "/home/dev"}, "/home/dev/.claude/sessions/7.json"),
        ({"HOME": "/home/dev", "CLAUDE_CONFIG_DIR": "/c"}, "/c/sessions/7.json"),
    ],
)
def test_the_session_file_lies_where_the_configuration_does(environment: dict[str, str], path: str) -> None:
    assert claude.session_file(environment, 7) == path


@pytest.mark.parametrize(
    ("mode", "args", "words"),
    [
        ("", [], []),
        ("acceptEdits", [], []),
        ("plan", [], ["--permission-mode", "default"]),
        ("plan", ["--permission-mode", "plan"], ["--permission-mode", "plan"]),
    ],
)
def test_an_agent_is_never_in_plan_mode_by_default(mode: str, args: list[str], words: list[str]) -> None:
    command = claude.command(launch(user_mode=mode, args=args))
    assert command[command.index("--append-system-prompt") + 2 :] == words


# A member of somebody else's.

THEIRS = """
from flowloom.providers.echo.program import *
from flowloom.providers.echo.program import settings, report, scrub, read_sessions, refusal
NAME = "mine"
"""


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that declares a provider."""
    (tmp_path / "my_provider.py").write_text(THEIRS)
    info = tmp_path / "my_provider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-provider\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[flowloom.providers]\nmine = my_provider\n")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("theirs")
def test_a_member_of_somebody_elses_is_found_by_its_entry_point() -> None:
    assert registry.names() == sorted([*MEMBERS, "mine"])
    mine: Any = registry.find("mine")
    assert mine.NAME == "mine"
    for name, arguments in protocol().items():
        assert list(inspect.signature(getattr(mine, name)).parameters) == arguments
    assert registry.find("echo").NAME == "echo"


@pytest.mark.parametrize("name", ["nobody", "", "../claude", "__init__", "claude.py", "a-b"])
def test_a_member_that_does_not_exist_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(UsageError, match="there is no provider") as caught:
        registry.find(name)
    assert caught.value.hint == f"there are: {', '.join(MEMBERS)}"


def entries(*said: str) -> bytes:
    """Return a transcript of `WHO ID REASON TEXT` lines; a tool's call and its end are `call` and `result`."""
    lines = []
    for line in said:
        who, name, reason, text = line.split(" ", 3)
        block = {"call": "tool_use", "result": "tool_result"}.get(who, "text")
        kind = "assistant" if who in ("assistant", "call", "error") else "user"
        message = {"id": name, "stop_reason": reason, "content": [{"type": block, "text": text}]}
        lines.append(json.dumps({"type": kind, "message": message, "isApiErrorMessage": who == "error"}))
    return "\n".join(lines).replace('": "', '":"').encode()


CUTS = [
    (["user u - do it", "assistant m1 end_turn two"], "two"),
    (["assistant m0 end_turn zero", "assistant m1 max_tokens one", "assistant m2 end_turn two"], "one\n\ntwo"),
    (
        ["assistant m1 max_tokens one", "user u - Output token limit hit. Go on", "assistant m2 end_turn two"],
        "one\n\ntwo",
    ),
    (["assistant m1 max_tokens one", "user u - what a person says", "assistant m2 end_turn two"], "two"),
    (["assistant m1 max_tokens one", "call m1 max_tokens x", "result u - y", "assistant m2 end_turn two"], "two"),
    (["assistant m1 max_tokens a", "assistant m1 max_tokens b", "assistant m2 end_turn two"], "a\n\nb\n\ntwo"),
    (["assistant m1 max_tokens one"], None),
    ([], None),
]


@pytest.mark.parametrize(("said", "whole"), CUTS)
def test_the_parts_of_a_reply_that_the_output_limit_cut_are_joined(said: list[str], whole: str | None) -> None:
    assert claude.joined(entries(*said), "two") == whole


def test_what_was_said_before_a_turn_was_given_up_ends_with_its_error() -> None:
    said = ["user u - do it", "assistant m1 max_tokens one", "assistant m2 max_tokens two", "error m3 - too long"]
    assert claude.joined(entries(*said), "") == "one\n\ntwo"
    assert claude.joined(entries(*said[:-1]), "") is None
