"""Two runs on the same trials: what was lost, what was gained, and whether that is more than chance.

Trials are paired by id, a digest of everything that decides a prompt and of nothing of the model. Independent trials
with scores of 0 and 1 get the exact McNemar test, other independent trials a sign-flip test over trials, and trials
that share their haystack by epoch a sign-flip test over epochs: pooled, they would cry wolf. That a loss is smaller
than a margin is shown by a score test, widened by how much more than chance the epochs differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil, floor, sqrt
from statistics import stdev

from niah.errors import RunError
from niah.records import Header, Row, Trial
from niah.verdict.comparability import check_prompt, check_same, other_prompts, recipe_differences
from niah.verdict.exact import (
    at_least,
    mcnemar,
    mcnemar_two_sided,
    normal_above,
    paired_interval,
    paired_z,
    sign_flip,
    student_above,
    student_quantile,
)
from niah.verdict.intervals import Z_95
from niah.verdict.records import Paired
from niah.verdict.regions import band_of
from niah.verdict.sample import FEWEST_CLUSTERS, MOST, design_effect, reserved_effect

DIGEST = 12  # characters of a prompt's digest that a baseline keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The older run: its header, and the score of every trial (None: it has none)."""

    header: Header
    scores: Mapping[str, float | None]
    prompts: Mapping[str, str | None]  # the beginning of each prompt's digest
    saved: str | None = None  # date, where it is a file of its own
    finished: str | None = None  # when its last trial ended, ISO 8601; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One trial that has a score in both runs."""

    trial: Trial
    before: float
    after: float


Some = tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Some paired trials, and how their trials hang together."""

    pairs: tuple[Pair, ...]
    by_epoch: bool  # whether an epoch is one witness
    gone: tuple[Pair, ...] = ()  # a score before and none now; here 0 now
    new: tuple[Pair, ...] = ()  # no score before; here 1 before
    complete: bool = True  # both runs are of the same trials

    def at_length(self, length: int) -> Pairs:
        return self._where(lambda t: t.context_length == length)

    def in_band(self, band: str) -> Pairs:
        return self._where(lambda t: band_of(t.depth_percent) == band)

    def _where(self, chosen: Callable[[Trial], bool]) -> Pairs:
        def some(pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
            return tuple(p for p in pairs if chosen(p.trial))

        return replace(self, pairs=some(self.pairs), gone=some(self.gone), new=some(self.new))

    def worst(self) -> Pairs:
        """With the trials that lack one score at their worst: what has to pass."""
        return replace(self, pairs=self.pairs + self.gone + self.new, gone=(), new=())

    @property
    def n(self) -> int:
        return len(self.pairs)

    @property
    def lost(self) -> int:
        return sum(p.after < p.before for p in self.pairs)

    @property
    def gained(self) -> int:
        return sum(p.after > p.before for p in self.pairs)

    @property
    def epochs(self) -> int:
        return len({p.trial.epoch for p in self.pairs})

    @property
    def drop(self) -> float:
        """Mean before minus mean after."""
        return sum(p.before - p.after for p in self.pairs) / self.n

    @property
    def decidable(self) -> bool:
        """Whether there are enough witnesses for any verdict."""
        return self.n > 0 and (not self.by_epoch or self.epochs >= FEWEST_CLUSTERS)

    @property
    def test(self) -> str:
        if self.by_epoch:
            return f"sign-flip test over {self.epochs} epochs"
        return "exact McNemar test" if self._whole() else "sign-flip test over trials"

    def p_drop(self, limit: float) -> float:
        """The chance of such a loss, or more, where the true one is at the limit."""
        if self.by_epoch or (limit == 0 and not self._whole()):
            return sign_flip([total - limit * n for total, n in self._drops()])
        if limit == 0:
            return mcnemar(self.lost, self.gained)
        lost, gained = self._amounts()
        return _p_beyond(lost, gained, self.n, limit)

    def p_within(self, margin: float) -> float:
        """The chance of so small a loss where the true one is at the margin."""
        lost, gained = self._amounts()
        z = paired_z(lost, gained, self.n, margin)
        if not self.by_epoch:
            return normal_above(-z)
        # losses are few and skewed: signs alone would pass a run at its margin twice as often as stated
        return student_above(-z / sqrt(reserved_effect(self._drops(), lost + gained, 1)), self.epochs - 1)

    def p_change(self) -> float:
        """Two-sided: the chance of such a change, either way, where there is none."""
        if self._whole() and not self.by_epoch:
            return mcnemar_two_sided(self.lost, self.gained)
        drops = [total for total, _ in self._drops()]
        return min(1.0, 2 * min(sign_flip(drops), sign_flip([-d for d in drops])))

    def summary(self) -> Paired:
        """All of it, with a 95 % interval of the drop; no p value where the witnesses are too few."""
        if not self.n:
            nothing = {"before": None, "after": None, "drop": None, "low": None, "high": None}
            return Paired(test="none", n=0, lost=0, gained=0, p_drop=None, p_change=None, **nothing)
        low, high = self._interval()
        return Paired(
            test=self.test
            if self.decidable
            else f"no test: {self.epochs} shared haystack{' is' if self.epochs == 1 else 's are'} too few",
            n=self.n,
            lost=self.lost,
            gained=self.gained,
            before=sum(p.before for p in self.pairs) / self.n,
            after=sum(p.after for p in self.pairs) / self.n,
            drop=self.drop,
            low=low if self.decidable else None,
            high=high if self.decidable else None,
            p_drop=self.p_drop(0) if self.decidable else None,
            p_change=self.p_change() if self.decidable else None,
        )

    def more_to_decide(self, limit: float, margin: float, fail: float, passing: float) -> int | None:
        """How many more trials would decide at these levels, if the shares stay; None where 100,000 would not."""
        if self.by_epoch or not self._whole():
            return self._more_witnesses(limit, margin, fail, passing)
        lost, gained, n = self.lost, self.gained, float(self.n)
        while n < MOST:
            n = max(n + 1, n * 1.02)
            b, c, size = round(lost * n / self.n), round(gained * n / self.n), round(n)
            fails = at_least(b, b + c, 0.5) if limit == 0 else _p_beyond(b, c, size, limit)
            if fails <= fail or normal_above(-paired_z(b, c, size, margin)) <= passing:
                return size - self.n
        return None

    def _more_witnesses(self, limit: float, margin: float, fail: float, passing: float) -> int | None:
        """As many as make the loss stand out at the spread so far, or show it to be within the margin."""
        drops = self._drops()
        means = [total / n for total, n in drops]
        spread, apart = stdev(means) if len(means) > 1 else 0.0, self.drop - limit
        fails = ceil((student_quantile(fail, 30) * spread / apart) ** 2) if apart > 0 else MOST
        count = max(FEWEST_CLUSTERS, len(drops) + 1)
        while count * self.n < MOST * len(drops):
            if count >= fails or self._passes_at(count, margin, passing):
                return round((count - len(drops)) * self.n / len(drops))
            count = max(count + 1, round(count * 1.05))
        return None

    def _passes_at(self, count: int, margin: float, level: float) -> bool:
        """Whether so many witnesses like these would pass."""
        drops = self._drops()
        many = [drops[i % len(drops)] for i in range(count)]
        n = sum(m for _, m in many)
        lost, gained = (amount * n / self.n for amount in self._amounts())
        z = -paired_z(lost, gained, n, margin)
        if not self.by_epoch:
            return normal_above(z) <= level
        return student_above(z / sqrt(reserved_effect(many, lost + gained, 1)), count - 1) <= level

    def _whole(self) -> bool:
        return all(p.before in (0.0, 1.0) and p.after in (0.0, 1.0) for p in self.pairs)

    def _amounts(self) -> tuple[float, float]:
        """How much was lost, and how much gained: counts, where scores are 0 and 1."""
        drops = [p.before - p.after for p in self.pairs]
        return sum(d for d in drops if d > 0), -sum(d for d in drops if d < 0)

    def _drops(self) -> list[tuple[float, int]]:
        """Loss and count per witness: per epoch, or per trial."""
        if not self.by_epoch:
            return [(p.before - p.after, 1) for p in self.pairs]
        by_epoch: dict[int, list[float]] = defaultdict(list)
        for p in self.pairs:
            by_epoch[p.trial.epoch].append(p.before - p.after)
        return [(sum(drops), len(drops)) for drops in by_epoch.values()]

    def _interval(self) -> tuple[float, float]:
        """Never of no width: that nothing changed in these trials is no proof about others."""
        if not self.by_epoch:
            return paired_interval(*self._amounts(), self.n, Z_95)
        if self.epochs < 2:
            return -1.0, 1.0
        t = student_quantile(0.025, self.epochs - 1)
        return paired_interval(*self._amounts(), self.n, t * sqrt(design_effect(self._drops(), sum(self._amounts()))))


def _p_beyond(lost: float, gained: float, n: int, limit: float) -> float:
    """The chance of such a loss where the true one is at a limit above 0.

    A score test, corrected for whole counts, or the binomial test that holds where nothing is gained: the larger one.
    """
    distance = lost - gained - n * limit
    if distance <= 0.5:
        return 1.0
    score = normal_above(paired_z(lost, gained, n, limit) * (distance - 0.5) / distance)
    return max(score, at_least(floor(lost - gained + 1e-9), n, limit))


def baseline_of(header: Header, results: Iterable[Row]) -> Baseline:
    """A run as the older side of a comparison. Control trials stay out."""
    ordinary = [r for r in results if r.trial.control is None]
    return Baseline(
        header=header,
        scores={r.trial.id: r.score for r in ordinary},
        prompts={r.trial.id: r.prompt_digest[:DIGEST] if r.prompt_digest else None for r in ordinary},
        finished=max((r.finished for r in ordinary if r.finished), default=None),
    )


def span_of(stamps: Iterable[str]) -> tuple[datetime, datetime] | None:
    """The first and the last of some ISO 8601 times; those that are none are left out. UTC where they name no zone."""
    times = []
    for stamp in stamps:
        with suppress(ValueError):
            time = datetime.fromisoformat(stamp)
            times.append(time if time.tzinfo else time.replace(tzinfo=UTC))
    return (min(times), max(times)) if times else None


def check_baseline(baseline: Baseline, header: Header, results: Iterable[Row]) -> None:
    """Raises RunError for what is no baseline of a run: a copy of it, or a simulated reader for a model."""
    simulated, was = (h.design.simulated for h in (header, baseline.header))
    if simulated != was:
        names = ("a simulated reader", "a model") if simulated else ("a model", "a simulated reader")
        raise RunError(f"the run is of {names[0]}, its baseline of {names[1]}: neither can tell whether the other lost")
    ordinary = [r for r in results if r.trial.control is None]
    last = max((r.finished for r in ordinary if r.finished), default=None)
    same = {r.trial.id for r in ordinary} == set(baseline.scores)
    if (
        header.imported is None
        and last is not None
        and same
        and (last, header.created) == (baseline.finished, baseline.header.created)
    ):
        raise RunError(
            f"the run is a copy of its baseline (both begun {header.created}, last answer {last}): "
            "a run is never worse than itself; sweep again under another --name"
        )


def pairs_of(
    baseline: Baseline,
    header: Header,
    results: Sequence[Row],
    *,
    these_only: bool = False,
    partly: bool = False,
) -> Pairs:
    """The trials that both runs scored. Raises RunError where the recipes differ, saying in what.

    ``partly`` allows grids that have only some trials in common.
    """
    ordinary = [r for r in results if r.trial.control is None]
    common = [r for r in ordinary if r.trial.id in baseline.scores]
    if ordinary and not common:
        differing = recipe_differences(baseline.header, header) or [other_prompts(baseline.header, header)]
        raise RunError(f"the runs have no trial in common, so they cannot be compared: {'; '.join(differing)}")
    if not partly and header.imported is None:
        check_same(baseline.header, baseline.scores, header, [r.trial.id for r in ordinary])
    for r in common:
        check_prompt(r, baseline.prompts.get(r.trial.id), baseline.header.version)
    one_text = header.imported is not None  # and repeats are of that one
    if one_text:
        common = [replace(r, trial=replace(r.trial, epoch=0)) for r in common]
    both, gone, new = _by_scores(baseline, common)
    shared = one_text or header.design.haystack_shared
    return Pairs(
        pairs=both,
        by_epoch=shared and not these_only,
        gone=gone,
        new=new,
        complete={r.trial.id for r in ordinary} == set(baseline.scores),
    )


def _by_scores(baseline: Baseline, common: Sequence[Row]) -> tuple[Some, Some, Some]:
    """The trials with a score in both runs, in the older one only, in the newer one only."""
    both, gone, new = [], [], []
    for r in common:
        before = baseline.scores[r.trial.id]
        if before is not None and r.score is not None:
            both.append(Pair(trial=r.trial, before=before, after=r.score))
        elif before is not None:
            gone.append(Pair(trial=r.trial, before=before, after=0.0))
        elif r.score is not None:
            new.append(Pair(trial=r.trial, before=1.0, after=r.score))
    return tuple(both), tuple(gone), tuple(new)
