"""The port to tmux, on a real server with whatever its user has configured."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.seat import Seat
from tests.support.world import World

from flowloom.clock import Deadline
from flowloom.errors import TmuxFailed, TmuxUnreachable
from flowloom.ports.tmux import reach
from flowloom.ports.tmux.formats import Look, quoted
from flowloom.ports.tmux.inventory import Inventory
from flowloom.ports.tmux.server import Tmux

pytestmark = pytest.mark.tmux


@pytest.fixture
def port(world: World) -> Tmux:
    """The port on this world's server, which does not run yet."""
    return Tmux(world.socket)


def until(condition: Callable[[], object], what: str) -> None:
    deadline = Deadline(10.0)
    while not condition():
        assert not deadline.over(), what
        os.sched_yield()


def names(port: Tmux, session: str) -> list[str]:
    """Return the names of all windows of a session."""
    return [window.name for window in port.every_window() if window.session == session]


def opened(port: Tmux, *command: str, name: str = "planning", session: str = "Claude") -> tuple[str, str]:
    # Two words, as ours always has: tmux gives a single one to the user's shell.
    return port.open_window(session, name, f"{name}@site", "/", list(command or ["cat", "-"]))


def dead(port: Tmux, pane: str) -> bool:
    port.collect()
    look = port.look(pane)
    return look is not None and look.dead


def end_of(port: Tmux, pane: str) -> str:
    port.collect()
    look = port.look(pane)
    return look.end if look else ""


def pid_of(port: Tmux, pane: str) -> int:
    look = port.look(pane)
    return look.pid if look else 0


def shows(port: Tmux, pane: str, words: str) -> None:
    until(lambda: words in port.history(pane), f"{words!r} in {port.history(pane)!r}")


def paste(port: Tmux, pane: str, folder: Path, text: str, *, enter: bool = True) -> bool:
    path = folder / "body"
    path.write_text(text)
    return port.paste(pane, {"flowloom-7k2m-1": str(path)}, *(["Enter"] if enter else [])) == "pasted"


def test_a_window_is_ours_by_its_mark_and_looked_at_by_its_pane(port: Tmux, world: World) -> None:
    window, pane = opened(port, "sh", "-c", "printf '\\033[2mhello\\033[0m'; exec cat")
    shows(port, pane, "hello")
    look = port.look(pane)
    assert look is not None
    assert (look.dead, look.in_mode, look.window_id, look.agent_id) == (False, False, window, "planning@site")
    assert look.end == ""
    assert "\x1b[2mhello" in look.screen
    assert Path(f"/proc/{look.pid}/comm").read_text() == "cat\n"
    assert world.tmux("display-message", "-p", "-t", pane, "#{window_width}x#{window_height}").strip() == "200x50"


@pytest.mark.parametrize("command", [["true"], ["sh", "-c", "echo last words; exit 3"], ["/no/such/program"]])
def test_the_window_of_a_program_that_ends_at_once_stays_to_be_read(port: Tmux, command: list[str]) -> None:
    _, pane = opened(port, *command)
    until(lambda: dead(port, pane), "the program has ended")
    if command[0] == "sh":
        shows(port, pane, "last words")
        until(lambda: end_of(port, pane) == "exit 3", "its exit is known")


def test_a_program_that_was_killed_says_by_what(port: Tmux) -> None:
    _, pane = opened(port, "sh", "-c", "kill -9 $$")
    until(lambda: end_of(port, pane) == "SIGKILL", "its signal is known")


def test_what_is_pasted_arrives_whole_and_enter_after_it(port: Tmux, world: World) -> None:
    out = world.folder / "out"
    _, pane = opened(port, "sh", "-c", f"stty -echo -icanon; echo ready; exec cat >{out}")
    shows(port, pane, "ready")
    text = "line 'quoted' $HOME `x` #{pane_id} ä ; \\\n" * 4000
    assert paste(port, pane, world.folder, text)
    until(lambda: out.stat().st_size > len(text.encode()), "it has arrived")
    assert out.read_text() == text + "\n"
    assert world.tmux("list-buffers") == ""


def test_a_folder_whose_name_is_a_format_is_taken_as_it_stands_and_runs_nothing(port: Tmux, world: World) -> None:
    folder = world.folder / "site #(touch ran) #{session_name}"
    folder.mkdir()
    where = ["sh", "-c", f"pwd -P >>{world.folder / 'seen'}; exec cat"]
    _, pane = port.open_window("Claude", "planning", "planning@site", str(folder), where)  # makes the session
    port.open_window("Claude", "coding", "coding@site", str(folder), where)
    port.open_beside("Claude", "terminal", str(folder), where)
    until(lambda: (world.folder / "seen").read_text().count("\n") == 3, "all three run")
    os.kill(pid_of(port, pane), signal.SIGKILL)
    until(lambda: dead(port, pane), "the first has ended")
    assert port.reopen(pane, str(folder), where)
    until(lambda: (world.folder / "seen").read_text().count("\n") == 4, "the first runs again")
    assert set((world.folder / "seen").read_text().splitlines()) == {str(folder)}
    assert paste(port, pane, folder, "heron")
    shows(port, pane, "heron")
    assert not list(world.folder.rglob("ran"))


def test_several_texts_are_pasted_in_their_order(port: Tmux, world: World) -> None:
    _, pane = opened(port)
    for name in ("first", "second"):
        (world.folder / name).write_text(f"{name} ")
    files = {"b": str(world.folder / "first"), "a": str(world.folder / "second")}
    assert port.paste(pane, files, "Enter") == "pasted"
    shows(port, pane, "first second")


def test_a_paste_is_bracketed_where_the_program_asked_for_it(port: Tmux, world: World) -> None:
    _, pane = opened(port, "sh", "-c", "stty -echo -icanon; printf '\\033[?2004hready\\n'; exec cat -v")
    shows(port, pane, "ready")
    assert paste(port, pane, world.folder, "body\n", enter=False)
    shows(port, pane, "^[[200~body")
    shows(port, pane, "^[[201~")


def test_a_paste_into_a_dead_pane_is_refused_and_the_server_lives(port: Tmux, world: World) -> None:
    _, pane = opened(port, "true")
    _, other = opened(port, name="coding")
    until(lambda: dead(port, pane), "the program has ended")
    assert not paste(port, pane, world.folder, "x")
    assert world.tmux("list-buffers") == ""
    assert [window.pane_id for window in port.windows()] == [pane, other]
    assert paste(port, other, world.folder, "still here")
    shows(port, other, "still here")


@pytest.mark.parametrize("leave", ["detach-client -s Claude", "select-window -t Claude:0", "switch-client -t other"])
@pytest.mark.parametrize("reports", ["on", "off"])
def test_a_client_may_leave_a_program_that_was_killed(
    port: Tmux, world: World, other_server: str, leave: str, reports: str
) -> None:
    _, first = opened(port)
    _, pane = opened(port, "sh", "-c", "printf '\\nits last words\\033[?1004h'; exec cat", name="coding")
    shows(port, pane, "its last words")
    world.tmux("set-option", "-g", "focus-events", reports)
    world.tmux("new-session", "-d", "-s", "other", "cat")
    person = Seat(world, "env", "-u", "TMUX", "tmux", "-L", world.socket, "attach", "-t", "Claude", socket=other_server)
    world.tmux("select-window", "-t", "Claude:coding")
    person.shows("its last words")
    os.kill(pid_of(port, pane), signal.SIGKILL)
    until(lambda: dead(port, pane), "the program has ended")
    # tmux closes the terminal first; once it has collected the exit code, it runs the hook.
    port.collect()
    until(lambda: world.tmux("display-message", "-p", "-t", pane, "#{pane_mode}").strip(), "the hook has run")
    # What it has written last can still be read.
    person.shows("its last words")
    client = world.tmux("list-clients", "-F", "#{client_name}").strip()
    words = leave.split()
    world.tmux(words[0], *(["-c", client] if words[0] == "switch-client" else []), *words[1:])
    world.tmux("select-window", "-t", "Claude:coding")
    assert {each.pane_id for each in port.windows()} >= {first, pane}
    assert port.reopen(pane, "/", ["sh", "-c", "echo it runs again; exec cat"])
    shows(port, pane, "it runs again")


def test_keys_that_an_earlier_look_decided_on_reach_nobody(port: Tmux, world: World) -> None:
    _, pane = opened(port, "sh", "-c", "stty -echo -icanon; echo ready; exec cat -v")
    shows(port, pane, "ready")
    looks = [port.look(pane)]
    path = world.folder / "text"

    def put(text: str, look: Look | None, typed: str) -> str:
        path.write_text(text)
        assert look is not None
        return port.paste(pane, {"flowloom-7k2m-1": str(path)}, stamp=look.stamp, typed=typed)

    assert put("first", looks[0], "aaaa.1.0") == "pasted"
    looks.append(port.look(pane))
    assert put("lost", looks[0], "bbbb.1.0") == "stale"
    assert [bool(look and port.press(pane, key, stamp=look.stamp)) for look, key in zip(looks, "xy", strict=True)] == [
        False,
        True,
    ]
    assert port.claim(pane, "cccc.1.0").endswith("/aaaa.1.0")
    assert put("lost", looks[1], "bbbb.1.0") == "stale"
    # An agent can set the option to anything; and its program is another one once it was started again.
    world.tmux("set-option", "-p", "-t", pane, "@flowloom_typed", "a|b},#(touch ran)'")
    looks.append(port.look(pane))
    assert put("second", looks[2], "dddd.1.0") == "pasted"
    looks.append(port.look(pane))
    shows(port, pane, "firstysecond")
    os.kill(pid_of(port, pane), signal.SIGKILL)
    until(lambda: dead(port, pane), "the program has ended")
    assert put("lost", looks[3], "eeee.1.0") == "refused"
    assert port.reopen(pane, str(world.folder), ["cat"])
    assert put("lost", looks[3], "eeee.1.0") == "stale"
    assert "lost" not in port.history(pane)
    assert (world.tmux("list-buffers"), list(world.folder.rglob("ran"))) == ("", [])


def test_a_paste_into_a_pane_that_takes_no_input_is_refused(port: Tmux, world: World) -> None:
    _, pane = opened(port)
    world.tmux("select-pane", "-d", "-t", pane)
    assert not paste(port, pane, world.folder, "x")


def test_a_paste_into_a_pane_that_is_gone_is_refused_and_leaves_no_buffer(port: Tmux, world: World) -> None:
    _, pane = opened(port)
    assert not paste(port, "%99", world.folder, "x")
    assert world.tmux("list-buffers") == ""
    assert port.look(pane) is not None
    Inventory(port.socket).end()
    with pytest.raises(TmuxUnreachable):
        paste(port, pane, world.folder, "x")


def test_a_paste_of_a_file_that_is_not_there_is_an_error_and_leaves_no_buffer(port: Tmux, world: World) -> None:
    _, pane = opened(port)
    (world.folder / "first").write_text("first")
    with pytest.raises(TmuxFailed):
        port.paste(pane, {"a": str(world.folder / "first"), "b": str(world.folder / "second")}, "Enter")
    assert world.tmux("list-buffers") == ""


def test_keys_for_a_pane_that_is_gone_and_a_mode_that_was_left_are_no_error(port: Tmux) -> None:
    _, pane = opened(port)
    port.leave_mode(pane)
    port.leave_mode("%99")
    port.press("%99", "Enter")


def test_keys_are_pressed_by_their_names(port: Tmux) -> None:
    _, pane = opened(port, "sh", "-c", "stty -echo -icanon -isig -ixon; echo ready; exec cat -v")
    shows(port, pane, "ready")
    port.press(pane, "C-s", "Escape", "Down")
    shows(port, pane, "^S^[^[[B")


MODES = ["copy-mode", "choose-tree", "choose-buffer", "clock-mode", "customize-mode"]


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_of_tmuxs_gets_no_keys_and_is_left(port: Tmux, world: World, mode: str) -> None:
    _, pane = opened(port, "sh", "-c", "stty -echo -icanon; echo ready; exec cat -v")
    shows(port, pane, "ready")
    world.tmux("set-buffer", "x")
    world.tmux(mode, "-t", pane)
    look = port.look(pane)
    assert look is not None
    assert look.in_mode
    assert not port.press(pane, "lost", "Enter")
    assert not paste(port, pane, world.folder, "lost")
    port.leave_mode(pane)
    look = port.look(pane)
    assert look is not None
    assert (look.in_mode, look.mode) == (False, "")
    assert port.press(pane, "taken")
    shows(port, pane, "taken")
    assert "lost" not in port.history(pane)


def test_keys_reach_one_pane_where_the_panes_of_a_window_are_synchronized(port: Tmux, world: World) -> None:
    window, pane = opened(port, "cat", "-v")
    for _ in range(2):
        world.tmux("split-window", "-t", window, "cat -v")
    _, theirs, other = world.tmux("list-panes", "-t", window, "-F", "#{pane_id}").split()
    world.tmux("set-option", "-w", "-t", window, "synchronize-panes", "on")
    # Also where it is the pane's own option, as of one that an older release opened.
    world.tmux("set-option", "-p", "-t", pane, "synchronize-panes", "on")
    assert paste(port, pane, world.folder, "heron")
    port.press(pane, "x", "Enter")
    shows(port, pane, "x\nx")
    world.tmux("send-keys", "-t", theirs, "stork", "Enter")
    shows(port, theirs, "stork\nstork")
    shows(port, other, "stork\nstork")
    seen = [port.history(each).split() for each in (pane, theirs, other)]
    assert seen == [["heron", "heron", "x", "x"], ["stork", "stork"], ["stork", "stork"]]


def test_keys_for_a_pane_that_is_dead_or_takes_no_input_are_refused(port: Tmux, world: World) -> None:
    _, pane = opened(port, "true")
    until(lambda: dead(port, pane), "the program has ended")
    assert not port.press(pane, "x")
    _, pane = opened(port, name="coding")
    world.tmux("select-pane", "-d", "-t", pane)
    look = port.look(pane)
    assert look is not None
    assert look.input_off
    assert not port.press(pane, "x")


def test_only_our_pane_is_closed_and_a_running_one_is_not_run_over(port: Tmux, world: World) -> None:
    window, pane = opened(port)
    world.tmux("split-window", "-t", window, "cat")
    theirs = world.tmux("list-panes", "-t", window, "-F", "#{pane_id}").split()[1]
    assert not port.reopen(pane, "/", ["true"])
    port.close_pane(pane, pid_of(port, theirs))
    assert port.look(pane) is not None
    port.close_pane(pane, pid_of(port, pane))
    assert port.look(pane) is None
    assert world.tmux("list-panes", "-t", window, "-F", "#{pane_id}").split() == [theirs]


def test_a_pane_keeps_its_process_when_its_program_has_ended(port: Tmux) -> None:
    _, pane = opened(port)
    pid = pid_of(port, pane)
    os.kill(pid, signal.SIGKILL)
    until(lambda: dead(port, pane), "the program has ended")
    assert pid_of(port, pane) == pid


def test_a_server_is_the_same_by_its_path_whatever_the_folder_of_sockets(
    port: Tmux, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, pane = opened(port)
    look = port.look(pane)
    assert look is not None
    monkeypatch.setenv("TMUX_TMPDIR", str(tmp_path))
    with pytest.raises(TmuxUnreachable):
        port.look(pane)
    by_path = Tmux(look.socket_path)
    assert [window.pane_id for window in by_path.windows()] == [pane]
    assert by_path.server_pid() == look.server_pid
    by_path.close_pane(pane, look.pid)


def test_copy_mode_is_seen_and_left(port: Tmux, world: World) -> None:
    _, pane = opened(port)
    world.tmux("copy-mode", "-t", pane)
    look = port.look(pane)
    assert look is not None
    assert look.in_mode
    port.leave_mode(pane)
    look = port.look(pane)
    assert look is not None
    assert not look.in_mode
    port.press(pane, "x", "Enter")
    shows(port, pane, "x")


CONFIGURED = {
    "destroy-unattached on": "set -g destroy-unattached on",
    "exit-unattached on": "set -s exit-unattached on",
    "default-command": "set -g default-command 'exit 7'",
    "default-shell": "set -g default-shell /bin/false",
    "base-index 1": "set -g base-index 1\nset -g pane-base-index 1\nset -g renumber-windows on",
    "remain-on-exit on": "set -g remain-on-exit on",
    "automatic-rename": "set -g automatic-rename on\nset -g allow-rename on",
    "a hook that renames": "set-hook -g after-new-window 'rename-window theirs'",
    "synchronize-panes": "setw -g synchronize-panes on",
    "a small history": "set -g history-limit 0",
    "mouse and prefix": "set -g mouse on\nset -g prefix C-a",
    "an error": "no-such-command",
}


@pytest.mark.parametrize("text", CONFIGURED.values(), ids=CONFIGURED)
def test_windows_stay_whatever_the_user_has_configured(port: Tmux, world: World, text: str) -> None:
    (world.home / ".tmux.conf").write_text(text + "\n")
    first, second = opened(port), opened(port, name="coding")
    port.leave_mode(first[1])  # tmux shows its user's errors there
    assert paste(port, first[1], world.folder, "hello")
    shows(port, first[1], "hello")
    listed = [(window.window_id, window.pane_id, window.agent_id, window.dead) for window in port.windows()]
    assert listed == [(*first, "planning@site", False), (*second, "coding@site", False)]
    assert names(port, "Claude") == ["planning", "coding"]
    assert [window.session for window in port.windows()] == ["Claude", "Claude"]


def test_a_program_does_not_rename_its_window(port: Tmux) -> None:
    _, pane = opened(port, "sh", "-c", "printf '\\033ktheirs\\033\\\\'; echo named; exec cat")
    shows(port, pane, "named")
    assert names(port, "Claude") == ["planning"]


def test_a_window_that_was_renamed_and_moved_is_found_by_its_id(port: Tmux, world: World) -> None:
    opened(port, name="coding")
    window, pane = opened(port)
    world.tmux("rename-window", "-t", window, "a|b c")
    world.tmux("new-session", "-d", "-s", "else|where")
    world.tmux("move-window", "-s", window, "-t", "else|where:7")
    found = {each.agent_id: each for each in port.windows()}
    assert (found["planning@site"].window_id, found["planning@site"].pane_id) == (window, pane)
    assert found["planning@site"].pid > 0
    look = port.look(pane)
    assert look is not None
    assert (look.window_id, look.agent_id) == (window, "planning@site")


def test_a_window_that_its_user_split_is_still_the_agents_own_pane(port: Tmux, world: World) -> None:
    window, pane = opened(port)
    world.tmux("split-window", "-t", window, "cat")
    assert [(each.pane_id, each.agent_id) for each in port.windows()] == [(pane, "planning@site")]
    assert paste(port, pane, world.folder, "hello")
    shows(port, pane, "hello")


def test_a_server_without_a_session_has_no_windows_and_takes_one(port: Tmux, world: World) -> None:
    world.tmux("start-server", ";", "set-option", "-g", "exit-empty", "off")
    assert port.windows() == []
    _, pane = opened(port)
    assert [window.pane_id for window in port.windows()] == [pane]


def test_windows_of_others_stay_untouched(port: Tmux, world: World) -> None:
    world.tmux("-f", "/dev/null", "new-session", "-d", "-s", "Claude", "-n", "mine0", "cat")
    for number in range(1, 20):
        world.tmux("new-window", "-d", "-t", "=Claude:", "-n", f"mine{number}", "cat")
    world.tmux("set-option", "-t", "=Claude:", "status-left", "mine")
    fmt = "#{window_id} #{window_index} #{window_name} #{pane_id} #{pane_pid} #{automatic-rename} #{remain-on-exit}"
    before = world.tmux("list-panes", "-s", "-t", "=Claude", "-F", fmt).splitlines()
    _, pane = opened(port)
    assert [each.pane_id for each in port.windows()] == [pane]
    assert world.tmux("list-panes", "-s", "-t", "=Claude", "-F", fmt).splitlines()[:-1] == before
    port.close_pane(pane, pid_of(port, pane))
    assert port.windows() == []
    assert world.tmux("list-panes", "-s", "-t", "=Claude", "-F", fmt).splitlines() == before
    assert len(before) == 20


def test_the_window_in_front_stays_in_front(port: Tmux, world: World) -> None:
    world.tmux("-f", "/dev/null", "new-session", "-d", "-s", "Claude", "-n", "mine", "cat")
    opened(port)
    assert world.tmux("display-message", "-p", "-t", "=Claude:", "#{window_name}").strip() == "mine"


def test_a_session_is_found_by_its_exact_name(port: Tmux, world: World) -> None:
    world.tmux("-f", "/dev/null", "new-session", "-d", "-s", "Claude-work", "-n", "mine", "cat")
    assert [names(port, name) for name in ("Claude", "Claude-work", "Clau")] == [[], ["mine"], []]
    opened(port)
    assert names(port, "Claude") == ["planning"]
    sessions = world.tmux("list-windows", "-t", "=Claude-work", "-F", "#{window_name}").split()
    assert sessions == ["mine"]


def test_the_inventory_of_a_server_is_what_a_listing_that_somebody_waits_for_has(
    port: Tmux, other_server: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TmuxUnreachable) as caught:
        Inventory(port.socket).windows()
    assert caught.value.absent
    Inventory(port.socket).end()  # nothing to end
    _, pane = opened(port)
    opened(port, name="coding")
    look = port.look(pane)
    assert look is not None
    world.run("tmux", "-L", other_server, "-f", "/dev/null", "new-session", "-d", "cat")
    monkeypatch.setenv("TMUX", f"/tmp/tmux-0/{other_server},1,0")
    for socket in (port.socket, look.socket_path):
        listed = [(each.pane_id, each.agent_id, each.pid) for each in Inventory(socket).windows()]
        assert listed == [(each.pane_id, each.agent_id, each.pid) for each in port.windows()]
        assert len(listed) == 2
    Inventory(look.socket_path).end()
    assert not Path(look.socket_path).exists()


def test_a_program_runs_again_in_the_pane_of_one_that_has_ended(port: Tmux) -> None:
    window, pane = opened(port, "true")
    until(lambda: dead(port, pane), "the program has ended")
    port.reopen(pane, "/tmp", ["sh", "-c", "pwd; exec cat"])
    shows(port, pane, "/tmp")
    look = port.look(pane)
    assert look is not None
    assert (look.dead, look.window_id, look.agent_id) == (False, window, "planning@site")


def test_what_runs_with_a_script_is_found(port: Tmux, world: World) -> None:
    script = world.folder / "launch"
    script.write_text("exec cat\n")
    assert port.running(str(script)) == []
    window, pane = opened(port, "sh", str(script))
    opened(port, name="coding")
    ((found_window, found_pane, pid),) = port.running(str(script))
    assert (found_window, found_pane) == (window, pane)
    assert pid == port.look(pane).pid  # type: ignore[union-attr]


def test_without_a_server_there_is_nothing_to_open_beside_and_nobody_is_gone(port: Tmux) -> None:
    assert (port.global_names(), port.running("x")) == ([], [])
    for ask in (
        lambda: port.look("%0"),
        port.windows,
        port.survey,
        lambda: port.history("%0"),
        lambda: port.press("%0", "x"),
    ):
        with pytest.raises(TmuxUnreachable) as caught:
            ask()
        assert caught.value.absent


def test_a_pane_that_is_gone_is_none(port: Tmux) -> None:
    _, pane = opened(port)
    opened(port, name="coding")
    port.close_pane(pane, pid_of(port, pane))
    assert (port.look(pane), port.look("%99"), port.history(pane)) == (None, None, "")
    port.close_pane(pane, pid_of(port, pane))


def test_the_names_of_the_servers_variables_are_known(port: Tmux, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_STALE", "x")
    opened(port)
    assert "ANTHROPIC_STALE" in port.global_names()
    assert "FLOWLOOM_HOME" in port.global_names()
    windows, names = port.survey()
    assert [each.pane_id for each in windows] == [each.pane_id for each in port.every_window()] != []
    assert names == port.global_names()


def test_a_server_around_us_is_not_taken_for_ours(port: Tmux, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "/tmp/other,1,0")
    monkeypatch.setenv("TMUX_PANE", "%77")
    _, pane = opened(port)
    assert port.look(pane) is not None
    assert (os.environ["TMUX"], os.environ["TMUX_PANE"]) == ("/tmp/other,1,0", "%77")
    assert set(reach.outside()) & {"TMUX", "TMUX_PANE"} == set()


def test_what_tmux_refuses_is_told_in_its_own_words(port: Tmux) -> None:
    opened(port)
    with pytest.raises(TmuxFailed, match="tmux no-such: unknown command: no-such") as caught:
        port.run("no-such")
    assert f"tmux -L {port.socket} list-sessions" in caught.value.hint
    with pytest.raises(TmuxFailed, match="tmux rename-window: "):
        port.run("rename-window", "-t", "@99", "x")


def test_a_machine_without_tmux_is_told_how_to_get_it(
    port: Tmux, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.setenv("PATH", str(tmp_path))
        with pytest.raises(TmuxFailed, match="tmux is not installed, or not in PATH") as caught:
            port.windows()
        assert "install" in caught.value.hint
        with pytest.raises(TmuxFailed, match="tmux"):
            opened(port)


def test_a_tmux_that_hangs_does_not_hold_us(port: Tmux, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = tmp_path / "tmux"
    stand_in.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    stand_in.chmod(0o755)
    with monkeypatch.context() as hung:
        hung.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        hung.setattr(reach, "COMMAND_LIMIT_S", 0.2)
        with pytest.raises(TmuxUnreachable, match="does not answer: list-panes"):
            port.windows()


@pytest.mark.parametrize("word", ["plain", "it's", "a b", "$HOME", "#{x}", "a;b", "\\", '"', "ä"])
def test_a_word_is_quoted_for_a_command_string(port: Tmux, word: str) -> None:
    opened(port)
    port.run("if-shell", "-F", "1", f"set-buffer -b x {quoted(word)}")
    assert port.run("show-buffer", "-b", "x") == word
    done = subprocess.run(["sh", "-c", f"printf %s {quoted(word)}"], capture_output=True, text=True, check=True)
    assert done.stdout == word


STRANGE = [
    *("#(touch pwned)", "#{pid}", "#[fg=red]", "##[x]#", "#", "%H:%M %%", "a;", ";", "a\\;", "a;b", "{x}"),
    *("$(id)", "`id`", "'", '"', "~", "@1", "=x", "a\\", "é ü", "#{?#{==:a,a},x,y}", "#H", "#[#["),
]


def test_what_others_name_reaches_tmux_as_it_stands(port: Tmux, world: World, tmp_path: Path) -> None:
    opened(port)
    wrong = {}
    for number, text in enumerate(STRANGE):
        folder = tmp_path / f"{number}" / text
        name = text.replace("\\", "")  # which tmux doubles in names
        folder.mkdir(parents=True)
        _, opened_pane = port.open_window("Claude", name, f"x{number}@site", str(folder), ["cat", "-"])
        fmt = "#{window_name}\n#{pane_start_path}\n#{@flowloom_agent}"
        answer = world.tmux("display-message", "-p", "-t", opened_pane, fmt).rstrip("\n").split("\n")
        (folder / "body").write_text(text)
        port.paste(opened_pane, {f"flowloom-{number}": str(folder / "body")}, "Enter")
        shows(port, opened_pane, text)
        world.tmux("send-keys", "-t", opened_pane, "C-d")
        until(lambda pane=opened_pane: dead(port, pane), "it has ended")  # type: ignore[misc]
        # It lives on: tmux now and then drops what a program in a reopened pane prints just before it ends.
        port.reopen(opened_pane, str(folder), ["sh", "-c", "pwd; exec cat"])
        shows(port, opened_pane, f"/{number}/")
        if answer != [name, str(folder), f"x{number}@site"]:
            wrong[text] = answer
        port.close_pane(opened_pane, pid_of(port, opened_pane))
    assert wrong == {}
    assert not list(tmp_path.rglob("pwned"))
    assert not Path("pwned").exists()
    assert port.session_names() == ["Claude"]


def test_a_line_for_a_person_is_shown_as_it_stands(port: Tmux, world: World) -> None:
    opened(port)
    client = Seat(world, "tmux", "-L", world.socket, "attach", columns=100, socket=f"{world.socket}-seat", TMUX="")
    try:
        until(port.client_sessions, "it is attached")
        for text in ("#(id)", "#{pid}", "%H:%M %%", "a;", "#H"):
            port.tell(f"<{text}> {text}", 60_000)
            client.shows(f"<{text}> {text}")
    finally:
        client.tmux("kill-server")
