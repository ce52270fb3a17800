"""A window that shows what a test puts there and remembers its keys, with the agent in it: no tmux, no program."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowloom.clock import Clock
from flowloom.ports.tmux.formats import Look
from flowloom.providers import protocol, registry
from flowloom.store.layout import AgentRef
from flowloom.turns import record as status_record
from flowloom.turns import status

CLAUDE = registry.find("claude")

GOLDEN = Path(__file__).resolve().parents[1] / "unit" / "screens"


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


BOX = golden("2.1.330/reply-like-spinner")
RULE = "─" * 40


def boxed(draft: str) -> str:
    rows = draft.split("\n")
    inside = "\n".join([f"❯\xa0{rows[0]}", *(f"  {row}" for row in rows[1:])])
    return f"\x1b[38;5;244m{RULE}\n\x1b[39m{inside}\n\x1b[38;5;244m{RULE}\n\x1b[39m  ? for shortcuts"


class At(Clock):
    """A clock that a test moves."""

    def __init__(self, at: list[float]) -> None:
        self.at = at

    def steady_s(self) -> float:
        return self.at[0]

    def wall_s(self) -> float:
        return self.at[0]


@dataclass
class Desk:
    """A window that shows what a test puts there and remembers its keys, and the agent in it."""

    ref: AgentRef
    screen: str = BOX
    says: str = "idle"
    waits: str = ""
    takes: bool = True
    mode: str = ""
    input_off: bool = False
    stamp: str = "7/"
    keys: list[str] = field(default_factory=list)
    pasted: list[str] = field(default_factory=list)
    submitted_by: list[list[str]] = field(default_factory=list)
    bindings: str = ""
    agent_id: str = "planning@site"
    kept: str = ""
    name: str = "planning"

    # The agent.

    def provider(self) -> Any:
        return CLAUDE

    def status(self) -> status_record.Status:
        found = status.read(self.ref)
        assert found is not None
        return found

    def tmux(self, now: status_record.Status) -> Any:
        return self

    def read_screen(self, look: Look) -> protocol.Screen:
        return CLAUDE.screen.read(look.screen)

    def session_says(self, now: status_record.Status) -> str:
        return self.says

    def session_waits_for(self, now: status_record.Status) -> str:
        return self.waits

    def key_bindings(self) -> protocol.Keys:
        return CLAUDE.program.keys(self.bindings)

    def key_bindings_file(self) -> str:
        return "keybindings.json" if self.bindings else ""

    # The window.

    def look(self, pane: str = "") -> Look:
        """Return what tmux answers about it now."""
        return Look(f"0|{self.mode}|{int(self.input_off)}|7|,||@1|8|{self.stamp}|{self.agent_id}|/tmp/s\n{self.screen}")

    def press(self, pane: str, *keys: str, stamp: str) -> bool:
        assert stamp == self.stamp
        self.keys += keys
        return self.takes

    def leave_mode(self, pane: str) -> None:
        self.keys.append("leave mode")

    def paste(self, pane: str, buffers: dict[str, str], *keys: str, stamp: str, typed: str) -> str:
        if stamp != self.stamp:
            return "stale"
        if self.takes:
            self.stamp = f"7/{typed}"
            self.submitted_by.append(list(keys))
            self.pasted.append("".join(Path(path).read_text() for path in buffers.values()))
        return "pasted" if self.takes else "refused"

    def claim(self, pane: str, typed: str) -> str:
        before, self.stamp = self.stamp, f"7/{typed}"
        return before

    def history(self, pane: str) -> str:
        return self.screen
