"""Whose turn it is, and how it ends, on the real Claude Code: Esc, questions, people, hooks, background work."""

from __future__ import annotations

import json
import os
import shutil
import threading

import pytest
from tests.support.desk import ASKS, NOTICED_S, Desk, background, half
from tests.support.messages_api import Call, Say

pytestmark = [pytest.mark.claude, pytest.mark.timeout(120)]

GATE = "until [ -e gate ]; do sleep 0.1; done"
RUNS = f"echo x >runs; {GATE}"
RULE = "─" * 60
PORT = {
    "question": "Which port?",
    "header": "Port",
    "multiSelect": False,
    "options": [{"label": "8080", "description": "a"}, {"label": "9090", "description": "b"}],
}


# Esc.


def interrupted(ended: tuple[int, str, str]) -> bool:
    code, out, err = ended
    return (code, out) == (1, "") and "interrupted in its window (Esc)" in err and "flowloom attach planning" in err


def test_esc_before_a_reply_ends_the_task_and_our_text_in_the_box_is_no_draft(desk: Desk) -> None:
    desk.api.on("silence", Say("never said", hold=threading.Event()))
    asked = desk.ask("silence\nin two lines")
    desk.until_asked("silence")
    desk.world.keys("Escape")
    assert interrupted(asked.ends_within(NOTICED_S))
    desk.world.until(lambda: asked.task_id in (desk.box() or ""), "our text is back in the box")
    assert "say this next" in desk.reply("say this next")
    assert (desk.world.task()["altered"], desk.drafts(), desk.box()) == (False, "", "")
    assert not any(asked.task_id in text for text in desk.texts())


def test_esc_in_the_middle_of_a_reply_ends_the_task_and_the_next_one_works(desk: Desk) -> None:
    desk.hold("half then esc")
    asked = desk.ask("half then esc")
    desk.until_seen(half("half then esc"))
    desk.world.keys("Escape")
    assert interrupted(asked.ends_within(NOTICED_S))
    assert "after the half" in desk.reply("after the half")
    assert not desk.world.task()["altered"]


def test_esc_during_a_tool_call_ends_the_task_and_the_next_one_works(desk: Desk) -> None:
    desk.api.on("a long command", Call("Bash", {"command": RUNS, "description": "wait"}), Say("never said"))
    asked = desk.ask("a long command")
    asked.until("accepted")
    desk.until_tool()
    desk.world.keys("Escape")
    assert interrupted(asked.ends_within(NOTICED_S))
    assert "after the command" in desk.reply("after the command")


# Questions.


def test_a_permission_question_blocks_and_its_answer_brings_the_reply(desk: Desk) -> None:
    desk.api.on("allow me", Call("Bash", {"command": "touch allowed", "description": "x"}), Say("it is made"))
    asked = desk.ask("allow me")
    desk.until_seen("Do you want to proceed?")
    # The window may be seen first; its hook tells which call it is.
    desk.world.until(lambda: (desk.world.status()["question"] or {}).get("call"), "its hook has told of the question")
    waited = desk.world.flowloom("wait", asked.task_id, "--timeout", "0.5")
    assert (waited.returncode, waited.stdout) == (3, b"")
    assert b"blocked on permission: Bash: touch allowed" in waited.stderr
    assert desk.world.status()["status"] == "blocked"
    desk.answer("1", "Do you want to proceed?")
    code, out, err = asked.end()
    assert (code, out) == (0, "it is made")
    assert "planning@site is blocked on permission: Bash: touch allowed; answer with: flowloom attach planning" in err
    assert (desk.world.project / "allowed").exists()


def test_a_timeout_while_blocked_exits_3_and_a_denial_is_an_interruption(desk: Desk) -> None:
    desk.api.on("deny me", Call("Bash", {"command": "touch denied", "description": "x"}), Say("never said"))
    asked = desk.ask("deny me", "--timeout", "5")
    code, out, err = asked.end()
    assert (code, out) == (3, "")
    assert "blocked on permission: Bash: touch denied" in err
    assert f"flowloom wait {asked.task_id}" in err
    desk.answer("Escape", "Do you want to proceed?")
    done = desk.world.flowloom("wait", asked.task_id, limit_s=NOTICED_S + 1)
    assert interrupted((done.returncode, done.stdout.decode(), done.stderr.decode()))
    assert not (desk.world.project / "denied").exists()
    assert "after the denial" in desk.reply("after the denial")


@pytest.mark.parametrize("answer", ["1", "Escape"])
def test_a_question_of_the_model_blocks_until_it_is_answered_or_left(desk: Desk, answer: str) -> None:
    desk.api.on(f"ask me {answer}", Call("AskUserQuestion", {"questions": [PORT]}), Say("a port it is"))
    asked = desk.ask(f"ask me {answer}")
    desk.answer(answer, "Enter to select")
    ended = asked.ends_within(NOTICED_S)
    assert "blocked on question: Which port?" in ended[2]
    assert ended[:2] == (0, "a port it is") if answer == "1" else interrupted(ended)


# The conversation.


def test_clear_between_tasks_begins_a_conversation_and_the_agent_takes_the_next(desk: Desk) -> None:
    desk.reply("remember the number 4711")
    before = desk.world.status()["session_id"]
    desk.type("/clear", enter=True)
    desk.world.until(lambda: desk.world.status()["session_id"] != before, "a new session")
    desk.reply("which number was it?")
    assert not any("4711" in text for text in desk.texts())


def test_a_compaction_between_tasks_delays_the_next_one_only(desk: Desk) -> None:
    desk.reply("something to compact")
    desk.type("/compact", enter=True)
    assert "right behind the compaction" in desk.reply("right behind the compaction")
    assert desk.world.steps() == ["created", "typed", "pasted", "accepted", "done"]


@pytest.mark.parametrize("command", ["/compact", "/clear"])
def test_a_command_that_a_person_queues_in_mid_task_frees_nobody(desk: Desk, command: str) -> None:
    rest = desk.hold(f"long {command}")
    asked = desk.ask(f"long {command}")
    desk.until_seen(half(f"long {command}"))
    desk.type(command, enter=True)
    desk.until_box("Press up to edit queued messages")
    assert desk.world.status()["status"] == "working"
    rest.set()
    assert asked.end()[:2] == (0, half(f"long {command}") + "\n and the rest")
    assert f"after the {command}" in desk.reply(f"after the {command}")


# Background work.


def test_a_background_shell_parks_the_task_until_it_ends(desk: Desk) -> None:
    desk.api.on("in the background", background(GATE), Say("begun"), Say("it has ended"))
    desk.api.on("<task-notification>", Say("it has ended"))
    asked = desk.ask("in the background")
    asked.until("parked")
    desk.world.until_status("parked")
    now = desk.world.flowloom("reply", asked.task_id, "--now")
    assert (now.returncode, now.stdout) == (0, b"begun")
    assert b"provisional" in now.stderr
    (desk.world.project / "gate").touch()
    assert asked.end()[:2] == (0, "it has ended")
    assert asked.steps() == ["created", "typed", "pasted", "accepted", "parked", "done"]


def test_two_tasks_with_background_work_each_get_the_reply_to_its_end(desk: Desk) -> None:
    asked = {}
    for name in ("first", "second"):
        gate = background(f"echo {name} is over; until [ -e {name} ]; do sleep 0.1; done")
        # The newer release tells its model of the end within the same messages.
        desk.api.on(f"begin the {name}", gate, Say(f"{name} begun"), Say("one is over"), Say("the other one is over"))
        asked[name] = desk.ask(f"begin the {name}")
        asked[name].until("parked")
    desk.api.on("<task-notification>", Say("one is over"))
    (desk.world.project / "first").touch()
    assert asked["first"].end()[:2] == (0, "one is over")
    assert asked["second"].task()["status"] == "parked"
    now = desk.world.flowloom("reply", asked["second"].task_id, "--now")
    assert now.stdout == b"second begun"
    desk.api.on("<task-notification>", Say("the other one is over"))
    (desk.world.project / "second").touch()
    assert asked["second"].end()[:2] == (0, "the other one is over")
    desk.world.until_status("idle")
    assert (desk.world.status()["parked"], desk.world.status()["also_parked"]) == (None, [])


# A person in the window.


def test_a_task_waits_for_the_end_of_a_persons_turn(desk: Desk) -> None:
    rest = desk.hold("a personal question")
    desk.type("a personal question", enter=True)
    desk.until_seen(half("a personal question"))
    asked = desk.ask("a task meanwhile")
    desk.world.until(lambda: desk.world.status()["why"] == "a person gave it something to do")
    desk.world.flowloom("wait", asked.task_id, "--timeout", "0.3")
    assert asked.steps() == ["created"]
    rest.set()
    code, out, _ = asked.end()
    assert code == 0
    assert "a task meanwhile" in out
    assert half("a personal question") not in out


def test_a_person_who_submits_as_we_paste_is_never_joined_to_our_text(desk: Desk) -> None:
    asked = desk.ask("our text")
    # As fast as can be: whether it stands in the box before, between or behind our keys is left to chance.
    desk.world.keys("-l", "and theirs")
    desk.world.keys("Enter")
    code, out, err = asked.end()
    assert code == 0, (err, desk.world.describe())
    assert "our text" in out
    # An Enter right behind typed text is now and then lost: then it stands there as a draft, or, where it stood there
    # among our text, it is kept.
    if "and theirs" not in desk.drafts():
        desk.press("Enter", lambda: any("and theirs" in text for text in desk.texts()))
    joined = [text for text in desk.texts() if "our text" in text and "and theirs" in text]
    # Where the keys came between our paste and our Enter, it is said.
    assert bool(joined) == ("something was typed in its window" in err) == bool(asked.task()["altered"])


def test_words_typed_between_our_look_and_our_paste_are_kept_and_the_task_is_delivered(
    desk: Desk, release: str
) -> None:
    claude = desk.world
    desk.until_box("")
    folder, once = claude.folder / "bin", claude.folder / "once"
    folder.mkdir()
    once.touch()
    tmux = f"{shutil.which('tmux')} -L {claude.socket}"
    (folder / "tmux").write_text(
        f'#!/bin/sh\ncase " $* " in *" paste-buffer "*) if [ -e {once} ]; then rm {once}\n'
        f"{tmux} send-keys -t {claude.pane()} -l 'and their words'; fi;; esac\nexec {shutil.which('tmux')} \"$@\"\n"
    )
    (folder / "tmux").chmod(0o755)
    done = claude.flowloom("ask", "planning", "a text with company", env={"PATH": f"{folder}:{os.environ['PATH']}"})
    assert (done.returncode, "a text with company" in done.stdout.decode()) == (0, True), (done, claude.describe())
    task, told = claude.task(), done.stderr.decode()
    assert not once.exists()
    if release == "2.1.197":
        # Enter comes once our text is seen in the box, alone: nothing but ours was submitted.
        assert not any("and their words" in text for text in desk.texts())
        assert "and their words" in desk.drafts()
        assert f"a person typed into its text in the box: {claude.agent_dir()}/drafts.txt" in task["notes"]
    else:
        # A program without a processor can take the Enter before our paste: their words are then a turn of their own.
        alone = any("and their words" in text and "a text with company" not in text for text in desk.texts())
        altered = (task["altered"], "something was typed in its window" in told)
        assert altered == (not alone, not alone), (task, told)
        assert desk.drafts() == ("" if alone else "and their words\n")
    assert sum("a text with company" in text for text in desk.texts()) == 1
    assert desk.box() == ""


def test_what_a_person_types_into_our_turn_does_not_end_it(desk: Desk, release: str) -> None:
    rest = desk.hold("a talkative task")
    asked = desk.ask("a talkative task")
    desk.until_seen(half("a talkative task"))
    desk.type("a side remark", enter=True)
    desk.until_box("Press up to edit queued messages")
    rest.set()
    assert asked.end()[:2] == (0, half("a talkative task") + "\n and the rest")
    # Only the newer release tells of it while the turn runs.
    noted = ["a person typed into its turn: a side remark"] if release != "2.1.197" else []
    assert asked.task()["notes"] == noted
    desk.until_asked("a side remark")
    assert "after the remark" in desk.reply("after the remark")


def test_what_a_person_types_into_our_tool_call_joins_our_turn(desk: Desk) -> None:
    desk.api.on("a slow tool", Call("Bash", {"command": RUNS, "description": "wait"}), Say("both done"))
    desk.api.on("a remark on it", Say("both done"))
    asked = desk.ask("a slow tool")
    asked.until("accepted")
    desk.until_tool()
    desk.type("a remark on it", enter=True)
    desk.until_box("Press up to edit queued messages")
    (desk.world.project / "gate").touch()
    assert asked.end()[:2] == (0, "both done")
    assert "after both" in desk.reply("after both")


def test_a_draft_is_put_aside_and_stands_there_again(desk: Desk) -> None:
    desk.type("a draft of a person's")
    assert "beside a draft" in desk.reply("beside a draft")
    desk.until_box("a draft of a person's")
    assert (desk.world.task()["altered"], desk.drafts()) == (False, "a draft of a person's\n")
    assert not any("a draft of a person's" in text for text in desk.texts())
    (desk.world.agent_dir() / "drafts.txt").unlink()


WAYS: dict[str, tuple[list[str], str, str]] = {
    # what a person types and presses, what only that shows, what stands in the box afterwards
    "slash menu": (["/comp"], "/compact  ", "/comp"),
    "rewind": (["Escape", "Escape"], "Restore the code", ""),
    "transcript": (["C-o"], "Showing detailed transcript", ""),
    "history search": (["C-r"], "search prompts", ""),
    "shortcuts": (["?"], "for shell mode", ""),
    "model list": (["/model", "Enter"], "Select model", ""),
    "empty shell mode": (["!"], "! for shell mode", ""),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_person_left_open_is_left_and_the_task_arrives_whole(desk: Desk, way: str) -> None:
    keys, shown, left = WAYS[way]
    desk.reply("something to go back to")
    desk.until_box("")
    desk.open(keys, shown)
    assert f"past the {way}" in desk.reply(f"past the {way}")
    assert not desk.world.task()["altered"]
    desk.until_box(left)
    (desk.world.agent_dir() / "drafts.txt").unlink(missing_ok=True)


def test_what_a_person_types_into_a_view_is_kept_before_it_is_closed(desk: Desk) -> None:
    desk.type("/add-dir", enter=True)
    desk.until_seen("Directory path")
    desk.world.tmux("send-keys", "-t", desk.world.pane(), "-l", "some/folder")
    desk.until_seen("some/folder")
    assert "past a field" in desk.reply("past a field")
    assert desk.drafts() == "some/folder\n"
    (desk.world.agent_dir() / "drafts.txt").unlink()


def test_a_draft_in_shell_mode_is_neither_run_nor_in_the_way(desk: Desk) -> None:
    desk.world.keys("!")
    desk.until_seen("! for shell mode")
    desk.type("touch ran")
    assert "past a shell draft" in desk.reply("past a shell draft")
    assert (desk.drafts(), (desk.world.project / "ran").exists()) == ("!touch ran\n", False)
    (desk.world.agent_dir() / "drafts.txt").unlink()


@pytest.mark.newest
def test_copy_mode_is_left_before_a_task_goes_in(desk: Desk) -> None:
    desk.world.tmux("copy-mode", "-t", desk.world.pane())
    assert "past copy-mode" in desk.reply("past copy-mode")


LIKE_SCREENS = {
    "a spinner": "Tests… (42 passed in 12s)",
    "a spinner, and more": "Waiting for CI… (it took 4m 10s)\n\nAll green.",
    "dialogs and boxes": f"Do you want to proceed?\n ❯ 1. Yes\n   2. No\n\n```\n{RULE}\n❯\xa0x\n{RULE}\n```\n",
}


def test_a_reply_or_a_status_line_that_looks_like_a_screen_holds_up_nobody(desk: Desk) -> None:
    line = desk.world.home / "line"
    line.write_text(f"main | 2 stashed esc to interrupt\n❯ 1. main\nDo you want to proceed?\n{RULE}\n❯\xa0x\n{RULE}\n")
    shows = {"type": "command", "command": f"cat {line}"}
    desk.world.user_settings(permissions=ASKS, statusLine=shows)
    for name, reply in LIKE_SCREENS.items():
        desk.api.on(f"say what looks like {name}", Say(reply))
        assert desk.ask(f"say what looks like {name}").end()[:2] == (0, reply.strip())
        desk.until_seen("2 stashed")
        assert desk.ask(f"and then, after {name}").end()[0] == 0
    desk.type("a draft beside a stash in the status line")
    assert "beside it" in desk.reply("beside it")
    desk.until_box("a draft beside a stash in the status line")
    desk.world.user_settings(permissions=ASKS)
    (desk.world.agent_dir() / "drafts.txt").unlink()


@pytest.mark.parametrize("command", ["/model", "/btw what is it"])
def test_what_a_person_opens_while_a_task_runs_is_closed_for_the_next_one(desk: Desk, command: str) -> None:
    go_on = desk.hold(f"during {command}")
    asked = desk.ask(f"during {command}")
    desk.until_seen(half(f"during {command}"))
    desk.type(command)
    desk.world.keys("Enter")
    desk.world.until(lambda: command not in (desk.box() or ""), "it was taken")
    go_on.set()
    assert asked.end()[0] == 0
    assert f"past {command}" in desk.reply(f"past {command}")
    assert not desk.world.task()["altered"]


@pytest.mark.newest
def test_a_draft_that_holds_a_text_of_ours_is_kept_before_anything_is_cleared(desk: Desk) -> None:
    desk.reply("to be recalled")
    task_id = desk.world.task()["task_id"]
    for draft in (f"see [end of task {task_id}]", "[flowloom task zzzz from chief] Please do"):
        desk.type(draft)
        assert "past a quoted frame" in desk.reply("past a quoted frame")
        desk.until_box(draft)
        assert desk.drafts() == f"{draft}\n"
        desk.world.keys("C-c")
        desk.until_box("")
        (desk.world.agent_dir() / "drafts.txt").unlink()


def test_a_recalled_task_with_a_persons_words_is_a_draft(desk: Desk) -> None:
    desk.reply("to be recalled")
    desk.world.keys("Up")
    desk.world.until(lambda: "to be recalled" in (desk.box() or ""), "the prompt is back in the box")
    desk.type("and my own words")
    assert "past the recalled one" in desk.reply("past the recalled one")
    assert "to be recalled" in desk.drafts()
    assert "and my own words" in desk.drafts()
    desk.world.until(lambda: "and my own words" in (desk.box() or ""), "the draft stands there again")
    (desk.world.agent_dir() / "drafts.txt").unlink()


# Replies, and several askers.


@pytest.mark.newest
@pytest.mark.last
def test_a_reply_comes_whole_whatever_its_size_and_whatever_it_quotes(desk: Desk) -> None:
    big = "".join(f"{number:07d} äöü\n" for number in range(60_000)).rstrip()
    quoting = "[flowloom task abcd from chief] Please do it.\n[end of task abcd]"
    desk.api.on("say much", Say(big))
    desk.api.on("quote a frame", Say(quoting))
    assert desk.reply("say much") == big
    assert desk.reply("quote a frame") == quoting


@pytest.mark.newest
def test_five_askers_are_served_in_their_order(desk: Desk) -> None:
    rest = threading.Event()
    desk.api.on("asker 0", Say("answered asker 0", hold=rest))
    askers = []
    for number in range(5):
        askers.append(desk.ask(f"asker {number}"))
        if number == 0:
            askers[0].until("accepted")
    rest.set()
    ended = [asker.end() for asker in askers]
    assert [(code, f"asker {number}" in out) for number, (code, out, _) in enumerate(ended)] == [(0, True)] * 5
    accepted = [next(e["at"] for e in asker.task()["journal"] if e["step"] == "accepted") for asker in askers]
    assert accepted == sorted(accepted)
    assert json.dumps(desk.texts()).count("asker 4") == 1
