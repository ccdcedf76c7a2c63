"""Cells, intervals and tables: nothing measured is no zero."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from niah.experiment.design import design_of
from niah.plotter.formatting import found_label, unscored_label, value_label
from niah.plotter.outputs import grid_csv, grid_json
from niah.records import Header, Outcome, Result, Trial
from niah.verdict.grid import grid_of
from niah.verdict.records import Grid
from niah.verdict.sample import share_of, wilson

CONFIG = {
    "model": "m",
    "provider": "openai",
    "task": "single",
    "distractor_count": 2,
    "haystack": ["en"],
    "tokenizer": "o200k_base",
    "epochs": 2,
    "lengths": [1_000, 2_000],
    "depths": [0, 100],
}
HEADER = Header(
    schema=1,
    version="0",
    created="2026-01-01",
    config=CONFIG,
    design=design_of(CONFIG),
    haystack_digest="h",
    tokenizer="o200k_base",
    task_version=1,
    unique_share=0.5,
)


def result(
    length: int, depth: float, epoch: int, score: float | None, outcome: Outcome = Outcome.SCORED
) -> Result:
    return Result(
        trial=Trial(
            id=f"{length}{depth}{epoch}",
            task="single",
            context_length=length,
            depth_percent=depth,
            epoch=epoch,
        ),
        outcome=outcome,
        placements=(),
        targets=("1",),
        prompt_tokens=length,
        prompt_digest="d",
        unique_share=0.5,
        score=score,
    )


def grid() -> Grid:
    return grid_of(
        HEADER,
        [
            result(1_000, 0, 0, 1.0),
            result(1_000, 0, 1, 0.0),
            result(1_000, 100, 0, 1.0),
            result(1_000, 100, 1, None, Outcome.ERROR),
            result(2_000, 0, 0, None, Outcome.OVERFLOW),
            result(2_000, 0, 1, None, Outcome.OVERFLOW),
        ],
    )


def test_only_scored_trials_have_a_mean() -> None:
    cells = {(c.context_length, c.depth_percent): c for c in grid().cells}
    assert [(c.n, c.mean) for c in cells.values()] == [(2, 0.5), (1, 1.0), (0, None), (0, None)]
    assert cells[1_000, 100].outcomes == {"error": 1, "scored": 1}
    assert cells[2_000, 0].outcomes == {"overflow": 2}
    assert cells[2_000, 100].outcomes == {"missing": 2}
    assert grid().whole.mean == pytest.approx(2 / 3)
    assert grid().whole.n == 3


def test_the_tables_say_null_and_nothing_where_nothing_was_measured() -> None:
    table = json.loads(grid_json(grid()))
    assert table["schema"] == 1
    assert set(table) >= {"model", "task", "haystack", "tokenizer", "recall", "cells"}
    assert table["cells"][2] == {
        "context_length": 2_000, "depth_percent": 0.0, "n": 0, "mean": None, "low": None,
        "high": None,
        "outcomes": {"overflow": 2}, "answer_classes": {}, "normalised": None, "by_rule": False,
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(grid_csv(grid()))))
    assert (rows[2]["mean"], rows[2]["overflow"], rows[0]["mean"]) == ("", "2", "0.5")


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (1, 1, 0.207, 1),
        (3, 3, 0.438, 1),
        (5, 5, 0.566, 1),
        (10, 10, 0.722, 1),
        (30, 30, 0.886, 1),
        (0, 5, 0, 0.434),
        (225, 225, 0.983, 1),
        (9, 10, 0.596, 0.982),
    ],
)
def test_wilson_intervals(k: int, n: int, low: float, high: float) -> None:
    assert wilson(k, n) == pytest.approx((low, high), abs=6e-4)


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=200))
def test_an_interval_holds_its_mean(scores: list[float]) -> None:
    recall = share_of(scores)
    assert recall.low is not None
    assert recall.mean is not None
    assert recall.high is not None
    assert 0 <= recall.low <= recall.mean <= recall.high <= 1


def test_labels_never_round_to_the_perfect() -> None:
    assert [value_label(v) for v in (0.0, 1.0, 0.5, 0.996, 0.004)] == [
        "0",
        "1",
        ".50",
        ".99",
        ".01",
    ]
    nearly = grid_of(HEADER, [result(1_000, 0, i, float(i > 0)) for i in range(10_000)])
    assert found_label(nearly.whole).startswith("99.9 % found (n = 10,000")
    assert found_label(grid_of(HEADER, []).whole) == "nothing scored"
    assert unscored_label(grid().cells[2]) == "overflow"


def test_a_grid_repeats_its_text_as_much_as_its_worst_trial_does() -> None:
    shares = (0.5, 1.0, 0.25, None)
    stored = [
        replace(result(1_000, 0, i, 1.0), unique_share=share) for i, share in enumerate(shares)
    ]
    assert grid_of(HEADER, stored).unique_share == 0.25
