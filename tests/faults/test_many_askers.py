"""Two and twenty askers at once: each gets its own reply, in the order of asking, and nothing is left over."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support import leftovers
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


def accepted(world: World) -> list[str]:
    """Return the tasks in the order in which their agents took them."""
    found = []
    for path in sorted(world.state.glob("agents/site/*/events.jsonl")):
        found += [
            event["task"] for line in path.read_text().splitlines() if (event := json.loads(line))["event"] == "accept"
        ]
    return found


def told(world: World, name: str = "planning") -> list[str]:
    return [
        thing for path in world.agent_dir(name).glob("memory/*.json") for thing in json.loads(path.read_text())["told"]
    ]


@pytest.mark.parametrize("askers", [2, 20])
def test_askers_at_once_get_each_their_own_reply_and_nothing_is_told_twice(world: World, askers: int) -> None:
    words = [f"word-{number:02d}" for number in range(askers)]
    with ThreadPoolExecutor(askers) as pool:
        replies = list(pool.map(lambda word: world.ask("planning", word, limit_s=90), words))
    assert [reply.splitlines()[0] for reply in replies] == [f"echo heard: {word}" for word in words]
    assert sorted(told(world)) == words
    assert [task["status"] for task in world.tasks()] == ["done"] * askers
    assert sorted(accepted(world)) == sorted(task["task_id"] for task in world.tasks())
    assert world.flowloom("agents", "--json").stdout.count(b'"agent_id"') == 1
    leftovers.check(world)


def test_twenty_tasks_are_delivered_in_the_order_of_asking(world: World) -> None:
    world.start()
    go = world.folder / "go"
    asked = [world.flowloom("ask", "planning", f"first\necho:hold {go}", "--no-wait").stdout.decode().strip()]
    world.until_step("accepted")
    asked += [
        world.flowloom("ask", "planning", f"word-{number:02d}", "--no-wait").stdout.decode().strip()
        for number in range(19)
    ]
    go.touch()
    done = world.flowloom("wait", *asked, limit_s=60)
    assert done.returncode == 0, done
    assert accepted(world) == asked
    assert told(world) == ["first", *(f"word-{number:02d}" for number in range(19))]
    leftovers.check(world)


def test_twenty_askers_of_five_agents_get_each_their_own_reply(world: World) -> None:
    names = ["planning", "coding", "testing", "review", "review2"]
    asked = [(names[number % 5], f"word-{number:02d}") for number in range(20)]
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda one: world.ask(*one, limit_s=90), asked))
    assert [reply.splitlines()[0] for reply in replies] == [f"echo heard: {word}" for _, word in asked]
    for name in names:
        assert sorted(told(world, name)) == sorted(word for agent, word in asked if agent == name)
    leftovers.check(world)


def test_ctrl_g_of_several_chiefs_at_once_fills_each_file_with_its_own_reply(world: World) -> None:
    paths = [world.prompt_file(f"@planning word-{number}\n") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(lambda path: world.ctrl_g(path, limit_s=60).returncode, paths))
    assert codes == [0] * 6
    for number, path in enumerate(paths):
        assert f"echo heard: word-{number}" in path.read_text()
    leftovers.check(world)


def test_the_same_prompt_from_two_askers_at_once_is_two_tasks_with_two_replies(world: World) -> None:
    world.start()
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda _: world.ask("planning", "the same"), range(2)))
    assert sorted(len(reply.splitlines()) for reply in replies) == [1, 2]
    assert told(world) == ["the same", "the same"]
    leftovers.check(world)


def test_wait_any_returns_the_first_that_ends_and_leaves_the_others_to_waiters(world: World) -> None:
    go = world.folder / "go"
    slow = world.flowloom("ask", "planning", f"slow\necho:hold {go}", "--no-wait").stdout.decode().strip()
    quick = world.flowloom("ask", "coding", "quick", "--no-wait").stdout.decode().strip()
    done = world.flowloom("wait", "--any", slow, quick)
    assert (done.returncode, b"echo heard: quick" in done.stdout) == (0, True)
    assert b"slow" not in done.stdout
    go.touch()
    done = world.flowloom("wait", slow)
    assert (done.returncode, done.stdout) == (0, b"echo heard: slow")
    leftovers.check(world)


def test_cancel_takes_a_queued_task_out_of_the_line_and_interrupts_a_running_one(world: World) -> None:
    world.start()
    go = world.folder / "go"
    running = world.begin("ask", "planning", f"runs\necho:hold {go}")
    world.until_step("accepted")
    queued = world.flowloom("ask", "planning", "queued", "--no-wait").stdout.decode().strip()
    last = world.begin("ask", "planning", "last")
    world.until(lambda: len(world.tasks()) == 3)
    assert world.flowloom("cancel", queued).returncode == 0
    assert world.flowloom("cancel", world.task(0)["task_id"]).returncode == 0
    out, err = running.communicate(timeout=20)
    assert (running.returncode, out) == (1, b"")
    assert b"cancelled" in err
    world.until(lambda: last.poll() is not None, "the last one is told", 15)
    out, err = last.communicate(timeout=20)
    assert (last.returncode, out) == (0, b"echo heard: last"), (err, world.describe())
    assert told(world) == ["last"]
    assert [task["status"] for task in world.tasks()] == ["cancelled", "cancelled", "done"]
    assert world.flowloom("cancel", queued).returncode == 2
    assert world.flowloom("wait", queued).returncode == 1
    leftovers.check(world)


# Enter is pressed again after a time: several are swallowed, so that the command comes before the receipt.
@pytest.mark.parametrize("how", ["lag 20", "swallow\necho:swallow\necho:swallow"])
def test_cancel_takes_back_a_task_that_its_agent_has_not_confirmed(world: World, how: str) -> None:
    world.start()
    world.ask("planning", f"before\necho:{how}")
    asked = world.begin("ask", "planning", "heron")
    world.until_step("pasted")
    world.until(lambda: "heron" in world.screen() or "#1 +" in world.screen().split("before")[-1], "it shows our text")
    done = world.flowloom("cancel", world.task()["task_id"])
    assert done.returncode == 0
    assert b"interrupted" in done.stderr or b"removed from the agent's window" in done.stderr, done
    assert asked.wait(20) == 1
    assert world.ask("planning", "next").startswith("echo heard: next")
    assert sorted(told(world)) == ["before", "next"]
    leftovers.check(world)


def test_a_task_that_comes_back_to_its_place_leaves_one_that_is_being_handed_over_alone(world: World) -> None:
    world.start()
    go = world.folder / "go"
    assert world.flowloom("ask", "planning", f"before\necho:hold {go}\necho:swallow", "--no-wait").returncode == 0
    world.until_step("accepted")
    earlier = world.flowloom("ask", "planning", "earlier", "--no-wait").stdout.decode().strip()
    leftovers.kill_waiter(world, earlier)
    later = world.begin("ask", "planning", "later")
    world.until(lambda: len(world.tasks()) == 3)
    go.touch()
    world.until_step("pasted")
    # Its Enter is swallowed: until it is pressed again, the text stands in the box.
    done = world.flowloom("wait", earlier)
    assert done.returncode == 0, (done, world.describe())
    _, err = later.communicate(timeout=20)
    assert later.returncode == 0, (err, world.describe())
    assert world.steps() == ["created", "typed", "pasted", "accepted", "done"]
    assert sorted(told(world)) == ["before", "earlier", "later"]
    leftovers.check(world, after_kill=True)
