"""A transport in memory, and the agent behind it: what the contract asks of every transport, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from flowloom.clock import SYSTEM, Clock
from flowloom.transports.text import Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.ports.tmux.formats import Look
    from flowloom.transports.protocol import AgentWindow, Evidence, Interruption, Ledger, Recall, Submission
    from flowloom.turns.record import Status

LOST_S = 5.0


@dataclass
class MemoryAgent:
    """What stands for the agent's program: a place for one text."""

    busy: str = ""
    takes: bool = True
    claimed_by: str = ""
    shows: str = ""  # the text that was handed in, as far as the agent still shows it
    beside: str = ""  # a person's own words next to it
    cover: str = ""
    texts: list[str] = field(default_factory=list)


class Memory:
    """The twin of the paste."""

    NAME = "memory"

    def __init__(
        self, agent: MemoryAgent, window: AgentWindow, ledger: Ledger, pause_s: float, clock: Clock = SYSTEM
    ) -> None:
        self.agent, self.ledger, self.clock = agent, ledger, clock
        self._submitted_at_s: float | None = None
        self._refused = ""

    @property
    def again_s(self) -> float:
        return 0.25

    @property
    def only_waits(self) -> bool:
        return self._submitted_at_s is not None

    @property
    def stuck(self) -> str:
        return ""

    def ready(self, now: Status, look: Look) -> str:
        if self.agent.cover:
            return self.uncover(now, look)
        return self.agent.busy or self._refused

    def submit(self, text: Text, now: Status, look: Look) -> Submission:
        if self.agent.claimed_by not in ("", text.stamp):
            return "moved"
        if not self.agent.takes:
            self._refused = "it takes no input"
            return "refused"
        self.agent.claimed_by = text.stamp
        self.agent.shows = Path(text.first_path).read_text() + Path(text.body_path).read_text()
        self.agent.texts.append(self.agent.shows)
        self._submitted_at_s = self.clock.steady_s()
        return "submitted"

    def pursue(self, text: Text, now: Status, look: Look, *, whole: bool) -> tuple[str, Evidence]:
        if self._submitted_at_s is None:
            self._submitted_at_s = self.clock.steady_s()
        if self.agent.beside:
            return "its text is among a person's words", "mixed"
        if self.clock.steady_s() - self._submitted_at_s < LOST_S:
            return "no receipt yet", "waiting"
        if self.agent.cover:
            return "no receipt yet", "hidden"
        return "no receipt yet", "unsure" if self.agent.shows else "absent"

    def uncover(self, now: Status, look: Look) -> str:
        covered, self.agent.cover = self.agent.cover, ""
        return covered

    def interrupt(self, now: Status, look: Look) -> Interruption:
        if not self.agent.busy:
            return "over"
        self.agent.busy = ""
        return "interrupted"

    def take_back(self, text: Text, now: Status) -> Recall:
        before, self.agent.claimed_by = self.agent.claimed_by, text.stamp
        if f"{text.task_id}." not in before:
            return "unsent"
        if self.agent.busy:
            return self.interrupt(now, look=None)  # type: ignore[arg-type]
        self.agent.shows = ""
        return "removed"

    def claim(self, text: Text, now: Status) -> None:
        self.agent.claimed_by = text.stamp
