"""Run the missing trials of a recipe: the cheapest alone, then the rest with bounded concurrency.

Prompts are built in a thread, results are logged as they land, and a stop lets what is in flight finish.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx

from niah.errors import ConfigError, NiahError, OutageError, ProviderError
from niah.providers import HttpRequest, Provider
from niah.records import Outcome, Prompt, Result, Trial
from niah.runner.client import Client
from niah.runner.log import RunLog
from niah.runner.recipe import Recipe
from niah.runner.score import GREATEST_RATIO, ratio_of, result_of

CONNECT_S = 10.0
WRITE_S = 120.0
KEEP_ALIVE_S = 4.0  # below the 5 s after which common servers hang up


class Sweep:
    """One run in progress."""

    def __init__(
        self,
        recipe: Recipe,
        provider: Provider,
        log: RunLog,
        *,
        concurrency: int,
        transport: httpx.AsyncBaseTransport | None = None,
        proxies: bool = True,
        on_result: Callable[[Result], None] = lambda result: None,
    ) -> None:
        self._recipe = recipe
        self._provider = provider
        self._log = log
        self._concurrency = concurrency
        self._transport = transport
        self._proxies = proxies
        self._on_result = on_result
        self._stopping = asyncio.Event()
        self._ratio: float | None = None  # the server's tokens per token of ours, the smallest so far
        for result in log.results.values():
            if result.outcome is not Outcome.MISMATCH:
                self._take_ratio(result)
        self._failed_first: NiahError | None = None
        self.stopped_because: str | None = None

    def stop(self, reason: str) -> None:
        """Send nothing more; what is in flight finishes and is logged."""
        self._stopping.set()
        self.stopped_because = self.stopped_because or reason

    async def run(self) -> None:
        """Send every trial that has no result yet, wave after wave.

        Raises ProviderError or OutageError where the first request fails and nothing was ever answered.
        """
        waves = self._recipe.waves(self._log.finished, self._concurrency)
        async with self._http() as http:
            client = self._client(http)
            for wave in waves:
                trials = iter(wave)  # one iterator for all workers
                workers = [asyncio.create_task(self._worker(client, trials)) for _ in range(self._concurrency)]
                await _all_of(workers)
                if self._failed_first is not None and not self._log.finished:
                    raise self._failed_first

    async def _worker(self, client: Client, trials: Iterator[Trial]) -> None:
        try:
            for trial in trials:
                if self._stopping.is_set():
                    return
                await self._one(client, trial)
        except BaseException:
            self.stop("of a failure")  # the others finish what they have sent, and log it
            raise

    async def _pause(self, seconds: float) -> bool:
        """Wait between two attempts; False where a stop came in between."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return not self._stopping.is_set()

    async def _one(self, client: Client, trial: Trial) -> None:
        prompt, request = await asyncio.to_thread(self._prepared, trial)
        answer = await client.ask(request)
        result = result_of(trial, prompt, answer, self._recipe.task, self._ratio)
        if result.outcome is not Outcome.MISMATCH:
            self._take_ratio(result)
        await asyncio.to_thread(self._log.write, result)
        self._log.results[trial.id] = result  # here and not in the thread: the live view reads it
        self._on_result(result)
        if answer.outcome is Outcome.ERROR and self._failed_first is None and not self._stopping.is_set():
            kind = OutageError if answer.retried else ProviderError
            self._failed_first = kind(f"the first request failed, and nothing more was sent: {answer.error}")
        if answer.fatal:
            self.stop(f"the server refuses requests: {answer.error}")

    def _take_ratio(self, result: Result) -> None:
        ratio = ratio_of(result)
        if ratio is not None:
            self._ratio = min(ratio, self._ratio or GREATEST_RATIO, GREATEST_RATIO)

    def _prepared(self, trial: Trial) -> tuple[Prompt, HttpRequest]:
        """The request of a trial, and its prompt without the text: one copy of it waits for the answer."""
        prompt = self._recipe.prompt(trial)
        return replace(prompt, utf8=b""), self._provider.request(prompt)

    def _client(self, http: httpx.AsyncClient) -> Client:
        return Client(
            http, self._provider, attempts=self._recipe.config.attempts, clock=time.monotonic, pause=self._pause
        )

    def _http(self) -> httpx.AsyncClient:
        limits = httpx.Limits(
            max_connections=self._concurrency,
            max_keepalive_connections=self._concurrency,
            keepalive_expiry=KEEP_ALIVE_S,
        )
        timeout = httpx.Timeout(connect=CONNECT_S, write=WRITE_S, read=self._recipe.config.timeout_s, pool=None)
        try:
            return httpx.AsyncClient(
                limits=limits,
                timeout=timeout,
                transport=self._transport,
                trust_env=self._proxies,
                follow_redirects=False,
            )
        except (ImportError, ValueError) as error:  # a proxy of the environment that httpx cannot use
            raise ConfigError(f"the proxy set in the environment cannot be used ({error}); unset ALL_PROXY") from error


async def _all_of(workers: list[asyncio.Task[None]]) -> None:
    """Wait for all of them, also where one fails; its failure is raised when the others are done."""
    try:
        ended = await asyncio.gather(*workers, return_exceptions=True)
    except asyncio.CancelledError:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        raise
    for end in ended:
        if isinstance(end, BaseException):
            raise end
