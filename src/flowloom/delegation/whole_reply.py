"""A reply that passed the output limit: its Stop hook tells its last part only, the transcript has the others.

Claude Code lets the model go on by itself, up to three times, each time with another message of the same turn
(`max_tokens`, `model_context_window_exceeded`); nothing in the hook's payload says so. Both releases have the whole
turn in the transcript when the Stop hook runs (seen in 16 of 16).
"""

from __future__ import annotations

import os

from flowloom.clock import SYSTEM
from flowloom.store import files, layout
from flowloom.tasks import remarks
from flowloom.tasks import store as tasks
from flowloom.tasks.frame import valid
from flowloom.tasks.steps import Step
from flowloom.turns import task_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents.agent import Agent
    from flowloom.clock import Clock
    from flowloom.tasks.record import Task
    from flowloom.turns.record import Status

# What may stand in a transcript behind the last part's beginning: the part itself, which grows as JSON, and notes.
NOTES_BYTES = 256_000
GROWS = 2
TURN_BYTES = 16_000_000
# How long the last message may be late in the transcript: where a part before it was seen, and where none was.
LATE_S, ORDINARY_LATE_S = 2.0, 0.3


class WholeReply:
    """Sees to it that a task's reply is whole, once; `again` is called until it returns False."""

    def __init__(self, agent: Agent, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._agent = agent
        self._over = False
        self._since_s = 0.0
        self.wrote = False  # the task, which has to be read again then

    def again(self, task: Task, now: Status) -> bool:
        """Look whether the reply of a task that has ended was cut and complete it; tell whether to look once more."""
        if self._over:
            return False
        turns = [turn["task"] for turn in (now["turn"], now["last_turn"]) if turn]
        message = tasks.reply_of(task["task_id"]) if task["status"] is Step.DONE else None
        # Of a task whose agent works on others by now, nothing is looked for: its own process did.
        ours = task["task_id"] in turns and not task["cut"]
        self._over = True
        if not ours or (message is None and task["status"] is not Step.FAILED):
            return False
        said = (message or b"").decode("utf-8", "replace")
        transcript = now["transcript"] or ""
        tail = self._tail(transcript, task["task_id"], len(said) * GROWS + NOTES_BYTES)
        provider = self._agent.provider()
        cut = any(mark in tail for mark in provider.memory.CUT_MARKS)
        if cut:
            tail = self._tail(transcript, task["task_id"], TURN_BYTES)
        # Of a turn that failed, the transcript may have neither the parts nor the error that ended it yet.
        failed = message is None and os.path.exists(layout.partial(task["task_id"]))
        whole = provider.memory.joined(tail, said) if cut or said or failed else said
        # Where a session keeps none (CLAUDE_CODE_SKIP_PROMPT_HISTORY) there is nothing to come.
        if whole is None and os.path.exists(transcript) and self._late(LATE_S if cut or failed else ORDINARY_LATE_S):
            self._over = False
            return True
        if cut or whole not in (None, said):
            self._over = False  # until it is written
            with task_lock.hold(task["task_id"]) as fresh:
                if message is not None and tasks.reply_of(fresh["task_id"]) != message:
                    # A later Stop of the turn has brought another message since: that one counts.
                    return True
                self._complete(fresh, said, whole, transcript)
            self._over = True
        return False

    def _late(self, limit_s: float) -> bool:
        self._since_s = self._since_s or self._clock.steady_s()
        return self._clock.steady_s() - self._since_s < limit_s

    def _tail(self, path: str, task_id: str, size_bytes: int) -> bytes:
        """Return the end of the transcript, from the task's own prompt on where that stands in it.

        Entries of other kinds quote the prompt later.
        """
        raw = files.tail(path, size_bytes)
        return raw[max(0, raw.find(f'"content":"[flowloom task {task_id} from '.encode())) :]

    def _complete(self, task: Task, said: str, whole: str | None, transcript: str) -> None:
        """Write down what the look came to. The caller holds the task."""
        self.wrote = True
        if task["status"] is Step.FAILED:
            if whole:
                files.write(layout.partial(task["task_id"]), valid(whole).encode())
                tasks.note_fact(task, f"what it had said until then: flowloom reply {task['task_id']} --now")
        elif whole is None:
            task["cut"] = f"the whole reply is in the agent's window and in {transcript}"
            tasks.write(task)
        elif whole == said:
            tasks.note_fact(
                task, "before its last tool call the agent passed the output limit; its window has all of it"
            )
        else:
            tasks.complete(task, whole, "its parts were joined: it passed the output limit", cut=remarks.JOINED)
