"""How a sweep is getting on: what landed, how fast, what it cost, what went wrong.

All is measured since the command began. What is left is learnt from the tokens and seconds of the
trials that it measured. Time goes with tokens, not with trials: half of a sweep's trials may hold a
tenth of its tokens. An Observer is told of it all. Imports no network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from niah.records import Outcome, Result
from niah.text.shares import duration

if TYPE_CHECKING:
    from niah.providers import HttpRequest
    from niah.records import Part
    from niah.runlog.log import RunLog
    from niah.runner.budget import Spent
    from niah.runner.exchange import Attempt
    from niah.runner.preflight import Preflight
    from niah.runner.session import Session
    from niah.runner.sweep import Sweep

# paced: nothing failed, but something waits
Kind = Literal["throttled", "unreachable", "fault", "paced"]
_LONGEST_LABEL = 20
_AT_ONCE_S = 0.1
LEAST_SURE = 5  # of fewer measured trials an estimate is called rough
# powers of the tokens: 0 a constant, 1 reading, 2 attention; a later one must be much better
_MODELS = ((1,), (0, 1), (1, 2), (0, 1, 2))
_LEAST_GAIN = 4.0  # of the information criterion, for a model with a term more

INTERRUPTED = "interrupted"  # why a sweep stopped that a person has stopped

Fit = Mapping[int, float]  # seconds per token to a power


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An attempt that ended without an answer, or may not begin yet, and the wait for the next."""

    kind: Kind
    reason: str  # the server's words, its status first
    wait_s: float
    address: str = ""
    gives_up_s: float | None = None  # patience that is left; None where attempts are counted

    def __str__(self) -> str:
        """A line for people: who, what, and what will happen."""
        who, left = f"{self.address}: " if self.address else "", ""
        if self.gives_up_s is not None:
            left = f", for up to {duration(self.gives_up_s)} (--patience)"
        wait = "at once" if self.wait_s < _AT_ONCE_S else f"in {max(1.0, self.wait_s):.0f} s"
        verb = "asking" if self.kind == "paced" else "asking again"
        return f"{who}{self.reason.removesuffix('.')}; {verb} {wait}{left}"

    @property
    def label(self) -> str:
        """The status or the name of the error, where the reason begins with one."""
        first = self.reason.partition(":")[0]
        return first if first and first.isalnum() and len(first) <= _LONGEST_LABEL else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a sweep stands. None is "not known yet"."""

    done: int  # trials of the run, those of earlier commands included
    total: int
    elapsed_s: float  # since the command began, as is everything below but the cost
    tokens: int  # prompt tokens of the trials that landed
    tokens_per_s: float | None
    trials_per_min: float | None
    left_s: float | None
    left_is_rough: bool
    spent_tokens: int  # of the whole run, replies included
    dollars: float | None
    errors: int  # trials whose last attempt failed
    last_error: str | None
    retries: Mapping[str, int]  # attempts that were made again, by the label of their trouble
    trouble: Trouble | None  # the latest, while it is waited for


class Observer:
    """Observes one sweep after another."""

    def extended(self, folder: Path, part: Part) -> None:
        """An older run in this folder takes a further grid."""

    def nothing_to_do(self) -> None:
        """Every trial that is asked for is finished."""

    def warned(self, text: str) -> None:
        """Something that a reader of the picture should know."""

    def told(self, text: str) -> None:
        """How an embedded server comes up."""

    def opened(self, session: Session, log: RunLog) -> None:
        """The session is ready."""

    @asynccontextmanager
    async def beside(self, sweep: Sweep) -> AsyncIterator[None]:
        """Around the sweep, in its event loop: to draw, and to stop it."""
        yield

    def found(self, found: Preflight) -> None:
        """The small requests before the sweep were answered."""

    def landed(self, result: Result) -> None:
        """A trial has ended and is in the log."""

    def trouble(self, trouble: Trouble) -> None:
        """An attempt failed and will be made again, or must wait."""

    def attempt(self, request: HttpRequest, attempt: Attempt) -> None:
        """An attempt ended."""

    def spent(self, spent: Spent) -> None:
        """What the whole run has cost, at the end of a sweep."""


class Meter:
    """Counts what lands. The clock is monotonic, in seconds."""

    def __init__(
        self,
        tokens: Mapping[str, int],
        finished: Container[str],
        concurrency: int,
        clock: Callable[[], float],
    ) -> None:
        """``tokens``: of every trial's prompt, by id; ``finished``: ids of earlier commands."""
        self.total = len(tokens)
        self._all = tokens
        self._open = {i: n for i, n in tokens.items() if i not in finished}
        self._open_by_tokens = Counter(self._open.values())
        self._clock = clock
        self._began = clock()
        self._left = TimeLeft(concurrency)
        self._tokens = 0
        self._landed = 0
        self._failed: set[str] = set()
        self._last_error: str | None = None
        self._unsent_from: int | None = None  # prompts of so many tokens are known to be too long
        self._retries: Counter[str] = Counter()
        self._trouble: tuple[Trouble, float] | None = None

    @property
    def done(self) -> int:
        """Trials of the whole run that need not be sent again."""
        return self.total - len(self._open)

    def landed(self, result: Result) -> None:
        """Take in a result; one that is an error stays open."""
        identity, now = result.trial.id, self._clock()
        tokens = self._all.get(identity, 0)
        self._trouble = None
        if result.outcome is Outcome.ERROR:
            self._failed.add(identity)
            self._last_error = result.error
            return
        self._failed.discard(identity)
        self._open_by_tokens[self._open.pop(identity, 0)] -= 1
        if not result.attempts:
            if result.outcome is Outcome.OVERFLOW:
                self._unsent_from = min(tokens, self._unsent_from or tokens)
            return
        self._landed += 1
        self._tokens += tokens
        if result.total_s is not None:
            self._left.landed(tokens, result.total_s, now)

    def met(self, trouble: Trouble) -> None:
        """Take in an attempt that will be made again."""
        self._retries[trouble.label] += 1
        self._trouble = (trouble, self._clock() + trouble.wait_s)

    def progress(self, spent_tokens: int = 0, dollars: float | None = None) -> Progress:
        """Where the sweep stands now."""
        now = self._clock()
        elapsed = now - self._began
        below = self._unsent_from or max(self._open_by_tokens, default=0) + 1
        left = self._open_by_tokens.items()
        remaining = {tokens: n for tokens, n in left if n > 0 and tokens < below}
        moving = self._landed and elapsed > 0
        return Progress(
            done=self.done,
            total=self.total,
            elapsed_s=elapsed,
            tokens=self._tokens,
            tokens_per_s=self._tokens / elapsed if moving else None,
            trials_per_min=60 * self._landed / elapsed if moving else None,
            left_s=self._left.seconds(remaining, now),
            left_is_rough=self._left.is_rough(remaining),
            spent_tokens=spent_tokens,
            dollars=dollars,
            errors=len(self._failed),
            last_error=self._last_error,
            retries=dict(self._retries),
            trouble=self._waited_for(now),
        )

    def _waited_for(self, now: float) -> Trouble | None:
        """The latest trouble with what is left of its wait; None once either is over."""
        if self._trouble is None or now > self._trouble[1]:
            return None
        trouble, until = self._trouble
        return replace(trouble, wait_s=until - now)


class TimeLeft:
    """Seconds to the end of a sweep. Times are of a monotonic clock."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = max(1, concurrency)
        self._measured = Timings()
        self._began: float | None = None
        self._last = 0.0

    def landed(self, tokens: int, seconds: float, at: float) -> None:
        """Take in a trial of so many tokens that was answered after so many seconds."""
        self._measured.add(tokens, max(seconds, 1e-6))
        began = at - seconds
        self._began = began if self._began is None else min(self._began, began)
        self._last = max(self._last, at)

    def is_rough(self, remaining: Mapping[int, int]) -> bool:
        """Whether it rests on few trials, or on lengths below those that are yet to come."""
        if self._measured.n < LEAST_SURE:
            return True
        return max(remaining, default=0) > 1.1 * max(self._measured.by_tokens)

    def seconds(self, remaining: Mapping[int, int], now: float) -> float | None:
        """Seconds until so many trials by tokens are answered; None before the first one is."""
        if self._began is None:
            return None
        if not remaining:
            return 0.0
        fit = self._measured.fit()
        longest = seconds_of(fit, max(remaining))
        work = sum(n * seconds_of(fit, tokens) for tokens, n in remaining.items())
        waiting = min(self._concurrency, sum(remaining.values()))
        begun = 0.5 * waiting * work / sum(remaining.values())  # in flight, on average half done
        elapsed = max(self._last - self._began, 1e-6)
        together = min(float(self._concurrency), (self._measured.seconds + begun) / elapsed)
        left = max(work / together, longest)
        return left - min(now - self._last, longest)  # more silence than that is no progress


def seconds_of(fit: Fit, tokens: int) -> float:
    """One trial's seconds."""
    return sum(value * float(tokens) ** power for power, value in fit.items())


class Timings:
    """The seconds of trials, summed up by tokens: a fit to thousands is as fast as one to ten."""

    def __init__(self, timed: Iterable[tuple[int, float]] = ()) -> None:
        self.n = 0
        self.seconds = 0.0
        self.by_tokens: dict[int, tuple[int, float, float]] = {}  # trials, mean, squares around it
        for tokens, seconds in timed:
            self.add(tokens, seconds)

    def add(self, tokens: int, seconds: float) -> None:
        """Take in a trial (Welford 1962)."""
        n, mean, squares = self.by_tokens.get(tokens, (0, 0.0, 0.0))
        moved = mean + (seconds - mean) / (n + 1)
        self.by_tokens[tokens] = (n + 1, moved, squares + (seconds - mean) * (seconds - moved))
        self.n += 1
        self.seconds += seconds

    def fit(self) -> Fit:
        """Seconds as a + b tokens + c tokens squared, by least squares of relative errors.

        None is below zero. A term more is taken only where it explains much more: Bayes'
        information criterion (Schwarz 1978) falls by four.
        """
        best = self._least_squares(_MODELS[0])
        for powers in _MODELS[1:]:
            if len(self.by_tokens) > len(powers) and self.n >= len(powers) + 2:
                fit = self._least_squares(powers)
                gain = self._criterion(best) - self._criterion(fit)
                best = fit if min(fit.values()) >= 0 and gain > _LEAST_GAIN else best
        return best

    def _least_squares(self, powers: tuple[int, ...]) -> Fit:
        import numpy as np  # 0.1 s, once something is measured

        tokens = np.array(list(self.by_tokens), dtype=float)
        n, means, _ = np.array(list(self.by_tokens.values())).T
        weights = np.sqrt(n) / tokens  # all is divided by the tokens
        columns = np.stack([weights * tokens**power for power in powers], axis=1)
        scale = columns.max(axis=0)
        values = np.linalg.lstsq(columns / scale, weights * means, rcond=None)[0] / scale
        return dict(zip(powers, map(float, values), strict=True))

    def _criterion(self, fit: Fit) -> float:
        errors = (
            (squares + n * (mean - seconds_of(fit, tokens)) ** 2) / tokens**2
            for tokens, (n, mean, squares) in self.by_tokens.items()
        )
        typical = sum(n * mean / tokens for tokens, (n, mean, _) in self.by_tokens.items()) / self.n
        floor = (0.01 * typical) ** 2  # nothing is measured better than to one percent
        return self.n * log(sum(errors) / self.n + floor) + len(fit) * log(self.n)
