"""A real HTTP server on loopback that speaks Chat Completions and misbehaves as told, request by request."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Say = Callable[["Handler", dict[str, Any]], None]


class Handler(BaseHTTPRequestHandler):
    """Answers with what the server's script says for this request."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:  # the base class calls it so
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append(body)
            self.server.keys.append(self.headers.get("Authorization"))
            act = self.server.script.pop(0) if self.server.script else self.server.otherwise
        act(self, body)

    def send_events(self, *events: dict[str, Any] | str, cut: bool = False) -> None:
        """A stream; cut: without a stop, the connection closed in the middle."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
            data = f"data: {text}\n\n".encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        if cut:
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Silence."""


class Server(ThreadingHTTPServer):
    """Its script is a list of acts; when that is used up, ``otherwise`` answers."""

    daemon_threads = True

    def __init__(self, script: list[Say], otherwise: Say) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.otherwise = otherwise
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.lock = threading.Lock()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news here."""


@contextmanager
def serving(*script: Say, otherwise: Say) -> Iterator[Server]:
    server = Server(list(script), otherwise)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def chunk(text: str = "", finish: str | None = None) -> dict[str, Any]:
    return {"model": "m-2026", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


USAGE = {
    "choices": [],
    "usage": {"prompt_tokens": 900, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 512}},
}


def answers(text: str, finish: str = "stop", usage: dict[str, Any] | None = None) -> Say:
    half = len(text) // 2
    counted = [usage] if usage else []
    return lambda h, _: h.send_events(chunk(text[:half]), chunk(text[half:]), chunk(finish=finish), *counted, "[DONE]")


def answers_with(solve: Callable[[str], str]) -> Say:
    """Reads the prompt it is given and answers from it."""
    return lambda h, body: h.send_events(chunk(solve(body["messages"][0]["content"])), chunk(finish="stop"), "[DONE]")


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


def cuts_the_stream(handler: Handler, _: dict[str, Any]) -> None:
    handler.send_events(chunk("The magic num"), cut=True)
    handler.connection.close()


def ends_without_a_stop(handler: Handler, _: dict[str, Any]) -> None:
    handler.send_events(chunk("The magic num"))


def fails_inside_the_stream(handler: Handler, _: dict[str, Any]) -> None:
    handler.send_events(chunk("The"), {"error": {"message": "engine died", "code": 500}})


def resets(handler: Handler, _: dict[str, Any]) -> None:
    """Hang up with a reset instead of an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def refuses(handler: Handler, _: dict[str, Any]) -> None:
    handler.send_events(
        {"choices": [{"index": 0, "delta": {"refusal": "I cannot help with that."}, "finish_reason": None}]},
        chunk(finish="stop"),
        "[DONE]",
    )


def answers_without_streaming(text: str) -> Say:
    message = {"role": "assistant", "content": text}
    return fails(200, {"model": "m-2026", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
