"""What stands in an agent's window when it is stopped: by a table of windows, what is kept, pressed and refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from flowloom import errors
from flowloom.agents.agent import Agent
from flowloom.ports import procs
from flowloom.ports.tmux.formats import Look
from flowloom.providers import protocol, registry
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.transports.paste import drafts, lent_terminal, unsent
from flowloom.turns import record as status_record

CLAUDE = registry.find("claude")

GOLDEN = Path(__file__).parent / "screens"
RULE = "─" * 100
MENU = "  ❯ /compact      Free up context"
KEYS: protocol.Keys = {"submit": ["Enter"], "stash": ["C-s"], "edit": ["C-g"]}


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@dataclass
class Window:
    """A Claude Code of few words: a box, a stash, an editor, and a view over them; and the agent in it."""

    ref: AgentRef
    draft: str = ""
    stash: str = ""
    view: str = ""
    closes: str = ""
    behind: list[str] = field(default_factory=list)
    lent: bool = False
    suspended: bool = False
    resumes: bool = True
    up: bool = True
    cut: bool = False
    takes: bool = True
    says: str = "idle"
    hands_over: bool = True
    keys: list[str] = field(default_factory=list)
    bound: protocol.Keys = field(default_factory=lambda: KEYS.copy())
    kept: str = ""
    agent_id = "planning@site"
    name = "planning"

    def provider(self) -> Any:
        return CLAUDE

    def tmux(self, now: status_record.Status) -> Window:
        return self

    def session_says(self, now: status_record.Status) -> str:
        return self.says

    def key_bindings(self) -> protocol.Keys:
        return self.bound

    def read_screen(self, look: Look) -> protocol.Screen:
        return CLAUDE.screen.read(look.screen)

    def look(self, pane: str) -> Look:
        footer = MENU if self.draft.startswith("/") else f"  ? for shortcuts   {'draft stashed' * bool(self.stash)}"
        rule = f"{RULE[:40]} ↓ 7 more ─" if self.cut else RULE
        box = f"{RULE}\n❯\xa0{self.draft}\x1b[7m \x1b[0m\n{rule}\n{footer}\n"
        return Look(f"0||{int(not self.takes)}|7|,|/dev/none|@1|8|7/|{self.agent_id}|/tmp/s\n{self.view or box}")

    def press(self, pane: str, *keys: str) -> bool:
        self.keys += keys
        key = keys[0] if self.takes else ""
        if self.view:
            self.view = "" if key == self.closes else self.view
        elif key == "C-s" and (self.draft or self.stash):
            self.draft, self.stash = ("", self.draft) if self.draft else (self.stash, "")
        elif key == "Down" and self.behind:
            self.draft = self.behind.pop(0)
        elif key == "C-c":
            self.draft = ""
        elif key == "C-g" and self.hands_over:
            files.write(layout.handed_draft(self.ref), self.draft.encode())
        return self.takes


@pytest.fixture
def window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Window:
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    state_folder.ensure()
    made = Window(AgentRef("site", "planning"))
    files.ensure_dir(layout.agent_dir(made.ref))
    monkeypatch.setattr(procs, "is_lent", lambda tty: made.lent or made.suspended)
    monkeypatch.setattr(procs, "has_other_reader", lambda tty, pid: made.lent)
    monkeypatch.setattr(procs, "resume", lambda pid: setattr(made, "suspended", not made.resumes))
    monkeypatch.setattr(lent_terminal, "READERS_AGAIN_S", 0.0)
    monkeypatch.setattr(lent_terminal, "BACK_S", 0.01)
    monkeypatch.setattr(procs, "unread_bytes", lambda tty: 0)
    monkeypatch.setattr(drafts, "hands_over", lambda agent: True)
    monkeypatch.setattr(drafts, "HANDED_WITHIN_S", 0.05)
    for name in ("OPENS_S", "COMES_BACK_S", "SETTLED_S"):
        monkeypatch.setattr(unsent, name, 0.1)
    monkeypatch.setitem(CLAUDE.program.TIMING, "clear_again_s", 0.1)
    return made


def end(window: Window, *, force: bool = False) -> str:
    """Return what drafts.txt holds, and behind it the refusal where there is one."""
    refused = ""
    try:
        unsent.keep(cast("Agent", window), cast("status_record.Status", {"up": window.up}), "%1", force=force)
    except errors.AgentFailed as error:
        refused = f"{error} ({error.hint})".removeprefix("planning@site ")
    path = Path(layout.drafts(window.ref))
    return (path.read_text() if path.exists() else "") + refused


TRANSCRIPT = {"view": golden("2.1.329/transcript"), "closes": "C-o"}
KEPT: dict[str, tuple[dict[str, Any], str]] = {
    "an empty box": ({}, ""),
    "a draft": ({"draft": "mine"}, "mine\n"),
    "a draft taller than the box": ({"draft": "mine", "cut": True}, "mine\n"),
    "a draft below the transcript": ({"draft": "mine", **TRANSCRIPT}, "mine\n"),
    "a draft below the model list": (
        {"draft": "mine", "view": golden("2.1.197/model-left-open"), "closes": "Escape"},
        "mine\n",
    ),
    "a draft in a suspended program": ({"draft": "mine", "suspended": True}, "mine\n"),
    "a former prompt, and no draft": ({"draft": "former", "behind": [""]}, "former\n"),
    "a former prompt in place of a draft": ({"draft": "former", "behind": ["later", "mine"]}, "former\nmine\n"),
    "all at once": ({"draft": "former", "behind": ["mine"], "stash": "two", **TRANSCRIPT}, "former\nmine\ntwo\n"),
    "a stashed draft": ({"stash": "mine"}, "mine\n"),
    "both": ({"draft": "one", "stash": "two"}, "one\ntwo\n"),
    "a stashed draft that a menu hides": ({"draft": "/comp", "stash": "mine"}, "/comp\nmine\n"),
    "both below the transcript": ({"draft": "one", "stash": "two", **TRANSCRIPT}, "one\ntwo\n"),
    "no key for a stash, and none there": ({"draft": "mine", "bound": {**KEYS, "stash": []}}, "mine\n"),
    "a question before the first box": ({"view": golden("2.1.329/dialog-trust"), "up": False}, ""),
    "nothing on the screen yet": ({"view": "\n", "up": False}, ""),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_a_person_has_not_sent_is_kept_whole(window: Window, name: str) -> None:
    facts, kept = KEPT[name]
    for key, value in facts.items():
        setattr(window, key, value)
    assert end(window) == kept
    assert (window.stash, bool(window.kept)) == ("", bool(kept))


ANOTHER = "; another draft is kept, at the end of "
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an editor": ({"draft": "mine", "lent": True}, "has an editor open in its window"),
    "a program that stays suspended": (
        {"draft": "mine", "suspended": True, "resumes": False},
        "is suspended (Ctrl-Z)",
    ),
    "a field with words": (
        {"view": golden("2.1.330/add-dir-typed"), "closes": "Escape"},
        "has words typed into what is open in its window (Add directory to workspace)",
    ),
    "a view that could hold words": (
        {"view": golden("2.1.330/add-dir-empty"), "closes": "Escape"},
        "has something open in its window (Add directory to workspace)",
    ),
    "a question": (
        {"draft": "mine", "view": golden("2.1.329/dialog-permission-bash")},
        "has a question in its window (Do you want to proceed?)",
    ),
    "a screen that nobody knows": ({"view": "~\n~\n"}, "shows no input box in its window"),
    "something above the box": ({"says": "waiting"}, "has something open in its window"),
    "a key that does not close it": ({**TRANSCRIPT, "closes": "q"}, "has something open in its window (Showing"),
    "an image": ({"draft": "see [Image #2]"}, "has an image in its box, which cannot be kept"),
    "a paste that is not handed over": (
        {"draft": "[Pasted text #1 +30 lines]", "hands_over": False},
        "has a draft in its box that cannot be read whole",
    ),
    "a stashed draft without a key": (
        {"stash": "mine", "bound": {**KEYS, "stash": []}},
        "has a stashed draft that cannot be read",
    ),
    "a stashed image": ({"draft": "one", "stash": "[Image #2]"}, "one\nhas an image in its box, which cannot be kept"),
    "a window that takes no keys": ({"stash": "mine", "takes": False}, "has a stashed draft that cannot be read"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_named_and_still_there(window: Window, name: str) -> None:
    facts, said = REFUSED[name]
    for key, value in facts.items():
        setattr(window, key, value)
    told = end(window)
    assert told.startswith(said)
    assert "; it was not stopped" in told
    assert "--force" in told
    assert (ANOTHER in told) == said.startswith("one\n")
    last = {"draft": window.draft, "stash": window.stash, "view": window.view}
    if name == "a stashed image":
        assert last == {"draft": "[Image #2]", "stash": "", "view": ""}
    else:
        assert last == {key: facts.get(key, "") for key in last}


def test_with_force_what_can_be_read_is_kept_and_nothing_refused(window: Window) -> None:
    window.draft, window.hands_over = "see [Image #2]", False
    assert end(window, force=True) == "see [Image #2]\n"
    window.draft, window.lent = "", True
    assert end(window, force=True) == "see [Image #2]\n"
