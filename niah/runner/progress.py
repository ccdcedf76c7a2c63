"""How a sweep is getting on: what landed, how fast, what it cost, what went wrong. Measured since the command began.

What is left is learnt from the tokens and seconds of the trials that this command measured. Time goes with tokens, not
with trials: half of a sweep's trials may hold a tenth of its tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from math import log
from typing import Literal

from niah.records import Outcome, Result
from niah.text.shares import duration

Kind = Literal["throttled", "unreachable", "fault", "paced"]  # paced: nothing failed, but something waits
_LONGEST_LABEL = 20
_AT_ONCE_S = 0.1
LEAST_SURE = 5  # of fewer measured trials an estimate is called rough
# powers of the tokens: 0 a constant, 1 reading, 2 attention; the simplest is kept unless another is better
_MODELS = ((1,), (0, 1), (1, 2), (0, 1, 2))
_LEAST_GAIN = 4.0  # of the information criterion, for a model with a term more

Fit = Mapping[int, float]  # seconds per token to a power


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An attempt that ended without an answer, or may not begin yet, and the wait before the next one."""

    kind: Kind
    reason: str  # the server's words, its status first
    wait_s: float
    address: str = ""
    gives_up_s: float | None = None  # patience that is left; None where attempts are counted

    def __str__(self) -> str:
        """A line for people: who, what, and what will happen."""
        who = f"{self.address}: " if self.address else ""
        left = "" if self.gives_up_s is None else f", for up to {duration(self.gives_up_s)} (--patience)"
        wait = "at once" if self.wait_s < _AT_ONCE_S else f"in {max(1.0, self.wait_s):.0f} s"
        verb = "asking" if self.kind == "paced" else "asking again"
        return f"{who}{self.reason}; {verb} {wait}{left}"

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


class Meter:
    """Counts what lands. The clock is monotonic, in seconds."""

    def __init__(
        self, tokens: Mapping[str, int], finished: Container[str], concurrency: int, clock: Callable[[], float]
    ) -> None:
        """``tokens`` are those of every trial's prompt, by id; ``finished`` were answered by an earlier command."""
        self.total = len(tokens)
        self._all = tokens
        self._open = {i: n for i, n in tokens.items() if i not in finished}
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
        self._open.pop(identity, None)
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
        remaining = Counter(n for n in self._open.values() if self._unsent_from is None or n < self._unsent_from)
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
        """The latest trouble with what is left of its wait; None once the wait is over or something landed."""
        if self._trouble is None or now > self._trouble[1]:
            return None
        trouble, until = self._trouble
        return replace(trouble, wait_s=until - now)


class TimeLeft:
    """Seconds to the end of a sweep. Times are of a monotonic clock."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = max(1, concurrency)
        self._measured: list[tuple[int, float]] = []  # tokens, seconds of one trial
        self._began: float | None = None
        self._last = 0.0

    def landed(self, tokens: int, seconds: float, at: float) -> None:
        """Take in a trial of so many tokens that was answered after so many seconds."""
        self._measured.append((tokens, max(seconds, 1e-6)))
        began = at - seconds
        self._began = began if self._began is None else min(self._began, began)
        self._last = max(self._last, at)

    def is_rough(self, remaining: Mapping[int, int]) -> bool:
        """Whether it rests on few trials, or on lengths below those that are yet to come."""
        longest = max((tokens for tokens, _ in self._measured), default=0)
        return len(self._measured) < LEAST_SURE or max(remaining, default=0) > 1.1 * longest

    def seconds(self, remaining: Mapping[int, int], now: float) -> float | None:
        """Seconds until so many trials by tokens are answered; None before the first one is."""
        if self._began is None:
            return None
        if not remaining:
            return 0.0
        fit = fit_of(self._measured)
        longest = seconds_of(fit, max(remaining))
        work = sum(n * seconds_of(fit, tokens) for tokens, n in remaining.items())
        waiting = min(self._concurrency, sum(remaining.values()))
        begun = 0.5 * waiting * work / sum(remaining.values())  # in flight, on average half done
        answered = sum(seconds for _, seconds in self._measured)
        elapsed = max(self._last - self._began, 1e-6)
        together = min(float(self._concurrency), (answered + begun) / elapsed)
        left = max(work / together, longest)
        return left - min(now - self._last, longest)  # more silence than that is no progress


def seconds_of(fit: Fit, tokens: int) -> float:
    """One trial's seconds."""
    return sum(value * float(tokens) ** power for power, value in fit.items())


def fit_of(measured: list[tuple[int, float]]) -> Fit:
    """Seconds as a + b tokens + c tokens squared, none below zero, by least squares of relative errors.

    A term more is taken only where it explains much more: Bayes' information criterion (Schwarz 1978) falls by four.
    """
    lengths = len({tokens for tokens, _ in measured})
    best = _least_squares(measured, _MODELS[0])
    for powers in _MODELS[1:]:
        if lengths > len(powers) and len(measured) >= len(powers) + 2:
            fit = _least_squares(measured, powers)
            gain = _criterion(measured, best) - _criterion(measured, fit)
            best = fit if min(fit.values()) >= 0 and gain > _LEAST_GAIN else best
    return best


def _least_squares(measured: list[tuple[int, float]], powers: tuple[int, ...]) -> Fit:
    import numpy as np  # 0.1 s, once something is measured

    tokens = np.array([t for t, _ in measured], dtype=float)
    seconds = np.array([s for _, s in measured])
    columns = np.stack([tokens ** (power - 1) for power in powers], axis=1)  # all is divided by the tokens
    scale = columns.max(axis=0)
    values = np.linalg.lstsq(columns / scale, seconds / tokens, rcond=None)[0] / scale
    return dict(zip(powers, map(float, values), strict=True))


def _criterion(measured: list[tuple[int, float]], fit: Fit) -> float:
    n = len(measured)
    squares = sum(((seconds - seconds_of(fit, tokens)) / tokens) ** 2 for tokens, seconds in measured)
    typical = sum(seconds / tokens for tokens, seconds in measured) / n
    floor = (0.01 * typical) ** 2  # nothing is measured better than to one percent
    return n * log(squares / n + floor) + len(fit) * log(n)
