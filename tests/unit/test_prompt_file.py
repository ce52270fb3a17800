"""The prompt file: what is asked of whom, and the reply in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowloom.editor import prompt_file
from flowloom.errors import FlowLoomError, UsageError
from flowloom.store import files, layout
from flowloom.store.layout import AgentRef
from flowloom.tasks import prompt as prompt_text
from flowloom.tasks.record import empty_task
from flowloom.tasks.remarks import beside

REFERENCE = """# ─── Claude's last response (for reference; removed on save) ───
# I said this.
#
# ─── Write your reply below this line ───────────────────────
"""


@pytest.mark.parametrize(
    ("raw", "draft"),
    [
        (b"@planning x\n", "@planning x\n"),
        (b"", ""),
        (b"a\xff\n", "a\udcff\n"),
        (REFERENCE.encode() + b"@planning x", "@planning x"),
        (REFERENCE.encode() + b"# a heading of mine\nx", "# a heading of mine\nx"),
        (b"# a heading of mine\nx", "# a heading of mine\nx"),
        (b"x\n" + REFERENCE.encode(), "x\n" + REFERENCE),
        # A block that does not end is a text of the user's.
        (REFERENCE.encode().rpartition("# ─── Write".encode())[0], REFERENCE.rpartition("# ─── Write")[0]),
        ("# ─── Claude's last response\nx\n".encode(), "# ─── Claude's last response\nx\n"),
    ],
)
def test_the_draft_is_read_without_the_block_of_the_last_response(tmp_path: Path, raw: bytes, draft: str) -> None:
    path = tmp_path / "claude-prompt-1.md"
    path.write_bytes(raw)
    assert prompt_text.text(prompt_file.read(str(path))) == draft


def test_a_prompt_file_that_is_not_there_is_a_request_that_cannot_be_carried_out(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no prompt file"):
        prompt_file.read(str(tmp_path / "no.md"))


@pytest.mark.parametrize(
    ("draft", "found"),
    [
        ("@planning x", ("planning", "x")),
        ("@planning: x", ("planning", "x")),
        (" @planning x", ("planning", "x")),
        ("\n\n@planning x", ("planning", "x")),
        ("@planning\nx\n\n", ("planning", "x")),
        ("@planning", ("planning", "")),
        ("@planning:", ("planning", "")),
        ("@planning   ", ("planning", "")),
        ("@planning@site x", ("planning@site", "x")),
        ("@planning@site: x", ("planning@site", "x")),
        ("@coding-2 x", ("coding-2", "x")),
        ("@planning  two\n  lines\n", ("planning", "two\n  lines")),
        ("@planning @coding x", ("planning", "@coding x")),
        ("@README.md x", None),
        ("@README x", None),
        ("@src/x.py x", None),
        ("@../x y", None),
        ("@planning.md", None),
        ("@ planning", None),
        ("@", None),
        ("", None),
        ("planning x", None),
        ("x @planning y", None),
        ("@planning,x", None),
        ("@@planning x", None),
        ("@planning@ x", None),
        ("@planning@a@b x", None),
        ("@" + "a" * 41 + " x", None),
    ],
)
def test_the_first_word_is_a_route_or_it_is_not(draft: str, found: tuple[str, str] | None) -> None:
    assert prompt_text.route(draft) == found


@pytest.mark.parametrize(
    ("prompt", "mark"),
    [
        ("say [Pasted text #1 +19 lines] please", "[Pasted text #1 +19 lines]"),
        ("[Pasted text #2]", "[Pasted text #2]"),
        ("[...Truncated text #1 +74 lines...]", "[...Truncated text #1 +74 lines...]"),
        ("[Pasted text] [Pasted text #x]", None),
        ("plain", None),
    ],
)
def test_a_mark_that_stands_for_a_text_is_seen(prompt: str, mark: str | None) -> None:
    assert prompt_text.placeholder(prompt) == mark


def reply(raw: bytes, *, plain: bool = False, provisional: bool = False) -> bytes:
    task = empty_task("7k2m", "planning@site", AgentRef("site", "planning"))
    return prompt_file.with_reply("planning", task, "what?", raw, plain=plain, provisional=provisional)


HEAD = b"Reply from planning (task 7k2m): what?"


@pytest.mark.parametrize("raw", [b"hello", b"", b"# a\n\n```\nx\n```\n", b"\xff\xfe", b"/clear", b"\\", b"x" * 100_000])
def test_the_reply_stands_below_its_heading_byte_for_byte(raw: bytes) -> None:
    assert reply(raw) == HEAD + b"\n\n" + raw
    assert reply(raw, plain=True) == raw
    assert reply(raw, provisional=True) == HEAD + b" [provisional: its background work is still running]\n\n" + raw
    assert reply(raw, plain=True, provisional=True) == b"[provisional: its background work is still running]\n\n" + raw


def test_each_flag_of_a_reply_is_said_in_its_heading_and_alone_where_it_would_mislead() -> None:
    said = {
        "altered": "what the agent was given is not exactly your prompt: something was typed in its window, "
        "and is kept: flowloom show 7k2m",
        "shared": "the reply also answers something else that was typed in its window",
        "recovered": "the reply was recovered from the transcript",
        "replaced": "characters of the reply that are not valid Unicode were replaced by U+FFFD",
    }
    for flag, words in said.items():
        task = {**empty_task("7k2m", "planning@site", AgentRef("site", "planning")), flag: True}
        assert prompt_file.with_reply("planning", task, "what?", b"x") == HEAD + f" [{words}]\n\nx".encode()  # type: ignore[arg-type]
        assert prompt_file.with_reply("planning", task, "what?", b"x", plain=True) == b"x"  # type: ignore[arg-type]
        # It is told where it does not enter the text.
        assert beside(task) == [words]  # type: ignore[arg-type]
    joined = {**empty_task("7k2m", "planning@site", AgentRef("site", "planning")), "cut": "joined", "shared": True}
    words = f"it passed the output limit; its parts were joined from the transcript; {said['shared']}"
    assert prompt_file.with_reply("planning", joined, "what?", b"x") == HEAD + f" [{words}]\n\nx".encode()  # type: ignore[arg-type]
    assert prompt_file.with_reply("planning", joined, "what?", b"x", plain=True) == b"x"  # type: ignore[arg-type]
    missing = {**joined, "cut": "see /t.jsonl"}
    words = "incomplete: it passed the output limit, and this is its last part; see /t.jsonl"
    assert beside(missing, provisional=True) == [said["shared"]]  # type: ignore[arg-type]
    assert prompt_file.with_reply("planning", missing, "what?", b"x", plain=True) == f"[{words}]\n\nx".encode()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b"a line\n" * 20_000, b"a line\n" * 14_285),
        (b"x" * 100_001, b"x" * 100_000),
        ("ä".encode() * 60_000, "ä".encode() * 50_000),
        (b"x" + "ä".encode() * 60_000, b"x" + "ä".encode() * 49_999),
        (b"first\n" + b"x" * 200_000, b"first\n"),
    ],
)
def test_a_long_reply_is_cut_at_the_end_of_a_line_and_names_the_whole(raw: bytes, kept: bytes) -> None:
    note = f"\n\n[… {len(raw)} bytes in all: {layout.task_dir('7k2m')}/reply.md]".encode()
    assert reply(raw, plain=True) == kept.removesuffix(b"\n") + note
    assert reply(raw, plain=True, provisional=True).endswith(b"/provisional.md]")


def test_the_prompt_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "claude-prompt-1.md"
    path.write_text("draft")
    prompt_file.write(str(path), b"reply", b"draft")
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("claude-prompt-1.md", b"reply")]


def test_a_prompt_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    path, real = tmp_path / "claude-prompt-1.md", tmp_path / "real"
    real.write_text("draft")
    path.symlink_to(real)
    prompt_file.write(str(path), b"reply", b"draft")
    assert (path.is_symlink(), real.read_bytes()) == (True, b"reply")


def test_a_prompt_file_that_cannot_be_written_says_where_the_reply_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "claude-prompt-1.md"
    path.write_text("draft")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write", full)
    with pytest.raises(FlowLoomError, match="cannot be written: No space left on device") as caught:
        prompt_file.write(str(path), b"reply", b"draft")
    assert "the reply is kept" in caught.value.hint
    assert path.read_text() == "draft"


def seen(path: Path) -> tuple[int, ...] | None:
    """Return what changes when a file is written or replaced; reading it changes its access time only."""
    if not path.exists():
        return None
    now = path.lstat()
    return (now.st_ino, now.st_mode, now.st_size, now.st_mtime_ns, now.st_ctime_ns)


@pytest.mark.parametrize("now", ["theirs", "", None, "folder", "pipe"])
def test_what_another_program_did_to_the_prompt_file_is_not_undone(tmp_path: Path, now: str | None) -> None:
    path = tmp_path / "claude-prompt-1.md"
    if now == "folder":
        path.mkdir()
    elif now == "pipe":
        os.mkfifo(path)
    elif now is not None:
        path.write_text(now)
    before = seen(path)
    with pytest.raises(prompt_file.FileChanged) as caught:
        prompt_file.write(str(path), b"reply", b"draft")
    assert caught.value.now == (now.encode() if now in ("theirs", "") else None)
    assert seen(path) == before
