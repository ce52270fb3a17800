"""The states of an agent and the events that move them.

Imports nothing heavy: every hook call of every agent loads it.
"""

from __future__ import annotations

from flowloom.store.closed_set import StrEnum


class State(StrEnum):
    """The states of an agent. `blocked` waits for a person, `parked` for its own background work.

    `backoff` died again and starts again after a pause; `failed` died too often: a
    person or a later task starts it.
    """

    OFFLINE = "offline"
    STARTING = "starting"
    IDLE = "idle"
    WORKING = "working"
    BLOCKED = "blocked"
    PARKED = "parked"
    BACKOFF = "backoff"
    FAILED = "failed"


# An agent in one of these states has no program.
NO_PROGRAM = frozenset({State.OFFLINE, State.BACKOFF, State.FAILED})


class Event(StrEnum):
    """What can move an agent. Its own hooks report the first group; FlowLoom observes the second from outside."""

    UP = "up"  # SessionStart
    ACCEPT = "accept"  # UserPromptSubmit
    ASK = "ask"  # PermissionRequest, or the Notification that says the same
    SIGN = "sign"  # PostToolUse
    STOP = "stop"  # Stop, with none of the task's background work running
    PARK = "park"  # Stop, with background work still running
    FAIL = "fail"  # StopFailure
    END = "end"  # SessionEnd
    NOTICE = "notice"  # a Notification that asks nothing, a call that auto mode denied: changes no state

    SPAWN = "spawn"  # we opened its window
    BOX = "box"  # its input box is on the screen, after it reported that it is up
    DIALOG = "dialog"  # a question is on its screen
    QUIET = "quiet"  # its session is idle although no hook said so: Esc, or a denied permission
    RESUME = "resume"  # its session is busy although we believed it blocked or idle: an answer, or a Stop hook
    GONE = "gone"  # its process or window is gone
    DELAY = "delay"  # it died again, and starts again after a pause
    GIVE_UP = "give_up"  # it died too often
    RESET = "reset"  # stopped by a person while it had no program, or no task waits for its start any more


S, E = State, Event
# NO_PROGRAM in a fixed order, as the documentation draws it.
NONE = (S.OFFLINE, S.BACKOFF, S.FAILED)


# A pair that is missing here changes nothing.
TABLE: dict[tuple[State, Event], State] = {
    **{(s, E.SPAWN): S.STARTING for s in NONE},
    **{(s, E.UP): S.STARTING for s in (*NONE, S.STARTING, S.BLOCKED)},
    (S.STARTING, E.BOX): S.IDLE,
    (S.BLOCKED, E.BOX): S.IDLE,
    **{(s, E.DIALOG): S.BLOCKED for s in (S.STARTING, S.IDLE, S.WORKING, S.PARKED)},
    **{(s, E.ACCEPT): S.WORKING for s in (*NONE, S.STARTING, S.IDLE, S.WORKING, S.BLOCKED, S.PARKED)},
    **{(s, E.ASK): S.BLOCKED for s in (S.IDLE, S.WORKING, S.PARKED, S.BLOCKED)},
    (S.BLOCKED, E.SIGN): S.WORKING,
    **{(s, E.RESUME): S.WORKING for s in (S.IDLE, S.BLOCKED)},
    **{(s, E.STOP): S.IDLE for s in (S.STARTING, S.IDLE, S.WORKING, S.BLOCKED, S.PARKED)},
    **{(s, E.PARK): S.PARKED for s in (S.STARTING, S.IDLE, S.WORKING, S.BLOCKED, S.PARKED)},
    **{(s, E.FAIL): S.IDLE for s in (S.STARTING, S.IDLE, S.WORKING, S.BLOCKED, S.PARKED)},
    **{(s, E.QUIET): S.IDLE for s in (S.WORKING, S.BLOCKED)},
    **{(s, E.END): S.OFFLINE for s in S if s not in NO_PROGRAM},
    **{(s, E.GONE): S.OFFLINE for s in S if s not in NO_PROGRAM},
    **{(s, E.DELAY): S.BACKOFF for s in NONE},
    **{(s, E.GIVE_UP): S.FAILED for s in NONE},
    **{(s, E.RESET): S.OFFLINE for s in NONE},
}


def move(state: State, event: Event) -> State:
    """Return the state that `event` leads to; the same state if it changes nothing."""
    return TABLE.get((state, event), state)
