"""Send one prompt: bounded attempts, every one admitted and noted, every ending told apart.

A fault is never an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field, replace

import httpx

from niah.errors import OutageError, ProviderError
from niah.providers import Failure, HttpRequest, Provider, ReplyError
from niah.providers.failures import status_in
from niah.records import Outcome, Usage
from niah.runner.budget import Ledger
from niah.runner.exchange import (
    CAUGHT,
    AdaptiveTimeout,
    Answer,
    Attempt,
    Exchange,
    Refused,
    Times,
    failure_of_exception,
    fault_of,
)
from niah.runner.pool import Pool
from niah.runner.progress import Kind, Observer, Trouble
from niah.runner.rates import retry_after_s
from niah.runner.stream_parsing import WebPage
from niah.runner.throttle import Throttle

FIRST_WORD_S = 10.0  # a server that has never answered is spoken of after so long a silence
_FACTS_S = 15.0  # for a small request beside the sweep
_MOST_FACTS_BYTES = 16_000_000  # a list of models may be long
_PERHAPS_PAID = (504, 524)  # a gateway gave up: what is behind it may have read the prompt
_MOST_PAGES = 2  # web pages before the first answer: the address is wrong, not the moment


@dataclass(slots=True)
class Client:
    """Asks one provider. Clock is monotonic, in seconds."""

    pool: Pool
    provider: Provider
    throttle: Throttle
    _: KW_ONLY
    attempts: int
    clock: Callable[[], float]
    timeouts: AdaptiveTimeout
    longest_wait_s: float
    patience_s: float  # a trial outlives so long a throttle or outage
    ledger: Ledger = field(default_factory=Ledger)
    observer: Observer = field(default_factory=Observer)
    start: str | None = None  # the command that starts such a server
    _met: bool = False  # whether anybody answered at that address, in whatever way
    _understood: bool = False  # whether an answer was one
    _pages: int = 0

    async def ask(self, request: HttpRequest, *, trial: str | None = None) -> Answer | None:
        """The answer after as many attempts as the limit allows; None where a stop came before any.

        Attempts at a server that is throttled or away are not counted, as long as patience lasts.
        """
        answer, counted, sent = None, 0, 0
        while True:
            ended = await self._admitted(request, counted + 1, trial)
            if ended is None:
                return answer
            sent += 1
            answer = replace(ended.answer, attempts=sent)
            waits = ended.kind != "fault" and self._met and self.patience_s > 0
            given_up = waits and self.throttle.trouble_s >= self.patience_s
            counted += 0 if waits else 1
            wait_s = None if given_up or counted >= self.attempts else ended.wait_s
            self.observer.attempt(request, replace(ended, answer=answer, wait_s=wait_s))
            if given_up:
                waited = f"nothing was answered for {self.throttle.trouble_s:,.0f} s (--patience)"
                return replace(answer, error=f"{waited}: {answer.error}", fatal=True)
            if wait_s is None:
                return answer
            self._tell(request, ended.kind, answer.error or "", wait_s)
            if ended.kind == "fault" and not await self.throttle.pause(wait_s):
                return answer

    async def ask_or_raise(
        self,
        request: HttpRequest,
        failed: str,
        hint: Callable[[str | None], str] = lambda error: "",
    ) -> Answer:
        """The answer to a request without which nothing goes on.

        ``failed`` says what its failure means, ``hint`` what to do about an error. Raises
        OutageError where no server answers, and at a stop, ProviderError where none ever will.
        """
        answer = await self.ask(request)
        if answer is None:
            raise OutageError("stopped before the small requests were answered")
        if answer.outcome is Outcome.ERROR:
            kind = OutageError if answer.retried else ProviderError
            raise kind(f"{failed}: {answer.error}{hint(answer.error)}")
        return answer

    async def fetch(self, request: HttpRequest, within_s: float = _FACTS_S) -> str | None:
        """The body of a small request beside the sweep; None at a failure, a timeout or a stop."""
        with suppress(*CAUGHT):
            reading = self.pool.read(request, within_s, _MOST_FACTS_BYTES)
            if (got := await self.throttle.unless_stopped(reading)) is not None:
                reply, body = got
                if reply.status_code == 200 and len(body) <= _MOST_FACTS_BYTES:
                    return body.decode(errors="replace")
        return None

    async def _admitted(
        self, request: HttpRequest, number: int, trial: str | None
    ) -> Attempt | None:
        """One attempt, once budget and throttle let it through; None where they do not."""
        async with self.ledger.holding(request.tokens, trial) as holding:
            if holding is None or not await self.throttle.enter(request.tokens):
                return None
            try:
                if not holding.note():
                    return None
                ended = await self._attempt(request, number)
                holding.paid = ended.paid
                return ended
            finally:
                self.throttle.leave()

    async def _attempt(self, request: HttpRequest, number: int) -> Attempt:
        times = self.timeouts.times(request.tokens, number)
        exchange = Exchange(self.provider, request, times, self.clock)
        silent = asyncio.get_running_loop().call_later(
            FIRST_WORD_S, self._tell_silence, request, times
        )
        paid: Usage | None = Usage()
        try:
            answer = await exchange.run(self.pool)
        except Refused as refused:
            failure = self._failure_of(refused)
            paid = None if refused.status in _PERHAPS_PAID else Usage()
        except ReplyError as error:  # its status stands in the body, if anywhere
            failure, paid = self.provider.failure(status_in(error.body), error.body), None
        except WebPage as page:  # one of a gateway's may pass, but not where nothing else ever came
            self._pages += 1
            wrong = not self._understood and self._pages >= _MOST_PAGES
            failure = Failure(
                outcome=Outcome.ERROR, message=str(page), retry=not wrong, fatal=wrong
            )
        except CAUGHT as error:
            nobody = isinstance(error, httpx.ConnectError | httpx.ProxyError) and not self._met
            failure = self._nobody(request, error) if nobody else failure_of_exception(error)
            paid = None if fault_of(error).sent else Usage()
        else:
            return self._answered(answer, exchange, request)
        finally:
            silent.cancel()
            self.throttle.told(exchange.headers)
            self._met = self._met or exchange.heard.status is not None
        return self._failed(failure, number, exchange, paid)

    def _answered(self, answer: Answer, exchange: Exchange, request: HttpRequest) -> Attempt:
        self._understood = True
        self.throttle.answered()
        self.timeouts.learn(request.tokens, answer.first_token_s)
        usage = answer.response.usage if answer.response else Usage()
        if usage.input_tokens is None:
            usage = replace(usage, input_tokens=request.tokens)
        return Attempt(answer=answer, paid=usage, heard=exchange.heard)

    def _failure_of(self, refused: Refused) -> Failure:
        """What a reply that is no 200 means."""
        if refused.location is not None:
            place = refused.location.partition("?")[0]
            why = f"redirected to {place}, which is not followed; is base_url right?"
            message = f"{refused.status}: {why}"[:300]
            return Failure(outcome=Outcome.ERROR, message=message, retry=False)
        return self.provider.failure(refused.status, refused.body)

    def _nobody(self, request: HttpRequest, error: Exception) -> Failure:
        """The very first connection failed: no moment's trouble, and what to do about it."""
        words = failure_of_exception(error).message.removeprefix("ConnectError: ")
        if "CERTIFICATE" in words.upper():
            advice = "name the certificate authority of that server with --ca-file"
        else:
            advice = f"start the server first: {self.start}" if self.start else "is base_url right?"
        message = f"nobody answers at {request.address} ({words}); {advice}"
        return Failure(outcome=Outcome.ERROR, message=message, retry=True, fatal=True)

    def _failed(
        self, failure: Failure, number: int, exchange: Exchange, paid: Usage | None
    ) -> Attempt:
        """How a failed attempt ended; at a server that is overloaded or away everyone waits."""
        asked_s = retry_after_s(exchange.headers)
        asked_s = failure.wait_s if asked_s is None else asked_s
        too_long = failure.retry and asked_s is not None and asked_s > self.longest_wait_s
        error = failure.message
        if too_long:
            most = f"longest_wait_s is {self.longest_wait_s:g}"
            error = f"the server asks to wait {asked_s:,.0f} s, {most}: {error}"
        fatal = failure.fatal or too_long
        answer = Answer(
            outcome=failure.outcome,
            request_id=exchange.request_id,
            error=error,
            retried=failure.retry,
            fatal=fatal,
        )
        wait_s: float | None = None
        kind: Kind = "fault"
        if not failure.retry or fatal:
            self.throttle.reached()
        elif failure.throttled or failure.unreachable:
            kind = "throttled" if failure.throttled else "unreachable"
            wait_s = self.throttle.trouble(exchange.started, asked_s)
        else:
            wait_s = self.throttle.pause_s(number)
            if asked_s is not None:  # at its word once; who keeps asking for too little gets more
                wait_s = asked_s if number == 1 else max(asked_s, wait_s)
        return Attempt(answer=answer, paid=paid, wait_s=wait_s, kind=kind, heard=exchange.heard)

    def _tell(self, request: HttpRequest, kind: Kind, reason: str, wait_s: float) -> None:
        left_s = None
        if kind != "fault" and self.patience_s > 0:
            left_s = max(0.0, self.patience_s - self.throttle.trouble_s)
        where = request.address
        self.observer.trouble(
            Trouble(kind=kind, reason=reason, wait_s=wait_s, address=where, gives_up_s=left_s)
        )

    def _tell_silence(self, request: HttpRequest, times: Times) -> None:
        if not self._met:
            wait_s = max(0.0, times.silence_s - FIRST_WORD_S)
            self._tell(request, "fault", f"no word for {FIRST_WORD_S:.0f} s", wait_s)
