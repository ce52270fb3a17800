"""The window of a program whose provider cannot read it: taken for an empty box while its hooks say that it is idle."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.providers.protocol import Question, Screen


def read(screen: str) -> Screen:
    """Return an empty box."""
    return {
        "kind": "box",
        "busy": False,
        "draft": "",
        "cut": False,
        "question": None,
        "keys": [],
        "stashed": False,
        "field": "",
        "title": "",
        "safe": False,
        "listed": False,
    }


def towards(screen: str, choice: str) -> list[str]:
    """Return no key: it is not known what stands there."""
    return []


def shows(screen: str, question: Question) -> bool:
    """Return False: it is not known what stands there."""
    return False


def refusal(screen: str) -> str:
    """Return nothing."""
    return ""


def limit(screen: str) -> str:
    """Return nothing."""
    return ""
