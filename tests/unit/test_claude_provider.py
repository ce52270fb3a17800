"""Claude Code's own provider: its arguments, its settings, its payloads, its sessions and transcripts."""

from __future__ import annotations

import glob
import json
from pathlib import Path
from typing import Any

import pytest

from flowloom.errors import UsageError
from flowloom.providers.claude import dialect, memory, program, session, settings
from flowloom.providers.echo import dialect as echo_dialect
from flowloom.turns.states import Event


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
        "hook": ["sh", "/state/my hooks/agent-event", "claude"],
        "editor": "/state/hooks/agent/Editor",
        "system_prompt": "You are planning@site.\nBe brief.",
        "args": ["--model", "x y"],
        "environment": {"HOME": "/home/dev"},
        "read": {},
        "unread": {},
        "release": "",
        **more,
    }


def test_a_command_names_the_settings_and_the_session() -> None:
    command = program.command(launch())
    assert command[0] == "/usr/bin/program"
    assert command[command.index("--settings") + 1] == "/state/agents/site/planning/program/settings.json"
    assert command[command.index("--session-id") + 1] == "5b1f"
    assert command.count("--settings") == 1
    assert "You are planning@site.\nBe brief." in command
    assert command[-2:] == ["--model", "x y"]
    assert "--resume" not in command


def test_a_conversation_is_resumed_by_its_id() -> None:
    command = program.command(launch(resume=True))
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
    command = program.command(given)
    assert command[command.index("--resume") + 1] == (file if by == "file" else by)


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
def test_another_claudes_variables_are_scrubbed_and_the_users_stay(name: str, scrubbed: bool) -> None:
    assert program.scrub(name) is scrubbed


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


def test_the_settings_let_every_event_be_heard() -> None:
    document = settings.merged("sh hook member", [])
    for event in EVENTS:
        assert document["hooks"][event] == [{"hooks": [OURS]}]
    assert json.loads(json.dumps(document)) == document


def test_the_users_settings_and_hooks_stay() -> None:
    theirs = {"hooks": [{"type": "command", "command": "theirs"}]}
    first = {"model": "x", "hooks": {"Stop": [theirs], "PreCompact": [theirs]}, "disableAllHooks": False}
    second = {"model": "y", "env": {"A": "1", "B": "2"}, "hooks": {"Stop": [{"hooks": [{"command": "more"}]}]}}
    third = {"env": {"B": "3"}}
    document = settings.merged("sh hook member", [first, second, third])
    assert (document["model"], document["env"]) == ("y", {"A": "1", "B": "3"})
    assert hooks_of(document, "Stop") == [theirs["hooks"][0], {"command": "more"}, OURS]
    assert document["hooks"]["PreCompact"] == [theirs]
    assert first["hooks"] == {"Stop": [theirs], "PreCompact": [theirs]}


def test_settings_that_would_silence_the_hooks_are_refused() -> None:
    with pytest.raises(UsageError, match="disableAllHooks"):
        settings.merged("sh hook member", [{"model": "x"}, {"disableAllHooks": True}])


def test_variables_that_are_none_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match="env"):
        settings.merged("sh hook member", [{"env": ["A=1"]}])


@pytest.mark.parametrize(
    "document",
    [
        {"hooks": []},
        {"hooks": "x"},
        {"hooks": {"Stop": {}}},
        {"hooks": {"Stop": None}},
    ],
)
def test_hooks_that_are_none_are_refused_by_name(document: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="hooks"):
        settings.merged("sh hook member", [document])


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
    ("SessionStart", {"source": "startup"}, {"event": "up", "source": "started"}),
    ("SessionStart", {"source": "compact"}, {"event": "up", "source": "compacted"}),
    ("SessionStart", {}, {"event": "up", "source": "started"}),
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
            asks(asked, "answer me", "")
            if asked
            else {"event": "notice", "source": dialect.NOTICES.get(kind, kind), "message": "answer me"},
        )
        for kind, asked in NOTIFICATIONS
    ),
    (
        "PermissionDenied",
        {**BASH, "reason": "it removes\n much"},
        {"event": "notice", "source": "denied", "message": "auto mode denied Bash: rm -r build: it removes much"},
    ),
    (
        "PermissionDenied",
        {},
        {"event": "notice", "source": "denied", "message": "auto mode denied a tool: no reason given"},
    ),
    ("SessionEnd", {"reason": "clear"}, {"event": "end", "reason": "continues"}),
    ("SessionEnd", {}, {"event": "end", "reason": ""}),
    ("PreCompact", {"trigger": "auto"}, None),
    ("SomethingNew", {}, None),
]


@pytest.mark.parametrize(("event", "payload", "said"), REPORTS)
def test_a_payload_is_reported_in_our_words(event: str, payload: dict[str, Any], said: dict[str, Any] | None) -> None:
    report: Any = dialect.report({**COMMON, "hook_event_name": event, **payload})
    assert report == (None if said is None else {**SAID, **said})


def test_the_permission_and_the_end_of_its_tool_are_the_same_call() -> None:
    asked: Any = dialect.report({**COMMON, "hook_event_name": "PermissionRequest", **BASH})
    ended: Any = dialect.report({**COMMON, "hook_event_name": "PostToolUse", **BASH, "tool_use_id": "t1"})
    assert asked["question"]["call"] == ended["call"]


def test_a_subagents_report_is_marked() -> None:
    report: Any = dialect.report({**COMMON, "hook_event_name": "Stop", "agent_id": "a1"})
    assert report["subagent"] == "a1"


@pytest.mark.parametrize("payload", [{}, {"hook_event_name": None}, {"hook_event_name": 7}])
def test_a_payload_that_says_nothing_is_nothing(payload: dict[str, Any]) -> None:
    assert dialect.report(payload) is None


def test_only_events_that_we_know_are_reported() -> None:
    reports: list[Any] = [
        dialect.report({"hook_event_name": event, **payload}) for event, payload, said in REPORTS if said
    ]
    assert {report["event"] for report in reports} <= set(Event)


# Sessions and transcripts.


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
def test_a_session_says_what_it_does_or_nothing(text: str, said: str) -> None:
    assert session.read_sessions(text, 7) == said


@pytest.mark.parametrize(("status", "said"), [("idle", ""), ("shell", ""), ("busy", "busy"), ("waiting", "waiting")])
def test_a_session_that_was_idle_before_the_turn_says_nothing_about_it(status: str, said: str) -> None:
    text = json.dumps({"pid": 7, "status": status, "statusUpdatedAt": 1_000_999})
    assert session.read_sessions(text, 7, since_s=1001.0) == said
    assert session.read_sessions(text, 7, since_s=1000.5) in ("idle", status)
    assert session.read_sessions(text, 7, busy_since_s=1001.0) == (
        "" if status == "busy" else session.read_sessions(text, 7)
    )


@pytest.mark.parametrize("raw", [b"", b"\xff\n{", b"[]\nnull\n7\n", b'{"message": null}\n'])
def test_a_transcript_without_the_task_has_no_reply(raw: bytes) -> None:
    assert memory.reply_in_transcript(raw, "7k2m") is None


# Claude Code alone.


def test_a_conversation_is_looked_for_in_every_project(tmp_path: Path) -> None:
    home = tmp_path / "a [home]"
    kept = home / ".claude/projects/-site--worktrees-x/5b1f.jsonl"
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert glob.glob(memory.conversation_files({"HOME": str(home)}, "5b1f")) == [str(kept)]
    assert glob.glob(memory.conversation_files({"HOME": str(home)}, "other")) == []
    moved = {"HOME": "/nowhere", "CLAUDE_CONFIG_DIR": str(home / ".claude")}
    assert glob.glob(memory.conversation_files(moved, "5b1f")) == [str(kept)]


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
    assert memory.resumable(raw) == resumable


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
    assert memory.reply_in_transcript(transcript, "7k2m") == reply


@pytest.mark.parametrize(
    ("version", "at_once"),
    [("2.1.197", False), ("2.1.259", False), ("2.1.260", True), ("2.1.329", True), ("3.0.0", True), ("", True)],
)
def test_enter_follows_the_paste_at_once_where_the_release_takes_it(version: str, at_once: bool) -> None:
    assert program.enter_at_once(version) is at_once


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"HOME": "/home/dev"}, "/home/dev/.claude/sessions/7.json"),
        ({"HOME": "/home/dev", "CLAUDE_CONFIG_DIR": "/c"}, "/c/sessions/7.json"),
    ],
)
def test_the_session_file_lies_where_the_configuration_does(environment: dict[str, str], path: str) -> None:
    assert session.session_file(environment, 7) == path


def reading(path: str, document: Any) -> dict[str, bytes]:
    return {path: document if isinstance(document, bytes) else json.dumps(document).encode()}


USER = "/home/dev/.claude/settings.json"
HERE = "/home/dev/site/.claude/settings.json"


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
    read = reading(USER, {"permissions": {"defaultMode": mode}})
    command = program.command(launch(read=read, args=args))
    assert command[command.index("--append-system-prompt") + 2 :] == words
    # The stronger file counts, and one that is damaged is skipped.
    stronger = {**read, **reading(HERE, {"permissions": {"defaultMode": "acceptEdits"}})}
    assert "default" not in program.command(launch(read=stronger, args=args))
    assert program.command(launch(read={**read, **reading(HERE, b"{")}, args=args)) == command


def written(**more: Any) -> dict[str, Any]:
    (name,) = program.files(launch(**more))
    assert name == "settings.json"
    document: dict[str, Any] = json.loads(program.files(launch(**more))[name])
    return document


@pytest.mark.parametrize(
    ("more", "env"),
    [
        ({}, {"VISUAL": "/state/hooks/agent/Editor", "FLOWLOOM_VISUAL": ""}),
        ({"editor": ""}, None),
        ({"editor": "/a folder/Editor"}, None),
        (
            {"environment": {"HOME": "/home/dev", "VISUAL": "vi", "NO_COLOR": "1"}},
            {"NO_COLOR": "1", "VISUAL": "/state/hooks/agent/Editor", "FLOWLOOM_VISUAL": "vi"},
        ),
        (
            {"read": reading(USER, {"env": {"VISUAL": "nano"}})},
            {"VISUAL": "/state/hooks/agent/Editor", "FLOWLOOM_VISUAL": "nano"},
        ),
        (
            {"read": reading(f"{settings.managed_dir()}/managed-settings.d/10.json", {"env": {"VISUAL": "nano"}})},
            None,
        ),
    ],
)
def test_the_settings_lend_the_box_to_our_editor_unless_an_administrator_has_chosen_one(
    more: dict[str, Any], env: dict[str, str] | None
) -> None:
    document = written(**more)
    assert document.get("env") == env
    hook = document["hooks"]["Stop"][0]["hooks"][0]["command"]
    assert hook == "sh '/state/my hooks/agent-event' claude"


def test_why_hooks_are_silent_is_read_from_the_settings() -> None:
    assert program.silent(launch()) == ""
    assert program.silent(launch(read=reading(HERE, {"disableAllHooks": True}))) == f"{HERE} has disableAllHooks"


def test_the_settings_files_are_those_of_the_directory_and_of_its_checkout() -> None:
    here = launch(checkout="/home/dev/other", release="2.1.330")
    local = "/.claude/settings.local.json"
    managed = f"{settings.managed_dir()}/managed-settings"
    assert program.reads(here) == [
        *(USER, HERE, f"/home/dev/site{local}", f"/home/dev/other{local}"),
        *(f"{managed}.json", f"{managed}.d/*.json"),
    ]
    assert f"/home/dev/other{local}" not in program.reads(launch(checkout="/home/dev/other", release="2.1.197"))
    named = launch(args=["--settings", "~/mine.json", "--settings={}", "--settings", "x.json"])
    assert program.named(named) == ["/home/dev/mine.json", "/home/dev/site/x.json"]


def test_the_echo_agent_speaks_the_same() -> None:
    assert echo_dialect.report is dialect.report


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
    assert memory.joined(entries(*said), "two") == whole


def test_what_was_said_before_a_turn_was_given_up_ends_with_its_error() -> None:
    said = ["user u - do it", "assistant m1 max_tokens one", "assistant m2 max_tokens two", "error m3 - too long"]
    assert memory.joined(entries(*said), "") == "one\n\ntwo"
    assert memory.joined(entries(*said[:-1]), "") is None
