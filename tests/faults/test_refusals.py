"""What cannot be done is refused with the exit code that says so; what is damaged is named and nothing is lost."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable

import psutil
import pytest
from tests.support import leftovers
from tests.support.world import ROOT, World

pytestmark = pytest.mark.faults

HALTING = str(ROOT / "tests/support/halting.py")
CLIMBING = ["../x", "a/b", "", "a" * 200, "@x", ".", "..", "a\nb", "ä", "x@../y", "planning@", "planning@nowhere", "A"]


@pytest.mark.parametrize("name", CLIMBING)
def test_a_name_that_no_agent_can_have_is_exit_2(world: World, name: str) -> None:
    for words in (["ask", name, "hello"], ["stop", name]):
        done = world.flowloom(*words)
        assert (done.returncode, done.stdout) == (2, b""), (words, done)
        assert b"Traceback" not in done.stderr
        assert done.stderr
    assert not list(world.state.rglob("agent.json"))
    assert not (world.state / "tasks").exists()
    path = world.prompt_file(f"@{name} hello\n")
    assert world.ctrl_g(path).returncode == 1, "the real editor, which is `false` here"


def test_stop_with_an_empty_name_stops_nobody(world: World) -> None:
    world.start()
    assert world.flowloom("stop", "").returncode == 2
    assert world.status()["status"] == "idle"


def test_a_name_that_looks_like_an_option_is_exit_2(world: World) -> None:
    for words in (["ask", "-x", "hello"], ["ask", "--", "-x", "hello"], ["start", "--", "-x"]):
        assert world.flowloom(*words).returncode == 2


@pytest.mark.parametrize("task_id", ["zzzz", "../x", "", "a/b", "x" * 300, "."])
def test_a_task_that_is_not_there_is_exit_2(world: World, task_id: str) -> None:
    world.start()
    for words in (["wait", task_id], ["reply", task_id], ["cancel", task_id], ["wait", "--any", task_id]):
        done = world.flowloom(*words)
        assert (done.returncode, done.stdout) == (2, b""), (words, done)


CONFIGS = {
    'provder = "echo"': "did you mean 'provider'",
    "[agents.planning]\nrloe = 'x'": "agents.planning.rloe",
    "timeout_s = -1": "timeout_s",
    "timeout_s = 'soon'": "timeout_s",
    "reply = 'loud'": "reply",
    "[agents]\nplanning = 3": "agents.planning",
    "this is no TOML": "is not TOML",
    'provider = "nobody"': "nobody",
    '[agents.planning]\ndir = "/nowhere"': "/nowhere",
}


@pytest.mark.parametrize("text", CONFIGS)
def test_a_configuration_that_says_something_unknown_is_exit_2_and_named(world: World, text: str) -> None:
    world.user_config(text)
    environment = {"FLOWLOOM_PROVIDER": None}
    done = world.flowloom("ask", "planning", "hello", env=environment)
    assert (done.returncode, done.stdout) == (2, b""), done
    assert CONFIGS[text] in done.stderr.decode()
    path = world.prompt_file("@planning hello\n")
    done = world.ctrl_g(path, env=environment)
    assert (done.returncode, path.read_text()) == (2, "@planning hello\n")
    assert CONFIGS[text] in done.stderr.decode()


def test_a_configuration_that_is_no_utf_8_is_exit_2(world: World) -> None:
    (world.project / "flowloom.toml").write_bytes(b"# caf\xe9\n")
    done = world.flowloom("ask", "planning", "hello")
    assert done.returncode == 2, done
    assert b"flowloom.toml" in done.stderr


def test_an_agent_cannot_ask_itself_nor_in_a_circle(world: World) -> None:
    world.start("planning")
    done = world.flowloom("ask", "planning", "hello", env={"FLOWLOOM_AGENT": "planning@site"})
    assert (done.returncode, b"wait for itself" in done.stderr) == (2, True)
    go = world.folder / "go"
    # planning asks coding, coding asks testing, testing asks planning.
    first = world.begin("ask", "planning", f"work\necho:hold {go}")
    world.until_step("accepted")
    second = world.begin("ask", "coding", f"work\necho:hold {go}", env={"FLOWLOOM_AGENT": "planning@site"})
    world.until(lambda: world.steps(1)[-1] == "accepted")
    third = world.begin("ask", "testing", f"work\necho:hold {go}", env={"FLOWLOOM_AGENT": "coding@site"})
    world.until(lambda: world.steps(2)[-1] == "accepted")
    for name, asker in (("planning", "testing"), ("coding", "testing"), ("planning", "coding")):
        done = world.flowloom("ask", name, "hello", env={"FLOWLOOM_AGENT": f"{asker}@site"})
        assert (done.returncode, b"wait for itself" in done.stderr) == (2, True), (name, asker, done)
    assert len(world.tasks()) == 3
    go.touch()
    for process in (first, second, third):
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
    leftovers.check(world)


def test_two_agents_that_ask_each_other_in_the_same_moment_do_not_wait_for_each_other(world: World) -> None:
    go = world.folder / "go"
    for name in ("planning", "coding"):
        assert world.flowloom("ask", name, f"work\necho:hold {go}", "--no-wait").returncode == 0
    world.until(lambda: [task["status"] for task in world.tasks()] == ["accepted"] * 2)
    halted = (
        sys.executable,
        HALTING,
        "stop",
        "before",
        "flowloom.delegation.runner:Runner.__init__",
        "--",
        "flowloom",
    )
    first = world.popen(*halted, "ask", "coding", "a question", env={"FLOWLOOM_AGENT": "planning@site"})
    world.until(lambda: psutil.Process(first.pid).status() == psutil.STATUS_STOPPED, "it has asked and is not in line")
    second = world.begin("ask", "planning", "a question", env={"FLOWLOOM_AGENT": "coding@site"})
    # It waits for its turn; else it would be about to wait for ever.
    world.until(
        lambda: any("asking.lock" in file.path for file in psutil.Process(second.pid).open_files()), "its turn", 10
    )
    first.send_signal(signal.SIGCONT)
    _, err = second.communicate(timeout=20)
    assert (second.returncode, b"wait for itself" in err) == (2, True), err
    go.touch()
    assert first.wait(30) == 0
    first.communicate()
    leftovers.check(world)


def test_two_agents_that_work_for_others_cannot_wait_for_each_other(world: World) -> None:
    go = world.folder / "go"
    for name in ("planning", "coding"):
        assert world.flowloom("ask", name, f"work\necho:hold {go}", "--no-wait").returncode == 0
    world.until(lambda: [task["status"] for task in world.tasks()] == ["accepted"] * 2)
    first = world.begin("ask", "coding", "a question", env={"FLOWLOOM_AGENT": "planning@site"})
    assert first.stderr
    assert b"in line, 1 ahead of it" in first.stderr.readline()
    done = world.flowloom("ask", "planning", "a question", env={"FLOWLOOM_AGENT": "coding@site"})
    assert (done.returncode, b"wait for itself" in done.stderr) == (2, True), done
    # Whoever asked and does not wait can be asked.
    done = world.flowloom("ask", "planning", "later", "--no-wait", env={"FLOWLOOM_AGENT": "testing@site"})
    assert done.returncode == 0, done
    done = world.flowloom("ask", "testing", "meanwhile", env={"FLOWLOOM_AGENT": "planning@site"})
    assert done.returncode == 0, done
    go.touch()
    _, err = first.communicate(timeout=30)
    assert first.returncode == 0, err
    world.until(lambda: {task["status"] for task in world.tasks()} == {"done"})
    leftovers.check(world)


def test_an_empty_prompt_is_exit_2(world: World) -> None:
    for prompt in ("", " \n\t ", "\n"):
        done = world.flowloom("ask", "planning", "-", stdin=prompt.encode())
        assert (done.returncode, done.stdout, b"the prompt is empty" in done.stderr) == (2, b"", True), done
    assert not (world.state / "tasks").exists()


def test_at_the_timeout_the_exit_is_124_and_the_task_goes_on(world: World) -> None:
    world.start()
    go = world.folder / "go"
    done = world.flowloom("ask", "planning", f"slow\necho:hold {go}", "--timeout", "0.3")
    assert (done.returncode, done.stdout) == (124, b"")
    task_id = world.task()["task_id"]
    assert f"flowloom wait {task_id}".encode() in done.stderr
    assert world.flowloom("wait", task_id, "--timeout", "0.1").returncode == 124
    assert world.flowloom("wait", task_id, "--timeout", "0").returncode == 124
    assert world.flowloom("wait", "--any", task_id, "--timeout", "0.1").returncode == 124
    assert world.flowloom("reply", task_id).returncode == 1
    go.touch()
    done = world.flowloom("wait", task_id)
    assert (done.returncode, done.stdout) == (0, b"echo heard: slow")
    leftovers.check(world)


def test_at_the_timeout_of_one_that_is_blocked_the_exit_is_3_and_the_task_goes_on(world: World) -> None:
    world.start()
    done = world.flowloom("ask", "planning", "echo:ask Bash rm -r build\necho:say did it", "--timeout", "2")
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"Bash: rm -r build" in done.stderr
    assert b"flowloom attach planning" in done.stderr
    path = world.prompt_file("@planning echo:ask Bash rm -r build\necho:say did it\n")
    world.user_config("timeout_s = 0.5\n")
    done = world.ctrl_g(path)
    assert (done.returncode, path.read_text().startswith("@planning")) == (3, True), done
    world.keys("1")
    world.until_step("done")
    world.user_config("")
    assert world.ctrl_g(path).returncode == 0
    assert path.read_text().endswith("\n\ndid it")
    assert len(world.tasks()) == 1
    leftovers.check(world)


def test_no_wait_then_wait_then_reply_give_the_same_reply(world: World) -> None:
    done = world.flowloom("ask", "planning", "hello", "--no-wait")
    task_id = done.stdout.decode().strip()
    assert (done.returncode, len(task_id) >= 4) == (0, True)
    for words in (["wait", task_id], ["wait", task_id], ["reply", task_id]):
        assert world.flowloom(*words).stdout == b"echo heard: hello"
    document = json.loads(world.flowloom("wait", task_id, "--json").stdout)
    assert (document["text"], document["task"]["status"]) == ("echo heard: hello", "done")
    assert world.flowloom("tasks", "--unread").stdout == b""
    leftovers.check(world)


def test_an_agent_that_leaves_at_each_start_is_given_up_too(world: World) -> None:
    """Claude Code ends its session properly where it cannot resume a conversation."""
    program = world.folder / "leaves"
    payload = json.dumps({"hook_event_name": "SessionEnd", "reason": "other"})
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && exec echo 9.9.9\necho "cannot resume" >&2\n'
        f"echo '{payload}' | sh \"$FLOWLOOM_HOME/hooks/agent-event\" claude\nexit 1\n"
    )
    program.chmod(0o755)
    environment = {"FLOWLOOM_PROVIDER": "claude", "FLOWLOOM_CLAUDE": str(program)}
    done = world.flowloom("ask", "planning", "hello", env=environment)
    assert (done.returncode, done.stdout) == (1, b""), (done, world.describe())
    assert b"died 4 times within two minutes; last: its " in done.stderr
    moves = [line["event"] for line in world.events() if line["event"] in ("spawn", "delay", "give_up")]
    assert moves == ["spawn", "spawn", "delay", "spawn", "delay", "spawn", "give_up"]
    assert any(line["why"] == "its session ended" for line in world.events())


def test_an_agent_that_dies_at_each_start_is_given_up_with_the_reason(world: World) -> None:
    program = world.folder / "dies"
    # It closes its terminal first, as every program does that ends: tmux has no exit code at that moment.
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && exec echo 9.9.9\necho "cannot find my licence" >&2\n'
        "trap '' HUP\nexec <&- >&- 2>&-\nsleep 0.2\nexit 42\n"
    )
    program.chmod(0o755)
    environment = {"FLOWLOOM_PROVIDER": "claude", "FLOWLOOM_CLAUDE": str(program)}
    done = world.flowloom("ask", "planning", "hello", env=environment)
    assert (done.returncode, done.stdout) == (1, b""), (done, world.describe())
    # A person is told what the task waits for meanwhile.
    assert b"planning died 3 times, starts again at " in done.stderr
    assert b"died 4 times" in done.stderr
    assert b"exit 42" in done.stderr
    assert world.steps() == ["created", "failed"]
    assert (world.status()["status"], world.status()["why"].count("; last: ")) == ("failed", 1)
    assert b"failed" in world.flowloom("agents").stdout
    task = world.state / "tasks" / world.task()["task_id"]
    assert (task / "prompt.md").read_text() == "hello"
    done = world.flowloom("start", "planning", env=environment)
    assert done.returncode == 1
    leftovers.check(world)


def test_a_bug_is_exit_70_with_a_report(world: World) -> None:
    words = ["fail", "before", "flowloom.agents.survey:survey", "--", "flowloom", "agents"]
    done = world.run(sys.executable, HALTING, *words)
    assert (done.returncode, done.stdout) == (70, b"")
    report = next((world.state / "log").glob("bug-*.txt"))
    assert str(report).encode() in done.stderr
    assert b"Traceback" not in done.stderr


DAMAGES: dict[str, Callable[[str], str]] = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda _: "",
    "no object": lambda _: "[]",
    "an unknown status": lambda text: text.replace('"idle"', '"bored"').replace('"done"', '"bored"'),
    "a wrong type": lambda text: text.replace('"seq": ', '"seq": "x').replace('"notes": []', '"notes": 3'),
    "a key gone": lambda text: text.replace('"agent_id"', '"agent"'),
    "nulls": lambda text: "\x00" * len(text),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_status_is_named_and_nothing_is_lost(world: World, name: str) -> None:
    world.start()
    world.ask("planning", "one")
    path = world.agent_dir() / "status.json"
    good = path.read_text()
    damaged = DAMAGES[name](good)
    assert damaged != good
    path.write_text(damaged)
    prompt = world.prompt_file("@planning two\n")
    for done in (world.flowloom("ask", "planning", "two"), world.ctrl_g(prompt), world.flowloom("stop", "planning")):
        assert done.returncode == 1, done
        assert f"{path} is damaged".encode() in done.stderr
        assert f"mv {path} {path}.bad".encode() in done.stderr
    assert prompt.read_text() == "@planning two\n"
    assert world.flowloom("agents").returncode == 0
    assert world.flowloom("tasks").returncode == 0
    assert path.read_text() == damaged
    path.rename(f"{path}.bad")
    # Its window runs on: this is said, and how to go on.
    done = world.flowloom("ask", "planning", "two")
    assert done.returncode == 1
    assert b"kill-pane" in done.stderr
    world.tmux("kill-server")
    assert "two" in world.ask("planning", "two")


@pytest.mark.parametrize("name", ["cut", "empty", "no object", "an unknown status", "a wrong type", "a key gone"])
def test_a_damaged_task_is_named_and_others_are_listed(world: World, name: str) -> None:
    world.start()
    world.ask("planning", "one")
    world.ask("planning", "two")
    task = world.task(0)
    path = world.state / "tasks" / task["task_id"] / "task.json"
    path.write_text(DAMAGES[name](path.read_text()))
    for words in (["wait", task["task_id"]], ["reply", task["task_id"]], ["cancel", task["task_id"]]):
        done = world.flowloom(*words)
        assert (done.returncode, done.stdout) == (1, b""), done
        assert f"{path} is damaged".encode() in done.stderr
    listed = world.flowloom("tasks")
    assert (listed.returncode, b"two" in listed.stdout, str(path).encode() in listed.stderr) == (0, True, True)
    assert "three" in world.ask("planning", "three")
    assert world.ctrl_g(world.prompt_file("@planning one\n")).returncode == 0


def test_sigint_while_waiting_any_is_130_and_the_tasks_go_on(world: World) -> None:
    world.start()
    go = world.folder / "go"
    task_id = world.flowloom("ask", "planning", f"slow\necho:hold {go}", "--no-wait").stdout.decode().strip()
    world.until_step("accepted")
    waiting = world.begin("wait", "--any", task_id)
    world.until(lambda: list((world.agent_dir() / "wake").iterdir())[1:], "both wait")
    waiting.send_signal(signal.SIGINT)
    waiting.communicate(timeout=20)
    assert waiting.returncode == 130
    go.touch()
    world.until_step("done")
    leftovers.check(world)


def test_the_first_prompt_to_an_agent_starts_it(world: World) -> None:
    path = world.prompt_file("@review hello\n")
    done = world.ctrl_g(path)
    assert done.returncode == 0, done.stderr
    assert "echo heard: hello" in path.read_text()
