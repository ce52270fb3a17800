"""Claude Code. What a release does differently stands here as data."""

from __future__ import annotations

from flowloom.errors import UsageError
from flowloom.providers.claude import dialect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.providers.protocol import Keys, Launch, Printed, Question, Screen

NAME = "claude"

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
LATER = ("flowloom.providers.claude.keys", "flowloom.providers.claude.screen", "flowloom.providers.claude.transcript")
# Without colours a hint in the box looks like a draft. Claude Code reads these when it starts, before its settings.
COLOURLESS = ("NO_COLOR", "FORCE_COLOR", "CI")
CUT_MARKS = (b'"stop_reason":"max_tokens"', b'"stop_reason":"model_context_window_exceeded"')

# By these a Claude Code tells its children who they are. No re.compile here: hook calls need no pattern, 1 ms each.
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


def environment(launch: Launch) -> dict[str, str]:
    """Return the variables that every agent gets."""
    return dict(_ENVIRONMENT)


def scrub(name: str) -> bool:
    """Tell whether a variable belongs to another Claude Code and would mislead this one."""
    import re  # noqa: PLC0415 - 4 ms of every hook call

    return bool(re.match(_IDENTITY, name))


def command(launch: Launch) -> list[str]:
    """Return the command line of an interactive agent."""
    return [
        *(launch["binary"], *_conversation(launch), "--settings", launch["settings_path"], "-n", launch["agent_id"]),
        *("--append-system-prompt", launch["system_prompt"], *_snapshot(launch), *_mode(launch), *launch["args"]),
    ]


def _conversation(launch: Launch) -> list[str]:
    """Return the session to begin or to resume: by its file where the release finds no id of another folder."""
    if not launch["resume"]:
        return ["--session-id", launch["session_id"]]
    import re  # noqa: PLC0415 - 4 ms of every hook call

    folder = re.sub(r"[^a-zA-Z0-9]", "-", launch["dir"])
    here = not launch["transcript"] or launch["transcript"].split("/")[-2:-1] == [folder]
    return ["--resume", launch["session_id" if here or _numbers(launch["release"]) >= _ANYWHERE else "transcript"]]


def _snapshot(launch: Launch) -> list[str]:
    """Return what lets a changed role reach a resumed conversation; a release that is not known may refuse it."""
    given = any(word.split("=")[0] == "--system-prompt-snapshot" for word in launch["args"])
    return ["--system-prompt-snapshot", "off"] if _numbers(launch["release"]) >= _SNAPSHOT and not given else []


def _numbers(release: str) -> tuple[int, ...]:
    import re  # noqa: PLC0415 - 4 ms of every hook call

    return tuple(int(part) for part in re.findall(r"\d+", release)[:3])


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
    from flowloom.providers.claude import transcript as printed  # noqa: PLC0415 - no hook call reads it

    said = printed.result(stdout)
    reply = printed.reply(said, exit_code)
    error = "" if reply is not None else printed.error(said, stdout, stderr, exit_code)
    return {
        "reply": reply,
        "error": error,
        "refused": [dialect.question(call)["text"] for call in printed.denied(said)],
    }


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
            raise UsageError("the hooks in your --settings are not lists by event", hint="fix them")
        for event, groups in theirs.items():
            hooks[event] = [*hooks.get(event, []), *groups]
        if not isinstance(document.get("env", {}), dict):
            raise UsageError("the env in your --settings is not an object of variables", hint="fix it")
        env = {**merged.get("env", {}), **document.get("env", {})}
        merged = {**merged, **document, "hooks": hooks, **({"env": env} if env else {})}
    # A left arrow or /bg would move the session to the background, away from its window. 2.1.197 has this setting too.
    merged["disableAgentView"] = True
    hooks = merged.setdefault("hooks", {})
    for event in dialect.EVENTS:
        # The limit is the user's patience, not ours: a hook call takes 30 ms.
        group: dict[str, Any] = {"hooks": [{"type": "command", "command": hook, "timeout": 30}]}
        hooks[event] = [*hooks.get(event, []), group]
    return merged


report = dialect.report

# What stands on the screen.


def read_screen(screen: str) -> Screen:
    """Return what the screen shows: the input box with its draft, a dialog, or something over it."""
    from flowloom.providers.claude import screen as claude_screen  # noqa: PLC0415 - hook calls never read a screen

    return claude_screen.read(screen)


def towards(screen: str, choice: str) -> list[str]:
    """Return the next key towards an option of the question on the screen: Enter chooses it, none if there is none."""
    from flowloom.providers.claude import screen as claude_screen  # noqa: PLC0415 - as above

    return claude_screen.towards(screen, choice)


def shows(screen: str, question: Question) -> bool:
    """Tell whether the dialog on the screen is this question."""
    from flowloom.providers.claude import screen as claude_screen  # noqa: PLC0415 - as above

    return claude_screen.shows(screen, question)


def refusal(screen: str) -> str:
    """Return why the last prompt never became a turn, where the screen says so; empty otherwise."""
    from flowloom.providers.claude import screen as claude_screen  # noqa: PLC0415 - as above

    return claude_screen.refusal(screen)


def limit(screen: str) -> str:
    """Return what the window shows of a usage limit: `waits` to continue, `asks`, `cancelled`, or nothing."""
    from flowloom.providers.claude import screen as claude_screen  # noqa: PLC0415 - as above

    return claude_screen.limit(screen)


def key_bindings(environment: dict[str, str]) -> str:
    """Return the file in which the user binds keys; Claude Code follows its changes while it runs."""
    return f"{_home(environment)}/keybindings.json"


def keys(text: str) -> Keys:
    """Return the keys that the file with this text leaves for what we do in the box."""
    from flowloom.providers.claude import keys as claude_keys  # noqa: PLC0415 - as above

    return claude_keys.read(text)


def enter_at_once(release: str) -> bool:
    """Tell whether Enter may be sent together with the paste."""
    numbers = _numbers(release)
    return not numbers or numbers >= _ENTER_AT_ONCE


def _home(environment: dict[str, str]) -> str:
    return environment.get("CLAUDE_CONFIG_DIR") or f"{environment.get('HOME', '')}/.claude"


def session_file(environment: dict[str, str], pid: int) -> str:
    """Return the file in which a running Claude Code keeps its status; undocumented, used only to be faster."""
    return f"{_home(environment)}/sessions/{pid}.json"


def conversation_files(environment: dict[str, str], session_id: str) -> str:
    """Return where a transcript can lie: in the folder of the project, or of a working tree that it went to."""
    import glob  # noqa: PLC0415 - no hook call needs it

    return f"{glob.escape(_home(environment))}/projects/*/{session_id}.jsonl"


def moved_to(text: str) -> str:
    """Return, out of a session file, how the id of the session begins that this one was moved to; empty for none."""
    from flowloom.providers.claude import transcript as printed  # noqa: PLC0415 - no hook call of a living agent's own session asks

    return printed.said_of_session(text, "parkedJobId")


def shown(text: str) -> str:
    """Return, out of a session file, how the id of the session begins that its window shows."""
    from flowloom.providers.claude import transcript as printed  # noqa: PLC0415 - as above

    return moved_to(text) or printed.said_of_session(text, "sessionId")


def sessions_command(binary: str) -> list[str]:
    """Return the documented command that lists the running sessions."""
    return [binary, "agents", "--json"]


def read_sessions(text: str, pid: int, since_s: float = 0.0) -> str:
    """Return `busy`, `waiting` or `idle` out of a session file or the list of sessions; empty where it is not said."""
    from flowloom.providers.claude import transcript as printed  # noqa: PLC0415 - no hook call asks

    return printed.read_sessions(text, pid, since_s)


def read_waiting(text: str, pid: int) -> str:
    """Return what a session that is `waiting` waits for, in Claude Code's words: `dialog open`, `permission prompt`."""
    from flowloom.providers.claude import transcript as printed  # noqa: PLC0415 - no hook call asks

    return printed.read_waiting(text, pid)


def resumable(transcript: bytes) -> bool:
    """Tell whether a conversation that left this transcript can be gone on with.

    It is written a moment after the turn, so one that was killed just then can
    have lost all of it. With no message in it Claude Code refuses to resume: `No
    conversation found`, which stands on the screen for a moment, and exit 1.
    Measured on 2.1.197 and 2.1.329.
    """
    return b'"type":"user"' in transcript or b'"type":"assistant"' in transcript


def joined(transcript: bytes, message: str) -> str | None:
    """Return the reply whose last part is `message`, with the parts before it; None where that is not there yet."""
    from flowloom.providers.claude import transcript as printed  # noqa: PLC0415 - only where the output limit cut a reply

    return printed.joined(transcript, message)


def reply_in_transcript(transcript: bytes, task_id: str) -> str | None:
    """Return the last message of the turn that a task began, None where it has none or was interrupted."""
    from flowloom.providers.claude import transcript as printed  # noqa: PLC0415 - for when a hook was lost

    return printed.reply_in_transcript(transcript, task_id)
