"""What an agent program must answer: values in, values out.

A provider never touches a terminal, a file, a process or a clock. Third parties add one through the entry point
group `flowloom.providers`, whose value is a module with the functions of `Provider`.

Only the type checker imports this module.
"""

from __future__ import annotations

from typing import Any, Protocol, TypedDict


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


class Screen(TypedDict):
    """What a provider reads from a window.

    `kind` is `box` (the empty or filled input box takes text), `dialog` (a
    question stands there), `view` (a list, a menu or the transcript hides
    the box) or `none`. `draft` is the text in the box, `cut` says that not all
    of it is on the screen. `keys` lead back to the box from a `view`, out of
    a mode of the `box` that eats Enter, and towards yes in the dialog about trust; `title` is how a view is headed.
    `field` is what is typed into a view or above the box, where the cursor stands; `safe`
    says that the `keys` of a view lose nothing that a person typed.
    `stashed` says that a draft is put aside already, and there is room for one.
    """

    kind: str
    busy: bool
    draft: str
    cut: bool
    question: Question | None
    keys: list[str]
    stashed: bool
    field: str
    title: str
    safe: bool


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
    at_ns: int
    at: float
    pid: int
    # The transcript shows the task that is being delivered.
    delivered: bool


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
    settings_path: str  # the document that `settings` returned, as a file; empty for a run without a window
    system_prompt: str  # what to add to the program's own system prompt
    args: list[str]  # the user's own arguments; they come last
    user_mode: str  # the permission mode that the user's settings choose; empty where they choose none
    release: str  # the release of the program; empty where it is not known


class Printed(TypedDict):
    """What a run without a terminal came to.

    `reply` is None where there is none, and `error` then says why. `refused`
    are tool calls that were denied because a headless run cannot ask a person.
    """

    reply: str | None
    error: str
    refused: list[str]


class Provider(Protocol):
    """What an agent program must answer."""

    NAME: str  # its name, which is also that of its file
    LEAVE: str  # what is typed to end the program
    CLEAR: list[str]  # keys that empty the box, which no user can bind
    EDITS: bool  # whether the program can hand a draft to $VISUAL
    LATER: tuple[str, ...]  # modules that it imports in its functions; a wait loads them before it waits
    # Its screen is read by its colours; its tools get these variables back by the `env` of its settings.
    COLOURLESS: tuple[str, ...]  # variables that take the colours from the screen; it starts without them
    CUT_MARKS: tuple[bytes, ...]  # what a transcript holds where the output limit cut a reply; none if never

    def binary(self, claude: str) -> str:
        """Return the program to run; `claude` is the user's choice of Claude Code."""
        ...

    def release_command(self, binary: str) -> list[str]:
        """Return the command whose first word of output is the release; empty for none."""
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

    def headless(self, launch: Launch) -> list[str]:
        """Return the command line that carries out the prompt on stdin and exits; empty if there is none."""
        ...

    def read_headless(self, stdout: str, stderr: str, exit_code: int | None) -> Printed:
        """Return the result of such a run; the exit code is None if no process saw it end."""
        ...

    def settings(self, hook: str, extra: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the settings document whose hooks run `hook`, with the user's own merged in."""
        ...

    def report(self, payload: dict[str, Any]) -> Report | None:
        """Return what a hook's payload says, in FlowLoom's terms; None if nothing follows from it."""
        ...

    def read_screen(self, screen: str) -> Screen:
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

    def enter_at_once(self, release: str) -> bool:
        """Tell whether Enter may be sent together with the paste."""
        ...

    def key_bindings(self, environment: dict[str, str]) -> str:
        """Return the file in which the user binds the program's keys; empty for none."""
        ...

    def keys(self, text: str) -> Keys:
        """Return the keys that the file with this text leaves for what we do in the box."""
        ...

    def session_file(self, environment: dict[str, str], pid: int) -> str:
        """Return the file in which the program keeps the status of the session with this pid."""
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

    def read_sessions(self, text: str, pid: int, since_s: float = 0.0) -> str:
        """Return `busy`, `waiting` or `idle`, from a session file or that command's output; empty for none.

        An `idle` that was said before `since_s`, a time of day, is of an earlier turn.
        """
        ...

    def read_waiting(self, text: str, pid: int) -> str:
        """Return what a session that is `waiting` waits for, in the program's words; empty where it is not said."""
        ...

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
