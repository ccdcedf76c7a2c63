"""Send one prompt: bounded attempts, streamed replies, every ending told apart. A fault is never an answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from niah.providers import Failure, HttpRequest, Provider, Reply, ReplyError
from niah.providers.failures import status_in
from niah.records import Outcome, Response
from niah.runner.connections import Connections
from niah.runner.events import reader_of
from niah.runner.limits import Limits
from niah.runner.patience import Patience

CONNECT_S = 10.0
WRITE_S = 120.0
_FIRST_WAIT_S = 1.0
_LONGEST_BACKOFF_S = 60.0
_PIECE = 262_144
_MOST_ERROR = 65_536  # bytes of an error body that are read
_MOST_REPLY = 64_000_000  # bytes of a reply: more is no answer
_ID_HEADERS = ("x-request-id", "request-id", "x-goog-request-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one trial's exchange with the server ended."""

    outcome: Outcome
    attempts: int
    response: Response | None = None
    first_token_s: float | None = None
    total_s: float | None = None
    request_id: str | None = None
    error: str | None = None
    retried: bool = True  # whether another attempt could have helped
    fatal: bool = False


class Client:
    """Asks one provider. Clock (seconds, monotonic) and jitter (0 to 1) are arguments."""

    def __init__(
        self,
        connections: Connections,
        provider: Provider,
        limits: Limits,
        *,
        attempts: int,
        clock: Callable[[], float],
        patience: Patience,
        longest_wait_s: float,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._connections = connections
        self._provider = provider
        self._limits = limits
        self._attempts = attempts
        self._clock = clock
        self._patience = patience
        self._longest_wait_s = longest_wait_s
        self._jitter = jitter

    async def ask(self, request: HttpRequest) -> Answer | None:
        """The answer to a request, after as many attempts as the limit allows; None where a stop came before any."""
        answer = None
        for attempt in range(1, self._attempts + 1):
            if not await self._limits.enter(request.tokens):
                return answer
            try:
                answer, wait_s = await self._attempt(request, attempt)
            finally:
                self._limits.leave()
            if wait_s is None or attempt == self._attempts or not await self._limits.pause(wait_s):
                return answer
        raise AssertionError("attempts is at least 1")

    async def fetch(self, request: HttpRequest) -> str | None:
        """The body of a small request beside the sweep, or None where the server does not answer it."""
        try:
            with self._connections.one() as http:
                content = b"".join(request.body)
                reply = await http.request(
                    request.method, request.url, headers=request.headers, content=content, timeout=CONNECT_S
                )
        except httpx.HTTPError:
            return None
        return reply.text if reply.status_code == 200 else None

    async def _attempt(self, request: HttpRequest, attempt: int) -> tuple[Answer, float | None]:
        """One try: its answer, and how long to wait before the next one (None: do not try again)."""
        started, headers = self._clock(), httpx.Headers()
        silence_s = self._patience.silence_s(request.tokens, attempt)
        try:
            async with (
                asyncio.timeout(self._patience.answer_s(request.tokens, attempt)),
                self._sent(request, silence_s) as reply,
            ):
                headers = reply.headers
                if reply.status_code != 200:
                    failure = self._provider.failure(reply.status_code, await _error_body(reply))
                    return self._failed(failure, attempt, started, headers)
                answer = await self._read(reply, started, attempt)
                self._limits.answered()
                self._patience.learn(request.tokens, answer.first_token_s)
                return answer, None
        except ReplyError as error:  # its status stands in the body, if anywhere
            failure = self._provider.failure(status_in(error.body), error.body)
            return self._failed(failure, attempt, started, headers)
        except TimeoutError:
            message = f"no whole answer after {self._clock() - started:.0f} s"
        except (httpx.TransportError, httpx.StreamError, _Cut, *_MALFORMED) as error:
            message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            if isinstance(error, httpx.ReadTimeout):
                message = f"ReadTimeout: silent for {silence_s:.0f} s"
        failure = Failure(outcome=Outcome.ERROR, message=" ".join(message.split())[:300], retry=True)
        return self._failed(failure, attempt, started, headers)

    @asynccontextmanager
    async def _sent(self, request: HttpRequest, silence_s: float) -> AsyncIterator[httpx.Response]:
        """The reply to a request, its body unread."""
        with self._connections.one() as http:
            async with http.stream(
                "POST",
                request.url,
                headers={**request.headers, "Content-Length": str(sum(map(len, request.body)))},
                content=_pieces(request.body),
                timeout=httpx.Timeout(connect=CONNECT_S, write=WRITE_S, read=silence_s, pool=None),
            ) as reply:
                yield reply

    async def _read(self, reply: httpx.Response, started: float, attempt: int) -> Answer:
        parsed = self._provider.reply()
        first_token_s = await self._feed(reply, parsed, started)
        if not parsed.complete:
            raise _Cut(f"the stream ({reply.headers.get('content-type', 'untyped')}) ended without a stop marker")
        return Answer(
            outcome=parsed.outcome(),
            attempts=attempt,
            response=parsed.response(),
            first_token_s=first_token_s,
            total_s=self._clock() - started,
            request_id=_request_id(reply.headers) or parsed.request_id,
        )

    async def _feed(self, reply: httpx.Response, parsed: Reply, started: float) -> float | None:
        """Read the reply to its end; the time of the first text is returned (None for a reply in one piece)."""
        first_token_s: float | None = None
        events = reader_of(reply.headers.get("content-type", ""))
        size = 0
        async for chunk in reply.aiter_bytes():
            size += len(chunk)
            if size > _MOST_REPLY:
                raise ValueError(f"a reply of more than {_MOST_REPLY // 1_000_000} MB")
            for event in events.feed(chunk):
                if parsed.feed(event) and first_token_s is None:
                    first_token_s = self._clock() - started
        for event in events.finish():
            parsed.feed(event)
        return first_token_s

    def _failed(
        self, failure: Failure, attempt: int, sent_at: float, headers: httpx.Headers
    ) -> tuple[Answer, float | None]:
        """The answer for a failure and the wait before another try; a throttled one slows everyone down."""
        wait_s = retry_after_s(headers)
        wait_s = failure.wait_s if wait_s is None else wait_s
        too_long = failure.retry and wait_s is not None and wait_s > self._longest_wait_s
        error = failure.message
        if too_long:
            error = f"the server asks to wait {wait_s:,.0f} s, longest_wait_s is {self._longest_wait_s:g}: {error}"
        answer = Answer(
            outcome=failure.outcome,
            attempts=attempt,
            request_id=_request_id(headers),
            error=error,
            retried=failure.retry,
            fatal=failure.fatal or too_long,
        )
        if not failure.retry or too_long:
            return answer, None
        if wait_s is None:
            longest = min(_LONGEST_BACKOFF_S, _FIRST_WAIT_S * 2 ** (attempt - 1))
            wait_s = longest * (0.5 + self._jitter() / 2)
        if failure.throttled:
            self._limits.throttled(sent_at, wait_s)
        return answer, wait_s


# what reading a reply of an unexpected shape raises
_MALFORMED = (ValueError, TypeError, AttributeError, LookupError, RecursionError)


async def _pieces(body: Iterable[bytes]) -> AsyncIterator[bytes]:
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


async def _error_body(reply: httpx.Response) -> str:
    """The beginning of an error body."""
    body = b""
    async for chunk in reply.aiter_bytes():
        body += chunk
        if len(body) >= _MOST_ERROR:
            break
    return body[:_MOST_ERROR].decode(errors="replace")


class _Cut(Exception):
    """A stream that ended in the middle."""


def _request_id(headers: httpx.Headers) -> str | None:
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
