"""The one tree of errors.

    FlowLoomError            1   expected trouble that ends a command
    ├─ UsageError            2   what was asked cannot be done as asked
    │  ├─ BadName            2   not a name for an agent
    │  ├─ BadConfig          2   a configuration file with an unknown key or a bad value
    │  ├─ BadOrder           2   a .delegate document that says something unknown
    │  ├─ BadFile            2   a file from outside that is no regular file, too large, or not readable
    │  ├─ NoDirectory        2   the working directory was removed
    │  ├─ NoSuchAgent        2
    │  └─ NoSuchTask         2
    ├─ TmuxFailed            1   tmux is missing, too old, or refused a command
    │  └─ TmuxSilent         1   tmux has not answered yet: it hangs, or is stopped
    ├─ AgentFailed           1   the agent died, was interrupted or reported an error
    ├─ DamagedFile           1   a file of ours does not say what it must
    ├─ StateFailed           1   the state folder cannot be used: full, read-only, somebody else's
    ├─ OutputFailed          1   nothing takes what a command prints
    ├─ Blocked               3   a person must answer first
    ├─ TimedOut            124
    └─ Stopped             130   the user stopped waiting

Exit code 70 is for what is none of these: a bug of ours, with a report file.
"""

from __future__ import annotations


class FlowLoomError(Exception):
    """Say what went wrong; `hint` says what to do next."""

    exit_code = 1
    hint = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint


class UsageError(FlowLoomError):
    """The request itself cannot be carried out."""

    exit_code = 2


class BadName(UsageError):
    """A name that no agent can have."""

    hint = "a name is 1 to 40 of the characters a-z 0-9 - _, and begins with a letter"


class BadConfig(UsageError):
    """A configuration file that says something unknown."""


class BadOrder(UsageError):
    """A .delegate document that cannot be carried out."""

    hint = "mend it and call again; an empty file means the default agent"


class BadFile(UsageError):
    """A file from outside that cannot be read as a file."""


class NoDirectory(UsageError):
    """The working directory is not there."""

    hint = "change to a folder that exists, or start Claude Code again in one"


class NoSuchAgent(UsageError):
    """No agent or role has this name here."""

    hint = "list the agents with: flowloom agents"


class NoSuchTask(UsageError):
    """No task has this id."""

    hint = "list the tasks with: flowloom tasks"


class TmuxFailed(FlowLoomError):
    """tmux could not do it."""


class TmuxSilent(TmuxFailed):
    """tmux does not answer."""


class AgentFailed(FlowLoomError):
    """The agent cannot finish the task."""


class DamagedFile(FlowLoomError):
    """A state file exists and is not readable as what it must be."""


class StateFailed(FlowLoomError):
    """The file system does not let us keep our state."""


class OutputFailed(FlowLoomError):
    """What a command prints cannot be written, to a full disk for instance."""

    hint = "look at what it is redirected to; a reply stays unread until it was printed: flowloom tasks --unread"


class Blocked(FlowLoomError):
    """The agent waits for a person."""

    exit_code = 3


class TimedOut(FlowLoomError):
    """The time given is over; the task goes on."""

    exit_code = 124


class Stopped(FlowLoomError):
    """The user stopped waiting; the task goes on."""

    exit_code = 130
