"""Exact and near-exact tests on counts, in the standard library; scipy checks them in the tests.

One-sided p values: the chance of data as far out as these, or farther, if the limit were just held.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from functools import cache
from math import erfc, exp, inf, lgamma, log, log1p, sqrt

ENUMERATED = 14  # so many differences have all their signs flipped; more are drawn
DRAWS = 9_999
NORMAL_FROM = 30


def at_least(successes: int, n: int, share: float) -> float:
    """The chance of so many successes or more in n independent trials."""
    if successes <= 0:
        return 1.0
    return 0.0 if successes > n else incomplete_beta(successes, n - successes + 1, share)


def at_most(successes: int, n: int, share: float) -> float:
    """The chance of so many successes or fewer in n independent trials."""
    return 1.0 if successes >= n else at_least(n - successes, n, 1 - share)


def log_choices(n: int, k: int) -> float:
    """The ways to choose k of n, as a logarithm."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def mcnemar(lost: int, gained: int) -> float:
    """Exact one-sided test (McNemar 1947): is a trial that changed more often lost than gained?"""
    return at_least(lost, lost + gained, 0.5)


def mcnemar_two_sided(lost: int, gained: int) -> float:
    return min(1.0, 2 * mcnemar(max(lost, gained), min(lost, gained)))


def paired_z(lost: float, gained: float, n: int, drop: float) -> float:
    """How far paired shares lie above a given drop: the score statistic of Tango (1998).

    The shares are fitted under the given drop, so that it holds with no changed trial at all.
    Fractional losses and gains go in as their sums: they vary less than whole ones, so the
    statistic is nearer to 0 than it need be.
    """
    a, b = 2 * n, -lost - gained + (2 * n - lost + gained) * drop
    c = -gained * drop * (1 - drop)
    gain = (sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
    variance = n * (2 * gain + drop * (1 - drop))
    distance = lost - gained - n * drop
    if variance <= 1e-12:
        return 0.0 if abs(distance) < 1e-9 else inf if distance > 0 else -inf
    return distance / sqrt(variance)


def ratio_z(share: float, n: float, base: float, of_base: float, ratio: float) -> float:
    """How far a share lies above a ratio of another: a score statistic (Farrington, Manning 1990).

    ``n`` and ``of_base`` are the trials of each. The shares are fitted under the given ratio.
    """
    a = (n + of_base) * ratio
    b = -(n * ratio + share * n + of_base + base * of_base * ratio)
    fitted = (-b - sqrt(max(0.0, b * b - 4 * a * (share * n + base * of_base)))) / (2 * a)
    held = ratio * fitted
    variance = held * (1 - held) / n + ratio * ratio * fitted * (1 - fitted) / of_base
    distance = share - ratio * base
    return distance / sqrt(variance) if variance > 1e-15 else 0.0


def paired_interval(lost: float, gained: float, n: int, z: float) -> tuple[float, float]:
    """The drops that the score test does not reject at z (Tango 1998)."""

    def edge(start: float, sign: int) -> float:
        inner, outer = start, float(sign)
        for _ in range(50):
            middle = (inner + outer) / 2
            inside = -sign * paired_z(lost, gained, n, middle) < z
            inner, outer = (middle, outer) if inside else (inner, middle)
        return inner

    point = (lost - gained) / n
    return edge(point, -1), edge(point, 1)


def sign_flip(differences: Sequence[float]) -> float:
    """One-sided permutation test: is the sum of independent differences above 0 (Fisher 1935)?

    All signs are tried, or, of more than 14 differences, 9,999 seeded draws; of 30 sizes or more,
    the normal limit. Differences of 0 say nothing.
    """
    moved = [d for d in differences if d]
    if not moved:
        return 1.0
    sizes = Counter(abs(d) for d in moved)
    if len(sizes) >= NORMAL_FROM:
        return normal_above(sum(moved) / sqrt(sum(d * d for d in moved)))
    seen = sum(moved) - 1e-9
    if len(moved) <= ENUMERATED:
        sums = [0.0]
        for d in moved:
            sums = [s + d for s in sums] + [s - d for s in sums]
        return sum(s >= seen for s in sums) / len(sums)
    draw, hits = random.Random(0), 1  # noqa: S311 - seeded, for statistics
    for _ in range(DRAWS):  # of n equal differences, so many stay up as a number of n bits has set
        moves = (size * (2 * draw.getrandbits(n).bit_count() - n) for size, n in sizes.items())
        hits += sum(moves) >= seen
    return hits / (DRAWS + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for their number (Holm 1979), in the order given."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, most = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        most = max(most, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = most
    return corrected


def normal_above(z: float) -> float:
    """The chance that a standard normal value is above z."""
    return erfc(z / sqrt(2)) / 2


def student_above(t: float, freedom: float) -> float:
    """The chance that Student's t is above t."""
    tail = incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2
    return tail if t > 0 else 1 - tail


@cache
def student_quantile(above: float, freedom: float) -> float:
    """The t that is exceeded with the given chance, below 0.5."""
    low, high = 0.0, 1.0
    while student_above(high, freedom) > above:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student_above(middle, freedom) > above else (low, middle)
    return high


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function (DLMF 8.17.22, its fraction by Lentz's method)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    return front * _continued_fraction(a, b, x)


def _continued_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            fraction *= c * d
        if abs(1 - c * d) < 1e-15:
            break
    return fraction


def _away_from_zero(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300
