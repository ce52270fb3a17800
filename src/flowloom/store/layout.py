"""Where the state folder, its agents and its tasks are; how their names are checked.

The module that owns a file in such a folder knows that file's name.
"""

from __future__ import annotations

import errno
import os

from flowloom.errors import BadName, DamagedFile, FlowLoomError, NoDirectory, StateFailed
from flowloom.store import files

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
PROJECT_FORMAT = 1
README = """This is the state of FlowLoom: its agents, tasks and replies.
You can delete it when no agent is running. This deletes the prompts and replies stored here.
"""


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

    def __repr__(self) -> str:
        return f"AgentRef({self.project!r}, {self.name!r})"


def home() -> str:
    """Return the folder of all state: FLOWLOOM_HOME, else the XDG state folder."""
    given = os.environ.get("FLOWLOOM_HOME")
    if given:
        return os.path.abspath(os.path.expanduser(given))
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(base, "flowloom")


def here() -> str:
    """Return the working directory.

    Raises:
        NoDirectory: it was removed, as by `git worktree remove`.
    """
    try:
        return os.getcwd()
    except OSError as error:
        raise NoDirectory(f"the working directory no longer exists ({error.strerror})") from error


FULL = (errno.ENOSPC, errno.EDQUOT)
EXHAUSTED = (errno.EMFILE, errno.ENFILE)
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def trouble(error: OSError) -> StateFailed | None:
    """Return our error for an OSError about the state folder or a full disk; None for any other."""
    path = error.filename if isinstance(error.filename, str) else ""
    if error.errno in FULL:
        return StateFailed(f"no room is left on the disk: {path or home()}", hint=f"make room: df -h {path or home()}")
    if error.errno in EXHAUSTED:
        return StateFailed(f"no more files can be opened: {error.strerror}", hint="raise the limit: ulimit -n 1024")
    if not path.startswith(f"{home()}/") and path != home():
        return None
    if error.errno in NO_LOCKS:
        return StateFailed(
            f"the file system of {path} has no locks ({error.strerror})",
            hint="set FLOWLOOM_HOME to a folder on a local disk",
        )
    if error.errno == errno.ELOOP:
        return StateFailed(f"{path} is a symbolic link, which is not followed here", hint=f"remove it: rm {path}")
    hint = {
        errno.EROFS: "make its disk writable again, or set FLOWLOOM_HOME to another folder",
        errno.EACCES: f"it must be your own: ls -ld {path}",
        errno.EPERM: f"it must be your own: ls -ld {path}",
    }.get(error.errno or 0, f"see what it is: ls -ld {path}")
    return StateFailed(f"{path} cannot be used: {error.strerror}", hint=hint)


def named(error: FlowLoomError | OSError) -> str:
    """Return an expected error in one line, with what to do next."""
    known = (trouble(error) or error) if isinstance(error, OSError) else error
    hint = getattr(known, "hint", "")
    return f"{known}; {hint}" if hint else str(known)


def refuse_foreign() -> None:
    """Refuse the state folder of another user: as root, we would write files that its owner cannot use.

    Raises:
        FlowLoomError: it belongs to another user.
    """
    path = home()
    try:
        theirs = os.stat(path).st_uid != os.getuid()
    except PermissionError:
        theirs = True
    except OSError:
        return
    if theirs:
        raise FlowLoomError(
            f"the state folder {path} belongs to another user", hint="set FLOWLOOM_HOME to a folder of your own"
        )


def ensure_home() -> str:
    """Create the state folder, for its owner only, and return it.

    Raises:
        FlowLoomError: it cannot be created, or belongs to another user.
    """
    path = home()
    try:
        files.ensure_dir(path)
        owner = os.stat(path)
    except OSError as error:
        raise FlowLoomError(
            f"the state folder {path} cannot be created: {error.strerror}",
            hint="set FLOWLOOM_HOME to a folder that you can write to",
        ) from error
    refuse_foreign()
    if not os.access(path, os.W_OK | os.X_OK):
        raise FlowLoomError(
            f"the state folder {path} cannot be written to",
            hint="set FLOWLOOM_HOME to a folder that you can write to; in Claude Code's sandbox, "
            "or add this one to sandbox.filesystem.allowWrite in its settings",
        )
    if owner.st_mode & 0o077:
        os.chmod(path, 0o700)
    if not os.path.exists(f"{path}/README"):
        files.write(f"{path}/README", README.encode(), durable=False)
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


def project_slug(root: str) -> str:
    """Return the short name of the project at `root`: its folder's name, with a hash if two share it.

    The first project to use a name gets it without the hash; `agents/<slug>/project.json`
    records which project that is.
    """
    import re  # noqa: PLC0415 - 1.3 ms of each hook call, and few need it

    base = re.sub(r"[^a-z0-9_-]+", "-", os.path.basename(root).lower()).strip("-")[:30] or "root"
    for slug in (base, f"{base}-{files.sha256(root.encode('utf-8', 'surrogateescape'))[:4]}"):
        known = _project(slug)
        if known is not None and known.get("root") == root:
            return slug
        if known is None:
            return _moved_here(root) or slug
    return slug


def _project(slug: str) -> dict[str, object] | None:
    path = f"{home()}/agents/{slug}/project.json"
    known = files.read_json(path)
    if known is not None:
        files.format_of(known, PROJECT_FORMAT, path)
    return known


def _moved_here(root: str) -> str:
    """Return the project that was moved to `root` and keeps its name, empty for none."""
    for project in _projects():
        slug = os.path.basename(project)
        try:
            if project_root(slug) == root:
                return slug
        except (DamagedFile, OSError):
            continue  # its own agents tell
    return ""


def move_project(slug: str, root: str) -> None:
    """Record that the project `slug` is at `root` from now on."""
    files.write_json(f"{home()}/agents/{slug}/project.json", {"format": PROJECT_FORMAT, "root": root})


def ensure_project(slug: str, root: str) -> None:
    """Record that `slug` stands for the project at `root`."""
    path = f"{home()}/agents/{slug}/project.json"
    if not os.path.exists(path):
        files.ensure_dir(os.path.dirname(path))
        files.write_json(path, {"format": PROJECT_FORMAT, "root": root})


def project_root(slug: str) -> str | None:
    """Return the folder of the project `slug`, None if it is not known."""
    known = _project(slug)
    root = known.get("root") if known else None
    return root if isinstance(root, str) else None


def agent_dir(slug: str, name: str) -> str:
    """Return the folder of one agent's state."""
    return folder_of(AgentRef(slug, check_name(name)))


def folder_of(agent: AgentRef) -> str:
    """Return the folder of an agent's state, or of a project's headless tasks."""
    return f"{home()}/agents/{agent.project}/{agent.name}"


def is_ref(project: str, name: str) -> bool:
    """Tell whether a project and a name can be those of an agent, and so parts of a path."""
    return is_project(project) and (_is_name(name) or name == HEADLESS)


def is_project(text: str) -> bool:
    """Tell whether a text can be the name of a project's folder."""
    return 0 < len(text) <= 40 and IN_NAME.issuperset(text)


def _is_name(name: str) -> bool:
    return 0 < len(name) <= 40 and name[0] in LETTERS and IN_NAME.issuperset(name)


def ref_of(folder: str) -> AgentRef:
    """Return whose folder this is; the folder may lie in another state folder."""
    return AgentRef(os.path.basename(os.path.dirname(folder)), os.path.basename(folder))


def ensure_agent_dir(path: str) -> None:
    """Make the folder of one agent's state."""
    if os.path.isfile(path):
        # Until 0.1 the palette noted its last agent in a file where an agent called `last` has its folder.
        os.replace(path, last_path(os.path.basename(os.path.dirname(path))))
    files.ensure_dir(path)


def last_path(slug: str) -> str:
    """Return the file that names the agent of a project that was asked last; no agent's name has a dot."""
    return f"{home()}/agents/{slug}/.last"


def program_dir(agent_dir: str) -> str:
    """Return the folder of the files that an agent's program was started with."""
    return f"{agent_dir}/program"


def program_files(agent_dir: str) -> list[str]:
    """Return the files that an agent's program was started with; until 0.1 there was one, in the agent's own folder."""
    folder = program_dir(agent_dir)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    paths = [*(f"{folder}/{name}" for name in names), f"{agent_dir}/settings.json"]
    return [path for path in paths if os.path.isfile(path)]


def headless_dir(slug: str) -> str:
    """Return the folder that serves as the agent folder for a project's headless tasks."""
    return folder_of(AgentRef(slug, HEADLESS))


def agent_dirs() -> list[str]:
    """Return the folder of every recorded agent, in order of project and name."""
    found = []
    for project in _projects():
        try:
            names = sorted(os.listdir(project))
        except OSError:
            continue  # `shut_projects` names it
        found += [f"{project}/{name}" for name in names if _recorded(f"{project}/{name}/agent.json")]
    return found


def shut_projects() -> list[str]:
    """Return the folders of projects whose agents cannot be listed."""
    return [project for project in _projects() if not os.access(project, os.R_OK | os.X_OK)]


def _projects() -> list[str]:
    top = f"{home()}/agents"
    names = sorted(os.listdir(top)) if os.path.isdir(top) else []
    return [f"{top}/{name}" for name in names if os.path.isdir(f"{top}/{name}")]


def _recorded(path: str) -> bool:
    """Tell whether there is a record at `path`, also one that cannot be read: its agent must not vanish."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def news_dir() -> str:
    """Return the folder with a marker for each thing that waits for a person."""
    return f"{home()}/fleet/news"


def questions() -> str:
    """Return the folder of the questions of all agents."""
    return f"{home()}/questions"


def question(question_id: str) -> str:
    """Return the document of one question."""
    return f"{questions()}/{question_id}.json"


def is_question_id(text: str) -> bool:
    """Tell whether a text can be the id of a question, and so a part of a path."""
    return len(text) == 9 and text[0] == "q" and HEX.issuperset(text[1:])


def drafts(agent_dir: str) -> str:
    """Return the file with a person's drafts that were put aside, cleared or submitted, the newest at the end."""
    return f"{agent_dir}/drafts.txt"


def status_line() -> str:
    """Return the path of the line that a status line shows: the count of those markers."""
    return f"{home()}/fleet/status-line"


def is_task_id(text: str) -> bool:
    """Tell whether a text can be the id of a task, and so a part of a path."""
    return 4 <= len(text) <= 8 and IN_TASK_ID.issuperset(text)


def tasks_dir() -> str:
    """Return the folder of all tasks."""
    return f"{home()}/tasks"


def task_dir(task_id: str) -> str:
    """Return the folder of one task."""
    return f"{home()}/tasks/{task_id}"


def index_dir(kind: str) -> str:
    """Return a folder of the index of tasks: of those that are `unfinished`, `unread`, or all as they were `asked`."""
    return f"{home()}/index/{kind}"


def waiters_format() -> str:
    """Return the file that says of which format all waiters are, after those of an older one were replaced."""
    return f"{home()}/waiters-format"


def index_format() -> str:
    """Return the file that says which format the index has."""
    return f"{home()}/index/format"


def index_lock() -> str:
    """Return the file that is locked while the index is built."""
    return f"{home()}/index/lock"
