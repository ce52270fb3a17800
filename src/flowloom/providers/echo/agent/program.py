"""The program around the session: the terminal's modes, the signals, the exit code."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import termios
import tty

from flowloom.providers.echo.agent.headless import answer_once
from flowloom.providers.echo.agent.keyboard import Keyboard
from flowloom.providers.echo.agent.loop import begin, run
from flowloom.providers.echo.agent.session import Session, list_sessions


def main(argv: list[str]) -> int:
    """Run the agent on this terminal, or list the sessions; return the exit code."""
    if argv[:1] == ["agents"]:
        print(json.dumps(list_sessions()))
        return 0
    if argv[:1] == ["-p"]:
        return answer_once(sys.stdin.buffer.read().decode("utf-8", "replace"))
    try:
        session, before = Session(argv), termios.tcgetattr(0)
    except (OSError, ValueError, termios.error) as error:
        print(f"echo: cannot start: {error}", file=sys.stderr)
        return 1
    signals = watch_signals()
    try:
        # Not flushed: what was typed while we started belongs to us.
        tty.setraw(0, termios.TCSANOW)
        session.screen.write("\x1b[?2004h")
        early = typed_early()
        begin(session)
        keyboard = Keyboard(session)
        keyboard.feed(early)
        return run(session, keyboard, signals)
    finally:
        session.screen.draw([""], (0, 0))
        session.screen.write("\x1b[?2004l")
        try:
            termios.tcsetattr(0, termios.TCSANOW, before)
        except termios.error:
            pass  # the terminal is gone
        session.unpublish()


def typed_early() -> bytes:
    """Take what was typed before the terminal was raw: until then it turned each Enter into a newline."""
    if not select.select([0], [], [], 0)[0]:
        return b""
    try:
        return os.read(0, 65536).replace(b"\n", b"\r")
    except OSError:
        return b""  # the terminal is gone; the loop will see it


def watch_signals() -> int:
    """Turn the signals that concern us into bytes on a pipe and return its reading end."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for signum in (signal.SIGWINCH, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(signum, lambda *_: None)
    return reading
