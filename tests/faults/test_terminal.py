"""What the terminal looks like after `hooks/editor`, whatever became of it; and whom the keys reach meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.support.seat import ChiefSeat, Seat, until_now
from tests.support.world import EDITOR, ROOT, World

pytestmark = [pytest.mark.tmux, pytest.mark.faults]

AS_FOUND = (True, True, "")
Act = Callable[[ChiefSeat], None]


ASKS = {"q": "Stop?", "C-x": "Interrupt planning?"}


def press(*keys: str) -> Act:
    def act(seat: ChiefSeat) -> None:
        seat.shows("planning is working")
        for key in keys:
            seat.press(key)
            if key in ASKS:
                seat.shows(ASKS[key])

    return act


def send(number: int, *, stub: bool = False) -> Act:
    def act(seat: ChiefSeat) -> None:
        seat.shows("planning is working")
        pid = seat.editor_pid()
        os.kill(psutil.Process(pid).ppid() if stub else pid, number)

    return act


def read_failure(seat: ChiefSeat) -> None:
    seat.shows("a open its window   any other key goes back")
    assert "rate_limit" in seat.screen()
    seat.press("a")
    seat.shows("back to your prompt")
    seat.press("C-b")
    seat.press("d")
    seat.shows("Your draft is unchanged.")
    seat.press("x")


def runs(pid: int) -> bool:
    """Tell whether a process runs; what nobody has collected does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def nothing(seat: ChiefSeat) -> None:
    return


HOLD = "@planning wait\necho: hold {go}\n"
ENDS = {
    "reply": ("@planning hello\n", nothing, 0),
    "failure": ("@planning hello\necho: fail rate_limit\n", read_failure, 1),
    "no agent of that name": ("@nobody hello\n", nothing, 1),
    "stopped": (HOLD, press("q", "s"), 130),
    "interrupted": (HOLD, press("C-x", "y"), 130),
    "left": (HOLD, press("l"), 0),
    "SIGTERM": (HOLD, send(signal.SIGTERM), 130),
    "SIGHUP": (HOLD, send(signal.SIGHUP), 130),
    "SIGTERM to the stub": (HOLD, send(signal.SIGTERM, stub=True), 130),
    "SIGINT and SIGQUIT to the stub": (
        HOLD,
        lambda seat: [send(n, stub=True)(seat) for n in (2, 3)] and press("l")(seat),
        0,
    ),
    "SIGKILL": (HOLD, send(signal.SIGKILL), 137),
    "SIGINT and SIGTSTP from somebody": (HOLD, lambda seat: [send(n)(seat) for n in (2, 20)] and press("l")(seat), 0),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_terminal_comes_back_as_it_was_lent(world: World, name: str) -> None:
    prompt, act, code = ENDS[name]
    world.start()
    seat = ChiefSeat(world)
    go = world.folder / "go"
    draft = prompt.format(go=go)
    path = world.prompt_file(draft)
    seat.ctrl_g(path)
    act(seat)
    assert seat.given_back() == AS_FOUND
    assert seat.ended()["code"] == code
    if code:
        assert path.read_text() == draft
    elif name == "reply":
        assert path.read_text().endswith("\n\necho heard: hello")
    else:
        assert path.read_text() == ""
    go.touch()
    if name not in ("failure", "no agent of that name", "interrupted", "SIGKILL"):
        # Whatever the person or a signal did, the task goes on and its reply is kept.
        world.until_step("done")


def test_a_bug_of_ours_is_told_and_gives_the_terminal_back(world: World) -> None:
    # A copy of FlowLoom in which a step fails in a way that nobody foresaw.
    root = world.folder / "copy"
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "hooks", root / "hooks")
    (root / ".venv").symlink_to(ROOT / ".venv")
    module = root / "src" / "flowloom" / "delegation" / "runner.py"
    text = module.read_text()
    assert "        self._line_wait.bell.drain()\n" in text
    module.write_text(
        text.replace("        self._line_wait.bell.drain()\n", "        raise ZeroDivisionError('unforeseen')\n")
    )
    world.start()
    seat = ChiefSeat(world, editor=root / "hooks" / "editor")
    path = world.prompt_file("@planning hello\n")
    seat.ctrl_g(path)
    assert "ZeroDivisionError: unforeseen" in " ".join(seat.shows("Your draft is unchanged.").split())
    seat.press("x")
    assert seat.given_back() == AS_FOUND
    assert (seat.ended()["code"], path.read_text()) == (70, "@planning hello\n")
    reports = [report.read_text() for report in (world.state / "log").glob("bug-*.txt")]
    assert [f"\nin task {world.task()['task_id']}: " in report for report in reports] == [True]


def test_a_resize_during_the_wait_leaves_keys_and_screen_readable(world: World) -> None:
    world.start()
    seat = ChiefSeat(world)
    path = world.prompt_file(HOLD.format(go=world.folder / "go"))
    seat.ctrl_g(path)
    seat.shows("leave it running")
    for columns, rows in ((300, 100), (20, 5), (80, 24)):
        seat.resize(columns, rows)
        widest = min(columns, 110) - len("planning@site  ") - 5

        def fits(columns: int = columns, rows: int = rows) -> bool:
            lines = seat.screen().splitlines()
            return (
                "q stop" in "\n".join(lines)
                and lines[0].startswith((" planning@site", " FlowLoom"))
                and (lines[0].startswith(" FlowLoom") == (columns > 20))
            )

        world.until(fits, f"redrawn at {columns}x{rows}: {widest}")
    (world.folder / "go").touch()
    assert seat.given_back() == AS_FOUND
    assert seat.ended()["code"] == 0


def test_the_wait_goes_on_showing_the_window_of_an_agent_that_works(world: World) -> None:
    world.start()
    seat = ChiefSeat(world)
    seat.ctrl_g(world.prompt_file(HOLD.format(go=world.folder / "go")))
    seat.shows("planning is working")
    seat.resize(120, 60)  # with its input box
    for word in ("heron", "wren"):
        # No hook and no file of the program's tells of what a person types.
        world.tmux("send-keys", "-t", world.pane(), word)
        seat.shows(word)
    (world.folder / "go").touch()
    assert seat.ended()["code"] == 0


def test_ctrl_c_as_early_as_can_be_never_reaches_who_lent_the_terminal(world: World) -> None:
    world.start()
    seat = ChiefSeat(world)
    pid = 0
    took = []
    for number in range(50):
        path = world.prompt_file(f"@planning hello {number}\n")
        seat.ctrl_g(path)
        took.append(until_now(seat, lambda: not seat.signals_on()))
        seat.press("C-c", "C-c", "C-z", "C-\\")
        assert seat.ended()["code"] in (0, 130), seat.screen()
        assert seat.alive()
        pid = pid or seat.told("began")["pid"]
        assert seat.told("began")["pid"] == pid
        assert (seat.ended()["attributes_kept"], seat.ended()["left_over"]) == (True, "")
    # From the call to signals off; Claude Code's own start of an editor is not in it.
    assert sorted(took)[25] < 0.05, took


def test_signals_stay_off_until_our_python_is_gone(world: World) -> None:
    world.start()
    seat = ChiefSeat(world)
    seat.ctrl_g(world.prompt_file("@planning hello\necho: work 0.3\n"))
    pid = seat.editor_pid()
    while (seat.told("ended") or {}).get("number") != 1:
        assert not (seat.signals_on() and runs(pid))
    assert seat.given_back() == AS_FOUND


def test_keys_typed_while_waiting_are_not_left_for_claude_code(world: World) -> None:
    world.start()
    seat = ChiefSeat(world)
    path = world.prompt_file(HOLD.format(go=world.folder / "go"))
    seat.ctrl_g(path)
    world.until(lambda: not seat.signals_on(), "Claude Code lends it with an echo")
    seat.press("x", "Enter", "y", "Enter", "C-z", "Up", "F5")  # some of them before our screen is up
    seat.shows("planning is working")
    seat.press("Enter", "x", "Enter")
    (world.folder / "go").touch()
    seat.press("Enter", "Enter", "z")
    assert seat.given_back() == AS_FOUND
    assert seat.ended()["code"] == 0


NOISE = {
    "focus": b"\x1b[O\x1b[I",
    "mouse": b"\x1b[<0;10;5M\x1b[<0;10;5m\x1b[M !!",
    "paste": b"\x1b[200~lcs\x1b[201~",
    "paste without brackets": b"lcs and so on\rl\r",
    "arrows and function keys": b"\x1b[A\x1bOP\x1b[15~\x1bl\x1b[1;5C",
    "answers of a terminal": b"\x1b]10;rgb:ffff/ffff/ffff\x07\x1b[?62;c\x1bP>|term\x1b\\",
    "another key of the kitty protocol": b"\x1b[97;6u\x1b[57441u\x1b[108;1:3u",
}


def test_noise_on_the_terminal_presses_no_key(world: World) -> None:
    world.start()
    seat = ChiefSeat(world)
    seat.ctrl_g(world.prompt_file(HOLD.format(go=world.folder / "go")))
    seat.shows("planning is working")
    for name, raw in NOISE.items():
        seat.send(raw)
        seat.send(b"\x1b[99;5u")  # Ctrl-C as the kitty protocol has it: all before it has been read now
        assert "stop waiting" in seat.shows("Stop?"), name
        seat.press("Escape")
        world.until(lambda: "Stop?" not in seat.screen(), f"{name}: back to the wait")
        world.until(lambda: "leave it running" in seat.screen(), name)
    (world.folder / "go").touch()
    assert seat.given_back() == AS_FOUND
    assert seat.ended()["code"] == 0


def test_two_ctrl_c_stop_waiting_and_two_at_once_do_not(world: World) -> None:
    world.start()
    seat = ChiefSeat(world)
    seat.ctrl_g(world.prompt_file(HOLD.format(go=world.folder / "go")))
    seat.shows("planning is working")
    seat.press("C-c", "C-c", "C-c")
    seat.shows("Stop?")
    seen = time.monotonic() + 0.4
    world.until(lambda: time.monotonic() > seen, "the question was there long enough to be seen")
    seat.press("C-c")
    assert (seat.given_back()[0], seat.ended()["code"]) == (True, 130)
    (world.folder / "go").touch()
    world.until_step("done")


def test_attach_from_another_server_returns_on_detach_and_the_task_goes_on_meanwhile(
    world: World, other_server: str
) -> None:
    world.start()
    world.flowloom("ask", "planning", f"first\necho: hold {world.folder / 'first'}", "--no-wait")
    world.until_step("accepted")
    seat = ChiefSeat(world, socket=other_server)
    path = world.prompt_file(HOLD.format(go=world.folder / "go"))
    seat.ctrl_g(path)
    seat.shows("in line for planning, 1 ahead")
    seat.press("a")
    # It has a prefix of its own, and these keys are pressed behind it.
    seat.shows("C-b C-b d: back to your prompt")
    seat.shows("echo · esc to interrupt")
    (world.folder / "first").touch()
    world.until_step("accepted")  # delivered while somebody looks
    seat.press("C-b")
    seat.press("d")
    seat.shows("planning is working")
    (world.folder / "go").touch()
    assert seat.given_back() == AS_FOUND
    assert (seat.ended()["code"], path.read_text()[:19]) == (0, "Reply from planning")


def test_a_reply_that_comes_while_attached_waits_for_the_detach(world: World, other_server: str) -> None:
    world.start()
    seat = ChiefSeat(world, socket=other_server)
    path = world.prompt_file(HOLD.format(go=world.folder / "go"))
    seat.ctrl_g(path)
    seat.shows("planning is working")
    seat.press("a")
    seat.shows("C-b C-b d: back to your prompt")
    (world.folder / "go").touch()
    seat.shows("planning has replied")
    assert seat.told("ended") is None
    seat.press("C-b")
    seat.press("d")
    assert seat.ended()["code"] == 0


def person_at(world: World, seat: ChiefSeat, *, socket: str) -> Seat:
    """Return a person's own client, on another server, that shows the seat."""
    command = ("env", "-u", "TMUX", "-u", "TMUX_PANE", "tmux", "-L", seat.socket, "attach", "-t", f"={seat.session}:")
    return Seat(world, *command, columns=100, rows=30, socket=socket)


def window_size(world: World) -> str:
    return world.tmux("display-message", "-p", "-t", world.pane(), "#{window_width}x#{window_height}").strip()


# Whether the Chief is on the agents' own server, the prefix there, and the keys that bring back.
BACK = {
    "the agents' own server": (True, "C-b", ["C-b", "d"]),
    "another server with the same prefix": (False, "C-b", ["C-b", "d"]),
    "the person's own prefix": (True, "C-a", ["C-a", "d"]),
}


@pytest.mark.parametrize("name", BACK)
def test_prefix_and_d_bring_back_from_a_window_inside_of_tmux(world: World, other_server: str, name: str) -> None:
    same, prefix, keys = BACK[name]
    world.start()
    seat = ChiefSeat(world, socket=world.socket if same else other_server)
    world.tmux("set-option", "-g", "prefix", prefix)
    seat.tmux("rename-session", "-t", seat.session, "my | own")
    seat.session = "my | own"
    world.tmux("new-session", "-d", "-s", "theirs", "cat")
    size = window_size(world)
    person = person_at(world, seat, socket=f"{other_server}-p")
    theirs = Seat(
        world, "env", "-u", "TMUX", "tmux", "-L", world.socket, "attach", "-t", "theirs", socket=person.socket
    )
    try:
        person.shows("a draft")
        seat.ctrl_g(world.prompt_file(HOLD.format(go=world.folder / "go")))
        person.shows("planning is working")
        # The other client is the last one used: without a hint tmux would take that one.
        theirs.type("hello")
        theirs.shows("hello")
        person.press("a")
        person.shows(f"{' '.join(keys)}: back to your prompt")
        person.shows("echo · esc to interrupt")
        assert "a scripted agent" not in theirs.screen()
        # The popup has the keys: what is typed reaches the agent, and the wait takes no `l` for its own.
        person.type("l")
        (world.folder / "go").touch()
        person.shows("planning has replied")
        assert seat.told("ended") is None
        for key in keys:  # one after the other: tmux takes what comes within a millisecond for a paste
            person.press(key)
        assert seat.ended()["code"] == 0
        assert person.alive()
        person.shows("a draft")
        assert window_size(world) == size
        assert [each for each in sessions(world) if each.startswith("flowloom-view-")] == []
    finally:
        person.tmux("kill-server")


def sessions(world: World) -> list[str]:
    return world.tmux("list-sessions", "-F", "#{session_name}").splitlines()


def test_where_a_popup_is_open_already_the_window_is_shown_on_our_own_terminal(world: World, other_server: str) -> None:
    world.start()
    seat = ChiefSeat(world)
    person = person_at(world, seat, socket=other_server)
    person.shows("a draft")
    seat.ctrl_g(world.prompt_file(HOLD.format(go=world.folder / "go")))
    person.shows("planning is working")
    client = world.tmux("list-clients", "-F", "#{client_name}").strip()
    popup = world.popen("tmux", "-L", world.socket, "display-popup", "-c", client, "-E", "-w", "20", "-h", "5", "cat")
    world.until(lambda: "└──────────────────┘" in person.screen(), "a popup is open")
    seat.press("a")
    seat.shows("C-b C-b d: back to your prompt")
    seat.press("C-b")
    seat.press("d")
    seat.shows("planning is working")
    popup.kill()
    (world.folder / "go").touch()
    assert seat.ended()["code"] == 0


def test_an_editor_that_is_ended_takes_the_visitor_back(world: World, other_server: str) -> None:
    world.start()
    seat = ChiefSeat(world)
    size = window_size(world)
    person = person_at(world, seat, socket=other_server)
    person.shows("a draft")
    seat.ctrl_g(world.prompt_file(HOLD.format(go=world.folder / "go")))
    person.shows("planning is working")
    person.press("a")
    person.shows("C-b d: back to your prompt")
    os.kill(seat.editor_pid(), signal.SIGTERM)
    assert seat.ended()["code"] == 130
    person.shows("a draft")
    assert window_size(world) == size
    assert [each for each in sessions(world) if each.startswith("flowloom-view-")] == []


def test_what_a_killed_editor_left_of_a_visit_is_ended_by_the_next_one(world: World, other_server: str) -> None:
    world.start()
    seat = ChiefSeat(world)
    person = person_at(world, seat, socket=other_server)
    person.shows("a draft")
    seat.ctrl_g(world.prompt_file(HOLD.format(go=world.folder / "go")))
    person.shows("planning is working")
    person.press("a")
    person.shows("C-b d: back to your prompt")
    os.kill(seat.editor_pid(), signal.SIGKILL)
    world.killed = True
    assert seat.ended()["code"] == 137
    # The person is still in the window, and comes back by the same keys.
    person.press("C-b")
    person.press("d")
    person.shows("a draft")
    (left,) = [each for each in sessions(world) if each.startswith("flowloom-view-")]
    seat.ctrl_g(world.prompt_file("@planning again"))
    person.shows("a open its window")
    person.press("a")
    person.shows("C-b d: back to your prompt")
    assert left not in sessions(world)
    person.press("C-b")
    person.press("d")
    seat.shows("a open its window")
    seat.press("l")
    assert seat.ended()["code"] == 0


def test_a_key_that_does_nothing_says_what_to_press(world: World) -> None:
    world.start()
    seat = ChiefSeat(world)
    seat.ctrl_g(world.prompt_file("@planning may I\necho: ask Bash: make\n"))
    seat.shows("a answer")
    for key in ("1", "Enter", "Down"):
        seat.press(key)
        seat.shows("Press a to answer planning in its window")
        seat.press("?")
        seat.shows("press any key to go back")
        seat.press("x")
        seat.shows("a answer")
    assert world.task()["status"] == "accepted"
    seat.press("l")
    assert seat.ended()["code"] == 0


def test_a_killed_stub_takes_our_python_along_and_the_task_goes_on(world: World) -> None:
    world.start()
    seat = ChiefSeat(world)
    seat.ctrl_g(world.prompt_file(HOLD.format(go=world.folder / "go")))
    seat.shows("planning is working")
    pid = seat.editor_pid()
    os.kill(psutil.Process(pid).ppid(), signal.SIGKILL)
    taken_back = seat.ended() and seat.attributes()
    world.until(lambda: not runs(pid), "nobody reads Claude Code's keys any longer")
    # What Claude Code has set meanwhile stays: with our attributes it would get no key.
    assert seat.attributes() == taken_back
    assert not seat.signals_on()
    assert not seat.attributes()[3] & termios.ICANON
    (world.folder / "go").touch()
    world.until_step("done")


def test_without_a_terminal_a_failure_is_one_line_on_stderr(world: World) -> None:
    world.start()
    path = world.prompt_file("@planning hello\necho: fail rate_limit\n")
    done = world.ctrl_g(path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"flowloom: task ")
    assert done.stderr.count(b"\n") == 1
    assert path.read_text() == "@planning hello\necho: fail rate_limit\n"


# The real editor.


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


WROTE = 'for last; do :; done; printf "%s|" "$0" "$@" >>"{log}"; echo >>"{log}"; exit 7'
PROMPT = "claude-prompt-1.md"
# What is edited, what stands in it, the environment; and the arguments that the real editor gets before the file.
FALLBACKS: dict[str, tuple[str, str, dict[str, str], list[str]]] = {
    "a file that is no prompt": ("COMMIT_EDITMSG", "@planning hello", {"FLOWLOOM_EDITOR": "{ed}"}, []),
    "a name with spaces": ("a note; $(touch x) *.md", "", {"FLOWLOOM_EDITOR": "{ed}"}, []),
    "inside of an agent": (PROMPT, "@planning hi", {"FLOWLOOM_EDITOR": "{ed}", "FLOWLOOM_AGENT": "testing@site"}, []),
    "no route": (PROMPT, "hello", {"FLOWLOOM_EDITOR": "{ed}"}, []),
    "a file mention": (PROMPT, "@README.md is old", {"FLOWLOOM_EDITOR": "{ed}"}, []),
    "an unknown name": (PROMPT, "@nobody hello", {"FLOWLOOM_EDITOR": "{ed}"}, []),
    "an empty prompt": (PROMPT, "", {"FLOWLOOM_EDITOR": "{ed}"}, []),
    "arguments": (PROMPT, "", {"FLOWLOOM_EDITOR": "{ed} --wait -n"}, ["--wait", "-n"]),
    "arguments in quotes": (PROMPT, "", {"FLOWLOOM_EDITOR": "'{spaced}' -a 'My App' '*'"}, ["-a", "My App", "*"]),
    "a path with spaces": (PROMPT, "", {"FLOWLOOM_EDITOR": "{spaced}"}, []),
    "VISUAL": (PROMPT, "", {"FLOWLOOM_EDITOR": "", "VISUAL": "{ed}", "EDITOR": "false"}, []),
    "EDITOR where VISUAL is us": (PROMPT, "", {"FLOWLOOM_EDITOR": "", "VISUAL": "{us}", "EDITOR": "{ed}"}, []),
    "a link to us": (PROMPT, "", {"FLOWLOOM_EDITOR": "", "VISUAL": "{link}", "EDITOR": "{ed} -x"}, ["-x"]),
    "one that is not there": (PROMPT, "", {"FLOWLOOM_EDITOR": "/nowhere/ed", "VISUAL": "{ed}"}, []),
    "sensible-editor, which asks too": (PROMPT, "", {"FLOWLOOM_EDITOR": "", "VISUAL": "{us}", "EDITOR": "{us}"}, []),
}  # fmt: skip


@pytest.mark.parametrize("name", FALLBACKS)
def test_the_real_editor_gets(world: World, name: str) -> None:
    file, text, environment, arguments = FALLBACKS[name]
    log = world.folder / "log"
    ed = script(world.folder / "ed", WROTE.format(log=log))
    spaced = script(world.folder / "my editors" / "ed", WROTE.format(log=log))
    link = world.folder / "link"
    link.symlink_to(EDITOR)
    # Debian's, in short.
    script(world.folder / "bin" / "sensible-editor", f'${{VISUAL:-${{EDITOR:-{ed}}}}} "$@"')
    paths = {"ed": ed, "spaced": spaced, "us": EDITOR, "link": link}
    variables = {key: value.format(**paths) for key, value in environment.items()}
    edited = world.folder / "edited" / file
    edited.parent.mkdir()
    edited.write_text(text)
    path = f"{world.folder / 'bin'}:{os.environ['PATH']}"
    done = world.run(str(EDITOR), str(edited), env={"PATH": path, **variables})
    assert done.returncode == 7, done.stderr
    program = spaced if "spaced" in str(environment) else ed
    assert log.read_text() == "|".join([str(program), *arguments, str(edited), "\n"])
    assert edited.read_text() == text


def test_no_editor_at_all_is_said_and_changes_nothing(world: World) -> None:
    path = world.prompt_file("hello")
    tools = world.folder / "bin"
    tools.mkdir()
    for tool in ("sh", "stty", "readlink", "grep", "git"):
        (tools / tool).symlink_to(shutil.which(tool) or "")
    done = world.run(str(EDITOR), str(path), env={"PATH": str(tools), "FLOWLOOM_EDITOR": ""})
    assert (done.returncode, path.read_text()) == (1, "hello")
    assert done.stderr == b"flowloom: no editor found; set FLOWLOOM_EDITOR to an editor\n"


def test_the_real_editor_has_the_terminal_in_cooked_mode(world: World) -> None:
    world.environment["FLOWLOOM_EDITOR"] = str(
        script(world.folder / "ed", "stty -a >state; read line; echo $line >>state")
    )
    seat = ChiefSeat(world)
    seat.ctrl_g(world.prompt_file("no route\n"))
    world.until(lambda: "\nisig " in (world.project / "state").read_text(), "it runs")
    state = (world.project / "state").read_text()
    assert " -icanon" not in state
    assert " -echo " not in state
    seat.press("o", "k", "Enter")
    assert seat.ended()["code"] == 0
    assert (world.project / "state").read_text().endswith("ok\n")


def test_a_link_to_the_editor_finds_flowloom(world: World) -> None:
    world.start()
    link = world.folder / "flowloom-editor"
    link.symlink_to(EDITOR)
    path = world.prompt_file("@planning hello\n")
    done = world.run(str(link), str(path))
    assert (done.returncode, done.stderr) == (0, b"")
    assert path.read_text().endswith("echo heard: hello")


def test_a_task_that_waits_for_a_person_holds_nobody_up(world: World) -> None:
    world.start()
    seat = ChiefSeat(world)
    seat.ctrl_g(world.prompt_file(f"@planning one\necho:hold {world.folder / 'go'}\n"))
    world.until_step("accepted")
    world.keys("Escape")
    seat.shows("keep waiting: its next message")
    seat.press("w")
    seat.shows("is working in planning")
    assert world.ask("planning", "two") == "echo heard: two"
    world.keys("three", "Enter")
    assert seat.ended()["code"] == 0
    assert world.task(0)["status"] == "done"


@pytest.mark.parametrize("key", ["", "n"])
def test_the_palette_ends_with_a_chief_that_was_killed(world: World, key: str) -> None:
    path = world.prompt_file("no route\n")
    # The terminal lives on: it belongs to the shell that the Chief was started from.
    seat = Seat(world, "sh", "-i", FLOWLOOM_NO_ROUTE="palette", PS1="the shell> ")
    call = f"import subprocess; subprocess.call([{str(EDITOR)!r}, {str(path)!r}])"
    seat.type(f'exec 3>&1; {sys.executable} -c "{call}"\n')
    seat.shows("Send to")
    if key:
        seat.press(key)
        seat.shows("New agent's name")
    family = psutil.Process(int(seat.tmux("display-message", "-p", "-t", seat.session, "#{pane_pid}"))).children(True)
    family[0].kill()
    world.until(lambda: not any(process.is_running() for process in family), "all of them have ended", 10)
    assert path.read_text() == "no route\n"


# A draft, the user's Claude Code, the key; what the palette says.
REFUSED = {
    "parallel, too long": ("word " * 30_000, "true", "p", "too long for a parallel Claude"),
    "parallel, not installed": ("word", "/no/such/claude", "p", "a parallel Claude cannot start"),
    "terminal, too long": ("word " * 30_000, "true", "t", "too long for $PROMPT"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_not_reach_a_window_stays_in_the_box(world: World, name: str) -> None:
    draft, program, key, said = REFUSED[name]
    seat = ChiefSeat(world, FLOWLOOM_NO_ROUTE="palette", FLOWLOOM_CLAUDE=program)
    path = world.prompt_file(draft)
    seat.ctrl_g(path)
    seat.shows("Send to")
    seat.press(key)
    seat.shows(said)
    seat.press("Escape")
    assert seat.ended()["code"] == 130
    assert path.read_text() == draft
