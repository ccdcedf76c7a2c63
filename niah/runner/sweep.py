"""Run the missing trials of a recipe: the cheapest alone, then the rest with bounded concurrency.

Prompts are built in a thread, results are logged as they land, and a stop lets what is in flight finish.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import httpx

from niah.errors import NiahError, ProviderError
from niah.providers import Provider
from niah.records import Outcome, Result, Trial
from niah.runner.client import Client
from niah.runner.log import RunLog
from niah.runner.recipe import Recipe
from niah.runner.score import result_of

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
        on_result: Callable[[Result], None] = lambda result: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._recipe = recipe
        self._provider = provider
        self._log = log
        self._concurrency = concurrency
        self._transport = transport
        self._on_result = on_result
        self._sleep = sleep
        self._stopping = False
        self._trials: Iterator[Trial] = iter(())
        self.stopped_because: str | None = None

    def stop(self, reason: str) -> None:
        """Send nothing more; what is in flight finishes and is logged."""
        self._stopping = True
        self.stopped_because = self.stopped_because or reason

    async def run(self) -> None:
        """Send every trial that has no result yet.

        Raises ProviderError where the first request shows that no request can succeed.
        """
        finished = self._log.finished
        missing = [t for t in self._recipe.trials if t.id not in finished]
        if not missing:
            return
        async with self._http() as http:
            client = self._client(http)
            self._trials = iter(missing[1:])
            first = await self._one(client, missing[0])
            if first.outcome is Outcome.ERROR and self._stopping and not finished:
                raise ProviderError(f"the server refused the first request: {first.error}")
            workers = [asyncio.create_task(self._worker(client)) for _ in range(self._concurrency)]
            await _all_of(workers)

    async def _worker(self, client: Client) -> None:
        for trial in self._trials:  # one iterator for all workers
            if self._stopping:
                return
            await self._one(client, trial)

    async def _one(self, client: Client, trial: Trial) -> Result:
        prompt = await asyncio.to_thread(self._recipe.prompt, trial)
        answer = await client.ask(prompt)
        result = result_of(trial, prompt, answer, self._recipe.task)
        await asyncio.to_thread(self._log.append, result)
        self._on_result(result)
        if answer.fatal:
            self.stop(f"the server refuses requests: {answer.error}")
        return result

    def _client(self, http: httpx.AsyncClient) -> Client:
        return Client(
            http, self._provider, attempts=self._recipe.config.attempts, clock=time.monotonic, sleep=self._sleep
        )

    def _http(self) -> httpx.AsyncClient:
        limits = httpx.Limits(
            max_connections=self._concurrency,
            max_keepalive_connections=self._concurrency,
            keepalive_expiry=KEEP_ALIVE_S,
        )
        timeout = httpx.Timeout(connect=CONNECT_S, write=WRITE_S, read=self._recipe.config.timeout_s, pool=None)
        return httpx.AsyncClient(limits=limits, timeout=timeout, transport=self._transport, follow_redirects=False)


async def _all_of(workers: list[asyncio.Task[None]]) -> None:
    """Wait for all; where one fails, the others are cancelled and the failure is raised as itself."""
    try:
        await asyncio.gather(*workers)
    except (NiahError, asyncio.CancelledError):
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        raise
