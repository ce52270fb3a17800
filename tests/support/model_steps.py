"""What the stand-in for the model can do at one request, and how that looks in the Messages API's own form."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

# A step that holds a turn open gives up after this long, so that a test that
# died cannot leave a Claude Code hanging on us.
HOLD_LIMIT_S = 120.0


@dataclass(frozen=True)
class Say:
    """Answer with this text; with `hold`, only once that event is set.

    `begin` is sent before the wait, so that a partial answer is on the screen.
    With `stop` "max_tokens" or "model_context_window_exceeded" the output limit
    cuts it, and Claude Code asks for the rest by itself: the next step.
    """

    text: str
    hold: threading.Event | None = None
    begin: str = ""
    stop: str = "end_turn"


@dataclass(frozen=True)
class Call:
    """Ask for one tool call; with `flagged`, the safety check of auto mode says so, and why.

    Without `checked` there is no safety check, as behind an API that has none.
    """

    tool: str
    arguments: dict[str, Any]
    text: str = ""
    flagged: str = ""
    stop: str = "tool_use"
    checked: bool = True


@dataclass(frozen=True)
class Fail:
    """Answer with an HTTP error, as the API reports it."""

    status: int
    kind: str
    message: str = "scripted failure"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Hang:
    """Take the request and answer nothing until the event is set; then close the connection."""

    until: threading.Event


@dataclass(frozen=True)
class Drop:
    """Close the connection in the middle of an answer that began with this text."""

    begin: str = ""


Step = Say | Call | Fail | Hang | Drop

# The API's errors with its own words.
ERRORS = {
    400: Fail(400, "invalid_request_error", "messages.1.content.0: scripted as invalid"),
    401: Fail(401, "authentication_error", "invalid x-api-key"),
    403: Fail(403, "permission_error", "Your API key does not have permission to use the specified resource."),
    429: Fail(429, "rate_limit_error", "This request would exceed your organization's rate limit."),
    500: Fail(500, "api_error", "Internal server error"),
    529: Fail(529, "overloaded_error", "Overloaded"),
}


def limits(resets_at: int, *, used: float = 0.2, week_used: float = 0.1, status: str = "allowed") -> dict[str, str]:
    """Return the headers that tell a subscriber's session of its limits; `resets_at` is in seconds since the epoch."""
    head = "anthropic-ratelimit-unified"
    return {
        f"{head}-status": status,
        f"{head}-reset": str(resets_at),
        f"{head}-representative-claim": "five_hour",
        f"{head}-5h-status": status,
        f"{head}-5h-reset": str(resets_at),
        f"{head}-5h-utilization": str(used),
        f"{head}-7d-status": "allowed",
        f"{head}-7d-reset": str(resets_at + 86400),
        f"{head}-7d-utilization": str(week_used),
    }


def limited(resets_at: int) -> Fail:
    """Return the refusal of a session whose five hours are used up until `resets_at`."""
    headers = limits(resets_at, used=1.0, status="rejected")
    return Fail(429, "rate_limit_error", "This request would exceed your account's rate limit.", headers)


def safeguards(content: list[dict[str, Any]], flagged: str) -> list[dict[str, Any]]:
    """Return the safety check's verdict on every tool call of a message, as the API gives it to auto mode."""
    said = {"outcome": "flagged", "explanation": flagged} if flagged else {"outcome": "not_flagged"}
    verdicts = {block["id"]: {"type": "evaluated", **said} for block in content if block["type"] == "tool_use"}
    return [{"type": "dangerous_tool_use", "status": {"type": "available", "tool_uses": verdicts}}]


def whole(step: Say | Call, model: str) -> dict[str, Any]:
    """Return a step as one non-streamed message."""
    content: list[dict[str, Any]] = []
    if step.text:
        content.append({"type": "text", "text": step.text})
    if isinstance(step, Call):
        content.append(
            {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:20]}", "name": step.tool, "input": step.arguments}
        )
    return {
        "id": f"msg_{uuid.uuid4().hex[:20]}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": step.stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 10},
    }


def event(name: str, **fields: Any) -> bytes:
    """Return one server-sent event."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


def text_delta(index: int, text: str) -> bytes:
    """Return the event that adds text to a block."""
    return event("content_block_delta", index=index, delta={"type": "text_delta", "text": text})


def begun(message: dict[str, Any], text: str) -> Iterator[bytes]:
    """Yield the beginning of an answer, up to this text of its first block."""
    yield event("message_start", message=message | {"content": [], "stop_reason": None})
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    if text:
        yield text_delta(0, text)


def stream(step: Say | Call, model: str) -> Iterator[bytes]:
    """Yield a step as server-sent events, `message_start` to `message_stop`."""
    message = whole(step, model)
    blocks, first = message["content"], 0
    if isinstance(step, Say) and step.hold is not None:
        yield from begun(message, step.begin)
        waited = 0.0
        while not step.hold.wait(0.25) and waited < HOLD_LIMIT_S:
            waited += 0.25
            yield event("ping")
        yield text_delta(0, step.text)
        yield event("content_block_stop", index=0)
        blocks, first = blocks[1:], 1
    else:
        yield event("message_start", message=message | {"content": [], "stop_reason": None})
    for index, block in enumerate(blocks, start=first):
        if block["type"] == "text":
            yield event("content_block_start", index=index, content_block={"type": "text", "text": ""})
            text = block["text"]
            for start in range(0, len(text), 20_000):
                yield text_delta(index, text[start : start + 20_000])
        else:
            yield event("content_block_start", index=index, content_block=block | {"input": {}})
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    ending: dict[str, Any] = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    if isinstance(step, Call) and step.checked:
        ending["safeguard_results"] = safeguards(message["content"], step.flagged)
    yield event("message_delta", delta=ending, usage={"output_tokens": 10})
    yield event("message_stop")
