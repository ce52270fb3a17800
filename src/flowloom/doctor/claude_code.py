"""Claude Code as the user has it: its release, its login, its settings, its editor."""

from __future__ import annotations

import os
import re
import shutil

from flowloom.agents import launch
from flowloom.chief import settings_files as claude_settings
from flowloom.doctor.finding import Case, Finding, fail, ok, warn
from flowloom.providers import registry
from flowloom.providers.claude import keys as claude_keys
from flowloom.setup import plan
from flowloom.store import foreign
from flowloom.transports.paste.keyboard import key_name

# The releases that the tests run with: the oldest supported and the newest tested. This is the only place that
# pins them: bin/lib/claude.sh reads this line, docs/generate.py prints it, `make trial` moves it.
TESTED = ("2.1.197", "2.1.330")
LOGINS = (
    *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
    *("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"),
)


def program(case: Case) -> list[Finding]:
    """Check that Claude Code exists, and compare its release with the tested ones."""
    wanted = case.settings.claude
    binary = shutil.which(wanted)
    if binary is None:
        repair = "npm install -g @anthropic-ai/claude-code, or name it with FLOWLOOM_CLAUDE"
        return [fail("claude", f"there is no program {wanted!r}", repair)]
    release = launch.release(registry.find("claude"), binary)
    if not release:
        return [fail("claude", f"{binary} does not print its release", f"see what it prints: {binary} --version")]
    oldest, newest = TESTED
    if _numbers(release) < _numbers(oldest):
        return [fail("claude", f"{release} is older than {oldest}, the oldest supported release", "claude update")]
    if _numbers(release) > _numbers(newest):
        saw = f"{release} is newer than {newest}, the newest tested release"
        return [warn("claude", saw, "check it with a real agent: flowloom doctor --claude")]
    return [ok("claude", f"{release} in {binary}")]


def _numbers(release: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", release)]


def login(case: Case) -> list[Finding]:
    """Look for a sign of a login: only for what exists, never for its content."""
    named = [name for name in LOGINS if claude_settings.variable(name, case.directory)[0]]
    helper = any(document.get("apiKeyHelper") for _, _, document in claude_settings.documents(case.directory))
    if named or helper:
        return [ok("login", f"uses {', '.join(named) or 'apiKeyHelper'}")]
    if os.path.exists(f"{claude_settings.config_dir()}/.credentials.json"):
        return [ok("login", "credentials exist")]
    # macOS stores it in the keychain, which we do not read.
    return [warn("login", "no sign of a login here", "if an agent says `Not logged in`: run /login in a Claude Code")]


def settings_files(case: Case) -> list[Finding]:
    """Check that Claude Code can read every settings file that applies here."""
    broken = claude_settings.unreadable(case.directory)
    if broken:
        return [fail("settings", f"{why}; Claude Code skips this file", f"fix {path}") for path, why in broken]
    read = [path for _, path, _ in claude_settings.documents(case.directory)]
    return [ok("settings", ", ".join(read) or "no settings files")]


def editor(case: Case) -> list[Finding]:
    """Check which program Ctrl-G runs in a Claude Code that is started here."""
    visual, whose = claude_settings.variable("VISUAL", case.directory)
    other, others = claude_settings.variable("EDITOR", case.directory)
    value, by = (visual, whose) if visual else (other, others)
    if plan.OURS not in value:
        wins = os.path.isfile(by) and by != claude_settings.user_path()
        repair = f"remove VISUAL and EDITOR from {by}" if wins else "flowloom setup"
        saw = (
            f"Ctrl-G opens {value} (set by {by})" if value else "no VISUAL and no EDITOR: Ctrl-G opens a default editor"
        )
        return [fail("Ctrl-G", f"{saw}, not FlowLoom", repair)]
    if not os.access(value, os.X_OK):
        return [fail("Ctrl-G", f"{value} (set by {by}) is missing or cannot be run", "flowloom setup")]
    if visual and other != visual:
        saw = f"VISUAL is FlowLoom's, but EDITOR is {other or 'not set'}; some releases of Claude Code read that"
        return [warn("Ctrl-G", saw, "flowloom setup")]
    return [ok("Ctrl-G", f"{value} (set by {by})")]


def key_bindings(case: Case) -> list[Finding]:
    """Check what the user's key bindings leave of the keys that FlowLoom needs in agents' windows, and of Ctrl-G."""
    path = f"{claude_settings.config_dir()}/keybindings.json"
    text = (foreign.read(path, foreign.CONFIG_BYTES) or b"").decode(errors="replace")
    if why := text and claude_keys.fault(text):
        return [warn("key bindings", f"{path}: {why}; Claude Code uses its own keys", f"fix {path}")]
    keys, found = claude_keys.read(text), []
    if not keys["submit"]:
        saw = f"{path} leaves no key for chat:submit that a terminal can send: no task can be submitted"
        found.append(fail("key bindings", saw, "bind one there, such as ctrl+j"))
    if not keys["stash"]:
        saw = f"{path} leaves no key for chat:stash: a draft in an agent's box goes to drafts.txt only"
        found.append(warn("key bindings", saw, "bind one there, such as ctrl+s"))
    if keys["edit"] != ["C-g"]:
        opens = f"{key_name(keys['edit'])} opens FlowLoom" if keys["edit"] else "no key opens FlowLoom"
        saw = f"{path} takes Ctrl-G from chat:externalEditor: {opens}"
        found.append(warn("key bindings", saw, "remove ctrl+g there"))
    return found or [ok("key bindings", path if text else "Claude Code's own")]


def real_editor(case: Case) -> list[Finding]:
    """Check the real editor, which opens everything that is not for an agent."""
    named = claude_settings.variable(plan.REAL_EDITOR, case.directory)[0]
    shell = [os.environ.get(name, "") for name in plan.EDITORS]
    for candidate in [named, *shell, "sensible-editor", "vi", "nano"]:
        if not candidate or plan.OURS in candidate:
            continue
        words = candidate.split()  # as hooks/editor does
        if words and shutil.which(words[0]):
            return [ok("real editor", candidate)]
        if candidate == named:
            repair = f"install it, or name another one as {plan.REAL_EDITOR} in {claude_settings.user_path()}"
            return [warn("real editor", f"{candidate} (set as {plan.REAL_EDITOR}) was not found", repair)]
    return [fail("real editor", "no editor found", f"install one, or name it with {plan.REAL_EDITOR}")]


def hooks_allowed(case: Case) -> list[Finding]:
    """Check that no settings file and no policy turns hooks off: without them an agent cannot answer."""
    found = []
    for whose, path, document in claude_settings.documents(case.directory):
        if document.get("disableAllHooks"):
            found.append(fail("hooks allowed", f"{path} has disableAllHooks", "remove it: agents report through hooks"))
        if whose == claude_settings.MANAGED and document.get("allowManagedHooksOnly"):
            saw = f"{path} has allowManagedHooksOnly: your organisation's policy forbids FlowLoom's hooks"
            found.append(fail("hooks allowed", saw, "ask your administrator"))
    return found or [ok("hooks allowed", "hooks are allowed")]
