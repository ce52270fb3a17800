"""From the opened window to the input box: what no hook tells of."""

from __future__ import annotations

from flowloom import procs, sights, status
from flowloom.clock import steady_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents import Agent
    from flowloom.looks import Look
    from flowloom.records import Question, Status

# A start that shows neither box nor question for this long is said to hang.
LIMIT_S = 60.0
# Its session start is heard 0.1 s before or after its input box is seen; other hooks of the user's may hold it up.
SILENT_S = 8.0
# A dialog that looks the same for this long is all there, and has taken the key before.
STEADY_S = 0.2
# Nothing stands on the screen before. A look costs a starting Claude Code a part of its cores.
FIRST_LOOK_S = 0.35
LOOK_AGAIN_S = 0.15
# Its session start wakes whoever waits; after that only the box is to come.
BOX_AGAIN_S = 0.03
QUESTION_AGAIN_S = 0.25
# On a loaded machine a key that was read can take this long to have its effect.
KEY_S = 2.0


class Startup:
    """Watches one start. An agent is `ready` when it has said so *and* its input box stands there."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.ready = False
        self.again_s = FIRST_LOOK_S  # when to look again, in seconds
        self._began_s = steady_s()
        self._dialog = ""
        self._dialog_since_s = 0.0
        self._pressed: tuple[str, float] = ("", 0.0)
        self._box_since_s: float | None = None
        self._silence = ""

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
                    self.ready = True
        elif question is not None:
            with status.lock(directory):
                sights.dialog(directory, self.agent.status(), question)
            if question["kind"] == "trust" and (self.agent.spec() or {}).get("trust"):
                self._trust(now, look, screen["keys"])
        if self.ready:
            self.again_s = 0.0
        elif question is not None:
            self.again_s = QUESTION_AGAIN_S
        else:
            young = LOOK_AGAIN_S if steady_s() - self._began_s > LOOK_AGAIN_S else FIRST_LOOK_S
            self.again_s = BOX_AGAIN_S if now["up"] else young
        silent = self._silent(up=now["up"], box=screen["kind"] == "box")
        if silent:
            return question, silent
        late = steady_s() - self._began_s > LIMIT_S and question is None
        return question, f"it has not come up for {LIMIT_S:.0f} s; look at its window" if late else ""

    def _silent(self, *, up: bool, box: bool) -> str:
        """Say that an agent's box stands there and that it has not spoken, and why if its settings tell."""
        if up or not box:
            self._box_since_s = None
            return ""
        if self._box_since_s is None:
            self._box_since_s = steady_s()
        if steady_s() - self._box_since_s < SILENT_S:
            return ""
        if not self._silence:
            self._silence = f"its input box is there, but its hooks are silent{self._because()}; see: flowloom doctor"
        return self._silence

    def _because(self) -> str:
        from flowloom import claude_settings  # noqa: PLC0415 - 3 ms of every Ctrl-G, for a start that hangs

        for _, path, document in claude_settings.documents(str((self.agent.spec() or {}).get("dir", "."))):
            for key in ("disableAllHooks", "allowManagedHooksOnly"):
                if document.get(key):
                    return f", because {path} has {key}"
        return ""

    def _trust(self, now: Status, look: Look, keys: list[str]) -> None:
        """Press one key towards yes for each steady look of the dialog, so that no key acts on what we have not seen.

        A second key on its way would turn the choice round again just before the Enter.
        """
        at_s = steady_s()
        if look.screen != self._dialog:
            self._dialog, self._dialog_since_s = look.screen, at_s
        pressed_on, pressed_at_s = self._pressed
        on_its_way = look.screen == pressed_on and at_s - pressed_at_s < KEY_S
        # A program that hangs would take a second Enter, once it goes on, for the answer to the next question.
        if at_s - self._dialog_since_s >= STEADY_S and not on_its_way and not procs.unread_bytes(look.tty):
            self._pressed = (look.screen, at_s)
            self.agent.tmux(now).press(now["pane_id"] or "", *keys)
