"""Claude Code. What a release does differently stands here as data."""

from __future__ import annotations

import json
import re

from flowloom.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.providers import Launch, Printed, Screen
    from flowloom.records import Question, Report

NAME = "claude"

# From this release on an Enter may follow a paste at once; before, it is swallowed
# now and then. Measured: 2.1.197 in 3 of 80, 2.1.260 and later never.
_ENTER_AT_ONCE = (2, 1, 260)

_ENVIRONMENT = {
    # The classic renderer: the fullscreen one asks a question at the first start.
    "CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN": "1",
    # A suggestion in the box would look like somebody's draft.
    "CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION": "false",
    # A survey takes the next digit that is typed.
    "CLAUDE_CODE_DISABLE_FEEDBACK_SURVEY": "1",
    # A resumed conversation must not go on by itself with the turn that was cut off.
    "CLAUDE_CODE_RESUME_INTERRUPTED_TURN": "0",
}
LEAVE = "/exit"
STASH = ["C-s"]
# Ctrl-C empties the box whatever is in it, in vim mode too; a second one within
# 2.5 s, or one on an empty box, begins to leave the program.
CLEAR = ["C-c"]
# Without colours a hint in the box looks like a draft. Claude Code reads these when it starts, before its settings.
COLOURLESS = ("NO_COLOR", "FORCE_COLOR", "CI")

# By these a Claude Code tells its children who they are. No re.compile here: hook calls need no pattern, 1 ms each.
_IDENTITY = (
    r"CLAUDECODE$|CLAUDE_(PID|EFFORT|ENV_FILE|PROJECT_DIR|PLUGIN_ROOT|PLUGIN_DATA|JOB_DIR)$"
    r"|CLAUDE_CODE_(ENTRYPOINT|SSE_PORT|EXECPATH|CHILD|PARENT|AGENT|TEAM|TASK_LIST|REMOTE|SESSION|BRIDGE"
    r"|CURRENT|CONTAINER_ID|HOST_|SIMPLE|PLAN_MODE|FORCE_FULL|IS_|TMUX|WORKER|ENVIRONMENT_|TAGS|INVOKED|RESUME)"
)

_EVENTS = {
    "SessionStart": "up",
    "UserPromptSubmit": "accept",
    "PermissionRequest": "ask",
    "Notification": "ask",
    "PostToolUse": "sign",
    "PostToolUseFailure": "sign",
    "Stop": "stop",
    "StopFailure": "fail",
    "SessionEnd": "end",
}

_ERRORS = {
    "authentication_failed": "it is not logged in (authentication_failed); run /login in its window",
    "rate_limit": "a rate limit (rate_limit); send it again later",
    "overloaded": "the API is overloaded (overloaded); send it again",
    "server_error": "the API failed (server_error); send it again",
}


def binary(claude: str) -> str:
    """Return the program to run; `claude` is the user's choice of Claude Code."""
    return claude


def release_command(binary: str) -> list[str]:
    """Return the command whose first word of output is the release."""
    return [binary, "--version"]


def environment(launch: Launch) -> dict[str, str]:
    """Return the variables that every agent gets."""
    return dict(_ENVIRONMENT)


def scrub(name: str) -> bool:
    """Tell whether a variable belongs to another Claude Code and would mislead this one."""
    return bool(re.match(_IDENTITY, name))


def command(launch: Launch) -> list[str]:
    """Return the command line of an interactive agent."""
    conversation = ["--resume" if launch["resume"] else "--session-id", launch["session_id"]]
    return [
        *(launch["binary"], *conversation, "--settings", launch["settings_path"], "-n", launch["agent_id"]),
        *("--append-system-prompt", launch["system_prompt"], *_mode(launch), *launch["args"]),
    ]


def _mode(launch: Launch) -> list[str]:
    """Return what keeps the agent from only planning where that is the user's default."""
    planning = launch["user_mode"] == "plan" and "--permission-mode" not in launch["args"]
    return ["--permission-mode", "default"] if planning else []


def headless(launch: Launch) -> list[str]:
    """Return the command line of `claude -p`, which says in JSON how it went."""
    return [
        *(launch["binary"], "-p", "--output-format", "json", "--session-id", launch["session_id"]),
        *("-n", launch["agent_id"], "--append-system-prompt", launch["system_prompt"], *_mode(launch), *launch["args"]),
    ]


def read_headless(stdout: str, stderr: str, exit_code: int | None) -> Printed:
    """Return the reply or the error that `claude -p --output-format json` printed."""
    from flowloom import printed  # noqa: PLC0415 - no hook call reads it

    said = printed.result(stdout)
    reply = printed.reply(said, exit_code)
    error = "" if reply is not None else printed.error(said, stdout, stderr, exit_code)
    return {"reply": reply, "error": error, "refused": [_question(call)["text"] for call in printed.denied(said)]}


def settings(hook: str, extra: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the settings document that makes the agent speak, with the user's own documents merged in.

    Raises:
        UsageError: one of them would silence our hooks.
    """
    merged: dict[str, Any] = {}
    for document in extra:
        if document.get("disableAllHooks"):
            raise UsageError(
                "the --settings given turn all hooks off (disableAllHooks), and without hooks an agent cannot answer",
                hint="leave disableAllHooks out",
            )
        hooks, theirs = {**merged.get("hooks", {})}, document.get("hooks", {})
        if not isinstance(theirs, dict) or not all(isinstance(groups, list) for groups in theirs.values()):
            raise UsageError("the hooks in the --settings given are no lists by event", hint="mend them")
        for event, groups in theirs.items():
            hooks[event] = [*hooks.get(event, []), *groups]
        if not isinstance(document.get("env", {}), dict):
            raise UsageError("the env in the --settings given is no object of variables", hint="mend it")
        env = {**merged.get("env", {}), **document.get("env", {})}
        merged = {**merged, **document, "hooks": hooks, **({"env": env} if env else {})}
    hooks = merged.setdefault("hooks", {})
    for event in _EVENTS:
        # The limit is the user's patience, not ours: a hook call takes 30 ms.
        group: dict[str, Any] = {"hooks": [{"type": "command", "command": hook, "timeout": 30}]}
        if event == "Notification":
            group["matcher"] = "permission_prompt|elicitation_dialog"
        hooks[event] = [*hooks.get(event, []), group]
    return merged


def report(payload: dict[str, Any]) -> Report | None:
    """Return what a hook's payload says in our words, None where it says nothing to us."""
    name = payload.get("hook_event_name", "")
    event = _EVENTS.get(name)
    if event is None:
        return None
    said: Report = {
        "event": event,
        "session_id": payload.get("session_id", ""),
        "transcript": payload.get("transcript_path", ""),
        "prompt_id": payload.get("prompt_id"),
        "subagent": bool(payload.get("agent_id")),
    }
    if event == "up":
        said["source"] = payload.get("source", "startup")
    elif event == "accept":
        said["prompt"] = payload.get("prompt", "")
        if said["prompt"].lstrip().startswith("<task-notification>"):
            said["source"] = "own"
    elif event == "ask":
        said["question"] = _question(payload)
    elif event == "sign":
        said["call"] = _call(payload)
    elif event == "stop":
        said["message"] = payload.get("last_assistant_message") or ""
        said["background"] = [_background(task) for task in payload.get("background_tasks") or []]
    elif event == "fail":
        error = str(payload.get("error") or "unknown")
        said["message"] = payload.get("last_assistant_message") or ""
        said["error"] = _ERRORS.get(error) or " ".join(said["message"].split())[:300] or error
    elif event == "end":
        said["reason"] = payload.get("reason", "")
    return said


def _call(payload: dict[str, Any]) -> str:
    """Return what tells one tool call from another; a PermissionRequest has no id of its own."""
    return str(payload.get("tool_name", "")) + json.dumps(payload.get("tool_input"), sort_keys=True)[:2000]


def _background(task: object) -> str:
    known = task if isinstance(task, dict) else {"id": task}
    return str(known.get("id") or known.get("task_id") or json.dumps(known, sort_keys=True))


def _question(payload: dict[str, Any]) -> Question:
    tool, given = payload.get("tool_name", ""), payload.get("tool_input") or {}
    if not tool:
        return {"kind": "permission", "text": payload.get("message", ""), "how": "", "call": ""}
    detail = given.get("command") or given.get("file_path") or given.get("url") or given.get("pattern") or ""
    if tool == "AskUserQuestion":
        asked = given.get("questions") or [{}]
        return {"kind": "question", "text": str(asked[0].get("question", "")), "how": "", "call": _call(payload)}
    if tool == "ExitPlanMode":
        return {"kind": "plan", "text": "approve its plan?", "how": "", "call": _call(payload)}
    text = f"{tool}: {detail}" if detail else tool
    return {"kind": "permission", "text": " ".join(text.split())[:300], "how": "", "call": _call(payload)}


# What stands on the screen.

# Words of a dialog, its kind, and what to do about it. The first match counts.
_DIALOGS = [
    (
        r"(?i)do you trust|is this a project you (created|trust)|trust this folder",
        "trust",
        "start it with --trust, or answer it in its window",
    ),
    (r"(?i)bypass permissions mode", "bypass warning", "answer it in its window"),
    (r"(?i)custom api key|use this api key", "API key", "answer it in its window"),
    (r"(?i)select login method|paste code here|browser didn't open", "login", "log in once in its window"),
    (r"(?i)choose the text style|let's get started|auto \(match terminal\)", "first start", "do it once in its window"),
    (r"(?i)fullscreen renderer", "renderer", "answer it in its window"),
    (r"(?i)mcp server", "MCP server", "answer it in its window"),
    (r"(?i)external imports|external claude\.md", "external imports", "answer it in its window"),
    (r"(?i)resume from summary|resume full session|resuming the full session", "resume", "answer it in its window"),
    (r"(?i)make auto mode your default", "auto mode", "answer it in its window"),
    (r"(?i)ready to code|would you like to proceed", "plan", "answer it in its window"),
    (r"(?i)do you want to", "permission", "answer it in its window"),
]
_NEW_SESSION = "describe a task for a new session"
_VIEWS = [
    (r"Showing detailed transcript", ["C-o"]),
    # On 2.1.197 an Escape there ends the process.
    (_NEW_SESSION, []),
    (r"(?m)^\s*Rewind$", ["Escape"]),
    (r"(?i)\besc(/\w+)* to (cancel|clear|close|exit|go back|dismiss)", ["Escape"]),
]
_LISTS = r"(?m)^\s*Select model$"  # numbered, but it asks nothing of anybody
# The colour of the box's sign while a turn runs. The words in the footer give way to other words.
_RUNNING = r"\x1b\[38;(5;246|2;153;153;153)m❯\xa0"


def read_screen(screen: str) -> Screen:
    """Return what the screen shows: the input box with its draft, a dialog, or something over it."""
    from flowloom import screens  # noqa: PLC0415 - hook calls never read a screen

    rows = screens.cells(screen)
    lines = [screens.plain(row) for row in rows]
    seen: Screen = {
        "kind": "none",
        "busy": False,
        "draft": "",
        "ours": None,
        "question": None,
        "keys": [],
        "stashed": False,
        "whole": False,
    }
    box = _box(lines)
    if box is None:
        return _without_box(lines, seen)
    top, bottom = box
    draft = "\n".join(screens.undimmed(row[2:]) for row in rows[top + 1 : bottom]).strip()
    if lines[top + 1].startswith("!"):
        draft = f"!{draft}"
    ours = re.search(r"\[(?:flowloom task|end of task) ([a-z2-9]{4,8})\b", draft)
    below = "\n".join(lines[bottom + 1 :])
    seen.update({"kind": "box", "draft": draft, "ours": ours.group(1) if ours else None})
    # Both of our pastes have been taken, and an Enter would submit all of it.
    seen["whole"] = bool(re.search(r"\[flowloom task .*(\[Pasted text #\d+|\[end of task )", draft, re.DOTALL))
    if re.search(r"search prompts:|no matching prompt", below):
        seen.update({"kind": "view", "keys": ["Escape"]})
    elif draft == "!" and lines[top + 1].startswith("!"):
        # Shell mode with nothing typed. Stashing does not end it: 2.1.197 stays in it with a stashed draft.
        seen.update({"kind": "view", "draft": "", "keys": ["BSpace"]})
    seen["busy"] = (
        "esc to interrupt" in below
        or bool(re.search(_RUNNING, screen.split("\n")[top + 1]))
        or bool(re.search(r"(?m)^\S .*…\s*\(.*\d+s\b", "\n".join(lines[max(0, top - 8) : top])))
    )
    # The fullscreen renderer has this note above the box.
    seen["stashed"] = "stashed" in below or bool(top and re.search(r"· draft stashed$", lines[top - 1]))
    return seen


def _box(lines: list[str]) -> tuple[int, int] | None:
    """Return the rows of the rules above and below the input box, the lowest one on the screen."""
    # `─── ↑ 7 more ───`: a draft longer than the box, which then begins in its middle.
    rules = [number for number, line in enumerate(lines) if re.match(r"─{8}|─── [↑↓] \d+ more ─", line)]
    if any(_NEW_SESSION in line for line in lines[rules[-2] if rules[1:] else 0 :]):
        return None
    for top, bottom in zip(rules[-2::-1], rules[:0:-1], strict=True):
        if bottom > top + 1 and (re.match(r"[❯>!]\xa0|[❯>!]$", lines[top + 1]) or "─ ↑ " in lines[top]):
            # Where a dialog stands below it, it is a box that some program printed.
            asks = any(re.match(r"\s*❯ \d+\. ", line) for line in lines[bottom + 1 :])
            return None if asks else (top, bottom)
    return None


# An option that the cursor stands on; from 2.1.329 on, start-up dialogs have no numbers.
_OPTION = r"\s*[│┃]?\s*❯\s*(?:\d+\.\s+)?(?P<text>\S.*)"


def _without_box(lines: list[str], seen: Screen) -> Screen:
    option = next((number for number in range(len(lines) - 1, -1, -1) if re.match(_OPTION, lines[number])), None)
    text = "\n".join(lines)
    if "Enter to stay in auto mode" in text:
        said = "Auto mode can't check actions in this session"
        asked: Question = {"kind": "auto mode", "text": said, "how": "answer it in its window", "call": ""}
        seen.update({"kind": "dialog", "question": asked})
        return seen
    if option is not None:
        question = _dialog(lines, option)
        if question is not None:
            seen.update({"kind": "dialog", "question": question})
            if question["kind"] == "trust":
                seen["keys"] = _towards_yes(lines, option)
            return seen
    for words, keys in _VIEWS:
        if re.search(words, text):
            seen.update({"kind": "view", "keys": keys})
            return seen
    if re.search(r"(?i)paste code here|press enter to continue", text):
        how = "do it once in its window"
        question = {"kind": "first start", "text": "Claude Code's first start", "how": how, "call": ""}
        seen.update({"kind": "dialog", "question": question})
    return seen


def _dialog(lines: list[str], option: int) -> Question | None:
    """Return the question above the option that the cursor stands on, None for a list that asks nothing."""
    rules = [number for number in range(option) if re.match(r"─{20}", lines[number])]
    region = lines[rules[-1] if rules else 0 :]
    above = region[: option - (rules[-1] if rules else 0)]
    said = [text for line in above if (text := line.strip(" │┃╭╮╰╯─▔▁❯"))]
    for words, kind, how in _DIALOGS:
        if re.search(words, "\n".join(region)) or (
            len(rules) > 1 and re.search(words, "\n".join(lines[rules[-2] : option]))
        ):
            line = next((line for line in said if re.search(words, line)), said[-1] if said else kind)
            return {"kind": kind, "text": line[:200], "how": how, "call": ""}
    if not re.search(r"❯\s*\d+\.\s", lines[option]) or re.search(_LISTS, "\n".join(region)):
        return None
    text = said[-1][:200] if said else "a question"
    return {"kind": "question", "text": text, "how": "answer it in its window", "call": ""}


def _towards_yes(lines: list[str], option: int) -> list[str]:
    """Return the next key on the way to the option `Yes`: no release preselects what another does."""
    found = re.match(_OPTION, lines[option])
    if found and found.group("text").startswith("Yes"):
        return ["Enter"]
    below = any(re.match(r"\s*(\d+\.\s+)?Yes", line) for line in lines[option + 1 :])
    return ["Down"] if below else ["Up"]


def refusal(screen: str) -> str:
    """Return why the last prompt never became a turn, where the screen says so; empty otherwise."""
    from flowloom import screens  # noqa: PLC0415 - as above

    text = "\n".join(screens.plain(row) for row in screens.cells(screen))
    found = list(re.finditer(r"UserPromptSubmit operation blocked by hook:?\s*\n?\s*(.*)", text))
    # A prompt below it was taken, so it speaks of an earlier one.
    last = found[-1] if found and not re.search(r"(?m)^❯ ", text[found[-1].end() :]) else None
    return f"a UserPromptSubmit hook of yours refused it: {last.group(1).strip()}" if last else ""


def enter_at_once(release: str) -> bool:
    """Tell whether Enter may be sent together with the paste."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", release)[:3])
    return not numbers or numbers >= _ENTER_AT_ONCE


# What Claude Code says about its sessions.


def session_file(environment: dict[str, str], pid: int) -> str:
    """Return the file in which a running Claude Code keeps its status; undocumented, used only to be faster."""
    base = environment.get("CLAUDE_CONFIG_DIR") or f"{environment.get('HOME', '')}/.claude"
    return f"{base}/sessions/{pid}.json"


def sessions_command(binary: str) -> list[str]:
    """Return the documented command that lists the running sessions."""
    return [binary, "agents", "--json"]


def read_sessions(text: str, pid: int) -> str:
    """Return `busy`, `waiting` or `idle` out of a session file or the list of sessions; empty where it is not said."""
    from flowloom import printed  # noqa: PLC0415 - no hook call asks

    return printed.read_sessions(text, pid)


def reply_in_transcript(transcript: bytes, task_id: str) -> str | None:
    """Return the last message of the turn that a task began, None where it has none or was interrupted."""
    from flowloom import printed  # noqa: PLC0415 - for when a hook was lost

    return printed.reply_in_transcript(transcript, task_id)
