"""What a command costs before and beside its work: `--version`, and `ask` against the same prompt by Ctrl-G."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable

from tests.support.world import World

from bench.ground import Ground, echo_world
from bench.measure import Row, alternate, compare, timed_ms

BARE = "bare python3 -I"
CTRL_G = "the same by Ctrl-G"
PROMPT = "what is the port?"
WORKS_S = 5


def run(ground: Ground) -> list[Row]:
    """Measure the start of a command, and an `ask` whose agent answers at once or works for a while."""
    cpu: dict[str, list[float]] = {}
    with echo_world() as world:
        world.start()

        def measured(name: str, what: Callable[[], object]) -> float:
            before = cpu_ms()
            took = timed_ms(what)
            cpu.setdefault(name, []).append(cpu_ms() - before)
            return took

        def bare() -> float:
            return measured(BARE, lambda: subprocess.run([sys.executable, "-I", "-c", "pass"], check=True))

        def version() -> float:
            return measured("--version", lambda: world.flowloom("--version"))

        def ctrl_g() -> float:
            path = world.prompt_file(f"@planning {PROMPT}\n")
            took = measured(CTRL_G, lambda: world.ctrl_g(path))
            assert PROMPT in path.read_text()
            return took

        def ask() -> float:
            return measured("ask", lambda: _ask(world, PROMPT))

        def slow() -> float:
            return measured("slow", lambda: _ask(world, f"echo: work {WORKS_S}"))

        bares, versions, by_keys, asked = alternate(ground.rounds(20), bare, version, ctrl_g, ask)
        alternate(min(ground.rounds(4), 4), slow)
    rows = [
        Row("commands", BARE, "ms", bares),
        Row("commands", "flowloom --version", "ms", versions, against=BARE, bar={"value": 80.0}),
        Row("commands", CTRL_G, "ms", by_keys),
        Row("commands", "flowloom ask", "ms", asked, against=CTRL_G, bar={"over": 80.0}),
        Row("commands", "Ctrl-G: CPU", "ms", cpu[CTRL_G][1:]),
        Row("commands", "flowloom ask: CPU", "ms", cpu["ask"][1:], against="Ctrl-G: CPU", bar={"value": 130.0}),
        Row("commands", f"flowloom ask, {WORKS_S} s of work: CPU", "ms", cpu["slow"][1:], bar={"value": 130.0}),
    ]
    return compare(rows)


def cpu_ms() -> float:
    """Return the CPU time of all processes that we have waited for, and of those that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000


def _ask(world: World, prompt: str) -> None:
    done = world.flowloom("ask", "planning", prompt)
    assert done.returncode == 0, done.stderr.decode()
