"""Suites: a folder per run, one summary, and the controls in picture, table and file."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from rich.console import Console
from runs import unreported
from server import Handler, chunk, serving, sweep_at

from niah import api
from niah.experiment.experiment import experiment_of
from niah.experiment.suites import Suite, read_suite, suite_names
from niah.plotter.cells import control_rows, rows_height
from niah.plotter.formatting import control_labels
from niah.plotter.heatmap import figure_of
from niah.plotter.terminal import summary_view
from niah.run import Run
from niah.tasks import task_of
from niah.verdict.records import Cell, Control, Grid, Share
from niah.verdict.sample import share_of

READER = ("--provider", "simulated", "--model")


def test_a_suite_is_a_folder_per_run_and_one_summary(niah: Niah) -> None:
    ended = niah("run", "--suite", "quick", *READER, "perfect", "--lengths", "1k", "--name", "s")
    assert ended.exit_code == 0
    folders = {"single", "multikey", "distractors", "associative"}
    assert {p.name for p in Path("results/s").iterdir() if p.is_dir()} == folders
    table = json.loads(Path("results/s/suite.json").read_text(encoding="utf-8"))
    assert (table["suite"], table["model"], table["mean"]) == ("quick", "perfect", 1.0)
    for run in table["runs"]:
        assert (run["recall"]["mean"], run["recall"]["n"], run["normalised"]) == (1.0, 3, 1.0)
        assert {c["control"]: c["mean"] for c in run["controls"]} == {
            "absent": 1.0,
            "closed-book": 0.0,
            "oracle": 1.0,
        }
    assert Path("results/s/suite.png").stat().st_size > 5_000
    assert "oracle" in ended.err
    assert "n of guess 1, oracle 1" in ended.err
    again = niah("run", "--suite", "quick", *READER, "perfect", "--lengths", "1k", "--name", "s")
    assert again.err.count("Nothing to do") == 4
    assert "digest checked" in niah("show", "s/single", niah("show", "s/single").out.split()[0]).out


@pytest.mark.parametrize("haystack", ["en", "zh-hant"])
@pytest.mark.parametrize("name", sorted(suite_names()))
def test_every_run_of_every_suite_can_be_built(name: str, haystack: str) -> None:
    suite = read_suite(name, {"provider": "simulated", "model": "perfect", "haystack": haystack})
    experiments = {run: experiment_of(config) for run, config in suite.configs.items()}
    for experiment in experiments.values():
        experiment.check_lengths()
        assert experiment.language == {"en": "en", "zh-hant": "zh-Hant"}[haystack]
    if name == "ci":
        trials = [t for r in experiments.values() for t in r.trials]
        assert 240 <= len(trials) <= 260
        assert max(t.context_length for t in trials) == 32_000
        assert {r.config.haystack_per for r in experiments.values()} == {"trial"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--suite", "quik"), "did you mean 'quick'"),
        (("--suite", "quick", "--task", "single"), "leave out --task"),
        (("quick", "--suite", "quick"), "give one of the two"),
        (("--suite", "quick", "--name", "../x"), "without slashes"),
        (("--suite", "quick", "--lengths", "70"), "or more"),
        (("--suite", "quick", "--ask-for", "first"), "ask_for has no meaning for task 'single'"),
        (("--suite", "s.toml"), "not a suite"),
        (("--suite", "t.toml"), "unknown key of a run in t.toml 'lenghts'"),
        (("--suite", "u.toml"), "two runs are called 'single'"),
        (("--suite", "v.toml"), "name = '../../evil'"),
        (("--suite", "w.toml"), "name = ''"),
        (("--suite", "x.toml"), "name = 5"),
        (("--suite", "y.toml"), "[shared] settings"),
        (("--suite", "z.toml"), "key of [shared] in z.toml 'lenghts'"),
        (
            ("--suite", "retrieval", "--value-kind", "wrod"),
            "retrieval.toml, run passkey: value_kind",
        ),
    ],
)
def test_a_wrong_suite_is_one_clear_line(
    niah: Niah, arguments: tuple[str, ...], message: str
) -> None:
    Path("s.toml").write_text("[shared]\n")
    Path("t.toml").write_text('[[runs]]\ntask = "single"\nlenghts = "1k"\n')
    for file, line in (("v", "'../../evil'"), ("w", "''"), ("x", "5")):
        Path(f"{file}.toml").write_text(f"[[runs]]\ntask = 'single'\nname = {line}\n")
    Path("y.toml").write_text('shared = [1]\n[[runs]]\ntask = "single"\n')
    Path("z.toml").write_text('[shared]\nlenghts = "1k"\n[[runs]]\ntask = "single"\n')
    Path("u.toml").write_text('[[runs]]\ntask = "single"\n[[runs]]\ntask = "single"\n')
    ended = niah("run", *READER, "perfect", *arguments)
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert message in ended.err


def test_tables_of_a_suite_its_runs_and_flags_are_merged(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        '[shared]\nextra = {a = 1, b = 1, c = 1}\n[[runs]]\ntask = "single"\nextra = {b = 2, c ='
        " 2}\n"
    )
    suite = read_suite(str(path), {"provider": "openai", "model": "m", "extra": {"c": 3}})
    assert suite.configs["single"].extra == {"a": 1, "b": 2, "c": 3}


def test_a_suite_does_not_go_into_the_folder_of_a_run(niah: Niah) -> None:
    one = ("--task", "single", "--lengths", "500", "--depths", "50", "--name", "r")
    assert niah("run", *READER, "perfect", *one).exit_code == 0
    ended = niah("run", "--suite", "quick", *READER, "perfect", "--lengths", "1k", "--name", "r")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "the folder of a single run" in ended.err


def test_a_stop_ends_the_whole_suite_and_its_summary_is_written(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_in = api.run_in

    def interrupted(*given: Any, **options: Any) -> Run:
        return replace(run_in(*given, **options), stopped="interrupted")

    monkeypatch.setattr(api, "run_in", interrupted)
    ended = niah("run", "--suite", "quick", *READER, "perfect", "--lengths", "1k", "--name", "s")
    assert ended.exit_code == 3
    assert "suite stopped after 1 of 4 runs" in ended.err
    assert [p.name for p in Path("results/s").iterdir() if p.is_dir()] == ["single"]
    table = json.loads(Path("results/s/suite.json").read_text(encoding="utf-8"))
    assert [run["name"] for run in table["runs"]] == ["single"]


def grid_with(*controls: Control) -> Grid:
    cells = tuple(
        Cell(context_length=n, depth_percent=d, n=1, mean=1.0, low=0.2, high=1.0)
        for n in (1_000, 2_000)
        for d in (0.0, 50.0, 100.0)
    )
    return Grid(
        model="m",
        task="single",
        haystack="en",
        tokenizer="t",
        epochs=1,
        simulated=False,
        unique_share=1.0,
        whole=Share(mean=1.0, n=6, low=0.6, high=1.0),
        cells=cells,
        controls=controls,
    )


def control(name: str, mean: float | None, length: int | None = None) -> Control:
    n = 0 if mean is None else 2
    outcomes = {"truncated": 2} if mean is None else {"scored": 2}
    return Control(
        control=name, context_length=length, n=n, mean=mean, low=mean, high=mean, outcomes=outcomes
    )


def test_controls_are_rows_of_their_own_under_the_depths() -> None:
    absent = [control("absent", 1.0, 1_000), control("absent", 0.5, 2_000)]
    grid = grid_with(*absent, control("closed-book", None), control("oracle", 1.0))
    assert control_rows(grid) == ["absent", "oracle", "closed-book"]
    ax = figure_of([unreported(grid)]).axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        "0 %", "50 %", "100 %", "absent", "oracle", "closed-book",
    ]  # fmt: skip
    assert {"1", ".50", "1 (n = 2)", "truncated"} <= {t.get_text() for t in ax.texts}
    assert ax.get_ylim()[0] == pytest.approx(2.5 + rows_height(grid))
    right = Share(mean=0.75, n=4, low=0.3, high=0.95)
    assert control_labels({"absent": right, "oracle": right, "closed-book": share_of([])}) == [
        "absent (no needle): hallucination rate 25 % (n = 4, 95 % interval 5 to 70 %)",
        "oracle (no haystack): 75 % found (n = 4, 95 % interval 30 to 95 %)",
        "closed-book (question alone): nothing scored",
    ]


def test_a_grid_without_controls_is_drawn_as_before() -> None:
    ax = figure_of([unreported(grid_with())]).axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0 %", "50 %", "100 %"]
    assert ax.get_ylim() == (2.5, -0.5)


def test_control_trials_are_logged_listed_shown_and_scored_again(niah: Niah) -> None:
    run = ("--lengths", "500,1k", "--depths", "50", "--controls", "--name", "r")
    assert niah("run", *READER, "perfect", *run).exit_code == 0
    listed = {line.split()[2]: line.split()[0] for line in niah("show", "r").out.splitlines()}
    assert {"absent", "closed-book", "oracle"} <= set(listed)
    for name in ("absent", "closed-book", "oracle"):
        page = niah("show", "r", listed[name]).out
        assert f"control {name}, digest checked" in page
    assert "expected  that it is not there" in niah("show", "r", listed["absent"]).out
    assert "0 of 6 scores changed" in niah("score", "r").out
    assert "Nothing to do" in niah("run", *READER, "perfect", *run).err


def test_a_server_that_wraps_short_prompts_is_no_mismatch_after_a_control(niah: Niah) -> None:
    def act(handler: Handler, body: dict[str, Any]) -> None:
        text = body["messages"][0]["content"]
        counted = 150 + round(0.6 * len(text) / 4)  # wrapped, and with a frugal tokenizer
        usage = {"choices": [], "usage": {"prompt_tokens": counted}}
        handler.send_events(
            chunk(task_of("single").solve(text)), chunk(finish="stop"), usage, "[DONE]"
        )

    grid = ("--lengths", "500,2k", "--depths", "100", "--controls", "--model", "m", "--name", "r")
    with serving(otherwise=act) as server:
        ended = niah(*sweep_at(server), *grid)
    assert ended.exit_code == 0
    assert "mismatch" not in ended.err


def test_an_example_of_a_task_is_shown_with_its_needles_marked(niah: Niah) -> None:
    out = niah(
        "show",
        "--task",
        "multikey",
        "--length",
        "1k",
        "--depth",
        "50",
        "--set",
        "distractor_count=3",
    ).out
    assert out.count(">>> The magic number for") == 4
    assert "length    1,000 tokens (1k)" in out
    assert "asked 50 %" in out
    assert "Question: What is the magic number for" in out
    bare = niah("show", "--task", "single", "--control", "closed-book", "--length", "500").out
    assert bare.startswith("Question: ")
    assert "transcript" not in bare
    assert niah("show").exit_code == 2
    assert "name a run, or a task" in niah("show").err
    assert "write KEY=VALUE" in niah("show", "--task", "single", "--set", "x").err
    assert (
        "has no meaning for task 'single'"
        in niah("show", "--task", "single", "--set", "ask_for=first").err
    )


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_summary_of_a_suite_keeps_every_figure_in_any_width(columns: int) -> None:
    grids = {
        "associative": replace(
            grid_with(control("oracle", 1.0)), by_control={"oracle": share_of([1.0, 0.0])}
        ),
        "single": grid_with(),
    }
    suite = Suite(name="quick", configs={})
    console = Console(width=columns, record=True, file=io.StringIO())
    console.print(summary_view(f"suite {suite.name}", grids, columns))
    lines = console.export_text().splitlines()
    assert all(len(line) <= columns for line in lines)
    text = " ".join(" ".join(lines).split())
    assert re.search(r"associative:? +100 %.* 50 %.*single:? +100 %", text)
    assert "…" not in text


def test_a_table_reads_names_as_they_are_and_never_calls_a_low_end_all() -> None:
    grid = Grid(
        model="m", task="single", haystack="en", tokenizer="o200k_base", epochs=1, simulated=False,
        unique_share=None,
        whole=share_of([1.0] * 2_000), cells=(), answer_classes={"near-miss: [/x]": 3},
    )  # fmt: skip
    for columns in (200, 30):
        console = Console(width=columns, file=io.StringIO())
        with console.capture() as printed:
            console.print(summary_view("models [/b]", {"m[/i]": grid}, columns))
        assert all(name in printed.get() for name in ("models [/b]", "m[/i]", "near-miss: [/x]"))
        assert ("99-100" in printed.get()) is (columns == 200)
