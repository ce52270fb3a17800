"""From the agent's empty box to its receipt: look, paste, press Enter, look again.

Nothing is pasted twice on a guess. Who delivers holds the first place in line
(`queue.line`), so no other process does; the agent's lock is taken only to write.
"""

from __future__ import annotations

from flowloom.clock import steady_s
from flowloom.ports import procs
from flowloom.queue import line
from flowloom.store import files, layout
from flowloom.store.log import log
from flowloom.tasks import frame
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.terminal.ansi import plain_lines
from flowloom.transports.paste import drafts, held_up
from flowloom.transports.paste.hand import CLEAR_AGAIN_S, TRIES, UNCHANGED_AGAIN_S, Draft, Hand, key_name, look_at
from flowloom.transports.paste.lending import Lending
from flowloom.turns import observed, receipts, reported, status
from flowloom.turns.states import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents.agent import Agent
    from flowloom.config.settings import Settings
    from flowloom.ports.tmux.formats import Look
    from flowloom.ports.tmux.server import Tmux
    from flowloom.providers.protocol import Screen
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status

# The receipt comes 30-100 ms after Enter; a user's own UserPromptSubmit hooks may hold it up to 30 s each.
ENTER_AGAIN_S = 0.8
ENTER_LIMIT = 4
RECEIPT_S = 45.0
# How often the window is looked at while Enter waits for the text to be there; and for the receipt.
LOOK_FOR_TEXT_S = 0.01
RECEIPT_AGAIN_S = 0.25
# A program that draws reads no keys for a moment.
SLOW_S = 1.0
# An idle box that shows nothing of ours, and no receipt: this long until we say that we do not know.
LOST_S = 5.0

# A window that takes no input, or whose program never reads what was pasted: the next attempt.
REFUSED_AGAIN_S = 2.0

# A text that is never submitted is taken out of the box, and pasted again after this time: the user may bind the key.
ROUND_AGAIN_S = 30.0

# What a session file says of a dialog that a person opened: /model, /btw, /config.
OPENED = "dialog open"
LOGINS = "Select login method:"


class Delivery:
    """One attempt to bring a task to its agent. `step` is called until the task is accepted or unknown."""

    def __init__(self, agent: Agent, task_id: str, settings: Settings) -> None:
        self.agent = agent
        self.task_id = task_id
        self.settings = settings
        self.provider = agent.provider()
        self.waits_for = ""
        self._hand = Hand(settings.typing_pause_s)
        self._draft = Draft(agent, task_id, self._hand)
        self._lending = Lending(agent.name) if self.provider.EDITS else None
        self._pressed = 0
        self._pressed_at_s = 0.0
        self._pasted_at_s = 0.0
        self._refused_at_s = -REFUSED_AGAIN_S
        self._before = ""
        self._rounds, self._round_at_s = 0, 0.0
        self._unread_since_s = 0.0
        self._instead: Delivery | None = None

    @property
    def again_s(self) -> float:
        """Return how soon to look again: at once while the first Enter waits for the text to be seen in the box."""
        at_once = self._pasted_at_s and self._pressed == 0 and self.waits_for == held_up.RECEIPT
        return LOOK_FOR_TEXT_S if at_once else RECEIPT_AGAIN_S

    @property
    def only_waits(self) -> bool:
        """Tell whether there is nothing to look for yet: Enter is pressed, and it is too early to press it again."""
        return self._pressed > 0 and steady_s() - self._pressed_at_s < ENTER_AGAIN_S

    def step(self, now: Status, look: Look) -> None:
        """Do what the window allows now; `waits_for` says what the task waits for, and is never empty afterwards."""
        task = tasks.read(self.task_id)
        screen = self.agent.read_screen(look)
        if task["status"] is Step.CREATED:
            self.waits_for = self._not_yet(now, look) or self._in_the_way(now, look, screen) or self._not_again()
            if not self.waits_for:
                self._before = look.screen
                self.waits_for = self._paste(task, now, look)
        elif task["status"] in (Step.TYPED, Step.PASTED):
            self.waits_for = self._await_receipt(task, now, look, screen)
        else:
            self.waits_for = f"it is {task['status']}"
        if self._rounds >= TRIES and self.waits_for in held_up.PASSING:
            self.waits_for = self._not_submitted()

    def _not_yet(self, now: Status, look: Look) -> str:
        """Return why nothing may be typed whatever the window shows; empty where it may."""
        if self._another_is_handed_over(now, look):
            return held_up.ANOTHER
        if now["status"] not in (State.IDLE, State.PARKED):
            return f"its agent is {now['status']} ({now['why']})"
        if steady_s() - self._refused_at_s < REFUSED_AGAIN_S:
            return "its window takes no input"
        return ""

    def _not_again(self) -> str:
        """Return why its text is not pasted once more by now; empty where it may be."""
        late = self._rounds < TRIES or steady_s() - self._round_at_s >= ROUND_AGAIN_S
        return "" if late else self._not_submitted()

    def _not_submitted(self) -> str:
        key = key_name(self.agent.key_bindings()["submit"])
        return f"its text stood in the input box, and {key} did not submit it; look at its window{look_at(self.agent)}"

    def _another_is_handed_over(self, now: Status, look: Look) -> bool:
        """Tell whether a living process is at another task's text; act in place of one that is stopped.

        A process that takes up a task whose waiter died gets its former place, which can
        be before one that is being delivered.
        """
        other = tasks.find(now["delivering"])
        if other is None or other["task_id"] == self.task_id or other["status"] not in (Step.TYPED, Step.PASTED):
            return False
        if not line.waited_for(self.agent.directory, other["task_id"]):
            return False
        if not line.stopped(self.agent.directory, other["task_id"]):
            self._instead = None
        elif self._instead is None or self._instead.task_id != other["task_id"]:
            # It can be on the very point of pasting: from here on, its paste is refused when it runs again.
            self._instead = Delivery(self.agent, other["task_id"], self.settings)
            self.agent.tmux(now).claim(now["pane_id"] or "", line.typed(other["task_id"]))
        else:
            self._instead.step(now, look)
        return True

    def _in_the_way(self, now: Status, look: Look, screen: Screen) -> str:
        """Clear the way to an empty box, a step a call; return what is in the way, nothing once the box is free."""
        tmux, pane = self.agent.tmux(now), now["pane_id"] or ""
        lent = self._lending.reason(look) if self._lending else ""
        if lent:
            return held_up.KEEPS if self._draft.asked else lent
        if procs.unread_bytes(look.tty):
            # It hangs, or a person types. A second key would be taken at once with the first: two Ctrl-C end it.
            self._unread_since_s = self._unread_since_s or steady_s()
            return held_up.HANGS if steady_s() - self._unread_since_s >= SLOW_S else held_up.UNREAD
        self._unread_since_s = 0.0
        if look.input_off:
            return held_up.input_off(now)
        if look.in_mode:
            # Pasting would work, Enter would not. A clock never looks the same for long.
            if self._hand.undisturbed(f"mode {look.mode if look.mode == 'clock-mode' else look.screen}"):
                tmux.leave_mode(pane)
            return held_up.MODES.get(look.mode, f"tmux's {look.mode} is open in its window")
        if screen["kind"] != "box":
            return self._covered(now, tmux, pane, look, screen)
        return (
            self._at_work(now, tmux, pane, look, screen)
            or self._hand.lead_back(tmux, pane, look, screen)
            or self._occupied(now, tmux, pane, look, screen)
        )

    def _covered(self, now: Status, tmux: Tmux, pane: str, look: Look, screen: Screen) -> str:
        """Leave a view that stands over the box; take the agent for blocked on a dialog, or on something unknown."""
        question, keys = screen["question"], screen["keys"]
        listed = question and (question["kind"] == "question" or question["text"] == LOGINS)
        if listed and self.agent.session_waits_for(now) == OPENED:
            # No hook told of a question: a list with numbers, which a person has opened, as /login does.
            question, keys = None, ["Escape"]
        if question is None and (screen["kind"] == "view" or keys):
            # The key that leaves the transcript opens it too.
            if self._hand.undisturbed(f"view {look.screen}") and keys and self._hand.may_press(look, 0.0):
                self._draft.keep_field(screen["field"])
                tmux.press(pane, *keys, stamp=look.stamp)
            return f"a person looks at something else in its window{_named(screen['title'])}"
        if question is None and not self._hand.undisturbed(f"none {look.screen}"):
            return "its window shows no input box"
        if question is None:
            lines = [line.strip(" ─╌│❯") for line in plain_lines(look.screen)]
            text = " / ".join([line for line in lines if line][-4:])[:200] or "an empty screen"
            question = observed.asks("something unknown", text, "look at its window")
        with status.lock(self.agent.directory):
            observed.dialog(self.agent.directory, self.agent.status(), question)
        return f"{question['kind']}: {question['text']}"

    def _at_work(self, now: Status, tmux: Tmux, pane: str, look: Look, screen: Screen) -> str:
        """Return what its session is at although none of its hooks has said so: a turn, or something that is open.

        The session's own word counts, and the window only where the session says nothing.
        """
        said = self.agent.session_says(now)
        if said == "busy":
            return "its session is busy, with no task of FlowLoom's"
        if said == "waiting":
            asked = self.agent.session_waits_for(now)
            if asked not in (OPENED, ""):
                return f"its session waits for an answer ({asked}); look at its window"
            # It stands above the box, which takes keys only once it is closed.
            if self._hand.undisturbed(f"open {look.screen}") and self._hand.may_press(look, 0.0):
                self._draft.keep_field(screen["field"])
                tmux.press(pane, "Escape", stamp=look.stamp)
            return f"a person has left something open in its window{_named(screen['title'])}"
        # A running turn redraws its window: one that looks the same for a while only looks like one.
        if screen["busy"] and (said == "" or not self._hand.undisturbed(f"busy {look.screen}")):
            return "its window looks as if a turn runs"
        return ""

    def _occupied(self, now: Status, tmux: Tmux, pane: str, look: Look, screen: Screen) -> str:
        """Empty a box that is not empty: of our own text at once, of a person's draft after a pause, and it is kept."""
        if not screen["draft"]:
            return self._draft.empty()
        own = drafts.own(screen)
        if own is not None:
            if own.task_id == now["adopt"] and not self._hand.undisturbed(f"adopted {screen['draft']}"):
                return "a person is continuing an interrupted task in its window"
            self._clear(tmux, pane, look, own.task_id)
            return held_up.SETTLES
        return self._draft.put_aside(tmux, pane, look, screen)

    def _clear(self, tmux: Tmux, pane: str, look: Look, task_id: str) -> None:
        """Empty the box of our own text that was never submitted, and give its task back.

        One that counts as unknown has no process any more that would deliver it.
        """
        with status.lock(self.agent.directory):
            left = tasks.find(task_id)
            if left and left["agent_id"] == self.agent.agent_id:
                if left["status"] in (Step.TYPED, Step.PASTED):
                    tasks.note_step(left, Step.CREATED, "found unsent in the box, and taken out of it")
                elif left["status"] is Step.UNKNOWN:
                    tasks.note_step(left, Step.INTERRUPTED, "found unsent in the box, and taken out of it; ask again")
        if self._hand.may_press(look, CLEAR_AGAIN_S):
            tmux.press(pane, *self.provider.CLEAR, stamp=look.stamp)

    def _paste(self, task: Task, now: Status, look: Look) -> str:
        """Type the task's text; return what is waited for next.

        Anything can happen between the step `typed` and the paste: we can be stopped there, and others go first.
        """
        agent, pane = self.agent, now["pane_id"] or ""
        folder = layout.task_dir(self.task_id)
        if not tasks.prompt_kept(task):
            with status.lock(agent.directory):
                why = f"{folder}/prompt.md is gone or was changed; nothing was sent"
                tasks.note_step(tasks.read(self.task_id), Step.FAILED, why)
            return why
        submit = self.agent.key_bindings()["submit"]
        if not submit:
            return f"no key submits a prompt in its window{look_at(self.agent)}"
        first = frame.first_line(self.task_id, task["asker"], prompt_path=receipts.prompt_path(task))
        body = frame.body(self.task_id, tasks.prompt_of(task))
        files.write(f"{folder}/first", first.encode(), durable=False)
        files.write(f"{folder}/body", body.encode(), durable=False)
        with status.lock(agent.directory):
            fresh, mine = agent.status(), tasks.read(self.task_id)
            if fresh["seq"] != now["seq"] or mine["status"] is not Step.CREATED:
                return held_up.MOVED  # look again
            tasks.note_step(mine, Step.TYPED, "its text is being sent")
            status.note(agent.directory, fresh, delivering=self.task_id)
        tmux = agent.tmux(now)
        buffers = {f"flowloom-{self.task_id}-1": f"{folder}/first", f"flowloom-{self.task_id}-2": f"{folder}/body"}
        at_once = self.provider.enter_at_once(now["release"])
        then = submit if at_once else []
        how = tmux.paste(pane, buffers, *then, stamp=look.stamp, typed=line.typed(self.task_id))
        with status.lock(agent.directory):
            mine = tasks.read(self.task_id)
            if how == "stale":
                tasks.note_step(mine, Step.CREATED, "another text was put into the window first")
                return held_up.MOVED
            if how == "refused":
                tasks.note_step(mine, Step.CREATED, "the window takes no input")
                self._refused_at_s = steady_s()
                return "its window takes no input"
            tasks.note_step(mine, Step.PASTED, "its text is in the input box")
            if mine["status"] is Step.CREATED:
                return held_up.MOVED  # we were stopped meanwhile, and another process took it out of the box
        self._pasted_at_s = steady_s()
        self._pressed, self._pressed_at_s = (1, self._pasted_at_s) if at_once else (0, self._pasted_at_s)
        return held_up.RECEIPT

    def _await_receipt(self, task: Task, now: Status, look: Look, screen: Screen) -> str:
        """Look why no receipt has come; press Enter again only where our text stands in the box."""
        at_s = steady_s()
        if not self._pasted_at_s:
            # The process before us was killed over it: what does the window show?
            self._pasted_at_s = self._pressed_at_s = at_s
        lent = self._lending.reason(look) if self._lending else ""
        if lent:
            # Its program stands still. It may have read our text, which it takes once it has its terminal back; or the
            # editor has the text, and leaves it in the box.
            self._pasted_at_s = self._pressed_at_s = at_s
            return lent
        own = drafts.own(screen) if screen["kind"] == "box" and screen["draft"] else None
        mine = own is not None and own.task_id == self.task_id
        whole = own is not None and mine and own.whole
        first = self._pressed == 0 and self._pressed_at_s == self._pasted_at_s
        first = first and task["status"] is Step.PASTED and whole
        if at_s - self._pressed_at_s < ENTER_AGAIN_S and not first:
            return held_up.RECEIPT
        tmux, pane = self.agent.tmux(now), now["pane_id"] or ""
        if not first and procs.unread_bytes(look.tty):
            # It hangs. It will take our text once it continues: pasted again, it would have it twice, and keys pile up.
            self._pasted_at_s = self._pressed_at_s = at_s
            return held_up.HANGS
        taken = self._taken_elsewhere(now, look, screen)
        if taken:
            return taken
        if mine and not (screen["busy"] and self.agent.session_says(now) != "idle"):
            # With the first Enter a stashed draft stands in the box again: a second one, pressed because the window was
            # drawn late, would submit it.
            late = self._draft.stashed or screen["stashed"]
            if not (self._pressed and late and at_s - self._pressed_at_s < UNCHANGED_AGAIN_S):
                return self._ours_in_the_box(task, tmux, pane, look, screen)
            return held_up.RECEIPT
        waited_s = at_s - self._pasted_at_s
        said = self.agent.session_says(now)
        if screen["kind"] == "box" and said != "busy" and drafts.holds(screen["draft"], self.task_id):
            # The Enter was lost: a person's came at the same moment.
            if self._hand.undisturbed(f"mixed {screen['draft']}"):
                with status.lock(self.agent.directory):
                    fresh, unsent = self.agent.status(), tasks.read(self.task_id)
                    if reported.in_transcript(fresh["transcript"], self.task_id):
                        observed.found_accepted(self.agent.directory, fresh, unsent)
                    else:
                        tasks.note_step(unsent, Step.CREATED, f"{held_up.MIXED}; both are kept")
            return held_up.MIXED
        # A window that has not changed at all is that of a program that hangs with our text read.
        at_it = screen["busy"] or said == "busy" or look.screen == self._before
        if waited_s < LOST_S or (waited_s < RECEIPT_S and at_it):
            return held_up.RECEIPT
        return self._judge(now, look, screen) or self._covered(now, tmux, pane, look, screen)

    def _taken_elsewhere(self, now: Status, look: Look, screen: Screen) -> str:
        """Return why an Enter would not be taken, or by something other than the box; leave a mode of tmux."""
        if look.input_off:
            return held_up.input_off(now)
        if look.in_mode:
            self.agent.tmux(now).leave_mode(now["pane_id"] or "")
            return held_up.MODES.get(look.mode, f"tmux's {look.mode} is open in its window")
        question = screen["question"] if screen["kind"] == "dialog" else None
        if question is None:
            return ""
        with status.lock(self.agent.directory):
            observed.dialog(self.agent.directory, self.agent.status(), question)
        return f"{question['kind']}: {question['text']}"

    def _ours_in_the_box(self, task: Task, tmux: Tmux, pane: str, look: Look, screen: Screen) -> str:
        eaten = self._hand.lead_back(tmux, pane, look, screen, ours=True)
        if eaten:
            self._pressed_at_s = steady_s()  # an Enter right behind an Escape is another key
            return eaten
        whole = task["status"] is Step.PASTED
        if whole and self._pressed < ENTER_LIMIT:
            self._pressed, self._pressed_at_s = self._pressed + 1, steady_s()
            tmux.press(pane, *self.agent.key_bindings()["submit"], stamp=look.stamp)
            return held_up.RECEIPT
        # Half of it, or an Enter that is never taken: out of the box, and pasted again.
        self._pressed = 0
        self._rounds, self._round_at_s = self._rounds + 1, steady_s()
        self._clear(tmux, pane, look, self.task_id)
        return held_up.RECEIPT

    def _judge(self, now: Status, look: Look, screen: Screen) -> str:
        """Decide about a delivery that was not confirmed, by what the transcript and the window still show.

        Empty where that cannot be decided before the box is there again: what hides it also hides our text.
        """
        with status.lock(self.agent.directory):
            task, fresh = tasks.read(self.task_id), self.agent.status()
            if task["status"] not in (Step.TYPED, Step.PASTED):
                return held_up.RECEIPT
            if reported.in_transcript(fresh["transcript"], self.task_id):
                observed.found_accepted(self.agent.directory, fresh, task)
            elif screen["kind"] != "box":
                return ""
            elif f"task {self.task_id} " not in self.agent.tmux(now).history(now["pane_id"] or ""):
                tasks.note_step(task, Step.CREATED, "neither the window nor the transcript shows it: nothing was sent")
            else:
                why = "it was typed, and the agent never confirmed it"
                tasks.note_step(task, Step.UNKNOWN, why)
                status.note(self.agent.directory, fresh, delivering=None)
                log(layout.home(), "warning", "delivery", why, task=self.task_id, screen=look.screen[-2000:])
        return held_up.RECEIPT


def _named(title: str) -> str:
    return f" ({title})" if title else ""
