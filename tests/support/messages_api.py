"""A small Messages API on loopback, for the real Claude Code to talk to.

It speaks the streaming form of Anthropic's `POST /v1/messages` as far as Claude
Code needs it: text, tool calls, HTTP errors. What the "model" says is a
`Script`: a list of steps chosen by a string that the newest user text holds.
Nothing here judges what Claude Code sends; every request is kept for the test.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# A step that holds a turn open gives up after this long, so that a test that
# died cannot leave a Claude Code hanging on us.
HOLD_LIMIT_S = 120.0


@dataclass(frozen=True)
class Say:
    """Answer with this text; with `hold`, only once that event is set.

    `begin` is sent before the wait, so that a partial answer is on the screen.
    """

    text: str
    hold: threading.Event | None = None
    begin: str = ""


@dataclass(frozen=True)
class Call:
    """Ask for one tool call."""

    tool: str
    arguments: dict[str, Any]
    text: str = ""


@dataclass(frozen=True)
class Fail:
    """Answer with an HTTP error, as the API reports it."""

    status: int
    kind: str
    message: str = "scripted failure"


Step = Say | Call | Fail


@dataclass
class Turn:
    """One request of a turn: the newest user text and how far its script is."""

    text: str
    step: int
    messages: list[dict[str, Any]]
    system: str


Answer = Callable[[Turn], Step]


def echo(turn: Turn) -> Step:
    """Say how many user texts there were and repeat the newest, without our frame."""
    body = re.sub(r"</?pasted_content[^>]*>\n?", "", turn.text)
    lines = [line for line in body.splitlines() if not re.match(r"\[(flowloom|end of) task", line)]
    said = " ".join(line.strip() for line in lines if line.strip())
    asked = len(user_texts(turn.messages))
    return Say(f"answer {asked}: {said[:2000]}")


@dataclass
class MessagesApi:
    """The server. Use as a context manager; `url` is what ANTHROPIC_BASE_URL takes."""

    answer: Answer = echo
    rules: list[tuple[str, list[Step]]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_HEAD(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                self._json(404, {"type": "error", "error": {"type": "not_found_error", "message": self.path}})

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                raw = self.rfile.read(length)
                if not self.path.startswith("/v1/messages"):
                    self._json(404, {"type": "error", "error": {"type": "not_found_error", "message": self.path}})
                    return
                request = json.loads(raw)
                if "count_tokens" in self.path:
                    self._json(200, {"input_tokens": max(1, length // 4)})
                    return
                step = api.next_step(request)
                if isinstance(step, Fail):
                    error = {"type": step.kind, "message": step.message}
                    self._json(step.status, {"type": "error", "error": error})
                    return
                try:
                    if request.get("stream"):
                        self.send_response(200)
                        self.send_header("Content-Type", "text/event-stream")
                        self.send_header("Connection", "close")
                        self.end_headers()
                        for event in stream(step, request.get("model", "stand-in")):
                            self.wfile.write(event)
                            self.wfile.flush()
                        self.close_connection = True
                    else:
                        self._json(200, whole(step, request.get("model", "stand-in")))
                except (BrokenPipeError, ConnectionResetError):
                    # The person pressed Esc, or the agent was killed: both are scripted faults.
                    self.close_connection = True

            def _json(self, status: int, document: dict[str, Any]) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(ThreadingHTTPServer):
            request_queue_size = 64
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> MessagesApi:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def on(self, needle: str, *steps: Step) -> None:
        """Play `steps` in the turn whose user text holds `needle`; the newest rule wins."""
        self.rules.insert(0, (needle, list(steps)))

    def next_step(self, request: dict[str, Any]) -> Step:
        messages = request.get("messages", [])
        system = text_of(request.get("system", ""))
        text, step = newest_text(messages)
        if not request.get("tools"):
            # Claude Code asks for a session title (and the like) without tools.
            return Say("stand-in title")
        turn = Turn(text, step, messages, system)
        self.requests.append(request)
        for needle, steps in self.rules:
            if needle in text:
                return steps[min(step, len(steps) - 1)]
        return self.answer(turn)


def text_of(content: Any) -> str:
    """Join the text blocks of a message's content, whatever its form."""
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", "") for block in content if block.get("type") == "text")


def user_texts(messages: list[dict[str, Any]]) -> list[str]:
    """Return what the user said, in order, without the reminders Claude Code adds."""
    found = []
    for message in messages:
        if message.get("role") != "user":
            continue
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            said = block.get("text", "") if block.get("type") == "text" else ""
            if said.strip() and not said.lstrip().startswith("<system-reminder>"):
                found.append(said)
    return found


def newest_text(messages: list[dict[str, Any]]) -> tuple[str, int]:
    """Return the newest user text and how many assistant messages follow it."""
    step = 0
    for message in reversed(messages):
        if message.get("role") == "assistant":
            step += 1
            continue
        texts = user_texts([message])
        if texts:
            return texts[-1], step
    return "", step


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
        "stop_reason": "tool_use" if isinstance(step, Call) else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 10},
    }


def stream(step: Say | Call, model: str) -> Iterator[bytes]:
    """Yield a step as server-sent events, `message_start` to `message_stop`."""
    message = whole(step, model)
    blocks = message["content"]

    def event(name: str, **fields: Any) -> bytes:
        return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()

    yield event("message_start", message=message | {"content": [], "stop_reason": None})
    if isinstance(step, Say) and step.hold is not None:
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        if step.begin:
            yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": step.begin})
        waited = 0.0
        while not step.hold.wait(0.25) and waited < HOLD_LIMIT_S:
            waited += 0.25
            yield event("ping")
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": step.text})
        yield event("content_block_stop", index=0)
        blocks = blocks[1:]
        first = 1
    else:
        first = 0
    for index, block in enumerate(blocks, start=first):
        if block["type"] == "text":
            yield event("content_block_start", index=index, content_block={"type": "text", "text": ""})
            text = block["text"]
            for start in range(0, len(text), 20_000):
                delta = {"type": "text_delta", "text": text[start : start + 20_000]}
                yield event("content_block_delta", index=index, delta=delta)
        else:
            yield event("content_block_start", index=index, content_block=block | {"input": {}})
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    yield event(
        "message_delta",
        delta={"stop_reason": message["stop_reason"], "stop_sequence": None},
        usage={"output_tokens": 10},
    )
    yield event("message_stop")
