"""A world for one test: everything that FlowLoom touches, in one folder, on a tmux server of its own."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from tests.support import warm

ROOT = Path(__file__).resolve().parents[2]
EDITOR = ROOT / "hooks" / "editor"
AGENT_EVENT = ROOT / "hooks" / "agent-event"
APART = ROOT / "tests" / "support" / "apart.py"
AHEAD = ROOT / "tests" / "support" / "ahead.py"

# A wait in a test is for a condition, never for a time; this is when it has failed.
LIMIT_S = 60.0
# How often a condition is looked at: a cheap one often, one that starts a process for a fifth of the time.
LOOKED_AGAIN_S, LOOKED_AGAIN_AT_MOST_S = 0.01, 0.1

QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "CLAUDE_CODE_MAX_RETRIES": "1",
}
# Claude Code's engine compiles what runs often; in the few seconds of a test that takes more than it saves: a fifth of
# the processor time of a start, and of a task. The bench measures a Claude Code as it is.
SHORT_LIVED = {"BUN_JSC_useDFGJIT": "0"}


def waits_for_lock(pid: int, path: Path) -> bool:
    """Tell whether a process has a lock file open that another one holds: it tries it again and again."""
    try:
        return str(path) in {each.path for each in psutil.Process(pid).open_files()}
    except psutil.NoSuchProcess:
        return False


class World:
    """A home, a state folder, a project folder, a tmux socket, and the commands that run in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.state = folder / "state"
        self.project = folder / "site"
        for path in (self.home, self.project):
            path.mkdir(parents=True)
        self.editor = EDITOR
        self.killed = False  # one of our own processes was, by a test, wherever it stood
        self.started: list[subprocess.Popen[bytes]] = []
        self._pause = threading.Event()
        self.socket = f"fl-{uuid.uuid4().hex[:8]}"
        self.environment = {
            "HOME": str(self.home),
            "FLOWLOOM_HOME": str(self.state),
            "FLOWLOOM_TMUX_SOCKET": self.socket,
            "FLOWLOOM_PROVIDER": "echo",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "FLOWLOOM_EDITOR": "false",
            "FLOWLOOM_NO_ROUTE": "editor",
        }

    def use_claude(self, binary: str, url: str, **variables: str) -> None:
        """Make the agents real ones, which know the project and talk to the model at `url`."""
        trusted = {str(self.project): {"hasTrustDialogAccepted": True}}
        self.seed(hasCompletedOnboarding=True, theme="dark", projects=trusted)
        self.environment |= {
            "FLOWLOOM_PROVIDER": "claude",
            "FLOWLOOM_CLAUDE": binary,
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_AUTH_TOKEN": "anything",
            **QUIET,
            **variables,
        }

    def seed(self, **document: Any) -> None:
        """Write `~/.claude.json`."""
        (self.home / ".claude.json").write_text(json.dumps(document))

    def user_config(self, text: str) -> None:
        """Write the user's configuration of FlowLoom."""
        path = self.home / ".config" / "flowloom" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def user_settings(self, **document: Any) -> None:
        """Write `~/.claude/settings.json`."""
        (self.home / ".claude").mkdir(exist_ok=True)
        (self.home / ".claude" / "settings.json").write_text(json.dumps(document))

    # Commands.

    def popen(self, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start a program in the project folder and return it: warm, where a cold start would make no difference."""
        environment, options = self._given(more)
        process: subprocess.Popen[bytes]
        if warm.may_be_warm(words, environment, options):
            process = warm.Warm(words, environment, **options)
        else:
            process = subprocess.Popen(words, env=environment, **options)
        self.started.append(process)
        return process

    def _given(self, more: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
        """Return the environment and the options of a program; a variable that is None is taken out."""
        environment = {**os.environ, **self.environment, **more.get("env", {})}
        environment = {name: value for name, value in environment.items() if value is not None}
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "cwd": self.project,
        }
        return environment, options | {name: value for name, value in more.items() if name != "env"}

    def run(
        self, *words: str, stdin: bytes = b"", limit_s: float = LIMIT_S, **more: Any
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program to its end."""
        process = self.popen(*words, **{"stdin": subprocess.PIPE, **more})
        try:
            out, err = process.communicate(stdin, timeout=limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"{words} still ran after {limit_s} s\n{out!r}\n{err!r}\n{self.screen()}") from None
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def flowloom(
        self, *words: str, stdin: bytes = b"", limit_s: float = LIMIT_S, **more: Any
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `flowloom` to its end; what only a person may do runs below nobody, because a model can run the tests."""
        if words[:1] in (("setup",), ("trust",)):
            apart = (sys.executable, str(APART), sys.executable, "-m", "flowloom")
            return self.run(*apart, *words, stdin=stdin, limit_s=limit_s, **more)
        return self.run(sys.executable, "-m", "flowloom", *words, stdin=stdin, limit_s=limit_s, **more)

    def begin(self, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start `flowloom` and return it."""
        return self.popen(sys.executable, "-m", "flowloom", *words, **more)

    def begin_ahead(self, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start `flowloom` with a clock that `advance` moves, and return it."""
        begun = self.popen(sys.executable, str(AHEAD), str(self.folder / "ahead"), *words, **more)
        self.until(lambda: (self.folder / "ahead.read").exists() or begun.poll() is not None, "it reads its clock")
        return begun

    def advance(self, begun: subprocess.Popen[bytes], seconds: float, *, reads: int = 12) -> None:
        """Move the clock of what `begin_ahead` started; return once that has looked around by it, or has ended.

        A step of a wait reads the clock up to five times.
        """
        path, read = self.folder / "ahead", self.folder / "ahead.read"
        fresh = path.with_suffix(".new")
        fresh.write_text(str(float(path.read_text()) + seconds if path.exists() else seconds))
        fresh.rename(path)
        before = read.stat().st_size
        self.until(lambda: read.stat().st_size > before + reads or begun.poll() is not None, "it looks by its clock")

    def ask(self, name: str, prompt: str, *words: str, **more: Any) -> str:
        """Ask and return the reply; an exit other than 0 is a failure."""
        done = self.flowloom("ask", name, "-", *words, stdin=prompt.encode("utf-8", "surrogateescape"), **more)
        assert done.returncode == 0, (
            done.returncode,
            done.stdout[-2000:],
            done.stderr.decode()[-2000:],
            self.screen(name),
        )
        return done.stdout.decode("utf-8", "surrogateescape")

    def start(self, name: str = "planning", *words: str) -> None:
        """Start an agent; an exit other than 0 is a failure."""
        done = self.flowloom("start", name, *words)
        assert done.returncode == 0, (done.stderr.decode(), self.screen(name))

    def prompt_file(self, text: str | bytes) -> Path:
        """Write a prompt file as Claude Code does, and return its path."""
        path = self.folder / "claude-prompts" / f"claude-prompt-{uuid.uuid4()}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def ctrl_g(self, path: Path, **more: Any) -> subprocess.CompletedProcess[bytes]:
        """Run what Ctrl-G runs, on a prompt file, without a terminal."""
        return self.run(str(EDITOR), str(path), **more)

    # tmux.

    def tmux(self, *words: str) -> str:
        """Run a tmux command on this world's server; an error is an empty answer."""
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            ["tmux", "-L", self.socket, *words], env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout

    def pane(self, name: str = "planning") -> str:
        """Return the pane id of an agent."""
        return str(self.status(name)["pane_id"])

    def keys(self, *keys: str, name: str = "planning") -> None:
        """Press keys in an agent's window, as a person does; a word that is no key name is typed."""
        self.tmux("send-keys", "-t", self.pane(name), *keys)

    def screen(self, name: str = "planning") -> str:
        """Return what an agent's window shows."""
        try:
            return self.tmux("capture-pane", "-p", "-t", self.pane(name)).rstrip()
        except (OSError, KeyError, TypeError, ValueError):
            return "(no screen)"

    # State.

    def agent_dir(self, name: str = "planning") -> Path:
        """Return the folder of an agent of this project."""
        return self.state / "agents" / "site" / name

    def kept(self, name: str = "planning") -> list[Path]:
        """Return the payloads of hook calls that are stored for an agent."""
        stored = self.agent_dir(name) / "spool"
        return [path for path in stored.iterdir() if path.suffix in (".payload", ".json")] if stored.exists() else []

    def waited_for(self, task_id: str) -> bool:
        """Tell whether a process holds the task's place in line."""
        return any(not _is_free(path) for path in self.state.glob(f"agents/*/*/line/*-{task_id}"))

    def folder_of(self, task: dict[str, Any]) -> str:
        """Return the folder of the agent that has a task."""
        return str(self.state / "agents" / task["agent"]["project"] / task["agent"]["name"])

    def status(self, name: str = "planning") -> dict[str, Any]:
        """Return an agent's status as it stands on disk."""
        return dict(json.loads((self.agent_dir(name) / "status.json").read_text()))

    def tasks(self) -> list[dict[str, Any]]:
        """Return all tasks in the order in which they were asked."""
        found = [json.loads(path.read_text()) for path in (self.state / "tasks").glob("*/task.json")]
        return sorted(found, key=lambda task: task["created"])

    def task(self, number: int = -1) -> dict[str, Any]:
        """Return one task, the last one by default."""
        return self.tasks()[number]

    def steps(self, number: int = -1) -> list[str]:
        """Return the steps of one task's journal."""
        return [entry["step"] for entry in self.task(number)["journal"]]

    def events(self, name: str = "planning") -> list[dict[str, Any]]:
        """Return what an agent's status went through."""
        text = (self.agent_dir(name) / "events.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def log(self) -> str:
        """Return the log."""
        path = self.state / "log" / "flowloom.jsonl"
        return path.read_text() if path.exists() else ""

    def until(self, condition: Callable[[], Any], what: str = "", limit_s: float = LIMIT_S) -> Any:
        """Wait until a condition holds and return its value; fail with what the world looks like."""
        end = time.monotonic() + limit_s
        while True:
            began = time.monotonic()
            try:
                value = condition()
            except (OSError, ValueError, KeyError, IndexError):
                value = None
            if value:
                return value
            now = time.monotonic()
            if now > end:
                raise AssertionError(f"not within {limit_s} s: {what}\n{self.describe()}")
            os.sched_yield()
            # What starts a process to look leaves the processor to those that it waits for.
            self._pause.wait(min(max(LOOKED_AGAIN_S, 4 * (now - began)), LOOKED_AGAIN_AT_MOST_S))

    def until_status(self, status: str, name: str = "planning") -> None:
        """Wait until an agent's status on disk is this one."""
        self.until(lambda: self.status(name)["status"] == status, f"{name} is {status}")

    def until_step(self, step: str, number: int = -1) -> None:
        """Wait until a task's journal has a step, and whoever noted it has noted its agent, too."""
        self.until(lambda: step in self.steps(number), f"task is {step}")
        self.until_settled(self.folder_of(self.task(number)))

    def until_settled(self, agent_dir: str) -> None:
        """Wait until the agent's lock is free: one that moves a task writes the task first, and the agent next."""
        if Path(agent_dir, "lock").exists():
            self.until(lambda: _is_free(Path(agent_dir, "lock")), "the agent's lock is free")

    def describe(self) -> str:
        """Return what a person debugging would look at: the newest, so that a log has room for other failures."""
        parts = []
        for path in sorted((self.state / "agents").glob("*/*/status.json")):
            events = path.parent / "events.jsonl"
            parts += [path.read_text(), *(events.read_text().splitlines()[-12:] if events.exists() else [])]
            parts.append(self.screen(path.parent.name)[-3000:])
        for task in self.tasks()[-4:] if (self.state / "tasks").exists() else []:
            steps = [f"{entry['at']:.2f} {entry['step']} ({entry['why']})" for entry in task["journal"]]
            parts.append(f"task {task['task_id']}: {'; '.join(steps)}")
        return "\n".join([*parts, self.log()[-3000:]])

    def end(self) -> None:
        """End this world's tmux server and every process that lives in it."""
        self.tmux("kill-server")
        for started in self.started:
            started.kill()
            started.communicate()
        # An agent that its terminal leaves calls its hook: what is started while we look is seen at the next look.
        while self._kill_all():
            continue

    def _kill_all(self) -> int:
        """Kill every process of this world; return how many there were."""
        killed = 0
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and process.environ().get("FLOWLOOM_HOME") == str(self.state):
                    process.kill()
                    killed += 1
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return killed


def _is_free(lock: Path) -> bool:
    with lock.open("rb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
