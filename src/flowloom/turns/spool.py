"""An agent's lock, and what hooks have said while another process held it.

A hook call stores its payload, then tries the lock without waiting. Where another process holds it, that one has
not let go yet, and looks for stored payloads when it has: so none is left behind. They are applied in the order of
the calls, by the times of the calls, each once: `heard` in the status names the last one until its file is removed.
"""

from __future__ import annotations

import os

from flowloom.errors import DamagedFile, FlowLoomError, UsageError
from flowloom.providers.registry import find
from flowloom.store import files, layout, locks, quick_json
from flowloom.store.log import log
from flowloom.tasks import frame
from flowloom.turns import payloads, reported, status
from flowloom.turns.states import NO_PROGRAM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from flowloom.errors import LockHeld
    from flowloom.providers.protocol import Report
    from flowloom.providers.registry import Provider
    from flowloom.store.layout import AgentRef
    from flowloom.turns.payloads import Payload
    from flowloom.turns.record import Status
    from flowloom.turns.reported import Look

# A start opens a window and asks its program for its release, on a machine that may start thirty at once.
START_LIMIT_S = 30.0
# What one report depends on is looked at so often while the status moves; then it stays stored for the next time.
LOOKS_LIMIT = 5


class Waits(Exception):
    """Stored payloads cannot be applied now; they stay stored."""


class lock:  # noqa: N801 - used as a function; importing contextlib for it takes 0.5 ms of every hook call
    """Hold the agent's lock, which is needed to change the agent or its tasks; block until it is free.

    What hooks have stored is applied before the caller has the lock, so that its status says all of it, and what
    they store meanwhile when it lets go. No hook call may use this: it would wait.

    Raises:
        LockHeld: it does not become free; who holds it and how long is waited, says `locks.LockWait`.
    """

    def __init__(self, agent: AgentRef) -> None:
        self._agent = agent
        self._lock = locks.Lock(layout.agent_lock(agent))

    def __enter__(self) -> None:
        looks: dict[Look, str] = {}
        self._lock.take()
        try:
            while (look := _apply(self._agent, looks)) and len(looks) < LOOKS_LIMIT:
                self._lock.release()
                try:
                    looks[look] = _seen(self._agent, look)
                finally:
                    self._lock.take()
        except Waits:
            return  # the caller meets what is damaged itself
        except BaseException:
            self._lock.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        drain(self._agent)


class starting:  # noqa: N801 - as above
    """Hold off other starts of an agent; what hooks say of a program that is just being started stays stored."""

    def __init__(self, agent: AgentRef) -> None:
        self._agent = agent
        self._lock = locks.locked(layout.start_lock(agent), limit_s=START_LIMIT_S)

    def __enter__(self) -> None:
        self._lock.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.__exit__(kind, error, trace)
        drain(self._agent)


def refusal(agent: AgentRef) -> LockHeld | None:
    """Return the error for an agent's lock that another process holds; None where it is free, and then drain."""
    free = locks.Lock(layout.agent_lock(agent))
    if not free.take(wait=False):
        return locks.refusal(layout.agent_lock(agent))
    free.release()
    drain(agent)
    return None


def drain(agent: AgentRef, unstored: Payload | None = None) -> None:
    """Apply what hooks have stored, unless another process holds the lock: that one does it when it lets go.

    `unstored` is a payload that could not be stored, on a full disk for example.
    """
    looks: dict[Look, str] = {}
    while (unstored or payloads.names(agent)) and len(looks) < LOOKS_LIMIT:
        held = locks.Lock(layout.agent_lock(agent))
        try:
            if not held.take(wait=False):
                payloads.leave(agent)
                break
            look = _apply(agent, looks, unstored)
        except Waits:
            break
        except OSError as error:
            log("error", "spool", f"stored payloads wait: {error}", agent=agent)
            break
        finally:
            held.release()
        if look is None:
            unstored = None
            continue
        try:
            looks[look] = _seen(agent, look)
        except Waits:
            break
    if unstored:
        log("error", "spool", "a payload is lost: it could not be stored", agent=agent)


def _apply(agent: AgentRef, looks: dict[Look, str], unstored: Payload | None = None) -> Look | None:
    """Apply all payloads, the oldest first; return what must be looked at before the next one. The caller has the lock.

    Raises:
        Waits: the agent's own files are damaged, its provider cannot be loaded, or it is just being started.
    """
    stored = payloads.stored(agent)
    for payload in [*stored, *([unstored] if unstored else [])]:
        try:
            now = status.read(agent)
            if now and now["status"] in NO_PROGRAM and files.held(layout.start_lock(agent)):
                raise Waits
            if now and now["heard"] and any(each.name == now["heard"].removesuffix(payloads.LEFT) for each in stored):
                # Applied by a call that was killed before it removed the file, wherever that stands in the order.
                payloads.remove(agent, now["heard"].removesuffix(payloads.LEFT))
                status.note(agent, now, heard="")
            kind = payloads.kind(agent, payload.name) if payload.raw is None else "stored"
            if kind == "unreadable":
                log("error", "spool", "a payload is no file that can be read", agent=agent, name=payload.name)
                payloads.set_aside(agent, payload.name)
            if kind != "stored":
                continue
            look = _hear(agent, now, payload, looks)
            if look:
                return look
            payloads.remove(agent, payload.name)
        except (DamagedFile, OSError) as error:
            log("error", "spool", f"stored payloads wait: {error}", agent=agent)
            raise Waits from error
        except (FlowLoomError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            log("error", "spool", f"a payload is bad: {error!r}", agent=agent, name=payload.name)
            if payload.raw is None:
                payloads.set_aside(agent, payload.name)
    return None


def _hear(agent: AgentRef, now: Status | None, payload: Payload, looks: dict[Look, str]) -> Look | None:
    """Apply one payload; return what must be looked at first, and then nothing has changed."""
    if now is None:
        log("warning", "agent-event", "this agent no longer exists", agent=agent)
        return None
    raw = payloads.read(agent, payload.name) if payload.raw is None else payload.raw
    if raw is None:
        return None  # applied by an older release
    try:
        report = _report(payload, raw, now["provider"])
    except UsageError as error:
        if payload.provider not in ("", now["provider"]):
            raise
        # The provider's package is being upgraded, or is not installed beside us.
        log("error", "spool", f"stored payloads wait: {error}", agent=agent)
        raise Waits from error
    return reported.hear(agent, now, report, looks, payload.name) if report else None


def _report(payload: Payload, raw: bytes, provider: str) -> Report | None:
    """Return what a payload says; None if nothing follows from it."""
    text = raw.decode("utf-8", "replace")
    said = quick_json.loads(text)
    if not isinstance(said, dict):
        raise ValueError("not a JSON object")
    dialect = find(payload.provider or provider).dialect
    report = dialect.report(said)
    if report is None:
        return None
    report["receipt"] = dialect.RECEIPT
    if "\\ud" in text or "\\uD" in text:
        _make_valid(report)
    report["at_ns"], report["at"] = payload.at_ns, payload.at
    if payload.pid:
        report["pid"] = payload.pid
    return report


def _make_valid(report: Report) -> None:
    """Replace half characters in a report, except in the message, where `tasks.complete` replaces and notes them.

    JSON can contain them and UTF-8 cannot. In a status, task or event they would break every listing.
    Paths in those documents may contain bytes that are not UTF-8; these stay unchanged.
    """
    for key, value in report.items():
        if key != "message":
            report[key] = frame.valid_in(value)  # type: ignore[literal-required]


def _seen(agent: AgentRef, look: Look) -> str:
    """Return what a report depends on, found without the lock.

    Raises:
        Waits: a file that tells it is damaged or cannot be read.
    """
    kind, what, task_id = look
    try:
        if kind == "transcript":
            return "yes" if reported.in_transcript(what, task_id) else ""
        now = status.read(agent)
        return _shown(find(now["provider"]), agent, int(what)) if now else ""
    except (FlowLoomError, OSError) as error:
        log("error", "spool", f"stored payloads wait: {error}", agent=agent)
        raise Waits from error


def _shown(provider: Provider, agent: AgentRef, pid: int) -> str:
    """Return how the id of the session begins that the agent's own program says it shows; empty if it does not say."""
    environment = files.read_json(layout.environment(agent)) or {}
    known = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    path = provider.session.session_file(known, pid) if pid else ""
    raw = files.read(path) if path else None
    return provider.session.shown(raw.decode(errors="replace")) if raw else ""
