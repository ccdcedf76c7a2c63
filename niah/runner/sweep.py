"""Run the missing trials of a recipe, with bounded concurrency, within limits and budget.

Prompts are built in a thread, results are logged as they land, and a stop lets what is in flight finish.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from niah.errors import NiahError, PromptError
from niah.providers import HttpRequest
from niah.records import Prompt, Result, Trial, Usage
from niah.runner.budget import Budget, Spent
from niah.runner.calibration import Calibration
from niah.runner.client import Answer, Client
from niah.runner.journal import Journal
from niah.runner.lessons import Lessons
from niah.runner.log import RunLog
from niah.runner.preflight import Preflight, preflight
from niah.runner.progress import Trouble
from niah.runner.recipe import Recipe
from niah.runner.score import not_built, not_sent, result_of
from niah.runner.session import Session, connected, limits_of

_Built = TypeVar("_Built")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A request, and its prompt without the text: one copy of it waits for the answer."""

    prompt: Prompt
    request: HttpRequest
    calibration: Calibration | None
    expected: int | None  # tokens that the server should count, by that calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """How one trial ended; no result where a stop came before."""

    result: Result | None = None
    unreported: int = 0  # attempts that may have cost as much


class Sweep:
    """One run in progress."""

    def __init__(
        self,
        recipe: Recipe,
        session: Session,
        log: RunLog,
        *,
        on_preflight: Callable[[Preflight], None] = lambda found: None,
        on_result: Callable[[Result], None] = lambda result: None,
        on_trouble: Callable[[Trouble], None] = lambda trouble: None,
    ) -> None:
        """Raises ConfigError for a budget that cannot be kept."""
        self._recipe = recipe
        self._session = session
        self._log = log
        self._journal = Journal(log)
        self._limits = limits_of(recipe, session)
        self._budget = Budget(recipe.config, session.pricing, log.results.values())
        self._builder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="builder")
        self._lessons = Lessons(log.results.values(), clock=time.monotonic)
        self._on_preflight = on_preflight
        self._on_result = on_result
        self._on_trouble = on_trouble
        self.stopped_because: str | None = None

    @property
    def spent(self) -> Spent:
        """Tokens and dollars of the whole run so far."""
        return self._budget.spent

    def stop(self, reason: str) -> None:
        """Send nothing more; what is in flight finishes and is logged."""
        self.stopped_because = self.stopped_because or reason
        self._limits.stop()

    async def run(self) -> None:
        """Send every trial that has no result yet, wave after wave; what ended as an error once more at the end.

        Raises ProviderError or OutageError where the small requests before it fail.
        """
        if self._recipe.config.max_minutes is not None:
            minutes = self._recipe.config.max_minutes
            asyncio.get_running_loop().call_later(60 * minutes, self.stop, f"max_minutes {minutes:g} are over")
        with self._builder:
            try:
                async with connected(self._session, self._recipe, self._limits, self._on_trouble) as client:
                    await self._fly(client)
            finally:
                await self._journal.close()

    async def _fly(self, client: Client) -> None:
        """The small requests, then the trials."""
        try:
            found = await preflight(client, self._session.provider, self._recipe)
        except NiahError:
            if self._limits.stopping:  # interrupted in the middle of it
                return
            raise
        if self._limits.stopping:
            return
        for answer in found.answers:
            if answer.response:
                self._budget.pay(answer.response.usage)
        self._lessons.calibration = found.calibration
        self._on_preflight(found)
        await self._pass(client)
        await self._pass(client)

    async def _pass(self, client: Client) -> None:
        """Every trial that is missing, unless it was refused for good."""
        for wave in self._recipe.waves(self._log.finished | self._lessons.hopeless, self._session.concurrency):
            trials = iter(wave)  # one iterator for all workers
            workers = min(self._session.concurrency, len(wave))
            await _all_of([asyncio.create_task(self._worker(client, trials)) for _ in range(workers)])

    async def _worker(self, client: Client, trials: Iterator[Trial]) -> None:
        try:
            for trial in trials:
                if self._limits.stopping or not await self._admitted(client, trial):
                    return
        except BaseException:
            self.stop("of a failure")  # the others finish what they have sent, and log it
            raise

    async def _admitted(self, client: Client, trial: Trial) -> bool:
        """Run one trial once limits and budget allow; False where the sweep stops before."""
        tokens = self._recipe.prompt_tokens(trial)
        cost = self._cost(tokens)
        if not await self._limits.hold(tokens):
            return False
        try:
            await self._limits.until(lambda: not self._budget.refuses(cost) or self._budget.idle)
            refused = self._budget.refuses(cost)
            if refused:
                self.stop(refused)
            if self._limits.stopping:
                return False
            self._budget.hold(cost)
            ended = _Ended()
            try:
                ended = await self._one(client, trial)
            finally:
                self._budget.settle(cost, ended.result, unreported=ended.unreported)
        finally:
            self._limits.release(tokens)
        return True

    async def _one(self, client: Client, trial: Trial) -> _Ended:
        """Ask, judge and log one trial."""
        unreported = 0
        refused = self._lessons.surely_too_long(self._recipe.prompt_tokens(trial))
        try:
            if refused is not None:
                result = not_sent(trial, await self._built(self._recipe.prompt, trial), refused)
            else:
                prepared = await self._built(self._prepare, trial)
                answer = await client.ask(prepared.request, patient=True)
                if answer is None:
                    return _Ended()
                unreported = answer.unreported
                result = self._judged(trial, prepared, answer)
        except PromptError as error:  # this prompt cannot be built: others can
            result = not_built(trial, self._recipe.plant(trial).targets, str(error))
            self._lessons.hopeless.add(trial.id)
        await self._journal.write(result)
        if self._log.is_full:
            self.stop("the disk is full; free some space")
        self._on_result(result)
        return _Ended(result=result, unreported=unreported)

    def _judged(self, trial: Trial, prepared: _Prepared, answer: Answer) -> Result:
        """The result of an answer; the sweep stops where it tells that no other can be better."""
        task, known = self._recipe.task, prepared.calibration
        result = result_of(trial, prepared.prompt, answer, task, known, prepared.expected)
        reason = self._lessons.take(result, answer, known)
        if reason:
            self.stop(reason)
        return result

    def _cost(self, tokens: int) -> Spent:
        """The most that a prompt of so many tokens of ours may cost."""
        known = self._lessons.calibration
        if known is not None:
            tokens = round(known.overhead + tokens * max(known.narrow, known.wide))
        written = tokens if self._recipe.config.cache == "marks" else None
        reply = self._recipe.reply_tokens
        return self._budget.cost_of(Usage(input_tokens=tokens, cache_write_tokens=written, output_tokens=reply))

    async def _built(self, build: Callable[[Trial], _Built], trial: Trial) -> _Built:
        """Build in the builder's thread. There is one: more of them only take the processor from the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._builder, build, trial)

    def _prepare(self, trial: Trial) -> _Prepared:
        prompt, known = self._recipe.prompt(trial), self._lessons.calibration
        return _Prepared(
            prompt=replace(prompt, utf8=b""),
            request=self._session.provider.request(prompt),
            calibration=known,
            expected=known.expected(prompt.utf8, prompt.tokens) if known else None,
        )


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
