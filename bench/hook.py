"""One hook call, the whole process, against a Python that does nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.world import World

from bench.commands import cpu_ms
from bench.ground import Ground, echo_world
from bench.measure import Row, alternate, compare, timed_ms
from flowloom.agents.agent import named
from flowloom.delegation import ask
from flowloom.tasks import frame
from flowloom.tasks import store as tasks
from flowloom.tasks.steps import Step
from flowloom.turns import spool

BARE = "bare python3 -I -S"
NAMES = ["UserPromptSubmit", "PostToolUse", "Stop"]


def run(ground: Ground) -> list[Row]:
    with echo_world() as world, _environment(world):
        world.start()
        agent = named("planning@site", str(world.project))
        now = agent.status()
        environment = {**os.environ, "FLOWLOOM_AGENT": agent.agent_id, "FLOWLOOM_AGENT_DIR": str(world.agent_dir())}
        environment["FLOWLOOM_AGENT_PID"] = str(now["pid"])
        settings = json.loads((world.agent_dir() / "program" / "settings.json").read_text())
        # The whole line, as the agent's program runs it: through a shell and the script whose path never changes.
        line = settings["hooks"]["Stop"][-1]["hooks"][0]["command"]
        common = {"session_id": now["session_id"], "transcript_path": now["transcript"], "cwd": "/"}

        cpu: dict[str, list[float]] = {}

        def process(name: str, words: list[str], **more: Any) -> float:
            before = cpu_ms()
            took = timed_ms(lambda: subprocess.run(words, check=True, **more))
            cpu.setdefault(name, []).append(cpu_ms() - before)
            return took

        def call(name: str, payload: dict[str, object]) -> float:
            path = world.folder / "payload.json"
            path.write_text(json.dumps({"hook_event_name": name, **common, **payload}))
            with path.open("rb") as stdin:
                return process(name, ["sh", "-c", line], stdin=stdin, env=environment)

        state = {"number": 0}

        def accept() -> float:
            # The task is opened and pasted as a coordinator does it, outside of the measured time.
            state["number"] += 1
            task = ask.ask(agent, f"what is the port? {state['number']}", asker="chief", asker_kind="chief")
            with spool.lock(agent.ref):
                tasks.note_step(task, Step.TYPED, "bench")
                tasks.note_step(task, Step.PASTED, "bench")
            text = frame.first_line(task["task_id"], "chief") + frame.body(task["task_id"], tasks.prompt_of(task))
            return call(NAMES[0], {"prompt": text, "prompt_id": f"p{state['number']}"})

        def tool() -> float:
            return call(NAMES[1], {"tool_name": "Bash", "tool_input": {"command": "ls"}})

        def stop() -> float:
            said = {"last_assistant_message": f"8080 {state['number']}", "prompt_id": f"p{state['number']}"}
            return call(NAMES[2], said)

        def bare() -> float:
            return process(BARE, [sys.executable, "-I", "-S", "-c", "pass"])

        found = alternate(ground.rounds(40), bare, accept, tool, stop)
        done = [task["status"] for task in world.tasks()]
        assert set(done) == {"done"}, f"a measured call did nothing: {done}"
    rows = [Row("hook", BARE, "ms", found[0])]
    for name, runs in zip(NAMES, found[1:], strict=True):
        rows.append(Row("hook", name, "ms", runs, against=BARE, bar={"over": 14.0}))
    # What the calls take from the machine, which is the same however busy it is.
    rows += [Row("hook", f"{name}: CPU", "ms", runs[1:], against=f"{BARE}: CPU") for name, runs in cpu.items()]
    return compare(rows)


@contextmanager
def _environment(world: World) -> Iterator[None]:
    """Let the functions of ours that run in this process find the world."""
    before, here = dict(os.environ), Path.cwd()
    os.environ.update(world.environment)
    os.chdir(world.project)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        os.chdir(here)
