"""Stand in for Claude Code on a terminal: lend it to an editor, and say in what state it came back.

`g` runs the editor on the file that FOLDER/next names, in cooked mode and in our
own process group, as Claude Code does; FOLDER/began and FOLDER/ended say when and
how. A signal from the terminal kills this program, as it kills Claude Code.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import termios
import time
import tty

folder, editor = sys.argv[1:3]
cooked = termios.tcgetattr(0)


def say(name: str, **facts: object) -> None:
    with open(f"{folder}/.{name}", "w", encoding="utf-8") as stream:
        json.dump(facts, stream)
    os.replace(f"{folder}/.{name}", f"{folder}/{name}")


def left_over() -> str:
    """Return what was typed before and would now be taken for keys of ours."""
    found = b""
    while select.select([0], [], [], 0.02)[0]:
        found += os.read(0, 4096)
    return found.decode(errors="replace")


def lend(number: int) -> None:
    """Run the editor once."""
    with open(f"{folder}/next", encoding="utf-8") as stream:
        path = stream.read()
    termios.tcsetattr(0, termios.TCSADRAIN, cooked)
    say("began", number=number, at=time.monotonic(), pid=os.getpid())
    process = subprocess.Popen([editor, path])
    code = process.wait()
    back = termios.tcgetattr(0)
    # What is pending is kept, not flushed: it is what the next lines look for.
    tty.setraw(0, termios.TCSANOW)
    say("ended", number=number, code=code, attributes_kept=back == cooked, left_over=left_over())


print("\x1b[1mthe chief\x1b[0m\r\n" + "\r\n".join(f"line {row} of its conversation" for row in range(3)))
sys.stdout.write("> a draft")
sys.stdout.flush()
tty.setraw(0)
say("ready")
runs = 0
while True:
    typed = os.read(0, 1)
    if typed == b"g":
        runs += 1
        lend(runs)
    elif typed in (b"q", b""):
        break
