"""Bytes and headers of one exchange: the body in pieces, errors, waits and ids."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from niah.providers import HttpRequest

_ERROR_S = 10.0  # for the body of an error
_MOST_ERROR_BYTES = 65_536
_PIECE = 262_144
_ID_HEADERS = ("x-request-id", "request-id", "x-goog-request-id")


def address_of(request: HttpRequest) -> str:
    """Host and port, for people."""
    return urlsplit(request.url).netloc


class Pieces(httpx.AsyncByteStream):
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


async def error_body(reply: httpx.Response) -> str:
    """The beginning of an error body: what of it comes in a few seconds. What is no error of time is raised."""
    body = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(_ERROR_S):
            async for chunk in reply.aiter_bytes():
                body += chunk
                if len(body) >= _MOST_ERROR_BYTES:
                    break
    return body[:_MOST_ERROR_BYTES].decode(errors="replace")


async def small_body(reply: httpx.Response, most: int) -> bytes | None:
    """The whole body of a reply; None where it is longer."""
    body = b""
    async for chunk in reply.aiter_bytes():
        body += chunk
        if len(body) > most:
            return None
    return body


def request_id_in(headers: httpx.Headers) -> str | None:
    """What the server calls the request, for its support."""
    return next((headers[name] for name in _ID_HEADERS if headers.get(name)), None)


def retry_after_s(headers: httpx.Headers, now: datetime | None = None) -> float | None:
    """Seconds to wait as the server asks: ``retry-after-ms``, or ``retry-after`` in seconds or as a date.

    A date is compared with the server's own clock where it sends one: ours may be wrong.
    """
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        if value.strip().replace(".", "", 1).isdigit():
            return float(value)
        clock = parsedate_to_datetime(headers["date"]) if "date" in headers else now or datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(value) - clock).total_seconds())
    except (ValueError, TypeError):
        return None
