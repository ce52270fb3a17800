"""No test can reach the user's home, state or tmux server: the guard in conftest bites."""

from __future__ import annotations

import inspect
import os
import pwd
import subprocess
from pathlib import Path

import pytest
from tests import conftest

from flowloom.config import settings
from flowloom.errors import TmuxUnreachable
from flowloom.ports.tmux.server import Tmux
from flowloom.store import layout


def test_home_and_state_are_in_the_tests_own_folder(tmp_path: Path) -> None:
    real = pwd.getpwuid(os.getuid()).pw_dir
    for path in (os.path.expanduser("~"), layout.home(), *settings.config_paths("/")[:1]):
        assert path.startswith(f"{tmp_path}/")
        assert not path.startswith(f"{real}/.")


def test_no_variable_of_the_user_is_left() -> None:
    ours = {"FLOWLOOM_HOME", "FLOWLOOM_TMUX_SOCKET", "FLOWLOOM_TEST_CLAUDE"}
    left = [name for name in os.environ if name.startswith(("FLOWLOOM_", "CLAUDE", "ANTHROPIC_", "XDG_", "TMUX"))]
    assert set(left) - ours == {"TMUX_TMPDIR"}
    assert not {"VISUAL", "EDITOR"} & set(os.environ)


def test_the_users_tmux_server_cannot_be_seen() -> None:
    for socket in ("default", settings.load("/").tmux_socket):
        with pytest.raises(TmuxUnreachable):
            Tmux(socket).windows()
        path = subprocess.run(
            ["tmux", "-L", socket, "list-sessions"], capture_output=True, text=True, check=False
        ).stderr
        assert os.environ["TMUX_TMPDIR"] in path


def test_what_a_users_shell_has_set_reaches_no_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_the_user = {
        "HOME": pwd.getpwuid(os.getuid()).pw_dir,
        "FLOWLOOM_HOME": "/home/dev/state",
        "FLOWLOOM_AGENT": "planning@site",
        "FLOWLOOM_TMUX_SOCKET": "default",
        "TMUX": "/tmp/tmux-1000/default,1,0",
        "TMUX_TMPDIR": "/tmp",
        "CLAUDECODE": "1",
        "CLAUDE_CONFIG_DIR": "/home/dev/.claude",
        "ANTHROPIC_API_KEY": "secret",
        "XDG_CONFIG_HOME": "/home/dev/.config",
        "EDITOR": "vi",
    }
    for name, value in of_the_user.items():
        monkeypatch.setenv(name, value)
    inspect.unwrap(conftest._nothing_of_the_user)(tmp_path, monkeypatch)
    assert {name: os.environ[name] for name, value in of_the_user.items() if os.environ.get(name) == value} == {}
    test_no_variable_of_the_user_is_left()
