"""Starting an agent: its settings, its environment, its window."""

from __future__ import annotations

import os

from flowloom.agents import conversations, folders, hook_shims, panes, window_script
from flowloom.agents.spec import FORMAT as SPEC_FORMAT
from flowloom.clock import steady_s
from flowloom.errors import AgentFailed, DamagedFile, FlowLoomError, FolderGone, UsageError
from flowloom.ports import births, git, procs
from flowloom.ports.tmux.server import Tmux
from flowloom.providers import registry
from flowloom.roles import builtin
from flowloom.store import files, foreign, layout, old_files, projects, state_folder
from flowloom.turns import spool, status
from flowloom.turns.record import empty_status
from flowloom.turns.states import NO_PROGRAM, Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.agents.agent import Agent
    from flowloom.config.settings import Settings
    from flowloom.providers.protocol import Launch
    from flowloom.providers.registry import Provider
    from flowloom.store.layout import AgentRef

# Variables that are kept with the agent: they say where its program stores its session files.
REMEMBERED = ("HOME",)


def prepare(
    agent: Agent,
    settings: Settings,
    *,
    root: str,
    provider: str | None = None,
    directory: str | None = None,
    args: list[str] | None = None,
    trust: bool = False,
) -> None:
    """Write down how an agent is to be started: by the options given now or before, the configuration, its last start.

    A change of the configuration takes effect with the next start.

    Raises:
        UsageError: the provider or the directory does not exist, or the agent runs already, differently.
    """
    was = agent.spec() or {}
    # A damaged file is named now: a task in line would meet it only when its turn comes.
    agent.environment()
    try:
        spec = specify(agent, settings, root=root, provider=provider, directory=directory, args=args, trust=trust)
    except FolderGone:
        if agent.reconcile()[0]["status"] in NO_PROGRAM:
            raise
        return  # it runs, and continues as it was started
    changed = any(was.get(key) != spec[key] for key in ("provider", "dir", "args"))
    if was and changed and agent.reconcile()[0]["status"] not in NO_PROGRAM:
        if spec["given"] == was.get("given", {}):
            return  # only the configuration has changed
        raise UsageError(
            f"{agent.agent_id} is already running with a different provider, directory or arguments",
            hint=f"stop it first: flowloom stop {agent.agent_id}",
        )
    state_folder.ensure()
    if was and hook_shims.leads_nowhere():
        hook_shims.ensure_stubs()
    projects.ensure(agent.slug, root)
    projects.ensure_agent(agent.ref)
    if was != spec:
        files.write_json(layout.spec(agent.ref), spec)
    if status.read(agent.ref) is not None:
        return
    with spool.lock(agent.ref):
        if status.read(agent.ref) is None:
            first = empty_status(agent.agent_id, agent.name, spec["role"], agent.slug, spec["provider"])
            status.write(agent.ref, first)


def specify(
    agent: Agent,
    settings: Settings,
    *,
    root: str,
    provider: str | None = None,
    directory: str | None = None,
    args: list[str] | None = None,
    trust: bool = False,
) -> dict[str, Any]:
    """Return how an agent is to be started: by the options given now or before, the configuration, its last start.

    Raises:
        UsageError: the provider, the directory or a settings file does not exist; FolderGone where it once did.
    """
    was = agent.spec() or {}
    table = settings.of_agent(agent.name)
    now_given = {"provider": provider, "dir": directory and os.path.abspath(directory), "args": args}
    given = {**was.get("given", {}), **{key: value for key, value in now_given.items() if value}}
    name = str(given.get("provider") or table.get("provider") or was.get("provider") or settings.provider)
    found = registry.find(name)
    base = agent.name.rstrip("0123456789-_")
    spec: dict[str, Any] = {
        "format": SPEC_FORMAT,
        "name": agent.name,
        "role": table.get("role") or (base if base in builtin.ROLES else agent.name),
        "provider": name,
        "root": root,
        "dir": folders.choose(root, given.get("dir"), table.get("dir"), was),
        "args": list(given.get("args") or table.get("args") or settings.args),
        "prompt": table.get("prompt") or "",
        "trust": trust,
        "given": given,
    }
    # The person agreed to trust that folder, and no other that the agent is given later.
    spec["trust"] = trust or (bool(was.get("trust")) and was.get("dir") == spec["dir"])
    if not os.path.isdir(spec["dir"]):
        if directory or not was:
            raise UsageError(f"{spec['dir']} is not a directory", hint="name an existing one with --dir")
        raise folders.missing(agent, spec["dir"])
    launch = described(spec, checkout=root if spec["dir"] == root else "")
    launch["read"], launch["unread"] = foreign.read_all(found.program.named(launch), foreign.CONFIG_BYTES)
    found.program.check(launch)
    return spec


def spawn(agent: Agent, settings: Settings, directory: str) -> str:
    """Open the agent's window and start its program in `directory`; return before it is ready. For `life.ensure_up`.

    A conversation that it had is resumed, and where that cannot be, the return
    value says why. Does nothing to an agent that runs.

    Raises:
        FlowLoomError: its program is not installed.
        ConversationOpen: another program has its conversation open.
        TmuxFailed: the window could not be opened.
    """
    with spool.starting(agent.ref):
        now = agent.status()
        if now["status"] not in NO_PROGRAM:
            return ""
        if panes.adopt(agent, now):
            return ""
        spec, provider = {**(agent.spec() or {}), "dir": directory}, agent.find_provider()
        remembers = provider.declares("memory") and now["provider"] == provider.name
        had = bool(remembers and now["session_id"] and now["conversation"])
        lost = conversations.loss(agent, provider, now) if had else ""
        kept = conversations.kept_elsewhere(provider, now) if lost else ""
        lost = "" if kept else lost
        resume = had and not lost
        session_id = (kept or now["session_id"]) if resume else None
        if session_id:
            conversations.refuse_open(agent, provider, session_id)
        launch = _launch(
            agent, settings, provider, spec, session_id, conversations.transcript(provider, now, session_id)
        )
        tmux = Tmux(settings.tmux_socket)
        opening = layout.opening(agent.ref)
        listed, of_server = panes.survey(tmux)
        if os.path.exists(opening):
            panes.close_lost(tmux, now, layout.launch_script(agent.ref))
            listed, of_server = panes.survey(tmux)
        script = _script(agent, settings, of_server, provider, launch, spec)
        old_files.sweep(layout.agent_dir(agent.ref))
        old_files.sweep(layout.wake_dir(layout.agent_dir(agent.ref)))
        files.write(opening, b"", durable=False)
        # Reports from before belong to the former program. This clock starts again with each boot.
        seen_ns = int(steady_s() * 1e9)
        try:
            with window_script.kept_only_if_opened(script):
                window_id, pane_id = panes.for_program(
                    agent, settings, tmux, now, str(spec["dir"]), ["sh", script], listed
                )
        except AgentFailed:
            # No window was opened: without this marker, the next start closes none as one that was lost.
            os.unlink(opening)
            raise
        look = tmux.look(pane_id)
        facts: dict[str, Any] = {
            "socket": settings.tmux_socket,
            "socket_path": look.socket_path if look else "",
            "server": births.noted(look.server_pid) if look else None,
            "process": births.noted(look.pid) if look else None,
            "session_id": launch["session_id"],
            "provider": provider.name,
            "window_id": window_id,
            "pane_id": pane_id,
            "pid": look.pid if look else None,
            "up": False,
            "turn": None,
            "foreign": [],
            "seen_ns": seen_ns,
            "conversation": resume,
            "again_at": 0.0,
            "release": launch["release"],
        }
        why = (
            f"started with an empty conversation: {lost}"
            if lost
            else "started again, with its conversation"
            if resume
            else "started"
        )
        with spool.lock(agent.ref):
            # What its hooks have said until now is heard when this is let go.
            status.apply(agent.ref, agent.status(), Event.SPAWN, why=why, source="spawn", **facts)
        os.unlink(opening)
    return f"{agent.agent_id} begins with an empty conversation: {lost}" if lost else ""


def described(spec: dict[str, Any], *, checkout: str = "") -> Launch:
    """Return what a provider is told of a start, as far as an agent's record and this process tell.

    `checkout` is that of its directory, where the caller knows it.
    """
    directory = os.path.realpath(str(spec["dir"]))
    return {
        "binary": "",
        "agent_id": "",
        "agent_dir": "",
        "session_id": "",
        "resume": False,
        "transcript": "",
        "dir": directory,
        "checkout": checkout or git.project_root(directory),
        "files_dir": "",
        "hook": [],
        "editor": "",
        "system_prompt": "",
        "args": list(spec["args"]),
        "environment": dict(os.environ),
        "read": {},
        "unread": {},
        "release": "",
    }


def read_for(provider: Provider, launch: Launch) -> None:
    """Read the files that decide how a program starts."""
    wanted = [*provider.program.named(launch), *provider.program.reads(launch)]
    launch["read"], launch["unread"] = foreign.read_all(wanted, foreign.CONFIG_BYTES)


def _launch(
    agent: Agent, settings: Settings, provider: Provider, spec: dict[str, Any], session_id: str | None, transcript: str
) -> Launch:
    import uuid  # noqa: PLC0415 - 3 ms, and most tasks find their agent running

    binary = program(provider, settings, agent.name)
    launch = described(spec)
    launch.update(
        {
            "binary": binary,
            "agent_id": agent.agent_id,
            "agent_dir": layout.agent_dir(agent.ref),
            "session_id": session_id or str(uuid.uuid4()),
            "resume": session_id is not None,
            "transcript": transcript,
            "files_dir": layout.program_dir(agent.ref),
            "hook": hook_shims.hook_command(provider.name),
            "editor": hook_shims.agent_editor() if provider.program.EDITS else "",
            "system_prompt": builtin.system_prompt(agent.agent_id, str(spec["role"]), str(spec["prompt"])),
            "release": release(provider, binary),
        }
    )
    read_for(provider, launch)
    _write_files(agent.ref, provider.program.files(launch))
    return launch


def _write_files(agent: AgentRef, wanted: dict[str, bytes]) -> None:
    """Write the files that a program starts with.

    Raises:
        UsageError: one would lie outside of their folder.
    """
    for name, raw in wanted.items():
        path = layout.program_file(agent, name)
        if os.path.normpath(path) != path or not path.startswith(layout.program_file(agent, "")):
            raise UsageError(f"a provider wants to write {name!r}, outside of the folder for its files")
        files.ensure_dir(os.path.dirname(path))
        files.write(path, raw, durable=False)


def program(provider: Provider, settings: Settings, name: str) -> str:
    """Return the path of an agent's program.

    Raises:
        FlowLoomError: it is not installed.
    """
    wanted = provider.program.binary(settings.claude)
    binary = _which(wanted)
    if binary is None:
        raise FlowLoomError(
            f"{name} cannot start: there is no program {wanted!r}",
            hint=f"install it: {provider.program.INSTALL}",
        )
    return binary


def _which(name: str) -> str | None:
    """Return the path of a program as a shell finds it, but never below the working directory.

    `shutil` takes 3 ms to load.
    """
    folders = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(folder)]
    paths = [name] if os.path.dirname(name) else [os.path.join(folder, name) for folder in folders]
    return next((path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)), None)


def release(provider: Provider, binary: str) -> str:
    """Return the release of an agent's program, asking it only when the file on disk has changed."""
    command = provider.program.release_command(binary)
    if not command:
        return ""
    real = os.path.realpath(binary)
    key = f"{real} {os.stat(real).st_mtime_ns}"
    cache = state_folder.releases()
    try:
        seen = files.read_json(cache) or {}
    except DamagedFile:
        seen = {}
    if key not in seen:
        said = procs.output(command, timeout_s=10.0)
        if not said or not said.split():
            return ""
        seen = {key: said.split()[0]}
        files.ensure_dir(os.path.dirname(cache))
        files.write_json(cache, seen)
    return str(seen[key])


def _script(
    agent: Agent, settings: Settings, of_server: list[str], provider: Provider, launch: Launch, spec: dict[str, Any]
) -> str:
    """Write the script that the window runs, and record where the program keeps its session files.

    `of_server` are the names of the variables that the tmux server gives to a window.
    """
    ours = {
        "FLOWLOOM_HOME": layout.home(),
        "FLOWLOOM_AGENT": agent.agent_id,
        "FLOWLOOM_AGENT_DIR": layout.agent_dir(agent.ref),
        "FLOWLOOM_SESSION": settings.session,
        "FLOWLOOM_TMUX_SOCKET": settings.tmux_socket,
    }
    said, colourless = provider.program, provider.program.COLOURLESS
    inherited = {name: value for name, value in window_script.inherited(said.scrub).items() if name not in colourless}
    own = said.environment(launch)
    wanted = {**inherited, **own, **ours}
    remembered = {**{name: wanted[name] for name in (*REMEMBERED, *said.HOMES) if name in wanted}, **own}
    files.write_json(layout.environment(agent.ref), remembered)
    path = layout.launch_script(agent.ref)
    command = said.command(launch)
    window_script.write_script(path, of_server, wanted, str(spec["dir"]), command, said, "FLOWLOOM_AGENT_PID")
    return path
