"""The steps of a task's journal.

Imports nothing heavy: every hook call of every agent loads it.
"""

from __future__ import annotations

from flowloom.store.closed_set import StrEnum


class Step(StrEnum):
    """The steps of a task's journal. The last four end it; `unknown` waits for a person or a late receipt."""

    CREATED = "created"
    TYPED = "typed"  # written before the first key is sent
    PASTED = "pasted"  # every key has been sent
    ACCEPTED = "accepted"  # the agent's receipt
    PARKED = "parked"  # there is a provisional reply
    UNKNOWN = "unknown"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"


T = Step
ENDED = frozenset({T.DONE, T.FAILED, T.INTERRUPTED, T.CANCELLED})
# Ends without a reply that a person must be told about; one who cancels a task knows.
FAILURES = frozenset({T.FAILED, T.INTERRUPTED, T.UNKNOWN})
# A late reply is never refused: every step from `typed` on may still become `done`.
FOLLOWS: dict[Step, frozenset[Step]] = {
    T.CREATED: frozenset({T.TYPED, T.FAILED, T.CANCELLED}),
    # Back to `created` only when a fresh look shows that nothing of ours was submitted.
    T.TYPED: frozenset({T.PASTED, T.ACCEPTED, T.UNKNOWN, T.FAILED, T.INTERRUPTED, T.CANCELLED, T.CREATED, T.DONE}),
    T.PASTED: frozenset({T.ACCEPTED, T.UNKNOWN, T.FAILED, T.INTERRUPTED, T.CANCELLED, T.CREATED, T.DONE}),
    T.ACCEPTED: frozenset({T.PARKED, T.DONE, T.FAILED, T.INTERRUPTED, T.CANCELLED, T.UNKNOWN}),
    T.PARKED: frozenset({T.ACCEPTED, T.DONE, T.FAILED, T.INTERRUPTED, T.CANCELLED}),
    T.UNKNOWN: frozenset({T.ACCEPTED, T.PARKED, T.DONE, T.FAILED, T.INTERRUPTED, T.CANCELLED, T.CREATED}),
    T.DONE: frozenset(),
    T.FAILED: frozenset({T.DONE}),
    T.INTERRUPTED: frozenset({T.DONE, T.CREATED}),
    T.CANCELLED: frozenset({T.DONE}),
}
