"""One turn without a terminal: a prompt on stdin, a result as JSON on stdout, as `claude -p` has it."""

from __future__ import annotations

import json
import os
import select
import sys
import time

from flowloom.providers.echo.agent.answers import big, compose, split, unframe

LOOK_S = 0.02


def answer_once(prompt: str) -> int:
    """Obey the directives that make sense here, print the result and return the exit code."""
    body, directives = split(unframe(prompt))
    result: dict[str, object] = {"type": "result", "is_error": False, "permission_denials": []}
    answer: str | None = None
    for directive in directives:
        name, _, argument = directive.partition(" ")
        match name:
            case "say" | "silent":
                answer = argument.replace("\\n", "\n")
            case "big":
                answer = big(int(argument))
            case "work":
                wait_until(time.monotonic() + float(argument))
            case "hold":
                while not os.path.exists(argument.strip()):
                    wait_until(time.monotonic() + LOOK_S)
            case "ask":
                tool, _, detail = argument.strip().partition(" ")
                call = {"tool_name": tool, "tool_input": {"command" if tool == "Bash" else "file_path": detail}}
                result["permission_denials"] = [call]
            case "fail":
                print(json.dumps({**result, "is_error": True, "result": f"API Error: {argument}"}))
                return 1
            case "die":
                print("echo: died on request", file=sys.stderr)
                return 3
            case _:
                answer = f"echo cannot do this: {directive}"
    if answer is None:
        answer = compose(body, []) if body.strip() else f"echo did: {'; '.join(directives)}"
    print(json.dumps({**result, "result": answer}))
    return 0


def wait_until(moment: float) -> None:
    """Do nothing until then; a signal ends the process, as it ends `claude -p`."""
    select.select([], [], [], max(0.0, moment - time.monotonic()))
