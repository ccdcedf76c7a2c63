"""Send one prompt: bounded attempts, streamed replies, every ending told apart. A fault is never an answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace

import httpx

from niah.providers import Failure, HttpRequest, Provider, Reply, ReplyError, StoppedOddly
from niah.providers.failures import status_in
from niah.records import Outcome, Response
from niah.runner.connections import Connections
from niah.runner.events import reader_of
from niah.runner.limits import Limits
from niah.runner.patience import Patience
from niah.runner.progress import Kind, Trouble
from niah.runner.transfer import error_body, pieces, read_rest, request_id_in, retry_after_s

CONNECT_S = 10.0
WRITE_S = 120.0
MOST_TROUBLE_S = 3_600.0  # a patient request outlives so long a throttle or outage
_FIRST_WAIT_S = 1.0
_LONGEST_BACKOFF_S = 60.0
_MOST_REPLY = 16_000_000  # bytes of a reply: more is no answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one trial's exchange with the server ended."""

    outcome: Outcome
    attempts: int
    unreported: int = 0  # attempts that began to answer and broke off: perhaps paid for, and not reported
    response: Response | None = None
    first_token_s: float | None = None
    total_s: float | None = None
    request_id: str | None = None
    error: str | None = None
    retried: bool = True  # whether another attempt could have helped
    fatal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """How one attempt ended; wait_s: before another one (None: there is no use in one)."""

    answer: Answer
    wait_s: float | None = None
    in_trouble: bool = False  # throttled or not reachable: the server's state, not this request's
    kind: Kind = "fault"
    begun: bool = False  # an answer had begun


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
        on_trouble: Callable[[Trouble], None] = lambda trouble: None,
    ) -> None:
        self._connections = connections
        self._provider = provider
        self._limits = limits
        self._attempts = attempts
        self._clock = clock
        self._patience = patience
        self._longest_wait_s = longest_wait_s
        self._jitter = jitter
        self._on_trouble = on_trouble

    async def ask(self, request: HttpRequest, *, patient: bool = False) -> Answer | None:
        """The answer to a request, after as many attempts as the limit allows; None where a stop came before any.

        A patient request does not count attempts at a server that is throttling or not there, for up to an hour.
        """
        answer, began, counted, sent, unreported = None, self._clock(), 0, 0, 0
        while True:
            if not await self._limits.enter(request.tokens):
                return answer
            sent += 1
            try:
                ended = await self._attempt(request, counted + 1)
            finally:
                self._limits.leave()
            unreported += ended.begun and ended.answer.error is not None
            answer = replace(ended.answer, attempts=sent, unreported=unreported)
            if not (patient and ended.in_trouble and self._clock() - began < MOST_TROUBLE_S):
                counted += 1
            if ended.wait_s is None or counted >= self._attempts:
                return answer
            self._on_trouble(Trouble(kind=ended.kind, reason=answer.error or "", wait_s=ended.wait_s))
            if not await self._limits.pause(ended.wait_s):
                return answer

    async def fetch(self, request: HttpRequest) -> str | None:
        """The body of a small request beside the sweep, or None where the server does not answer it."""
        try:
            with self._connections.one() as http:
                content = b"".join(request.body)
                reply = await http.request(
                    request.method, request.url, headers=request.headers, content=content, timeout=CONNECT_S
                )
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        return reply.text if reply.status_code == 200 else None

    async def _attempt(self, request: HttpRequest, attempt: int) -> _Ended:
        """One try."""
        started, headers, begun = self._clock(), httpx.Headers(), False
        silence_s = self._patience.silence_s(request.tokens, attempt)
        try:
            async with (
                asyncio.timeout(self._patience.wordless_s(request.tokens, attempt)) as deadline,
                self._sent(request, silence_s) as reply,
            ):
                headers = reply.headers
                if reply.status_code != 200:
                    return self._failed(await self._failure(reply), attempt, started, headers)
                begun = True
                answer = await self._read(reply, started, deadline)
                self._limits.answered()
                self._patience.learn(request.tokens, answer.first_token_s)
                return _Ended(answer=answer, begun=True)
        except ReplyError as error:  # its status stands in the body, if anywhere
            failure = self._provider.failure(status_in(error.body), error.body)
        except TimeoutError:
            failure = _fault(f"no answer in {self._clock() - started:.0f} s")
        except httpx.ReadTimeout:
            failure = _fault(f"ReadTimeout: silent for {silence_s:.0f} s")
        except (httpx.RequestError, httpx.StreamError, httpx.InvalidURL, _NoAnswer) as error:
            failure = _fault(f"{type(error).__name__.strip('_')}: {error}" if str(error) else type(error).__name__)
            if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                failure = replace(failure, unreachable=True)
        return replace(self._failed(failure, attempt, started, headers), begun=begun)

    @asynccontextmanager
    async def _sent(self, request: HttpRequest, silence_s: float) -> AsyncIterator[httpx.Response]:
        """The reply to a request, its body unread."""
        with self._connections.one() as http:
            async with http.stream(
                "POST",
                request.url,
                headers={**request.headers, "Content-Length": str(sum(map(len, request.body)))},
                content=pieces(request.body),
                timeout=httpx.Timeout(connect=CONNECT_S, write=WRITE_S, read=silence_s, pool=None),
            ) as reply:
                yield reply

    async def _failure(self, reply: httpx.Response) -> Failure:
        """What a reply that is no 200 means."""
        if reply.has_redirect_location:
            place = reply.headers["location"].partition("?")[0]
            message = f"{reply.status_code}: redirected to {place}, which is not followed; is base_url right?"
            return Failure(outcome=Outcome.ERROR, message=message[:300], retry=False)
        return self._provider.failure(reply.status_code, await error_body(reply))

    async def _read(self, reply: httpx.Response, started: float, deadline: asyncio.Timeout) -> Answer:
        parsed = self._provider.reply()
        first_token_s = await self._feed(reply, parsed, started, deadline)
        if not parsed.complete:
            raise _NoAnswer(f"the stream ({reply.headers.get('content-type', 'untyped')}) ended without a stop marker")
        with _parsing():
            answer = Answer(
                outcome=Outcome.ERROR,
                attempts=1,
                response=parsed.response(),
                first_token_s=first_token_s,
                total_s=self._clock() - started,
                request_id=request_id_in(reply.headers) or parsed.request_id,
            )
            try:
                return replace(answer, outcome=parsed.outcome())
            except StoppedOddly as stopped:
                if stopped.again:
                    raise _NoAnswer(str(stopped)) from None
                return replace(answer, error=str(stopped), retried=False)

    async def _feed(
        self, reply: httpx.Response, parsed: Reply, started: float, deadline: asyncio.Timeout
    ) -> float | None:
        """Read the reply to its end; the time of the first text is returned (None for a reply in one piece).

        What is whole stays whole where the connection breaks or stays open behind it. Every word moves the deadline.
        """
        first_token_s: float | None = None
        events = reader_of(reply.headers.get("content-type", ""))
        span_s = (deadline.when() or 0) - asyncio.get_running_loop().time()
        size, chunks = 0, reply.aiter_bytes()
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > _MOST_REPLY:
                    raise _NoAnswer(f"a reply of more than {_MOST_REPLY // 1_000_000} MB")
                with _parsing():
                    if sum([parsed.feed(event) for event in events.feed(chunk)]):
                        first_token_s = first_token_s or self._clock() - started
                        deadline.reschedule(asyncio.get_running_loop().time() + span_s)
                if parsed.finished:
                    await read_rest(chunks)
                    return first_token_s
        except httpx.TransportError:
            if not (parsed.complete and parsed.stops_once):
                raise
        with _parsing():
            for event in events.finish():
                parsed.feed(event)
        return first_token_s

    def _failed(self, failure: Failure, attempt: int, sent_at: float, headers: httpx.Headers) -> _Ended:
        """How a failed attempt ended; a throttled one slows everyone down, one that met nobody pauses everyone."""
        asked_s = retry_after_s(headers)
        asked_s = failure.wait_s if asked_s is None else asked_s
        too_long = failure.retry and asked_s is not None and asked_s > self._longest_wait_s
        error = failure.message
        if too_long:
            error = f"the server asks to wait {asked_s:,.0f} s, longest_wait_s is {self._longest_wait_s:g}: {error}"
        answer = Answer(
            outcome=failure.outcome,
            attempts=attempt,
            request_id=request_id_in(headers),
            error=error,
            retried=failure.retry,
            fatal=failure.fatal or too_long,
        )
        if not failure.retry or too_long:
            return _Ended(answer=answer)
        wait_s = min(_LONGEST_BACKOFF_S, _FIRST_WAIT_S * 2 ** min(attempt - 1, 10)) * (0.5 + self._jitter() / 2)
        if asked_s is not None:  # at its word the first time; a server that keeps asking for too little gets more
            wait_s = asked_s if attempt == 1 else max(asked_s, wait_s)
        if failure.throttled:
            self._limits.throttled(sent_at, wait_s)
        elif failure.unreachable:
            self._limits.pause_all(wait_s)
        kind: Kind = "throttled" if failure.throttled else "unreachable" if failure.unreachable else "fault"
        return _Ended(answer=answer, wait_s=wait_s, in_trouble=kind != "fault", kind=kind)


class _NoAnswer(Exception):
    """A reply that is none: cut in the middle, of an unexpected shape, endless."""


@contextmanager
def _parsing() -> Iterator[None]:
    """What reading a reply of an unexpected shape raises is a fault of the server's."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise _NoAnswer(f"a reply of an unexpected shape ({type(error).__name__}: {str(error)[:80]})") from error


def _fault(message: str) -> Failure:
    message = message.encode(errors="replace").decode()
    return Failure(outcome=Outcome.ERROR, message=" ".join(message.split())[:300], retry=True)
