"""A real HTTP server on loopback that speaks five protocols and misbehaves as told, request by
request."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from protocols import PROVIDER_PATHS, Counts, Event, Protocol, framed, protocol_of

Say = Callable[["Handler", dict[str, Any]], None]
_VALUE = re.compile(r"\d{7}")  # stands in every prompt with a needle


class Handler(BaseHTTPRequestHandler):
    """Answers with what the server's script says for this request."""

    protocol_version = "HTTP/1.1"
    server: Server
    protocol: Protocol

    def do_POST(self) -> None:  # the base class calls it so
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path in self.server.facts:
            fails(200, self.server.facts[self.path])(self, body)
            return
        self.protocol = protocol_of(self.path)
        with self.server.lock:
            act = self.server.act_for(self.protocol.prompt(body), body)
            self.server.keys.append(self.headers.get("Authorization"))
            self.server.headers.append(dict(self.headers))
            self.server.paths.append(self.path)
        act(self, body)

    def do_GET(self) -> None:  # the base class calls it so
        known = self.path in self.server.facts
        fails(200 if known else 404, self.server.facts.get(self.path, {}))(self, {})

    def send_events(
        self, *events: dict[str, Any] | str, cut: bool = False, pause_s: float = 0.0
    ) -> None:
        """A stream of unnamed events; cut: without a stop, the connection closed in the middle."""
        self.send_stream([(None, event) for event in events], cut=cut, pause_s=pause_s)

    def send_stream(
        self, events: list[Event], *, cut: bool = False, pause_s: float = 0.0, kind: str = ""
    ) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind or self.protocol.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("x-request-id", "req-1")
        self.end_headers()
        for event in events:
            data = framed(self.protocol, event)
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            time.sleep(pause_s)
        if cut:
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Silence."""


class Server(ThreadingHTTPServer):
    """Its script is a list of acts; when that is used up, ``otherwise`` answers. Small requests
    have their own act."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, script: list[Say], otherwise: Say, preflight: Say | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.otherwise = otherwise
        self.preflight = preflight
        self.requests: list[dict[str, Any]] = []
        self.preflights: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.facts: Mapping[str, object] = {}  # by path: what the server tells about itself
        self.lock = threading.Lock()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    def act_for(self, prompt: str, body: dict[str, Any]) -> Say:
        if self.preflight is not None and not _VALUE.search(prompt):
            self.preflights.append(body)
            return self.preflight
        self.requests.append(body)
        return self.script.pop(0) if self.script else self.otherwise

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news here."""


@contextmanager
def serving(*script: Say, otherwise: Say, preflight: Say | None = None) -> Iterator[Server]:
    server = Server(list(script), otherwise, preflight)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def counted(prompt: str) -> int:
    """Counts otherwise than the run's tokenizer, and by script: narrow signs 0.28 tokens, wide ones
    1.1, ten around."""
    wide = len(prompt) - len(prompt.encode("ascii", "ignore"))
    return 10 + round(0.28 * (len(prompt) - wide) + 1.1 * wide)


def answers(
    text: str, stop: str = "stop", counts: Counts | None = None, model: str = "m-2026"
) -> Say:
    return lambda h, _: h.send_stream(h.protocol.events(text, stop, counts, model))


def answers_with(solve: Callable[[str], str], model: str = "m") -> Say:
    """Reads the prompt it is given, counts it, and answers from it."""

    def act(handler: Handler, body: dict[str, Any]) -> None:
        prompt = handler.protocol.prompt(body)
        counts = Counts(input=counted(prompt), cached=counted(prompt) // 2)
        handler.send_stream(handler.protocol.events(solve(prompt), "stop", counts, model))

    return act


def drops_the_front(solve: Callable[[str], str], keep: int) -> Say:
    """Reads and counts the last characters only, and says nothing of it."""

    def act(handler: Handler, body: dict[str, Any]) -> None:
        kept = handler.protocol.prompt(body)[-keep:]
        handler.send_stream(
            handler.protocol.events(solve(kept), "stop", Counts(input=counted(kept)), "m")
        )

    return act


def fails(status: int, body: object, **headers: str) -> Say:
    def act(handler: Handler, _: dict[str, Any]) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(payload)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(payload)

    return act


def throttles_until_a_date(handler: Handler, body: dict[str, Any]) -> None:
    """429 with a date that is now: the wait is over when the client has read it."""
    fails(429, {}, Retry_After=formatdate(usegmt=True))(handler, body)


def cuts_the_stream(handler: Handler, _: dict[str, Any]) -> None:
    handler.send_stream(handler.protocol.events("The magic num", "stop", None, "m")[:1], cut=True)
    handler.connection.close()


def ends_without_a_stop(handler: Handler, _: dict[str, Any]) -> None:
    handler.send_stream(handler.protocol.events("The magic num", "stop", None, "m")[:1])


def fails_inside_the_stream(handler: Handler, _: dict[str, Any]) -> None:
    begun = handler.protocol.events("The", "stop", None, "m")[:1]
    handler.send_stream([*begun, handler.protocol.error("engine died")])


def resets(handler: Handler, _: dict[str, Any]) -> None:
    """Hang up with a reset instead of an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def resets_after_the_first_byte(handler: Handler, body: dict[str, Any]) -> None:
    handler.send_stream(handler.protocol.events("The magic num", "stop", None, "m")[:1], cut=True)
    handler.wfile.flush()
    resets(handler, body)


def stalls(seconds: float) -> Say:
    """Silence, then the connection is closed."""

    def act(handler: Handler, _: dict[str, Any]) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return act


def trickles(pause_s: float, events: int) -> Say:
    """Sends comments for ever (for a while), and no answer."""

    def act(handler: Handler, _: dict[str, Any]) -> None:
        handler.send_stream([(None, "[DONE]")] * events, pause_s=pause_s)

    return act


def sends_a_web_page(handler: Handler, _: dict[str, Any]) -> None:
    payload = b"<html>Welcome to the hotel's network</html>"
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.send_header("Content-Length", str(len(payload)))
    handler.end_headers()
    handler.wfile.write(payload)


def sends_too_much(handler: Handler, _: dict[str, Any]) -> None:
    """A line that does not end."""
    handler.send_response(200)
    handler.send_header("Content-Type", handler.protocol.content_type)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    for _count in range(100):
        handler.wfile.write(b"data: " + b"x" * 1_000_000)


def chunk(text: str = "", finish: str | None = None) -> dict[str, Any]:
    return {
        "model": "m-2026",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}],
    }


def refuses(handler: Handler, _: dict[str, Any]) -> None:
    handler.send_events(
        {
            "choices": [
                {
                    "index": 0,
                    "delta": {"refusal": "I cannot help with that."},
                    "finish_reason": None,
                }
            ]
        },
        chunk(finish="stop"),
        "[DONE]",
    )


def answers_without_streaming(text: str) -> Say:
    message = {"role": "assistant", "content": text}
    return fails(
        200,
        {"model": "m-2026", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]},
    )


def sweep_at(server: Server, provider: str = "openai") -> tuple[str, ...]:
    """The beginning of a command that sweeps this server."""
    return ("run", "--provider", provider, "--base-url", server.root + PROVIDER_PATHS[provider])
