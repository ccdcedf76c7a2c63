"""As many connections as are in use at once, each with the headers that every request has.

A shared pool looks at all its connections for every request: with 64 in flight that cost more than
all the rest of a trial. Here a connection belongs to one request at a time, and goes from bytes to
a socket by the shortest way that httpcore offers: a client of httpx costs three times the processor
of this, for what a sweep never uses. The socket is asyncio's own, so that a reply is stamped when
the loop hands its bytes over, before the answers of a whole round wait for each other to be read.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from functools import lru_cache
from typing import Any

import httpcore
import httpx

from niah import __version__
from niah.providers import HttpRequest

KEEP_ALIVE_S = 4.0  # below the 5 s after which common servers hang up
_PIECE = 262_144  # bytes; so many may wait in a socket before writing waits, too
# what is packed does not stream
_ALWAYS = {"User-Agent": f"niah/{__version__}", "Accept-Encoding": "identity"}


async def body_of(reply: httpx.Response, most: int, within_s: float | None = None) -> bytes:
    """The beginning of a reply's body: at most so many bytes and one, and what comes in that time.

    What is no error of time is raised.
    """
    body = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            async for chunk in reply.aiter_bytes():
                body += chunk
                if len(body) > most:
                    break
    return body[: most + 1]


class Pool(AbstractAsyncContextManager["Pool"]):
    """Connections, made when they are needed, the last used one first.

    No redirect is followed: a key goes to the named server only.
    """

    def __init__(
        self, make: Callable[[], httpx.AsyncBaseTransport], headers: Mapping[str, str] | None = None
    ) -> None:
        self._make = make
        self._headers = httpx.Headers({**_ALWAYS, **(headers or {})})
        self._all: list[httpx.AsyncBaseTransport] = []
        self._free: list[httpx.AsyncBaseTransport] = []

    @asynccontextmanager
    async def sent(
        self, request: HttpRequest, timeout: httpx.Timeout
    ) -> AsyncIterator[httpx.Response]:
        """The reply to a request, its body unread. Raises the exceptions of httpx."""
        url, headers = _parsed(request.url), self._headers.copy()
        headers.update(request.headers)
        headers["Host"] = url.netloc.decode()
        headers["Content-Length"] = str(sum(map(len, request.body)))
        sent = httpx.Request(
            request.method,
            url,
            headers=headers,
            stream=_Pieces(request.body),
            extensions={"timeout": timeout.as_dict()},
        )
        with self._one() as transport:
            reply = await transport.handle_async_request(sent)
            try:
                yield reply
            finally:
                await reply.aclose()

    async def read(
        self, request: HttpRequest, within_s: float, most: int
    ) -> tuple[httpx.Response, bytes]:
        """A small reply and its body: at most so many bytes and one.

        Raises TimeoutError and the exceptions of httpx.
        """
        async with asyncio.timeout(within_s), self.sent(request, httpx.Timeout(within_s)) as reply:
            return reply, await body_of(reply, most)

    @contextmanager
    def _one(self) -> Iterator[httpx.AsyncBaseTransport]:
        if not self._free:
            self._all.append(self._make())
            self._free.append(self._all[-1])
        transport = self._free.pop()
        try:
            yield transport
        finally:
            self._free.append(transport)

    async def __aexit__(self, *error: object) -> None:
        for transport in self._all:
            await transport.aclose()
        await asyncio.sleep(0)  # the loop lets go of their sockets


class _Pieces(httpx.AsyncByteStream):
    """A body in pieces: a long one must not keep others waiting, a short one goes at once."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        small = b""
        for part in self._body:
            for start in range(0, len(part), _PIECE):
                small += part[start : start + _PIECE]
                if len(small) >= _PIECE:
                    yield small
                    small = b""
        if small:
            yield small


@lru_cache(maxsize=16)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)


class DirectTransport(httpx.AsyncBaseTransport):
    """One connection to one server, kept alive between requests; a new one where it hung up.

    Raises the exceptions of httpx.
    """

    def __init__(
        self,
        trust: ssl.SSLContext | None = None,
        *,
        idle_s: float = KEEP_ALIVE_S,
        options: Iterable[Any] = (),
    ) -> None:
        self._trust = trust
        self._idle_s = idle_s  # after which a connection is not used again
        self._options = list(options)
        self._backend = StampingBackend()
        self._connection: httpcore.AsyncHTTPConnection | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        sent = httpcore.Request(
            request.method,
            target,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx():
            connection = await self._usable(target.origin)
            reply = await connection.handle_async_request(sent)
        return httpx.Response(
            reply.status,
            headers=reply.headers,
            stream=_Body(reply),
            extensions={"stamp": self._backend.stamp},
        )

    async def aclose(self) -> None:
        if self._connection is not None:
            with _as_httpx():
                await self._connection.aclose()

    async def _usable(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        if (old := self._connection) is not None:
            for _ in range(2):  # a hang-up that has come in is seen by the loop now
                await asyncio.sleep(0)
            if old.can_handle_request(origin) and old.is_available() and not old.has_expired():
                return old
            await old.aclose()
        self._connection = httpcore.AsyncHTTPConnection(
            origin,
            ssl_context=self._trust,
            keepalive_expiry=self._idle_s,
            network_backend=self._backend,
            socket_options=self._options,
        )
        return self._connection


class _Body(httpx.AsyncByteStream):
    def __init__(self, reply: httpcore.Response) -> None:
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for part in self._reply.aiter_stream():
                yield part

    async def aclose(self) -> None:
        with _as_httpx():
            await self._reply.aclose()


class StampingBackend(httpcore.AsyncNetworkBackend):
    """Connects by asyncio, and knows when bytes came in last (``time.monotonic``)."""

    def __init__(self) -> None:
        self._reader: _StampedReader | None = None

    def stamp(self) -> float | None:
        """When the last bytes came in; None before any."""
        return None if self._reader is None else self._reader.came_in

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        reader = self._reader = _StampedReader(limit=2**20, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        with _named(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                transport, _ = await loop.create_connection(
                    lambda: protocol, host, port, happy_eyeballs_delay=0.25
                )
        for option in socket_options or ():
            transport.get_extra_info("socket").setsockopt(*option)
        transport.set_write_buffer_limits(high=_PIECE)
        return _Stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


class _StampedReader(asyncio.StreamReader):
    came_in: float | None = None

    def feed_data(self, data: Any) -> None:
        self.came_in = time.monotonic()
        super().feed_data(data)


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _named(httpcore.ReadTimeout, httpcore.ReadError):
            async with asyncio.timeout(timeout):
                # what is there at once is read without waiting: others, and a stop, have their turn
                await asyncio.sleep(0)
                return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        with _named(httpcore.WriteTimeout, httpcore.WriteError):
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()

    async def aclose(self) -> None:
        # nothing is owed to a server whose reply is read or given up
        self._writer.transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        with _named(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # when idle: the server hung up, or sent what nobody asked for
            return self._reader.at_eof() or bool(self._reader._buffer)  # type: ignore[attr-defined]
        return self._writer.get_extra_info(info)


@contextmanager
def _named(late: type[Exception], broken: type[Exception]) -> Iterator[None]:
    """The exceptions of asyncio by httpcore's names."""
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except (OSError, UnicodeError) as error:  # those of TLS as well; a name that cannot be one
        refused = isinstance(error, ConnectionRefusedError)
        raise broken("connection refused" if refused else str(error)) from error


@contextmanager
def _as_httpx() -> Iterator[None]:
    """The exceptions of httpcore by httpx's names, which are the same."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error
    except httpcore.UnsupportedProtocol as error:
        raise httpx.UnsupportedProtocol(str(error)) from error
