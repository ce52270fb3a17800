"""`python -m bench [--json] [--quick] [--claude PATH] [NAME…]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from pathlib import Path

from bench import commands, ctrl_g, ground, hook, palette, windows
from bench.measure import Row, table

BENCHES = {
    "ctrl-g": ctrl_g.run,
    "hook": hook.run,
    "commands": commands.run,
    "palette": palette.run,
    "start": windows.start,
    "askers": windows.askers,
    "sizes": ctrl_g.sizes,
    "agents": windows.agents,
    "watched": windows.watched,
    "in-line": windows.in_line,
}
# These measure the real Claude Code and nothing else.
REAL = {"ctrl-g", "start", "sizes"}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bench", description="Measure FlowLoom; docs/reference/bench.md says how to read it."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"benches, all by default: {', '.join(BENCHES)}")
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    parser.add_argument("--quick", action="store_true", help="three runs each: does it work, not how fast is it")
    parser.add_argument(
        "--claude", metavar="PATH", help="the Claude Code; the newest of FLOWLOOM_TEST_CLAUDE by default"
    )
    given = parser.parse_args()
    for name in given.names:
        if name not in BENCHES:
            parser.error(f"there is no bench {name!r}; there are: {', '.join(BENCHES)}")
    # However it is ended, its worlds end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    claude = ground.newest_claude(given.claude)
    ground.forget_the_user()
    rows: list[Row] = []
    with ground.own_sockets():
        for name in given.names or BENCHES:
            if name in REAL and not claude:
                print(
                    f"{name}: skipped, there is no Claude Code (--claude PATH, or FLOWLOOM_TEST_CLAUDE)",
                    file=sys.stderr,
                )
                continue
            print(f"{name} …", file=sys.stderr)
            rows += BENCHES[name](ground.Ground(claude=claude, quick=given.quick))
    machine = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "claude": Path(claude).parent.name,
    }
    if given.json:
        print(json.dumps({"version": 1, "machine": machine, "rows": [row.document() for row in rows]}, indent=1))
    else:
        print("\n".join(f"{name} {value}" for name, value in machine.items()) + "\n\n" + table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
