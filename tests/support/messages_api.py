"""A small Messages API on loopback, for the real Claude Code to talk to.

It speaks the streaming form of Anthropic's `POST /v1/messages` as far as Claude
Code needs it: text, tool calls, limits, HTTP errors, a line that breaks. What
the "model" does is a list of steps (`model_steps`) chosen by a string that the
newest user text holds.
Nothing here judges what Claude Code sends; every request is kept for the test.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.model_steps import (
    ERRORS,
    HOLD_LIMIT_S,
    Call,
    Drop,
    Fail,
    Hang,
    Say,
    Step,
    begun,
    limited,
    limits,
    stream,
    whole,
)

__all__ = ["ERRORS", "Call", "Drop", "Fail", "Hang", "MessagesApi", "Say", "Step", "Turn", "limited", "limits"]

# How Claude Code asks, as a user, for the rest of an answer that a limit cut: it belongs to the same turn.
GOES_ON = ("Output token limit hit", "Your response was cut off because it exceeded the output token limit")


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
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every answer: `limits(…)` is what a subscriber's session hears of its limits."""

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
                    self._json(step.status, {"type": "error", "error": error}, step.headers)
                    return
                if isinstance(step, Hang):
                    step.until.wait(HOLD_LIMIT_S)
                    self.close_connection = True
                    return
                try:
                    if isinstance(step, Drop):
                        # Without a length and without a last chunk: the line broke.
                        self._events(list(begun(whole(Say(""), "stand-in"), step.begin)), chunked=True)
                    elif request.get("stream"):
                        self._events(stream(step, request.get("model", "stand-in")))
                    else:
                        self._json(200, whole(step, request.get("model", "stand-in")))
                except (BrokenPipeError, ConnectionResetError):
                    # The person pressed Esc, or the agent was killed: both are scripted faults.
                    self.close_connection = True

            def _events(self, events: Iterable[bytes], *, chunked: bool = False) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                if chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                for name, value in api.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for event in events:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event) if chunked else event)
                    self.wfile.flush()
                self.close_connection = True

            def _json(self, status: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                for name, value in {**api.headers, **(headers or {})}.items():
                    self.send_header(name, value)
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
            if said.strip() and not said.lstrip().startswith(("<system-reminder>", *GOES_ON)):
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
