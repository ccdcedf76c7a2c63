"""How long a sweep will yet take, learnt from the tokens and seconds of the trials that this command measured.

Time goes with tokens, not with trials: half of a sweep's trials may hold a tenth of its tokens. What an earlier command
finished says nothing about the speed of this one and is no part of the fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log

LEAST_SURE = 5  # of fewer measured trials an estimate is called rough
# powers of the tokens: 0 a constant, 1 reading, 2 attention; the simplest is kept unless another is better
_MODELS = ((1,), (0, 1), (1, 2), (0, 1, 2))
_LEAST_GAIN = 4.0  # of the information criterion, for a model with a term more

Fit = Mapping[int, float]  # seconds per token to a power


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
    best = _least_squares(measured, _MODELS[0])
    best_score = _criterion(measured, best)
    lengths = len({tokens for tokens, _ in measured})
    for powers in _MODELS[1:]:
        if lengths <= len(powers) or len(measured) < len(powers) + 2:
            continue
        fit = _least_squares(measured, powers)
        score = _criterion(measured, fit)
        if min(fit.values()) >= 0 and score < best_score - _LEAST_GAIN:
            best, best_score = fit, score
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
