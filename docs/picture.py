"""Make the README's picture: Ctrl-G at work in a real Claude Code, captured from a real tmux, as one animated SVG.

Run with `make picture CLAUDE=/path/to/claude` (any Claude Code binary; the
model is the small one of the tests, on loopback, so nothing is sent anywhere).
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
import threading
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text
from tests.support.messages_api import Call, MessagesApi, Say
from tests.support.world import EDITOR, World

COLUMNS, ROWS = 96, 26
FRAME_S = 3.5
PLAN = """1. `src/limits.py`: a token bucket per client, 60 requests a minute, kept in Redis.
2. `src/api.py`: one middleware that asks it and answers 429 with Retry-After.
3. Tests: the burst, the refill, two clients at once.
Risk: clients behind one proxy share an address; key by API token instead."""


class Stage:
    """A Chief in a tmux window of its own, next to the world of its agents."""

    def __init__(self, world: World) -> None:
        self.world = world
        env = [f"-e{name}={EDITOR}" for name in ("VISUAL", "EDITOR")]
        self.tmux(
            "new-session", "-d", "-s", "chief", "-x", str(COLUMNS), "-y", str(ROWS), *env, "-c", str(world.project)
        )
        self.tmux("set-option", "-g", "status", "off")
        self.tmux(
            "respawn-pane",
            "-k",
            "-t",
            "chief",
            "env",
            "-u",
            "TMUX",
            "-u",
            "TMUX_PANE",
            world.environment["FLOWLOOM_CLAUDE"],
        )

    def tmux(self, *words: str) -> str:
        """Run a tmux command on the Chief's server, which is not the agents'."""
        return self.world.run("tmux", "-f", "/dev/null", "-L", f"{self.world.socket}-chief", *words).stdout.decode()

    def screen(self) -> str:
        """Return what the Chief's terminal shows, with its colours, and the folder as a user would have it."""
        return self.tmux("capture-pane", "-p", "-e", "-t", "chief").replace(str(self.world.project), "~/site")

    def until(self, words: str) -> str:
        """Wait until the Chief's terminal shows `words` and return its screen."""
        self.world.until(lambda: words in re.sub(r"\x1b\[[0-9;]*m", "", self.screen()), words)
        return self.screen()

    def keys(self, *keys: str) -> None:
        """Press keys in the Chief's terminal."""
        self.tmux("send-keys", "-t", "chief", *keys)


def record(binary: str, folder: Path) -> list[tuple[str, str]]:
    """Play the scene and return its frames: a title and a screen with colours."""
    world = World(folder)
    go_on = threading.Event()
    frames = []
    with MessagesApi() as api:
        look = Call(
            "Bash",
            {"command": "ls src tests", "description": "Look at the layout"},
            "Reading the middleware and its tests…",
        )
        api.on("rate limiting", look, Say(PLAN, hold=go_on))
        world.use_claude(binary, api.url)
        for name in ("src/api.py", "tests/test_api.py"):
            (world.project / name).parent.mkdir(exist_ok=True)
            (world.project / name).write_text("")
        try:
            world.start("planning", "--", "--permission-mode", "acceptEdits", "--allowedTools", "Bash")
            stage = Stage(world)
            stage.until("❯")
            stage.keys("-l", "@planning how do we add rate limiting to the API?")
            frames.append(("In Claude Code, address an agent, then press Ctrl-G", stage.until("rate limiting")))
            stage.keys("C-g")
            stage.until("Reading the middleware")
            frames.append(("FlowLoom hands it over; you see the agent work", stage.screen()))
            go_on.set()
            stage.until("Reply from planning")
            frames.append(
                ("Its reply is in your prompt: press Enter, or keep writing", stage.until("share an address"))
            )
            return frames
        finally:
            stage.tmux("kill-server")
            world.end()


def svg_of(title: str, screen: str, number: int) -> str:
    """Return one frame as an SVG document."""
    console = Console(width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    lines = screen.rstrip("\n").split("\n")
    for line in lines + [""] * (ROWS - len(lines)):
        console.print(Text.from_ansi(line), no_wrap=True, crop=True)
    drawn = console.export_svg(title=title, theme=MONOKAI, unique_id=f"f{number}")
    # No font from elsewhere: a picture in a README loads nothing.
    return re.sub(r"@font-face \{.*?\}\n?", "", drawn, flags=re.DOTALL).replace(
        "Fira Code", "ui-monospace, Menlo, monospace"
    )


def animated(frames: list[str]) -> str:
    """Return one SVG that shows the frames in turn; where nothing moves, the last one."""
    head = re.search(r'viewBox="([^"]+)"', frames[0])
    assert head is not None
    total, share = len(frames) * FRAME_S, 100 / len(frames)
    style = [f"@keyframes show {{0%,{share:.2f}% {{opacity:1}} {share + 0.01:.2f}%,100% {{opacity:0}}}}"]
    bodies = []
    for number, frame in enumerate(frames):
        inner = re.sub(r"^<svg[^>]*>|</svg>\s*$", "", frame.strip())
        delay = number * FRAME_S - total
        style.append(f".g{number} {{animation: show {total}s step-end {delay}s infinite}}")
        bodies.append(f'<g class="g{number}">{inner}</g>')
    styles, drawn = " ".join(style), "".join(bodies)
    return f'<svg viewBox="{head.group(1)}" xmlns="http://www.w3.org/2000/svg"><style>{styles}</style>{drawn}</svg>\n'


def main() -> None:
    """Write docs/ctrl-g.svg."""
    with tempfile.TemporaryDirectory() as folder:
        frames = record(sys.argv[1], Path(folder) / "w")
    pictures = [svg_of(title, screen, number) for number, (title, screen) in enumerate(frames)]
    Path(__file__).with_name("ctrl-g.svg").write_text(animated(pictures))


if __name__ == "__main__":
    main()
