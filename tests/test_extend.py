"""A run takes more lengths, depths and epochs later, and a run that could not start binds
nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Niah
from runs import header, result, results, trials
from server import answers_with, fails, serving

from niah.errors import RunError
from niah.records import Header, Part
from niah.runlog.log import open_log, read_rows, write_log
from niah.tasks import task_of
from niah.verdict.baseline import baseline_from, baseline_json, baseline_of
from niah.verdict.grid import grid_of
from niah.verdict.report import report_of

PERFECT = ("run", "--provider", "simulated", "--model", "perfect", "--name", "r")
READS = answers_with(task_of("single").solve)


def lines(kind: str) -> list[dict[str, object]]:
    tables = [
        json.loads(line)
        for line in Path("results/r/run.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return [t for t in tables if t["kind"] == kind]


@pytest.mark.slow
def test_more_of_the_same_run_sends_only_what_is_new(niah: Niah) -> None:
    assert niah(*PERFECT, "--lengths", "500,1k", "--depths", "0,100").exit_code == 0
    before = Path("results/r/run.jsonl").read_bytes()
    more = niah(*PERFECT, "--lengths", "500,1k,2k", "--depths", "0,50,100", "--epochs", "2")
    assert more.exit_code == 0
    assert "is extended by 500, 1k, 2k tokens at 3 depths, 2 epochs" in more.err
    assert Path("results/r/run.jsonl").read_bytes().startswith(before)
    ids = [line["trial"]["id"] for line in lines("result")]  # type: ignore[index]  # a table
    assert len(ids) == len(set(ids)) == 18
    assert len(lines("extended")) == 1


def test_the_earlier_command_still_resumes(niah: Niah) -> None:
    small, large = ("--lengths", "500", "--depths", "0"), ("--lengths", "500,1k", "--depths", "0")
    for command in (small, large, small):
        assert niah(*PERFECT, *command).exit_code == 0
    again = niah(*PERFECT, *small)
    assert "Nothing to do" in again.err
    assert len(lines("extended")) == 1


@pytest.mark.slow
def test_a_grid_of_several_parts_holds_only_cells_that_were_asked_for(niah: Niah) -> None:
    niah(*PERFECT, "--lengths", "500", "--depths", "0,100", "--epochs", "3")
    ended = niah(*PERFECT, "--lengths", "1k", "--depths", "0,50", "--controls")
    assert ended.exit_code == 2  # controls are another config
    ended = niah(*PERFECT, "--lengths", "1k", "--depths", "0,50")
    assert ended.exit_code == 0
    table = json.loads(Path("results/r/grid.json").read_text(encoding="utf-8"))
    cells = {
        (c["context_length"], c["depth_percent"]): (c["n"], c["outcomes"]) for c in table["cells"]
    }
    three, one = (3, {"scored": 3}), (1, {"scored": 1})
    assert cells == {(500, 0): three, (500, 100): three, (1_000, 0): one, (1_000, 50): one}
    assert "cells were asked 1 to 3 times" in ended.err
    for command in (("report", "r"), ("compare", "r", "r"), ("plot", "r"), ("show", "r")):
        assert niah(*command).exit_code == 0
    assert "cells were asked 1 to 3 times" in niah("report", "r").out


def test_an_extended_run_is_finished_only_when_all_its_parts_are() -> None:
    whole = header(lengths=(1_000, 4_000), depths=(0.0, 50.0), epochs=2)
    parts = (
        Part(lengths=(1_000,), depths=(0.0, 50.0), epochs=1),
        Part(lengths=(4_000,), depths=(0.0,), epochs=2),
    )
    of = Header(**{f: getattr(whole, f) for f in whole.__slots__} | {"extended": parts})
    assert of.planned() == {(1_000, 0.0): 1, (1_000, 50.0): 1, (4_000, 0.0): 2}
    done = [
        result(t, 1.0) for t in trials(whole) if (t.context_length, t.depth_percent) in of.planned()
    ]
    first = [r for r in done if r.trial.context_length == 1_000 and r.trial.epoch == 0]
    figures = report_of(of, first)
    assert (figures.planned, figures.missing) == (4, 2)
    assert (
        report_of(
            of, [r for r in done if r.trial.context_length == 4_000 or r.trial.epoch == 0]
        ).missing
        == 0
    )


def test_a_cell_is_planned_as_often_as_the_part_that_asks_most() -> None:
    whole = header(lengths=(1_000, 4_000), depths=(0.0,), epochs=3)
    parts = (
        Part(lengths=(1_000,), depths=(0.0,), epochs=3),
        Part(lengths=(1_000, 4_000), depths=(0.0,), epochs=1),
    )
    for order in (parts, parts[::-1]):
        of = Header(**{f: getattr(whole, f) for f in whole.__slots__} | {"extended": order})
        assert of.planned() == {(1_000, 0.0): 3, (4_000, 0.0): 1}


def test_a_command_that_asks_for_nothing_new_extends_nothing(tmp_path: Path) -> None:
    large = header(lengths=(1_000, 2_000), depths=(0.0, 50.0), epochs=2)
    write_log(tmp_path / "r", large, results(large))
    for small in (large, header(lengths=(2_000,), depths=(50.0,), epochs=1)):
        with open_log(tmp_path / "r", small) as log:
            assert (log.added, log.header) == (None, large)


def test_controls_of_an_extended_run_are_counted_by_part() -> None:
    of = header(lengths=(1_000, 4_000), epochs=3, config={"controls": True})
    parts = (
        Part(lengths=(4_000,), depths=(0.0,), epochs=3),
        Part(lengths=(1_000, 4_000), depths=(0.0,), epochs=1),
    )
    extended = Header(**{f: getattr(of, f) for f in of.__slots__} | {"extended": parts})
    assert extended.planned_controls() == {
        ("absent", 1_000): 1,
        ("absent", 4_000): 3,
        ("closed-book", None): 4,
        ("oracle", None): 4,
    }


def test_a_baseline_of_an_extended_run_is_read_again(tmp_path: Path) -> None:
    of = header(lengths=(1_000,), depths=(0.0,), epochs=1)
    part = Part(lengths=(1_000,), depths=(0.0,), epochs=1)
    extended = Header(**{f: getattr(of, f) for f in of.__slots__} | {"extended": (part,)})
    text = baseline_json(baseline_of(extended, results(of)), "2026-01-01")
    assert baseline_from(text, "b.json").header == extended


@pytest.mark.parametrize("key", ["seed", "task", "haystack_per", "model"])
def test_what_decides_prompts_or_answers_is_no_extension(tmp_path: Path, key: str) -> None:
    of = header(lengths=(1_000,), depths=(0.0,), epochs=1)
    write_log(tmp_path / "r", of, results(of))
    other = {"seed": 7, "task": "multikey", "haystack_per": "epoch", "model": "other"}[key]
    changed = header(lengths=(1_000, 2_000), depths=(0.0,), epochs=1, config={key: other})
    with pytest.raises(RunError, match=f"{key} was"), open_log(tmp_path / "r", changed):
        raise AssertionError("refused")


def test_an_extension_without_a_result_is_not_written(tmp_path: Path) -> None:
    of = header(lengths=(1_000,), depths=(0.0,), epochs=1)
    write_log(tmp_path / "r", of, results(of))
    before = (tmp_path / "r" / "run.jsonl").read_bytes()
    larger = header(lengths=(1_000, 2_000), depths=(0.0,), epochs=1)
    with open_log(tmp_path / "r", larger) as log:
        assert log.header.config["lengths"] == [1_000, 2_000]
    assert (tmp_path / "r" / "run.jsonl").read_bytes() == before
    with open_log(tmp_path / "r", larger) as log:
        log.append(result(trials(larger)[1], 1.0))
    again, rows = read_rows(tmp_path / "r")
    assert [p.lengths for p in again.parts] == [(1_000,), (1_000, 2_000)]
    assert [(c.context_length, c.n) for c in grid_of(again, rows.values()).cells] == [
        (1_000, 1),
        (2_000, 1),
    ]


@pytest.mark.slow
def test_a_start_that_fails_leaves_no_folder_and_binds_nobody(niah: Niah) -> None:
    small = (
        "--provider",
        "openai",
        "--model",
        "m",
        "--lengths",
        "500",
        "--depths",
        "0",
        "--name",
        "r",
    )
    refused = fails(404, {"error": {"message": "no such model"}})
    with serving(otherwise=refused) as server:
        assert niah("run", *small, "--base-url", server.base_url, "--attempts", "1").exit_code == 2
    assert not Path("results").exists()
    with serving(otherwise=READS) as server:
        assert niah(
            "run", *small, "--base-url", server.base_url, "--task", "multikey"
        ).exit_code in (0, 3)
        assert Path("results/r/run.jsonl").exists()


def test_a_log_with_a_header_alone_binds_nobody(tmp_path: Path) -> None:
    first, other = header(epochs=1), header(epochs=1, model="other")
    write_log(tmp_path / "r", first, [])
    with open_log(tmp_path / "r", other) as log:
        log.append(result(trials(other)[0], 1.0))
    again, rows = read_rows(tmp_path / "r")
    assert (again.config["model"], len(rows)) == ("other", 1)
