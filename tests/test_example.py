"""The shipped example: it is what the demo of today is, it is there without a clone, and it stays
as it is."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import REPOSITORY, Niah
from runs import header, results, run

from niah.errors import RunError
from niah.experiment.checks import completed
from niah.experiment.config import RunConfig, read_config
from niah.experiment.experiment import experiment_of
from niah.plotter.outputs import grid_csv, grid_json
from niah.records import Trial
from niah.runlog.log import read_log
from niah.verdict.baseline import baseline_of
from niah.verdict.grid import grid_of
from niah.verdict.pairs import pairs_of

EXAMPLE = REPOSITORY / "results" / "example"
DEMO = ("run", "demo", "--provider", "simulated", "--model", "perfect", "--name", "demo")


def test_the_example_is_a_whole_run_of_the_demo_of_today() -> None:
    old, stored = read_log(EXAMPLE)
    experiment = experiment_of(completed(read_config(REPOSITORY / "configs" / "demo.toml", {})))
    new = experiment.header()
    defaults = RunConfig().identity()  # of keys that an older niah did not know
    assert {**defaults, **old.config} == json.loads(json.dumps(new.config))
    for field in ("haystack_digest", "tokenizer", "task_version", "unique_share"):
        assert getattr(old, field) == getattr(new, field)
    assert {t.id for t in experiment.trials} == set(stored)
    assert {t.id: experiment.prompt(t).digest for t in experiment.trials} == {
        i: r.prompt_digest for i, r in stored.items()
    }


def test_the_tables_beside_the_example_are_of_its_log() -> None:
    old, stored = read_log(EXAMPLE)
    grid = grid_of(old, stored.values())
    assert (EXAMPLE / "grid.json").read_text(encoding="utf-8") == grid_json(grid)
    assert (EXAMPLE / "grid.csv").read_bytes().decode().replace("\r\n", "\n") == grid_csv(
        grid
    ).replace("\r\n", "\n")
    assert sorted(p.name for p in EXAMPLE.iterdir() if p.name[0] != ".") == [
        "grid.csv",
        "grid.json",
        "heatmap.png",
        "page.html",
        "run.jsonl",
    ]


@pytest.mark.slow
def test_the_example_is_shown_reported_compared_and_kept_as_a_baseline_in_an_empty_folder(
    niah: Niah,
) -> None:
    before = {p.name: p.read_bytes() for p in EXAMPLE.iterdir()}
    assert "right" in niah("show", "example").out
    assert "found" in niah("report", "example").out
    assert niah("plot", "example", "--curves").out == "results/example-curves.png\n"
    assert niah("baseline", "save", "example").out == "baselines/example.json\n"
    assert niah(*DEMO).exit_code == 0
    compared = niah("compare", "demo", "example")
    trials = (
        len(read_log(EXAMPLE)[0].config["lengths"]) * len(read_log(EXAMPLE)[0].config["depths"]) * 2
    )
    assert f"of {trials} pairs" in compared.out
    assert compared.err.endswith("results/example-compare.png\n")
    kept = niah(
        "gate", "demo", "--baseline", "baselines/example.json"
    )  # of a model, and this run is of a simulated one
    assert (kept.exit_code, "simulated reader" in kept.err) == (2, True)
    assert {p.name: p.read_bytes() for p in EXAMPLE.iterdir()} == before


@pytest.mark.parametrize(
    "command", [("score", "example"), ("judge", "example", "--provider", "openai", "--model", "m")]
)
def test_the_example_is_never_written_to(niah: Niah, command: tuple[str, ...]) -> None:
    ended = niah(*command)
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "stays as it is" in ended.err


def test_a_run_of_ones_own_called_example_goes_before_the_shipped_one(niah: Niah) -> None:
    run(Path("results/example"), header(epochs=1, model="mine"))
    assert "mine" in niah("report", "example").out
    assert niah("plot", "example").out == "results/example/heatmap.png\n"


def test_a_run_that_is_not_there_is_one_line_that_names_those_that_are(niah: Niah) -> None:
    for i in range(12):
        run(Path(f"results/night{i:02}"), header(epochs=1, lengths=(1_000,), depths=(50.0,)))
    ended = niah("report", "nigth03")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "nigth03: no run here, nor in results; did you mean 'night03'?" in ended.err
    assert "runs there: example, night00" in ended.err
    assert "and 5 more" in ended.err


def test_runs_of_one_version_without_a_common_trial_are_never_told_apart_by_that_version() -> None:
    of = header(epochs=1)
    older = [replace(r, trial=_renamed(r.trial)) for r in results(of)]
    with pytest.raises(RunError, match="no trial in common") as raised:
        pairs_of(baseline_of(replace(of, created="2025-12-31T00:00:00"), older), of, results(of))
    said = str(raised.value)
    assert "was 0" not in said
    assert "on 2025-12-31 and 2026-01-01: run both again with one niah" in said


def _renamed(trial: Trial) -> Trial:
    return replace(trial, id=f"x{trial.id}")


def test_a_copy_of_the_example_is_a_run_like_any_other(niah: Niah) -> None:
    shutil.copytree(EXAMPLE, "results/copy")
    assert "0 of" in niah("score", "copy").out
