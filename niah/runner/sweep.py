"""Send the trials of an experiment that are missing from its log, within limits and budget.

Which trial is next says ``Experiment.schedule``, a trial is carried out by ``TrialRunner``. Results
are logged as they land, and a stop lets what is in flight finish: what lands together is synced to
disk once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from niah.errors import NiahError, RunError
from niah.experiment.config import RunConfig
from niah.experiment.delivering import most_reply_tokens
from niah.experiment.experiment import Experiment, experiment_again
from niah.experiment.judge import Agreement, agreement, judge_experiment
from niah.experiment.shards import FOLDER as SHARDS
from niah.records import Result, Trial, Usage
from niah.runlog.attempts import AttemptLog, CallLog
from niah.runlog.log import RunLog, open_log, read_log
from niah.runner.budget import Budget, RunLedger, Spent
from niah.runner.embedding import Embedder
from niah.runner.preflight import PLACES, look_for_canaries, preflight
from niah.runner.progress import Observer, Trouble
from niah.runner.session import Session, client_of, open_session, pool_of, throttle_of, uploads_of
from niah.runner.stop_rules import CircuitBreaker
from niah.runner.throttle import Shared
from niah.runner.trial_runner import TrialRunner

_Landed = tuple[Result, asyncio.Future[None]]


def send_missing(experiment: Experiment, log: RunLog, observer: Observer) -> str | None:
    """Send every trial that is not finished; the reason where the sweep stopped early.

    Not to be called where an event loop runs. Raises ProviderError, OutageError or ConfigError.
    """
    for warning in experiment.warnings():
        observer.warned(warning)
    with open_session(experiment, observer.told) as session:
        observer.opened(session, log)
        sweep = Sweep(experiment, session, log, observer)
        asyncio.run(sweep.run())
    observer.spent(sweep.spent)
    return sweep.stopped_because


class Sweep:
    """One run in progress."""

    def __init__(
        self, experiment: Experiment, session: Session, log: RunLog, observer: Observer
    ) -> None:
        """Raises ConfigError for a budget, a proxy or certificates that cannot be used."""
        config, folder = experiment.config, log.path.parent
        self.stopped_because: str | None = None
        self._experiment = experiment
        self._session = session
        self._log = log
        self._observer = observer
        self._writer = LogWriter(log)
        # with the workers of other shards
        shared = Shared(folder.parent) if folder.parent.name == SHARDS else None
        self._throttle = throttle_of(experiment, session, self._observer, shared)
        self._pool = pool_of(session, config)
        self._attempts = AttemptLog(folder)
        rows = log.results.values()
        self._ledger = RunLedger(
            Budget(config, session.pricing),
            self._attempts,
            self._throttle,
            rows,
            may_cost=self._may_cost,
            on_refusal=self.stop,
            shared=shared,
        )
        self._client = client_of(
            session, experiment, self._pool, self._throttle, self._observer, self._ledger
        )
        self._embedder = None
        if config.embed_url:
            self._embedder = Embedder(session, experiment, self._observer, self._ledger)
        self._uploads = uploads_of(experiment, folder, self._client)
        self._breaker = CircuitBreaker(clock=time.monotonic, max_errors=config.max_errors)
        self._trials = TrialRunner(
            experiment,
            self._client,
            rows,
            slots=session.concurrency,
            breaker=self._breaker,
            calls=CallLog(folder, log.finished),
            embedder=self._embedder,
            uploads=self._uploads,
            say=lambda why: self._observer.trouble(Trouble(kind="fault", reason=why, wait_s=0.0)),
        )

    @property
    def spent(self) -> Spent:
        """Tokens and dollars of the whole run so far."""
        return self._ledger.spent

    def stop(self, reason: str) -> None:
        """Send nothing more; what is in flight finishes and is logged."""
        self.stopped_because = self.stopped_because or reason
        self._throttle.stop()
        if self._embedder:
            self._embedder.throttle.stop()

    async def run(self) -> None:
        """The small requests, then every trial of the schedule.

        Raises ProviderError or OutageError where the small requests fail.
        """
        minutes = self._experiment.config.max_minutes
        if minutes is not None:
            asyncio.get_running_loop().call_later(
                60 * minutes, self.stop, f"max_minutes {minutes:g} are over"
            )
        embedding = self._embedder.pool if self._embedder else nullcontext()
        async with self._observer.beside(self):
            try:
                with self._attempts:
                    async with self._pool, embedding:
                        await self._send_all()
            finally:
                self._trials.close()
                await self._writer.close()

    async def _send_all(self) -> None:
        if await self._ready():
            for wave in self._experiment.schedule(self._log.results, self._breaker.hopeless):
                await self._send(wave)
        for warning in self._trials.checks.warnings():
            self._observer.warned(warning)

    async def _ready(self) -> bool:
        """Whether the small requests found a server to sweep; False where a stop came first."""
        client, experiment = self._client, self._experiment
        try:
            found = await preflight(client, experiment, self._uploads)
            if self._throttle.stopping:
                return False
            self._trials.begin(found)
            if experiment.config.canary:
                longest = max(experiment.config.lengths)
                if refused := self._ledger.refuses(len(PLACES) * longest):
                    self.stop(f"no room for the canary check: {refused}")
                    return False
                canary = await look_for_canaries(client, experiment)
                found = replace(found, canary=canary)
        except NiahError:
            if self._throttle.stopping:  # interrupted in the middle of it
                return False
            raise
        self._observer.found(found)
        if experiment.config.provider != "simulated":  # such a reader has no server
            for warning in found.warnings(experiment):
                self._observer.warned(warning)
        return True

    async def _send(self, wave: Sequence[Trial]) -> None:
        """All trials of a wave; where one fails, its failure is raised when the others are done."""
        trials = iter(wave)  # one iterator for all workers
        count = min(2 * self._session.concurrency, len(wave))  # half of them build while half wait
        workers = [self._worker(trials) for _ in range(count)]
        for end in await asyncio.gather(*workers, return_exceptions=True):
            if isinstance(end, BaseException):
                raise end

    async def _worker(self, trials: Iterator[Trial]) -> None:
        try:
            for trial in trials:
                tokens = self._trials.tokens(trial)
                if self._throttle.stopping or not await self._throttle.hold(tokens):
                    return
                try:
                    await self._carry_out(trial)
                finally:
                    self._throttle.release(tokens)
        except BaseException:
            self.stop("of a failure")  # the others finish what they have sent, and log it
            raise

    async def _carry_out(self, trial: Trial) -> None:
        """One trial, from its prompt to its line in the log; nothing where a stop came before."""
        result = await self._trials.run(trial)
        if result is None:
            return
        if self._breaker.reason:
            self.stop(self._breaker.reason)
        await self._writer.write(result)
        if self._log.is_full:
            self.stop("the disk is full; free some space")
        self._observer.landed(result)

    def _may_cost(self, tokens: int) -> Usage:
        """The most that a prompt of so many tokens of ours may cost."""
        known = self._trials.checks.calibration
        if known is not None:
            tokens = round(known.overhead + tokens * max(known.narrow, known.wide))
        written = tokens if self._experiment.config.cache_marks else None
        return Usage(
            input_tokens=tokens,
            cache_write_tokens=written,
            output_tokens=most_reply_tokens(self._experiment),
        )


class LogWriter:
    """Feeds one run log from one event loop."""

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._landed: list[_Landed] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, result: Result) -> None:
        """Return when the result is on disk and in the log's results. Raises RunError."""
        written = asyncio.get_running_loop().create_future()
        self._landed.append((result, written))
        self._writer()
        await asyncio.shield(written)

    async def close(self) -> None:
        """Wait until everything that landed is on disk, also where nobody waits for it any more."""
        while self._landed or (self._writing is not None and not self._writing.done()):
            await asyncio.shield(self._writer())

    def _writer(self) -> asyncio.Task[None]:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return self._writing

    async def _write(self) -> None:
        while self._landed:
            batch, self._landed = self._landed, []
            if not await self._written(batch) and len(batch) > 1:
                for one in batch:  # on a disk that is nearly full, some may fit
                    await self._written([one])

    async def _written(self, batch: list[_Landed]) -> bool:
        """Write some results and tell those who wait; of a batch that fails nobody is told yet."""
        try:
            await asyncio.to_thread(self._log.write, *(result for result, _ in batch))
        except Exception as error:  # noqa: BLE001  # handed to the one who waits for it
            if len(batch) == 1 and not batch[0][1].cancelled():
                batch[0][1].set_exception(error)
            return False
        for result, written in batch:
            # not by RunLog.append: the live view reads the results in this thread
            self._log.results[result.trial.id] = result
            if not written.cancelled():
                written.set_result(None)
        return True


def ask_judge(
    folder: Path, place: Path, judge: RunConfig, told: Callable[[str], None]
) -> Agreement:
    """Ask for every scored answer that has no verdict yet; verdicts are kept in ``place``.

    ``judge`` names provider and model; ``told`` hears how an embedded server comes up. Raises
    RunError where no answer has a score.
    """
    header, stored = read_log(folder)
    if header.imported is not None:
        raise RunError(
            f"{folder} was imported from {header.imported}: "
            "its questions are not known, and no judge is asked"
        )
    experiment = judge_experiment(experiment_again(header), stored, judge)
    if not experiment.trials:
        raise RunError(f"{folder}: no answer of this run has a score, so there is nothing to judge")
    with open_log(place, experiment.header()) as log, open_session(experiment, told) as session:
        asyncio.run(Sweep(experiment, session, log, Observer()).run())
        verdicts = dict(log.results)
    return agreement(experiment.answers, verdicts)
