"""A usage limit in the middle of a task: waited for where Claude Code continues by itself, else said with its time."""

from __future__ import annotations

import time

import pytest
from tests.support.desk import Asked, Desk
from tests.support.messages_api import MessagesApi, Say, limited, limits
from tests.support.world import World

from flowloom.turns.limits import clock

pytestmark = [pytest.mark.claude, pytest.mark.timeout(180)]


@pytest.fixture
def subscriber(claude: World, api: MessagesApi, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An agent of a subscriber's, whose five hours are used up at the prompt `too much` and reset in an hour."""
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN")
    del claude.environment["ANTHROPIC_AUTH_TOKEN"]
    claude.environment["CLAUDE_CODE_OAUTH_TOKEN"] = "anything"
    resets_at = int(time.time()) // 60 * 60 + 3600
    api.headers = limits(resets_at)
    api.on("too much", limited(resets_at))
    claude.start()
    return Desk(claude, api)


def parked(desk: Desk) -> tuple[Asked, str]:
    """Return a task that waits for the limit, and the time that is told."""
    assert desk.reply("before it") == "answer 1: before it"
    asked = desk.ask("too much")
    asked.until("parked")
    return asked, clock(asked.task()["until"], time.time())


@pytest.mark.newest
def test_a_task_waits_for_the_reset_and_cancelled_it_is_not_continued(subscriber: Desk) -> None:
    desk, world = subscriber, subscriber.world
    asked, at = parked(desk)
    assert asked.task()["until"] == int(desk.api.headers["anthropic-ratelimit-unified-5h-reset"])
    desk.until_seen("Continuing automatically at")
    # Every face tells the time; there is no provisional reply.
    assert f"resets at {at}" in world.flowloom("agents").stdout.decode()
    waited = world.flowloom("wait", asked.task_id, "--timeout", "2")
    assert (waited.returncode, f"resets at {at}" in waited.stderr.decode()) == (124, True), waited
    assert world.flowloom("reply", asked.task_id, "--now").returncode == 1
    # Nothing is delivered meanwhile: it would be refused, too.
    second = desk.ask("the next one")
    world.flowloom("wait", second.task_id, "--timeout", "1")
    assert second.steps() == ["created"]
    done = world.flowloom("cancel", asked.task_id)
    assert b"it will not continue when its usage limit resets" in done.stderr, done
    desk.until_seen("Automatic continue cancelled")
    assert asked.end()[0] == 1
    assert second.end()[:2][0] == 0
    assert (asked.steps()[-2:], second.steps()[-1]) == (["parked", "cancelled"], "done")


@pytest.mark.newest
def test_an_escape_in_its_window_ends_the_wait_and_so_does_a_restart(subscriber: Desk) -> None:
    asked, _ = parked(subscriber)
    done = subscriber.world.flowloom("restart", "planning", "--force")
    assert done.returncode == 0, done
    assert "it waited for its usage limit to reset" in asked.end()[2]
    asked = subscriber.ask("too much")
    asked.until("parked")
    at = clock(asked.task()["until"], time.time())
    subscriber.until_seen("Continuing automatically at")
    subscriber.world.keys("Escape")
    code, out, err = asked.end()
    assert (code, out) == (1, "")
    assert f"its automatic continue was cancelled in its window; ask again after {at}" in err
    # It is not offered a second time.
    code, _, err = subscriber.ask("too much").end()
    assert (code, f"ask again after {at}" in err) == (1, True)


def test_a_limit_that_is_not_waited_for_fails_the_task_with_its_time(
    claude: World, release: str, request: pytest.FixtureRequest, api: MessagesApi
) -> None:
    if release != "2.1.197":
        claude.user_settings(autoContinueAtUsageLimit=False)
    desk: Desk = request.getfixturevalue("subscriber")
    assert desk.reply("before it") == "answer 1: before it"
    asked = desk.ask("too much")
    code, out, err = asked.end()
    assert (code, out) == (1, "")
    at = clock(int(api.headers["anthropic-ratelimit-unified-5h-reset"]), time.time())
    assert f"the agent does not continue by itself; ask again after {at}" in err
    api.on("too much", Say("done"))
    assert desk.reply("too much") == "done"
