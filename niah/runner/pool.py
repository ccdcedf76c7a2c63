"""As many connections as are in use at once, each with the headers that every request has.

A shared pool looks at all its connections for every request: with 64 in flight that cost more than all the rest of a
trial. Here a connection belongs to one request at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from types import TracebackType

import httpx

from niah import __version__
from niah.providers import HttpRequest
from niah.runner.http import Pieces

_ALWAYS = {"User-Agent": f"niah/{__version__}", "Accept-Encoding": "identity"}  # what is packed does not stream


class Pool:
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
                    stream=Pieces(request.body),
                    extensions={"timeout": timeout.as_dict()},
                )
            )
            try:
                yield reply
            finally:
                await reply.aclose()

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

    async def __aenter__(self) -> Pool:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for transport in self._all:
            await transport.aclose()
        await asyncio.sleep(0)  # the loop lets go of their sockets


@lru_cache(maxsize=16)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)
