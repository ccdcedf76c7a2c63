"""How sure, and how cheap: adaptive effective length, log-probabilities against right and wrong, a
history over years.

python benchmarks/studies.py [DRAWS]

Simulated readers: a sharp edge, a slow decline, a lost middle, one that recovers (not monotone),
and one that never falls; haystacks of one difficulty, or shared by an epoch and harder or easier by
a normal amount on the logit scale (sd 1).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from niah.verdict import history
from niah.verdict.engine import LEVEL, NATS_SHARE, NATS_TOLERATED
from niah.verdict.exact import mcnemar, student_above
from niah.verdict.ladder import Bracket, Rule, Step, bracket_of, next_length, step_of

Floats = NDArray[np.float64]
LADDERS: Mapping[str, Sequence[int]] = {
    "1k to 1M, in ratios": [int(n) for n in np.geomspace(1_000, 1_000_000, 15)],
    "8.5k to 128k, even": [128_000 * (i + 1) // 15 for i in range(15)],
}
DEPTHS, EPOCHS = 11, 10
RULE = Rule(most=DEPTHS * EPOCHS)
READERS = ("sharp edge", "slow decline", "lost middle", "not monotone", "never falls")
SPREAD = 1.0
# spread of the loss by trial over its mean, as measured on an embedded model with a q4_0 K cache
RATIO = 2.1


def shares(reader: str, rng: np.random.Generator) -> Floats:
    """The true share at every length (row) and depth (column)."""
    i, depth = np.arange(15.0)[:, None], np.linspace(0, 1, DEPTHS)[None, :]
    at, top = rng.uniform(0, 14), rng.uniform(0.95, 0.995)
    beyond, flat = i > at, np.ones((15, DEPTHS))
    if reader == "sharp edge":
        return np.where(beyond, rng.uniform(0.1, 0.6), top) * flat
    if reader == "slow decline":
        return top / (1 + np.exp((i - at) * rng.uniform(0.3, 0.8))) * flat
    if reader == "lost middle":
        return np.where(beyond & (depth > 0.2) & (depth < 0.8), top / 2, top)
    if reader == "not monotone":
        return np.where(beyond & (i <= at + rng.integers(1, 4)), rng.uniform(0.2, 0.6), top) * flat
    return rng.uniform(0.95, 1.0) * flat


_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(21)
_LOGITS = np.linspace(-14, 14, 2_000)
_MARGINAL = (
    (_WEIGHTS / _WEIGHTS.sum())[None, :]
    / (1 + np.exp(-(_LOGITS[:, None] + SPREAD * _NODES[None, :])))
).sum(1)


def drawn(share: Floats, effect: Floats | None, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Right or wrong; with an effect of the haystack, so that shares are as given on average."""
    if effect is not None:
        share = 1 / (
            1 + np.exp(-(np.interp(np.clip(share, 1e-5, 1 - 1e-5), _MARGINAL, _LOGITS) + effect))
        )
    return rng.random(share.shape) < share


def searched(
    true: Floats, lengths: Sequence[int], shared: bool, rng: np.random.Generator
) -> Bracket:
    """An adaptive run on a reader: depths in blocks, a haystack of its own for every trial."""
    steps: dict[int, Step] = {}
    while (length := next_length(lengths, steps)) is not None:
        order = np.concatenate([rng.permutation(DEPTHS) for _ in range(EPOCHS)])
        effect = SPREAD * rng.standard_normal(len(order)) if shared else None
        right = drawn(true[lengths.index(length)][order], effect, rng)
        shorter = steps.get(lengths[max(0, lengths.index(length) - 1)])
        rule = RULE.probing if shorter and shorter.above is False else RULE
        steps[length] = step_of(length, list(map(float, right)), rule)
    return bracket_of(lengths, steps)


def held(means: Floats) -> int:
    """The last length up to which every one holds; -1 for none."""
    return int(np.argmin(np.append(means >= RULE.threshold, False))) - 1


def adaptive(draws: int) -> None:
    print(
        "\n| ladder | reader | haystacks | adaptive within one step | exact | full grid within one"
        " | exact | tokens |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, lengths in LADDERS.items():
        inside: list[float] = []
        for reader in READERS:
            for shared in (False, True):
                rng = np.random.default_rng(0)
                rows = [_one(reader, lengths, shared, rng) for _ in range(draws)]
                off, grid_off, tokens = (np.array(column) for column in zip(*rows, strict=True))
                told = [
                    np.mean(off <= 1),
                    np.mean(off == 0),
                    np.mean(grid_off <= 1),
                    np.mean(grid_off == 0),
                ]
                shown = " | ".join(f"{100 * share:.0f} %" for share in told)
                how = "shared" if shared else "independent"
                print(
                    f"| {name} | {reader} | {how} | {shown} | {100 * np.mean(tokens):.1f} % |",
                    flush=True,
                )
                inside += [] if reader == "never falls" else [float(np.mean(tokens))]
        print(
            f"| {name} | mean of those that fall | | | | | | {100 * np.mean(inside):.1f} % |",
            flush=True,
        )


def _one(
    reader: str, lengths: Sequence[int], shared: bool, rng: np.random.Generator
) -> tuple[int, int, float]:
    """Steps off of an adaptive run and of the full grid, and the share of its tokens."""
    true = shares(reader, rng)
    truth, b = held(true.mean(1)), searched(true, lengths, shared, rng)
    got = lengths.index(b.holds.context_length) if b.holds else -1
    effect = SPREAD * rng.standard_normal((1, 1, EPOCHS)) if shared else None
    grid = drawn(np.repeat(true[:, :, None], EPOCHS, 2), effect, rng)
    spent = sum(s.tried * s.context_length for s in b.steps) / (sum(lengths) * RULE.most)
    return abs(got - truth), abs(held(grid.mean((1, 2))) - truth), spent


def logprobs(draws: int) -> None:
    """A latent margin decides right answers (above 0) and nats (softplus); a change lowers it,
    unevenly by trial."""
    rng = np.random.default_rng(0)
    margin = rng.normal(2.0, 2.0, 200_000)  # 84 % right
    lost = np.vectorize(
        lambda d: np.mean(margin > 0) - np.mean(margin > rng.normal(d, RATIO * d, margin.size))
    )
    steps = np.linspace(0.02, 1.5, 75)
    shift = float(steps[np.argmin(np.abs(lost(steps) - 0.05))])
    spread, falls = RATIO * shift, np.linspace(-0.2, 0.1, 61)
    noise = rng.normal(
        0.0, spread, margin.size
    )  # uneven nats cost more on average, so that margins must rise for none
    costs = [float(np.mean(_nats(margin - fall - noise) - _nats(margin))) for fall in falls]
    none, tolerated = (float(np.interp(cost, costs, falls)) for cost in (0.0, NATS_TOLERATED))
    print(
        f"\nloss of 5 points: the margin falls by {shift:.2f}, differently by trial (sd"
        f" {spread:.2f})"
    )
    print(
        "| paired trials | 5 points, by log-probability | by right and wrong | no change called"
        " fail | tolerated loss |"
    )
    print("|---|---|---|---|---|")
    for n in (20, 40, 60, 80, 120, 250):
        found, *quiet = (
            np.mean([_both(rng, n, fall, spread) for _ in range(10 * draws)], axis=0)
            for fall in (shift, none, tolerated)
        )
        shown = " | ".join(f"{100 * share:.1f} %" for share in (*found, *(q[0] for q in quiet)))
        print(f"| {n} | {shown} |", flush=True)


def _both(rng: np.random.Generator, n: int, fall: float, spread: float) -> tuple[bool, bool]:
    """Whether either test finds a loss: the first at the level that ``niah engine`` leaves it."""
    before = rng.normal(2.0, 2.0, n)
    after = before - rng.normal(fall, spread, n)
    loss = _nats(after) - _nats(before)
    t = (loss.mean() - NATS_TOLERATED) / (loss.std(ddof=1) / np.sqrt(n))
    lost = int(((before > 0) & (after <= 0)).sum())
    gained = int(((before <= 0) & (after > 0)).sum())
    return student_above(float(t), n - 1) <= LEVEL * NATS_SHARE, mcnemar(lost, gained) <= LEVEL


def _nats(margin: Floats) -> Floats:
    return np.logaddexp(0, -margin)


def years(draws: int) -> None:
    """Weekly runs of 250 trials, 30 % of them hard: 95 % right, or 90 % from a week on."""
    usual = np.r_[np.full(75, 0.83), np.full(175, 0.999)]
    worse = np.r_[np.full(75, 0.665), np.full(175, 0.997)]
    rng, first, weeks = np.random.default_rng(0), history.REFERENCE, history.YEAR
    quiet, found, dated = 0, [], []
    for _ in range(draws):
        runs = rng.random((first + weeks, 250)) < usual
        changed = int(rng.integers(0, weeks - 8))
        moved = np.concatenate(
            [runs[: first + changed], rng.random((weeks - changed, 250)) < worse]
        )
        known = history._usual(runs[:first], np.ones_like(runs[:first]))
        limits = history.thresholds_of(known, first)
        for right, is_quiet in ((runs, True), (moved, False)):
            scored = np.ones_like(right[first:])
            steps = {
                lost: history._steps(right[first:], scored, known, lost=lost)
                for lost in (True, False)
            }
            over = {
                lost: np.nonzero(history._cusum(s) >= limits[lost])[0] for lost, s in steps.items()
            }
            if is_quiet:
                quiet += any(len(weeks_over) for weeks_over in over.values())
            elif len(over[True]) and over[True][0] >= changed:
                found.append(int(over[True][0]) - changed)
                dated.append(abs(history._began(steps[True], int(over[True][0])) - changed))
    print(
        f"\n{draws} years of {weeks} weekly runs: {100 * quiet / draws:.1f} % of quiet years with"
        " an alarm"
    )
    print(
        "a loss of 5 points: found within 5 runs in"
        f" {100 * sum(d <= 5 for d in found) / draws:.0f} %, ",
        end="",
    )
    print(f"dated within 2 runs in {100 * sum(d <= 2 for d in dated) / draws:.0f} %")


if __name__ == "__main__":
    count, began = int(sys.argv[1]) if len(sys.argv) > 1 else 200, time.process_time()
    for part in (adaptive, logprobs, years):
        part(count)
    print(f"\n{time.process_time() - began:.0f} CPU seconds, {count} draws", file=sys.stderr)
