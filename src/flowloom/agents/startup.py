"""From the opened window to the input box, which no hook reports."""

from __future__ import annotations

from flowloom.agents import launch
from flowloom.agents.answering import DialogAnswer
from flowloom.clock import SYSTEM
from flowloom.turns import observed, questions, spool
from flowloom.turns.states import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents.agent import Agent
    from flowloom.clock import Clock
    from flowloom.ports.tmux.formats import Look
    from flowloom.providers.protocol import Question
    from flowloom.turns.record import Status

# After this long without an input box or a question, a start is reported as hanging.
LIMIT_S = 60.0
LOOK_AGAIN_S = 0.15
# The report that it is up wakes waiting processes; after it, only the input box is missing.
BOX_AGAIN_S = 0.03
QUESTION_AGAIN_S = 0.25


class Startup:
    """Watch one start. An agent is `ready` when its hook has reported *and* its input box is on the screen.

    Where its program reports no start, the box alone counts.
    """

    def __init__(self, agent: Agent, clock: Clock = SYSTEM) -> None:
        self.agent = agent
        self._clock = clock
        self.ready = False
        provider = agent.provider()
        self._timing = provider.program.TIMING
        self._reports_up = Event.UP in provider.dialect.EVENTS
        self.again_s = self._timing["first_look_s"]  # when to look again, in seconds
        self._began_s = self._clock.steady_s()
        self._choice: DialogAnswer | None = None
        self._box_since_s: float | None = None
        self._silence = ""

    def step(self, now: Status, look: Look) -> tuple[Question | None, str]:
        """Evaluate one look; return the question on the screen, and a message if the start takes too long.

        Questions are left to the user, except the trust prompt if they started the
        agent with --trust.
        """
        screen = self.agent.read_screen(look)
        question = screen["question"]
        if screen["kind"] == "box":
            with spool.lock(self.agent.ref):
                fresh = self.agent.status()
                fresh["up"] = fresh["up"] or not self._reports_up
                if fresh["up"]:
                    observed.box(self.agent.ref, fresh)
                    self.ready = True
        elif question is not None:
            with spool.lock(self.agent.ref):
                observed.dialog(self.agent.ref, self.agent.status(), question)
            if question["kind"] == "trust" and (self.agent.spec() or {}).get("trust"):
                self._trust(now, look)
        if self.ready:
            self.again_s = 0.0
        elif question is not None:
            self.again_s = QUESTION_AGAIN_S
        else:
            young = self._clock.steady_s() - self._began_s <= LOOK_AGAIN_S
            before_s = self._timing["first_look_s"] if young else LOOK_AGAIN_S
            self.again_s = BOX_AGAIN_S if now["up"] else before_s
        silent = self._silent(up=now["up"], box=screen["kind"] == "box")
        if silent:
            return question, silent
        late = self._clock.steady_s() - self._began_s > LIMIT_S and question is None and not self.ready
        return question, f"it has not come up for {LIMIT_S:.0f} s; look at its window" if late else ""

    def _silent(self, *, up: bool, box: bool) -> str:
        """Return a message if the input box is there but no hook has reported, with the reason if settings show it."""
        if up or not box:
            self._box_since_s = None
            return ""
        if self._box_since_s is None:
            self._box_since_s = self._clock.steady_s()
        if self._clock.steady_s() - self._box_since_s < self._timing["silent_s"]:
            return ""
        if not self._silence:
            self._silence = f"ready for input, but its hooks are silent{self._because()}; see: flowloom doctor"
        return self._silence

    def _because(self) -> str:
        spec, provider = self.agent.spec(), self.agent.provider()
        if spec is None:
            return ""
        known = launch.described(spec)
        launch.read_for(provider, known)
        why = provider.program.silent(known)
        return f", because {why}" if why else ""

    def _trust(self, now: Status, look: Look) -> None:
        """Answer the question about trust as the person agreed to it with --trust."""
        asked = [record for record in questions.open_of(self.agent.status()) if record["kind"] == "trust"]
        if not asked:
            return
        if self._choice is None or self._choice.record["question_id"] != asked[-1]["question_id"]:
            self._choice = DialogAnswer(self.agent, asked[-1], "Yes", "--trust")
        self._choice.step(now, look)
