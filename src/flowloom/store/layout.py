"""Where every file of the state folder is, and how the names in its paths are checked.

What no hook call needs is in `state_folder`. No other module joins a path of the state folder. A folder's path ends
in `_dir` here, a file's names what it is.
"""

from __future__ import annotations

import os

from flowloom.errors import BadName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = r"[a-z][a-z0-9_-]{0,39}"
# Not by `re`, which takes 1.3 ms of each hook call.
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
IN_NAME = LETTERS | frozenset("0123456789_-")
IN_TASK_ID = LETTERS | frozenset("23456789")
HEX = frozenset("0123456789abcdef")
# The name under which the headless tasks of a project have their folder; no agent's name has a dot.
HEADLESS = ".headless"
# Files of an agent that a shell script writes, too (`agents.hook_shims`).
DRAFT_REQUEST, HANDED_DRAFT = "draft-wanted", "draft"


class AgentRef:
    """An agent by its project and name: the same one wherever the state folder lies."""

    # Not a NamedTuple: loading what that needs takes 3 ms of every hook call.
    __slots__ = ("name", "project")

    def __init__(self, project: str, name: str) -> None:
        self.project = project
        self.name = name

    def __iter__(self) -> Iterator[str]:
        return iter((self.project, self.name))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AgentRef) and (self.project, self.name) == (other.project, other.name)

    def __hash__(self) -> int:
        return hash((self.project, self.name))

    def __str__(self) -> str:
        return f"{self.name}@{self.project}"

    def __repr__(self) -> str:
        return f"AgentRef({self.project!r}, {self.name!r})"


# `home()` by the value that it was computed from: it is asked for with every path.
_HOMES: dict[str, str] = {}


def home() -> str:
    """Return the folder of all state: FLOWLOOM_HOME, else the XDG state folder."""
    given = os.environ.get("FLOWLOOM_HOME")
    if given:
        return _HOMES.get(given) or _absolute(given)
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(base, "flowloom")


def _absolute(given: str) -> str:
    path = os.path.abspath(os.path.expanduser(given))
    if given.startswith("/"):
        _HOMES[given] = path  # it depends on nothing else
    return path


def check_name(name: str) -> str:
    """Return `name` if an agent can have this name.

    Raises:
        BadName: it cannot. The name could lead out of our folders or be read as an option.
    """
    if not _is_name(name):
        shown = name if len(name) <= 60 else name[:60] + "…"
        raise BadName(f"{shown!r} is not a valid agent name")
    return name


def is_ref(project: str, name: str) -> bool:
    """Tell whether a project and a name can be those of an agent, and so parts of a path."""
    return is_project(project) and (_is_name(name) or name == HEADLESS)


def is_project(text: str) -> bool:
    """Tell whether a text can be the name of a project's folder."""
    return 0 < len(text) <= 40 and IN_NAME.issuperset(text)


def _is_name(name: str) -> bool:
    return 0 < len(name) <= 40 and name[0] in LETTERS and IN_NAME.issuperset(name)


def is_question_id(text: str) -> bool:
    """Tell whether a text can be the id of a question, and so a part of a path."""
    return len(text) == 9 and text[0] == "q" and HEX.issuperset(text[1:])


def is_task_id(text: str) -> bool:
    """Tell whether a text can be the id of a task, and so a part of a path."""
    return 4 <= len(text) <= 8 and IN_TASK_ID.issuperset(text)


def ref_of(folder: str) -> AgentRef:
    """Return whose folder this is; the folder may lie in another state folder."""
    return AgentRef(os.path.basename(os.path.dirname(folder)), os.path.basename(folder))


def home_of(folder: str) -> str | None:
    """Return the state folder in which this folder of an agent lies; None if it is no agent's."""
    top = os.path.dirname(os.path.dirname(folder))
    return os.path.dirname(top) if os.path.basename(top) == "agents" else None


def agents_dir() -> str:
    """Return the folder of all projects with their agents."""
    return f"{home()}/agents"


def project_dir(slug: str) -> str:
    """Return the folder of the agents of one project."""
    return f"{home()}/agents/{slug}"


def project_file(slug: str) -> str:
    """Return the file that says where a project is."""
    return f"{home()}/agents/{slug}/project.json"


def last_asked(slug: str) -> str:
    """Return the file that names the agent of a project that was asked last; no agent's name has a dot."""
    return f"{home()}/agents/{slug}/.last"


def agent_dir(agent: AgentRef) -> str:
    """Return the folder of an agent's state, or of a project's headless tasks."""
    return f"{home()}/agents/{agent.project}/{agent.name}"


def spec(agent: AgentRef) -> str:
    """Return the record of how an agent is started."""
    return f"{agent_dir(agent)}/agent.json"


def status(agent: AgentRef) -> str:
    """Return the document with an agent's status."""
    return f"{agent_dir(agent)}/status.json"


def events(agent: AgentRef) -> str:
    """Return the file with the events that moved an agent; `former_events` are those before."""
    return f"{agent_dir(agent)}/events.jsonl"


def former_events(agent: AgentRef) -> str:
    """Return the file with the events before those of `events`."""
    return f"{events(agent)}.1"


def agent_lock(agent: AgentRef) -> str:
    """Return the lock file of what hook calls write: `turns.spool` holds it."""
    return f"{agent_dir(agent)}/lock"


def start_lock(agent: AgentRef) -> str:
    """Return the file that is locked while an agent is started or its window is closed; no hook call needs it."""
    return f"{agent_dir(agent)}/start.lock"


def spool_dir(agent: AgentRef) -> str:
    """Return the folder of the payloads that are not applied yet."""
    return f"{agent_dir(agent)}/spool"


def payload(agent: AgentRef, name: str) -> str:
    """Return the file of a payload that is not applied yet."""
    return f"{spool_dir(agent)}/{name}"


def line_dir(agent: AgentRef) -> str:
    """Return the folder of the places in line for an agent."""
    return f"{agent_dir(agent)}/line"


def place(agent: AgentRef, name: str) -> str:
    """Return the lock file of one place in line."""
    return f"{line_dir(agent)}/{name}"


def line_lock(agent: AgentRef) -> str:
    """Return the file that is locked while a place in line is taken."""
    return f"{agent_dir(agent)}/line.lock"


def drafts(agent: AgentRef) -> str:
    """Return the file with a person's drafts that were put aside, cleared or submitted, the newest at the end."""
    return f"{agent_dir(agent)}/drafts.txt"


def asked_drafts_dir(agent: AgentRef) -> str:
    """Return the folder that maps the prompts that an agent was asked from a draft to their tasks."""
    return f"{agent_dir(agent)}/drafts"


def asked_draft(agent: AgentRef, digest: str) -> str:
    """Return the file that names the task which was asked by the draft with this digest."""
    return f"{asked_drafts_dir(agent)}/{digest}"


def draft_request(agent: AgentRef) -> str:
    """Return the file by which an agent's editor is asked for the draft in its box."""
    return f"{agent_dir(agent)}/{DRAFT_REQUEST}"


def handed_draft(agent: AgentRef) -> str:
    """Return the file in which an agent's editor hands its draft over."""
    return f"{agent_dir(agent)}/{HANDED_DRAFT}"


def announced(agent: AgentRef) -> str:
    """Return the file with the time of the last notice about an agent."""
    return f"{agent_dir(agent)}/announced"


def program_dir(agent: AgentRef) -> str:
    """Return the folder of the files that an agent's program was started with."""
    return f"{agent_dir(agent)}/program"


def program_file(agent: AgentRef, name: str) -> str:
    """Return one of the files that an agent's program was started with."""
    return f"{program_dir(agent)}/{name}"


def former_settings(agent: AgentRef) -> str:
    """Return the one file that an agent's program was started with until 0.1."""
    return f"{agent_dir(agent)}/settings.json"


def environment(agent: AgentRef) -> str:
    """Return the variables that say where an agent's program keeps its session files."""
    return f"{agent_dir(agent)}/environment.json"


def launch_script(agent: AgentRef) -> str:
    """Return the script that an agent's window runs."""
    return f"{agent_dir(agent)}/launch"


def opening(agent: AgentRef) -> str:
    """Return the marker of a start whose window may be open and is not noted yet."""
    return f"{agent_dir(agent)}/opening"


def leave_text(agent: AgentRef) -> str:
    """Return the file with the text that makes an agent's program leave, as it is pasted."""
    return f"{agent_dir(agent)}/leave"


def tasks_dir() -> str:
    """Return the folder of all tasks."""
    return f"{home()}/tasks"


def task_dir(task_id: str) -> str:
    """Return the folder of one task."""
    return f"{home()}/tasks/{task_id}"


def task(task_id: str) -> str:
    """Return the record of a task, with its journal."""
    return f"{task_dir(task_id)}/task.json"


def task_named(text: str) -> str:
    """Return the record of the task with this id, empty where no task can have it."""
    return task(text) if is_task_id(text) else ""


def task_lock(task_id: str) -> str:
    """Return the lock file of a task: `turns.task_lock` holds it."""
    return f"{task_dir(task_id)}/lock"


def prompt(task_id: str) -> str:
    """Return the file with the prompt of a task, byte for byte."""
    return f"{task_dir(task_id)}/prompt.md"


def changed_prompt(task_id: str) -> str:
    """Return the file with what a person made of the prompt while its reply was awaited."""
    return f"{task_dir(task_id)}/changed-prompt.md"


def reply(task_id: str) -> str:
    """Return the file with the reply to a task."""
    return f"{task_dir(task_id)}/reply.md"


def marker(task_id: str) -> str:
    """Return the file whose existence says that the reply is complete."""
    return f"{task_dir(task_id)}/.done"


def provisional(task_id: str) -> str:
    """Return the file with the provisional reply of a parked task."""
    return f"{task_dir(task_id)}/provisional.md"


def partial(task_id: str) -> str:
    """Return the file with what was said before a turn failed."""
    return f"{task_dir(task_id)}/partial.md"


def frame(task_id: str, part: str) -> str:
    """Return the file with the `first` text of a task's frame as it is pasted, or the second one, its `body`."""
    return f"{task_dir(task_id)}/{part}"


def headless(task_id: str, stream: str) -> str:
    """Return the file with the `in`, `out` or `err` of a headless task's program."""
    return f"{task_dir(task_id)}/headless.{stream}"


def index_dir(kind: str) -> str:
    """Return a folder of the index of tasks: `unfinished`, `unread`, or all as they were `asked`."""
    return f"{home()}/index/{kind}"


def index_entry(kind: str, name: str) -> str:
    """Return the file that says that one task belongs there."""
    return f"{index_dir(kind)}/{name}"


def asked_dir(owner: str) -> str:
    """Return the folder of the index with a file for each task that one agent was asked."""
    return f"{home()}/index/asked/{owner}"


def asked_entry(owner: str, name: str) -> str:
    """Return the file that gives one of these tasks its place."""
    return f"{asked_dir(owner)}/{name}"


def index_format() -> str:
    """Return the file that says which format the index has."""
    return f"{home()}/index/format"


def index_lock() -> str:
    """Return the file that is locked while the index is built."""
    return f"{home()}/index/lock"


def log() -> str:
    """Return the log of what no command could show."""
    return f"{home()}/log/flowloom.jsonl"


def wake_dir(folder: str) -> str:
    """Return the folder of the pipes of the processes that wait for a change in an agent's or a task's folder."""
    return f"{folder}/wake"


def wake_pipe(folder: str, name: str) -> str:
    """Return one of these pipes; it is named after the process that reads it."""
    return f"{wake_dir(folder)}/{name}"


def news_dir() -> str:
    """Return the folder with a marker for each thing that waits for a person."""
    return f"{home()}/fleet/news"


def news(kind: str, key: str) -> str:
    """Return the marker of one thing that waits for a person."""
    return f"{news_dir()}/{kind}-{key}"


def status_line() -> str:
    """Return the path of the line that a status line shows: the count of those markers."""
    return f"{home()}/fleet/status-line"


def questions_dir() -> str:
    """Return the folder of the questions of all agents."""
    return f"{home()}/questions"


def question(question_id: str) -> str:
    """Return the document of one question."""
    return f"{questions_dir()}/{question_id}.json"
