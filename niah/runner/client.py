"""Send one prompt: bounded attempts, every one admitted and noted, every ending told apart.

A fault is never an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

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
    Refusal,
    Times,
    failure_of_exception,
    fault_of,
)
from niah.runner.observer import Observer
from niah.runner.pool import Pool, body_of
from niah.runner.progress import Kind, Trouble
from niah.runner.rates import retry_after_s
from niah.runner.stream_parsing import WebPage
from niah.runner.throttle import Throttle

PATIENCE_S = 3_600.0  # a trial outlives so long a throttle or outage
FIRST_WORD_S = 10.0  # a server that has never answered is spoken of after so long a silence
_FACTS_S = 15.0  # for a small request beside the sweep
_MOST_FACTS_BYTES = 16_000_000  # a list of models may be long
_PERHAPS_PAID = frozenset({504, 524})  # a gateway that waited no longer: what is behind it may have read the prompt
_MOST_PAGES = 2  # web pages before the first answer: the address is wrong, not the moment


class Client:
    """Asks one provider. Clock is monotonic, in seconds; ``start`` is the command that starts such a server."""

    def __init__(
        self,
        pool: Pool,
        provider: Provider,
        throttle: Throttle,
        *,
        attempts: int,
        clock: Callable[[], float],
        timeouts: AdaptiveTimeout,
        longest_wait_s: float,
        patience_s: float = PATIENCE_S,
        ledger: Ledger | None = None,
        observer: Observer | None = None,
        start: str | None = None,
    ) -> None:
        self._pool = pool
        self._provider = provider
        self._throttle = throttle
        self._attempts = attempts
        self._clock = clock
        self._timeouts = timeouts
        self._longest_wait_s = longest_wait_s
        self._patience_s = patience_s
        self._ledger = ledger or Ledger()
        self._observer = observer or Observer()
        self._start = start
        self._met = False  # whether anybody answered at that address, in whatever way
        self._understood = False  # whether an answer was one
        self._pages = 0

    async def ask(self, request: HttpRequest, *, trial: str | None = None) -> Answer | None:
        """The answer to a request, after as many attempts as the limit allows; None where a stop came before any.

        Attempts at a server that is throttled or away are not counted, as long as patience lasts.
        """
        answer, counted, sent = None, 0, 0
        while True:
            ended = await self._admitted(request, counted + 1, trial)
            if ended is None:
                return answer
            sent += 1
            answer = replace(ended.answer, attempts=sent)
            waits = ended.kind != "fault" and self._met and self._patience_s > 0
            given_up = ended.wait_s is not None and waits and self._throttle.trouble_s >= self._patience_s
            counted += 0 if waits else 1
            wait_s = None if given_up or counted >= self._attempts else ended.wait_s
            self._observer.attempt(request, replace(ended, answer=answer, wait_s=wait_s))
            if wait_s is None:
                return self._given_up(answer) if given_up else answer
            self._tell(request, ended, wait_s)
            if ended.kind == "fault" and not await self._throttle.pause(wait_s):
                return answer

    async def ask_or_raise(
        self, request: HttpRequest, failed: str, hint: Callable[[str | None], str] = lambda error: ""
    ) -> Answer:
        """The answer to a request without which nothing goes on; ``failed`` says what its failure means.

        ``hint`` says what to do about an error.

        Raises OutageError where no server answers, and at a stop, ProviderError where it never will.
        """
        answer = await self.ask(request)
        if answer is None:
            raise OutageError("stopped before the small requests were answered")
        if answer.outcome is Outcome.ERROR:
            raise (OutageError if answer.retried else ProviderError)(f"{failed}: {answer.error}{hint(answer.error)}")
        return answer

    async def fetch(self, request: HttpRequest, within_s: float = _FACTS_S) -> str | None:
        """The body of a small request beside the sweep; None where it does not come in time, or at a stop."""
        with suppress(*CAUGHT):
            async with asyncio.timeout(within_s):
                return await self._throttle.unless_stopped(self._fetched(request, within_s))
        return None

    async def _fetched(self, request: HttpRequest, within_s: float) -> str | None:
        async with self._pool.sent(request, httpx.Timeout(within_s)) as reply:
            body = await body_of(reply, _MOST_FACTS_BYTES)
            whole = reply.status_code == 200 and len(body) <= _MOST_FACTS_BYTES
            return body.decode(errors="replace") if whole else None

    async def _admitted(self, request: HttpRequest, number: int, trial: str | None) -> Attempt | None:
        """One attempt, once budget and throttle let it through; None where they do not."""
        async with self._ledger.holding(request.tokens, trial) as holding:
            if holding is None or not await self._throttle.enter(request.tokens):
                return None
            try:
                if not holding.note():
                    return None
                ended = await self._attempt(request, number)
                holding.paid = ended.paid
                return ended
            finally:
                self._throttle.leave()

    async def _attempt(self, request: HttpRequest, number: int) -> Attempt:
        times = self._timeouts.times(request.tokens, number)
        exchange = Exchange(self._provider, request, times, self._clock)
        silent = None
        if not self._met:
            silent = asyncio.get_running_loop().call_later(FIRST_WORD_S, self._tell_silence, request, times)
        paid: Usage | None = Usage()
        try:
            got = await exchange.run(self._pool)
        except ReplyError as error:  # its status stands in the body, if anywhere
            failure, paid = self._provider.failure(status_in(error.body), error.body), None
        except WebPage as page:
            failure = self._page(page)
        except CAUGHT as error:
            nobody = isinstance(error, httpx.ConnectError | httpx.ProxyError) and not self._met
            failure = self._nobody(request, error) if nobody else failure_of_exception(error)
            paid = None if fault_of(error).sent else Usage()
        else:
            self._throttle.told(exchange.headers)
            if isinstance(got, Answer):
                return self._answered(got, exchange, request)
            failure, paid = self._refused(got), None if got.status in _PERHAPS_PAID else Usage()
        finally:
            if silent is not None:
                silent.cancel()
            self._met = self._met or exchange.status is not None
        return self._failed(failure, number, exchange, paid)

    def _answered(self, answer: Answer, exchange: Exchange, request: HttpRequest) -> Attempt:
        self._understood = True
        self._throttle.answered()
        self._timeouts.learn(request.tokens, answer.first_token_s)
        usage = answer.response.usage if answer.response else Usage()
        paid = usage if usage.input_tokens is not None else replace(usage, input_tokens=request.tokens)
        return Attempt(answer=answer, paid=paid, heard=exchange.heard)

    def _refused(self, refusal: Refusal) -> Failure:
        """What a reply that is no 200 means."""
        if refusal.location is not None:
            place = refusal.location.partition("?")[0]
            message = f"{refusal.status}: redirected to {place}, which is not followed; is base_url right?"
            return Failure(outcome=Outcome.ERROR, message=message[:300], retry=False)
        return self._provider.failure(refusal.status, refusal.body)

    def _page(self, page: WebPage) -> Failure:
        """A web page may be a passing one of a gateway's, but not where nothing else ever came."""
        self._pages += 1
        wrong = not self._understood and self._pages >= _MOST_PAGES
        return Failure(outcome=Outcome.ERROR, message=str(page), retry=not wrong, fatal=wrong)

    def _nobody(self, request: HttpRequest, error: Exception) -> Failure:
        """The very first connection failed: no moment's trouble, and what to do about it."""
        words = failure_of_exception(error).message.removeprefix("ConnectError: ")
        if "CERTIFICATE" in words.upper():
            advice = "name the certificate authority of that server with --ca-file"
        else:
            advice = f"start the server first: {self._start}" if self._start else "is base_url right?"
        message = f"nobody answers at {request.address} ({words}); {advice}"
        return Failure(outcome=Outcome.ERROR, message=message, retry=True, fatal=True)

    def _failed(self, failure: Failure, number: int, exchange: Exchange, paid: Usage | None) -> Attempt:
        """How a failed attempt ended; at a server that is overloaded or away everyone waits."""
        asked_s = retry_after_s(exchange.headers)
        asked_s = failure.wait_s if asked_s is None else asked_s
        too_long = failure.retry and asked_s is not None and asked_s > self._longest_wait_s
        error = failure.message
        if too_long:
            error = f"the server asks to wait {asked_s:,.0f} s, longest_wait_s is {self._longest_wait_s:g}: {error}"
        answer = Answer(
            outcome=failure.outcome,
            request_id=exchange.request_id,
            error=error,
            retried=failure.retry,
            fatal=failure.fatal or too_long,
        )
        wait_s: float | None = None
        kind: Kind = "fault"
        if not failure.retry or answer.fatal:
            self._throttle.reached()
        elif failure.throttled or failure.unreachable:
            kind = "throttled" if failure.throttled else "unreachable"
            wait_s = self._throttle.trouble(exchange.started, asked_s)
        else:
            wait_s = self._throttle.pause_s(number)
            if asked_s is not None:  # at its word the first time; a server that keeps asking for too little gets more
                wait_s = asked_s if number == 1 else max(asked_s, wait_s)
        return Attempt(answer=answer, paid=paid, wait_s=wait_s, kind=kind, heard=exchange.heard)

    def _given_up(self, answer: Answer) -> Answer:
        """The last answer where patience is over: the run stops."""
        waited = f"nothing was answered for {self._throttle.trouble_s:,.0f} s (--patience)"
        return replace(answer, error=f"{waited}: {answer.error}", fatal=True)

    def _tell(self, request: HttpRequest, ended: Attempt, wait_s: float) -> None:
        gives_up_s = None
        if ended.kind != "fault" and self._patience_s > 0:
            gives_up_s = max(0.0, self._patience_s - self._throttle.trouble_s)
        reason, address = ended.answer.error or "", request.address
        self._observer.trouble(
            Trouble(kind=ended.kind, reason=reason, wait_s=wait_s, address=address, gives_up_s=gives_up_s)
        )

    def _tell_silence(self, request: HttpRequest, times: Times) -> None:
        reason = f"no word for {FIRST_WORD_S:.0f} s"
        wait_s = max(0.0, times.silence_s - FIRST_WORD_S)
        self._observer.trouble(Trouble(kind="fault", reason=reason, wait_s=wait_s, address=request.address))
