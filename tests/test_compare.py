"""Reports and comparisons from the command line, and their pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import Niah
from matplotlib.patches import Rectangle
from runs import LENGTHS, header, results, run, unreported

from niah.plotter.curves import curves_figure
from niah.plotter.heatmap import change_label, comparison_figure
from niah.plotter.summary import View
from niah.records import Outcome, Trial
from niah.verdict.grid import grid_of
from niah.verdict.pairs import comparison_of
from niah.verdict.report import report_of


def lost(t: Trial) -> float | Outcome:
    if t.depth_percent == 100 and t.context_length == 128_000:
        return Outcome.OVERFLOW
    return float(not (t.depth_percent == 50 and t.context_length >= 16_000))


def test_a_report_holds_every_figure_with_its_n(niah: Niah) -> None:
    run(Path("results/r"), header(claimed=1_000_000), lost)
    said = niah("report", "r").out
    for part in (
        "without a score: 10 overflow", "87.5 % found (n = 240",
        "ends minus middle +20 points", "n = 90 and 150",
        "weakest at 16k to 128k tokens, depth 50 %",
        "0 % found (n = 30)",
        "time to first token grows with length to the power of 0.00 (5 lengths)",
    ):  # fmt: skip
        assert part in said
    lengths = [
        ("claimed", "1M"),
        ("tested", "128k"),
        ("effective, absolute:0.856", "4k"),
        ("effective, relative:0.85", "4k"),
    ]
    for name, measured in lengths:
        assert re.search(f"^{name} +{measured}\\b", said, re.MULTILINE)
    table = json.loads(niah("report", "r", "--json", "--rule", "all-green:0.5").out)
    assert [e["rule"] for e in table["effective"]] == ["all-green:0.5"]
    assert niah("report", "r", "--rule", "green").exit_code == 2


@pytest.mark.slow
def test_two_runs_are_compared_in_words_as_json_and_as_a_picture(niah: Niah) -> None:
    run(Path("results/old"), header(model="old"))
    run(Path("results/new"), header(model="new"), lost)
    ended = niah("compare", "old", "new")
    assert ended.exit_code == 0, ended.err
    assert ended.out.startswith("new: without a score: 10 overflow\n")
    for part in (
        "new against old",
        "30 lost, 0 gained of 240 pairs",
        "3 of 25 differ, 3 by more than chance",
        "of 250",
    ):
        assert part in ended.out
    assert Path("results/new/compare.png").stat().st_size > 10_000
    table = json.loads(niah("compare", "old", "new", "--json", "--out", "c.svg").out)
    assert (table[0]["whole"]["lost"], len(table[0]["cells"])) == (30, 25)
    assert niah("compare", "old").exit_code == 2
    assert niah("compare", "old", "new", "--out", "c.jpg").exit_code == 2


@pytest.mark.slow
def test_runs_of_another_recipe_stand_side_by_side_without_a_test(niah: Niah) -> None:
    run(Path("results/a"), header())
    run(Path("results/b"), header(config={"seed": 3}))
    run(Path("results/c"), header(lengths=(1_000,)), lost)
    ended = niah("compare", "a", "b", "c")
    assert ended.exit_code == 0, ended.err
    assert (
        "no test: the runs have no trial in common, so they cannot be compared: seed was 0, is 3"
        in ended.out
    )
    assert "compared on 50 trials" in ended.out
    assert "100 % (n = 250)" in ended.out


def test_the_difference_has_a_fixed_scale_and_frames_what_is_more_than_chance() -> None:
    of = header()
    before, after = results(of), results(of, lost)
    comparison = comparison_of((of, before), (of, after))
    figure = comparison_figure(
        [unreported(grid_of(of, before)), unreported(grid_of(of, after))], comparison
    )
    ax = figure.axes[2]
    frames = {p.get_xy() for p in ax.patches if isinstance(p, Rectangle) and 0 < p.get_width() < 1}
    assert len(frames) == 3
    texts = [t.get_text() for t in ax.texts if t.get_transform() == ax.transData]
    assert sorted(texts) == ["-1"] * 3 + ["0"] * 21  # the cell without a score has no value
    assert [a.get_ylim() for a in figure.axes if a.get_label() == "<colorbar>"] == [(0, 1), (-1, 1)]


def test_beside_bars_stands_the_scale_of_the_change_alone() -> None:
    of = header(lengths=(1_000,), epochs=1)
    runs = (of, results(of)), (of, results(of, lost))
    figure = comparison_figure([unreported(grid_of(*run)) for run in runs], comparison_of(*runs))
    assert [a.get_ylim() for a in figure.axes if a.get_label() == "<colorbar>"] == [(-1, 1)]


def test_the_difference_is_labelled_like_the_heatmaps() -> None:
    of = header(config={"provider": "simulated"})
    runs = (of, results(of)), (of, results(of, lost))
    figure = comparison_figure([unreported(grid_of(*run)) for run in runs], comparison_of(*runs))
    left, _, ax = figure.axes[:3]
    assert ax.get_xlabel() == left.get_xlabel()
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        t.get_text() for t in left.get_yticklabels()
    ]
    assert ax.get_title(loc="left") == "simulated reader m (2)\nminus simulated reader m (1)"


def test_four_runs_are_two_by_two() -> None:
    of = header(epochs=1)
    figure = comparison_figure([unreported(grid_of(of, results(of)))] * 4, None)
    assert all(ax.axison for ax in figure.axes)
    assert figure.axes[0].get_gridspec().get_geometry() == (2, 2)  # type: ignore[union-attr]


def test_many_runs_are_small_multiples() -> None:
    of = header(epochs=1)
    grids = [unreported(grid_of(of, results(of))) for _ in range(5)]
    figure = comparison_figure(grids, None)
    assert sum(ax.axison for ax in figure.axes if ax.get_label() != "<colorbar>") == 5
    assert sum(ax.get_label() == "<colorbar>" for ax in figure.axes) == 1


@pytest.mark.slow
def test_curves_hold_every_measured_length_with_its_interval(niah: Niah) -> None:
    of, empty = header(), header(model="empty")
    runs = [
        View(grid=grid_of(o, r), report=report_of(o, r))
        for o, r in ((of, results(of, lost)), (empty, []))
    ]
    recall, times = curves_figure(runs).axes[:2]
    assert np.asarray(recall.lines[0].get_xdata()).tolist() == pytest.approx(
        LENGTHS, rel=0.05
    )  # beside each other
    assert recall.get_ylim() == (-0.03, 1.03)
    assert len(times.lines) == 1  # a run without times has no line
    run(Path("results/r"), of, lost)
    assert niah("plot", "r", "--curves").out.strip() == "results/r/curves.png"
    assert niah("plot", "r", "--curves", "--out", "c.gif").exit_code == 2


@pytest.mark.parametrize(
    ("change", "label"), [(0.0, "0"), (1.0, "+1"), (-1.0, "-1"), (0.4, "+.40"), (-0.1, "-.10")]
)
def test_labels_of_changes(change: float, label: str) -> None:
    assert change_label(change) == label


@pytest.mark.slow
def test_a_run_ends_with_its_figures_and_keeps_what_is_claimed(niah: Niah) -> None:
    command = (
        "run",
        "--provider",
        "simulated",
        "--model",
        "head-tail",
        "--lengths",
        "1k,2k",
        "--depths",
        "0,50,100",
    )
    ended = niah(*command, "--claimed", "128k", "--name", "r")
    few = (
        "too few trials to say how far it reads reliably: at most 3 a length, and it takes 23"
        " trials, all found"
    )
    assert f"{few} (set --epochs); claimed 128k\n" in ended.err
    assert "absolute:" not in ended.err
    assert re.search(
        r"claimed +128k\ntested +2k\neffective, all-green:0.9 +none ", niah("report", "r").out
    )
    assert "weakest at 1k to 2k tokens, depth 50 %: 0 % found (n = 2)" in ended.err
    assert "claimed 128k" in niah("report", "r").out
    again = niah(*command, "--claimed", "1M", "--name", "r")
    assert "Nothing to do" in again.err
