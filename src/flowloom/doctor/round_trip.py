"""Send a prompt file through the script that Ctrl-G runs, to a throwaway agent and back."""

from __future__ import annotations

import os
import shutil
import sys

from flowloom.agents import hook_shims
from flowloom.chief import settings_files
from flowloom.clock import steady_s
from flowloom.doctor.finding import Case, Finding, fail, ok
from flowloom.ports import procs
from flowloom.ports.tmux.inventory import Inventory
from flowloom.setup import plan
from flowloom.store import files, state_folder

ECHO_LIMIT_S = 30.0
# Enough for a start with plugins and a slow login, and a turn of a large model.
CLAUDE_LIMIT_S = 120.0
WORD = "flowloom-doctor"
# Variables of another agent or Claude Code that may have started this command.
FOREIGN = ("FLOWLOOM_AGENT", "FLOWLOOM_AGENT_DIR", "CLAUDECODE", "TMUX", "TMUX_PANE")


def echo(case: Case) -> list[Finding]:
    """Send a prompt to an echo agent in its own temporary tmux server and state folder."""
    return _travel(case, "round trip", "echo", f"say {WORD}", ECHO_LIMIT_S)


def claude(case: Case) -> list[Finding]:
    """Send a prompt to the user's Claude Code in a folder made for it; this costs one short turn."""
    prompt = f"Do nothing and use no tools. Reply with this one word: {WORD}"
    return _travel(case, "real agent", "claude", prompt, CLAUDE_LIMIT_S)


def _travel(case: Case, name: str, provider: str, prompt: str, limit_s: float) -> list[Finding]:
    state_folder.ensure()
    top = state_folder.trial_dir(os.getpid())
    # Claude Code remembers a trusted folder by its path, so always use the same one.
    site = state_folder.trial_site()
    socket = f"flowloom-doctor-{os.getpid()}"
    environment = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    environment |= {
        "FLOWLOOM_HOME": top,
        "FLOWLOOM_TMUX_SOCKET": socket,
        "FLOWLOOM_SESSION": "doctor",
        "FLOWLOOM_PROVIDER": provider,
        "FLOWLOOM_CLAUDE": case.settings.claude,
        "FLOWLOOM_EDITOR": "false",
    }
    if provider == "echo":
        # The user's arguments and roles are meant for Claude Code.
        environment["XDG_CONFIG_HOME"] = state_folder.trial_file(os.getpid(), "config")
    try:
        for folder in (top, site):
            files.ensure_dir(folder)
        return [_go(name, provider, prompt, limit_s, environment, site)]
    finally:
        _clean(environment, socket, site, [top, state_folder.trial_root()])


def _go(name: str, provider: str, prompt: str, limit_s: float, environment: dict[str, str], site: str) -> Finding:
    repair = {
        "echo": "see the lines above; if none of them failed, this is a bug: report it with this message",
        "claude": "start Claude Code yourself in a new folder and see what it asks",
    }[provider]
    start = [sys.executable, "-m", "flowloom", "start", "doctor", "--provider", provider, "--timeout", str(limit_s)]
    began_s = steady_s()
    code, _, said = procs.outcome([*start, "--trust"], timeout_s=limit_s + 10, env=environment, directory=site)
    up_s = steady_s() - began_s
    if code != 0:
        return fail(name, f"the agent did not start ({_code(code)}): {_last(said)}", repair)
    path = state_folder.trial_file(os.getpid(), f"claude-prompt-{os.getpid()}.md")
    draft = f"@doctor {prompt}\n".encode()
    files.write(path, draft)
    began_s = steady_s()
    hook = _hook(site)
    code, _, said = procs.outcome([hook, path], timeout_s=limit_s, env=environment, directory=site)
    took_s = steady_s() - began_s
    reply = (files.read(path) or b"").decode(errors="replace")
    if code != 0:
        return fail(name, f"{hook} failed ({_code(code)}): {_last(said)}", repair)
    if reply.encode() == draft or WORD not in reply.partition("\n\n")[2]:
        return fail(name, f"the prompt file contains no reply: {reply[:200]!r}", repair)
    return ok(name, f"agent up in {up_s:.1f} s; Ctrl-G to the reply {took_s:.2f} s, through {hook}")


def _hook(directory: str) -> str:
    """Return the program that Ctrl-G runs if it is ours, else our own script."""
    value = settings_files.variable("VISUAL", directory)[0]
    return value if plan.OURS in value and os.access(value, os.X_OK) else hook_shims.hook_path("editor")


def _code(code: int | None) -> str:
    return "timed out" if code is None else f"exit {code}"


def _last(said: str) -> str:
    return " / ".join(line.strip() for line in said.strip().splitlines()[-3:]) or "no output"


def _clean(environment: dict[str, str], socket: str, site: str, folders: list[str]) -> None:
    leave = [sys.executable, "-m", "flowloom", "stop", "--all"]
    if os.path.isdir(site):
        procs.outcome(leave, timeout_s=20.0, env=environment, directory=site)
    Inventory(socket).end()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
