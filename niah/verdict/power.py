"""How many trials a gate or comparison needs: the chance that it decides, computed, not guessed."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import ceil, exp, floor, log, log1p, sqrt

from niah.errors import ConfigError
from niah.records import Header, Outcome, Row, Trial
from niah.verdict.decide import judge
from niah.verdict.evidence import Evidence
from niah.verdict.exact import at_least, at_most, log_choices, mcnemar, normal_above, paired_z
from niah.verdict.gate_config import GateConfig
from niah.verdict.pairs import Pair, Pairs
from niah.verdict.records import Finding, Judgement, Paired, Verdict
from niah.verdict.sample import MOST

_NEGLIGIBLE = 1e-12
GOOD = (0.99, 0.97, 0.95)  # found by models that most gates should let pass
DRAWS = 100


def chance_to_fail(
    n: int, lost: float, gained: float, level: float, margin: float | None = None
) -> float:
    """The chance that McNemar's exact test finds a loss in n pairs, of which these shares change.

    With a margin, a loss that is shown to be smaller does not count: the gate passes it.
    """

    def fewest(changed: int) -> int:
        passing = -1 if margin is None else _most_to_pass(n, changed, margin, level)
        return max(_fewest_to_fail(changed, level), passing + 1)

    losses = _of(lost, gained)
    return sum(p * at_least(fewest(m), m, losses) for m, p in _binomial(n, lost + gained))


def chance_to_pass(n: int, lost: float, gained: float, margin: float, level: float) -> float:
    """The chance that the loss is shown to be smaller than the margin."""
    most = ((m, p, _most_to_pass(n, m, margin, level)) for m, p in _binomial(n, lost + gained))
    return sum(p * at_most(k, m, _of(lost, gained)) for m, p, k in most if k >= 0)


def pairs_needed(chance: Callable[[int], float], wanted: float) -> int | None:
    """The fewest pairs from which on the chance is as wanted, to a hundredth; None: over 100,000.

    Counts are whole, so the chance goes up in a saw's teeth: a tenth more pairs must hold too.
    """
    low, high = 4, 8
    while chance(high) < wanted:
        low, high = high, high * 2
        if high > MOST:
            return None
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if chance(middle) >= wanted else (middle, high)
    step, at = max(1, high // 200), high
    while at <= high * 1.1:
        at += step
        high = high if chance(at) >= wanted else at + step
        if high > MOST:
            return None
    return high


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a run of some size can decide, before it is made."""

    undecided: tuple[Finding, ...]  # gates that not even the best run there could be would pass
    can_fail: bool  # whether the worst run there could be would fail
    # of models that are good, but not perfect; none where not even the best run would pass
    chances: tuple[Chance, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """How often a model passes; every answer is drawn anew, its baseline's too."""

    found: float  # everywhere alike
    passes: float
    bottleneck: str | None  # the gate, and its part, that is left open most often


def outlook_of(limits: GateConfig, header: Header, trials: Sequence[Trial]) -> Outlook:
    """The verdicts on the best run there could be (all found, at once), and on the worst."""
    every, none = [1.0] * len(trials), [0.0] * len(trials)
    best = judge(_run_of(limits, header, trials, every, every))
    worst = judge(_run_of(limits, header, trials, none, every))
    undecided = _left_open(best)
    chances = () if undecided else tuple(_chance(limits, header, trials, found) for found in GOOD)
    return Outlook(undecided=undecided, can_fail=worst.verdict is Verdict.FAIL, chances=chances)


def _chance(limits: GateConfig, header: Header, trials: Sequence[Trial], found: float) -> Chance:
    draw = random.Random(0)  # noqa: S311 - seeded, for statistics
    opened, passes = Counter[str](), 0
    for _ in range(DRAWS):
        after, before = ([float(draw.random() < found) for _ in trials] for _ in range(2))
        judgement = judge(_run_of(limits, header, trials, after, before), count_more=False)
        passes += judgement.verdict is Verdict.PASS
        opened.update(f"{f.gate}, {f.part}" for f in _left_open(judgement))
    bottleneck = opened.most_common(1)[0][0] if opened else None
    return Chance(found=found, passes=passes / DRAWS, bottleneck=bottleneck)


def _left_open(judgement: Judgement) -> tuple[Finding, ...]:
    return tuple(f for f in judgement.findings if f.verdict is not Verdict.PASS and not f.watched)


def _run_of(
    limits: GateConfig,
    header: Header,
    trials: Sequence[Trial],
    scores: Sequence[float],
    before: Sequence[float],
) -> Evidence:
    """A run of such scores after a baseline of those; controls are as they should be."""
    known = {"oracle": 1.0, "closed-book": 0.0}
    every = tuple(zip(trials, scores, before, strict=True))
    results = tuple(_result(t, known.get(t.control or "", score)) for t, score, _ in every)
    both = tuple(
        Pair(trial=t, before=was, after=score, nats=0.0)
        for t, score, was in every
        if t.control is None
    )
    by_epoch = header.design.haystack_shared and limits.haystacks == "any"
    pairs = Pairs(pairs=both, by_epoch=by_epoch) if limits.compares else None
    return Evidence(header=header, results=results, limits=limits, pairs=pairs, dollars=0.0)


def _result(trial: Trial, score: float) -> Row:
    return Row(
        trial=trial,
        outcome=Outcome.SCORED,
        targets=(),
        prompt_tokens=trial.context_length,
        prompt_digest=None,
        unique_share=None,
        score=score,
        total_s=0.0,
    )


def _of(lost: float, gained: float) -> float:
    return lost / (lost + gained) if lost + gained else 0.0


@cache
def _fewest_to_fail(changed: int, level: float) -> int:
    """So many losses of the changed pairs are more than chance; one more than all: none can be."""

    def fails(lost: int) -> bool:
        return mcnemar(lost, changed - lost) <= level

    return bisect_left(range(changed + 1), True, key=fails)


def _most_to_pass(n: int, changed: int, margin: float, level: float) -> int:
    """Up to so many losses of the changed pairs are shown to be within the margin; -1: none are."""

    def fails(lost: int) -> bool:
        return normal_above(-paired_z(lost, changed - lost, n, margin)) > level

    return bisect_left(range(changed + 1), True, key=fails) - 1


def _binomial(n: int, share: float) -> Iterator[tuple[int, float]]:
    """The counts that are not negligible, with their chances."""
    if share <= 0 or share >= 1:
        yield (n if share >= 1 else 0), 1.0
        return
    around = 9 * sqrt(n * share * (1 - share)) + 20
    for k in range(max(0, floor(n * share - around)), min(n, ceil(n * share + around)) + 1):
        chance = exp(log_choices(n, k) + k * log(share) + (n - k) * log1p(-share))
        if chance > _NEGLIGIBLE:
            yield k, chance


EPOCHS = (1, 2, 5, 10, 20, 50)  # of the runs that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a gate is to see, in percent and points of the share found."""

    drop: float = 5.0  # the loss to see
    flips: float = 1.0  # trials that turn right by chance, and as many wrong
    margin: float = 5.0  # drop_margin of the gate
    confidence: float = 95.0  # of the gate
    chance: float = 90.0  # wanted of seeing the loss
    pairs: int | None = None  # of two runs that the flips were measured on; None: they are a guess


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerRow:
    """A run of so many epochs. Chances are from 0 to 1."""

    epochs: int
    pairs: int  # trials that have a partner in the baseline
    loss_seen: float
    no_change_passes: float
    prompt_tokens: int
    dollars: float | None  # without any cache; None: no price is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Trials needed, for independent ones (``haystack_per = "trial"``)."""

    aim: Aim
    cells: int
    pairs_to_fail: int | None  # None: more than 100,000, or the loss is inside the margin
    pairs_to_pass: int | None  # None: more than 100,000
    rows: tuple[PowerRow, ...]

    @property
    def inside_margin(self) -> bool:
        """Whether a gate with this margin lets the loss pass, however many trials there are."""
        return self.aim.drop < self.aim.margin

    @property
    def epochs_to_fail(self) -> int | None:
        """So many epochs of this grid see the loss."""
        return None if self.pairs_to_fail is None else ceil(self.pairs_to_fail / self.cells)

    @property
    def epochs_to_pass(self) -> int | None:
        """So many epochs of this grid let pass what is no worse."""
        return None if self.pairs_to_pass is None else ceil(self.pairs_to_pass / self.cells)


def power_of(aim: Aim, cells: int, epoch_tokens: int, epoch_dollars: float | None) -> Power:
    """The trials an aim needs, and what runs of some sizes see and cost. Raises ConfigError."""
    _check(aim)
    level, margin = 1 - aim.confidence / 100, aim.margin / 100
    gained, lost = aim.flips / 100, (aim.drop + aim.flips) / 100
    sees = partial(chance_to_fail, lost=lost, gained=gained, level=level, margin=margin)
    passes = partial(chance_to_pass, lost=gained, gained=gained, margin=margin, level=level)
    return Power(
        aim=aim,
        cells=cells,
        pairs_to_fail=None if aim.drop < aim.margin else pairs_needed(sees, aim.chance / 100),
        pairs_to_pass=pairs_needed(passes, aim.chance / 100),
        rows=tuple(
            PowerRow(
                epochs=epochs,
                pairs=cells * epochs,
                loss_seen=sees(cells * epochs),
                no_change_passes=passes(cells * epochs),
                prompt_tokens=epochs * epoch_tokens,
                dollars=None if epoch_dollars is None else epochs * epoch_dollars,
            )
            for epochs in EPOCHS
        ),
    )


def measured_flips(repeat: Paired) -> dict[str, float | int]:
    """The flips between two runs of one model, as settings of an aim. Raises ConfigError."""
    if not repeat.n:
        told = "--from: the two runs have no trial with a score in both"
        raise ConfigError(f"{told}; run the same trials twice")
    return {"flips": 100 * (repeat.lost + repeat.gained) / 2 / repeat.n, "pairs": repeat.n}


def _check(aim: Aim) -> None:
    for name in ("drop", "flips", "margin", "confidence", "chance"):
        value: float = getattr(aim, name)
        least = 50 if name == "confidence" else 0
        if not least <= value < 100 or (value == 0 and name != "flips"):
            raise ConfigError(f"--{name} {value:g}: give percent above {least} and below 100")
    if aim.drop + 2 * aim.flips > 100:
        asked = f"--drop {aim.drop:g} --flips {aim.flips:g}"
        raise ConfigError(f"{asked}: more trials change than there are")
