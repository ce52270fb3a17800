"""What `hooks/agent-event` runs first: one hook call of an agent, stored for `main`, which applies it.

A report that changes nothing ends here, before anything else is loaded.
"""

from __future__ import annotations

import os
import sys
import time

from flowloom.errors import FlowLoomError, UsageError
from flowloom.providers import registry
from flowloom.store import files, layout, quick_json
from flowloom.turns import noop, payloads
from flowloom.turns.payloads import Payload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.store.layout import AgentRef


def take() -> tuple[AgentRef, Payload | None] | None:
    """Take one hook call: the provider's name and perhaps the payload as arguments, else that on stdin.

    The agent is named by FLOWLOOM_AGENT_DIR.
    Return the agent, and the payload if it could not be stored; None if nothing follows from the call.
    """
    at_ns, at = time.monotonic_ns(), time.time()
    folder = os.environ.get("FLOWLOOM_AGENT_DIR", "").rstrip("/")
    # A program that passes its payload as an argument may give us its own terminal as stdin.
    raw = os.fsencode(sys.argv[2]) if len(sys.argv) > 2 else sys.stdin.buffer.read()
    agent = _agent(folder) if raw and os.path.isdir(folder) else None
    if agent is None:
        return None
    provider = sys.argv[1] if len(sys.argv) > 1 else registry.DEFAULT
    pid = os.environ.get("FLOWLOOM_AGENT_PID", "")
    called = Payload("", at_ns, at, int(pid) if pid.isdigit() else 0, provider)
    if _is_noop(agent, provider, raw):
        return None
    try:
        payloads.store(agent, called, raw)
    except OSError:
        called.raw = raw
        return agent, called
    return agent, None


def _agent(folder: str) -> AgentRef | None:
    """Return the agent whose folder this is, None if it is no agent's; what it writes lies in that state folder."""
    agent, home = layout.ref_of(folder), layout.home_of(folder)
    if home is None:
        return None
    if home != layout.home():
        # Something between the window and this call has set another one: the settings of a project, for example.
        os.environ["FLOWLOOM_HOME"] = home
    return agent


def _is_noop(agent: AgentRef, provider: str, raw: bytes) -> bool:
    """Tell whether a payload changes nothing; not while others wait that come before it."""
    try:
        _reach(provider)
        payload: dict[str, Any] = quick_json.loads(raw.decode("utf-8", "replace"))
        report = registry.find(provider).dialect.report(payload)
        if report is None or payloads.names(agent):
            return report is None
        now: Any = files.read_json(layout.status(agent))
        return now is not None and noop.is_noop(now, report)
    except (FlowLoomError, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False  # whatever is wrong with it, it is stored, and `spool` says so


def _reach(provider: str) -> None:
    """Make what is installed beside us importable, which only a provider that is not built in needs (10 ms)."""
    try:
        registry.find(provider)
    except UsageError:
        import site  # noqa: PLC0415 - see above: we run without it

        site.main()
