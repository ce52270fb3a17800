"""Write the parts of the documentation that are facts of the code.

    .venv/bin/python docs/generate.py            write them
    .venv/bin/python docs/generate.py --check    say which are out of date

A part stands between `<!-- generated: NAME -->` and `<!-- end -->` in any page.
What the code cannot say, a meaning, stands here, and a name without one is an
error: nothing gets into the reference without a sentence.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer.main
from pydantic import BaseModel

from flowloom import bugs, config, errors, settings, states, trust
from flowloom.cli import app, load, published
from flowloom.doctor import claude_code

DOCS = Path(__file__).resolve().parent
PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
load("")  # each module adds its commands to `app`


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *escaped]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def commands() -> dict[str, Any]:
    """Return the commands of `flowloom` by name."""
    group: Any = typer.main.get_command(app)
    return {name: group.commands[name] for name in group.list_commands(None)}


def options(command: Any) -> Iterator[tuple[str, str]]:
    """Yield the arguments and options of a command as they are typed, each with its help."""
    for each in command.params:
        if each.param_type_name == "argument":
            dots = "…" if each.nargs == -1 else ""
            yield f"{each.metavar}{dots}" if each.required else f"[{each.metavar}{dots}]", each.help or ""
        else:
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
        parts.append(text + (f"\n{table(['', 'what it is'], rows)}" if rows else ""))
    return "\n".join(parts)


STATE_MEANINGS = {
    "offline": "It does not run. It is started when somebody asks it something.",
    "starting": "Its window is open; its program has not said yet that it is up, or shows no input box yet.",
    "idle": "It runs and waits for a task.",
    "working": "A turn runs: of a task, of its own, or of a person who typed in its window.",
    "blocked": "It waits for a person: a permission, a question, a dialog at its start.",
    "parked": "Its turn has ended, and background work that the task began goes on.",
    "backoff": "Kept for the supervisor to come: no event leads to it yet.",
    "failed": "Kept for the supervisor to come: only `give_up` leads to it, and nothing says that yet.",
}
EVENT_MEANINGS = {
    "up": "SessionStart: its session is up.",
    "accept": "UserPromptSubmit: it has taken a text.",
    "ask": "PermissionRequest, or the Notification that says the same.",
    "sign": "PostToolUse: it goes on after an answer.",
    "stop": "Stop: the turn has ended.",
    "park": "Stop, and background work of this task goes on.",
    "fail": "StopFailure: the model could not be reached, or refused.",
    "end": "SessionEnd: the program leaves.",
    "notice": "A Notification that asks nothing, or a call that auto mode denied. It moves nothing.",
    "spawn": "FlowLoom opened its window.",
    "box": "Its input box stands there, after it said that it is up.",
    "dialog": "A question stands on its screen.",
    "quiet": "Its session is idle although no hook said so: somebody pressed Esc.",
    "resume": "Its session is busy although it was taken for blocked or idle.",
    "gone": "Its process or its window is gone.",
    "give_up": "It died too often.",
}
STEP_MEANINGS = {
    "created": "The prompt is on disk; nothing is sent.",
    "typed": "The keys are about to go out. Written before the first one.",
    "pasted": "The text stands in the agent's input box.",
    "accepted": "The agent itself has confirmed it.",
    "parked": "There is a provisional reply; background work goes on.",
    "unknown": "It was typed, and nobody confirmed it. A person decides; a late receipt still counts.",
    "done": "The reply is on disk.",
    "failed": "The agent failed or died over it.",
    "interrupted": "Somebody pressed Esc, or the conversation was cleared.",
    "cancelled": "It was taken back.",
}


def state_list() -> str:
    """Return the states of an agent."""
    return table(["state", "what it means"], [[f"`{state}`", STATE_MEANINGS[state]] for state in states.State])


def event_list() -> str:
    """Return the events of an agent."""
    return table(["event", "what it means"], [[f"`{event}`", EVENT_MEANINGS[event]] for event in states.Event])


def moves() -> str:
    """Draw the table of states; the ends, which almost every state has, are told in a sentence."""
    ends = (states.Event.END, states.Event.GONE, states.Event.GIVE_UP)
    edges: dict[tuple[str, str], list[str]] = {}
    for (before, event), after in states.TABLE.items():
        if event not in ends and before is not after:
            edges.setdefault((before, after), []).append(event)
    lines = [f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in edges.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> offline", *lines, "```", ""])


def move_table() -> str:
    """Return which event leads where, a row for each state."""
    rows = []
    for state in states.State:
        cells = [f"{event} → {after}" for (before, event), after in states.TABLE.items() if before is state]
        rows.append([f"`{state}`", ", ".join(cells)])
    return table(["from", "event → to"], rows)


def steps() -> str:
    """Return the steps of a task."""
    rows = []
    for step in states.Step:
        after = ", ".join(each for each in states.Step if each in states.FOLLOWS[step]) or "nothing"
        rows.append([f"`{step}`", STEP_MEANINGS[step], after])
    return table(["step", "what it means", "what may follow"], rows)


KEY_MEANINGS = {
    "provider": "The agents' program: `claude` or `echo`.",
    "session": "The tmux session that holds the agents' windows.",
    "tmux_socket": "The tmux server, by the name of its socket (`tmux -L`).",
    "claude": "Claude Code: a name on PATH, or a path.",
    "default_agent": "The agent that an empty `.delegate` file means.",
    "no_route": "What Ctrl-G does on a prompt without a route: `palette` or `editor`, your real one.",
    "reply": "`headed` puts a line above the reply in the prompt file; `plain` leaves it out.",
    "timeout_s": "How long Ctrl-G and `ask` wait, in seconds. Without it they wait for ever.",
    "park_s": "How long a provisional reply is held back while background work goes on, in seconds.",
    "typing_pause_s": "How long a person's draft, scrolling or menu must be left alone before FlowLoom takes it away.",
    "keep_days": "How many days `flowloom clean` keeps tasks and events. Without it, it removes nothing.",
    "announce": "Whether the questions and the end of a task that was left are announced.",
    "args": "More arguments for the agents' program.",
    "agents": "Tables of single agents, see below.",
    "role": "The role: `planning`, `coding`, `testing`, `review`, or a word of your own.",
    "dir": "The directory it works in. Without it: the project.",
    "prompt": "Text that is added to its system prompt.",
}


def configuration() -> str:
    """Return the keys of a configuration file."""
    rows = []
    for key in config.ConfigFile.model_fields:
        value = getattr(settings.Settings, key, None)
        shown = {None: "", (): "`[]`"}.get(value, f"`{value}`")
        variable = settings.ENVIRONMENT.get(key)
        rows.append([f"`{key}`", KEY_MEANINGS[key], shown, f"`{variable}`" if variable else ""])
    return table(["key", "what it says", "without it", "variable"], rows)


WHEN_MEANINGS = {"never": "never", "agreed": "once you trust it", "always": "always"}


def policy() -> str:
    """Return which keys a project's file may set."""
    rows: dict[str, list[str]] = {when: [] for when in WHEN_MEANINGS}
    for key, (when, _) in trust.POLICY.items():
        rows[when].append(f"`{key.replace('*', 'NAME')}`")
    return table(["a project sets", "which"], [[said, ", ".join(rows[when])] for when, said in WHEN_MEANINGS.items()])


def agent_tables() -> str:
    """Return the keys of `[agents.NAME]`."""
    return table(["key", "what it says"], [[f"`{key}`", KEY_MEANINGS[key]] for key in config.AgentTable.model_fields])


def environment() -> str:
    """Return the variables that stand for a key."""
    rows = [[f"`{variable}`", KEY_MEANINGS[key], f"`{key}`"] for key, variable in settings.ENVIRONMENT.items()]
    return table(["variable", "what it says", "key"], rows)


CODE_MEANINGS = {
    0: "Done: there is a reply, or what was asked is done.",
    1: "It failed: the agent died, was interrupted, reported an error; tmux refused; a file is damaged.",
    2: "Usage: a name, an option or a configuration file that cannot be used as it stands.",
    3: "Blocked: the time given is over, and a person must answer the agent first.",
    70: "A bug of FlowLoom's. The message names a report file.",
    124: "The time given is over. The task goes on.",
    130: "You stopped waiting. The task goes on, unless you chose to interrupt the agent.",
}


def exit_codes() -> str:
    """Return the exit codes, with the errors that have them."""
    names: dict[int, list[str]] = {0: [], bugs.EXIT_CODE: []}
    for each in vars(errors).values():
        if isinstance(each, type) and issubclass(each, errors.FlowLoomError):
            names.setdefault(each.exit_code, []).append(each.__name__)
    rows = [[f"`{code}`", CODE_MEANINGS[code], ", ".join(names[code])] for code in sorted(names)]
    return table(["exit code", "what it means", "errors"], rows)


FIELD_MEANINGS = {
    "agent_id": "name and project, as `planning@site`",
    "name": "the agent's name",
    "role": "its role",
    "project": "the short name of its project",
    "provider": "its program",
    "status": "its state, or the task's last step",
    "current_task": "the task it works on, or is being given",
    "context_summary": "the beginning of its last message",
    "session_id": "the id of its conversation",
    "pid": "its process",
    "window_id": "its tmux window",
    "pane_id": "its tmux pane",
    "since": "when it got this state",
    "last_active": "when it was last heard of",
    "seq": "grows with every change",
    "why": "what led to this state",
    "source": "who said so: hook, screen, session, tmux, transcript, spawn",
    "held_up": "what holds its next task up: the `task`, `why`, and `since` when; only what lasts a second",
    "question": "what it is blocked on: `kind`, `text`, and `how` to answer",
    "release": "the release of its program",
    "task_id": "the task",
    "created": "when it was asked",
    "asker": "who asked: `chief`, `shell`, or an agent",
    "asker_kind": "`chief`, `shell` or `agent`",
    "prompt_bytes": "the size of the prompt",
    "prompt": "the path of the prompt",
    "reply": "the path of the reply, once the status is `done`",
    "read": "when the reply was first handed over, or the failure looked at",
    "left": "whether a process of its own waits for it",
    "shared": "the reply also answers something a person typed",
    "altered": "something else was typed into the prompt on its way",
    "recovered": "the reply was taken from the transcript",
    "replaced": "the reply held halves of characters, which became U+FFFD",
    "cut": "`joined`: its parts, cut by the output limit, were joined; other words: where the missing ones are",
    "error": "why there is no reply",
    "notes": "remarks, in their order",
    "journal": "its steps: `at`, `step`, `why`",
    "version": "of this document; changes when a field changes its meaning or goes",
    "agents": "the agents",
    "tasks": "the tasks, the oldest first",
    "task": "the task, as in `tasks --json`",
    "text": "the reply; `null` where there is none",
    "provisional": "background work goes on; the reply may be renewed",
}


def fields(model: type[BaseModel]) -> str:
    """Return the fields of a published document."""
    rows = []
    for name, field in model.model_fields.items():
        kind = re.sub(r"<class '([\w.]+)'>", r"\1", str(field.annotation)).replace("flowloom.cli.published.", "")
        kind = kind.replace("Published", "").replace("None", "null")
        rows.append([f"`{name}`", f"`{kind}`", FIELD_MEANINGS[name]])
    return table(["field", "type", "what it is"], rows)


def releases() -> str:
    """Return the releases of Claude Code that the tests run with."""
    oldest, newest = claude_code.TESTED
    return f"FlowLoom is tested with Claude Code {oldest}, the oldest supported release, and {newest}.\n"


PARTS: dict[str, Callable[[], str]] = {
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
    "json-agent": lambda: fields(published.PublishedAgent),
    "json-task": lambda: fields(published.PublishedTask),
    "json-answer": lambda: fields(published.Answer),
}


def generated(text: str) -> str:
    """Return a page with its generated parts as they must be now."""
    return PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", text)


def stale() -> list[Path]:
    """Return the pages whose generated parts are not what they must be."""
    return [
        path for path in sorted(DOCS.rglob("*.md")) if generated(path.read_text("utf-8")) != path.read_text("utf-8")
    ]


def main() -> None:
    """Write what is out of date, or only name it."""
    found = stale()
    if "--check" in sys.argv[1:]:
        sys.stderr.writelines(f"out of date: docs/{path.relative_to(DOCS)}\n" for path in found)
        sys.exit(1 if found else 0)
    for path in found:
        path.write_text(generated(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
