"""One request and its reply: sent, read to the end, within times and sizes.

What is whole stays whole, whatever follows it: behind a stop marker the rest of a reply is waited
for only a moment. Longer prompts are waited for longer, as finished answers taught. What an
exception of the network means for a trial says the row of its class, or of the nearest above it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import httpx

from niah.providers import Failure, HttpRequest, Provider, ReplyError, UnexpectedStop
from niah.records import Outcome, Response, Usage
from niah.runner.pool import Pool, body_of
from niah.runner.progress import Kind
from niah.runner.stream_parsing import StreamReader, WebPage
from niah.text.outside import redacted

CONNECT_S = 10.0
WRITE_S = 120.0
MOST_REPLY_BYTES = 16_000_000  # more is no answer
ERROR_S = 10.0  # for the body of an error
MOST_ERROR_BYTES = 65_536
MOST_HEARD = 20_000  # characters kept of a reply as it came
FOR_USAGE_S = 10.0  # the count of tokens may follow the stop marker
FOR_THE_END_S = 2.0  # once it is there
MAY_GO_ON_S = 30.0  # where a stop marker may stand before the end
FOR_THE_CONNECTION_S = 1.0  # so that a finished one can be used again
_ID_HEADERS = ("x-request-id", "request-id", "x-goog-request-id")
LEAST_SILENCE_S = 120.0  # a busy server queues requests for minutes
MOST_SILENCE_S = 1_800.0  # unless even more is to be expected
SLOWEST_TOKENS_PER_S = 400.0  # what is assumed of a server that has not answered yet: a small CPU
SLOWEST_TOKEN_S = 5.0  # of a reply: a server that is slower than this has hung
TIMES_EXPECTED = 6.0
SILENCES_WITHOUT_A_WORD = 3.0
_REMEMBERED = 16
_MOST_MESSAGE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How an exchange with the server ended, after one attempt or more."""

    outcome: Outcome
    attempts: int = 1
    response: Response | None = None
    first_token_s: float | None = None  # None for a reply in one piece
    total_s: float | None = None
    request_id: str | None = None
    error: str | None = None
    retried: bool = True  # whether another attempt could have helped
    fatal: bool = False  # every further request would end so


@dataclass(slots=True)
class Heard:
    """What came back for one attempt: of a long reply its beginning."""

    status: int | None = None
    parts: list[str] = field(default_factory=list)
    size: int = 0  # characters of all of it

    def take(self, text: str) -> None:
        if self.size < MOST_HEARD:
            self.parts.append(text[: MOST_HEARD - self.size])
        self.size += len(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How one attempt ended."""

    answer: Answer
    paid: Usage | None = None  # None: perhaps paid for, and not reported
    wait_s: float | None = None  # before another one; None: there is none
    kind: Kind = "fault"  # of trouble
    heard: Heard = field(default_factory=Heard)


@dataclass(eq=False)
class Refused(Exception):
    """A reply that is no 200; ``location`` is where it redirects to."""

    status: int
    body: str
    location: str | None


class Exchange:
    """One attempt. The clock is ``time.monotonic``, as is the transport's stamp of what came in."""

    def __init__(
        self, provider: Provider, request: HttpRequest, times: Times, clock: Callable[[], float]
    ) -> None:
        self._request = request
        self._times = times
        self._clock = clock
        self._reply = provider.reply()
        self._events = StreamReader()
        self._complete_at: float | None = None  # by the loop's clock, as is the deadline
        self._end_at = 0.0
        self._first_token_s: float | None = None
        self._total_s = 0.0
        self.started = clock()
        self._stamp: Callable[[], float | None] = lambda: None  # when bytes came in, if known
        self.headers = httpx.Headers()  # of the reply, once it has begun
        self.heard = Heard()

    @property
    def request_id(self) -> str | None:
        """What the server's headers call the request, for its support."""
        return next((self.headers[name] for name in _ID_HEADERS if self.headers.get(name)), None)

    async def run(self, pool: Pool) -> Answer:
        """Raises Refused, NoAnswer, ReplyError, TimeoutError or httpx's where no answer comes."""
        self._end_at = asyncio.get_running_loop().time() + self._times.total_s
        try:
            async with asyncio.timeout(self._times.first_word_s) as deadline:
                await self._exchanged(pool, deadline)
        except (TimeoutError, httpx.ReadTimeout) as error:
            if self._complete_at is None:
                words = f"no answer in {self._clock() - self.started:.0f} s"
                if isinstance(error, httpx.ReadTimeout):
                    words = f"ReadTimeout: silent for {self._times.silence_s:.0f} s"
                raise TimeoutError(words) from error
        except httpx.TransportError:
            if self._complete_at is None or not self._reply.stops_once:
                raise
        return self._whole()

    async def _exchanged(self, pool: Pool, deadline: asyncio.Timeout) -> None:
        silence_s = self._times.silence_s
        timeout = httpx.Timeout(connect=CONNECT_S, write=WRITE_S, read=silence_s, pool=None)
        async with pool.sent(self._request, timeout) as reply:
            self._stamp = reply.extensions.get("stamp", self._stamp)
            self.headers, self.heard.status = reply.headers, reply.status_code
            if reply.status_code != 200:
                location = reply.headers.get("location") if reply.has_redirect_location else None
                body = (await body_of(reply, MOST_ERROR_BYTES, ERROR_S)).decode(errors="replace")
                self.heard.take(body)
                raise Refused(reply.status_code, body, location)
            await self._read(reply, deadline)

    async def _read(self, reply: httpx.Response, deadline: asyncio.Timeout) -> None:
        """Read the reply to its end. Every word moves the deadline, up to that of the whole."""
        size = 0
        async for chunk in reply.aiter_bytes():
            size += len(chunk)
            if self._reply.finished:
                continue
            if size > MOST_REPLY_BYTES:
                if self._complete_at is not None:
                    return
                raise NoAnswer(f"a reply of more than {MOST_REPLY_BYTES // 1_000_000} MB")
            self._take(partial(self._events.feed, chunk), deadline)
        if not self._reply.finished:
            self._take(self._events.finish, deadline)

    def _take(self, events: Callable[[], list[str]], deadline: asyncio.Timeout) -> None:
        """Feed the events that are whole now. What follows a whole answer cannot make it less."""
        settled = self._reply.complete and self._reply.counted
        word = False
        with self._forgiven_when_whole():
            for event in events():
                self.heard.take(event)
                with self._forgiven_when_whole():
                    word = self._reply.feed(event) or word
        if not settled:
            self._total_s = (self._stamp() or self._clock()) - self.started
        if word and self._first_token_s is None:
            self._first_token_s = self._total_s
        self._move(deadline, word)

    @contextmanager
    def _forgiven_when_whole(self) -> Iterator[None]:
        """Faults of the server's are raised, unless the reply was whole before."""
        whole = self._reply.complete and self._reply.stops_once
        try:
            with _parsing():
                yield
        except (NoAnswer, ReplyError):
            if not whole:
                raise

    def _move(self, deadline: asyncio.Timeout, word: bool) -> None:
        """Move the deadline: by every word, and nearer once a stop marker was seen."""
        now = asyncio.get_running_loop().time()
        if self._reply.complete:
            if self._complete_at is None or (word and not self._reply.stops_once):
                self._complete_at = now
            deadline.reschedule(min(self._end_at, self._complete_at + self._rest_s()))
        elif word:
            deadline.reschedule(min(self._end_at, now + self._times.first_word_s))

    def _rest_s(self) -> float:
        """How long to wait for the rest, counted from the stop marker."""
        if self._reply.finished:
            return FOR_THE_CONNECTION_S
        if not self._reply.stops_once:
            return MAY_GO_ON_S
        return FOR_THE_END_S if self._reply.counted else FOR_USAGE_S

    def _whole(self) -> Answer:
        if not self._reply.complete:
            kind = self.headers.get("content-type", "untyped")
            raise NoAnswer(f"the stream ({kind}) ended without a stop marker")
        with _parsing():
            error = None
            try:
                outcome = self._reply.outcome()
            except UnexpectedStop as stopped:
                if stopped.again:
                    raise NoAnswer(str(stopped)) from None
                outcome, error = Outcome.ERROR, str(stopped)
            return Answer(
                outcome=outcome,
                response=self._reply.response(),
                error=error,
                retried=error is None,
                first_token_s=self._first_token_s,
                total_s=self._total_s,
                request_id=self.request_id or self._reply.request_id,
            )


@contextmanager
def _parsing() -> Iterator[None]:
    """What reading a reply of an unexpected shape raises is a fault of the server's."""
    try:
        yield
    except WebPage:
        raise
    except ODD_SHAPE as error:
        raise NoAnswer(
            f"a reply of an unexpected shape ({type(error).__name__}: {redacted(str(error))[:80]})"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long one attempt may take, in seconds."""

    silence_s: float  # between two bytes
    first_word_s: float  # and from one word to the next: comments must not hold a run
    total_s: float  # nor may a trickle of words


class AdaptiveTimeout:
    """Times in seconds. A fixed silence is the same for every prompt."""

    def __init__(self, fixed_s: float | None, *, reply_tokens: int = 0) -> None:
        """``reply_tokens`` is the reply budget."""
        self._fixed_s = fixed_s
        self._reply_tokens = reply_tokens
        # prompt tokens and time to first token
        self._seen: deque[tuple[int, float]] = deque(maxlen=_REMEMBERED)

    def silence_s(self, tokens: int, attempt: int) -> float:
        """The longest silence to bear in an attempt. After a timeout the next has twice as long."""
        if self._fixed_s is not None:
            return self._fixed_s
        silence_s = LEAST_SILENCE_S + tokens / SLOWEST_TOKENS_PER_S
        if self._seen:
            expected_s = median(_expected_s(tokens, *seen) for seen in self._seen)
            most_s = max(MOST_SILENCE_S, 2 * expected_s)
            silence_s = min(max(LEAST_SILENCE_S, TIMES_EXPECTED * expected_s), most_s)
        return silence_s * float(2 ** min(attempt - 1, 2))

    def times(self, tokens: int, attempt: int) -> Times:
        """All three bounds of an attempt."""
        silence_s = self.silence_s(tokens, attempt)
        first_word_s = SILENCES_WITHOUT_A_WORD * silence_s
        total_s = first_word_s + SLOWEST_TOKEN_S * self._reply_tokens
        return Times(silence_s=silence_s, first_word_s=first_word_s, total_s=total_s)

    def learn(self, tokens: int, first_token_s: float | None) -> None:
        """Take in a finished trial; the last ones count."""
        if first_token_s is not None:
            self._seen.append((max(1, tokens), first_token_s))


def _expected_s(tokens: int, seen_tokens: int, seen_s: float) -> float:
    """Time to first token as one trial leads to expect: the square up to four times its length."""
    ratio = max(1.0, tokens / seen_tokens)
    return seen_s * (ratio**2 if ratio <= 4 else 4 * ratio)


class NoAnswer(Exception):
    """A reply that is none: cut in the middle, of an unexpected shape, endless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What one kind of exception means."""

    retry: bool = True  # another attempt may help
    unreachable: bool = False  # nobody was there: nothing was sent, nothing is paid
    sent: bool = True  # the request, or a part of it, may have reached the server


_HERE = Fault(retry=False, sent=False)  # a request that cannot be sent, whatever the server
_AWAY = Fault(unreachable=True, sent=False)
_BROKEN = Fault()

FAULTS: Mapping[type[Exception], Fault] = {
    httpx.HTTPError: _BROKEN,
    httpx.StreamError: _BROKEN,
    NoAnswer: _BROKEN,
    TimeoutError: _BROKEN,
    httpx.ConnectTimeout: _AWAY,
    httpx.PoolTimeout: _AWAY,
    httpx.ConnectError: _AWAY,
    httpx.ProxyError: _AWAY,
    httpx.LocalProtocolError: _HERE,
    httpx.UnsupportedProtocol: _HERE,
    httpx.InvalidURL: _HERE,
    httpx.CookieConflict: _HERE,
    httpx.TooManyRedirects: Fault(retry=False),
}
CAUGHT = tuple(FAULTS)  # what ends an attempt
# what reading a reply of an odd shape raises
ODD_SHAPE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)


def fault_of(error: Exception) -> Fault:
    """The row of an exception's class, or of the nearest one above it."""
    return next(FAULTS[kind] for kind in type(error).__mro__ if kind in FAULTS)


def failure_of_exception(error: Exception) -> Failure:
    """The failure of an attempt that an exception ended."""
    fault, words = fault_of(error), str(error)
    if not isinstance(error, NoAnswer | TimeoutError):
        name = type(error).__name__
        words = f"{name}: {words}" if words else name
    whole = redacted(words.encode(errors="replace").decode())  # first: the cut could halve a key
    return Failure(
        outcome=Outcome.ERROR,
        message=" ".join(whole.split())[:_MOST_MESSAGE],
        retry=fault.retry,
        unreachable=fault.unreachable,
    )
