"""A server on loopback that lies: a raw socket, so that any bytes can be sent, and replies that
faults change in turn.

A lie is what a server keeps of a prompt, how it counts, what it answers, and what happens to the
reply on its way. Each is one small function, so that kinds of lies are made by putting them
together.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from protocols import Counts, Event, Protocol, framed, protocol_of

from niah.generator.tokenizers import tokenizer_of
from niah.tasks import task_of

SOLVE = task_of("single").solve
NOTHING_FOUND = "1111111"  # a wrong value: what a model may say that did not see the needle
_HEAD = "HTTP/1.1"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What goes over the wire, and how the connection ends."""

    events: list[Event]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None  # None: the events
    pieces: Callable[[bytes], list[bytes]] = lambda body: [body]
    chunked: bool = True
    end: str = "keep"  # keep, close, reset, hold, pings; or cut: closed without the last chunk
    silent_s: float = 0.0  # before anything is sent
    version: str = _HEAD


@dataclass(frozen=True, kw_only=True)
class ParsedQuestion:
    """One request as a liar sees it."""

    protocol: Protocol
    prompt: str
    kept: str
    time: int  # how often this prompt was asked before
    number: int  # requests with a needle before this one
    crowd: int  # requests in flight, this one among them
    seen: list[str]  # answers that were right, in order


Keeps = Callable[[str], str]
CountsBy = Callable[[ParsedQuestion, str], Counts | None]
Answers = Callable[[ParsedQuestion], str]
Fault = Callable[[Reply, ParsedQuestion], Reply]
When = Callable[[ParsedQuestion], bool]


@cache
def tokens(text: str, encoding: str = "o200k_base") -> int:
    return tokenizer_of(encoding).count(text)


def reads(asked: ParsedQuestion) -> str:
    """Answers from what was kept of the prompt; else a value out of the air."""
    found = SOLVE(asked.kept)
    return found if found.isdigit() or not has_needle(asked.prompt) else NOTHING_FOUND


def has_needle(prompt: str) -> bool:
    return SOLVE(prompt).isdigit()


def exactly(asked: ParsedQuestion, text: str) -> Counts | None:
    """As we count, and nine tokens around."""
    return Counts(input=tokens(asked.kept) + 9, output=tokens(text))


@dataclass(frozen=True, kw_only=True)
class Lie:
    """One kind of server."""

    name: str
    faults: tuple[Fault, ...] = ()
    when: When = lambda asked: True
    keeps: Keeps = lambda prompt: prompt
    counts: CountsBy = exactly
    answers: Answers = reads
    stop: str = "stop"


class Liar:
    """Tells one lie at a time. Which prompts were answered whole, and how often, is remembered."""

    def __init__(self) -> None:
        self.port = 0
        self.facts: dict[str, object] = {}
        self.tell(Lie(name="honest"))

    def tell(self, lie: Lie) -> None:
        """From now on, with nothing remembered."""
        self.lie = lie
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = (
            Counter()
        )  # prompts with a needle that got a reply without a fault
        self._right: list[str] = []
        self._crowd = 0

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while await self._exchange(reader, writer):
                pass
        with suppress(Exception):
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its reply; False where the connection is over."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        path = head.split(" ", 2)[1]
        if head.startswith("GET"):
            known = self.facts.get(path)
            body = json.dumps(known or {}).encode()
            status = f"{_HEAD} {200 if known else 404} X\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(status.encode() + body)
            return True
        size = int(head.lower().split("content-length:")[1].split("\r\n")[0])
        body_in = json.loads(await reader.readexactly(size))
        self._crowd += 1
        try:
            return await _sent(writer, self._reply(protocol_of(path), body_in))
        finally:
            self._crowd -= 1

    def _reply(self, protocol: Protocol, body: Mapping[str, Any]) -> tuple[Protocol, Reply]:
        lie, prompt = self.lie, protocol.prompt(body)
        asked = ParsedQuestion(
            protocol=protocol,
            prompt=prompt,
            kept=lie.keeps(prompt),
            time=self.asked[prompt],
            number=sum(n for p, n in self.asked.items() if has_needle(p)),
            crowd=self._crowd,
            seen=self._right,
        )
        self.asked[prompt] += 1
        told = lie.when(asked)
        text = lie.answers(asked) if told else reads(asked)
        counts = lie.counts(asked, text) if told else exactly(asked, text)
        reply = Reply(events=protocol.events(text, lie.stop if told else "stop", counts, "m"))
        if told:
            for fault in lie.faults:
                reply = fault(reply, asked)
        elif has_needle(prompt):
            self.answered[prompt] += 1
        if has_needle(prompt):
            self._right.append(SOLVE(prompt))
        return protocol, reply


async def _sent(writer: asyncio.StreamWriter, told: tuple[Protocol, Reply]) -> bool:
    protocol, reply = told
    await asyncio.sleep(reply.silent_s)
    if reply.end == "silent":
        return False
    body = b"".join(framed(protocol, e) for e in reply.events) if reply.body is None else reply.body
    headers = {"Content-Type": protocol.content_type, "x-request-id": "r-1", **reply.headers}
    if reply.chunked:
        headers["Transfer-Encoding"] = "chunked"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    writer.write(f"{reply.version} {reply.status} X\r\n{lines}\r\n".encode("latin-1"))
    for piece in reply.pieces(body):
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if reply.chunked and piece else piece)
        await writer.drain()
    if reply.chunked and reply.end not in ("cut", "reset"):
        writer.write(b"0\r\n\r\n" if reply.end not in ("hold", "pings") else b"")
    await writer.drain()
    if reply.end == "reset":
        await asyncio.sleep(0.01)  # what was sent arrives first
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    for _ in range(30 if reply.end in ("hold", "pings") else 0):
        if reply.end == "pings":
            writer.write(b"9\r\n: ping  \n\r\n")
            await writer.drain()
        await asyncio.sleep(0.1)
    return reply.end == "keep"


@contextmanager
def lying() -> Iterator[Liar]:
    """A liar that serves for as long as the block runs."""
    liar, ready, over = Liar(), threading.Event(), asyncio.Event()

    async def main() -> None:
        server = await asyncio.start_server(liar.serve, "127.0.0.1", 0, limit=4_000_000)
        liar.port = server.sockets[0].getsockname()[1]
        loops.append(asyncio.get_running_loop())
        ready.set()
        await over.wait()
        server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    loops: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield liar
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join(10)
