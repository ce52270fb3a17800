"""The one tree of errors.

    FlowLoomError            1   expected trouble that ends a command
    ├─ UsageError            2   the request is invalid
    │  ├─ BadName            2   not a name for an agent
    │  ├─ BadConfig          2   a configuration file with an unknown key or a bad value
    │  ├─ BadOrder           2   a .delegate document with an unknown key or a bad value
    │  ├─ BadFile            2   a file from outside that is not a regular file, too large, or not readable
    │  ├─ NoDirectory        2   the working directory was removed
    │  ├─ FolderGone         2   the folder that an agent works in was moved or removed
    │  ├─ NoSuchAgent        2
    │  └─ NoSuchTask         2
    ├─ TmuxFailed            1   tmux is missing, too old, or refused a command
    │  └─ TmuxUnreachable    1   this process cannot reach a tmux server; its agents may run
    │     └─ TmuxSilent      1   it has not answered yet: it hangs, or is stopped
    ├─ AgentFailed           1   the agent died, was interrupted or reported an error
    ├─ QuestionClosed        1   a question was answered or withdrawn before
    ├─ ConversationOpen      1   another program has the agent's conversation open
    ├─ DamagedFile           1   one of our state files is invalid
    │  └─ NewerFormat        1   a newer FlowLoom wrote it
    ├─ StateFailed           1   the state folder cannot be used: full, read-only, another user's
    │  └─ LockHeld           1   another process holds a lock for too long: it is stopped, or hangs
    ├─ OutputFailed          1   a command's output cannot be written
    ├─ Bug                  70   a bug of ours ended one task; its report is named
    ├─ Blocked               3   a person must answer first
    ├─ TimedOut            124
    └─ Stopped             130   the user stopped waiting

Exit code 70 is for everything else: a bug of ours, with a report file.
"""

from __future__ import annotations


class FlowLoomError(Exception):
    """An expected failure: the message names what went wrong, `hint` what to do next."""

    exit_code = 1
    hint = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint

    def sentences(self) -> str:
        """Return the message and what to do next as sentences: on a screen, where they share a line."""
        return sentences(str(self), self.hint)


def sentences(message: str, hint: str) -> str:
    """Return a message and what to do next in one line."""
    if not hint:
        return message
    todo = f"Run: {hint}" if hint.startswith("flowloom ") else f"{hint[:1].upper()}{hint[1:]}"
    return f"{message}. {todo}"


class UsageError(FlowLoomError):
    """The request itself cannot be carried out."""

    exit_code = 2


class BadName(UsageError):
    """A name that no agent can have."""

    hint = "use 1 to 40 characters: a-z, 0-9, - and _, starting with a letter"


class BadConfig(UsageError):
    """A configuration file with an unknown key or a bad value."""


class BadOrder(UsageError):
    """A .delegate document that cannot be carried out."""

    hint = "fix it and try again; an empty file goes to the default agent"


class BadFile(UsageError):
    """A file from outside that cannot be read as a file."""


class NoDirectory(UsageError):
    """The working directory is not there."""

    hint = "change to a folder that exists, or start Claude Code again in one"


class FolderGone(UsageError):
    """The folder that an agent works in no longer exists."""


class NoSuchAgent(UsageError):
    """No agent or role has this name here."""

    hint = "list the agents with: flowloom agents"


class NoSuchTask(UsageError):
    """No task has this id."""

    hint = "list the tasks with: flowloom tasks"


class TmuxFailed(FlowLoomError):
    """tmux could not carry out a command."""


class TmuxUnreachable(TmuxFailed):
    """A tmux server cannot be reached from here, which says nothing about what runs in it.

    `absent` says that nothing listens at its socket: there may be no server (yet).
    `reason` is the message without the agent that it is about.
    """

    absent = False
    reason = ""


class TmuxSilent(TmuxUnreachable):
    """tmux does not answer."""


class AgentFailed(FlowLoomError):
    """The agent cannot finish the task."""


class QuestionClosed(FlowLoomError):
    """A question is not open any more: another answer came first, or the agent has moved on."""


class ConversationOpen(FlowLoomError):
    """Another program has the agent's conversation open, and two must not write into it."""


class DamagedFile(FlowLoomError):
    """A state file exists, but its content is invalid."""


class NewerFormat(DamagedFile):
    """A state file was written by a newer FlowLoom, and is left as it is."""

    hint = "upgrade FlowLoom, or set FLOWLOOM_HOME to another folder"


class StateFailed(FlowLoomError):
    """The state folder cannot be used."""


class LockHeld(StateFailed):
    """Another process holds a lock and does not let go of it: it is stopped, or its disk hangs."""


class OutputFailed(FlowLoomError):
    """A command's output cannot be written, for example on a full disk."""

    hint = "check where it is redirected to; a reply stays unread until it is printed: flowloom tasks --unread"


class Bug(FlowLoomError):
    """A bug of FlowLoom's ended one task; the others continue."""

    exit_code = 70


class Blocked(FlowLoomError):
    """The agent waits for a person."""

    exit_code = 3


class TimedOut(FlowLoomError):
    """The timeout ran out; the task continues."""

    exit_code = 124


class Stopped(FlowLoomError):
    """The user stopped waiting; the task continues."""

    exit_code = 130
