"""Several `@agent` parts in one prompt: taken apart, and their replies put together."""

from __future__ import annotations

import re

from flowloom.tasks import prompt as prompt_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # The name of an agent and the prompt for it.
    Part = tuple[str, str]


def split(draft: str, is_agent: Callable[[str], bool]) -> list[Part]:
    """Return the parts of a draft as (name, prompt), in their order; empty when its first word is no route.

    Once the first word is a route, every further line that begins with a known
    `@name` begins another part, unless it stands in a fenced block of code.
    """
    first = prompt_text.route(draft)
    if first is None or not is_agent(first[0]):
        return []
    parts: list[tuple[str, list[str]]] = []
    for line, in_fence in _lines(draft.strip("\n")):
        found = None if in_fence else prompt_text.route(line)
        if found is not None and (not parts or (line.startswith("@") and is_agent(found[0]))):
            parts.append((found[0], [found[1]]))
        elif parts:
            parts[-1][1].append(line)
    return [(name, "\n".join(lines).strip("\n")) for name, lines in parts]


def later(draft: str, is_agent: Callable[[str], bool]) -> tuple[str, int]:
    """Return the known `@name` that begins a line of a draft, and the number of that line; ("", 0) for none.

    It is the last such line outside of fenced code: a reply above it may hold others.
    """
    found = ("", 0)
    for number, (line, in_fence) in enumerate(_lines(draft), 1):
        route = None if in_fence or not line.startswith("@") else prompt_text.route(line)
        if route is not None and is_agent(route[0]):
            found = (route[0], number)
    return found


def _lines(draft: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a draft, each with whether it belongs to a fenced block of code."""
    fence = ""
    for line in draft.split("\n"):
        mark = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if mark and not fence:
            fence = mark.group(1)
        elif mark and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        yield line, bool(fence)


def joined(answers: list[bytes]) -> bytes:
    """Return the replies of all parts as one text, an empty line between two."""
    return b"\n\n".join(answer.rstrip(b"\n") if len(answers) > 1 else answer for answer in answers)


def going_on(name: str, task_id: str) -> bytes:
    """Return what the file gets for a part that is not finished: it must not be sent again."""
    return f"{name} is still working on task {task_id}. Its reply: flowloom reply {task_id}".encode()


def unanswered(name: str, prompt: str, why: str, *, route: bool = True) -> bytes:
    """Return what the file gets for a part without a reply: the reason, and its prompt, to send again.

    A headless task may have no agent to which its prompt could be routed.
    """
    again = f"@{name} {prompt}" if route else prompt
    return f"No reply from {name}: {why}\n\n{again}".encode("utf-8", "surrogateescape")
