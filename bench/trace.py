"""Trace one Ctrl-G: which modules of FlowLoom it enters, in which order, and how often one calls another.

    python -m bench.trace [--calls | --json]

The agent is an idle echo agent, and there is no terminal. Only the coordinator is
traced, not the hook calls of the agent.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from bench import ground

ROOT = Path(__file__).resolve().parents[1]
CALLS, AS_JSON = "--calls", "--json"

# Runs in the coordinator, before anything of ours is imported.
TRACED = """
import json, os, sys
sys.path.insert(0, sys.argv.pop(1))
out = sys.argv.pop(1)
name, owner, pairs, order, parsed, steps, paths = {}, "/flowloom/", {}, [], {}, [], []
def module(code):
    file = code.co_filename
    if file not in name:
        at = file.rfind(owner)
        name[file] = file[at + len(owner):-3] if at >= 0 and file.endswith(".py") else ""
    return name[file]
def profile(frame, event, argument):
    if event != "call" or frame.f_code.co_name == "<module>" or frame.f_back is None:
        return
    here, caller = module(frame.f_code), module(frame.f_back.f_code)
    if here and here not in order:
        order.append(here)
    if here == "store/layout" != caller:
        paths.append(caller)  # it makes a path, or checks a name in one
    elif here and caller and here != caller:
        pairs[f"{caller} -> {here}"] = pairs.get(f"{caller} -> {here}", 0) + 1
    if here.endswith("files") and frame.f_code.co_name == "parsed":
        base = os.path.basename(frame.f_locals["path"])
        parsed[base] = parsed.get(base, 0) + 1
    if here == "delegation/runner" and frame.f_code.co_name == "step":
        steps.append(caller)
try:
    from flowloom.editor.main import main
except ImportError:
    from flowloom.editor import main
end = os._exit
def leave(code):
    sys.setprofile(None)
    with open(out, "w") as stream:
        json.dump({"order": order, "pairs": pairs, "parsed": parsed, "steps": len(steps), "paths": len(paths)}, stream)
    end(code)
os._exit = leave
sys.setprofile(profile)
try:
    main()
except SystemExit as left:
    leave(left.code or 0)
"""


def trace() -> dict[str, object]:
    """Return the modules in the order in which they are entered, the calls between them, and the documents parsed.

    `steps` is how often the task was stepped: once more for each event that wakes the coordinator. What `store/layout`
    is asked for is counted apart, as `paths`.
    """
    with ground.own_sockets(), ground.echo_world() as world:
        world.start()
        world.ctrl_g(world.prompt_file("@planning echo: hi\n"))  # what only a first time does is over
        path, out = world.prompt_file("@planning echo: hi\n"), world.project.parent / "trace.json"
        env = {**os.environ, **world.environment, "FLOWLOOM_CHIEF": str(os.getpid())}
        subprocess.run(
            [sys.executable, "-I", "-c", TRACED, str(ROOT / "src"), str(out), str(path)],
            env=env,
            cwd=world.project,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return dict(json.loads(out.read_text()))


def main() -> int:
    ground.forget_the_user()
    found = trace()
    order, pairs, parsed = found["order"], Counter(found["pairs"]), found["parsed"]
    assert isinstance(order, list)
    if AS_JSON in sys.argv:
        print(json.dumps({**found, "calls": sum(pairs.values())}))
        return 0
    print("\n".join(order))
    calls = f"{sum(pairs.values())} calls between modules and {found['paths']} paths in {found['steps']} steps"
    print(f"\n{len(order)} modules, {len(pairs)} pairs, {calls}; parsed: {parsed}")
    if CALLS in sys.argv:
        print("\n".join(f"{count:4} {pair}" for pair, count in pairs.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
