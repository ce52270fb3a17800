"""Several parts in one prompt."""

from __future__ import annotations

import pytest

from flowloom.editor import parts


def known(name: str) -> bool:
    return name in ("planning", "coding", "review")


CASES = {
    "one": ("@planning do it", [("planning", "do it")]),
    "no route": ("please ask @planning", []),
    "first word unknown": ("@nobody do it\n@planning x", []),
    "two": ("@planning a\n@coding b", [("planning", "a"), ("coding", "b")]),
    "lines belong to the part before": (
        "@planning a\nmore\n\n@coding: b\nb2\n",
        [("planning", "a\nmore"), ("coding", "b\nb2")],
    ),
    "unknown names stay text": (
        "@planning a\n@README.md is a file\n@someone too",
        [("planning", "a\n@README.md is a file\n@someone too")],
    ),
    "not at the beginning of the line": ("@planning a\n  @coding b", [("planning", "a\n  @coding b")]),
    "in a fence": (
        "@planning a\n```\n@coding b\n```\n@review c",
        [("planning", "a\n```\n@coding b\n```"), ("review", "c")],
    ),
    "a longer fence holds a shorter one": (
        "@planning\n````\n```\n@coding b\n````\n@coding c",
        [("planning", "````\n```\n@coding b\n````"), ("coding", "c")],
    ),
    "a tilde fence": (
        "@planning\n~~~ py\n@coding b\n~~~\n@coding c",
        [("planning", "~~~ py\n@coding b\n~~~"), ("coding", "c")],
    ),
    "an open fence holds all": ("@planning\n```\n@coding b", [("planning", "```\n@coding b")]),
    "the same agent twice": ("@planning a\n@planning b", [("planning", "a"), ("planning", "b")]),
    "text on the next line": ("@planning\nline\n@coding\nother", [("planning", "line"), ("coding", "other")]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_draft_is_taken_apart_at_the_lines_that_begin_with_a_known_agent(case: str) -> None:
    draft, expected = CASES[case]
    assert parts.split(draft, known) == expected


LATER = {
    "below a reply": ("Reply from planning (task x): y\n\nthree steps\n\n@review please check", ("review", 5)),
    "the last of several": ("text\n@coding a\n@review b", ("review", 3)),
    "an unknown one is no name": ("text\n@someone b", ("", 0)),
    "a fence is code": ("text\n```\n@review b\n```", ("", 0)),
    "in the middle of a line": ("ask @review please", ("", 0)),
    "indented": ("text\n  @review b", ("", 0)),
}


@pytest.mark.parametrize("case", LATER)
def test_a_name_that_begins_a_later_line_is_found(case: str) -> None:
    draft, expected = LATER[case]
    assert parts.later(draft, known) == expected


def test_one_reply_stays_byte_for_byte() -> None:
    assert parts.joined([b"text\n\n"]) == b"text\n\n"


def test_a_part_without_reply_keeps_its_prompt() -> None:
    assert parts.unanswered("coding", "do\nit", "it died") == b"No reply from coding: it died\n\n@coding do\nit"
