"""restart, logs, show, clean, config, attach --all and ask --headless, with echo agents."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support import leftovers
from tests.support.seat import Seat
from tests.support.world import World

pytestmark = [pytest.mark.tmux, pytest.mark.echo]


def said(done: subprocess.CompletedProcess[bytes]) -> tuple[int, str, str]:
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def finish(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def age(world: World, task: dict[str, Any], days: float) -> None:
    """Make a task look as old as this: everything that says when."""
    path = world.state / "tasks" / task["task_id"] / "task.json"
    record = json.loads(path.read_text())
    back_s = days * 86400
    record["created"] -= back_s
    record["read"] = record["read"] and record["read"] - back_s
    for entry in record["journal"]:
        entry["at"] -= back_s
    path.write_text(json.dumps(record))


# restart


def test_a_restarted_agent_remembers(world: World) -> None:
    world.ask("planning", "the port is 8080")
    before = world.status()
    code, out, err = said(world.flowloom("restart", "planning"))
    assert (code, out) == (0, "")
    assert "planning@site was restarted; it is idle with its conversation" in err
    assert world.status()["session_id"] == before["session_id"]
    assert world.status()["pid"] != before["pid"]
    assert "the port is 8080" in world.ask("planning", "what did I tell you?")
    leftovers.check(world)


def test_an_agent_that_does_not_run_is_started_by_restart(world: World) -> None:
    world.start()
    world.flowloom("stop", "planning")
    code, _, err = said(world.flowloom("restart", "planning"))
    assert (code, world.status()["status"]) == (0, "idle")
    assert "was not running; it is idle with an empty conversation" in err


def test_restart_refuses_while_a_task_runs_and_names_it(world: World) -> None:
    world.flowloom("ask", "planning", "echo: hold go", "--no-wait")
    world.until_status("working")
    pid = world.status()["pid"]
    code, _, err = said(world.flowloom("restart", "planning"))
    assert code == 1
    assert f"planning@site is not free: it is working on task {world.task()['task_id']}" in err
    assert "--wait" in err
    assert "--force" in err
    assert (world.status()["pid"], world.task()["status"]) == (pid, "accepted")
    (world.project / "go").touch()
    world.until_step("done")


def test_restart_waits_for_its_turn_and_loses_no_task(world: World) -> None:
    world.flowloom("ask", "planning", "echo: hold go\necho: say first", "--no-wait")
    world.until_status("working")
    world.flowloom("ask", "planning", "echo: say second", "--no-wait")
    pid = world.status()["pid"]
    going = world.begin("restart", "planning", "--wait")
    world.until(lambda: [path for path in (world.agent_dir() / "line").iterdir() if "restart" in path.name])
    third = world.begin("ask", "planning", "echo: say third")
    (world.project / "go").touch()
    _, err = going.communicate(timeout=30)
    out, _ = third.communicate(timeout=30)
    assert going.returncode == 0, err
    assert out == b"third"
    assert [task["status"] for task in world.tasks()] == ["done"] * 3
    assert world.status()["pid"] != pid
    events = [json.loads(line) for line in (world.agent_dir() / "events.jsonl").read_text().splitlines()]
    last = max(number for number, event in enumerate(events) if event["event"] == "spawn")
    assert [event["task"] for event in events[last:] if event["event"] == "accept"] == [world.task(2)["task_id"]]


def test_restart_by_force_says_what_became_of_the_task(world: World) -> None:
    world.flowloom("ask", "planning", "echo: hold go", "--no-wait")
    world.until_status("working")
    world.flowloom("ask", "planning", "echo: say second", "--no-wait")
    first, second = (task["task_id"] for task in world.tasks())
    code, _, err = said(world.flowloom("restart", "planning", "--force"))
    assert code == 0, err
    assert f"task {first} failed: the agent is gone" in err
    assert f"still in line for planning: {second}" in err
    world.until_step("done")
    assert world.flowloom("reply", second).stdout == b"second"


def test_several_agents_are_stopped_and_restarted_by_one_command(world: World) -> None:
    world.start()
    world.start("review")
    code, _, err = said(world.flowloom("stop", "planning", "coding", "review"))
    assert (code, err.splitlines()[0]) == (2, "flowloom: coding@site is not started yet")
    assert [world.status(name)["status"] for name in ("planning", "review")] == ["idle", "idle"], "all or none"
    code, _, err = said(world.flowloom("restart", "planning", "review", "planning"))
    assert (code, [line.split()[:3] for line in err.splitlines()]) == (
        0,
        [["planning@site", "was", "restarted;"], ["review@site", "was", "restarted;"]],
    )
    code, _, err = said(world.flowloom("stop", "review", "planning"))
    assert (code, err.splitlines()) == (0, ["stopped review@site", "stopped planning@site"])


def test_several_tasks_are_cancelled_and_one_that_ended_does_not_keep_the_others(world: World) -> None:
    world.ask("planning", "hello")
    done = world.task()["task_id"]
    for prompt in ("echo: work 60", "and this"):
        world.flowloom("ask", "planning", prompt, "--no-wait")
    world.until_step("accepted", -2)
    ids = [task["task_id"] for task in world.tasks() if task["task_id"] != done]
    code, _, err = said(world.flowloom("cancel", done, *reversed(ids)))
    assert (code, f"task {done} has already ended (done)" in err) == (2, True), err
    assert {task["status"] for task in world.tasks() if task["task_id"] in ids} == {"cancelled"}


def test_a_task_of_which_nothing_is_said_yet_has_no_reply_so_far(world: World) -> None:
    world.flowloom("ask", "planning", "echo: work 60", "--no-wait")
    world.until_step("accepted")
    task_id = world.task()["task_id"]
    code, out, err = said(world.flowloom("reply", task_id, "--now"))
    assert (code, out, err.splitlines()[0]) == (
        1,
        "",
        f"flowloom: planning@site has said nothing yet for task {task_id} (accepted)",
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("attach", "coding"), "coding@site is not started yet"),
        (("logs", "coding"), "coding@site is not started yet"),
        (("stop", "coding"), "coding@site is not started yet"),
        (("restart", "coding"), "coding@site is not started yet"),
        (("tasks", "coding"), "coding@site is not started yet"),
        (("tasks", "plannin"), "there is no agent plannin@site\n  did you mean planning?"),
    ],
)
def test_a_role_that_was_never_started_is_told_from_a_name_of_nobody(
    world: World, words: tuple[str, ...], text: str
) -> None:
    world.start()
    code, _, err = said(world.flowloom(*words))
    assert (code, text in err) == (2, True), err


def test_a_start_of_an_agent_that_runs_says_so(world: World) -> None:
    assert "planning@site is idle" in said(world.flowloom("start", "planning"))[2]
    assert "planning@site was running already; it is idle" in said(world.flowloom("start", "planning"))[2]


def test_two_restarts_at_once_are_one(world: World) -> None:
    world.flowloom("ask", "planning", "echo: hold go", "--no-wait")
    world.until_status("working")
    going = world.begin("restart", "planning", "--wait")
    world.until(lambda: [path for path in (world.agent_dir() / "line").iterdir() if "restart" in path.name])
    code, _, err = said(world.flowloom("restart", "planning", "--wait"))
    assert (code, "is already being restarted" in err) == (2, True)
    (world.project / "go").touch()
    assert finish(going)[0] == 0


# logs


def test_the_agents_and_the_tasks_have_a_line_each_whatever_their_names_and_words(world: World) -> None:
    name = "a-name-that-takes-all-of-the-40-columns"
    world.start(name)
    world.ask(name, "日本語のテキスト" * 20)
    piped = world.flowloom("agents").stdout.decode().splitlines()
    assert [line.split()[0] for line in piped] == ["AGENT", f"{name}@site"]
    assert piped[1].rstrip().endswith("its turn ended")
    # Below the agents stand the roles that were never started.
    for command, rows in (("agents", 3), ("tasks", 2)):
        seat = Seat(world, "sh", "-c", f"{sys.executable} -m flowloom {command}; echo over; exec cat", columns=80)
        lines = seat.shows("over").partition("over")[0].splitlines()
        assert (command, len(lines)) == (command, rows), lines


def test_logs_tell_event_states_task_and_why(world: World) -> None:
    world.ask("planning", "hello")
    task_id = world.task()["task_id"]
    code, out, err = said(world.flowloom("logs", "planning"))
    lines = [" ".join(line.split()[1:]) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert f"accept idle → working {task_id} working on task {task_id}" in lines
    assert lines[:2] == ["EVENT STATUS TASK WHY", "spawn offline → starting - started"]
    assert said(world.flowloom("logs", "planning", "-n", "1"))[1].splitlines()[1:] == out.splitlines()[-1:]
    as_json = world.flowloom("logs", "planning", "--json", "-n", "1000").stdout.decode()
    assert as_json == (world.agent_dir() / "events.jsonl").read_text()


def test_logs_that_follow_tell_at_once_and_end_with_ctrl_c(world: World, tmp_path: Path) -> None:
    world.start()
    path = tmp_path / "out"
    with path.open("wb") as out:
        going = world.begin("logs", "planning", "-f", "-n", "0", stdout=out)
    world.until(lambda: list((world.agent_dir() / "wake").iterdir()), "it listens")
    world.ask("planning", "hello")
    world.until(lambda: "stop" in path.read_text())
    assert [line.split()[1] for line in path.read_text().splitlines()] == ["EVENT", "accept", "stop"]
    going.send_signal(signal.SIGINT)
    assert finish(going)[0] == 130
    leftovers.check(world)


def test_logs_of_nobody_is_a_usage_error(world: World) -> None:
    assert world.flowloom("logs", "planning").returncode == 2


# show


def test_show_tells_all_of_a_task(world: World) -> None:
    world.ask("planning", "the prompt\nof two lines\necho: say # a reply")
    task = world.task()
    code, out, err = said(world.flowloom("show", task["task_id"]))
    assert (code, err) == (0, "")
    assert out.startswith(f"task {task['task_id']} for planning@site: done\nasked by shell at ")
    for words in (
        "  the prompt\n  of two lines\n",
        "  # a reply",
        f"{task['task_id']}/prompt.md",
        "/reply.md",
        "accepted",
    ):
        assert words in out, out


def test_show_as_json_and_of_a_task_without_a_reply(world: World) -> None:
    world.flowloom("ask", "planning", "echo: fail rate_limit")
    task_id = world.task()["task_id"]
    shown = json.loads(world.flowloom("show", task_id, "--json").stdout)
    assert (shown["task"]["status"], shown["reply_kind"], shown["reply_begins"], shown["prompt_begins"]) == (
        "failed",
        "partial",
        "API Error: rate_limit",
        "echo: fail rate_limit",
    )
    assert "error: its program reported" in said(world.flowloom("show", task_id))[1]
    assert world.flowloom("show", "zzzz").returncode == 2


def test_show_reads_nothing_for_the_asker_and_cuts_what_is_long(world: World) -> None:
    world.flowloom("ask", "planning", "echo: big 50000", "--no-wait")
    world.until_step("done")
    code, out, _ = said(world.flowloom("show", world.task()["task_id"]))
    assert (code, "reply (50000 bytes" in out, "unread" in out, len(out) < 3000) == (0, True, True, True)
    assert world.task()["read"] is None


def test_a_text_cannot_move_the_cursor_of_who_is_shown_it(world: World) -> None:
    world.ask("planning", "echo: say a\x1b[2Jb")
    assert "\x1b" not in said(world.flowloom("show", world.task()["task_id"]))[1]


# clean


def test_clean_without_an_age_only_shows_sizes(world: World) -> None:
    world.ask("planning", "hello")
    age(world, world.task(), 400)
    code, out, err = said(world.flowloom("clean"))
    assert (code, out, len(world.tasks())) == (0, "", 1)
    assert err.startswith("tasks ")
    assert "nothing was removed" in err


def test_clean_removes_what_is_old_and_keeps_what_is_of_use(world: World) -> None:
    world.ask("planning", "old and read")
    world.flowloom("ask", "planning", "old and unread", "--no-wait")
    world.until(lambda: world.task()["status"] == "done")
    world.ask("planning", "the last one, which the agent still speaks of")
    world.flowloom("ask", "coding", "echo: hold go", "--no-wait")
    world.until_status("working", "coding")
    world.ask("planning", "recent")
    world.ask("planning", "recent too")
    for task in world.tasks()[:4]:
        age(world, task, 40)
    old = [world.task(0)["task_id"], world.task(2)["task_id"]]
    broken = world.state / "tasks" / "abcd"
    broken.mkdir()
    (broken / "task.json").write_text("{")
    ids = [path.name for path in (world.state / "tasks").iterdir()]

    code, out, err = said(world.flowloom("clean", "--older-than", "30d", "--dry-run"))
    assert code == 0
    assert {line.split()[0] for line in out.splitlines()[1:]} == set(old)
    assert "2 tasks to remove" in err
    assert "kept: 1 in use, 1 recent, 1 unfinished, 1 unread, 1 unreadable" in err, err
    assert {path.name for path in (world.state / "tasks").iterdir()} == set(ids)

    code, _, err = said(world.flowloom("clean", "--older-than", "30d"))
    assert (code, "no terminal to confirm on" in err) == (2, True)
    assert world.flowloom("clean", "--older-than", "30d", "--yes").returncode == 0
    assert {path.name for path in (world.state / "tasks").iterdir()} == set(ids) - set(old)
    assert not (world.state / "removed").exists()
    (broken / "task.json").unlink()
    # Its prompt again is a new task, not a reply that is gone.
    assert "old and read" in world.ask("planning", "old and read")
    (world.project / "go").touch()
    world.until(lambda: all(task["status"] == "done" for task in world.tasks()))


def test_clean_removes_old_drafts_old_caches_and_scripts_that_never_ran(world: World) -> None:
    (world.project / "flowloom.toml").write_text('reply = "plain"\n')
    assert world.flowloom("config").returncode == 0
    (cache,) = (world.state / "cache" / "settings").iterdir()
    stale = cache.with_name("0" * 32 + ".json")
    made = [world.state / folder / name for folder in ("parallel", "windows") for name in ("old", "new")]
    for path in (*made, stale):
        path.parent.mkdir(exist_ok=True)
        path.write_text("secret")
    outside = world.folder / "outside"
    outside.write_text("theirs")
    (made[0].parent / "link").symlink_to(outside)
    long_ago = time.time() - 40 * 86400
    for path in (made[0], made[2], stale, outside):
        os.utime(path, (long_ago, long_ago))

    # Without an age, nothing of a person's is removed.
    code, _, err = said(world.flowloom("clean"))
    assert (code, "removed 2 unused files: " in err) == (0, True), err
    assert [path.exists() for path in (*made, cache, stale)] == [True, True, False, True, True, False]
    code, out, _ = said(world.flowloom("clean", "--older-than", "30d", "--dry-run"))
    assert (code, "1 draft passed to another Claude Code" in out) == (0, True), out
    # However short the age: a draft that was just written is read when its window opens.
    code, _, err = said(world.flowloom("clean", "--older-than", "0m", "--yes"))
    assert (code, [path.exists() for path in made]) == (0, [False, True, False, True]), err
    assert outside.read_text() == "theirs"


def test_the_task_of_an_agents_last_turn_stays(world: World) -> None:
    world.ask("planning", "hello")
    age(world, world.task(), 40)
    code, out, err = said(world.flowloom("clean", "--older-than", "30d", "--yes"))
    assert (code, [line for line in out.splitlines() if line.startswith("task")]) == (0, [])
    assert "1 in use" in err
    assert len(world.tasks()) == 1


def test_old_events_go_and_later_ones_stay_in_order(world: World) -> None:
    world.ask("planning", "hello")
    path = world.agent_dir() / "events.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for event in lines[:2]:
        event["at"] -= 40 * 86400
    path.write_text("".join(json.dumps(event) + "\n" for event in lines))
    assert world.flowloom("clean", "--older-than", "30d", "--yes").returncode == 0
    assert [json.loads(line) for line in path.read_text().splitlines()] == lines[2:]
    world.ask("planning", "again")
    seqs = [json.loads(line)["seq"] for line in path.read_text().splitlines()]
    assert seqs == sorted(seqs)


def test_keep_days_stands_for_an_age_and_a_person_is_asked(world: World) -> None:
    world.ask("planning", "old")
    world.ask("planning", "new")
    age(world, world.task(0), 40)
    world.user_config("keep_days = 30\n")
    seat = Seat(world, sys.executable, "-m", "flowloom", "clean", columns=120, socket=f"{world.socket}-seat")
    try:
        seat.shows("Remove them permanently? [y/N]")
        assert len(world.tasks()) == 2
        seat.type("y")
        seat.press("Enter")
        seat.shows("removed")
    finally:
        seat.tmux("kill-server")
    assert [task["prompt_bytes"] for task in world.tasks()] == [3]


@pytest.mark.parametrize("text", ["30", "30 days", "-1d", "1.5h", "", "d", "9999999d"])
def test_an_age_that_is_none_is_refused(world: World, text: str) -> None:
    code, _, err = said(world.flowloom("clean", "--older-than", text, "--yes"))
    assert (code, err.startswith("flowloom: ") and "is not a duration" in err) == (2, True)


# config


def test_config_says_who_chose_each_setting(world: World) -> None:
    user = world.home / ".config" / "flowloom" / "config.toml"
    world.user_config('reply = "plain"\ntimeout_s = 5\n[agents.planning]\nrole = "review"\nprompt = "a"\n')
    project = world.project / "flowloom.toml"
    project.write_text('timeout_s = 9\nsession = "x#(id)"\n[agents.planning]\nprompt = "b"\n')
    document = json.loads(world.flowloom("config", "--json").stdout)
    chosen = {each["key"]: (each["value"], each["source"], each["place"]) for each in document["settings"]}
    assert chosen["reply"] == ("plain", "user", str(user))
    assert chosen["timeout_s"] == (5.0, "user", str(user))
    assert chosen["provider"] == ("echo", "environment", "FLOWLOOM_PROVIDER")
    assert chosen["park_s"] == (120.0, "default", "")
    assert chosen["agents.planning.role"] == ("review", "user", str(user))
    assert chosen["agents.planning.prompt"] == ("a", "user", str(user))
    assert [(each["key"], each["value"]) for each in document["ignored"]] == [
        ("session", "x#(id)"),
        ("timeout_s", 9.0),
        ("agents.planning.prompt", "b"),
    ]
    assert document["trusted_by"] is None
    assert said(world.flowloom("trust", "--yes"))[0] == 0
    document = json.loads(world.flowloom("config", "--json").stdout)
    chosen = {each["key"]: (each["value"], each["source"], each["place"]) for each in document["settings"]}
    assert chosen["agents.planning.prompt"] == ("b", "project", str(project))
    assert chosen["session"] == ("Claude", "default", "")
    assert (document["trusted_by"], [each["key"] for each in document["ignored"]]) == ("flowloom trust", ["session"])
    text = world.flowloom("config").stdout.decode()
    assert "This project's file is trusted (by flowloom trust)." in text
    assert '"x#(id)"' in text.partition("IGNORED")[2]
    assert f"project  {project}" in text
    assert "does not exist" not in text.partition(str(world.state))[0]
    assert world.flowloom("config", "--path").stdout.decode().splitlines() == [str(user), str(project)]


def test_config_names_an_unknown_key(world: World) -> None:
    (world.project / "flowloom.toml").write_text("keep_day = 3\n")
    code, _, err = said(world.flowloom("config"))
    assert (code, "unknown key 'keep_day'; did you mean 'keep_days'?" in err) == (2, True)


# attach --all


def sessions(world: World) -> list[str]:
    return world.tmux("list-sessions", "-F", "#{session_name}").split()


def agent_windows(world: World) -> dict[str, str]:
    lines = world.tmux(
        "list-windows", "-t", "=Claude:", "-F", "#{window_name} #{window_id} #{window_width}x#{window_height}"
    )
    return dict(line.split(" ", 1) for line in lines.splitlines())


@pytest.fixture
def staff(world: World) -> World:
    for name in ("planning", "coding", "review"):
        world.start(name)
    return world


def view(world: World, *words: str, columns: int = 200, rows: int = 50) -> Seat:
    command = [sys.executable, "-m", "flowloom", "attach", "--all", *words]
    seat = Seat(world, *command, columns=columns, rows=rows, socket=f"{world.socket}-seat")
    for name in ("coding", "planning", "review"):
        seat.shows(f" {name}@site ")
    world.until(lambda: seat.screen().count("echo · ready") == 3, "all tiles are drawn")
    return seat


@pytest.mark.parametrize(("columns", "rows"), [(200, 50), (80, 24)])
def test_every_agent_is_seen_and_typed_to_and_nothing_is_left_or_resized(staff: World, columns: int, rows: int) -> None:
    before = agent_windows(staff)
    seat = view(staff, columns=columns, rows=rows)
    try:
        assert agent_windows(staff) == before
        assert staff.ask("coding", "echo: say while watched") == "while watched"
        seat.shows("while watched")
        seat.type("typed in a tile")  # the first tile is coding's
        seat.press("Enter")
        seat.shows("echo heard: typed in a tile")
        seat.press("C-b", "d")
        seat.world.until(lambda: sessions(staff) == ["Claude"], "the view and its tiles are gone")
        assert agent_windows(staff) == before
    finally:
        seat.tmux("kill-server")
    leftovers.check(staff)


def test_a_tile_shows_the_newest_lines_also_where_the_cursor_is_hidden(staff: World) -> None:
    for name in ("planning", "coding", "review"):
        staff.ask(name, "echo: say " + "\\n".join(f"line {number}" for number in range(60)))
        # As Claude Code does: tmux then shows the top of a window that is larger than its client.
        tty = staff.tmux("display-message", "-p", "-t", f"=Claude:{name}", "#{pane_tty}").strip()
        Path(tty).write_text("\x1b[?25l")
    seat = view(staff, columns=80, rows=24)  # which waits for the footer below the box of each
    try:
        assert seat.screen().count("line 59") == 3
    finally:
        seat.tmux("kill-server")


def test_a_view_of_several_pages_says_so(staff: World) -> None:
    seat = Seat(
        staff,
        *(sys.executable, "-m", "flowloom", "attach", "--all", "--read-only"),
        columns=76,
        rows=12,
        socket=f"{staff.socket}-seat",
    )
    try:
        line = seat.shows("page 1/2").splitlines()[-1]
        assert " read-only " in line
        seat.press("C-b", "n")
        seat.shows("page 2/2")
    finally:
        seat.tmux("kill-server")


def test_attach_shows_a_window_and_prefix_d_brings_back(staff: World) -> None:
    before = agent_windows(staff)
    seat = Seat(
        staff,
        *(sys.executable, "-m", "flowloom", "attach", "planning"),
        columns=100,
        rows=20,
        socket=f"{staff.socket}-seat",
    )
    try:
        seat.shows("C-b d: back to your shell")
        seat.press("C-b", "d")
        staff.until(lambda: not seat.alive(), "it has ended")
        # tmux closes the terminal first and collects the exit code next; now and then only when another child ends.
        ended = ("run-shell", "-b", "true", ";", "display-message", "-p", "-t", seat.session, "#{pane_dead_status}")
        staff.until(lambda: seat.tmux(*ended) == "0\n", "it has ended with 0")
        assert agent_windows(staff) == before
        assert sessions(staff) == ["Claude"]
    finally:
        seat.tmux("kill-server")


def test_a_viewer_whose_terminal_is_gone_leaves_nothing(staff: World) -> None:
    before = agent_windows(staff)
    view(staff).tmux("kill-server")
    staff.until(lambda: sessions(staff) == ["Claude"], "the view and its tiles are gone")
    assert agent_windows(staff) == before
    leftovers.check(staff)


def test_the_tile_of_an_agent_that_stops_closes(staff: World) -> None:
    seat = view(staff)
    try:
        assert staff.flowloom("stop", "planning").returncode == 0
        staff.until(lambda: "planning@site" not in seat.screen(), "its tile is gone")
        assert "coding@site" in seat.screen()
        # Where a window is at home is told as before, although it is linked elsewhere.
        rows = json.loads(staff.flowloom("agents", "--json").stdout)["agents"]
        assert [row["status"] for row in rows] == ["idle", "offline", "idle"]
    finally:
        seat.tmux("kill-server")


def test_a_read_only_view_types_to_nobody(staff: World) -> None:
    seat = view(staff, "--read-only")
    try:
        seat.type("typed in a tile")
        assert staff.ask("coding", "echo: say a draft would have been stashed") == "a draft would have been stashed"
        assert "typed in a tile" not in staff.screen("coding")
    finally:
        seat.tmux("kill-server")


def test_a_view_from_inside_the_same_server_ends_when_it_is_left(staff: World) -> None:
    outer = Seat(
        staff,
        "tmux",
        "-L",
        staff.socket,
        "attach",
        "-t",
        "=Claude",
        columns=120,
        rows=40,
        socket=f"{staff.socket}-seat",
    )
    try:
        command = f"{sys.executable} -m flowloom attach --all"
        sets = [word for name, value in staff.environment.items() for word in ("-e", f"{name}={value}")]
        staff.tmux("new-window", "-t", "=Claude:", "-n", "shell", "-c", str(staff.project), *sets, "sh")
        outer.shows("shell")
        outer.type(command)
        outer.press("Enter")
        outer.shows(" review@site ")
        outer.shows("C-b d: back")
        outer.press("C-b")
        outer.press("d")
        staff.until(lambda: sessions(staff) == ["Claude"], "the view and its tiles are gone")
        # The person's own client was never detached.
        outer.type("echo still here")
        outer.shows("echo still here")
    finally:
        outer.tmux("kill-server")


@pytest.mark.parametrize("words", [("planning",), ("--all",)])
def test_attach_without_a_terminal_says_what_it_needs(staff: World, words: tuple[str, ...]) -> None:
    code, out, err = said(staff.flowloom("attach", *words))
    assert (code, out, "attach needs a terminal" in err) == (2, "", True), err


def test_without_an_agent_there_is_nothing_to_attach_to(world: World) -> None:
    assert said(world.flowloom("attach", "--all"))[0] == 2
    assert said(world.flowloom("attach"))[0] == 2


# ask --headless


def headless(world: World, *words: str, stdin: str | bytes = b"", **more: Any) -> tuple[int, str, str]:
    given = stdin.encode() if isinstance(stdin, str) else stdin
    return said(world.flowloom("ask", "--headless", *words, stdin=given, **more))


def test_a_headless_task_has_record_marker_and_reply_and_needs_no_tmux(world: World, tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    assert headless(world, "hello", "there", env={"PATH": str(bare)})[0] == 2  # hello is no agent
    assert headless(world, "hello there", env={"PATH": str(bare)}) == (0, "echo heard: hello there", "")
    task = world.task()
    assert (task["agent_id"], task["status"], world.steps()) == (
        "headless@site",
        "done",
        ["created", "typed", "accepted", "done"],
    )
    folder = world.state / "tasks" / task["task_id"]
    assert sorted(path.name for path in folder.iterdir()) == [".done", "lock", "prompt.md", "reply.md", "task.json"]
    assert world.flowloom("reply", task["task_id"]).stdout == b"echo heard: hello there"
    assert json.loads(world.flowloom("agents", "--json").stdout)["agents"] == []
    leftovers.check(world)


@pytest.mark.parametrize(
    ("words", "stdin", "agent_id", "reply"),
    [
        (["planning", "hello"], "", "planning@site", "echo heard: hello"),
        (["planning"], "hello", "planning@site", "echo heard: hello"),
        (["planning", "-"], "hello", "planning@site", "echo heard: hello"),
        (["-"], "hello", "headless@site", "echo heard: hello"),
        (["two words"], "", "headless@site", "echo heard: two words"),
        (["Hello"], "", "headless@site", "echo heard: Hello"),
    ],
)
def test_the_name_may_be_left_out(world: World, words: list[str], stdin: str, agent_id: str, reply: str) -> None:
    assert headless(world, *words, stdin=stdin)[:2] == (0, reply)
    assert world.task()["agent_id"] == agent_id


def test_a_running_agent_is_not_disturbed_by_a_headless_task_of_its_name(world: World) -> None:
    world.flowloom("ask", "planning", "echo: hold go", "--no-wait")
    world.until_status("working")
    assert headless(world, "planning", "hello")[:2] == (0, "echo heard: hello")
    assert world.status()["status"] == "working"
    (world.project / "go").touch()
    world.until(lambda: world.task(0)["status"] == "done")


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("echo: fail rate_limit", "API Error: rate_limit"),
        ("echo: die", "echo: died on request"),
    ],
)
def test_an_error_of_the_program_is_exit_1_with_its_message(world: World, prompt: str, message: str) -> None:
    code, out, err = headless(world, "-", stdin=prompt)
    assert (code, out) == (1, "")
    assert message in err
    assert (world.task()["status"], world.task()["error"]) == ("failed", message)
    code, out, _ = headless(world, "-", "--json", stdin=prompt)
    assert (code, json.loads(out)["task"]["error"], json.loads(out)["text"]) == (1, message, None)


def test_what_was_refused_is_told(world: World) -> None:
    code, out, err = headless(world, "-", stdin="echo: ask Bash rm -r build\necho: say as far as I could")
    assert (code, out) == (0, "as far as I could")
    assert "refused, because a headless run cannot ask you: Bash: rm -r build" in err


def test_a_prompt_and_a_reply_of_1_mb_arrive_byte_for_byte(world: World) -> None:
    code, out, err = headless(world, "-", stdin=b"x" * 1_000_000 + b"\n")
    assert (code, len(out)) == (0, 1_000_012), err
    assert len(headless(world, "-", stdin="echo: big 1000000")[1]) == 1_000_000


def test_what_a_terminal_would_change_reaches_the_program_as_it_is(world: World) -> None:
    for prompt in ("/first !second \\", "!first", "a\tb \x07\x1b[201~ c", "é\u2028d"):
        assert headless(world, "-", stdin=prompt)[:2] == (0, f"echo heard: {prompt}")
    assert headless(world, "-", stdin=b"\xff\xfe")[0] == 0
    assert (world.state / "tasks" / world.task()["task_id"] / "prompt.md").read_bytes() == b"\xff\xfe"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_command_without_an_output_does_its_work(world: World, closed: str) -> None:
    done = world.run("sh", "-c", f"'{sys.executable}' -m flowloom start planning {closed}")
    assert (done.returncode, done.stdout, b"Traceback" in done.stderr) == (0, b"", False), done
    assert world.status()["status"] == "idle"
    done = world.run("sh", "-c", f"'{sys.executable}' -m flowloom agents {closed}")
    assert done.returncode == 0, done


def family(world: World) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("FLOWLOOM_HOME") == str(world.state) and "echo/agent" in " ".join(
                process.cmdline()
            ):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def test_a_timeout_ends_the_program_and_fails_the_task(world: World) -> None:
    begin = time.monotonic()
    code, out, err = headless(world, "-", "--timeout", "0.5", stdin="echo: work 60")
    assert (code, out, world.task()["status"]) == (124, "", "failed")
    assert "was stopped" in err
    assert time.monotonic() - begin < 30
    assert family(world) == []
    leftovers.check(world)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_program_and_cancels_the_task(world: World, number: int, code: int) -> None:
    going = world.begin("ask", "--headless", "echo: work 60")
    world.until_step("accepted")
    world.until(lambda: family(world))
    # The handlers stand as soon as the wait begins, which is at once but not before the journal.
    world.until(lambda: _caught(going.pid, number), "it listens")
    going.send_signal(number)
    assert (finish(going)[0], world.task()["status"]) == (code, "cancelled")
    assert family(world) == []
    leftovers.check(world)


def _caught(pid: int, number: int) -> bool:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            caught = int(line.split()[1], 16)
            return bool(caught >> (number - 1) & 1) and bool(caught >> (signal.SIGCHLD - 1) & 1)
    return False


def test_a_killed_asker_loses_no_reply(world: World) -> None:
    going = world.begin("ask", "--headless", "echo: hold go\necho: say after all")
    world.until_step("accepted")
    going.kill()
    finish(going)
    task_id = world.task()["task_id"]
    waiting = world.begin("wait", task_id)
    (world.project / "go").touch()
    assert waiting.communicate(timeout=15)[0] == b"after all"
    leftovers.check(world)


def test_a_program_that_was_killed_with_its_asker_is_found_out(world: World) -> None:
    going = world.begin("ask", "--headless", "echo: hold go")
    world.until_step("accepted")
    for process in [*world.until(lambda: family(world)), psutil.Process(going.pid)]:
        process.kill()
    finish(going)
    task_id = world.task()["task_id"]
    code, _, err = said(world.flowloom("wait", task_id))
    assert (code, world.task()["status"], "printed no reply" in err) == (1, "failed", True)


def test_no_wait_leaves_it_to_a_process_of_its_own(world: World) -> None:
    code, out, _ = headless(world, "-", "--no-wait", stdin="echo: hold go\necho: say later")
    assert (code, out.strip()) == (0, world.task()["task_id"])
    (world.project / "go").touch()
    world.until_step("done")
    assert world.flowloom("reply", world.task()["task_id"]).stdout == b"later"
    leftovers.check(world)


def test_cancel_ends_a_headless_program(world: World) -> None:
    going = world.begin("ask", "--headless", "echo: work 60")
    world.until_step("accepted")
    code, _, err = said(world.flowloom("cancel", world.task()["task_id"]))
    assert (code, "its program was stopped" in err) == (0, True)
    assert (finish(going)[0], world.task()["status"]) == (1, "cancelled")
    assert family(world) == []


def test_a_state_folder_that_cannot_be_written_names_flowloom_home(world: World) -> None:
    """As in the sandbox of Claude Code's Bash tool: everything but the project is read-only."""
    world.ask("planning", "hello")
    inside = ["unshare", "-rm", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" "$0" && exec "$@"']
    if subprocess.run([*inside, str(world.state), "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a mount of their own")
    flowloom = [sys.executable, "-m", "flowloom"]
    for words in (["ask", "--headless", "hello there"], ["ask", "planning", "hello"]):
        code, out, err = said(world.run(*inside, str(world.state), *flowloom, *words))
        assert (code, out) == (1, "")
        assert f"the state folder {world.state} cannot be written to" in err
        assert "FLOWLOOM_HOME" in err
    elsewhere = {"FLOWLOOM_HOME": str(world.project / "state")}
    words = ["ask", "--headless", "hello there"]
    assert said(world.run(*inside, str(world.state), *flowloom, *words, env=elsewhere))[:2] == (
        0,
        "echo heard: hello there",
    )


def test_a_claude_around_us_is_not_told_of(world: World) -> None:
    """The program must not take itself for the Claude Code whose Bash tool it was started in."""
    around = {"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "outer", "FLOWLOOM_AGENT_DIR": "/nowhere", "TMUX": "x,1,1"}
    going = world.begin("ask", "--headless", "echo: hold go", env=around)
    process = world.until(lambda: family(world))[0]
    seen = process.environ()
    assert [name for name in around if name in seen] == []
    assert world.task()["asker"] == "chief"
    (world.project / "go").touch()
    assert finish(going)[0] == 0


def test_a_misspelt_name_is_not_run(world: World) -> None:
    code, _, err = headless(world, "planing", "hello")
    assert (code, "did you mean planning?" in err) == (2, True)
    assert not (world.state / "tasks").exists()


def test_many_headless_tasks_run_side_by_side(world: World) -> None:
    going = [world.begin("ask", "--headless", f"echo: hold go\necho: say {number}") for number in range(5)]
    world.until(lambda: len(world.tasks()) == 5 and all("accepted" in world.steps(each) for each in range(5)))
    (world.project / "go").touch()
    assert sorted(each.communicate(timeout=15)[0] for each in going) == [b"0", b"1", b"2", b"3", b"4"]
    assert os.listdir(world.state / "agents" / "site" / ".headless" / "line") == []
