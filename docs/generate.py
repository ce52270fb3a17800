"""Write the parts of the documentation that are facts of the code.

    .venv/bin/python docs/generate.py            write them
    .venv/bin/python docs/generate.py --check    list the pages that are out of date

A part is the text between `<!-- generated: NAME -->` and `<!-- end -->` in any page.
The names come from the code, their meanings from the tables below. A name without a
meaning is an error, so nothing gets into the reference undocumented.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from flowloom import errors
from flowloom.cli import published
from flowloom.cli.program import NAME, Argument, program
from flowloom.config import schema, settings, trust
from flowloom.doctor import claude_code
from flowloom.editor import keys
from flowloom.tasks import steps as task_steps
from flowloom.turns import states

DOCS = Path(__file__).resolve().parent
PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
PROTOCOL_FILE = DOCS.parent / "src/flowloom/providers/protocol.py"
PROTOCOL = PROTOCOL_FILE.read_text("utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *escaped]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def commands() -> dict[str, click.Command]:
    """Return the commands of `flowloom` by name."""
    context = click.Context(program, info_name=NAME)
    found = {name: program.get_command(context, name) for name in program.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def options(command: click.Command) -> Iterator[tuple[str, str]]:
    """Yield the arguments and options of a command as typed, each with its help."""
    for each in command.params:
        if isinstance(each, Argument):
            dots = "…" if each.nargs == -1 else ""
            yield f"{each.metavar}{dots}" if each.required else f"[{each.metavar}{dots}]", each.says
        elif isinstance(each, click.Option):
            value = "" if each.is_flag else f" {each.metavar}"
            yield ", ".join(reversed(each.opts)) + value, each.help or ""


def cli() -> str:
    """Return a section for each command."""
    parts = []
    for name, command in commands().items():
        arguments = [typed for typed, _ in options(command) if not typed.startswith("-")]
        usage = " ".join(["flowloom", name, *arguments])
        rows = [[f"`{typed}`", said] for typed, said in options(command)]
        said = " ".join((command.help or "").split())
        text = f"## {name}\n\n`{usage}`\n\n{said}\n"
        parts.append(text + (f"\n{table(['', 'description'], rows)}" if rows else ""))
    return "\n".join(parts)


STATE_MEANINGS = {
    "offline": "It does not run. The next task starts it.",
    "starting": "Its window is open; its program has not reported that it is up, or shows no input box yet.",
    "idle": "It runs and waits for a task.",
    "working": "A turn is running: a task's, its own, or that of a person who typed in its window.",
    "blocked": "It waits for a person: a permission, a question, a dialog at startup.",
    "parked": "Its turn has ended, but background work of the task is still running; or it waits for a usage limit.",
    "backoff": "It died more than once within two minutes, and starts again after a pause; `why` has the time.",
    "failed": "It died four times within two minutes. For two minutes tasks do not start it; you can.",
}
EVENT_MEANINGS = {
    "up": "SessionStart: its session is up.",
    "accept": "UserPromptSubmit: it took a text.",
    "ask": "PermissionRequest, or the Notification that says the same.",
    "sign": "PostToolUse: it continues after an answer.",
    "stop": "Stop: the turn has ended.",
    "park": "Stop, while background work of this task is still running; or a usage limit after which it continues.",
    "fail": "StopFailure: the model could not be reached, or refused the request.",
    "end": "SessionEnd: the program exits.",
    "notice": "A Notification that asks nothing, or a call that auto mode denied. It changes no state.",
    "spawn": "FlowLoom opened its window.",
    "box": "Its input box is on the screen, after it reported that it is up.",
    "dialog": "A question is on its screen.",
    "quiet": "Its session is idle although no hook reported it: someone pressed Esc.",
    "resume": "Its session is busy although it was believed to be blocked or idle.",
    "gone": "Its process or its window is gone.",
    "delay": "A task needs it, and it died a moment ago: it starts again after a pause.",
    "give_up": "A task needs it, and it died too often.",
    "reset": "You stopped it while it had no program; or no task waits for its next start any more.",
}
STEP_MEANINGS = {
    "created": "The prompt is on disk; nothing has been sent.",
    "typed": "The keys are about to be sent. Written before the first one.",
    "pasted": "The text is in the agent's input box.",
    "accepted": "The agent has confirmed it.",
    "parked": "There is a provisional reply, and background work is still running; or a usage limit resets later.",
    "unknown": "It was typed but never confirmed. A person decides; a late receipt still counts.",
    "done": "The reply is on disk.",
    "failed": "The agent failed or died while working on it.",
    "interrupted": "Someone pressed Esc, or the conversation was cleared.",
    "cancelled": "The user cancelled it.",
}


def state_list() -> str:
    """Return the states of an agent."""
    return table(["state", "meaning"], [[f"`{state}`", STATE_MEANINGS[state]] for state in states.State])


def event_list() -> str:
    """Return the events of an agent."""
    return table(["event", "meaning"], [[f"`{event}`", EVENT_MEANINGS[event]] for event in states.Event])


def moves() -> str:
    """Draw the table of states; the ends, which almost every state has, are told in a sentence."""
    ends = tuple(states.Event(name) for name in ("end", "gone", "delay", "give_up", "reset"))
    edges: dict[tuple[str, str], list[str]] = {}
    for (before, event), after in states.TABLE.items():
        if event not in ends and before is not after:
            edges.setdefault((before, after), []).append(event)
    lines = [f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in edges.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> offline", *lines, "```", ""])


def move_table() -> str:
    """Return the state that each event leads to, one row for each state."""
    rows = []
    for state in states.State:
        cells = [f"{event} → {after}" for (before, event), after in states.TABLE.items() if before is state]
        rows.append([f"`{state}`", ", ".join(cells)])
    return table(["from", "event → to"], rows)


def steps() -> str:
    """Return the steps of a task."""
    rows = []
    for step in task_steps.Step:
        after = ", ".join(each for each in task_steps.Step if each in task_steps.FOLLOWS[step]) or "none"
        rows.append([f"`{step}`", STEP_MEANINGS[step], after])
    return table(["step", "meaning", "next steps"], rows)


KEY_MEANINGS = {
    "provider": "The agents' program: `claude` or `echo`.",
    "session": "The tmux session that holds the agents' windows.",
    "tmux_socket": "The tmux server, by the name of its socket (`tmux -L`).",
    "claude": "Claude Code: a name on PATH, or a path.",
    "default_agent": "The agent that an empty `.delegate` file goes to.",
    "no_route": "What Ctrl-G opens on a prompt without a route: the `palette`, or `editor`, your real editor.",
    "reply": "`headed` puts a line above the reply in the prompt file; `plain` leaves it out, and what it would say "
    "of the reply is told on stderr or tmux's status line.",
    "timeout_s": "How long Ctrl-G and `ask` wait, in seconds. By default there is no limit.",
    "park_s": "How long a provisional reply is held back while background work is running, in seconds.",
    "typing_pause_s": "How long a draft, scrolling, a menu or a dialog must be idle before it is closed, in seconds.",
    "keep_days": "How many days `flowloom clean` keeps tasks and events. By default it removes nothing.",
    "announce": "Whether a task that you left announces its questions and its end.",
    "args": "Extra arguments for the agents' program.",
    "agents": "One table for each agent, see below.",
    "role": "The role: `planning`, `coding`, `testing`, `review`, or one of your own.",
    "dir": "The directory it works in. Default: the project.",
    "prompt": "Text that is added to its system prompt.",
}


def configuration() -> str:
    """Return the keys of a configuration file."""
    rows = []
    for key in schema.ConfigFile.model_fields:
        value = getattr(settings.Settings, key, None)
        shown = "" if value is None else f"`{json.dumps(value) if not isinstance(value, str) else value}`"
        variable = settings.ENVIRONMENT.get(key)
        rows.append([f"`{key}`", KEY_MEANINGS[key], shown, f"`{variable}`" if variable else ""])
    return table(["key", "description", "default", "variable"], rows)


WHEN_MEANINGS = {"never": "never", "agreed": "once you trust it", "always": "always"}


def policy() -> str:
    """Return which keys a project's file may set."""
    rows: dict[str, list[str]] = {when: [] for when in WHEN_MEANINGS}
    for key, (when, _) in trust.POLICY.items():
        rows[when].append(f"`{key.replace('*', 'NAME')}`")
    return table(
        ["when", "keys that a project may set"], [[said, ", ".join(rows[when])] for when, said in WHEN_MEANINGS.items()]
    )


def agent_tables() -> str:
    """Return the keys of `[agents.NAME]`."""
    return table(["key", "description"], [[f"`{key}`", KEY_MEANINGS[key]] for key in schema.AgentTable.model_fields])


def environment() -> str:
    """Return the environment variables that set a key."""
    rows = [[f"`{variable}`", KEY_MEANINGS[key], f"`{key}`"] for key, variable in settings.ENVIRONMENT.items()]
    return table(["variable", "description", "key"], rows)


CODE_MEANINGS = {
    0: "Success: there is a reply, or the command did its work.",
    1: "Failure: the agent died, was interrupted or reported an error; tmux refused; a file is damaged.",
    2: "Usage: an invalid name, option or configuration file.",
    3: "Blocked: the timeout ran out while the agent waits for a person to answer.",
    70: "A bug in FlowLoom. The message names a report file.",
    124: "The timeout ran out. The task continues.",
    130: "You stopped waiting. The task continues, unless you chose to interrupt the agent.",
}


def exit_codes() -> str:
    """Return the exit codes, with the errors that have them."""
    names: dict[int, list[str]] = {0: []}
    for each in vars(errors).values():
        if isinstance(each, type) and issubclass(each, errors.FlowLoomError):
            names.setdefault(each.exit_code, []).append(each.__name__)
    rows = [[f"`{code}`", CODE_MEANINGS[code], ", ".join(names[code])] for code in sorted(names)]
    return table(["exit code", "meaning", "errors"], rows)


FIELD_MEANINGS = {
    "agent_id": "name and project, such as `planning@site`",
    "name": "the agent's name",
    "role": "its role",
    "project": "the short name of its project",
    "provider": "its program",
    "PublishedAgent.status": "its state; `unknown` while that cannot be told, see `unreachable`",
    "PublishedTask.status": "its last step; `unknown`: it was typed, and its agent never confirmed it",
    "Answer.status": "the task's last step",
    "unreachable": "why its state cannot be told; empty otherwise",
    "last_known": "its last known state; empty if there is none",
    "current_task": "the task it works on or is being sent",
    "context_summary": "the beginning of its last message",
    "session_id": "the id of its conversation",
    "pid": "its process id",
    "window_id": "its tmux window",
    "pane_id": "its tmux pane",
    "since": "when it entered this state",
    "last_active": "when its last event happened; the end of a tool call is one only if it answers a question",
    "seq": "increases with every change",
    "why": "the reason for this state",
    "source": "what reported it: hook, screen, session, tmux, transcript, spawn, policy, person",
    "held_up": "what holds up its next task: the `task`, `why`, and `since` when; `null` during the first second",
    "again_at": "when it may start again, in `backoff`; 0 otherwise",
    "question": "what it asked last: `kind`, `text`, and `how` to answer",
    "questions": "all its open questions: `question_id`, `kind`, `text`, the `options`, `asked_at`, and the `subagent`",
    "release": "the release of its program",
    "task_id": "the task's id",
    "created": "when it was created",
    "asker": "who asked: `chief`, `shell`, or an agent",
    "asker_kind": "`chief`, `shell` or `agent`",
    "prompt_bytes": "the size of the prompt in bytes",
    "prompt": "the path of the prompt",
    "reply": "the path of the reply, once the status is `done`",
    "read": "when the reply was first read, or the failure looked at",
    "unattended": "whether it has not ended and no process waits for it; `flowloom wait` then sends it",
    "left": "whether a background process waits for it",
    "shared": "the reply also answers something a person typed",
    "altered": "other text was typed into the prompt during delivery",
    "recovered": "the reply was taken from the transcript",
    "replaced": "the reply contained incomplete characters (lone surrogates), which became U+FFFD",
    "until": "when the usage limit resets that the task waits for; 0 for none",
    "cut": "`joined`: the output limit cut the reply and its parts were joined; other text: where missing parts are",
    "error": "why there is no reply",
    "notes": "notes, in order",
    "journal": "its steps: `at`, `step`, `why`",
    "version": "of this document; changes when a field changes its meaning or is removed",
    "agents": "the agents",
    "tasks": "the tasks, oldest first",
    "task": "the task, as in `tasks --json`",
    "text": "the reply; `null` where there is none",
    "provisional": "background work is running; the reply may be replaced",
}


def fields(document: type) -> str:
    """Return the fields of a published document."""
    rows = []
    for name, annotation in document.__annotations__.items():
        kind = annotation.__forward_arg__.replace("Published", "").replace("None", "null")
        said = FIELD_MEANINGS.get(f"{document.__name__}.{name}") or FIELD_MEANINGS[name]
        rows.append([f"`{name}`", f"`{kind}`", said])
    return table(["field", "type", "description"], rows)


def releases() -> str:
    """Return the releases of Claude Code that the tests run with."""
    oldest, newest = claude_code.TESTED
    return f"FlowLoom is tested with Claude Code {oldest}, the oldest supported release, and {newest}.\n"


def key_table(screen: str) -> str:
    """Return the keys of a screen, each with what it does."""
    rows = []
    for shown, says in keys.explained(screen):
        typed = " or ".join(f"`{key}`" for key in shown.split())
        rows.append([typed, says])
    return table(["key", "what it does"], rows)


def launch_keys() -> str:
    """Return what a provider is told to start its program."""
    return table(["key", "type", "meaning"], attributes("Launch"))


def capability(name: str) -> str:
    """Return the values and functions that a capability of a provider must have."""
    values = attributes(name)
    rows = []
    for node in body(name):
        if isinstance(node, ast.FunctionDef):
            given = ", ".join(argument.arg for argument in node.args.args[1:])
            rows.append([f"`{node.name}({given})`", " ".join((ast.get_docstring(node) or "").split())])
    tables = [table(["value", "type", "meaning"], values)] if values else []
    return "\n".join([*tables, table(["function", "what it does"], rows)])


def attributes(name: str) -> list[list[str]]:
    """Return the attributes of a class of the protocol; each has its meaning in a comment behind it."""
    rows = []
    lines = PROTOCOL.splitlines()
    for node in body(name):
        if isinstance(node, ast.AnnAssign):
            _, _, meaning = lines[node.lineno - 1].partition("  # ")
            assert meaning, f"{ast.unparse(node)} has no meaning in {PROTOCOL_FILE}"
            rows.append([f"`{ast.unparse(node.target)}`", f"`{ast.unparse(node.annotation)}`", meaning])
    return rows


def body(name: str) -> list[ast.stmt]:
    """Return what stands in a class of the protocol."""
    return next(node.body for node in ast.walk(ast.parse(PROTOCOL)) if getattr(node, "name", "") == name)  # type: ignore[attr-defined,no-any-return]


PARTS: dict[str, Callable[[], str]] = {
    "palette-keys": lambda: key_table(keys.PALETTE),
    "wait-keys": lambda: key_table(keys.WAIT),
    "releases": releases,
    "cli": cli,
    "states": state_list,
    "events": event_list,
    "moves": moves,
    "move-table": move_table,
    "steps": steps,
    "configuration": configuration,
    "policy": policy,
    "agent-tables": agent_tables,
    "environment": environment,
    "exit-codes": exit_codes,
    "launch-keys": launch_keys,
    "timing-keys": lambda: table(["key", "type", "meaning"], attributes("Timing")),
    "program": lambda: capability("Launcher"),
    "dialect": lambda: capability("Dialect"),
    "screen": lambda: capability("ScreenReader"),
    "session": lambda: capability("SessionReader"),
    "memory": lambda: capability("Memory"),
    "json-agent": lambda: fields(published.PublishedAgent),
    "json-task": lambda: fields(published.PublishedTask),
    "json-answer": lambda: fields(published.Answer),
}


def generated(text: str) -> str:
    """Return a page with its generated parts up to date."""
    return PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", text)


def stale() -> list[Path]:
    """Return the pages whose generated parts are out of date."""
    return [
        path for path in sorted(DOCS.rglob("*.md")) if generated(path.read_text("utf-8")) != path.read_text("utf-8")
    ]


def main() -> None:
    """Write the parts that are out of date, or only list them."""
    found = stale()
    if "--check" in sys.argv[1:]:
        sys.stderr.writelines(f"out of date: docs/{path.relative_to(DOCS)}\n" for path in found)
        sys.exit(1 if found else 0)
    for path in found:
        path.write_text(generated(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
