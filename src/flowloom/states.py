"""What an agent can be, what can happen to it, and which leads where.

Imports nothing heavy: every hook call of every agent loads it.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """The states of an agent. `blocked` waits for a person, `parked` for its own background work."""

    OFFLINE = "offline"
    STARTING = "starting"
    IDLE = "idle"
    WORKING = "working"
    BLOCKED = "blocked"
    PARKED = "parked"
    BACKOFF = "backoff"
    FAILED = "failed"


class Event(StrEnum):
    """What moves an agent. The first group is spoken by its own hooks, the second is seen from outside."""

    UP = "up"  # SessionStart
    ACCEPT = "accept"  # UserPromptSubmit
    ASK = "ask"  # PermissionRequest, or the Notification that says the same
    SIGN = "sign"  # PostToolUse
    STOP = "stop"  # Stop, nothing of this task is left running
    PARK = "park"  # Stop, work in the background goes on
    FAIL = "fail"  # StopFailure
    END = "end"  # SessionEnd
    NOTICE = "notice"  # a Notification that asks nothing, a call that auto mode denied: moves nothing

    SPAWN = "spawn"  # we opened its window
    BOX = "box"  # its input box stands there, after it said that it is up
    DIALOG = "dialog"  # a question stands on its screen
    QUIET = "quiet"  # its session is idle although no hook said so: Esc, or a denied permission
    RESUME = "resume"  # its session is busy although we held it blocked or idle: a person answered, a Stop hook went on
    GONE = "gone"  # its process or window is gone
    GIVE_UP = "give_up"  # it died too often


S, E = State, Event

# Where a pair is missing, the event moves nothing.
TABLE: dict[tuple[State, Event], State] = {
    **{(s, E.SPAWN): S.STARTING for s in (S.OFFLINE, S.BACKOFF, S.FAILED)},
    **{(s, E.UP): S.STARTING for s in (S.OFFLINE, S.STARTING, S.BLOCKED)},
    (S.STARTING, E.BOX): S.IDLE,
    (S.BLOCKED, E.BOX): S.IDLE,
    **{(s, E.DIALOG): S.BLOCKED for s in (S.STARTING, S.IDLE, S.WORKING, S.PARKED)},
    **{(s, E.ACCEPT): S.WORKING for s in (S.OFFLINE, S.STARTING, S.IDLE, S.WORKING, S.BLOCKED, S.PARKED)},
    **{(s, E.ASK): S.BLOCKED for s in (S.IDLE, S.WORKING, S.PARKED, S.BLOCKED)},
    (S.BLOCKED, E.SIGN): S.WORKING,
    **{(s, E.RESUME): S.WORKING for s in (S.IDLE, S.BLOCKED)},
    **{(s, E.STOP): S.IDLE for s in (S.STARTING, S.IDLE, S.WORKING, S.BLOCKED, S.PARKED)},
    **{(s, E.PARK): S.PARKED for s in (S.STARTING, S.IDLE, S.WORKING, S.BLOCKED, S.PARKED)},
    **{(s, E.FAIL): S.IDLE for s in (S.STARTING, S.IDLE, S.WORKING, S.BLOCKED, S.PARKED)},
    **{(s, E.QUIET): S.IDLE for s in (S.WORKING, S.BLOCKED)},
    **{(s, E.END): S.OFFLINE for s in S if s is not S.FAILED},
    **{(s, E.GONE): S.OFFLINE for s in S if s is not S.FAILED},
    **{(s, E.GIVE_UP): S.FAILED for s in S},
}


def move(state: State, event: Event) -> State:
    """Return the state that `event` leads to; the same state where it moves nothing."""
    return TABLE.get((state, event), state)


class Step(StrEnum):
    """The steps of a task's journal. The last four end it; `unknown` waits for a person or a late receipt."""

    CREATED = "created"
    TYPED = "typed"  # written before the first key goes out
    PASTED = "pasted"  # every key is out
    ACCEPTED = "accepted"  # the agent's receipt
    PARKED = "parked"  # a provisional reply is there
    UNKNOWN = "unknown"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"


T = Step
ENDED = frozenset({T.DONE, T.FAILED, T.INTERRUPTED, T.CANCELLED})

# A reply that comes late is never refused: every step but `cancelled before it
# was typed` may still become `done`.
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
