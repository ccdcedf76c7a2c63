"""How many trials a gate needs: the chance that it decides, computed and not guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import ceil, exp, lgamma, log, log1p

from niah.figures import Finding, Verdict
from niah.limits import Limits
from niah.records import Header, Outcome, Result, Trial
from niah.verdict.evidence import Evidence
from niah.verdict.exact import mcnemar, normal_above, paired_z
from niah.verdict.judge import judge
from niah.verdict.pairs import Pair, Pairs

MOST = 100_000
_NEGLIGIBLE = 1e-12


def chance_to_fail(n: int, lost: float, gained: float, level: float) -> float:
    """The chance that the exact McNemar test finds a loss among n independent pairs, of which these shares change."""
    return _chance(n, lost, gained, lambda b, c: mcnemar(b, c) <= level)


def chance_to_pass(n: int, lost: float, gained: float, margin: float, level: float) -> float:
    """The chance that a loss is shown to be smaller than the margin, which is not that of a real loss."""

    def passes(b: int, c: int) -> bool:
        return normal_above(-paired_z(b, c, n, margin)) <= level

    return _chance(n, lost, gained, passes)


def pairs_needed(chance: Callable[[int], float], wanted: float) -> int | None:
    """The fewest pairs from which on the chance is as wanted, to within a hundredth; None beyond 100,000."""
    low, high = 4, 8
    while chance(high) < wanted:
        low, high = high, high * 2
        if high > MOST:
            return None
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if chance(middle) >= wanted else (middle, high)
    return high


def epochs_needed(pairs: int, cells: int) -> int:
    """So many trials per cell make so many pairs."""
    return ceil(pairs / cells)


def cannot_decide(limits: Limits, header: Header, trials: Iterable[Trial]) -> list[Finding]:
    """The gates that not even the best run there could be would pass: everything found, at once, nothing lost."""
    best = _run_of(limits, header, trials, 1.0)
    return [f for f in judge(best).findings if f.verdict is not Verdict.PASS and not f.watched]


def cannot_fail(limits: Limits, header: Header, trials: Iterable[Trial]) -> bool:
    """Whether not even the worst run there could be would fail: everything lost that was found before."""
    return judge(_run_of(limits, header, trials, 0.0)).verdict is not Verdict.FAIL


def _run_of(limits: Limits, header: Header, trials: Iterable[Trial], score: float) -> Evidence:
    """A run with one score throughout, after a baseline that found everything."""
    results = tuple(_result(t, {"oracle": 1.0, "closed-book": 0.0}.get(t.control or "", score)) for t in trials)
    all_found = tuple(Pair(trial=r.trial, before=1.0, after=score) for r in results)
    by_epoch = header.config.get("haystack_per", "epoch") != "trial" and limits.haystacks == "any"
    pairs = Pairs(pairs=all_found, by_epoch=by_epoch) if limits.compares else None
    return Evidence(header=header, results=results, limits=limits, pairs=pairs, dollars=0.0)


def _result(trial: Trial, score: float) -> Result:
    return Result(
        trial=trial,
        outcome=Outcome.SCORED,
        placements=(),
        targets=(),
        prompt_tokens=trial.context_length,
        prompt_digest=None,
        unique_share=None,
        score=score,
        total_s=0.0,
    )


def _chance(n: int, lost: float, gained: float, decides: Callable[[int, int], bool]) -> float:
    """Sum over all numbers of changed pairs, and of lost ones among them."""
    total, changed = 0.0, lost + gained
    for m, p_changed in _binomial(n, changed):
        for b, p_lost in _binomial(m, lost / changed if changed else 0.0):
            if decides(b, m - b):
                total += p_changed * p_lost
    return total


def _binomial(n: int, share: float) -> Iterator[tuple[int, float]]:
    """The counts that are not negligible, with their chances."""
    if share <= 0 or share >= 1:
        yield (n if share >= 1 else 0), 1.0
        return
    for k in range(n + 1):
        ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
        chance = exp(ways + k * log(share) + (n - k) * log1p(-share))
        if chance > _NEGLIGIBLE:
            yield k, chance
        elif k > n * share:
            return
