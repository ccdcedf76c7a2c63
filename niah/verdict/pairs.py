"""Two runs on the same trials: what was lost, what was gained, and whether by more than chance.

Trials are paired by id, a digest of everything that decides a prompt and of nothing of the model.
Independent trials with scores of 0 and 1 get the exact McNemar test, other independent trials a
sign-flip test over trials, and trials that share their haystack by epoch a sign-flip test over
epochs: pooled, they would cry wolf. That a loss is smaller than a margin is shown by a score test,
widened by how much more than chance the epochs differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import floor, sqrt
from statistics import fmean, stdev

from niah.records import Header, Row, Trial
from niah.verdict.baseline import Baseline, baseline_of, check_comparable
from niah.verdict.exact import (
    at_least,
    holm,
    mcnemar,
    mcnemar_two_sided,
    normal_above,
    paired_interval,
    paired_z,
    sign_flip,
    student_above,
    student_quantile,
)
from niah.verdict.grid import counts_of, grid_of, uneven_notes, unpaired_notes
from niah.verdict.records import CellChange, Comparison, Grid, Paired, model_label
from niah.verdict.sample import (
    BANDS,
    FEWEST_CLUSTERS,
    Z_95,
    Sums,
    band_of,
    cycled,
    design_effect,
    grouped,
    more_of,
)

FEWEST_NATS = 10  # trials with a log-probability in both runs that a t test is made of
SAME_NATS = 5e-4  # what rounding in the log leaves between equal ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One trial that has a score in both runs."""

    trial: Trial
    before: float
    after: float
    nats: float | None = None  # that the right answer costs more now; None: not told in both


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
        sides = (self.pairs, self.gone, self.new)
        pairs, gone, new = (tuple(p for p in side if chosen(p.trial)) for side in sides)
        return replace(self, pairs=pairs, gone=gone, new=new)

    def worst(self) -> Pairs:
        """With the trials that lack one score at their worst: what has to pass."""
        return replace(self, pairs=self.pairs + self.gone + self.new, gone=(), new=())

    def witnesses(self) -> list[tuple[int, Pair]]:
        """Every pair, behind what it is a witness of: its epoch, or itself alone."""
        return [(p.trial.epoch if self.by_epoch else i, p) for i, p in enumerate(self.pairs)]

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

    def test(self, limit: float = 0) -> str:
        """The name of the test behind p_drop."""
        if self.by_epoch and not self.decidable:
            are = " is" if self.epochs == 1 else "s are"
            return f"no test: {self.epochs} shared haystack{are} too few"
        if self.by_epoch:
            return f"sign-flip test over {self.epochs} epochs"
        if limit:
            return "score test"
        return "exact McNemar test" if self._counted else "sign-flip test over trials"

    def p_drop(self, limit: float) -> float:
        """The chance of such a loss, or more, where the true one is at the limit."""
        if not self._counted and (self.by_epoch or limit == 0):
            return sign_flip([total - limit * n for total, n in self._drops()])
        return _p_drop(*self._amounts(), self.n, limit)

    def p_within(self, margin: float) -> float:
        """The chance of so small a loss where the true one is at the margin."""
        return self._p_within(margin, self._drops(), self._amounts())

    def p_change(self) -> float:
        """Two-sided: the chance of such a change, either way, where there is none."""
        if self._counted:
            return mcnemar_two_sided(self.lost, self.gained)
        drops = [total for total, _ in self._drops()]
        return min(1.0, 2 * min(sign_flip(drops), sign_flip([-d for d in drops])))

    def summary(self) -> Paired:
        """All of it, with a 95 % interval of the drop; no p value where witnesses are too few."""
        if not self.n:
            return Paired(test="none", n=0, lost=0, gained=0)
        low, high = self._interval() if self.decidable else (None, None)
        return Paired(
            test=self.test(),
            n=self.n,
            lost=self.lost,
            gained=self.gained,
            before=sum(p.before for p in self.pairs) / self.n,
            after=sum(p.after for p in self.pairs) / self.n,
            drop=self.drop,
            low=low,
            high=high,
            p_drop=self.p_drop(0) if self.decidable else None,
            p_change=self.p_change() if self.decidable else None,
        )

    def more_to_decide(
        self, limit: float, margin: float, fail: float, passing: float
    ) -> int | None:
        """How many more trials like these would decide at these levels; None: 100,000 would not."""
        drops, amounts, counted = self._drops(), self._amounts(), self._counted

        def decides(count: int) -> bool:
            grown = cycled(drops, count)
            n = sum(n for _, n in grown)
            lost, gained = (amount * n / self.n for amount in amounts)
            if counted:
                p_fail = _p_drop(round(lost), round(gained), n, limit)
            else:  # the limit of the sign-flip test
                beyond = [total - limit * n for total, n in grown]
                p_fail = normal_above(sum(beyond) / sqrt(sum(d * d for d in beyond) or 1.0))
            return p_fail <= fail or self._p_within(margin, grown, (lost, gained)) <= passing

        return more_of(len(drops), self.n / len(drops), decides)

    def _interval(self) -> tuple[float, float]:
        """Of the drop; never of no width: no change in these trials is no proof about others."""
        lost, gained = self._amounts()
        if not self.by_epoch:
            return paired_interval(lost, gained, self.n, Z_95)
        wider = sqrt(design_effect(self._drops(), lost + gained))
        z = student_quantile(0.025, self.epochs - 1) * wider
        return paired_interval(lost, gained, self.n, z)

    def _p_within(self, margin: float, drops: Sums, amounts: tuple[float, float]) -> float:
        z = paired_z(*amounts, sum(n for _, n in drops), margin)
        if not self.by_epoch:
            return normal_above(-z)
        # few and skewed: signs alone would pass a run at its margin twice as often as stated
        return student_above(-z / sqrt(design_effect(drops, sum(amounts), 1)), len(drops) - 1)

    @property
    def _counted(self) -> bool:
        """Whether lost and gained trials may be counted: independent ones, each right or wrong."""
        return not self.by_epoch and all({p.before, p.after} <= {0.0, 1.0} for p in self.pairs)

    def _amounts(self) -> tuple[float, float]:
        """How much was lost, and how much gained: counts, where scores are 0 and 1."""
        drops = [p.before - p.after for p in self.pairs]
        return sum(d for d in drops if d > 0), -sum(d for d in drops if d < 0)

    def _drops(self) -> Sums:
        """Loss and count per witness: per epoch, or per trial."""
        drops = grouped((witness, p.before - p.after) for witness, p in self.witnesses())
        return [(sum(own), len(own)) for own in drops.values()]


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsChange:
    """Nats that the right answer costs more than before, on the same trials; above 0 is a loss."""

    n: int
    loss: float
    low: float  # 95 %
    high: float
    t: float  # how far it lies above the tolerated loss, in standard errors
    witnesses: int  # trials, or epochs that share a haystack

    def p(self, sign: int, witnesses: int | None = None) -> float:
        """The chance of such a loss (sign 1), or of so small a one (-1), at the tolerated loss."""
        count = witnesses or self.witnesses
        return student_above(sign * self.t * sqrt(count / self.witnesses), count - 1)

    @property
    def nothing(self) -> bool:
        return max(abs(self.loss), self.high - self.low) < SAME_NATS

    def more_to_decide(self, fail: float, passing: float) -> int | None:
        """How many more trials like these would decide at these levels; None: 100,000 would not."""

        def decides(count: int) -> bool:
            return self.p(1, count) <= fail or self.p(-1, count) <= passing

        return more_of(self.witnesses, self.n / self.witnesses, decides)


def nats_change(pairs: Pairs, tolerated: float) -> NatsChange | None:
    """The change by a paired t test (Student 1908); None where too few have it in both runs."""
    every = pairs.worst().witnesses()
    told = grouped((witness, p.nats) for witness, p in every if p.nats is not None)
    if len(told) < (FEWEST_CLUSTERS if pairs.by_epoch else FEWEST_NATS):
        return None
    losses = [fmean(some) for some in told.values()]
    loss, error = fmean(losses), max(stdev(losses) / sqrt(len(losses)), 1e-12)
    half = student_quantile(0.025, len(losses) - 1) * error
    return NatsChange(
        n=sum(map(len, told.values())),
        loss=loss,
        low=loss - half,
        high=loss + half,
        t=(loss - tolerated) / error,
        witnesses=len(losses),
    )


def _p_drop(lost: float, gained: float, n: int, limit: float) -> float:
    """The chance of such a loss of independent trials, where the true one is at a limit.

    At 0 the exact McNemar test; above it a score test, corrected for whole counts, or the binomial
    test that holds where nothing is gained: the larger one.
    """
    if limit == 0:
        return mcnemar(round(lost), round(gained))
    distance = lost - gained - n * limit
    if distance <= 0.5:
        return 1.0
    score = normal_above(paired_z(lost, gained, n, limit) * (distance - 0.5) / distance)
    return max(score, at_least(floor(lost - gained + 1e-9), n, limit))


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
    check_comparable(baseline, header, ordinary, partly=partly)
    one_text = header.imported is not None  # and repeats are of that one
    both, gone, new = [], [], []
    for r in ordinary:
        before, was = baseline.scores.get(r.trial.id), baseline.nats.get(r.trial.id)
        trial = replace(r.trial, epoch=0) if one_text else r.trial
        nats = None if was is None or r.target_nats is None else r.target_nats - was
        if before is not None and r.score is not None:
            both.append(Pair(trial=trial, before=before, after=r.score, nats=nats))
        elif before is not None:
            gone.append(Pair(trial=trial, before=before, after=0.0, nats=nats))
        elif r.score is not None and r.trial.id in baseline.scores:
            new.append(Pair(trial=trial, before=1.0, after=r.score, nats=nats))
    return Pairs(
        pairs=tuple(both),
        by_epoch=(one_text or header.design.haystack_shared) and not these_only,
        gone=tuple(gone),
        new=tuple(new),
        complete={r.trial.id for r in ordinary} == set(baseline.scores),
    )


def comparison_of(
    before: tuple[Header, Sequence[Row]],
    after: tuple[Header, Sequence[Row]],
    *,
    these_only: bool = False,
) -> Comparison:
    """What changed between two runs of the same trials. Raises RunError where recipes differ."""
    pairs = pairs_of(baseline_of(*before), *after, these_only=these_only, partly=True)
    older, grid = grid_of(*before), grid_of(*after)
    planned = max(sum(counts_of(g).values()) for g in (older, grid))
    return Comparison(
        before=model_label(older),
        after=model_label(grid),
        whole=pairs.summary(),
        bands={band: pairs.in_band(band).summary() for band in BANDS},
        cells=_cells(grid, pairs),
        notes=(*unpaired_notes(pairs.n, planned), *uneven_notes(grid)),
    )


def _cells(grid: Grid, pairs: Pairs) -> tuple[CellChange, ...]:
    """Every cell; its trials are of different epochs, so independent. P values are corrected."""
    by_cell = grouped(((p.trial.context_length, p.trial.depth_percent), p) for p in pairs.pairs)
    places = [(c.context_length, c.depth_percent) for c in grid.cells]
    changes = [Pairs(pairs=tuple(by_cell[place]), by_epoch=False) for place in places]
    corrected = iter(holm([c.p_change() for c in changes if c.n]))
    return tuple(
        CellChange(
            context_length=place[0],
            depth_percent=place[1],
            n=c.n,
            change=-c.drop if c.n else None,
            p=next(corrected) if c.n else None,
        )
        for place, c in zip(places, changes, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """Answers that both called right or wrong: two judges of the same."""

    n: int
    agree: int
    kappa: float | None  # Cohen 1960; None where one of them said the same of every answer
    unclear: int = 0  # that one of them could not decide; not in n

    def words(self) -> str:
        """ "11 of 12 alike (Cohen's kappa 0.63, n = 12)"."""
        unclear = f", {self.unclear} unclear" if self.unclear else ""
        if not self.n:
            return f"no answer is judged by both{unclear}"
        kappa = "no kappa, as one side said the same of all"
        if self.kappa is not None:
            kappa = f"kappa {self.kappa:.2f}"
        return f"{self.agree} of {self.n} alike (Cohen's {kappa}, n = {self.n}){unclear}"


def agreed(pairs: Iterable[tuple[bool, bool | None]]) -> Agreed:
    """Of (one, other) on each answer; None is unclear."""
    everything = list(pairs)
    both = [(a, b) for a, b in everything if b is not None]
    n, agree = len(both), sum(a == b for a, b in both)
    kappa = None
    if n:
        first, second = sum(a for a, _ in both) / n, sum(bool(b) for _, b in both) / n
        chance = first * second + (1 - first) * (1 - second)
        if not {first, second} & {0.0, 1.0}:
            kappa = (agree / n - chance) / (1 - chance)
    return Agreed(n=n, agree=agree, kappa=kappa, unclear=len(everything) - n)
