"""The chain from Ctrl-G to a reply, proved link by link, each with its repair.

A check is a function from a case to its findings; a new one is added to CHECKS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flowloom import git
from flowloom.doctor import claude_code, install, leftovers, multiplexer, round_trip, state
from flowloom.doctor.finding import FAIL, OK, WARN, Case, Finding, fail
from flowloom.errors import BadConfig, BadFile, FlowLoomError
from flowloom.settings import Settings, load

__all__ = ["FAIL", "OK", "WARN", "Finding", "examine"]

Check = Callable[[Case], list[Finding]]

# In the order of the chain. What is kept in the spool is counted before anything applies it.
CHECKS: list[Check] = [
    install.python,
    install.command,
    install.hooks,
    install.stubs,
    install.project_file,
    multiplexer.program,
    multiplexer.options,
    claude_code.program,
    claude_code.login,
    claude_code.settings_files,
    claude_code.editor,
    claude_code.real_editor,
    claude_code.hooks_allowed,
    state.folder,
    state.space,
    state.file_system,
    leftovers.payloads,
    leftovers.places,
    leftovers.agents,
    leftovers.windows,
    leftovers.tasks_unattended,
    leftovers.bug_reports,
    leftovers.logged_errors,
    round_trip.echo,
]


def examine(directory: str, *, claude: bool) -> Iterator[Finding]:
    """Yield the findings one by one; with `claude` also of a real agent, which may take minutes."""
    try:
        case = Case(directory, load(git.project_root(directory)))
    except (BadConfig, BadFile) as error:
        yield fail("configuration", str(error), error.hint or "fix that file")
        case = Case(directory, Settings())
    for check in [*CHECKS, round_trip.claude] if claude else CHECKS:
        try:
            yield from check(case)
        except (FlowLoomError, OSError, ValueError) as error:  # ValueError: a file that somebody has edited
            name = check.__name__.replace("_", " ")
            yield fail(name, str(error), getattr(error, "hint", "") or "mend that, then ask the doctor again")
