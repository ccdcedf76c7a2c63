"""Runs made in memory: any grid, any answers, no prompt built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from niah.experiment.design import design_of
from niah.plotter.summary import View
from niah.records import Header, Outcome, Response, Result, Trial, Usage
from niah.runlog.log import write_log
from niah.verdict.records import Grid, RunReport

LENGTHS = (1_000, 4_000, 16_000, 64_000, 128_000)
DEPTHS = (0.0, 25.0, 50.0, 75.0, 100.0)

USAGE = Usage(input_tokens=1_000, cached_tokens=0, output_tokens=10)

Answer = Callable[[Trial], float | Outcome]


def header(
    *,
    lengths: Sequence[int] = LENGTHS,
    depths: Sequence[float] = DEPTHS,
    epochs: int = 10,
    haystack_per: str = "trial",
    model: str = "m",
    **others: Any,
) -> Header:
    config = {
        "provider": "openai", "model": model, "base_url": None, "task": "single",
        "distractor_count": 2,
        "haystack": ["en"], "tokenizer": "o200k_base", "lengths": list(lengths),
        "depths": list(depths),
        "epochs": epochs, "seed": 0, "haystack_per": haystack_per,
    }  # fmt: skip
    config = {**config, **others.pop("config", {})}
    return Header(
        schema=1, version="0", created="2026-01-01", config=config, design=design_of(config),
        haystack_digest="h",
        tokenizer="o200k_base", task_version=1, unique_share=1.0, **others,
    )  # fmt: skip


def trials(of: Header) -> list[Trial]:
    c = of.config
    cells = [(e, n, d) for e in range(c["epochs"]) for n in c["lengths"] for d in c["depths"]]
    return [
        Trial(
            id=f"{c['seed']}-{n}-{d}-{e}", task="single", context_length=n, depth_percent=d, epoch=e
        )
        for e, n, d in cells
    ]


def result(trial: Trial, answer: float | Outcome, seconds: float | None = 1.0) -> Result:
    scored = not isinstance(answer, Outcome)
    return Result(
        trial=trial,
        outcome=answer if isinstance(answer, Outcome) else Outcome.SCORED,
        placements=(),
        targets=("1",),
        prompt_tokens=trial.context_length,
        prompt_digest=(trial.id * 64)[:64],
        unique_share=1.0,
        response=Response(
            text="1",
            stop_reason="stop",
            usage=Usage(input_tokens=1_000, cached_tokens=0, output_tokens=10),
        ),
        score=float(answer) if scored else None,
        answer_class="right" if scored and answer else None,
        first_token_s=seconds,
        total_s=seconds,
    )


def results(of: Header, answer: Answer = lambda trial: 1.0) -> list[Result]:
    return [result(t, answer(t)) for t in trials(of)]


def run(folder: Path, of: Header, answer: Answer = lambda trial: 1.0) -> Path:
    """A run folder."""
    write_log(folder, of, results(of, answer))
    return folder


def wrong_in(count: int, of: Header) -> Answer:
    """Wrong in so many trials, spread over the run."""
    every = trials(of)
    wrong = {every[i * len(every) // count].id for i in range(count)} if count else set()
    return lambda trial: float(trial.id not in wrong)


def unreported(grid: Grid, **about: str) -> View:
    """The view of a grid whose report says no more than the grid."""
    report = RunReport(
        model=grid.model, simulated=grid.simulated, planned=0, ordinary=0, missing=0, errors=0,
        unscored={}, haystacks=None, whole=grid.whole, by_length={}, up_to_length={}, by_band={},
        effective=(), middle=None, weakest=None, claimed=None, tested=None,
    )  # fmt: skip
    return View(grid=grid, report=report, **about)
