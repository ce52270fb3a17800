"""What agents cost: to start one, to list many, to have many, to ask one from many sides."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import psutil
from tests.support import old_tasks
from tests.support.world import World

from bench.ground import Ground, claude_world, echo_world
from bench.measure import Row, alternate, compare, timed_ms

BARE = "bare claude to its SessionStart"
CLASSIC = "the same with the classic renderer"
NOTHING = "flowloom --version"
# CPU time is read over this long.
WATCHED_S = 10.0


def start(ground: Ground) -> list[Row]:
    """`flowloom start` until the agent is idle, against a bare Claude Code until its SessionStart hook."""
    with claude_world(ground.claude) as world:
        # A server that runs already, for both.
        world.tmux("new-session", "-d", "-s", "anchor", "sleep 3600")
        seen = world.folder / "seen"
        hook = {"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": f": > {seen}"}]}]}}
        settings = world.folder / "bare.json"
        settings.write_text(json.dumps(hook))

        def bare(**more: str) -> float:
            seen.unlink(missing_ok=True)
            began = time.time()
            environment = {**world.environment, **more}
            variables = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
            words = ("-d", "-s", "bare", "-x", "200", "-y", "50", "-c", str(world.project))
            world.tmux("new-session", *words, *variables, ground.claude, "--settings", str(settings))
            world.until(seen.exists, "SessionStart")
            took = seen.stat().st_mtime - began
            world.tmux("kill-session", "-t", "bare")
            return took * 1000

        def ours() -> float:
            took = timed_ms(world.start)
            assert world.status()["status"] == "idle"
            world.flowloom("stop", "planning")
            return took

        classic = partial(bare, CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN="1")
        first, same, second = alternate(ground.rounds(8), bare, classic, ours)
    return compare(
        [
            Row("start", BARE, "ms", first),
            Row("start", CLASSIC, "ms", same, against=BARE),
            Row("start", "flowloom start to idle", "ms", second, against=BARE, bar={"over": 300.0}),
        ]
    )


def askers(ground: Ground) -> list[Row]:
    """Several that ask one agent at once: from the first start to the last reply."""
    rows = _askers(echo_world(), "echo", ground)
    return rows + (_askers(claude_world(ground.claude), "claude", ground) if ground.claude else [])


def _askers(made: AbstractContextManager[World], kind: str, ground: Ground) -> list[Row]:
    rows: list[Row] = []
    with made as world:
        world.start()
        for count in (1, 5, 20):

            def at_once(count: int = count) -> float:
                began = time.monotonic()
                asked = [world.begin("ask", "planning", f"what is the port? {number}") for number in range(count)]
                for process in asked:
                    _, said = process.communicate(timeout=120)
                    assert process.returncode == 0, said.decode()
                return (time.monotonic() - began) * 1000 / count

            runs = alternate(min(ground.rounds(5), 5 if count < 20 else 3), at_once)[0]
            rows.append(
                Row("askers", f"{kind}, {count} at once, for each", "ms", runs, against=f"{kind}, 1 at once, for each")
            )
    return compare(rows)


def agents(ground: Ground) -> list[Row]:
    """`flowloom agents` with many windows."""
    rows: list[Row] = []
    with echo_world() as world:
        for count in (1, 10, 50):
            _start_many(world, count)

            def listed(count: int = count) -> float:
                began = time.monotonic()
                done = world.flowloom("agents", "--json")
                took = (time.monotonic() - began) * 1000
                found = [agent["status"] for agent in json.loads(done.stdout)["agents"]]
                assert found == ["idle"] * count, found
                return took

            def version() -> float:
                return timed_ms(lambda: world.flowloom("--version"))

            nothing, took = alternate(ground.rounds(8), version, listed)
            if not rows:
                rows.append(Row("agents", NOTHING, "ms", nothing))
            bar = {"value": 200.0 if count == 50 else 130.0}
            rows.append(Row("agents", f"{count} windows", "ms", took, against=NOTHING, bar=bar))
        many = old_tasks.make(str(world.state), ground.old_tasks())
        world.flowloom("tasks")  # builds the index, once
        for words in (("agents",), ("tasks",)):
            took = alternate(ground.rounds(8), partial(timed_ms, partial(world.flowloom, *words)))[0]
            what = f"flowloom {words[0]}, 50 windows, {many:,} old tasks"
            rows.append(Row("agents", what, "ms", took, against=NOTHING, bar={"value": 200.0}))
    return compare(rows)


def watched(_ground: Ground) -> list[Row]:
    """The CPU time of 50 idle agents: alone, and with somebody who waits for one of them."""
    with echo_world() as world:
        _start_many(world, 50)
        alone = _cpu_percent(world)
        # One that asks back and waits for a person: an agent at work draws, and that is not what watching costs.
        waiting = world.begin("ask", "a0", "echo: ask Bash ls")
        world.until_status("blocked", "a0")
        with_one = _cpu_percent(world)
        waiting.kill()
        waiting.communicate()
    return [
        Row("watched", "50 idle agents, nobody waits", "% of a core", [alone], bar={"value": 1.0}),
        Row("watched", "50 idle agents, one ask waits", "% of a core", [with_one], bar={"value": 1.0}),
    ]


def in_line(_ground: Ground) -> list[Row]:
    """The CPU time of tasks in line for an agent that waits for a person: of their waiters, the agent and its tmux."""
    rows: list[Row] = []
    with echo_world() as world:
        world.start()
        count = 0
        for wanted in (10, 100):
            while count < wanted:
                asked = [world.begin("ask", "planning", "echo: ask Bash ls", "--no-wait") for _ in range(5)]
                for process in asked:
                    _, said = process.communicate(timeout=120)
                    assert process.returncode == 0, said.decode()
                count += len(asked)
            world.until_status("blocked")
            _await_quiet(world)
            bar = {"value": 1.0} if wanted == 100 else {}
            what = f"{wanted} tasks in line"
            rows.append(Row("in-line", what, "% of a core", [_cpu_percent(world)], bar=bar))
    return rows


def _await_quiet(world: World) -> None:
    """Wait until every task has a waiter of its own that has taken over its place: starting them is not measured."""

    def taken() -> bool:
        waiters = {process.pid for process in psutil.process_iter() if _belongs(process, world.state)}
        holders = [json.loads(place.read_text())["pid"] for place in world.agent_dir().glob("line/*")]
        return len(set(holders)) == len(holders) == len(world.tasks()) and waiters.issuperset(holders)

    world.until(taken, "every task has its waiter")


def _start_many(world: World, count: int) -> None:
    """Start a0, a1 … as far as they do not run, a few at a time."""
    wanted = [f"a{number}" for number in range(count) if not (world.agent_dir(f"a{number}") / "status.json").exists()]
    while wanted:
        some, wanted = wanted[:4], wanted[4:]
        for process in [world.begin("start", name) for name in some]:
            _, said = process.communicate(timeout=60)
            assert process.returncode == 0, said.decode()


def _cpu_percent(world: World) -> float:
    """Return how much of a core everything in this world takes: agents, tmux, waiters and all that they run."""
    family = [process for process in psutil.process_iter() if _belongs(process, world.state)]
    before, began = sum(map(_cpu_s, family)), time.monotonic()
    time.sleep(WATCHED_S)  # noqa: TID251 - the time that passes is what is measured
    return (sum(map(_cpu_s, family)) - before) / (time.monotonic() - began) * 100


def _belongs(process: psutil.Process, state: Path) -> bool:
    try:
        return process.environ().get("FLOWLOOM_HOME") == str(state)
    except psutil.Error:
        return False


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
