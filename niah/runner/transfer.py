"""Bytes and headers of one exchange: the body in pieces, the rest of a reply, errors, waits and ids."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

_REST_S = 1.0  # for the end of a connection behind a finished reply
_PIECE = 262_144
_MOST_ERROR = 65_536  # bytes of an error body that are read
_ID_HEADERS = ("x-request-id", "request-id", "x-goog-request-id")


async def pieces(body: Iterable[bytes]) -> AsyncIterator[bytes]:
    """The body, a piece at a time: a long one must not keep the other requests waiting, a short one goes at once."""
    small = b""
    for part in body:
        for start in range(0, len(part), _PIECE):
            small += part[start : start + _PIECE]
            if len(small) >= _PIECE:
                yield small
                small = b""
    if small:
        yield small


async def read_rest(chunks: AsyncIterator[bytes]) -> None:
    """Read on to the end of a finished reply, so that the connection can be used again; not for long."""
    with suppress(TimeoutError, httpx.RequestError):
        async with asyncio.timeout(_REST_S):
            async for _ in chunks:
                pass


async def error_body(reply: httpx.Response) -> str:
    """The beginning of an error body."""
    body = b""
    async for chunk in reply.aiter_bytes():
        body += chunk
        if len(body) >= _MOST_ERROR:
            break
    return body[:_MOST_ERROR].decode(errors="replace")


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
