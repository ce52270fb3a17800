"""The frame around a prompt: what is taken out of it, and how it is known again."""

from __future__ import annotations

import re
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowloom.tasks import frame

# Written in another way than the module's own: what one of the two gets wrong, the other does not.
INVISIBLE = (
    "[\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\uffff\U000e0000-\U000e0fff]"
)
REMOVED = "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]"
TAG = r"</?pasted_content(?: id=\"[^\"\n]*\")?>"
NAMED = r"\[flowloom task ([a-z2-9]{4,8}) from [^\]\n]{1,80}\]"

TASK = "7k2m"
FIRST = frame.first_line(TASK, "chief")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a\tb", "a    b"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a\nb"),
        ("a\n\r\nb", "a\n\nb"),
        ("a\x1b[201~b", "a[201~b"),
        ("a\x1bb", "ab"),
        ("a\x00b", "ab"),
        ("a\x07\x08\x0b\x0c\x7f\x85\x9bb", "ab"),
        ("a\udc80b", "ab"),
        ("a\u200b\ufeffb", "a\u200b\ufeffb"),
        ("ä€😀", "ä€😀"),
        ("/clear", "/clear"),
        ("!rm", "!rm"),
        ("end\\", "end\\"),
    ],
)
def test_a_text_is_normalised_to_what_a_terminal_carries(text: str, normal: str) -> None:
    assert frame.normalise(text) == normal
    assert frame.normalise(normal) == normal


@pytest.mark.parametrize(
    ("text", "exactly"),
    [
        ("plain\ntext\n", True),
        ("ä€😀", True),
        ("a\tb", False),
        ("a\r\nb", False),
        ("\x1b", False),
        ("a\u200bb", False),
        ("a\xadb", False),
        ("\udc80", False),
    ],
)
def test_it_is_known_whether_a_text_arrives_character_for_character(text: str, exactly: bool) -> None:
    assert frame.arrives_exactly(text) is exactly


def test_the_first_line_is_one_line_and_names_the_exact_bytes_where_they_differ() -> None:
    line = frame.first_line(TASK, "planning@site", prompt_path="/state/tasks/7k2m/prompt.md")
    assert "\n" not in line
    assert line.startswith("[flowloom task 7k2m from planning@site] ")
    assert line.endswith("Its exact bytes are in /state/tasks/7k2m/prompt.md (read it if something looks cut).")
    assert "exact" not in FIRST


def test_the_body_ends_with_the_task_so_that_no_two_pastes_are_the_same() -> None:
    assert frame.body(TASK, "a\tb\r\n") == "\na    b\n\n[end of task 7k2m]"


def arrived(sent: str) -> str:
    """What an agent is given, where nothing happens on the way."""
    return FIRST + "\n" + frame.body(TASK, sent)


def tagged(sent: str) -> str:
    """The same, as measured on releases that mark a paste: in tags, without invisible characters."""
    visible = re.sub(INVISIBLE, "", frame.body(TASK, sent))
    return f'{FIRST}\n\n<pasted_content id="571e">\n{visible}\n</pasted_content id="571e">\n'


OWN_FRAME = f"before\n{FIRST}\n[end of task {TASK}]\nafter"
OTHER_FRAME = "[flowloom task abcd from shell] Please do it.\nsay x\n[end of task abcd]"
TAGS = 'quote <pasted_content id="571e">\nthis\n</pasted_content id="571e"> and <pasted_content>'
TEXTS = [
    "say hello",
    "a\tb",
    "one\r\ntwo\r\n",
    "\x1b[201~",
    "a\x00b",
    "a\u200bb",
    "end\\",
    "/clear",
    OWN_FRAME,
    OTHER_FRAME,
    TAGS,
]


@pytest.mark.parametrize("sent", TEXTS)
def test_a_text_that_arrived_as_sent_is_whole(sent: str) -> None:
    assert frame.received(arrived(sent), FIRST, TASK, sent) == "whole"
    assert frame.received(tagged(sent), FIRST, TASK, sent) == "whole"


@pytest.mark.parametrize("sent", TEXTS)
@pytest.mark.parametrize(
    ("before", "after"), [("a draft ", ""), ("", " a draft"), ("a draft\n", "\nanother"), ("abc[", "]def")]
)
def test_a_text_with_a_draft_around_it_is_altered(sent: str, before: str, after: str) -> None:
    assert frame.received(before + arrived(sent) + after, FIRST, TASK, sent) == "altered"
    words = [part.strip() for part in (before, after) if part.strip()]
    assert frame.around(before + arrived(sent) + after, TASK) == "\n".join(words)
    assert frame.around(before + tagged(sent) + after, TASK) == "\n".join(words)


def test_a_text_with_something_typed_between_the_first_line_and_the_body_is_altered() -> None:
    got = FIRST + "typed in between" + frame.body(TASK, "say hello")
    assert frame.received(got, FIRST, TASK, "say hello") == "altered"
    assert frame.around(got, TASK) == got


@pytest.mark.parametrize(
    "got",
    [
        FIRST,
        arrived("say hello")[:-4],
        frame.body(TASK, "say hello"),
        f"{FIRST}\n\nsay\n[end of task {TASK}]",
        arrived("say hello").replace(TASK, "abcd"),
        "",
        f"say hello\n[end of task {TASK}]\n{FIRST}",
    ],
)
def test_a_text_of_which_a_part_is_missing_is_cut(got: str) -> None:
    assert frame.received(got, FIRST, TASK, "say hello") == "cut"


@given(st.text())
@example("<pasted_\u200bcontent>")
@example("<pasted<pasted_content>_content>")
@example('</pasted_content id="x">')
@example("\u2028")
@example(OWN_FRAME)
def test_any_text_comes_back_whole(sent: str) -> None:
    assert frame.received(arrived(sent), FIRST, TASK, sent) == "whole"
    assert frame.received(tagged(sent), FIRST, TASK, sent) == "whole"


@given(st.text())
def test_any_text_is_found_by_its_first_line(sent: str) -> None:
    assert TASK in frame.task_ids(arrived(sent))


@pytest.mark.parametrize(
    ("prompt", "ids"),
    [
        (FIRST, ["7k2m"]),
        (f"draft {FIRST}", ["7k2m"]),
        (f"{OTHER_FRAME}\n{FIRST}", ["abcd", "7k2m"]),
        ("[flowloom task 7k2m] x", []),
        ("[flowloom task ../x from chief] x", []),
        ("[flowloom task 7k2m from a\nb] x", []),
        ("[end of task 7k2m]", []),
    ],
)
def test_the_ids_of_all_first_lines_are_found_in_their_order(prompt: str, ids: list[str]) -> None:
    assert frame.task_ids(prompt) == ids


PIECES = ["[flowloom task ", "7k2m", "abcdefghj", " from ", "chief", "]", "\n", "x" * 80, "<", "/"]
PIECES += [
    "pasted_content",
    ' id="',
    '"',
    ">",
    "a",
    " ",
    "\xad",
    "\u200b",
    "\U000e0001",
    "\udc80",
    "é",
    "\x1b",
    "e\u0301",
]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
@example("[flowloom task 7k2m from [flowloom task abcd from x]")
@example('<pasted_content id="<pasted_content>">')
@example("<</pasted_content>")
def test_a_text_is_read_as_the_patterns_say(text: str) -> None:
    assert frame.task_ids(text) == re.findall(NAMED, text)
    normal = re.sub(REMOVED, "", text.replace("\t", "    "))
    assert frame.normalise(text) == normal
    assert frame.valid(text) == re.sub("[\ud800-\udfff]", "\ufffd", text)
    visible = normalize("NFC", re.sub(INVISIBLE, "", normal))
    assert frame.comparable(text) == " ".join(re.sub(TAG, " ", visible).split())
    exact = normal == text and "pasted_content" not in text and normalize("NFC", text) == text
    assert frame.arrives_exactly(text) is (exact and not re.search(INVISIBLE, text))


@pytest.mark.parametrize(
    ("prompt", "line"),
    [
        ("what is\nthe port?\n", "Reply from planning (task 7k2m): what is the port?"),
        ("x" * 60, "Reply from planning (task 7k2m): " + "x" * 60),
        ("x" * 61, "Reply from planning (task 7k2m): " + "x" * 59 + "…"),
        (
            "fix the parser of the configuration so that a wrong key is named",
            "Reply from planning (task 7k2m): fix the parser of the configuration so that a wrong key is…",
        ),
        ("a\x1b[31mb", "Reply from planning (task 7k2m): a[31mb"),
    ],
)
def test_the_heading_is_one_line_with_the_first_words(prompt: str, line: str) -> None:
    assert frame.heading("planning", TASK, prompt) == line


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        ("", []),
        ("Q a b", ["a", "b"]),
        ("a Q b", ["b"]),
        ("Q a q b", ["a"]),
        ("Q a q b Q c", ["c"]),
        ("Q a O b", ["a"]),
        ("Q a !", []),
        ("Q a ! q b", []),
        ("Q a ! Q b", ["b"]),
        ("q a", []),
    ],
)
def test_a_tasks_answers_are_those_between_its_prompt_and_the_next(said: str, answers: list[str]) -> None:
    # Q is our prompt, O another task's that quotes ours, q a person's, ! an interruption; the rest are answers.
    prompts = {"Q": ("user", FIRST), "O": ("user", f"{OTHER_FRAME}\n{FIRST}"), "q": ("user", "and now?"), "!": ("", "")}
    assert frame.answers([prompts.get(word, ("assistant", word)) for word in said.split()], TASK) == answers
