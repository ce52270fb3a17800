"""Whose turn it is: histories of what an agent reported, and what must be known in the end.

Each history is data. Its steps, in the order in which they reach us:

    pasted A            task A was asked, its text is in the input box and Enter was pressed
    accept WHAT ID      UserPromptSubmit; WHAT is a task (`a`), `a+` with a draft before it, `a-` cut, `own`, or words
    stop ID WORDS [BG]  Stop, with the names of what runs in the background
    fail ID WORDS       StopFailure
    limit ID            StopFailure at a usage limit, which resets at a time that is told
    notice KIND WORDS   what is told beside the turns
    ask CALL            PermissionRequest; without CALL the Notification that says the same
    tool CALL           PostToolUse
    up SOURCE           SessionStart
    end REASON          SessionEnd
    quiet / in-box A    its session is idle although no hook said so / and A's text is back in the box
    busy / gone         its session goes on / its window is gone, as seen from outside
    box / dialog        its screen shows the box / a question
    adopt A             somebody waits on after A was interrupted
    transcript A        the transcript shows A's prompt
    found A             and that was looked for
    wait S              S seconds pass
    old …, sub …        the report is older than what was seen / is a subagent's
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from flowloom.providers import protocol
from flowloom.providers.claude.dialect import BEGAN, ENDED, NOTICES
from flowloom.store import layout
from flowloom.store.layout import AgentRef
from flowloom.tasks import frame
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import observed, reported, status
from flowloom.turns import record as status_record
from flowloom.turns.states import Event, State

SESSION = "s1"
HIT = "You've hit your 5-hour limit · resets 11pm (UTC)"


class History:
    """One agent and the tasks of one history."""

    def __init__(self) -> None:
        self.agent = AgentRef("site", "planning")
        os.makedirs(layout.agent_dir(self.agent))
        now = status_record.empty_status("planning@site", "planning", "planning", "site", "echo")
        now.update(
            {
                "status": State.IDLE,
                "up": True,
                "session_id": SESSION,
                "transcript": f"{layout.agent_dir(self.agent)}/transcript",
            }
        )
        status.write(self.agent, now)
        self.ids: dict[str, str] = {}
        self.at_ns = 1_000_000
        self.now_s = 1_800_000_000.0

    def now(self) -> status_record.Status:
        read = status.read(self.agent)
        assert read is not None
        return read

    def pasted(self, name: str) -> None:
        task = tasks.open_task("planning@site", self.agent, f"do {name}", asker="chief", asker_kind="chief")
        self.ids[name] = task["task_id"]
        tasks.note_step(task, Step.TYPED, "its text is being sent")
        status.note(self.agent, self.now(), delivering=task["task_id"])
        tasks.note_step(task, Step.PASTED, "its text is in the input box")

    def text(self, what: str) -> str:
        name = what.rstrip("+-")
        if name not in self.ids:
            return {"own": "<task-notification>\n<task-id>b1</task-id>"}.get(what, what)
        task_id = self.ids[name]
        whole = frame.first_line(task_id, "chief") + "\n" + frame.body(task_id, f"do {name}")
        return {"+": f"a draft {whole}", "-": whole[:-4]}.get(what[len(name) :], whole)

    def hear(self, event: str, **said: Any) -> None:
        self.at_ns += 1000
        report: protocol.Report = {"event": event, "session_id": SESSION, "at_ns": self.at_ns, "at": self.now_s}
        report.update(said)  # type: ignore[typeddict-item]
        self.apply(report)

    def apply(self, report: protocol.Report, shown: str = "") -> None:
        """Apply a report, after what it depends on is looked at; `shown` is the session that the window shows."""
        looks: dict[reported.Look, str] = {}
        while (look := reported.hear(self.agent, self.now(), report, looks)) is not None:
            assert look not in looks
            seen = look[0] == "transcript" and reported.in_transcript(look[1], look[2])
            looks[look] = shown if look[0] == "session" else "yes" if seen else ""

    def play(self, line: str | tuple[Any, ...], **more: Any) -> None:
        verb, *given = line.split() if isinstance(line, str) else line
        if verb == "old":
            self.play(tuple(given), at_ns=1)
        elif verb == "sub":
            self.play(tuple(given), subagent="sub1")
        elif verb == "accept":
            *what, prompt_id = given
            # `own b1 b2` tells of the end of what runs in the background; `own` of what nobody knows by its name.
            source = {"source": "own", "ended": what[1:]} if what[0] in ("own", "reset") else {}
            self.hear("accept", prompt=self.text(" ".join(what)), prompt_id=prompt_id, **source, **more)
        elif verb == "stop":
            background = given.pop() if isinstance(given[-1], list) else []
            prompt_id, *words = given
            self.hear("stop", prompt_id=prompt_id, message=" ".join(words), background=background, **more)
        elif verb == "fail":
            self.hear("fail", prompt_id=given[0], message=" ".join(given[1:]), error="the API failed", **more)
        elif verb == "limit":
            self.hear("fail", prompt_id=given[0], message=HIT, error=HIT, limited=True, **more)
        elif verb == "ask":
            call = given[0] if given else ""
            question: Any = {"kind": "permission", "text": f"Bash: {call}", "how": "", "call": call, "options": []}
            self.hear("ask", question=question, **more)
        elif verb == "notice":
            self.hear("notice", source=NOTICES.get(given[0], given[0]), message=" ".join(given[1:]), **more)
        elif verb == "tool":
            self.hear("sign", call=given[0], **more)
        elif verb == "up":
            self.hear("up", source=BEGAN[given[0]], **{"session_id": given[1] if given[1:] else SESSION, **more})
        elif verb == "end":
            self.hear(
                "end", reason=ENDED.get(given[0], ""), **{"session_id": given[1] if given[1:] else SESSION, **more}
            )
        elif verb == "wait":
            self.now_s += float(given[0])
            self.at_ns += int(float(given[0]) * 1e9)
        else:
            self.seen(verb, *given)

    def seen(self, verb: str, name: str = "") -> None:
        """Play what no hook reports."""
        now, task_id = self.now(), self.ids.get(name, "")
        question: protocol.Question = {
            "kind": "trust",
            "text": "trust this folder?",
            "how": "",
            "call": "",
            "options": [],
        }
        if verb == "pasted":
            self.pasted(name)
        elif verb == "quiet":
            observed.quiet(self.agent, now, "its turn was interrupted in its window (Esc)")
        elif verb == "in-box":
            observed.quiet(self.agent, now, "its turn was interrupted in its window (Esc)", in_box=task_id)
        elif verb == "unpark":
            observed.unpark(self.agent, now, task_id)
        elif verb == "adopt":
            status.note(self.agent, now, adopt=task_id)
        elif verb == "transcript":
            Path(layout.agent_dir(self.agent), "transcript").write_text(
                f'{{"message": "[flowloom task {task_id} from chief] do"}}\n'
            )
        elif verb == "found":
            observed.found_accepted(self.agent, now, tasks.read(task_id))
        else:
            {
                "busy": lambda: observed.goes_on(self.agent, now, "goes on"),
                "gone": lambda: observed.leave(self.agent, now, Event.GONE, "its window is gone"),
                "box": lambda: observed.box(self.agent, now),
                "dialog": lambda: observed.dialog(self.agent, now, question),
            }[verb]()

    def known(self, name: str) -> str:
        """Return what became of a task: its steps after `pasted`, its reply, and what is marked in it."""
        task = tasks.read(self.ids[name])
        steps = [entry["step"] for entry in task["journal"]][3:]
        reply = tasks.reply_of(task["task_id"])
        marks = [mark for mark in ("shared", "altered", "recovered") if task[mark]]
        said = [] if reply is None else [f"“{reply.decode()}”"]
        return " ".join([*steps, *said, *marks])


@pytest.fixture
def history() -> History:
    """An idle agent. Its hooks' clock stands; what is heard is heard at other times, which must not matter."""
    return History()


# What it is called, the steps, the agent's state in the end, and what became of each task.
HISTORIES: list[tuple[str, list[str | tuple[Any, ...]], str, dict[str, str]]] = [
    ("a plain turn", ["pasted a", "accept a 1", "stop 1 hello"], "idle", {"a": "accepted done “hello”"}),
    ("a turn that runs", ["pasted a", "accept a 1"], "working", {"a": "accepted"}),
    ("a turn without a last message", ["pasted a", "accept a 1", ("stop", "1")], "idle", {"a": "accepted done “”"}),
    (
        "two tasks, one after the other",
        ["pasted a", "accept a 1", "stop 1 A", "pasted b", "accept b 2", "stop 2 B"],
        "idle",
        {"a": "accepted done “A”", "b": "accepted done “B”"},
    ),
    # Hooks that come late or never.
    (
        "a receipt that comes after its Stop, which the transcript vouched for",
        ["pasted a", "transcript a", "stop 1 hello", "old accept a 1"],
        "idle",
        {"a": "accepted done “hello”"},
    ),
    (
        "a receipt that comes after a Stop which nobody could place",
        ["pasted a", "stop 1 hello", "old accept a 1"],
        "idle",
        {"a": "accepted"},
    ),
    (
        "a Stop without a receipt, seen in the transcript",
        ["pasted a", "transcript a", "stop 1 x"],
        "idle",
        {"a": "accepted done “x”"},
    ),
    ("a Stop without a receipt, of somebody's `!ls`", ["pasted a", "stop 1 x"], "idle", {"a": ""}),
    (
        "and then the receipt of ours",
        ["pasted a", "stop 1 x", "accept a 2", "stop 2 hello"],
        "idle",
        {"a": "accepted done “hello”"},
    ),
    (
        "a receipt that was lost, found in the transcript",
        ["pasted a", "found a", "stop 1 hello"],
        "idle",
        {"a": "accepted done “hello”"},
    ),
    (
        "a receipt that comes after it was found in the transcript",
        ["pasted a", "found a", "accept a 1", "stop 1 hello"],
        "idle",
        {"a": "accepted done “hello”"},
    ),
    (
        "a lost Stop: the next turn ends it",
        ["pasted a", "accept a 1", "wait 5", "accept words 2", "stop 2 x"],
        "idle",
        {"a": "accepted interrupted"},
    ),
    (
        "a lost Stop, whose own comes after all",
        ["pasted a", "accept a 1", "wait 5", "pasted b", "accept b 2", "stop 1 A", "stop 2 B"],
        "idle",
        {"a": "accepted interrupted done “A”", "b": "accepted done “B”"},
    ),
    (
        "a StopFailure that comes when the next turn runs",
        ["pasted a", "accept a 1", "wait 5", "pasted b", "accept b 2", "fail 1 529", "stop 2 B"],
        "idle",
        {"a": "accepted interrupted", "b": "accepted done “B”"},
    ),
    (
        "a turn whose Stop and the next one's receipt were lost",
        ["pasted a", "accept a 1", "stop 2 x"],
        "idle",
        {"a": "accepted interrupted"},
    ),
    (
        "an old Stop is kept, for it is a reply",
        ["pasted a", "accept a 1", "old stop 1 hello"],
        "idle",
        {"a": "accepted done “hello”"},
    ),
    ("an old question moves nothing", ["pasted a", "accept a 1", "old ask ls"], "working", {"a": "accepted"}),
    ("an old start moves nothing", ["pasted a", "accept a 1", "old up clear"], "working", {"a": "accepted"}),
    ("an old end moves nothing", ["pasted a", "accept a 1", "old end other"], "working", {"a": "accepted"}),
    (
        "an old sign of life moves nothing",
        ["pasted a", "accept a 1", "ask ls", "old tool ls"],
        "blocked",
        {"a": "accepted"},
    ),
    ("an old prompt of a person moves nothing", ["accept words 1", "stop 1 x", "old accept words 0"], "idle", {}),
    # Queued inside of Claude Code.
    (
        "queued behind a person's turn; its own Stop has an id that nobody announced",
        ["accept words 1", "pasted a", "accept a 1", "stop 1 x", "stop 2 hello"],
        "idle",
        {"a": "accepted done “hello”"},
    ),
    (
        "queued, and its turn runs",
        ["accept words 1", "pasted a", "accept a 1", "stop 1 x"],
        "working",
        {"a": "accepted"},
    ),
    (
        "queued behind a turn that a Stop hook of the user's sends on",
        ["accept words 1", "pasted a", "accept a 1", "stop 1 x", "stop 1 xx", "stop 2 hello"],
        "idle",
        {"a": "accepted done “hello”"},
    ),
    (
        "joined: one Stop for both, and then quiet",
        ["accept words 1", "pasted a", "accept a 1", "stop 1 both", "quiet"],
        "idle",
        {"a": "accepted done “both” shared"},
    ),
    (
        "Esc in the running turn begins what was queued at once",
        ["accept words 1", "pasted a", "accept a 1", "stop 2 hello"],
        "idle",
        {"a": "accepted done “hello”"},
    ),
    (
        "Esc while it was queued, and again in its own turn",
        ["accept words 1", "pasted a", "accept a 1", "quiet"],
        "idle",
        {"a": "accepted interrupted"},
    ),
    (
        "Esc while it was queued puts it back into the box",
        ["accept words 1", "pasted a", "accept a 1", "stop 1 x", "in-box a"],
        "idle",
        {"a": "accepted interrupted"},
    ),
    (
        "the turn before it fails",
        ["accept words 1", "pasted a", "accept a 1", "fail 1 529", "stop 2 hello"],
        "idle",
        {"a": "accepted done “hello”"},
    ),
    (
        "2.1.197: queued texts become one turn, ours first",
        ["accept words 1", "stop 1 x", "pasted a", "accept a 2", "wait 0.01", "accept more 3", "stop 3 both"],
        "idle",
        {"a": "accepted done “both” shared"},
    ),
    (
        "2.1.197: queued texts become one turn, a person's first",
        ["pasted a", "accept words 2", "wait 0.01", "accept a 3", "stop 3 both"],
        "idle",
        {"a": "accepted done “both” shared"},
    ),
    # Persons.
    ("a person's turn is no task's", ["pasted a", "accept words 1", "stop 1 x"], "idle", {"a": ""}),
    ("a person works", ["accept words 1"], "working", {}),
    (
        "a person's turn, then ours",
        ["accept words 1", "stop 1 x", "pasted a", "accept a 2", "stop 2 hello"],
        "idle",
        {"a": "accepted done “hello”"},
    ),
    (
        "a person types into a task's turn",
        ["pasted a", "accept a 1", "accept and quickly 1", "stop 1 hello"],
        "idle",
        {"a": "accepted done “hello”"},
    ),
    (
        "a person's draft came along",
        ["pasted a", "accept a+ 1", "stop 1 hello"],
        "idle",
        {"a": "accepted done “hello” altered"},
    ),
    ("a part of it is missing", ["pasted a", "accept a- 1", "stop 1 x"], "idle", {"a": "unknown"}),
    (
        "a person goes on with what was interrupted, and somebody waits on",
        ["pasted a", "accept a 1", "quiet", "adopt a", "accept go on 2", "stop 2 hello"],
        "idle",
        {"a": "accepted interrupted done “hello”"},
    ),
    (
        "nobody waits on",
        ["pasted a", "accept a 1", "quiet", "accept go on 2", "stop 2 hello"],
        "idle",
        {"a": "accepted interrupted"},
    ),
    (
        "what an agent says in another task's turn is not adopted",
        ["pasted a", "accept a 1", "quiet", "adopt a", "pasted b", "accept b 2", "stop 2 B"],
        "idle",
        {"a": "accepted interrupted", "b": "accepted done “B”"},
    ),
    # Background work.
    ("parked", ["pasted a", "accept a 1", ("stop", "1", "so far", ["b1"])], "parked", {"a": "accepted parked"}),
    (
        "parked and unparked",
        ["pasted a", "accept a 1", ("stop", "1", "so far", ["b1"]), "accept own 2", "stop 2 done"],
        "idle",
        {"a": "accepted parked done “done”"},
    ),
    (
        "parked, and one of two is left",
        ["pasted a", "accept a 1", ("stop", "1", "x", ["b1", "b2"]), "accept own 2", ("stop", "2", "y", ["b2"])],
        "parked",
        {"a": "accepted parked"},
    ),
    (
        "a Stop hook of the user's sends a parked turn on",
        ["pasted a", "accept a 1", ("stop", "1", "x", ["b1"]), ("stop", "1", "y", ["b1"])],
        "parked",
        {"a": "accepted parked"},
    ),
    (
        "another task while one is parked",
        [
            *("pasted a", "accept a 1", ("stop", "1", "so far", ["b1"])),
            *("pasted b", "accept b 2", ("stop", "2", "B", ["b1"])),
            *("accept own 3", "stop 3 A"),
        ],
        "idle",
        {"a": "accepted parked done “A”", "b": "accepted done “B”"},
    ),
    (
        "a dev server that a person began parks no task",
        [
            *("accept words 1", ("stop", "1", "x", ["server"])),
            *("pasted a", "accept a 2", ("stop", "2", "hello", ["server"])),
        ],
        "idle",
        {"a": "accepted done “hello”"},
    ),
    (
        "a dev server that one task began parks it, and not the next one",
        [
            *("pasted a", "accept a 1", ("stop", "1", "started", ["server"])),
            *("pasted b", "accept b 2", ("stop", "2", "B", ["server"])),
        ],
        "parked",
        {"a": "accepted parked", "b": "accepted done “B”"},
    ),
    (
        "two tasks with background work, the first one's ends first",
        [
            *("pasted a", "accept a 1", ("stop", "1", "A so far", ["b1"])),
            *("pasted b", "accept b 2", ("stop", "2", "B so far", ["b1", "b2"])),
            *("accept own b1 3", ("stop", "3", "A", ["b2"])),
            *("accept own b2 4", "stop 4 B"),
        ],
        "idle",
        {"a": "accepted parked done “A”", "b": "accepted parked done “B”"},
    ),
    (
        "two tasks with background work, the second one's ends first",
        [
            *("pasted a", "accept a 1", ("stop", "1", "A so far", ["b1"])),
            *("pasted b", "accept b 2", ("stop", "2", "B so far", ["b1", "b2"])),
            *("accept own b2 3", ("stop", "3", "B", ["b1"])),
        ],
        "parked",
        {"a": "accepted parked", "b": "accepted parked done “B”"},
    ),
    (
        "two tasks with background work, and one turn tells of both",
        [
            *("pasted a", "accept a 1", ("stop", "1", "A so far", ["b1"])),
            *("pasted b", "accept b 2", ("stop", "2", "B so far", ["b1", "b2"])),
            *("accept own b1 b2 3", "stop 3 both"),
        ],
        "idle",
        {"a": "accepted parked done “both” shared", "b": "accepted parked done “both”"},
    ),
    (
        "the turn that tells of two tasks' work is interrupted, and a later one tells of a third's",
        [
            *("pasted a", "accept a 1", ("stop", "1", "A so far", ["b1"])),
            *("pasted b", "accept b 2", ("stop", "2", "B so far", ["b1", "b2"])),
            *("pasted c", "accept c 3", ("stop", "3", "C so far", ["b1", "b2", "b3"])),
            *("accept own b2 b1 4", "quiet", "accept own b3 5", "stop 5 C", "unpark a", "unpark b"),
        ],
        "idle",
        {
            "a": "accepted parked done “A so far”",
            "b": "accepted parked interrupted",
            "c": "accepted parked done “C”",
        },
    ),
    (
        "two tasks with background work, and a turn in between begins more of it",
        [
            *("pasted a", "accept a 1", ("stop", "1", "A so far", ["b1"])),
            *("pasted b", "accept b 2", ("stop", "2", "B so far", ["b1", "b2"])),
            *("accept own b1 3", ("stop", "3", "more", ["b2", "b3"])),
            *("accept own b2 4", ("stop", "4", "B", ["b3"]), "accept own b3 5", "stop 5 A"),
        ],
        "idle",
        {"a": "accepted parked done “A”", "b": "accepted parked done “B”"},
    ),
    (
        "two tasks with background work that end within other turns",
        [
            *("pasted a", "accept a 1", ("stop", "1", "A so far", ["b1"])),
            *("pasted b", "accept b 2", ("stop", "2", "B so far", ["b1", "b2"])),
            *("accept words 3", ("stop", "3", "x", ["b2"]), "unpark b", "unpark a"),
        ],
        "parked",
        {"a": "accepted parked done “A so far”", "b": "accepted parked"},
    ),
    (
        "a usage limit while another task is parked",
        [
            *("pasted a", "accept a 1", ("stop", "1", "A so far", ["b1"])),
            *("pasted b", "accept b 2", "limit 2", "accept reset 3", ("stop", "3", "B", ["b1"])),
            *("accept own b1 4", "stop 4 A"),
        ],
        "idle",
        {"a": "accepted parked done “A”", "b": "accepted parked accepted done “B”"},
    ),
    (
        "what a person began in the background ends while a task is parked",
        [
            *("accept words 1", ("stop", "1", "x", ["p1"])),
            *("pasted a", "accept a 2", ("stop", "2", "A so far", ["p1", "b1"])),
            *("accept own p1 3", ("stop", "3", "not A", ["b1"])),
            *("accept own b1 4", "stop 4 A"),
        ],
        "idle",
        {"a": "accepted parked done “A”"},
    ),
    (
        "two are parked and their window is gone",
        [
            *("pasted a", "accept a 1", ("stop", "1", "A so far", ["b1"])),
            *("pasted b", "accept b 2", ("stop", "2", "B so far", ["b1", "b2"]), "gone"),
        ],
        "offline",
        {"a": "accepted parked failed", "b": "accepted parked failed"},
    ),
    ("its own turn, of which no task knows", ["accept own 1", "stop 1 x"], "idle", {}),
    (
        "Esc in the turn that went on by itself",
        ["pasted a", "accept a 1", ("stop", "1", "so far", ["b1"]), "accept own 2", "quiet"],
        "idle",
        {"a": "accepted parked interrupted"},
    ),
    # Ends that are none, and others.
    (
        "a Stop hook of the user's sends the turn on",
        ["pasted a", "accept a 1", "stop 1 x", "stop 1 y"],
        "idle",
        {"a": "accepted done “y”"},
    ),
    (
        "a Stop hook of the user's sends the turn on, and the session is seen busy",
        ["pasted a", "accept a 1", "stop 1 x", "busy", "stop 1 y"],
        "idle",
        {"a": "accepted done “y”"},
    ),
    (
        "a second Stop after the next turn has begun",
        ["pasted a", "accept a 1", "stop 1 x", "pasted b", "accept b 2", "stop 1 y", "stop 2 B"],
        "idle",
        {"a": "accepted done “y”", "b": "accepted done “B”"},
    ),
    ("an API error", ["pasted a", "accept a 1", "fail 1 API Error: 529"], "idle", {"a": "accepted failed"}),
    ("an API error in a person's turn", ["pasted a", "accept words 1", "fail 1 529"], "idle", {"a": ""}),
    (
        "an API error of which the receipt was lost",
        ["pasted a", "transcript a", "fail 1 529"],
        "idle",
        {"a": "accepted failed"},
    ),
    ("Esc", ["pasted a", "accept a 1", "quiet"], "idle", {"a": "accepted interrupted"}),
    (
        "a reply after Esc all the same",
        ["pasted a", "accept a 1", "quiet", "stop 1 hello"],
        "idle",
        {"a": "accepted interrupted done “hello”"},
    ),
    ("/clear", ["pasted a", "accept a 1", "end clear", "up clear s2"], "idle", {"a": "accepted interrupted"}),
    ("/exit", ["pasted a", "accept a 1", "end prompt_input_exit"], "offline", {"a": "accepted failed"}),
    ("the end of a former session", ["pasted a", "accept a 1", "end other s0"], "working", {"a": "accepted"}),
    ("its window is gone", ["pasted a", "accept a 1", "gone"], "offline", {"a": "accepted failed"}),
    ("its window is gone before the receipt", ["pasted a", "gone"], "offline", {"a": ""}),
    (
        "its window is gone with one queued",
        ["accept words 1", "pasted a", "accept a 1", "gone"],
        "offline",
        {"a": "accepted failed"},
    ),
    (
        "its window is gone with one parked",
        ["pasted a", "accept a 1", ("stop", "1", "so far", ["b1"]), "gone"],
        "offline",
        {"a": "accepted parked failed"},
    ),
    (
        "a compaction in the middle of a turn frees nobody",
        ["pasted a", "accept a 1", "up compact"],
        "working",
        {"a": "accepted"},
    ),
    (
        "nor one that waits for a person",
        ["pasted a", "accept a 1", "ask ls", "up compact"],
        "blocked",
        {"a": "accepted"},
    ),
    (
        "and its Stop comes",
        ["pasted a", "accept a 1", "up compact", "stop 1 hello"],
        "idle",
        {"a": "accepted done “hello”"},
    ),
    ("a fork is not this agent", ["pasted a", "up fork s9", "accept a 1"], "working", {"a": "accepted"}),
    # Subagents.
    ("a subagent's Stop ends nothing", ["pasted a", "accept a 1", "sub stop 1 x"], "working", {"a": "accepted"}),
    ("a subagent's failure ends nothing", ["pasted a", "accept a 1", "sub fail 1 x"], "working", {"a": "accepted"}),
    (
        "a subagent's tool frees nobody",
        ["pasted a", "accept a 1", "ask ls", "sub tool ls"],
        "blocked",
        {"a": "accepted"},
    ),
    ("a subagent's question blocks", ["pasted a", "accept a 1", "sub ask ls"], "blocked", {"a": "accepted"}),
    # A usage limit.
    ("a usage limit parks its task", ["pasted a", "accept a 1", "limit 1"], "parked", {"a": "accepted parked"}),
    (
        "and its continuation is the reply",
        ["pasted a", "accept a 1", "limit 1", "notice quota_auto_resume_fired x", "accept reset 2", "stop 2 hello"],
        "idle",
        {"a": "accepted parked accepted done “hello”"},
    ),
    (
        "and stops at the next limit, and continues",
        ["pasted a", "accept a 1", "limit 1", "accept reset 2", "limit 2", "accept reset 3", "stop 3 hello"],
        "idle",
        {"a": "accepted parked accepted parked accepted done “hello”"},
    ),
    (
        "and a person's turn meanwhile fails too",
        ["pasted a", "accept a 1", "limit 1", "accept words 2", "limit 2"],
        "parked",
        {"a": "accepted parked"},
    ),
    (
        "and is waited for no longer",
        ["pasted a", "accept a 1", "limit 1", "notice quota_auto_resume_disabled x"],
        "idle",
        {"a": "accepted parked failed"},
    ),
    (
        "and waits on where the machine slept over the reset",
        ["pasted a", "accept a 1", "limit 1", "notice quota_auto_resume_stale x", "accept reset 2", "stop 2 hello"],
        "idle",
        {"a": "accepted parked accepted done “hello”"},
    ),
    (
        "and is gone with its agent",
        ["pasted a", "accept a 1", "limit 1", "gone"],
        "offline",
        {"a": "accepted parked failed"},
    ),
    (
        "and with its conversation",
        ["pasted a", "accept a 1", "limit 1", "end clear", "up clear s2"],
        "idle",
        {"a": "accepted parked interrupted"},
    ),
    # What is told beside the turns.
    ("a denial ends nothing", ["pasted a", "accept a 1", "notice denied Bash: x"], "working", {"a": "accepted"}),
    ("nor a Notification of any kind", ["pasted a", "accept a 1", "notice odd x"], "working", {"a": "accepted"}),
    # Questions.
    ("a permission is asked", ["pasted a", "accept a 1", "ask ls"], "blocked", {"a": "accepted"}),
    ("and given", ["pasted a", "accept a 1", "ask ls", "tool ls"], "working", {"a": "accepted"}),
    ("and given, as seen from outside", ["pasted a", "accept a 1", "ask ls", "busy"], "working", {"a": "accepted"}),
    ("and another tool ends meanwhile", ["pasted a", "accept a 1", "ask ls", "tool cat"], "blocked", {"a": "accepted"}),
    ("and denied", ["pasted a", "accept a 1", "ask ls", "quiet"], "idle", {"a": "accepted interrupted"}),
    ("and its turn ends", ["pasted a", "accept a 1", "ask ls", "stop 1 hello"], "idle", {"a": "accepted done “hello”"}),
    ("a notification alone blocks", ["pasted a", "accept a 1", "ask"], "blocked", {"a": "accepted"}),
    ("a dialog on its screen", ["pasted a", "dialog"], "blocked", {"a": ""}),
    ("and the box again", ["pasted a", "dialog", "dialog", "box"], "idle", {"a": ""}),
]


@pytest.mark.parametrize(
    ("steps", "state", "known"), [case[1:] for case in HISTORIES], ids=[case[0] for case in HISTORIES]
)
def test_a_history_leads_to_what_must_be_known(
    history: History, steps: list[str | tuple[Any, ...]], state: str, known: dict[str, str]
) -> None:
    for step in steps:
        history.play(step)
    assert (history.now()["status"], {name: history.known(name) for name in history.ids}) == (state, known)


# Until its usage limit has reset, nothing is delivered to an agent.
FREE = [case for case in HISTORIES if case[2] in ("idle", "parked") and "limit" not in str(case[1][-1])]


@pytest.mark.parametrize("steps", [case[1] for case in FREE], ids=[case[0] for case in FREE])
def test_after_any_history_the_next_task_has_its_own_reply(
    history: History, steps: list[str | tuple[Any, ...]]
) -> None:
    for step in steps:
        history.play(step)
    before = {name: history.known(name) for name in history.ids if "parked" not in history.known(name).split()[-1:]}
    history.play("wait 10")
    for step in ("pasted z", "accept z 99", "stop 99 its own"):
        history.play(step)
    assert history.known("z") == "accepted done “its own”"
    assert {name: history.known(name) for name in before} == before
    assert (history.now()["delivering"], history.now()["turn"], history.now()["queued"]) == (None, None, [])


def test_what_a_person_typed_into_a_tasks_turn_is_noted_on_it(history: History) -> None:
    for step in ("pasted a", "accept a 1", "accept and quickly 1"):
        history.play(step)
    assert tasks.read(history.ids["a"])["notes"] == ["a person typed into its turn: and quickly"]


def test_what_auto_mode_denied_is_noted_on_the_task_and_remembered(history: History) -> None:
    for step in ("pasted a", "accept a 1", "notice denied no rm: too much", "sub notice denied no cp: too far"):
        history.play(step)
    noted = ["no rm: too much", "no cp: too far"]
    assert tasks.read(history.ids["a"])["notes"] == noted
    assert [event["why"] for event in status.read_events(history.agent)][-2:] == noted
    for kind in (*NOTICES, "of_a_later_release"):
        history.play(f"notice {kind} words")
    said = [
        line["message"] for line in map(json.loads, Path(layout.home(), "log/flowloom.jsonl").read_text().splitlines())
    ]
    assert said == ["a notice of a kind that is not known: of_a_later_release"]


def test_the_notification_does_not_replace_the_question_it_repeats(history: History) -> None:
    for step in ("accept words 1", "ask ls", "ask"):
        history.play(step)
    question = history.now()["question"]
    assert question is not None
    assert (question["text"], history.now()["why"]) == ("Bash: ls", "blocked on permission: Bash: ls")


def test_the_same_dialog_seen_again_is_no_event(history: History) -> None:
    history.play("dialog")
    seq = history.now()["seq"]
    history.play("dialog")
    assert history.now()["seq"] == seq


def test_what_an_agent_said_before_an_api_error_is_kept(history: History) -> None:
    for step in ("pasted a", "accept a 1", "fail 1 half an answer"):
        history.play(step)
    assert Path(layout.task_dir(history.ids["a"]), "partial.md").read_text() == "half an answer"
    assert tasks.read(history.ids["a"])["error"] == "its program reported: the API failed"


def test_a_parked_tasks_message_so_far_can_be_taken(history: History) -> None:
    for step in ("pasted a", "accept a 1", ("stop", "1", "so far", ["b1"])):
        history.play(step)
    assert tasks.provisional_of(history.ids["a"]) == b"so far"
    assert history.now()["parked"] == {"task": history.ids["a"], "before": [], "ids": ["b1"]}


def test_a_start_notes_the_session_and_waits_for_the_box(history: History) -> None:
    for step in ("gone", "up startup s7"):
        history.play(step)
    now = history.now()
    assert (now["status"], now["session_id"], now["up"]) == (State.STARTING, "s7", True)
    history.play("box")
    assert history.now()["status"] is State.IDLE


def test_a_cleared_conversation_has_another_session(history: History) -> None:
    for step in ("end clear", "up clear s2"):
        history.play(step)
    assert (history.now()["session_id"], history.now()["status"]) == ("s2", State.IDLE)


def test_a_conversation_is_there_to_be_resumed_until_it_is_cleared_and_again_when_a_person_goes_back(
    history: History,
) -> None:
    found = []
    for step in ("pasted a", "accept a 1", "stop 1 A", "end clear", "up clear s2", "up resume"):
        history.play(step)
        found.append(history.now()["conversation"])
    assert found == [False, True, True, True, False, True]


def test_a_transcript_is_followed_where_claude_code_moves_it(history: History) -> None:
    history.play("pasted a")
    history.hear("accept", prompt=history.text("a"), prompt_id="1", transcript="/elsewhere/s1.jsonl")
    assert history.now()["transcript"] == "/elsewhere/s1.jsonl"
    history.hear("stop", prompt_id="1", message="A", transcript="/yet/elsewhere/s1.jsonl")
    assert history.now()["transcript"] == "/yet/elsewhere/s1.jsonl"
    for more in ({"session_id": "s9"}, {"at_ns": 1}, {"transcript": ""}):
        history.hear("stop", **{"prompt_id": "1", "message": "A", "transcript": "/not/this.jsonl", **more})
    assert history.now()["transcript"] == "/yet/elsewhere/s1.jsonl"


def test_each_end_that_nobody_asked_for_counts_once(history: History) -> None:
    def deaths() -> int:
        return len(history.now()["deaths"])

    history.play("end prompt_input_exit")
    assert (history.now()["status"], deaths()) == (State.OFFLINE, 0)
    history.play("end other")  # heard once more
    assert deaths() == 0
    status.apply(history.agent, history.now(), Event.SPAWN, why="started", source="spawn")
    history.play("gone")
    history.play("end other")
    assert deaths() == 1
    status.apply(history.agent, history.now(), Event.SPAWN, why="started", source="spawn")
    history.play("end other")
    assert deaths() == 2


def test_what_a_program_says_after_it_was_stopped_starts_nobody(history: History) -> None:
    history.play("end other")
    history.hear("up", source="started", session_id=SESSION, pid=77)
    assert history.now()["status"] is State.OFFLINE


def test_what_a_fork_reports_moves_nothing(history: History) -> None:
    history.play("up fork s9")
    for event in ("accept", "stop", "end"):
        history.hear(event, session_id="s9", prompt="x", prompt_id="1", message="x", reason="other")
    assert (history.now()["status"], history.now()["session_id"]) == (State.IDLE, SESSION)


def test_a_session_that_starts_beside_the_living_one_is_not_this_agents(history: History) -> None:
    history.hear("up", source="started", session_id="s8", transcript="/none/s8.jsonl")
    history.hear("stop", session_id="s8", prompt_id="1", message="x")
    now = history.now()
    assert (now["session_id"], now["transcript"], now["foreign"]) == (
        SESSION,
        f"{layout.agent_dir(history.agent)}/transcript",
        ["s8"],
    )


def test_a_session_that_its_program_has_moved_is_followed_in_the_middle_of_its_turn(history: History) -> None:
    for step in ("pasted a", "accept a 1", "up fork s9"):
        history.play(step)
    report: protocol.Report = {"event": "stop", "session_id": "s9", "transcript": "/t/s9.jsonl", "message": "A"}
    report.update({"at_ns": history.at_ns + 1, "at": history.now_s})
    # Another one that was moved, or none: only what the agent's own program says counts.
    for said, known in (("", "accepted"), ("s7", "accepted"), ("s9", "accepted done “A”")):
        history.apply(report, said)
        assert history.known("a") == known
    now = history.now()
    assert (now["session_id"], now["transcript"], now["foreign"]) == ("s9", "/t/s9.jsonl", [])


def test_a_text_that_quotes_another_tasks_frame_is_that_tasks_receipt_only_when_it_waits(history: History) -> None:
    for step in ("pasted a", "accept a 1", "stop 1 A"):
        history.play(step)
    quoted = history.text("a")
    history.pasted("b")
    history.hear("accept", prompt=f"{quoted}\n{history.text('b')}", prompt_id="2")
    history.play("stop 2 B")
    assert [history.known("a"), history.known("b")] == ["accepted done “A”", "accepted done “B” altered"]


def test_a_task_of_another_agent_is_not_taken(history: History) -> None:
    history.pasted("a")
    task = tasks.read(history.ids["a"])
    task.update({"agent_id": "coding@site", "agent": {"project": "site", "name": "coding"}})
    tasks.write(task)
    history.play("accept a 1")
    assert history.known("a") == ""


def test_a_damaged_task_does_not_stop_its_agent(history: History) -> None:
    for step in ("pasted a", "accept a 1"):
        history.play(step)
    Path(layout.task_dir(history.ids["a"]), "task.json").write_text("{")
    history.play("stop 1 hello")
    assert history.now()["status"] is State.IDLE
