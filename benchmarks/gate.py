"""How often the gate cries wolf, and how often it sees a loss: thousands of pairs of runs drawn
from known curves.

python benchmarks/gate.py [DRAWS]

Every pair of runs goes through the gate as it is, and through two habits: failing on any cell that
is worse than in the baseline, and failing on a mean that is more than a point lower. Two runs of
one prompt agree but for chance (1 % lost and 1 % gained where nothing changed). Where trials share
their haystack by epoch, each model finds each haystack harder or easier by a normal amount on the
logit scale, and two equal models are equal on average, not on each haystack.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import cache

import numpy as np

from niah.experiment.design import design_of
from niah.records import Header, Outcome, Result, Trial
from niah.verdict.decide import judge
from niah.verdict.evidence import Evidence
from niah.verdict.gate_config import GateConfig
from niah.verdict.pairs import Pair, Pairs
from niah.verdict.records import Verdict

LENGTHS = (1_000, 4_000, 16_000, 64_000, 128_000)
DEPTHS = (0.0, 25.0, 50.0, 75.0, 100.0)
BASE, BETTER = 0.95, 0.99
REDRAWN = (
    0.21  # share of prompts whose second answer has nothing to do with the first: 1 % flip each way
)
LOSSES = {"no change": 0.0, "-1": 0.01, "-3": 0.03, "-5": 0.05, "-10": 0.10}
MIDDLE = "lost middle"  # from 16k on, depth 25 to 75 % is found half as often
TRUTHS = (*LOSSES, MIDDLE)
EPOCHS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Design:
    """How the trials of a run hang together."""

    name: str
    haystack_per: str
    spread: float  # of a haystack's difficulty for a model, on the logit scale


DESIGNS = (
    Design("independent", "trial", 0.0),
    Design("shared, spread 0", "epoch", 0.0),
    Design("shared, spread 1", "epoch", 1.0),
    Design("shared, spread 1.5", "epoch", 1.5),
)


def trials_of(epochs: int) -> list[Trial]:
    cells = [(e, n, d) for e in range(epochs) for n in LENGTHS for d in DEPTHS]
    return [
        Trial(id=f"{n}/{d}/{e}", task="single", context_length=n, depth_percent=d, epoch=e)
        for e, n, d in cells
    ]


def header_of(design: Design, epochs: int) -> Header:
    config = {
        "provider": "simulated", "model": "drawn", "task": "single", "distractors": 0,
        "haystack": ["drawn"],
        "lengths": LENGTHS, "depths": DEPTHS, "epochs": epochs, "haystack_per": design.haystack_per,
    }  # fmt: skip
    return Header(
        schema=1, version="0", created="", config=config, design=design_of(config),
        haystack_digest="",
        tokenizer="", task_version=1,
        unique_share=None,
    )  # fmt: skip


def shares(truth: str, trials: list[Trial], base: float) -> np.ndarray:
    """The true share found of every trial, after a change."""
    found = np.full(len(trials), base - LOSSES.get(truth, 0.0))
    if truth == MIDDLE:
        lost = [t.context_length >= 16_000 and 25 <= t.depth_percent <= 75 for t in trials]
        found[lost] = base / 2
    return found


def on_haystacks(
    mean: np.ndarray, design: Design, trials: list[Trial], rng: np.random.Generator
) -> np.ndarray:
    """The shares of one model on the haystacks of one run; on average over all haystacks they are
    the mean."""
    if not design.spread:
        return mean
    shift = rng.normal(0, design.spread, 1 + max(t.epoch for t in trials))
    values, places = np.unique(mean, return_inverse=True)
    logit = np.array([logit_of(float(v), design.spread) for v in values])[places]
    shared: np.ndarray = 1 / (1 + np.exp(-(logit + shift[[t.epoch for t in trials]])))
    return shared


@cache
def logit_of(mean: float, spread: float) -> float:
    """The logit whose share, averaged over all haystacks, is the mean (Gauss-Hermite quadrature,
    bisection)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    low, high = -20.0, 20.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        average = float(weights @ (1 / (1 + np.exp(-(middle + spread * nodes)))) / weights.sum())
        low, high = (middle, high) if average < mean else (low, middle)
    return low


def pair_of_runs(
    truth: str, design: Design, trials: list[Trial], rng: np.random.Generator, base: float = BASE
) -> tuple[np.ndarray, np.ndarray]:
    """Right or wrong, before and after, of every trial."""
    luck = rng.random(len(trials))
    again = np.where(rng.random(len(trials)) < REDRAWN, rng.random(len(trials)), luck)
    before = luck < on_haystacks(shares("no change", trials, base), design, trials, rng)
    after = again < on_haystacks(shares(truth, trials, base), design, trials, rng)
    return before.astype(float), after.astype(float)


def evidence_of(
    header: Header, trials: list[Trial], before: np.ndarray, after: np.ndarray, limits: GateConfig
) -> Evidence:
    results = tuple(
        Result(trial=t, outcome=Outcome.SCORED, placements=(), targets=(),
               prompt_tokens=t.context_length,
               prompt_digest=None, unique_share=None, score=float(s))
        for t, s in zip(trials, after, strict=True)
    )  # fmt: skip
    pairs = tuple(
        Pair(trial=t, before=float(b), after=float(a))
        for t, b, a in zip(trials, before, after, strict=True)
    )
    by_epoch = header.config["haystack_per"] == "epoch"
    return Evidence(
        header=header, results=results, limits=limits, pairs=Pairs(pairs=pairs, by_epoch=by_epoch)
    )


def rates(
    truth: str, design: Design, epochs: int, limits: GateConfig, draws: int, base: float = BASE
) -> dict[str, float]:
    """The share of pairs of runs that each rule fails, and that the gate passes."""
    trials, header = trials_of(epochs), header_of(design, epochs)
    rng = np.random.default_rng([epochs, DESIGNS.index(design), TRUTHS.index(truth)])
    cells = np.array(
        [
            LENGTHS.index(t.context_length) * len(DEPTHS) + DEPTHS.index(t.depth_percent)
            for t in trials
        ]
    )
    counts = dict.fromkeys(("fail", "pass", "cell", "mean"), 0)
    for _ in range(draws):
        before, after = pair_of_runs(truth, design, trials, rng, base)
        verdict = judge(evidence_of(header, trials, before, after, limits)).verdict
        counts["fail"] += verdict is Verdict.FAIL
        counts["pass"] += verdict is Verdict.PASS
        counts["cell"] += bool((np.bincount(cells, after) < np.bincount(cells, before)).any())
        counts["mean"] += after.mean() < before.mean() - 0.01
    return {name: n / draws for name, n in counts.items()}


def table(title: str, rows: list[tuple[str, int, dict[str, str]]]) -> None:
    print(f"\n{title}\n\n| trials | epochs | pairs | " + " | ".join(TRUTHS) + " |")
    print("|---" * (3 + len(TRUTHS)) + "|")
    for name, epochs, values in rows:
        print(
            f"| {name} | {epochs} | {25 * epochs} | " + " | ".join(values[t] for t in TRUTHS) + " |"
        )


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def compared(
    draws: int, limits: GateConfig, base: float = BASE
) -> list[tuple[str, int, dict[str, dict[str, float]]]]:
    return [
        (d.name, epochs, {t: rates(t, d, epochs, limits, draws, base) for t in TRUTHS})
        for d in DESIGNS
        for epochs in EPOCHS
    ]


def absolute(draws: int, base: float) -> None:
    """A gate on the share found, where the true one is exactly the limit: both verdicts are wrong
    half of it."""
    limits = GateConfig(min_found=base)
    print(
        f"\n`min_found = {base}` where the true share found is {base}: percent called fail / pass\n"
    )
    print(
        "| trials | "
        + " | ".join(f"{e} epochs" for e in EPOCHS)
        + " |\n"
        + "|---" * (1 + len(EPOCHS))
        + "|"
    )
    for design in DESIGNS:
        found = []
        for epochs in EPOCHS:
            trials, header = trials_of(epochs), header_of(design, epochs)
            rng, verdicts = np.random.default_rng([7, epochs]), []
            for _ in range(draws):
                _, after = pair_of_runs("no change", design, trials, rng, base)
                evidence = evidence_of(header, trials, after, after, limits)
                verdicts.append(
                    judge(Evidence(header=header, results=evidence.results, limits=limits)).verdict
                )
            found.append(
                f"{percent(verdicts.count(Verdict.FAIL) / draws)} /"
                f" {percent(verdicts.count(Verdict.PASS) / draws)}"
            )
        print(f"| {design.name} | " + " | ".join(found) + " |")


def main() -> None:
    draws, started = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000, time.process_time()
    print(
        f"{draws:,} pairs of runs per cell of the tables, 5 lengths x 5 depths, 95 % found before,"
        " confidence 95 %"
    )
    whole = compared(draws, GateConfig())
    for title, key in (
        ("`niah gate --baseline`, percent called fail", "fail"),
        ("`niah gate --baseline`, percent called pass (the rest is inconclusive)", "pass"),
        ("The habit of failing on any cell that is worse, percent called fail", "cell"),
        ("The habit of failing on a mean more than a point lower, percent called fail", "mean"),
    ):
        table(
            title,
            [(name, epochs, {t: percent(r[t][key]) for t in TRUTHS}) for name, epochs, r in whole],
        )
    bands = compared(draws, GateConfig(drop_per_band=True))
    title = "With `drop_per_band = true` (four tests, corrected by Holm), percent called fail"
    table(
        title,
        [(name, epochs, {t: percent(r[t]["fail"]) for t in TRUTHS}) for name, epochs, r in bands],
    )
    better = compared(draws, GateConfig(), BETTER)
    title = f"From {100 * BETTER:g} % found before, percent called fail / pass"
    table(
        title,
        [
            (
                name,
                epochs,
                {t: f"{percent(r[t]['fail'])} / {percent(r[t]['pass'])}" for t in TRUTHS},
            )
            for name, epochs, r in better
        ],
    )
    for base in (BASE, BETTER):
        absolute(draws, base)
    print(f"\n{time.process_time() - started:.0f} CPU s")


if __name__ == "__main__":
    main()
