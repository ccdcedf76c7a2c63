"""Run the missing trials of a recipe, with bounded concurrency, within limits and budget.

Prompts are built in a thread, results are logged as they land, and a stop lets what is in flight finish.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from niah.errors import NiahError, PromptError
from niah.experiment.experiment import Experiment
from niah.records import Outcome, Result, Trial, Usage
from niah.runlog.attempts import AttemptLog
from niah.runlog.log import RunLog
from niah.runner.asking import Asking, Prepared
from niah.runner.budget import Budget, RunLedger, Spent
from niah.runner.canary import PLACES, look_for_canaries
from niah.runner.client import Client, OnAttempt
from niah.runner.log_writer import LogWriter
from niah.runner.preflight import Preflight, preflight
from niah.runner.progress import Trouble
from niah.runner.results import not_built, not_sent
from niah.runner.session import Session, connected, throttle_of
from niah.runner.stop_rules import CircuitBreaker

_Built = TypeVar("_Built")


class Sweep:
    """One run in progress."""

    def __init__(
        self,
        experiment: Experiment,
        session: Session,
        log: RunLog,
        *,
        on_preflight: Callable[[Preflight], None] = lambda found: None,
        on_result: Callable[[Result], None] = lambda result: None,
        on_trouble: Callable[[Trouble], None] = lambda trouble: None,
        on_attempt: OnAttempt = lambda request, answer, again_s: None,
    ) -> None:
        """Raises ConfigError for a budget that cannot be kept."""
        self._experiment = experiment
        self._session = session
        self._log = log
        self._writer = LogWriter(log)
        self._throttle = throttle_of(experiment, session, self._paced)
        self._seats = asyncio.Semaphore(session.concurrency)  # trials in flight; beside them prompts are built
        budget = Budget(experiment.config, session.pricing)  # first: a run that cannot start makes no file
        self._attempts = AttemptLog(log.path.parent)
        self._ledger = RunLedger(
            budget,
            self._attempts,
            self._throttle,
            log.results.values(),
            may_cost=self._may_cost,
            on_refusal=self.stop,
        )
        self._errors = 0
        self._builder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="builder")
        self._breaker = CircuitBreaker(clock=time.monotonic)
        self._asking = Asking(experiment, session.provider, log.results.values(), say=self._doubtful)
        self._on_preflight = on_preflight
        self._on_result = on_result
        self._on_trouble = on_trouble
        self._on_attempt = on_attempt
        self.stopped_because: str | None = None

    @property
    def spent(self) -> Spent:
        """Tokens and dollars of the whole run so far."""
        return self._ledger.spent

    def stop(self, reason: str) -> None:
        """Send nothing more; what is in flight finishes and is logged."""
        self.stopped_because = self.stopped_because or reason
        self._throttle.stop()

    async def run(self) -> None:
        """Send every trial that has no result yet, wave after wave; what ended as an error once more at the end.

        Raises ProviderError or OutageError where the small requests before it fail.
        """
        if self._experiment.config.max_minutes is not None:
            minutes = self._experiment.config.max_minutes
            asyncio.get_running_loop().call_later(60 * minutes, self.stop, f"max_minutes {minutes:g} are over")
        with self._builder, self._attempts:
            try:
                hooks = self._on_trouble, self._on_attempt
                async with connected(self._session, self._experiment, self._throttle, *hooks, self._ledger) as client:
                    await self._run_all(client)
            finally:
                await self._writer.close()

    async def _run_all(self, client: Client) -> None:
        """The small requests, then the trials."""
        try:
            found = await preflight(client, self._session.provider, self._experiment)
        except NiahError:
            if self._throttle.stopping:  # interrupted in the middle of it
                return
            raise
        if self._throttle.stopping:
            return
        self._asking.begin(found)
        if self._experiment.config.canary:
            canary = await self._canary(client)
            if canary is None:
                return
            found = replace(found, canary=canary)
        self._on_preflight(found)
        await self._send_missing(client)
        await self._send_missing(client)

    async def _canary(self, client: Client) -> tuple[str, ...] | None:
        """What the canary check found; None where a stop came first. Raises ProviderError where it fails."""
        refused = self._ledger.refuses(len(PLACES) * max(self._experiment.config.lengths))
        if refused:
            self.stop(f"no room for the canary check: {refused}")
            return None
        try:
            return await look_for_canaries(client, self._session.provider, self._experiment)
        except NiahError:
            if self._throttle.stopping:
                return None
            raise

    def _doubtful(self, why: str) -> None:
        self._on_trouble(Trouble(kind="fault", reason=why, wait_s=0.0))

    def _paced(self, wait_s: float) -> None:
        self._on_trouble(Trouble(kind="paced", reason="the rate limits that the server tells", wait_s=wait_s))

    async def _send_missing(self, client: Client) -> None:
        """Every trial that is missing, unless it was refused for good."""
        for wave in self._experiment.waves(self._log.finished | self._breaker.hopeless, self._session.concurrency):
            trials = iter(wave)  # one iterator for all workers
            workers = min(2 * self._session.concurrency, len(wave))  # one half builds while the other waits
            await _all_of([asyncio.create_task(self._worker(client, trials)) for _ in range(workers)])

    async def _worker(self, client: Client, trials: Iterator[Trial]) -> None:
        try:
            for trial in trials:
                if self._throttle.stopping or not await self._admitted(client, trial):
                    return
        except BaseException:
            self.stop("of a failure")  # the others finish what they have sent, and log it
            raise

    async def _admitted(self, client: Client, trial: Trial) -> bool:
        """Run one trial once the limits allow; False where the sweep stops before."""
        tokens = self._experiment.prompt_tokens(trial)
        if not await self._throttle.hold(tokens):
            return False
        try:
            return await self._one(client, trial)
        finally:
            self._throttle.release(tokens)

    async def _one(self, client: Client, trial: Trial) -> bool:
        """Build, ask, judge and log one trial; False where a stop came before."""
        try:
            prepared = await self._built(self._prepare, trial)
            async with self._seats:
                result = await self._asked(client, trial, prepared)
        except PromptError as error:  # this prompt cannot be built: others can
            result = not_built(trial, self._experiment.plant(trial).targets, str(error))
            self._breaker.hopeless.add(trial.id)
        if result is None:
            return False
        await self._writer.write(result)
        if self._log.is_full:
            self.stop("the disk is full; free some space")
        self._on_result(result)
        return True

    async def _asked(self, client: Client, trial: Trial, prepared: Prepared) -> Result | None:
        """The result of a trial whose turn it is; None where a stop came before."""
        if self._throttle.stopping:
            return None
        refused = self._asking.overflows.surely_too_long(prepared.prompt.tokens)
        if refused is not None:
            return not_sent(trial, prepared.prompt, refused)
        believed = await self._asking.ask(client, trial, prepared, self._throttle.crowded)
        if believed is None:
            return None
        reason = self._breaker.take(believed.result, believed.answer) or self._too_many(believed.result)
        if reason:
            self.stop(reason)
        return believed.result

    def _too_many(self, result: Result) -> str | None:
        self._errors += result.outcome is Outcome.ERROR
        most = self._experiment.config.max_errors
        return None if most is None or self._errors < most else f"max_errors {most}: {result.error}"

    def _may_cost(self, tokens: int) -> Usage:
        """The most that a prompt of so many tokens of ours may cost."""
        known = self._asking.calibration
        if known is not None:
            tokens = round(known.overhead + tokens * max(known.narrow, known.wide))
        written = tokens if self._experiment.config.cache == "marks" else None
        return Usage(input_tokens=tokens, cache_write_tokens=written, output_tokens=self._experiment.reply_tokens)

    async def _built(self, build: Callable[[Trial], _Built], trial: Trial) -> _Built:
        """Build in the builder's thread. There is one: more of them only take the processor from the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._builder, build, trial)

    def _prepare(self, trial: Trial) -> Prepared:
        prompt, known = self._experiment.prompt(trial), self._asking.calibration
        return Prepared(
            prompt=replace(prompt, utf8=b""),
            request=replace(self._session.provider.request(prompt), label=_label(trial)),
            expected=known.expected(prompt.utf8, prompt.tokens) if known else None,
        )


def _label(trial: Trial) -> str:
    where = f"control {trial.control}" if trial.control else f"depth {trial.depth_percent:g} %"
    return f"trial {trial.id}, {trial.context_length:,} tokens, {where}, epoch {trial.epoch}"


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
