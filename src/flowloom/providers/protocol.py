"""What an agent program must answer: values in, values out.

A provider is a folder with a module for each of its capabilities: `program` and `dialect`, and if it has them
`screen`, `session` and `memory`. It never touches a terminal, a file, a process or a clock; what it needs to know is
read for it. Third parties add one through the entry point group `flowloom.providers`, whose value is such a package.

Only the type checker imports this module.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypedDict


class Question(TypedDict):
    """What an agent asks and how to answer it. `call` is the tool call that asks, `options` are the answers."""

    kind: str
    text: str
    how: str
    call: str
    options: list[str]


class Keys(TypedDict):
    """The tmux keys for what we do in a program's input box; none where the user left it no key."""

    submit: list[str]
    stash: list[str]  # put a draft aside until the next submission
    edit: list[str]  # hand the draft to $VISUAL


# What stands in a window.
ScreenKind = Literal["box", "dialog", "overlay", "none"]


class Screen(TypedDict):
    """What a provider reads from a window.

    `kind` is `box` (the empty or filled input box takes text), `dialog` (a
    question stands there), `overlay` (a list, a menu or the transcript hides
    the box) or `none`. `draft` is the text in the box, `cut` says that not all
    of it is on the screen. `keys` lead back to the box from an `overlay`, and out of
    a mode of the `box` that eats Enter; `title` is how an overlay is headed.
    `field` is what is typed into an overlay or above the box, where the cursor stands; `safe`
    says that the `keys` of an overlay lose nothing that a person typed.
    `listed` says that the question can be a list which a person has opened.
    `stashed` says that a draft is put aside already, and there is room for one.
    """

    kind: ScreenKind
    busy: bool
    draft: str
    cut: bool
    question: Question | None
    keys: list[str]
    stashed: bool
    field: str
    title: str
    safe: bool
    listed: bool


class Report(TypedDict, total=False):
    """What one hook call says, in our words. Made by a provider from the payload."""

    event: str
    source: str
    session_id: str
    transcript: str
    prompt: str
    prompt_id: str | None
    message: str
    question: Question
    call: str
    background: list[str]
    ended: list[str]
    error: str
    limited: bool
    reason: str
    subagent: str
    receipt: str
    at_ns: int
    at: float
    pid: int
    # The transcript shows the task that is being delivered.
    delivered: bool


class Timing(TypedDict):
    """How a program takes keys and reports, in seconds: measured on it."""

    clear_again_s: float  # so long after `CLEAR`, the same keys empty the box again and do nothing else
    receipt_s: float  # how late a prompt can be reported that the program has taken
    first_look_s: float  # before this, a starting program shows nothing
    silent_s: float  # how long after its box its first report can come
    hook_limit_s: float  # how long it lets a hook call run


class Launch(TypedDict):
    """What a provider needs to know to start its program."""

    # What stands behind each is in docs/how-to/write-a-provider.md, word for word.
    binary: str  # the path of the program
    agent_id: str  # the agent, such as `planning@site`
    agent_dir: str  # the folder of the agent's state
    session_id: str  # the conversation to begin, or to resume
    resume: bool  # whether it is resumed
    transcript: str  # the transcript of the conversation to resume; empty where that is not known
    dir: str  # the folder that the program starts in, with every link resolved
    checkout: str  # the main checkout that this folder belongs to; the folder itself outside of git
    files_dir: str  # the folder that holds what `files` returns; empty for a run without a window
    hook: list[str]  # the command to run on the program's events, with the payload on stdin or as its last argument
    editor: str  # what hands a draft over if the program runs it as $VISUAL
    system_prompt: str  # what to add to the program's own system prompt
    args: list[str]  # the user's own arguments; they come last
    environment: dict[str, str]  # the caller's variables
    read: dict[str, bytes]  # the files of `named` and `reads` that exist, by their paths
    unread: dict[str, str]  # those that exist and cannot be read, with the reason
    release: str  # the release of the program; empty where it is not known


class Printed(TypedDict):
    """What a run without a terminal came to.

    `reply` is None where there is none, and `error` then says why. `refused`
    are tool calls that were denied because a headless run cannot ask a person.
    """

    reply: str | None
    error: str
    refused: list[str]


class Launcher(Protocol):
    """The program: how it is started, and the keys that it takes."""

    LEAVE: str  # what is typed to end the program
    CLEAR: list[str]  # keys that empty the box, which no user can bind
    CLOSE: list[str]  # keys that close what a person has opened over the box
    EDITS: bool  # whether the program can hand a draft to $VISUAL
    # Its screen is read by its colours.
    COLOURLESS: tuple[str, ...]  # variables that take the colours from the screen; it starts without them
    HOMES: tuple[str, ...]  # variables that say where it keeps its files
    MISLEADING: tuple[str, ...]  # beginnings of variables that an old tmux server must not hand on
    INSTALL: str  # how to install the program
    TIMING: Timing  # how it takes keys and reports

    def binary(self, claude: str) -> str:
        """Return the program to run; `claude` is the user's choice of Claude Code."""
        ...

    def release_command(self, binary: str) -> list[str]:
        """Return the command whose first word of output is the release; empty for none."""
        ...

    def named(self, launch: Launch) -> list[str]:
        """Return the files that the user's own arguments name and that must be read before `check`."""
        ...

    def reads(self, launch: Launch) -> list[str]:
        """Return other files to read before a start; `/*.json` at the end of a path stands for each such file."""
        ...

    def check(self, launch: Launch) -> None:
        """Raise UsageError where the user's own arguments cannot be used; nothing but those is known yet."""
        ...

    def files(self, launch: Launch) -> dict[str, bytes]:
        """Return the files to write before a start, by their names in `files_dir`."""
        ...

    def environment(self, launch: Launch) -> dict[str, str]:
        """Return the variables that its windows get."""
        ...

    def scrub(self, name: str) -> bool:
        """Tell whether a variable would mislead the program and is taken out."""
        ...

    def command(self, launch: Launch) -> list[str]:
        """Return the command line of an interactive agent."""
        ...

    def silent(self, launch: Launch) -> str:
        """Return why the program would not report, as far as the files read tell; empty where they do not."""
        ...

    def headless(self, launch: Launch) -> list[str]:
        """Return the command line that carries out the prompt on stdin and exits; empty if there is none."""
        ...

    def read_headless(self, stdout: str, stderr: str, exit_code: int | None) -> Printed:
        """Return the result of such a run; the exit code is None if no process saw it end."""
        ...

    def enter_at_once(self, release: str) -> bool:
        """Tell whether Enter may be sent together with the paste."""
        ...

    def key_bindings(self, environment: dict[str, str]) -> str:
        """Return the file in which the user binds the program's keys; empty for none."""
        ...

    def keys(self, text: str) -> Keys:
        """Return the keys that the file with this text leaves for what we do in the box."""
        ...


class Dialect(Protocol):
    """The program's words: what a hook call says, in FlowLoom's terms. Every hook call loads it."""

    EVENTS: frozenset[str]  # the events that it reports, of those in `docs/reference/states.md`
    RECEIPT: Literal["hook", "transcript", "none"]  # what confirms that the agent has a prompt

    def report(self, payload: dict[str, Any]) -> Report | None:
        """Return what a hook's payload says, in FlowLoom's terms; None if nothing follows from it."""
        ...


class ScreenReader(Protocol):
    """What the program's window shows."""

    def read(self, screen: str) -> Screen:
        """Return what a `capture-pane -e` shows."""
        ...

    def towards(self, screen: str, choice: str) -> list[str]:
        """Return the next key towards an option of the question on the screen; none if it is not offered."""
        ...

    def shows(self, screen: str, question: Question) -> bool:
        """Tell whether the dialog on the screen is this question."""
        ...

    def refusal(self, screen: str) -> str:
        """Return why the last prompt never became a turn, where the screen says so."""
        ...

    def limit(self, screen: str) -> str:
        """Return what the window shows of a usage limit: `waits` to continue, `asks`, `cancelled`, or nothing."""
        ...


class SessionReader(Protocol):
    """What the running program itself says of its session."""

    def session_file(self, environment: dict[str, str], pid: int) -> str:
        """Return the file in which the program keeps the status of the session with this pid; empty for none."""
        ...

    def moved_to(self, text: str) -> str:
        """Return the beginning of the id of the session that this one was moved to, from its session file."""
        ...

    def shown(self, text: str) -> str:
        """Return the beginning of the id of the session that its window shows, from its session file."""
        ...

    def sessions_command(self, binary: str) -> list[str]:
        """Return the documented command that tells the status of sessions too, but slowly; empty for none."""
        ...

    def read_sessions(self, text: str, pid: int, since_s: float = 0.0, busy_since_s: float = 0.0) -> str:
        """Return `busy`, `waiting` or `idle`, from a session file or that command's output; empty for none.

        An `idle` that was said before `since_s`, a time of day, is of an earlier turn. A `busy` from before
        `busy_since_s` is of the time before a question.
        """
        ...

    def read_waiting(self, text: str, pid: int) -> str:
        """Return what a session that is `waiting` waits for, in the program's words; empty where it is not said."""
        ...

    def opened(self, waiting: str) -> bool:
        """Tell whether what a session waits for, in these words, was opened by a person and asks nothing."""
        ...


class Memory(Protocol):
    """What the program keeps of its conversations."""

    LIST: str  # the command that lists the user's own conversations; empty for none
    CUT_MARKS: tuple[bytes, ...]  # what a transcript holds where the output limit cut a reply; none if never

    def conversation_files(self, environment: dict[str, str], session_id: str) -> str:
        """Return the pattern of the files that a conversation can be kept in, below one folder; empty for none."""
        ...

    def resumable(self, transcript: bytes) -> bool:
        """Tell whether a conversation that left this transcript can be resumed."""
        ...

    def joined(self, transcript: bytes, message: str) -> str | None:
        """Return the reply whose last part is `message`, with its other parts; None where that is not there yet.

        With an empty `message`, what was said before the turn failed.
        """
        ...

    def reply_in_transcript(self, transcript: bytes, task_id: str) -> str | None:
        """Return the last message of the turn that a task began; asked when a hook was lost."""
        ...
