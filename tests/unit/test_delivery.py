"""Delivery by tables: what the window shows and the session says, what is pressed, and what the task then waits for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.window import BOX, RULE, At, Desk, boxed, golden

from flowloom.config.settings import Settings
from flowloom.delegation.delivery import Delivery
from flowloom.ports import procs
from flowloom.providers import protocol
from flowloom.providers.claude.program import TIMING
from flowloom.queue import line
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.tasks import frame
from flowloom.tasks import record as task_record
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.transports.paste import drafts, held_up, keyboard, lent_terminal, transport
from flowloom.transports.paste.held_up import HANGS
from flowloom.turns import observed, status
from flowloom.turns import record as status_record
from flowloom.turns.states import State

PAUSE_S = 2.0
PROMPT = "what is it?\nsay"


VISUAL = boxed("my own words").replace("  ? for shortcuts", "  main\n  -- VISUAL LINE -- ? for shortcuts")


@dataclass
class Case:
    """A delivery that is about to begin, on a clock that only the test moves."""

    desk: Desk
    task_id: str
    delivery: Delivery
    clock: list[float]

    def task(self) -> task_record.Task:
        return tasks.read(self.task_id)

    def look(self) -> str:
        """Take a step; return what is waited for, which nothing ever leaves open."""
        desk = self.desk
        self.delivery.step(tasks.read(self.delivery.task_id), desk.status(), desk.look())
        assert self.delivery.waits_for, "it waits mutely"
        return self.delivery.waits_for

    def move(self, **facts: Any) -> None:
        now = self.desk.status()
        now.update(facts)  # type: ignore[typeddict-item]
        status.note(self.desk.ref, now)


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    state_folder.ensure()
    folder = AgentRef("site", "planning")
    files.ensure_dir(layout.agent_dir(folder))
    first = status_record.empty_status("planning@site", "planning", "planning", "site", "claude")
    first.update({"status": State.IDLE, "up": True, "pane_id": "%1", "pid": 7, "release": "2.1.330"})
    status.write(folder, first)
    clock = [100.0]
    monkeypatch.setattr(procs, "unread_bytes", lambda tty: 0)
    monkeypatch.setattr(procs, "is_lent", lambda tty: False)
    monkeypatch.setattr(procs, "has_other_reader", lambda tty, pid: True)
    task = tasks.open_task("planning@site", folder, PROMPT, asker="shell", asker_kind="shell")
    desk = Desk(folder)
    chosen = Settings(typing_pause_s=PAUSE_S)
    return Case(desk, task["task_id"], Delivery(desk, task["task_id"], chosen, clock=At(clock)), clock)  # type: ignore[arg-type]


def written(case: Case, step: Step) -> tuple[str, str]:
    """Make another task whose text has gone out before, at `step`; return its id and its text."""
    task = tasks.open_task("planning@site", case.desk.ref, "a former one", asker="shell", asker_kind="shell")
    task_id = task["task_id"]
    first, body = frame.first_line(task_id, "shell"), frame.body(task_id, "a former one")
    Path(f"{layout.task_dir(task_id)}/first").write_text(first)
    Path(f"{layout.task_dir(task_id)}/body").write_text(body)
    for each in (Step.TYPED, step):
        tasks.note_step(task, each, "so it went")
    return task_id, first + body


# What is in the way: what the window shows, what the session says, what is waited for, what is pressed after the pause.
IN_THE_WAY: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "a running turn, and a silent session": (
        {"screen": golden("2.1.329/working"), "says": ""},
        "its window looks as if a turn runs",
        [],
    ),
    "a busy session": ({"says": "busy"}, "its session is busy, with no task of FlowLoom's", []),
    "/model above the box": (
        {"screen": golden("2.1.330/model-left-open"), "says": "waiting", "waits": "dialog open"},
        "a person has left something open in its window (Select model)",
        ["Escape"],
    ),
    "/btw above the box": (
        {"screen": golden("2.1.330/btw-left-open"), "says": "waiting", "waits": "dialog open"},
        "a person has left something open in its window",
        ["Escape"],
    ),
    "/model in the place of the box": (
        {"screen": golden("2.1.197/model-left-open"), "says": "waiting", "waits": "dialog open"},
        "a person looks at something else in its window (Select model)",
        ["Escape"],
    ),
    "/theme": (
        {"screen": golden("2.1.330/theme-left-open"), "says": "waiting", "waits": "dialog open"},
        "a person looks at something else in its window (Theme)",
        ["Escape"],
    ),
    "a list with numbers that nobody knows": (
        {"screen": f"{RULE}\n  Pick a colour\n  ❯ 1. Red\n    2. Blue", "says": "waiting", "waits": "dialog open"},
        "a person looks at something else in its window (Pick a colour)",
        ["Escape"],
    ),
    "/login": (
        {"screen": golden("2.1.330/login-left-open"), "says": "waiting", "waits": "dialog open"},
        "a person looks at something else in its window (Login)",
        ["Escape"],
    ),
    "a login that its person is at": (
        {"screen": golden("2.1.197/login-in-a-browser"), "says": "waiting", "waits": "dialog open"},
        "login: Paste code here if prompted",
        [],
    ),
    "a view without a way back": ({"screen": golden("2.1.197/agents-left")}, "a person looks at something else", []),
    "the transcript": ({"screen": golden("2.1.329/transcript")}, "a person looks at something else", ["C-o"]),
    "a session that asks": (
        {"says": "waiting", "waits": "goal proposal"},
        "its session waits for an answer (goal proposal); look at its window",
        [],
    ),
    "copy-mode": ({"mode": "copy-mode"}, "a person scrolls in its window", ["leave mode"]),
    "choose-tree": ({"mode": "tree-mode"}, "tmux's list of windows is open in its window", ["leave mode"]),
    "a mode of a later tmux": ({"mode": "new-mode"}, "tmux's new-mode is open in its window", ["leave mode"]),
    "input off": ({"input_off": True}, "its pane has input disabled; enable it: tmux -L default select-pane -e", []),
    "vim's VISUAL mode": ({"screen": VISUAL}, "vim's VISUAL mode is on in its window", ["Escape"]),
    "a draft": ({"screen": boxed("my own words")}, "a person types in its window", ["C-s"]),
    "a draft and a stash": (
        {"screen": boxed("my own words").replace("? for shortcuts", "draft stashed")},
        "another one is already stashed",
        [],
    ),
    "a question on the screen": (
        {"screen": golden("2.1.329/dialog-permission-bash"), "says": "waiting", "waits": "permission prompt"},
        "permission: Do you want to proceed?",
        [],
    ),
    "nothing known": ({"screen": "a\nb\nc"}, "its window shows no input box", []),
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_what_is_in_the_way_is_named_and_left_after_a_pause(case: Case, name: str) -> None:
    shows, waits_for, keys = IN_THE_WAY[name]
    for key, value in shows.items():
        setattr(case.desk, key, value)
    assert waits_for in case.look()
    assert case.desk.keys == []
    if case.desk.status()["status"] is State.IDLE:
        case.clock[0] += PAUSE_S
        case.look()
        case.clock[0] += 0.3
        case.look()  # what has been pressed shows late: it is not pressed again
    assert (case.desk.keys, case.desk.pasted) == (keys, [])
    assert case.task()["status"] is Step.CREATED


@pytest.mark.parametrize(
    "screen",
    ["2.1.197/reply-like-spinner", "2.1.330/reply-like-screens", "2.1.330/status-line-like-screens", "2.1.197/resumed"],
)
@pytest.mark.parametrize("says", ["idle", ""])
def test_a_free_box_is_pasted_into_whatever_the_reply_and_the_status_line_look_like(
    case: Case, screen: str, says: str
) -> None:
    case.desk.screen, case.desk.says = golden(screen), says
    assert case.look() == held_up.RECEIPT
    assert len(case.desk.pasted) == 1
    assert case.task()["status"] is Step.PASTED


def test_a_session_that_is_idle_outranks_a_window_that_looks_busy_and_does_not_move(case: Case) -> None:
    case.desk.screen = golden("2.1.329/working")
    assert case.look() == "its window looks as if a turn runs"
    case.clock[0] += PAUSE_S - 0.1
    case.desk.screen = case.desk.screen.replace("✢", "✳").replace("*", "✶")
    assert case.look() == "its window looks as if a turn runs"  # it moves: a turn runs, and the session says so late
    case.clock[0] += PAUSE_S
    case.look()
    assert len(case.desk.pasted) == 1


def test_a_window_that_nobody_knows_blocks_the_agent_once(case: Case) -> None:
    case.desk.screen = "a\nb\nc"
    case.look()
    case.clock[0] += PAUSE_S
    assert case.look() == "something unknown: a / b / c"
    assert case.desk.status()["status"] is State.BLOCKED
    assert case.look() == "its agent is blocked (blocked on something unknown: a / b / c)"


def test_a_program_that_does_not_read_its_keys_is_said_to_hang(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procs, "unread_bytes", lambda tty: 1)
    assert case.look() == held_up.UNREAD
    case.clock[0] += transport.SLOW_S
    assert case.look() == HANGS


def test_another_text_on_its_way_comes_first(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    other, _ = written(case, Step.PASTED)
    monkeypatch.setattr(line, "waited_for", lambda folder, task_id: task_id == other)
    case.move(delivering=other)
    assert case.look() == "another task is being handed over"


@pytest.mark.parametrize(
    ("shows", "keys", "becomes"),
    [
        ("nothing", [], Step.CREATED),
        ("its text, pasted before the step was written", ["C-c"], Step.CREATED),
        ("its text, with an Enter to come", ["Enter"], Step.PASTED),
    ],
)
def test_what_a_stopped_process_was_at_is_seen_to_by_the_next(
    case: Case, monkeypatch: pytest.MonkeyPatch, shows: str, keys: list[str], becomes: Step
) -> None:
    other, text = written(case, Step.PASTED if "Enter" in shows else Step.TYPED)
    stopped = [True]
    monkeypatch.setattr(line, "waited_for", lambda folder, task_id: task_id == other)
    monkeypatch.setattr(line, "stopped", lambda folder, task_id: stopped[0])
    case.move(delivering=other)
    looked_at = case.desk.stamp
    assert case.look() == held_up.ANOTHER
    assert case.desk.stamp != looked_at  # what it decided on reaches nobody now
    if shows != "nothing":
        case.desk.screen = boxed(text)
    for _ in range(2):
        assert case.look() == held_up.ANOTHER
        case.clock[0] += transport.LOST_S
    assert (case.desk.keys[:1], tasks.read(other)["status"]) == (keys, becomes)
    stopped[0], case.desk.screen = False, BOX
    if becomes is Step.PASTED:
        assert case.look() == held_up.ANOTHER  # it runs again, and does the rest itself
        return
    assert case.look() == held_up.RECEIPT
    assert len(case.desk.pasted) == 1


@pytest.mark.parametrize("state", sorted(set(State) - {State.IDLE, State.PARKED}))
def test_an_agent_that_is_not_free_is_waited_for_by_its_state(case: Case, state: State) -> None:
    case.move(status=state, why="so it is")
    assert case.look() == f"its agent is {state} (so it is)"


def test_a_window_that_takes_no_input_is_tried_again_after_a_while_and_told_once(case: Case) -> None:
    case.desk.takes = False
    for _ in range(20):
        assert case.look() == "its window takes no input"
        case.clock[0] += 0.3
    assert [entry["step"] for entry in case.task()["journal"]] == ["created", "typed", "created"]
    case.desk.takes = True
    case.clock[0] += transport.REFUSED_AGAIN_S
    assert case.look() == held_up.RECEIPT
    assert case.task()["status"] is Step.PASTED


def test_a_prompt_that_is_gone_fails_its_task(case: Case) -> None:
    Path(f"{layout.task_dir(case.task_id)}/prompt.md").unlink()
    assert "prompt.md is gone" in case.look()
    assert case.task()["status"] is Step.FAILED
    assert case.look() == "it is failed"


def moved(case: Case) -> str:
    case.desk.screen = BOX
    case.move(why="something moved")
    return held_up.MOVED


def test_a_status_that_moved_since_the_look_is_looked_at_again(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "prompt_kept", lambda task: bool(moved(case)))
    assert case.look() == held_up.MOVED
    assert case.desk.pasted == []


# Whose text it is.


WHOSE: dict[str, tuple[Step, Callable[[str], str], bool]] = {
    "ours, unconfirmed": (Step.PASTED, lambda text: text, True),
    "ours, unknown": (Step.UNKNOWN, lambda text: text, True),
    "ours, back after an Esc": (Step.INTERRUPTED, lambda text: text, True),
    "ours, wrapped": (Step.PASTED, lambda text: text.replace(" ", "\n"), True),
    "ours, its body a mark": (Step.PASTED, lambda text: text.split("\n")[0] + "[Pasted text #3 +2 lines]", True),
    "the first line of ours": (Step.TYPED, lambda text: text.split("\n")[0], True),
    "a recalled one": (Step.DONE, lambda text: text, False),
    "ours with words behind it": (Step.PASTED, lambda text: f"{text}\nand mine", False),
    "ours with words before it": (Step.PASTED, lambda text: f"mine: {text}", False),
    "ours with words in it": (Step.PASTED, lambda text: text.replace("a former", "a quite former"), False),
    "ours with a paste of mine": (
        Step.PASTED,
        lambda text: text.split("\n")[0] + "[Pasted text #3 +2 lines][Pasted text #4 +9 lines]",
        False,
    ),
    "a quoted last line": (Step.PASTED, lambda text: f"see {text.split(chr(10))[-1]}", False),
    "a quoted first line": (Step.PASTED, lambda text: f"{text.split(']')[0]}] was that you?", False),
}


@pytest.mark.parametrize("name", WHOSE)
def test_only_a_text_of_ours_that_nobody_confirmed_is_taken_out_and_all_else_is_kept_first(
    case: Case, name: str
) -> None:
    step, draft_of, ours = WHOSE[name]
    task_id, text = written(case, step)
    if step is Step.DONE:
        tasks.complete(tasks.read(task_id), "so it is", "its turn ended")
    draft = draft_of(text)
    case.desk.screen = boxed(draft)
    case.look()
    assert case.desk.keys == (["C-c"] if ours else [])
    kept = Path(layout.drafts(case.desk.ref))
    assert not kept.exists()
    case.clock[0] += PAUSE_S
    case.look()
    assert (case.desk.keys, kept.exists()) == ((["C-c"], False) if ours else (["C-s"], True))
    if not ours:
        assert kept.read_text() == f"{draft}\n"


def test_a_draft_that_is_not_whole_on_the_screen_is_handed_over_by_the_agents_editor(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent = [False]
    monkeypatch.setattr(drafts, "hands_over", lambda folder: True)
    monkeypatch.setattr(procs, "is_lent", lambda tty: lent[0])
    kept = Path(layout.drafts(case.desk.ref))
    case.desk.screen = boxed("[Pasted text #2 +29 lines] and words")
    assert case.look() == "a person types in its window"
    case.clock[0] += PAUSE_S
    assert case.look() == held_up.KEEPS
    assert case.desk.keys == ["C-g"]
    Path(layout.handed_draft(case.desk.ref)).write_text("all of it\n and words")
    lent[0] = True
    assert case.look() == held_up.KEEPS
    assert case.desk.keys == ["C-g"]  # Ctrl-S would stop the output of a terminal that is lent
    lent[0] = False
    case.clock[0] += 0.1
    filled, case.desk.screen = case.desk.screen, BOX
    assert case.look() == held_up.KEEPS  # not drawn yet: a paste would be glued to the draft
    case.clock[0] += lent_terminal.BACK_S
    assert case.look() == held_up.KEEPS
    assert case.desk.pasted == []
    case.desk.screen = filled
    case.look()
    assert (case.desk.keys, kept.read_text()) == (["C-g", "C-s"], "all of it\n and words\n")


def test_an_editor_that_hands_nothing_over_holds_a_task_up_for_a_moment_only(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "hands_over", lambda folder: True)
    case.desk.screen = boxed("[Pasted text #2 +29 lines]")
    case.look()
    for step_s in (PAUSE_S, 1.0, drafts.HANDED_WITHIN_S):
        case.clock[0] += step_s
        case.look()
    assert case.desk.keys == ["C-g", "C-s"]  # Claude Code's own stash has it whole
    # One that opens late finds the request, and no real editor opens where nobody is.
    assert Path(layout.draft_request(case.desk.ref)).exists()


def test_a_person_who_goes_on_typing_has_the_whole_pause_again(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "hands_over", lambda folder: True)
    case.desk.screen = boxed("[Pasted text #2 +29 lines]")
    case.look()
    case.clock[0] += PAUSE_S
    assert case.look() == held_up.KEEPS
    case.desk.screen = boxed("[Pasted text #2 +29 lines] more")
    assert case.look() == "a person types in its window"
    case.look()
    assert case.desk.keys == ["C-g"]


def test_an_open_editor_is_named(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procs, "is_lent", lambda tty: True)
    assert case.look() == "an editor is open in its window"


@pytest.mark.parametrize(("step", "then"), [(Step.PASTED, Step.CREATED), (Step.UNKNOWN, Step.INTERRUPTED)])
def test_a_text_that_is_taken_out_is_given_back_or_told_where_nobody_would_deliver_it(
    case: Case, step: Step, then: Step
) -> None:
    task_id, text = written(case, step)
    task = tasks.read(task_id)
    task["left"], task["read"] = True, 1.0
    tasks.write(task)
    case.desk.screen = boxed(text)
    case.look()
    now = tasks.read(task_id)
    assert (now["status"], case.desk.keys) == (then, ["C-c"])
    # Whoever was told that it is unknown is told what came of it.
    assert tasks.unseen_failure(now) is (then is Step.INTERRUPTED)


# After the paste.


@pytest.mark.parametrize(
    ("shows", "waits_for"),
    [
        ({}, held_up.RECEIPT),
        ({"says": "busy"}, held_up.RECEIPT),
        ({"mode": "copy-mode"}, "a person scrolls in its window"),
        ({"screen": golden("2.1.329/dialog-permission-bash")}, "permission: Do you want to proceed?"),
    ],
)
def test_a_text_that_is_out_waits_for_its_receipt_or_says_what_is_before_it(
    case: Case, shows: dict[str, Any], waits_for: str
) -> None:
    case.look()
    assert case.task()["status"] is Step.PASTED
    for key, value in shows.items():
        setattr(case.desk, key, value)
    assert case.look() == held_up.RECEIPT
    case.clock[0] += transport.ENTER_AGAIN_S + 0.1
    assert case.look() == waits_for


EDITED = "~\n~\n~\n"

# A person's Ctrl-G at the moment of the paste: what the editor shows, what stands there when it is closed, and whether
# the program then submits what it had read before it lent its terminal; what becomes of the task, and how often it
# was pasted.
LENT: dict[str, tuple[str, str, bool, Step, int]] = {
    "read before, and submitted when it is closed": (EDITED, "", True, Step.ACCEPTED, 1),
    "lost": (EDITED, "", False, Step.PASTED, 2),
    "pasted into the editor, which saves it": ("ours", "ours", False, Step.ACCEPTED, 1),
    "behind an editor with a window of its own": ("", "", True, Step.ACCEPTED, 1),
}


@pytest.mark.parametrize("way", LENT)
def test_while_an_editor_has_the_terminal_nothing_is_decided_about_a_text_that_is_out(
    case: Case, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    shows, left, submits, becomes, times = LENT[way]
    case.look()
    monkeypatch.setattr(procs, "is_lent", lambda tty: True)
    case.desk.screen = case.desk.pasted[0] if shows == "ours" else shows or BOX
    for _ in range(300):
        case.clock[0] += 0.25
        assert case.look() == "an editor is open in its window"
    assert (case.task()["status"], case.desk.keys, len(case.desk.pasted)) == (Step.PASTED, [], 1)
    monkeypatch.setattr(procs, "is_lent", lambda tty: False)
    # Its program draws its box, and reads what it had not read, a moment later.
    case.desk.screen = boxed("")
    assert case.look() == "an editor is open in its window"
    case.clock[0] += lent_terminal.BACK_S
    assert case.look() == held_up.RECEIPT
    if submits:
        tasks.note_step(case.task(), Step.ACCEPTED, "the agent confirmed it")
    case.desk.screen = boxed(case.desk.pasted[0] if left else "")
    case.clock[0] += transport.ENTER_AGAIN_S
    for _ in range(4):
        case.look()
        if case.desk.keys == ["Enter"]:
            tasks.note_step(case.task(), Step.ACCEPTED, "the agent confirmed it")
        case.clock[0] += transport.LOST_S / 2
    assert (case.task()["status"], len(case.desk.pasted)) == (becomes, times)
    assert case.desk.keys[:1] == (["Enter"] if left else [])


def test_nothing_was_sent_is_said_only_with_the_box_on_the_screen(case: Case) -> None:
    case.look()
    case.desk.screen = golden("2.1.329/transcript")
    for _ in range(4):
        case.clock[0] += TIMING["receipt_s"]
        assert case.look().startswith("a person looks at something else in its window")
    assert case.task()["status"] is Step.PASTED
    assert case.desk.keys[:1] == ["C-o"]
    case.desk.screen = BOX + "\n"
    case.look()
    assert case.task()["status"] is Step.CREATED


@pytest.mark.parametrize("out", [False, True])
def test_a_suspended_program_is_continued_and_then_the_task_goes_its_way(
    case: Case, monkeypatch: pytest.MonkeyPatch, out: bool
) -> None:
    if out:
        case.look()
    lent, continued = [True], list[int]()
    monkeypatch.setattr(procs, "is_lent", lambda tty: lent[0])
    monkeypatch.setattr(procs, "has_other_reader", lambda tty, pid: False)
    monkeypatch.setattr(procs, "resume", continued.append)
    monkeypatch.setattr(procs, "unread_bytes", lambda tty: 7 if lent[0] else 0)  # what was typed there since
    assert case.look() == held_up.HANDED_OVER
    assert continued == []  # an editor is about to start
    case.clock[0] += lent_terminal.READERS_AGAIN_S
    assert case.look() == "its program is suspended (Ctrl-Z in its window)"
    case.look()
    assert continued == [7]
    lent[0] = False
    case.clock[0] += lent_terminal.BACK_S
    assert case.look() == held_up.RECEIPT
    assert len(case.desk.pasted) == 1


def test_a_program_that_stays_suspended_is_to_be_restarted(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procs, "is_lent", lambda tty: True)
    monkeypatch.setattr(procs, "has_other_reader", lambda tty, pid: False)
    continued: list[int] = []
    monkeypatch.setattr(procs, "resume", continued.append)
    said = []
    for _ in range(40):
        said.append(case.look())
        case.clock[0] += 0.25
    suspended = "its program is suspended (Ctrl-Z in its window)"
    assert list(dict.fromkeys(said)) == [
        held_up.HANDED_OVER,
        suspended,
        f"{suspended}; restart it: flowloom restart planning",
    ]
    assert len(continued) == 9
    # A person brings it back, and opens an editor.
    monkeypatch.setattr(procs, "has_other_reader", lambda tty, pid: True)
    case.clock[0] += lent_terminal.READERS_AGAIN_S
    assert case.look() == "an editor is open in its window"


def test_a_program_that_hangs_with_our_text_is_named(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.look()
    monkeypatch.setattr(procs, "unread_bytes", lambda tty: 1)
    case.clock[0] += transport.ENTER_AGAIN_S + 0.1
    assert case.look() == HANGS


def test_enter_is_pressed_again_only_while_exactly_our_text_stands_in_the_box(case: Case) -> None:
    case.look()
    case.desk.screen = boxed(case.desk.pasted[0])
    for _ in range(2):
        case.clock[0] += transport.ENTER_AGAIN_S + 0.1
        assert case.look() == held_up.RECEIPT
    assert case.desk.keys == ["Enter", "Enter"]
    # Among a person's words it is not submitted: both are kept once nobody types, and it is delivered by itself.
    mixed = f"so {case.desk.pasted[0]} and mine"
    case.desk.screen = boxed(mixed)
    case.clock[0] += transport.LOST_S
    assert case.look() == held_up.MIXED
    assert (case.desk.keys, case.task()["status"]) == (["Enter", "Enter"], Step.PASTED)
    case.clock[0] += PAUSE_S
    case.look()
    assert case.task()["status"] is Step.CREATED
    case.look()
    case.clock[0] += PAUSE_S
    case.look()
    assert case.desk.keys == ["Enter", "Enter", "C-c"]
    kept = Path(layout.drafts(case.desk.ref))
    assert "and mine" in kept.read_text()
    assert case.task()["notes"] == [f"a person typed into its text in the box: {kept}"]
    case.desk.screen = boxed("")
    case.clock[0] += TIMING["clear_again_s"]
    case.look()
    assert len(case.desk.pasted) == 2


def test_a_text_among_a_persons_words_that_the_transcript_has_is_not_sent_again(case: Case, tmp_path: Path) -> None:
    case.look()
    transcript = tmp_path / "transcript"
    transcript.write_text(f"[flowloom task {case.task_id} from shell] so it began")
    case.move(transcript=str(transcript))
    case.desk.screen = boxed(f"so {case.desk.pasted[0]} and mine")
    case.clock[0] += transport.LOST_S
    assert case.look() == held_up.MIXED
    case.clock[0] += PAUSE_S
    case.look()
    assert case.task()["status"] is Step.ACCEPTED


def test_a_blocked_agent_is_not_freed_by_an_idle_session_while_something_hides_the_box(case: Case) -> None:
    asked: protocol.Question = {"kind": "something unknown", "text": "x", "how": "", "call": "", "options": []}
    observed.dialog(case.desk.ref, case.desk.status(), asked)
    assert case.desk.status()["status"] is State.BLOCKED
    assert case.look().startswith("its agent is blocked")


def test_enter_is_not_pressed_again_soon_where_a_stashed_draft_would_be_submitted(case: Case) -> None:
    case.desk.screen = boxed("my own words")
    case.look()
    case.clock[0] += PAUSE_S
    case.look()
    assert case.desk.keys == ["C-s"]
    case.desk.screen = BOX
    case.look()
    case.desk.screen = boxed(case.desk.pasted[0])
    for _ in range(5):
        case.clock[0] += transport.ENTER_AGAIN_S + 0.1
        assert case.look() == held_up.RECEIPT
    assert case.desk.keys == ["C-s"]
    case.clock[0] += keyboard.UNCHANGED_AGAIN_S
    case.look()
    assert case.desk.keys == ["C-s", "Enter"]


@pytest.mark.parametrize("name", ["2.1.330/add-dir-typed", "2.1.197/add-dir-typed"])
def test_what_a_person_typed_into_a_view_is_kept_before_it_is_closed(case: Case, name: str) -> None:
    kept = Path(layout.drafts(case.desk.ref))
    case.desk.screen = golden(name)
    case.look()
    assert not kept.exists()
    case.clock[0] += PAUSE_S
    case.look()
    assert (case.desk.keys, kept.read_text()) == (["Escape"], "/tmp/some/dir\n")
    # It is not closed by the first one.
    case.clock[0] += keyboard.UNCHANGED_AGAIN_S
    case.look()
    case.clock[0] += PAUSE_S
    case.look()
    assert (case.desk.keys, kept.read_text()) == (["Escape", "Escape"], "/tmp/some/dir\n")
    assert case.task()["notes"] == [f"what was typed into an overlay in its window is kept, at the end of {kept}"]


@pytest.mark.parametrize("number", ["2.1.330", "2.1.197"])
def test_visual_mode_that_a_person_enters_as_we_paste_is_left_before_enter_is_pressed(case: Case, number: str) -> None:
    case.move(release=number)
    case.look()
    free = boxed(case.desk.pasted[0])
    case.desk.screen = free.replace("? for", "-- VISUAL -- ? for")
    case.clock[0] += transport.ENTER_AGAIN_S + 0.1
    assert case.look() == "vim's VISUAL mode is on in its window"
    assert case.desk.keys == ["Escape"]
    case.desk.screen = free
    case.clock[0] += 0.25
    assert case.look() == held_up.RECEIPT
    assert case.desk.keys == ["Escape"]  # Claude Code takes an Enter right behind it for a new line
    case.clock[0] += transport.ENTER_AGAIN_S
    case.look()
    assert case.desk.keys == ["Escape", "Enter"]


def test_a_status_line_that_says_visual_holds_a_task_up_for_a_moment_only(case: Case) -> None:
    case.desk.screen = boxed("").replace("? for", "-- VISUAL -- ? for")
    case.look()
    for _ in range(2):
        case.clock[0] += keyboard.UNCHANGED_AGAIN_S
        case.look()
        case.clock[0] += PAUSE_S
        case.look()
    assert case.desk.keys == ["Escape", "Escape"]
    assert len(case.desk.pasted) == 1


# Keys that the user has bound to something else.


def reacting(case: Case, does: dict[str, str], seconds: float) -> list[str]:
    """Let time pass with a window that reacts to keys: each shows a screen, others change nothing; return the words."""
    said = []
    for _ in range(int(seconds / 0.5)):
        pressed = len(case.desk.keys)
        said.append(case.look())
        for key in case.desk.keys[pressed:]:
            case.desk.screen = does.get(key, case.desk.screen)
        if case.task()["status"] is Step.PASTED and case.desk.screen == BOX:
            case.desk.screen = boxed(case.desk.pasted[-1])
        case.clock[0] += 0.5
    return said


def test_a_draft_that_its_key_does_not_put_aside_is_kept_once_and_taken_out(case: Case) -> None:
    case.desk.screen = boxed("my own words")
    reacting(case, {"C-c": BOX}, 24.0)
    assert case.desk.keys[:3] == ["C-s", "C-s", "C-c"]
    assert len(case.desk.pasted) == 1
    kept = Path(layout.drafts(case.desk.ref))
    assert kept.read_text() == "my own words\n"
    assert case.task()["notes"] == [f"a draft was taken out of the box: {kept}"]


@pytest.mark.parametrize("bindings", ["", '{"bindings": [{"context": "Chat", "bindings": {"ctrl+s": null}}]}'])
def test_a_draft_that_could_be_lost_stays_and_one_reason_is_said(case: Case, bindings: str) -> None:
    case.desk.bindings = bindings
    case.desk.screen = boxed("[Pasted text #2 +29 lines] and words")
    said = reacting(case, {}, 60.0)
    assert case.desk.keys == ([] if bindings else ["C-s", "C-s"])
    how = "no key puts it aside" if bindings else "Ctrl-S does not put it aside"
    where = " (see keybindings.json)" if bindings else ""
    assert set(said[60:]) == {f"its input box has a draft, and {how}: send or clear it{where}"}
    assert Path(layout.drafts(case.desk.ref)).read_text() == "[Pasted text #2 +29 lines] and words\n"


def test_a_text_that_no_enter_submits_is_pasted_a_few_times_and_one_reason_is_said(case: Case) -> None:
    said = reacting(case, {"C-c": BOX}, 30.0)
    assert len(case.desk.pasted) == 2
    assert case.desk.keys.count("C-c") == 2
    assert case.desk.screen == BOX  # nothing of ours is left there meanwhile
    why = "its text stood in the input box, and Enter did not submit it; look at its window"
    assert set(said[40:]) == {why}
    # The user may have bound the key by now.
    assert set(reacting(case, {"C-c": BOX}, 30.0)) == {why}
    assert len(case.desk.pasted) == 3


def test_the_keys_that_the_user_has_bound_are_pressed(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "hands_over", lambda folder: True)
    bound = {"enter": "chat:newline", "f3": "chat:submit", "ctrl+g": None, "ctrl+s": None, "f2": "chat:stash"}
    case.desk.bindings = json.dumps({"bindings": [{"context": "Chat", "bindings": bound}]})
    case.desk.screen = boxed("[Pasted text #2 +29 lines]")
    reacting(case, {"F2": BOX}, 7.0)
    assert case.desk.keys == ["C-x", "C-e", "F2"]
    assert case.desk.submitted_by == [["F3"]]
    case.clock[0] += keyboard.UNCHANGED_AGAIN_S
    case.look()
    assert case.desk.keys[3:] == ["F3"]


def test_no_text_is_pasted_that_no_key_would_submit(case: Case) -> None:
    case.desk.bindings = '{"bindings": [{"context": "Chat", "bindings": {"enter": null}}]}'
    assert case.look() == "no key submits a prompt in its window (see keybindings.json)"
    assert (case.desk.pasted, case.task()["status"]) == ([], Step.CREATED)
    case.desk.bindings = ""
    assert case.look() == held_up.RECEIPT
