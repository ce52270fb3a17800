"""What `hooks/agent-event` runs: one hook call of an agent, from its stored payload to status, reply and marker.

It prints nothing and exits 0 whatever happens: its output would be read by the
model, and another exit would veto what the agent is doing. What goes wrong goes
to the log, and the payload stays stored, from where any later call or command takes it.
"""

from __future__ import annotations

from flowloom.store.log import log
from flowloom.turns import spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.store.layout import AgentRef
    from flowloom.turns.payloads import Payload


def main(agent: AgentRef, unstored: Payload | None) -> None:
    """Apply what `call.take` has taken, unless another process holds the agent's lock, and then does it."""
    try:
        spool.drain(agent, unstored)
    except Exception as error:  # noqa: BLE001 - nothing may reach Claude Code; see the module
        log("error", "agent-event", f"{type(error).__name__}: {error}", agent=agent)
