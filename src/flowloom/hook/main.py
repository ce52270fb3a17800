"""What `hooks/agent-event` runs: one hook call of an agent, from payload to status, reply and marker.

It prints nothing and exits 0 whatever happens: its output would be read by the
model, and another exit would veto what the agent is doing. What goes wrong goes
to the log, and the payload to the spool, from where any later command takes it.
"""

from __future__ import annotations

import os
import sys
import time

from flowloom.errors import UsageError
from flowloom.providers import registry
from flowloom.store import layout
from flowloom.store.log import log
from flowloom.turns import spool


def main() -> None:
    """Hear one hook call: the payload on stdin, the provider's name as argument, the agent by FLOWLOOM_AGENT_DIR."""
    at_ns = time.monotonic_ns()
    agent_dir = os.environ.get("FLOWLOOM_AGENT_DIR", "")
    raw = sys.stdin.buffer.read()
    if not agent_dir or not os.path.isdir(agent_dir):
        return
    provider = sys.argv[1] if len(sys.argv) > 1 else "claude"
    try:
        _reach(provider)
        spool.drain(agent_dir, provider)
        spool.hear(agent_dir, provider, raw, at_ns, os.environ.get("FLOWLOOM_AGENT_PID", ""))
    except Exception as error:  # noqa: BLE001 - nothing may reach Claude Code; see the module
        log(layout.home(), "error", "agent-event", f"{type(error).__name__}: {error}", agent_dir=agent_dir)
        spool.keep(agent_dir, raw, at_ns)


def _reach(provider: str) -> None:
    """Make what is installed beside us importable, which only a provider that is not built in needs (10 ms)."""
    try:
        registry.find(provider)
    except UsageError:
        import site  # noqa: PLC0415 - see above: we run without it

        site.main()
