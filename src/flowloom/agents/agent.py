"""One named agent: what it is doing, and what its window shows."""

from __future__ import annotations

import os

from flowloom.agents.session_file import SessionFile
from flowloom.agents.spec import check as check_spec
from flowloom.clock import Deadline, elapsed_s, wall_s
from flowloom.errors import BadFile, LockHeld, NoSuchAgent, TmuxUnreachable
from flowloom.ports import git, procs
from flowloom.ports.tmux.formats import Look
from flowloom.providers import registry
from flowloom.store import files, foreign, layout, locks, projects, state_folder
from flowloom.store.bell import pause
from flowloom.store.document import Document
from flowloom.store.layout import AgentRef
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.transports.paste import drafts
from flowloom.turns import observed, questions, spool, status, task_lock, whereabouts
from flowloom.turns.states import NO_PROGRAM, Event, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.ports.tmux.formats import Window
    from flowloom.ports.tmux.server import Tmux
    from flowloom.providers.protocol import Keys, Question, Screen
    from flowloom.providers.registry import Provider
    from flowloom.turns.record import Status

SAYS_LATE_S = 0.7
# A task that waits for the end of an agent's backoff starts it within a second of that time.
RESTED_S = 10.0
# How long tmux may take from a program's end to its exit code.
COLLECTED_S, COLLECTED_AGAIN_S = 1.0, 0.02
# For this long after a prompt, an `idle` of the session may be from before it. After that it counts: the turn may have
# ended before its receipt came, and nothing more would report the end.
BELIEVED_S = 10.0
# The command line of every hook call of its program contains this.
HOOK = "/hooks/agent-event"
TRANSCRIPT_TAIL_BYTES = 16_000_000


def named(name: str, directory: str, *, root: str = "") -> Agent:
    """Return the agent that `name` means in `directory`: `planning` is this project's, `planning@site` that one's.

    `root` is the project that the directory belongs to, where the caller knows it.

    Raises:
        BadName: it is no name.
        NoSuchAgent: the project after the `@` is unknown.
    """
    # As it is written at the head of a prompt.
    short, at, slug = name.removeprefix("@").partition("@")
    layout.check_name(short)
    if not at:
        return Agent(AgentRef(projects.slug_of(root or git.project_root(directory)), short))
    if not layout.is_project(slug) or projects.root_of(slug) is None:
        raise NoSuchAgent(f"there is no project {slug!r} with agents")
    return Agent(AgentRef(slug, short))


def list_agents() -> list[Agent]:
    """Return every agent that has a record."""
    return [Agent(agent) for agent in projects.agents()]


def _seen_on_screen(question: Question | None) -> bool:
    """Tell whether a question was read from the window: another one can follow it there unannounced."""
    return question is not None and not question["call"]


class Agent:
    """One agent. Cheap to make; reads what it needs when it is asked."""

    def __init__(self, agent: AgentRef) -> None:
        self.ref = agent
        self.slug, self.name = self.ref
        self.agent_id = str(agent)
        self.kept = ""  # where `stop` has kept a draft
        self._spec = Document(layout.spec(agent), check_spec)
        self._environment = Document(layout.environment(agent))
        self._provider: Provider | None = None
        self._session_file = SessionFile(self.environment)

    # What is known.

    def spec(self) -> dict[str, Any] | None:
        """Return how the agent was started: provider, role, dir, args; None if it never was.

        Raises:
            DamagedFile: its record cannot be believed.
        """
        return self._spec.read()

    def status(self) -> Status:
        """Return the status on disk.

        Raises:
            NoSuchAgent: it was never started.
            DamagedFile: its status cannot be believed.
        """
        now = status.read(self.ref)
        if now is None:
            raise NoSuchAgent(f"there is no agent {self.agent_id}")
        if self._provider is not None and self._provider.name != now["provider"]:
            self._provider = None  # another process has started it with another program
        return now

    def provider(self) -> Provider:
        """Return the provider of the agent's program: found once, until a status shows that it is another one."""
        return self._provider or self.find_provider()

    def find_provider(self) -> Provider:
        """Return the provider that the agent's record names now, with which the next start starts it."""
        spec = self.spec() or {}
        self._provider = registry.find(str(spec.get("provider", registry.DEFAULT)))
        return self._provider

    def load(self) -> None:
        """Load the modules that a wait for the agent needs: an upgrade during the wait removes FlowLoom's files."""
        registry.load(self.provider().name)

    def tmux(self, now: Status) -> Tmux:
        """Return the tmux server that the agent's window is on."""
        return whereabouts.port(now)

    # Looking.

    def reconcile(self, *, thorough: bool = False, binary: str = "claude") -> tuple[Status, Look | None]:
        """Bring the status in line with what is really there; return it with a fresh look at the window.

        The status moves by events, under the lock: for a dead or vanished window, or an idle session
        that no hook reported. With `thorough`, the documented but slow question to
        Claude Code is asked where its own file says nothing.

        Raises:
            TmuxUnreachable: its tmux server cannot be reached from here; nothing was moved.
        """
        spool.drain(self.ref)
        now = self.status()
        if now["status"] in NO_PROGRAM:
            return self._rested(now), None
        look = whereabouts.look(now)
        return self.compare(now, look, thorough=thorough, binary=binary), look

    def _rested(self, seen: Status) -> Status:
        """Return the status of an agent without a program; one in backoff that no task waits for is offline."""
        if seen["status"] is not State.BACKOFF or wall_s() - seen["again_at"] < RESTED_S:
            return seen
        with spool.lock(self.ref):
            now = self.status()
            if now["seq"] == seen["seq"]:
                observed.rest(self.ref, now)
        return self.status()

    def refresh(self) -> str:
        """Bring the status in line with what is there; say why where its tmux server, or its lock, cannot be had."""
        try:
            with locks.LockWait(limit_s=locks.GLANCE_S):
                self.reconcile()
        except (TmuxUnreachable, LockHeld) as error:
            return state_folder.named(error)
        return ""

    def compare(self, now: Status, seen: Look | Window | None, *, thorough: bool = False, binary: str = "") -> Status:
        """Return the status as it is after `seen`, a look at the agent's window or a line of a listing."""
        if seen is None or seen.dead:
            self._gone(now, seen)
            return self.status()
        if now["status"] is State.BLOCKED and isinstance(seen, Look):
            self._complete_question(now, seen)
        said = self.session_says(now, thorough=thorough, binary=binary)
        if said in ("", "idle") and self._stands_still(now, seen, said):
            return self.status()
        # The session file and the hooks are up to 0.2 s apart, in either order.
        settled = elapsed_s(max(now["since"], now["last_active"])) > SAYS_LATE_S
        if not settled or not now["up"]:
            return now
        if said == "idle" and now["status"] in (State.WORKING, State.BLOCKED):
            if now["status"] is State.BLOCKED and _seen_on_screen(now["question"]) and not self._shows_box(now):
                return now  # no session reports this state: what hid the box still hides it
            self._quiet(now, self.provider())
        elif said == "busy" and now["status"] is State.BLOCKED and not self._asks(now):
            with spool.lock(self.ref):
                fresh = self.status()
                if fresh["seq"] == now["seq"]:
                    observed.goes_on(self.ref, fresh, "continues after an answer")
        elif said == "waiting" and (now["status"] is State.WORKING or _seen_on_screen(now["question"])):
            self._waits(now)
        else:
            return now
        return self.status()

    def _complete_question(self, now: Status, look: Look) -> None:
        """Note the answers that the window offers to a question; the hook that reported it did not name them."""
        provider = self.provider()
        for record in questions.open_of(now):
            asked = questions.asked_by(record)
            if not asked["options"] and provider.screen.shows(look.screen, asked):
                shown = provider.screen.read(look.screen)["question"]
                with spool.lock(self.ref):
                    fresh = self.status()
                    if shown and shown["options"] and fresh["seq"] == now["seq"]:
                        questions.offer(fresh, record["question_id"], shown["options"])
                        status.note(self.ref, fresh)
                return

    def _stands_still(self, seen: Status, look: Look | Window, said: str) -> bool:
        """Tell whether a turn cannot begin because its program has lent its terminal to an editor.

        Its session file is then of the time before. The turn is taken for as young as this look, so that an `idle`
        counts only when its program has had its terminal back for BELIEVED_S.
        """
        if seen["turn"] is None or seen["status"] is not State.WORKING or not self.provider().program.EDITS:
            return False
        here = look if isinstance(look, Look) else whereabouts.look(seen) if said == "idle" else None
        if here is None or not procs.is_lent(here.tty):
            return False
        with spool.lock(self.ref):
            now = self.status()
            turn = now["turn"]
            if now["seq"] == seen["seq"] and turn and elapsed_s(turn["at"]) > SAYS_LATE_S:
                status.note(self.ref, now, turn={**turn, "at": wall_s()})
        return True

    def come_up(self, seen: Status) -> Status:
        """Return the status of an agent that starts and that no process waits for, after a look at its window."""
        look = whereabouts.look(seen)
        if look is None or look.dead:
            return seen
        screen = self.read_screen(look)
        with spool.lock(self.ref):
            fresh = self.status()
            if fresh["seq"] == seen["seq"] and screen["kind"] == "box" and fresh["up"]:
                observed.box(self.ref, fresh)
            elif fresh["seq"] == seen["seq"] and screen["question"] is not None:
                observed.dialog(self.ref, fresh, screen["question"])
        return self.status()

    def _asks(self, now: Status) -> bool:
        """Tell whether a question stands in its window: then a session that says `busy` is only late."""
        look = whereabouts.look(now)
        return look is not None and not look.dead and self.read_screen(look)["question"] is not None

    def _shows_box(self, now: Status) -> bool:
        look = whereabouts.look(now)
        return look is not None and not look.dead and self.read_screen(look)["kind"] == "box"

    def _waits(self, seen: Status) -> None:
        """Mark an agent as blocked that waits for an answer no hook reported; its window shows the question."""
        look = whereabouts.look(seen)
        if look is None or look.dead:
            return
        screen = self.read_screen(look)
        if screen["kind"] == "box" and screen["question"] is None:
            return  # the question was answered and the session file is late, or the dialog is not drawn yet
        something = "something in its window waits for an answer"
        question = screen["question"] or observed.asks("dialog", something, "answer it in its window")
        with spool.lock(self.ref):
            now = self.status()
            if now["seq"] == seen["seq"]:
                observed.dialog(self.ref, now, question)

    def _gone(self, seen: Status, look: Look | Window | None) -> None:
        deadline = Deadline(COLLECTED_S)
        # tmux closes the terminal first and collects the exit code next.
        while look is not None and look.dead and not look.end and not deadline.over():
            collected = procs.collected(look.pid)
            if not collected:
                self.tmux(seen).collect()
            look = whereabouts.look(seen)
            if collected:
                break
            pause(COLLECTED_AGAIN_S)
        with spool.lock(self.ref):
            now = self.status()
            if now["pane_id"] != seen["pane_id"] or now["pid"] != seen["pid"]:
                return  # it has been started again since
            if now["status"] in NO_PROGRAM:
                return
            how = f" ({look.end})" if look and look.end else ""
            why = "its window is gone" if look is None else f"its program ended{how}"
            observed.leave(self.ref, now, Event.GONE, why)

    def _quiet(self, seen: Status, provider: Provider) -> None:
        look = whereabouts.look(seen)
        refused = provider.screen.refusal(look.screen) if look else ""
        in_box = drafts.own(self.read_screen(look)) if look else None
        turn = seen["turn"]
        task = tasks.find(turn["task"]) if turn and turn["whose"] == "task" else None
        found = None
        if task and not tasks.ended(task):
            found = self._in_transcript(seen, task["task_id"])
        # Last, because a hook that begins meanwhile is not seen by it.
        if procs.young_child(seen["pid"], HOOK, within_s=provider.program.TIMING["hook_limit_s"]):
            return  # its report is still to come: Claude Code is idle before a StopFailure hook has run
        with spool.lock(self.ref):
            now = self.status()
            if now["seq"] != seen["seq"]:
                return  # a hook reported first: look again
            task = tasks.find(turn["task"]) if turn else None
            if task and not tasks.ended(task) and found is not None:
                task["recovered"] = True
                tasks.complete(task, found, "recovered from the transcript; its Stop hook was lost")
            step = Step.FAILED if refused else Step.INTERRUPTED
            over = task is not None and task["status"] is Step.DONE
            cancelled = task is not None and task["status"] is Step.CANCELLED
            why = f"task {task['task_id']} was cancelled" if task and cancelled else refused
            why = "its turn ended" if over else why or "interrupted in its window (Esc)"
            observed.quiet(self.ref, now, why, step=step, in_box=in_box.task_id if in_box else None)

    def _in_transcript(self, now: Status, task_id: str) -> str | None:
        """Return the reply to a task that the agent's transcript has; None if there is none."""
        if not now["transcript"]:
            return None
        return self.provider().memory.reply_in_transcript(files.tail(now["transcript"], TRANSCRIPT_TAIL_BYTES), task_id)

    def settle_lost(self, task_id: str) -> None:
        """End a task that its agent took and no longer works on; the end of its turn was never reported."""
        found = self._in_transcript(self.status(), task_id)
        with task_lock.hold(task_id) as task:
            if tasks.ended(task):
                return
            if found is None:
                tasks.note_step(task, Step.INTERRUPTED, "its turn ended without a word from the agent")
            else:
                task["recovered"] = True
                tasks.complete(task, found, "recovered from the transcript; its Stop hook was lost")

    def unpark(self, task_id: str) -> None:
        """Complete a parked task whose background work is over, when no turn of its own tells of it any more."""
        with spool.lock(self.ref):
            observed.unpark(self.ref, self.status(), task_id)

    def session_says(self, now: Status, *, thorough: bool = False, binary: str = "claude") -> str:
        """Return what the program itself says of its session: busy, waiting, idle, or nothing."""
        pid = now["pid"]
        if not pid:
            return ""
        provider, turn = self.provider(), now["turn"]
        since_s = turn["at"] if turn and elapsed_s(turn["at"]) < BELIEVED_S else 0.0
        text, pid, _ = self._session_file.read(provider, pid, now["session_id"])
        # A program that gets no processor reports its question before its session file says `waiting`.
        asked_s = now["since"] if now["status"] is State.BLOCKED else 0.0
        said = provider.session.read_sessions(text, pid, since_s, asked_s) if text else ""
        if said or since_s or not thorough:
            return said
        command = provider.session.sessions_command(binary)
        printed = procs.output(command, timeout_s=5.0) if command else None
        return provider.session.read_sessions(printed, pid) if printed else ""

    def works(self, now: Status) -> str:
        """Return the file in which its program says that its turn is running; empty where it does not run, or say so.

        A look at its window would then move nothing.
        """
        if now["status"] is not State.WORKING or not now["pid"] or whereabouts.life(now) != "runs":
            return ""
        provider = self.provider()
        text, pid, path = self._session_file.read(provider, now["pid"], now["session_id"])
        return path if text and provider.session.read_sessions(text, pid) == "busy" else ""

    def session_waits_for(self, now: Status) -> str:
        """Return what the program's session waits for, in its own words; empty where it does not, or does not say."""
        if not now["pid"]:
            return ""
        provider = self.provider()
        text, pid, _ = self._session_file.read(provider, now["pid"], now["session_id"])
        return provider.session.read_waiting(text, pid) if text else ""

    def environment(self) -> dict[str, str]:
        """Return the variables that say where the agent's program keeps its sessions, as they were at its start."""
        known = self._environment.read() or {}
        return {**os.environ, **{str(key): str(value) for key, value in known.items()}}

    def key_bindings(self) -> Keys:
        """Return the keys that the user's bindings leave for what we do in the box, as they are now."""
        path = self.key_bindings_file()
        try:
            text = (foreign.read(path, foreign.CONFIG_BYTES) or b"") if path else b""
        except BadFile:
            text = b""  # its program cannot read it either, and uses its own keys
        return self.provider().program.keys(text.decode(errors="replace"))

    def key_bindings_file(self) -> str:
        """Return the file in which the user binds the keys of its program; empty where there is none."""
        path = self.provider().program.key_bindings(self.environment())
        return path if os.path.isfile(path) else ""

    def read_screen(self, look: Look) -> Screen:
        """Return what the window shows, in the provider's reading."""
        return self.provider().screen.read(look.screen)
