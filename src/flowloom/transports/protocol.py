"""How a text reaches an agent: the port that every transport honours.

A transport knows one agent and brings texts to it, one at a time. It knows no task's journal and no status
document: what it finds on the way it tells its ledger at the moment it happens, and what it comes to it returns.

Only the type checker imports this module.
"""

from __future__ import annotations

from typing import Literal, Protocol

from flowloom.ports.tmux.formats import Look
from flowloom.ports.tmux.server import Tmux
from flowloom.providers.protocol import Keys, Question, Screen
from flowloom.providers.registry import Provider
from flowloom.store.layout import AgentRef
from flowloom.transports.text import Text
from flowloom.turns.record import Status

# What became of a text that was handed in: it was submitted; the agent has moved since the look; it takes no input.
Submission = Literal["submitted", "moved", "refused"]

# What a transport knows of a text that no receipt has confirmed yet:
#   waiting  nothing to decide yet
#   mixed    it is in the input box, among words of a person's
#   absent   the agent shows no trace of it
#   unsure   the agent shows that it arrived, and nothing confirms it
#   hidden   something covers the place where it would be
#   taken    the agent has read it; its program gives no receipt, so this is all that will be known
Evidence = Literal["waiting", "mixed", "absent", "unsure", "hidden", "taken"]


# What became of an attempt to interrupt the agent: it was interrupted; what it was at had just ended; a person's editor
# has its terminal; it takes no keys.
Interruption = Literal["interrupted", "over", "lent", "refused"]

# What became of an attempt to take a text back: it was never sent; it was removed; the agent has it, or may have it; or
# the agent was at it already and was interrupted.
Recall = Literal["unsent", "removed", "sent"] | Interruption


class AgentWindow(Protocol):
    """What a transport asks of the agent that it serves."""

    ref: AgentRef
    name: str
    agent_id: str
    kept: str

    def status(self) -> Status:
        """Return its status on disk."""
        ...

    def tmux(self, now: Status) -> Tmux:
        """Return the tmux server of its window."""
        ...

    def provider(self) -> Provider:
        """Return the provider of its program."""
        ...

    def read_screen(self, look: Look) -> Screen:
        """Return what its window shows."""
        ...

    def session_says(self, now: Status) -> str:
        """Return what its session says of itself: `busy`, `waiting`, `idle`, or nothing."""
        ...

    def session_waits_for(self, now: Status) -> str:
        """Return what a session that is `waiting` waits for."""
        ...

    def key_bindings(self) -> Keys:
        """Return the keys that its user left for what a transport does."""
        ...

    def key_bindings_file(self) -> str:
        """Return the file with those keys; empty where there is none."""
        ...


class Ledger(Protocol):
    """What a transport reports before it acts on it: a kill in between then loses nothing."""

    task_id: str

    def note(self, fact: str) -> None:
        """Note a fact on the task that is delivered, such as where a person's draft was kept."""
        ...

    def unsent(self, task_id: str) -> None:
        """Give a task back whose text was found in the box, not submitted, and is about to be taken out."""
        ...

    def blocked(self, question: Question) -> None:
        """Take the agent for blocked on a question that its window shows."""
        ...


class Transport(Protocol):
    """One way to one agent, for one task after another. Each call does what can be done now, and never waits."""

    NAME: str

    @property
    def again_s(self) -> float:
        """Return how soon the next call is worth while, in seconds."""
        ...

    @property
    def only_waits(self) -> bool:
        """Tell whether a submitted text only waits for its receipt: a fresh look would tell nothing."""
        ...

    @property
    def stuck(self) -> str:
        """Return why no text of the task is taken although several were handed in; empty where that was not seen."""
        ...

    def ready(self, now: Status, look: Look) -> str:
        """Clear the way, a step a call; return what is in the way, nothing once a text may be submitted."""
        ...

    def submit(self, text: Text, now: Status, look: Look) -> Submission:
        """Hand a text in. To be called only right after `ready` returned nothing for the same look."""
        ...

    def pursue(self, text: Text, now: Status, look: Look, *, whole: bool) -> tuple[str, Evidence]:
        """See to a text without a receipt; return what it waits for, and what is known of it.

        `whole` tells that all of it was handed in: the process that did it may have been killed halfway.
        """
        ...

    def uncover(self, now: Status, look: Look) -> str:
        """Remove what hides the place of a text, a step a call; return what it is."""
        ...

    def interrupt(self, now: Status, look: Look) -> Interruption:
        """Interrupt what the agent is at, if nothing was handed in since `look`."""
        ...

    def take_back(self, text: Text, now: Status) -> Recall:
        """Take back a text that its agent has not confirmed; from here on, no process hands it in."""
        ...

    def claim(self, text: Text, now: Status) -> None:
        """Refuse what another process, which is stopped now, would hand in when it runs again."""
        ...
