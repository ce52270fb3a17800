"""The round trip of Ctrl-G, with an idle real agent and a model that answers at once, against `claude -p`."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.world import World

from bench.ground import Ground, claude_world
from bench.measure import Row, alternate, compare, timed_ms

ONE_SHOT = "claude -p"
PROMPT = "what is the port?"
PARTS = [
    ("hook start to the task opened", "start", "opened"),
    ("task opened to pasted", "opened", "pasted"),
    ("pasted to receipt", "pasted", "receipt"),
    ("receipt to Stop hook", "receipt", "stop"),
    ("Stop hook to .done", "stop", "done"),
    (".done to exit", "done", "exit"),
    ("Stop hook to exit", "stop", "exit"),
]


def run(ground: Ground) -> list[Row]:
    parts: dict[str, list[float]] = {name: [] for name, _, _ in PARTS}
    with claude_world(ground.claude) as world:
        world.start()

        def ctrl_g() -> float:
            path = world.prompt_file(f"@planning {PROMPT}\n")
            steady, wall = time.monotonic(), time.time()
            done = world.ctrl_g(path)
            took = time.monotonic() - steady
            assert done.returncode == 0, done.stderr.decode()
            assert "8080" in path.read_text()
            at = _moments(world, steady, wall)
            at["exit"] = took
            for name, begin, end in PARTS:
                parts[name].append((at[end] - at[begin]) * 1000)
            return took * 1000

        def one_shot() -> float:
            return timed_ms(lambda: _one_shot(world, ground.claude))

        rounds = ground.rounds(20)
        ours, theirs = alternate(rounds, ctrl_g, one_shot)
    whole = Row("ctrl-g", "hook start to exit", "ms", ours, against=ONE_SHOT, bar={"value": 190.0, "ratio": 0.5})
    rows = [Row("ctrl-g", ONE_SHOT, "ms", theirs), whole]
    for name, _, _ in PARTS:
        bar = {"value": 50.0} if name == "Stop hook to exit" else {}
        rows.append(Row("ctrl-g", name, "ms", parts[name][-rounds:], bar=bar))
    return compare(rows)


def sizes(ground: Ground) -> list[Row]:
    """The same with long prompts."""
    rows = []
    with claude_world(ground.claude) as world:
        world.start()
        for size, name in ((1_000, "1 kB"), (100_000, "100 kB"), (1_000_000, "1 MB")):
            line = "the quick brown fox jumps over the lazy dog\n"
            # A conversation that grows by 1 MB a turn measures the model's side.
            rounds = min(ground.rounds(10), 3 if size > 500_000 else 10)

            def ctrl_g(size: int = size, line: str = line) -> float:
                path = world.prompt_file(
                    "@planning " + (line * (size // len(line) + 1))[: size - 20] + str(time.time_ns())
                )
                return timed_ms(lambda: _checked(world, path))

            rows.append(Row("sizes", name, "ms", alternate(rounds, ctrl_g)[0], against="1 kB"))
    return compare(rows)


def _checked(world: World, path: Path) -> None:
    done = world.ctrl_g(path)
    assert done.returncode == 0, done.stderr.decode()


def _one_shot(world: World, binary: str) -> None:
    done = world.run(binary, "-p", PROMPT)
    assert done.returncode == 0, done.stderr.decode()
    assert b"8080" in done.stdout


def _moments(world: World, steady: float, wall: float) -> dict[str, float]:
    """Return when each thing of the last task happened, in seconds since the hook's start.

    The journal has the time of day, to 1 ms; `seen_ns` of the status is when
    the Python of the last hook call, that of the Stop, was up.
    """
    task = world.task()
    steps = {entry["step"]: entry["at"] - wall for entry in reversed(task["journal"])}
    done = (world.state / "tasks" / task["task_id"] / ".done").stat().st_mtime
    return {
        "start": 0.0,
        "opened": steps["created"],
        "pasted": steps["pasted"],
        "receipt": steps["accepted"],
        "stop": world.status()["seen_ns"] / 1e9 - steady,
        "done": done - wall,
    }
