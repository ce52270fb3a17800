"""The scripted program: it reads lines and pastes, answers, and notifies; it reports nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tty


def main(argv: list[str]) -> None:
    """Run until `/exit`."""
    notify = json.loads(argv[argv.index("-c") + 1].removeprefix("notify="))
    tty.setraw(0)
    turn, text = 0, ""
    sys.stdout.write("\x1b[?2004hnotifier\r\n> ")
    sys.stdout.flush()
    tell(notify, {"type": "session-ready", "session": str(os.getpid())})
    pasting, kept = False, b""
    while True:
        kept += os.read(0, 65536)
        while kept:
            if kept.startswith(b"\x1b") and len(kept) < 6:
                break
            if kept.startswith((b"\x1b[200~", b"\x1b[201~")):
                pasting, kept = kept.startswith(b"\x1b[200~"), kept[6:]
                continue
            key, kept = kept[:1], kept[1:]
            if key == b"\r" and not pasting:
                said, text = text.encode("latin-1").decode(), ""
                if said.strip() == "/exit":
                    return
                turn += 1
                answer = f"turn {turn}: {body(said)}"
                sys.stdout.write(f"\r\n{answer}\r\n> ".replace("\n", "\r\n"))
                sys.stdout.flush()
                told = {"type": "turn-complete", "turn-id": str(turn), "last-message": answer}
                tell(notify, {**told, "session": str(os.getpid())})
            elif key == b"\x15":
                text = ""
            else:
                text += key.decode("latin-1").replace("\r", "\n")


def body(said: str) -> str:
    """Return a task's text without the lines around it."""
    lines = said.split("\n")
    return "\n".join(lines[1:-1]) if said.startswith("[flowloom task ") else said


def tell(notify: list[str], payload: dict[str, str]) -> None:
    """Run the command with the payload as its last argument, and nothing on its standard input."""
    subprocess.run([*notify, json.dumps(payload)], stdin=subprocess.DEVNULL, check=False)


main(sys.argv)
