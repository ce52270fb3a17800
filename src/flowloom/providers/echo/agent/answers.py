"""What echo says: pure functions from a prompt, and from what was told before, to an answer."""

from __future__ import annotations

import re

FRAME = re.compile(r"\[flowloom task (\S+) from [^\]\n]+\][^\n]*(?:\n|$)")


def unframe(prompt: str) -> str:
    """Take FlowLoom's first and last line off; a person's text comes back unchanged."""
    first = FRAME.match(prompt)
    if first is None:
        return prompt
    return prompt[first.end() :].rstrip("\n").removesuffix(f"[end of task {first[1]}]").strip("\n")


def split(body: str) -> tuple[str, list[str]]:
    """Return the body without its directives, and the directives."""
    lines = body.split("\n")
    rest = "\n".join(line for line in lines if not line.startswith("echo:"))
    return rest.strip("\n"), [line.removeprefix("echo:").lstrip() for line in lines if line.startswith("echo:")]


def is_question(body: str) -> bool:
    """Say whether the text asks for what was told, and so tells nothing itself."""
    return "what did i tell you" in body.lower()


def compose(body: str, told: list[str]) -> str:
    """Answer a body, given what was told before; the same input gets the same answer."""
    if is_question(body):
        items = "".join(f"\n{number}. {thing}" for number, thing in enumerate(told, 1))
        return f"You told me {len(told)} thing{'s' * (len(told) != 1)}:{items}" if told else "You told me nothing yet."
    if not told:
        return f"echo heard: {body}"
    words = told[-1].split()
    before = " ".join(words[:8]) + " …" * (len(words) > 8)
    return f'echo heard: {body}\nI have been told {len(told) + 1} things; before this: "{before}"'


def big(size_bytes: int) -> str:
    """Return an ASCII text of this size whose last line says so."""
    last = f"\n[echo: the last line of {size_bytes} bytes]"
    line = "sixty-four bytes a line: the quick brown fox jumps over the dog\n"
    text = (line * (size_bytes // len(line) + 1))[: max(0, size_bytes - len(last))] + last
    return text[len(text) - size_bytes :]


def prompt_is_own(prompt: str) -> bool:
    """Say whether the session itself made this prompt, at the end of a background task."""
    return prompt.startswith("<task-notification>")
