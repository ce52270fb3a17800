"""An agent's conversation before a start: where it lies, whether it can be resumed, who else has it open."""

from __future__ import annotations

import os

from flowloom.agents import window_script
from flowloom.agents.agent import TRANSCRIPT_TAIL_BYTES
from flowloom.errors import ConversationOpen
from flowloom.ports import births
from flowloom.store import files
from flowloom.store.log import log
from flowloom.turns import observed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.agents.agent import Agent
    from flowloom.providers.registry import Provider
    from flowloom.turns.record import Status

# The transcript's format may change, so we give a conversation up only after this many failed starts.
DEATHS_TO_DOUBT = 2


def loss(agent: Agent, provider: Provider, now: Status) -> str:
    """Return what happened to an agent's conversation; empty if it can be resumed.

    In doubt it is resumed. If that was wrong it costs a start or two; giving it up wrongly would lose all of it.
    """
    transcript = now["transcript"]
    if not transcript:
        return ""
    doubted = len(observed.recent_deaths(now)) >= DEATHS_TO_DOUBT
    found = transcript if os.path.exists(transcript) else _elsewhere(provider, now["session_id"] or "")
    if found:
        if not doubted or provider.memory.resumable(files.tail(found, TRANSCRIPT_TAIL_BYTES)):
            return ""
        what = "its program's file of the former one holds no message"
    elif found is None and not doubted:
        return ""
    else:
        what = "its program's file of the former one is gone"
    log("warning", "launch", f"{agent.agent_id} is not resumed: {what}", session=now["session_id"])
    return f"{what}: {found or transcript}"


def kept_elsewhere(provider: Provider, now: Status) -> str:
    """Return the session whose transcript holds the conversation too, empty for none.

    A session that was moved to the background is a fork of it. Earlier releases of FlowLoom took the empty
    session that Claude Code starts beside it for the agent's own.
    """
    for session_id in reversed(now["foreign"]):
        found = _elsewhere(provider, session_id)
        if found and provider.memory.resumable(files.tail(found, TRANSCRIPT_TAIL_BYTES)):
            return session_id
    return ""


def transcript(provider: Provider, now: Status, session_id: str | None) -> str:
    """Return where the conversation lies that is resumed, empty where there is none or it is not known."""
    noted = now["transcript"] if session_id == now["session_id"] else ""
    if not session_id or (noted and os.path.exists(noted)):
        return noted or ""
    return _elsewhere(provider, session_id) or ""


def _elsewhere(provider: Provider, session_id: str) -> str | None:
    """Return the new place of a transcript that has moved: empty if there is none, None if that is unknown."""
    pattern = provider.memory.conversation_files(window_script.inherited(provider.program.scrub), session_id)
    if not pattern:
        return None
    import glob  # noqa: PLC0415 - only for a transcript that has moved

    found = glob.glob(pattern)
    if found:
        return found[0]
    return "" if glob.glob(os.path.dirname(os.path.dirname(pattern))) else None


def refuse_open(agent: Agent, provider: Provider, session_id: str) -> None:
    """Resume no conversation that another program has open: both would write into it, and neither would know.

    `claude --continue` opens the newest conversation of a folder, which can be an agent's.

    Raises:
        ConversationOpen: naming that program.
    """
    pid = open_in(provider, session_id, None)
    listed = f"; your own conversations are listed by: {provider.memory.LIST}" if provider.memory.LIST else ""
    if pid:
        raise ConversationOpen(
            f"{agent.agent_id}'s conversation is open in another program (process {pid})",
            hint=f"close that one{listed}",
        )


def open_beside(agent: Agent, now: Status) -> int:
    """Return the process of another program that has an agent's conversation open; 0 if none has."""
    provider = agent.provider()
    if not now["session_id"]:
        return 0
    own = provider.session.session_file(window_script.inherited(provider.program.scrub), now["pid"] or 0)
    if provider.session.moved_to((files.read(own) or b"").decode(errors="replace")):
        return 0  # it runs in the background, in another process of its own
    return open_in(provider, now["session_id"], now["pid"])


def open_in(provider: Provider, session_id: str, own_pid: int | None) -> int:
    """Return the process beside the agent's own that has a session open; 0 if none has."""
    folder = os.path.dirname(provider.session.session_file(window_script.inherited(provider.program.scrub), 0))
    try:
        names = os.listdir(folder)
    except OSError:
        return 0
    for name in names:
        pid = int(name[:-5]) if name[:-5].isdigit() else 0
        if not pid or pid == own_pid:
            continue
        path = f"{folder}/{name}"
        text = (files.read(path) or b"").decode(errors="replace")
        if session_id in text and _shows(provider, text, session_id) and _lives(pid, path):
            return pid
    return 0


def _shows(provider: Provider, text: str, session_id: str) -> bool:
    shown = provider.session.shown(text)
    return bool(shown) and session_id.startswith(shown)


def _lives(pid: int, path: str) -> bool:
    """Tell whether the process still runs that wrote a session file; one that was killed leaves it behind."""
    try:
        written_s = os.stat(path).st_mtime
    except FileNotFoundError:
        return False
    return births.life({"pid": pid, "birth": ""}, noted_s=written_s) in ("runs", "stopped")
