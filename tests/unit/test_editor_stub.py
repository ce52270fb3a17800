"""While FlowLoom is gone, Ctrl-G runs one real editor or ends with a sentence, and never calls itself for ever."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from flowloom.agents import hook_shims

REAL = '#!/bin/sh\necho edited >>"$LOG"\nprintf real >"$1"\n'
PROMPT = "claude-prompt-x.md"
# As Debian's does.
SENSIBLE = '#!/bin/sh\nfor each in "$VISUAL" "$EDITOR" vi; do [ -n "$each" ] && exec $each "$@"; done\n'

WITH_ARGUMENT = '#!/bin/sh\nshift\nprintf real >"$1"\necho edited >>"$LOG"\n'
WRAPPER = '#!/bin/sh\nexec STUB "$@"\n'
# These call what is a link to us by a name that tells nothing: at once, as a child, deeper, or left behind.
CALLS = {
    "runs us": '#!/bin/sh\nexec editor "$@"\n',
    "has us as a child": '#!/bin/sh\neditor "$@"\n',
    "has us below two shells": '#!/bin/sh\nsh -c \'sh -c "editor $1; :"; :\' sh "$1"\nexit 1\n',
    "leaves us behind": '#!/bin/sh\nsetsid editor "$@" >&2 </dev/null &\nexit 1\n',
}
US = {"VISUAL": "STUB", "EDITOR": "STUB"}
ASKS = {"vi": REAL, "sensible-editor": SENSIBLE}

# What stands on PATH beside a few tools, the environment (STUB is our path), and whether an editor runs.
CASES: dict[str, tuple[dict[str, str], dict[str, str], bool]] = {
    "nothing of ours": ({"vi": REAL}, {}, True),
    "both are us": ({"vi": REAL}, US, True),
    "sensible-editor asks VISUAL": (ASKS, US, True),
    "another EDITOR": ({"mine": REAL, "vi": "#!/bin/sh\nexit 9\n"}, {"VISUAL": "STUB", "EDITOR": "mine"}, True),
    "another VISUAL with arguments": ({"mine": WITH_ARGUMENT}, {"VISUAL": "mine -w", "EDITOR": "STUB"}, True),
    "by a link": ({**ASKS, "fl": "LINK"}, {"VISUAL": "fl", "EDITOR": "fl"}, True),
    "by a word in front": (ASKS, {"VISUAL": "env A=1 STUB", "EDITOR": "STUB"}, True),
    "by a wrapper": ({"vi": REAL, "w": WRAPPER}, {"VISUAL": "w", "EDITOR": "w"}, True),
    "by a wrapper that sensible-editor asks": ({**ASKS, "w": WRAPPER}, {"VISUAL": "w", "EDITOR": "w"}, True),
    "FLOWLOOM_EDITOR is us": ({"vi": REAL}, {"FLOWLOOM_EDITOR": "STUB", "VISUAL": "STUB"}, True),
    "sensible-editor is a link to us": ({"vi": REAL, "sensible-editor": "LINK"}, {"VISUAL": "STUB"}, True),
    **{f"it {how}": ({"sensible-editor": text, "editor": "LINK"}, {}, False) for how, text in CALLS.items()},
    "there is none": ({}, US, False),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("script", ["stub", "hook"])
def test_one_real_editor_runs_or_a_sentence_ends_it(tmp_path: Path, case: str, script: str) -> None:
    programs, environment, edits = CASES[case]
    editor = tmp_path / "hooks" / "editor"
    editor.parent.mkdir()
    if script == "stub":
        editor.write_text(hook_shims.editor_script("/gone/hooks/editor", "/gone"))
        name = PROMPT
    else:
        shutil.copy(hook_shims.hook_path("editor"), editor)
        name = "COMMIT_EDITMSG"  # a prompt would go to our Python first
    editor.chmod(0o755)
    path = tmp_path / "bin"
    path.mkdir()
    for tool in ("sh", "env", "grep", "head", "readlink", "setsid"):
        (path / tool).symlink_to(str(shutil.which(tool)))
    for program, text in programs.items():
        if text == "LINK":
            (path / program).symlink_to(editor)
        else:
            (path / program).write_text(text.replace("STUB", str(editor)))
            (path / program).chmod(0o755)
    draft, log = tmp_path / name, tmp_path / "log"
    draft.write_text("draft")
    env = {key: value.replace("STUB", str(editor)) for key, value in environment.items()}
    process = subprocess.Popen(
        [str(editor), str(draft)],
        env={"PATH": str(path), "LOG": str(log), **env},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=20)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if edits:
        assert (process.returncode, draft.read_text(), log.read_text()) == (0, "real", "edited\n"), said
    else:
        assert (process.returncode != 0, draft.read_text(), log.exists()) == (True, "draft", False), said
        assert b"set FLOWLOOM_EDITOR to" in said
    assert said.count(b"your real editor") <= 3


def test_a_prompt_says_in_tmux_too_that_flowloom_is_gone(tmp_path: Path) -> None:
    editor, draft, log = tmp_path / "stub", tmp_path / PROMPT, tmp_path / "log"
    editor.write_text(hook_shims.editor_script("/gone/hooks/editor", "/gone"))
    for name, text in (("tmux", '#!/bin/sh\necho "$@" >>"$LOG"\nexit 1\n'), ("mine", REAL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(log), "FLOWLOOM_EDITOR": "mine", "TMUX": "a server"}
    done = subprocess.run(["sh", str(editor), str(draft)], env=env, capture_output=True, check=False)
    assert (done.returncode, draft.read_text()) == (0, "real")
    assert "To repair: flowloom setup" in log.read_text()
    assert done.stderr.startswith(b"flowloom: FlowLoom was moved or removed")


def test_a_file_that_is_edited_again_later_is_no_circle(tmp_path: Path) -> None:
    """An editor that stays hands our variable on to what is edited in it later."""
    editor = tmp_path / "stub"
    editor.write_text(hook_shims.editor_script("/gone/hooks/editor", "/gone"))
    draft, log = tmp_path / "COMMIT_EDITMSG", tmp_path / "log"
    real = tmp_path / "real"
    real.write_text(REAL)
    real.chmod(0o755)
    ended = subprocess.Popen(["true"])
    ended.wait()
    for inherited in (f"1 {ended.pid} COMMIT_EDITMSG", f"1 {os.getpid()} another", "nonsense"):
        env = {"PATH": os.environ["PATH"], "LOG": str(log), "FLOWLOOM_EDITOR": str(real), "FLOWLOOM_EDITING": inherited}
        assert subprocess.run(["sh", str(editor), str(draft)], env=env, check=False).returncode == 0
    assert log.read_text() == "edited\n" * 3


def test_the_stub_finds_the_real_editor_as_the_hook_does() -> None:
    assert hook_shims.REAL_EDITOR in Path(hook_shims.hook_path("editor")).read_text()
