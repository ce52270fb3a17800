"""Claude Code as a program: how it is started, its keys and their timing. What a release does differently is data."""

from __future__ import annotations

import json
import re
import shlex

from flowloom.errors import UsageError
from flowloom.providers.claude import dialect, home, settings
from flowloom.providers.claude import headless as print_mode
from flowloom.providers.claude import keys as bindings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.providers.protocol import Keys, Launch, Printed, Timing

# From this release on an Enter may follow a paste at once; before, it is swallowed
# now and then. Measured: 2.1.197 in 3 of 80, 2.1.260 and later never.
_ENTER_AT_ONCE = (2, 1, 260)

_ENVIRONMENT = {
    # The classic renderer: the fullscreen one asks a question at the first start.
    "CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN": "1",
    # A suggestion in the box would look like a person's draft.
    "CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION": "false",
    # A survey takes the next digit that is typed.
    "CLAUDE_CODE_DISABLE_FEEDBACK_SURVEY": "1",
    # A resumed conversation must not go on by itself with the turn that was cut off.
    "CLAUDE_CODE_RESUME_INTERRUPTED_TURN": "0",
}
LEAVE = "/exit"
# Ctrl-C empties the box whatever is in it, in vim mode too; a second one within
# 2.5 s, or one on an empty box, begins to leave the program.
CLEAR = ["C-c"]
EDITS = True
# What closes a thing that a person has opened over the box.
CLOSE = ["Escape"]
INSTALL = "npm install -g @anthropic-ai/claude-code, or name it with FLOWLOOM_CLAUDE"
# Where it keeps its files.
HOMES = ("CLAUDE_CONFIG_DIR",)
# Variables that begin so belong to the process that started the tmux server, where only that has them.
MISLEADING = ("ANTHROPIC_", "CLAUDE")
TIMING: Timing = {
    # A second Ctrl-C within 2.5 s is taken for the wish to leave.
    "clear_again_s": 3.0,
    # The receipt comes 30-100 ms after Enter; a user's own UserPromptSubmit hooks may hold it up to 30 s each.
    "receipt_s": 45.0,
    # The screen is empty before this, and each look slows down a starting program.
    "first_look_s": 0.35,
    # The SessionStart hook normally reports within 0.1 s of the input box; the user's own hooks can delay it.
    "silent_s": 8.0,
    "hook_limit_s": float(settings.HOOK_LIMIT_S),
}
# The file with our settings.
SETTINGS = "settings.json"
# Without colours a hint in the box looks like a draft. Claude Code reads these when it starts, before its settings.
COLOURLESS = ("NO_COLOR", "FORCE_COLOR", "CI")

# By these a Claude Code tells its children who they are.
_IDENTITY = (
    r"CLAUDECODE$|CLAUDE_(PID|EFFORT|ENV_FILE|PROJECT_DIR|PLUGIN_ROOT|PLUGIN_DATA|JOB_DIR)$"
    r"|CLAUDE_CODE_(ENTRYPOINT|SSE_PORT|EXECPATH|CHILD|PARENT|AGENT|TEAM|TASK_LIST|REMOTE|SESSION|BRIDGE"
    r"|CURRENT|CONTAINER_ID|HOST_|SIMPLE|PLAN_MODE|FORCE_FULL|IS_|TMUX|WORKER|ENVIRONMENT_|TAGS|INVOKED|RESUME)"
)

# 2.1.329 finds a session of another folder by its id. 2.1.197 takes the path of its file for that.
_ANYWHERE = (2, 1, 329)
# From this release on a resumed conversation keeps the system prompt that it began with, unless told otherwise.
_SNAPSHOT = (2, 1, 257)


def binary(claude: str) -> str:
    """Return the program to run; `claude` is the user's choice of Claude Code."""
    return claude


def release_command(binary: str) -> list[str]:
    """Return the command whose first word of output is the release."""
    return [binary, "--version"]


def named(launch: Launch) -> list[str]:
    """Return the files that `--settings` in the user's own arguments names."""
    found = [
        settings.path_of(value, launch["dir"], launch["environment"]) for value in settings.split(launch["args"])[1]
    ]
    return [path for path in found if path]


def reads(launch: Launch) -> list[str]:
    """Return the settings files that apply to the agent's directory."""
    return [path for _, path in _applying(launch)]


def _applying(launch: Launch) -> list[tuple[str, str]]:
    return settings.files_for(launch["environment"], launch["dir"], launch["checkout"], launch["release"])


def check(launch: Launch) -> None:
    """Refuse a `--settings` that cannot be read, or that would silence our hooks.

    Raises:
        UsageError: naming it.
    """
    settings.merged("", given(launch))


def given(launch: Launch) -> list[dict[str, Any]]:
    """Return the documents of every `--settings` in the user's arguments.

    Raises:
        UsageError: one cannot be read.
    """
    found = []
    for value in settings.split(launch["args"])[1]:
        path = settings.path_of(value, launch["dir"], launch["environment"])
        if path in launch["unread"]:
            raise UsageError(
                f"--settings {value}: not valid JSON: {launch['unread'][path]}", hint="name a readable file"
            )
        try:
            document = json.loads(launch["read"].get(path, b"") if path else value)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"--settings {value}: not valid JSON: {error}", hint="name a readable file") from error
        if not isinstance(document, dict):
            raise UsageError(f"--settings {value}: not a JSON object", hint="name a settings file")
        found.append(document)
    return found


def files(launch: Launch) -> dict[str, bytes]:
    """Return the settings that let it speak through our hook, with the user's own merged in."""
    environment, extra = launch["environment"], given(launch)
    # They were taken out of the program's own environment, for its screen; its tools get them back.
    given_back = {name: environment[name] for name in COLOURLESS if name in environment}
    extra = [{"env": given_back}, *extra] if given_back else extra
    visual = settings.window_editor(environment, settings.documents(launch["read"], _applying(launch)), extra)
    # Claude Code runs it through a shell.
    if visual is not None and launch["editor"] and shlex.quote(launch["editor"]) == launch["editor"]:
        extra = [*extra, {"env": {"VISUAL": launch["editor"], "FLOWLOOM_VISUAL": visual}}]
    document = settings.merged(shlex.join(launch["hook"]), extra)
    # A path may contain bytes that are not UTF-8.
    return {SETTINGS: (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "backslashreplace")}


def silent(launch: Launch) -> str:
    """Return why it runs none of our hooks, as far as its settings tell; empty where they do not."""
    return settings.silencing(settings.documents(launch["read"], _applying(launch)))


def environment(launch: Launch) -> dict[str, str]:
    """Return the variables that every agent gets."""
    return dict(_ENVIRONMENT)


def scrub(name: str) -> bool:
    """Tell whether a variable belongs to another Claude Code and would mislead this one."""
    return bool(re.match(_IDENTITY, name))


def command(launch: Launch) -> list[str]:
    """Return the command line of an interactive agent."""
    ours = ["--settings", f"{launch['files_dir']}/{SETTINGS}", "-n", launch["agent_id"]]
    more = [*_snapshot(launch), *_mode(launch), *settings.split(launch["args"])[0]]
    return [launch["binary"], *_conversation(launch), *ours, "--append-system-prompt", launch["system_prompt"], *more]


def _conversation(launch: Launch) -> list[str]:
    """Return the session to begin or to resume: by its file where the release finds no id of another folder."""
    if not launch["resume"]:
        return ["--session-id", launch["session_id"]]

    folder = re.sub(r"[^a-zA-Z0-9]", "-", launch["dir"])
    here = not launch["transcript"] or launch["transcript"].split("/")[-2:-1] == [folder]
    return ["--resume", launch["session_id" if here or _numbers(launch["release"]) >= _ANYWHERE else "transcript"]]


def _snapshot(launch: Launch) -> list[str]:
    """Return what lets a changed role reach a resumed conversation; a release that is not known may refuse it."""
    given = any(word.split("=")[0] == "--system-prompt-snapshot" for word in launch["args"])
    return ["--system-prompt-snapshot", "off"] if _numbers(launch["release"]) >= _SNAPSHOT and not given else []


def _numbers(release: str) -> tuple[int, ...]:

    return tuple(int(part) for part in re.findall(r"\d+", release)[:3])


def _mode(launch: Launch) -> list[str]:
    """Return what keeps the agent from only planning where that is the user's default."""
    documents = [document for _, document in settings.documents(launch["read"], _applying(launch))]
    planning = settings.default_mode(documents) == "plan" and "--permission-mode" not in launch["args"]
    return ["--permission-mode", "default"] if planning else []


def headless(launch: Launch) -> list[str]:
    """Return the command line of `claude -p`, which says in JSON how it went."""
    return [
        *(launch["binary"], "-p", "--output-format", "json", "--session-id", launch["session_id"]),
        *("-n", launch["agent_id"], "--append-system-prompt", launch["system_prompt"], *_mode(launch), *launch["args"]),
    ]


def read_headless(stdout: str, stderr: str, exit_code: int | None) -> Printed:
    """Return the reply or the error that `claude -p --output-format json` printed."""
    said = print_mode.result(stdout)
    reply = print_mode.reply(said, exit_code)
    error = "" if reply is not None else print_mode.error(said, stdout, stderr, exit_code)
    refused = [dialect.question(call)["text"] for call in print_mode.denied(said)]
    return {"reply": reply, "error": error, "refused": refused}


def key_bindings(environment: dict[str, str]) -> str:
    """Return the file in which the user binds keys; Claude Code follows its changes while it runs."""
    return f"{home.folder(environment)}/keybindings.json"


def keys(text: str) -> Keys:
    """Return the keys that the file with this text leaves for what we do in the box."""
    return bindings.read(text)


def enter_at_once(release: str) -> bool:
    """Tell whether Enter may be sent together with the paste."""
    numbers = _numbers(release)
    return not numbers or numbers >= _ENTER_AT_ONCE
