"""niah run with a limit, as a dry run, and for several models in one command."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from rich.console import Console
from runs import header, results
from server import answers_with, fails, serving, sweep_at

from niah import api
from niah.plotter.terminal import summary_table
from niah.run import Run
from niah.runlog.log import read_log
from niah.tasks import task_of
from niah.verdict.grid import grid_of

READER = ("--provider", "simulated", "--model")
GRID = ("--lengths", "500,1k", "--depths", "0,50,100")
READS = answers_with(task_of("single").solve)


def ids(run: str) -> list[str]:
    return [*read_log(Path("results") / run)[1]]


# a limit


@pytest.mark.parametrize("order", ["cache", "length", "shuffled"])
def test_a_limit_sends_the_first_trials_and_the_same_command_without_it_the_rest(
    niah: Niah, order: str
) -> None:
    whole = (*READER, "perfect", *GRID, "--order", order, "--concurrency", "1")
    assert niah("run", *whole, "--name", "whole").exit_code == 0
    command = (*whole, "--name", "r")
    ended = niah("run", *command, "--limit", "2")
    assert ended.exit_code == 3
    assert "--limit 2: 4 of 6 trials are left; go on without it" in ended.err
    assert "of 6 trials 4 not run" in ended.err
    assert {*ids("r")} == {*ids("whole")[:2]}
    again = niah("run", *command, "--limit", "2")
    assert (again.exit_code, {*ids("r")}) == (3, {*ids("whole")[:2]})
    assert "Nothing to do: every trial that is asked for" in again.err
    assert niah("run", *command, "--limit", "5").exit_code == 3
    assert {*ids("r")} == {*ids("whole")[:5]}
    assert niah("run", *command).exit_code == 0
    assert sorted(ids("r")) == sorted(ids("whole"))
    assert niah("run", *command, "--limit", "99").exit_code == 0


def test_a_limit_holds_for_every_run_of_a_suite(niah: Niah) -> None:
    ended = niah(
        "run",
        "--suite",
        "quick",
        *READER,
        "perfect",
        "--lengths",
        "1k",
        "--name",
        "s",
        "--limit",
        "1",
    )
    assert ended.exit_code == 3
    table = json.loads(Path("results/s/suite.json").read_text(encoding="utf-8"))
    assert len(table["runs"]) == 4
    assert all(len(ids(f"s/{run['name']}")) == 1 for run in table["runs"])


# a dry run


def test_a_dry_run_prints_the_plan_and_neither_sends_nor_writes(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    grid = ("--provider", "openai", "--model", "m", *GRID)
    ended, planned = niah("run", *grid, "--dry-run", "--limit", "4"), niah("plan", *grid)
    assert (ended.exit_code, ended.err) == (0, "nothing was sent (--dry-run)\n")
    assert ended.out.startswith(planned.out)
    assert "to send     4 of 6 trials, " in ended.out
    assert "missing     no key: set OPENAI_API_KEY in the environment" in ended.out
    assert not Path("results").exists()


def test_a_dry_run_knows_what_is_finished(niah: Niah) -> None:
    command = ("run", *READER, "perfect", *GRID, "--name", "r")
    niah(*command, "--limit", "2")
    before = Path("results/r/run.jsonl").read_bytes()
    out = niah(*command, "--dry-run").out
    assert "to send     4 of 6 trials" in out
    assert "folder      results/r" in out
    assert Path("results/r/run.jsonl").read_bytes() == before


def test_a_dry_run_of_a_suite_and_of_models_plans_each(niah: Niah) -> None:
    out = niah("run", "--suite", "quick", *READER, "perfect", "--lengths", "1k", "--dry-run").out
    assert [
        f"{k}/4  {name}" in out
        for k, name in enumerate(("single", "multikey", "distractors", "associative"), 1)
    ]
    out = niah("run", *READER, "perfect,blind", *GRID, "--dry-run").out
    assert ("1/2  perfect\n" in out, "2/2  blind\n" in out, out.count("to send     6 of 6")) == (
        True,
        True,
        2,
    )


def test_a_plan_of_models_is_one_for_each(niah: Niah) -> None:
    out = niah("plan", *READER, "perfect,blind", *GRID).out
    assert [line for line in out.splitlines() if line.startswith("model")] == [
        "model       perfect (simulated)", "model       blind (simulated)",
    ]  # fmt: skip


# several models


def test_models_are_run_in_turn_and_drawn_side_by_side(niah: Niah) -> None:
    ended = niah("run", *READER, "perfect, blind,head-tail", *GRID, "--name", "three")
    assert ended.exit_code == 0
    assert ended.out.splitlines()[-1] == "results/three/models.png"
    assert Path("results/three/models.png").stat().st_size > 5_000
    table = (
        ended.err.split("models\n")[-1]
        if "models\n" in ended.err
        else ended.err[ended.err.rindex("models ") :]
    )
    for row in ("perfect    100 %", "blind        0 %", "head-tail 66.7 %"):
        assert row in table
    assert {f.name for f in Path("results/three").iterdir() if f.is_dir()} == {
        "perfect",
        "blind",
        "head-tail",
    }
    assert "  three/perfect  " in niah("list").out
    assert len({*ids("three/perfect")} & {*ids("three/blind")}) == 6  # they pair


@pytest.mark.parametrize("width", [80, 120])
def test_long_names_are_folded_in_the_table_and_nothing_is_cut(width: int) -> None:
    names = [
        f"meta-llama/Llama-4-Maverick-17B-128E-Instruct-{kind}" for kind in ("FP8-dynamic", "Q4")
    ]
    of = header(epochs=1)
    screen = io.StringIO()
    Console(width=width, file=screen).print(
        summary_table("models", {name: grid_of(of, results(of)) for name in names}, "model")
    )
    lines = screen.getvalue().splitlines()
    size = lines[1].index(" found")
    folded = "".join(line[:size].strip() for line in lines[2:])
    assert folded == "".join(names)
    assert all(
        word in " ".join(lines[1].split())
        for word in ("found 95 %", "norm. halluc. oracle guess other answer")
    )


def test_without_a_name_a_run_lies_where_its_model_alone_puts_it(niah: Niah) -> None:
    niah("run", *READER, "perfect", *GRID)
    (alone,) = Path("results").iterdir()
    before = (alone / "run.jsonl").read_bytes()
    ended = niah("run", *READER, "perfect,blind", *GRID)
    assert "Nothing to do" in ended.err
    assert (alone / "run.jsonl").read_bytes() == before
    again = niah("run", *READER, "perfect,blind", *GRID)
    assert (again.err.count("Nothing to do"), again.out) == (2, ended.out)


def test_a_model_that_cannot_be_run_stops_no_other_and_decides_the_exit_code(niah: Niah) -> None:
    def act(handler: Any, body: dict[str, Any]) -> None:
        (fails(404, {"error": {"message": "no such model"}}) if body["model"] == "none" else READS)(
            handler, body
        )

    with serving(otherwise=act) as server:
        command = (*sweep_at(server), *GRID, "--name", "r", "--model")
        ended = niah(*command, "none,real")
    assert ended.exit_code == 2
    assert "none: the first request failed" in ended.err
    assert len(ids("r/real")) == 6
    assert Path("results/r/models.png").exists()


def test_the_worst_of_several_exit_codes_counts(niah: Niah) -> None:
    """3 (trials are missing) stands above 0, wherever it comes."""
    command = ("run", *READER, "perfect,blind", *GRID, "--name", "r")
    niah("run", *READER, "perfect,blind", *GRID, "--name", "r", "--limit", "6")
    log = Path("results/r/perfect/run.jsonl")
    log.write_text("\n".join(log.read_text().split("\n")[:3]) + "\n")
    assert niah(*command, "--limit", "2").exit_code == 3
    assert niah(*command).exit_code == 0


def test_an_interrupt_ends_all_of_them(niah: Niah, monkeypatch: pytest.MonkeyPatch) -> None:
    run_in = api.run_in

    def interrupted(*given: Any, **options: Any) -> Run:
        return replace(run_in(*given, **options), stopped="interrupted")

    monkeypatch.setattr(api, "run_in", interrupted)
    ended = niah("run", *READER, "perfect,blind", *GRID, "--name", "r")
    assert ended.exit_code == 3
    assert "stopped after 1 of 2 models; type the same command to go on" in ended.err
    assert not Path("results/r/blind").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--model", "perfect,perfect"), "--model 'perfect,perfect': 'perfect' is named twice"),
        (("--model", ","), "name at least one model"),
        (("--model", "perfect,perfekt"), "did you mean 'perfect'"),
        (("--model", "perfect,blind", "--name", "single"), "the folder of a single run"),
        (("--model", "window:4k,window-4k", "--name", "w"), "unknown simulated model 'window-4k'"),
        (("--suite", "quick", "--model", "perfect,blind"), "run it once for each --model"),
        (("--model", "perfect,blind", "--name", "../x"), "without slashes"),
    ],
)
def test_a_wrong_list_of_models_is_one_line_and_sends_nothing(
    niah: Niah, arguments: tuple[str, ...], line: str
) -> None:
    niah("run", *READER, "perfect", "--lengths", "500", "--depths", "0", "--name", "single")
    ended = niah("run", "--provider", "simulated", *GRID[:2], *arguments)
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert line in ended.err
    assert [f.name for f in Path("results").iterdir()] == ["single"]


def test_models_of_a_config_file_and_two_that_would_share_a_folder(niah: Niah) -> None:
    Path("c.toml").write_text(
        'provider = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "a/b,a:b"\n'
    )
    ended = niah("run", "c.toml", "--name", "r")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "two of these models would share a folder" in ended.err
