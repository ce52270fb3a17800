"""Several parts in one prompt file, orders from programs, replies that were left; on echo agents."""

from __future__ import annotations

import json

from tests.support.world import World


def ids(world: World) -> list[str]:
    return [task["task_id"] for task in world.tasks()]


def test_parts_are_answered_in_parallel_and_come_back_in_their_order(world: World) -> None:
    gate = world.folder / "gate"
    path = world.prompt_file(
        f"@planning\necho: hold {gate}\necho: say first\n@coding echo second\n```\n@review no part\n```\n"
    )
    process = world.popen(str(world.editor), str(path))
    world.until(lambda: world.task(1)["status"] == "done", "the second part is done while the first works")
    gate.touch()
    assert process.wait(30) == 0
    one, two = ids(world)
    head, _, text = path.read_text().partition("\n")
    assert head.startswith(f"Reply from planning (task {one}): echo: hold /")
    assert text == (
        "\nfirst\n\n"
        f"Reply from coding (task {two}): echo second ``` @review no part ```\n\n"
        "echo heard: echo second\n```\n@review no part\n```"
    )
    assert [task["read"] is not None for task in world.tasks()] == [True, True]


def test_a_part_that_failed_stands_there_with_its_reason_and_its_prompt(world: World) -> None:
    path = world.prompt_file("@planning fine\n@coding\necho: fail rate_limit\n")
    done = world.ctrl_g(path)
    assert done.returncode == 0
    text = path.read_text()
    assert "\n\necho heard: fine\n\nNo reply from coding: its program reported: " in text
    assert text.endswith("\n\n@coding echo: fail rate_limit")


def test_when_every_part_fails_the_file_is_untouched(world: World) -> None:
    draft = "@planning\necho: fail rate_limit\n@coding\necho: die\n"
    path = world.prompt_file(draft)
    done = world.ctrl_g(path)
    assert (done.returncode, path.read_text()) == (1, draft)
    assert done.stderr.startswith(b"flowloom: task ")


def test_an_empty_part_sends_nothing_of_any_part(world: World) -> None:
    path = world.prompt_file("@planning do it\n@coding\n")
    done = world.ctrl_g(path)
    assert (done.returncode, done.stderr) == (
        2,
        b"flowloom: Add a prompt after @coding\n",
    )
    assert not (world.state / "tasks").exists()


def test_an_empty_order_goes_to_the_default_agent_and_is_consumed(world: World) -> None:
    world.user_config('default_agent = "review"\n')
    path = world.prompt_file("no route here")
    order = path.with_name(path.name + ".delegate")
    order.touch()
    assert world.ctrl_g(path).returncode == 0
    assert path.read_text() == f"Reply from review (task {ids(world)[0]}): no route here\n\necho heard: no route here"
    assert not order.exists()


def test_an_order_to_several_agents_asks_each_the_same(world: World) -> None:
    path = world.prompt_file("think")
    path.with_name(path.name + ".delegate").write_text(json.dumps({"to": ["coding", "review"], "reply": "plain"}))
    assert world.ctrl_g(path).returncode == 0
    assert path.read_text() == "echo heard: think\n\necho heard: think"
    assert [task["agent_id"] for task in world.tasks()] == ["coding@site", "review@site"]


def test_a_bad_order_sends_nothing_and_stays(world: World) -> None:
    path = world.prompt_file("think")
    order = path.with_name(path.name + ".delegate")
    order.write_text('{"to": "nobody-here"}')
    done = world.ctrl_g(path)
    assert done.returncode == 2
    assert b"no agent or role named 'nobody-here'" in done.stderr
    assert (path.read_text(), order.exists(), (world.state / "tasks").exists()) == ("think", True, False)


def test_waiting_for_several_tasks_carries_each_that_nobody_carries(world: World) -> None:
    world.start("planning")
    world.start("coding")
    first = world.flowloom("ask", "planning", "one", "--no-wait").stdout.decode().strip()
    second = world.flowloom("ask", "coding", "two", "--no-wait").stdout.decode().strip()
    done = world.flowloom("wait", first, second)
    assert done.stdout.decode() == (
        f"== planning@site (task {first})\necho heard: one\n== coding@site (task {second})\necho heard: two\n"
    )
