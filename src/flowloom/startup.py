"""From the opened window to the input box: what no hook tells of."""

from __future__ import annotations

from flowloom import sights, status
from flowloom.clock import steady_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents import Agent
    from flowloom.looks import Look
    from flowloom.records import Question, Status

# A start that shows neither box nor question for this long is said to hang.
LIMIT_S = 60.0
# A dialog that looks the same for this long is all there, and has taken the key before.
STEADY_S = 0.2
# On a loaded machine a key can take this long to have its effect.
KEY_S = 2.0


class Startup:
    """Watches one start. An agent is ready when it has said so *and* its input box stands there."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self._began_s = steady_s()
        self._dialog = ""
        self._dialog_since_s = 0.0
        self._pressed: tuple[str, float] = ("", 0.0)

    def step(self, now: Status, look: Look) -> tuple[Question | None, str]:
        """Take one look; return the question that stands on the screen, and what to say when it takes too long.

        None is answered for the user, but the one about trust if they said so
        when they started the agent.
        """
        screen = self.agent.read_screen(look)
        question = screen["question"]
        directory = self.agent.directory
        if screen["kind"] == "box":
            with status.lock(directory):
                fresh = self.agent.status()
                if fresh["up"]:
                    sights.box(directory, fresh)
        elif question is not None:
            with status.lock(directory):
                sights.dialog(directory, self.agent.status(), question)
            if question["kind"] == "trust" and (self.agent.spec() or {}).get("trust"):
                self._trust(now, look, screen["keys"])
        late = steady_s() - self._began_s > LIMIT_S and question is None
        return question, f"it has not come up for {LIMIT_S:.0f} s; look at its window" if late else ""

    def _trust(self, now: Status, look: Look, keys: list[str]) -> None:
        """Press one key towards yes for each steady look of the dialog, so that no key acts on what we have not seen.

        A second key on its way would turn the choice round again just before the Enter.
        """
        at_s = steady_s()
        if look.screen != self._dialog:
            self._dialog, self._dialog_since_s = look.screen, at_s
        pressed_on, pressed_at_s = self._pressed
        on_its_way = look.screen == pressed_on and at_s - pressed_at_s < KEY_S
        if at_s - self._dialog_since_s >= STEADY_S and not on_its_way:
            self._pressed = (look.screen, at_s)
            self.agent.tmux(now).press(now["pane_id"] or "", *keys)
