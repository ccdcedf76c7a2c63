"""Send one prompt: bounded attempts, streamed replies, every ending told apart. A fault is never an answer."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from niah.providers import Failure, HttpRequest, Provider, Reply, ReplyError
from niah.records import Outcome, Response
from niah.runner.events import EventStream

LONGEST_WAIT_S = 120.0
_FIRST_WAIT_S = 1.0
_PIECE = 262_144
_MOST_BODY = 20_000  # characters of an error body worth reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one trial's exchange with the server ended."""

    outcome: Outcome
    attempts: int
    response: Response | None = None
    first_token_s: float | None = None
    total_s: float | None = None
    error: str | None = None
    retried: bool = True  # whether another attempt could have helped
    fatal: bool = False


class Client:
    """One HTTP client for one provider. Clock, pause (False: go no further) and jitter are arguments."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        provider: Provider,
        *,
        attempts: int,
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[bool]],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._http = http
        self._provider = provider
        self._attempts = attempts
        self._clock = clock
        self._pause = pause
        self._jitter = jitter

    async def ask(self, request: HttpRequest) -> Answer:
        """The answer to a request, after as many attempts as the limit allows."""
        for attempt in range(1, self._attempts + 1):
            answer, wait_s = await self._attempt(request, attempt)
            if wait_s is None or attempt == self._attempts or not await self._pause(wait_s):
                return answer
        raise AssertionError("attempts is at least 1")

    async def _attempt(self, request: HttpRequest, attempt: int) -> tuple[Answer, float | None]:
        """One try: its answer, and how long to wait before the next one (None: do not try again)."""
        started = self._clock()
        try:
            size = {"Content-Length": str(sum(map(len, request.body)))}
            async with self._http.stream(
                "POST", request.url, headers={**request.headers, **size}, content=_pieces(request.body)
            ) as reply:
                if reply.status_code != 200:
                    body = (await reply.aread()).decode(errors="replace")[:_MOST_BODY]
                    return self._failed(self._provider.failure(reply.status_code, body), attempt, reply.headers)
                return await self._read(reply, started, attempt), None
        except ReplyError as error:
            # an error inside a stream has no status of its own; 500 lets the body decide
            return self._failed(self._provider.failure(_status_in(error.body), error.body), attempt, httpx.Headers())
        except (httpx.TransportError, httpx.StreamError, _Cut, *_MALFORMED) as error:
            message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            failure = Failure(outcome=Outcome.ERROR, message=message[:300], retry=True)
            return self._failed(failure, attempt, httpx.Headers())

    async def _read(self, reply: httpx.Response, started: float, attempt: int) -> Answer:
        parsed = self._provider.reply()
        first_token_s = await self._feed(reply, parsed, started)
        if not parsed.complete:
            raise _Cut("the stream ended without a stop marker")
        return Answer(
            outcome=parsed.outcome(),
            attempts=attempt,
            response=parsed.response(),
            first_token_s=first_token_s,
            total_s=self._clock() - started,
        )

    async def _feed(self, reply: httpx.Response, parsed: Reply, started: float) -> float | None:
        """Read the reply to its end; the time of the first text is returned."""
        first_token_s: float | None = None
        if reply.headers.get("content-type", "").startswith("application/json"):  # a server that does not stream
            parsed.feed((await reply.aread()).decode())
            return None
        stream = EventStream()
        async for chunk in reply.aiter_bytes():
            for event in stream.feed(chunk):
                if parsed.feed(event) and first_token_s is None:
                    first_token_s = self._clock() - started
        for event in stream.finish():
            parsed.feed(event)
        return first_token_s

    def _failed(self, failure: Failure, attempt: int, headers: httpx.Headers) -> tuple[Answer, float | None]:
        answer = Answer(
            outcome=failure.outcome, attempts=attempt, error=failure.message, retried=failure.retry, fatal=failure.fatal
        )
        if not failure.retry:
            return answer, None
        asked = retry_after_s(headers)
        if asked is not None:
            return answer, asked if asked <= LONGEST_WAIT_S else None
        longest = min(60.0, _FIRST_WAIT_S * 2 ** (attempt - 1))
        return answer, longest * (0.5 + self._jitter() / 2)


# what reading a reply of an unexpected shape raises
_MALFORMED = (ValueError, TypeError, AttributeError, LookupError)


async def _pieces(body: Iterable[bytes]) -> AsyncIterator[bytes]:
    """The body, a piece at a time: a long one must not keep the other requests waiting."""
    for part in body:
        for start in range(0, len(part), _PIECE):
            yield part[start : start + _PIECE]


class _Cut(Exception):
    """A stream that ended in the middle."""


def retry_after_s(headers: httpx.Headers, now: datetime | None = None) -> float | None:
    """Seconds to wait as the server asks: ``retry-after-ms``, or ``retry-after`` in seconds or as a date."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        if value.strip().replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, (parsedate_to_datetime(value) - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, TypeError):
        return None


def _status_in(body: str) -> int:
    """The status that an error object names, or 500."""
    try:
        code = json.loads(body)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return 500
    return code if isinstance(code, int) and 400 <= code < 600 else 500
