"""The chain from Ctrl-G to a reply, checked link by link, with a repair for each.

A check is a function from a `Case`, which is what the doctor looks at, to a `Finding` for each link.
Add a new one to CHECKS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flowloom.config.settings import Settings, load
from flowloom.doctor import claude_code, install, leftovers, multiplexer, round_trip, state
from flowloom.doctor.finding import FAIL, OK, WARN, Case, Finding, fail
from flowloom.errors import FlowLoomError
from flowloom.ports import git
from flowloom.store import state_folder

__all__ = ["FAIL", "OK", "WARN", "Finding", "examine"]

Check = Callable[[Case], list[Finding]]

# The exceptions that an edited or damaged file can cause in a check.
DAMAGE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
# By the names of their findings, in the order of the chain. The spool is counted before a command applies it.
CHECKS: dict[str, Check] = {
    "python": install.python,
    "command": install.command,
    "open files": install.open_files,
    "hooks": install.hooks,
    "hook paths": install.stubs,
    "flowloom.toml": install.project_file,
    "tmux": multiplexer.program,
    "tmux.conf": multiplexer.options,
    "claude": claude_code.program,
    "login": claude_code.login,
    "settings": claude_code.settings_files,
    "Ctrl-G": claude_code.editor,
    "key bindings": claude_code.key_bindings,
    "real editor": claude_code.real_editor,
    "hooks allowed": claude_code.hooks_allowed,
    "state": state.folder,
    "space": state.space,
    "file system": state.file_system,
    "hook calls": leftovers.payloads,
    "line": leftovers.places,
    "agents": leftovers.agents,
    "windows": leftovers.windows,
    "tasks": leftovers.tasks_unattended,
    "bugs": leftovers.bug_reports,
    "log": leftovers.logged_errors,
    "round trip": round_trip.echo,
}


def examine(directory: str, *, claude: bool) -> Iterator[Finding]:
    """Yield the findings one by one; with `claude` also for a real agent, which may take minutes."""
    try:
        case = Case(directory, load(git.project_root(directory)))
    except (FlowLoomError, OSError) as error:
        # This also happens if the state folder cannot be used: the configuration is cached there.
        yield _broken("configuration", error, "fix that file")
        case = Case(directory, Settings())
    for name, check in {**CHECKS, "real agent": round_trip.claude}.items() if claude else CHECKS.items():
        try:
            yield from check(case)
        except (FlowLoomError, OSError, *DAMAGE) as error:
            yield _broken(name, error, "fix that, then run: flowloom doctor")


def _broken(name: str, error: Exception, repair: str) -> Finding:
    """Return the finding for a check that could not run."""
    if isinstance(error, OSError) and (known := state_folder.trouble(error)) is not None:
        error = known
    saw = f"{type(error).__name__}: {error}" if isinstance(error, DAMAGE) else str(error)
    return fail(name, saw, getattr(error, "hint", "") or repair)
