"""As many connections as are in use at once, each with the headers that every request has.

A shared pool looks at all its connections for every request: with 64 in flight that cost more than all the rest of a
trial. Here a connection belongs to one request at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from functools import lru_cache

import httpx

from niah import __version__
from niah.providers import HttpRequest

_PIECE = 262_144  # bytes
_ALWAYS = {"User-Agent": f"niah/{__version__}", "Accept-Encoding": "identity"}  # what is packed does not stream


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
    """Connections, made when they are needed, the last used one first. No redirect is followed."""

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport], headers: Mapping[str, str] | None = None) -> None:
        self._make = make
        self._headers = httpx.Headers({**_ALWAYS, **(headers or {})})
        self._all: list[httpx.AsyncBaseTransport] = []
        self._free: list[httpx.AsyncBaseTransport] = []

    @asynccontextmanager
    async def sent(self, request: HttpRequest, timeout: httpx.Timeout) -> AsyncIterator[httpx.Response]:
        """The reply to a request, its body unread. Raises the exceptions of httpx."""
        url, headers = _parsed(request.url), self._headers.copy()
        headers.update(request.headers)
        headers["Host"] = url.netloc.decode()
        headers["Content-Length"] = str(sum(map(len, request.body)))
        with self._one() as transport:
            reply = await transport.handle_async_request(
                httpx.Request(
                    request.method,
                    url,
                    headers=headers,
                    stream=_Pieces(request.body),
                    extensions={"timeout": timeout.as_dict()},
                )
            )
            try:
                yield reply
            finally:
                await reply.aclose()

    async def read(self, request: HttpRequest, within_s: float, most: int) -> tuple[int, bytes]:
        """Status and body of a small reply: at most so many bytes and one. Raises TimeoutError as well."""
        async with asyncio.timeout(within_s), self.sent(request, httpx.Timeout(within_s)) as reply:
            return reply.status_code, await body_of(reply, most)

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
    """A body, a piece at a time: a long one must not keep the other requests waiting, a short one goes at once."""

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
