"""niah list and niah show: runs, newest first; trials by cell, by ending, and by what another run
made of them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from conftest import Niah
from runs import header, results, run, trials

from niah.errors import ConfigError, RunError
from niah.records import Outcome, Response, Trial
from niah.runlog.log import LOG_NAME, write_log
from niah.runlog.selection import addressed, by_cell, chosen, differences
from niah.runs import RunSummary, run_folders, runs_in
from niah.verdict.grid import grid_of

SMALL = header(lengths=(1_000, 8_000), depths=(0, 50, 100), epochs=2)
READER = ("--provider", "simulated", "--model")
GRID = ("--lengths", "500,1k", "--depths", "0,50,100", "--epochs", "2")


def summaries(folder: Path) -> dict[str, RunSummary]:
    return {r.name: r for r in runs_in(folder) if isinstance(r, RunSummary)}


# the list


@pytest.mark.slow
@pytest.mark.parametrize("haystack_per", ["trial", "epoch"])
@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_a_summary_says_what_the_report_says(
    tmp_path: Path, haystack_per: str, fraction: float
) -> None:
    """Also where trials share haystacks, are fractional, failed, or were asked again."""
    of = header(epochs=6, haystack_per=haystack_per)
    ended: list[float | Outcome] = [fraction, 0.0, 1.0, Outcome.ERROR, Outcome.REFUSED, 1.0, 1.0]
    outcomes = {t.id: ended[i % len(ended)] for i, t in enumerate(trials(of))}
    first = results(of, lambda t: 0.0)
    again = results(of, lambda t: outcomes[t.id])
    control = replace(first[0], trial=replace(first[0].trial, id="c", control="absent"))
    write_log(tmp_path / "r", of, [*first, *again, control])
    (summary,) = summaries(tmp_path).values()

    assert summary.found == grid_of(of, [*again, control]).whole
    assert summary.planned == len(trials(of))
    assert summary.ended == sum(o is not Outcome.ERROR for o in outcomes.values())
    assert (summary.model, summary.task, summary.created) == ("m", "single", "2026-01-01")


def test_runs_are_found_two_folders_down_and_what_a_judge_said_is_none(tmp_path: Path) -> None:
    for name in ("one", "suite/single", "suite/multikey", "one/judge-m", ".hidden/x"):
        run(tmp_path / name, SMALL)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert [f.relative_to(tmp_path).as_posix() for f in run_folders(tmp_path)] == [
        "one", "suite/multikey", "suite/single",
    ]  # fmt: skip


def test_the_newest_run_comes_first_and_every_name_is_an_address(niah: Niah) -> None:
    for name, day in (("old", 1), ("suite/new", 3), ("middle", 2)):
        run(Path("results") / name, replace(SMALL, created=f"2026-01-0{day}T10:00:00+00:00"))
    ended = niah("list")
    names = [line.split()[6] for line in ended.out.splitlines()]
    assert names == ["suite/new", "middle", "old"]
    for name in names:
        assert niah("report", name).exit_code == 0
    assert ended.err.split() == ["date", "(UTC)", "found", "95", "%", "n", "run", "model", "task"]
    assert "2026-01-03 10:00  100 %  76-100  12/12  suite/new  m" in ended.out
    tables = [json.loads(line) for line in niah("list", "--json").out.splitlines()]
    assert [t["name"] for t in tables] == names
    assert {(t["mean"], t["n"], t["planned"], t["ended"]) for t in tables} == {(1.0, 12, 12, 12)}


WHOLE = json.dumps({"kind": "header", **asdict(SMALL)})


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ("", "no header; the run never began"),
        ("{}\n", "its first line is no header"),
        ("[]\n", "not a run header (no object)"),
        ("hello\n", "Expecting value"),
        (WHOLE.replace('"epochs": 2', '"epochs": "x"') + "\n", "epochs: 'x' where int should be"),
        (WHOLE.replace('"created": "2026-01-01", ', "") + "\n", "created is missing"),
        (WHOLE + "\nhello\n", "run.jsonl:2: damaged line"),
        (WHOLE + '\n{"kind": "result"}\n', "run.jsonl:2: damaged line"),
        (WHOLE + "\n" + "[" * 100_000 + "\n", "run.jsonl:2: damaged line"),
        (WHOLE + "\nnull\n", "run.jsonl:2: damaged line"),
    ],
)
def test_a_broken_log_is_one_line_and_hides_no_other(niah: Niah, log: str, why: str) -> None:
    run(Path("results/good"), SMALL)
    Path("results/bad").mkdir()
    (Path("results/bad") / LOG_NAME).write_text(log)
    ended = niah("list")
    assert ended.exit_code == 0
    assert [line.split()[5] for line in ended.out.splitlines()] == ["good"]
    (said,) = [line for line in ended.err.splitlines() if line.startswith("niah: ")]
    assert said.startswith("niah: results/bad/run.jsonl:")
    assert why in said


def test_a_torn_last_line_and_lines_of_other_kinds_are_passed_over(tmp_path: Path) -> None:
    folder = run(tmp_path / "r", SMALL)
    with (folder / LOG_NAME).open("a") as file:
        file.write('{"kind": "note"}\n{"kind": "result", "tri')
    assert not [r for r in runs_in(tmp_path) if isinstance(r, RunError)]
    assert summaries(tmp_path)["r"].found.n == 12


def test_no_runs_yet_say_how_to_make_one(niah: Niah) -> None:
    assert (
        niah("list").err
        == "niah: results: no such folder; runs are written there by 'niah run', or name another"
        " folder\n"
    )
    Path("results").mkdir()
    ended = niah("list")
    assert (ended.exit_code, ended.out, ended.err) == (
        0,
        "",
        "no runs in results; a first one: niah run demo\n",
    )


def test_on_a_narrow_terminal_no_name_is_broken(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "meta-llama-Llama-4-Maverick-17B-128E-multikey-en-0123ab"
    run(Path("results") / name, SMALL)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    lines = niah("list").out.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith(f"  {name}")
    assert lines[1].strip().endswith("m, single")


# trials of one run


@pytest.mark.slow
def test_trials_are_listed_by_length_depth_and_epoch_under_a_head(niah: Niah) -> None:
    niah("run", *READER, "head-tail", *GRID, "--controls", "--name", "r")
    ended = niah("show", "r")
    rows = [re.split(r"\s{2,}", line) for line in ended.out.splitlines()]
    assert [row[1] for row in rows] == ["500"] * 12 + [
        "1,000"
    ] * 8  # six controls at the shorter one, two at the other
    ordinary = [(row[1], row[2], row[3]) for row in rows if row[2].endswith("%")]
    lengths, depths = ("500", "1,000"), ("0 %", "50 %", "100 %")
    assert ordinary == [(n, d, e) for n in lengths for d in depths for e in ("0", "1")]
    assert ended.err.split() == ["trial", "length", "depth", "epoch", "verdict", "answer"]


def test_a_cell_a_length_and_a_beginning_of_an_id_are_addresses(niah: Niah) -> None:
    niah("run", *READER, "perfect", "--lengths", "500,1k", "--depths", "0,50", "--name", "r")
    assert "digest checked" in niah("show", "r", "1k", "50").out
    assert niah("show", "r", "1k", "50").out == niah("show", "r", "1000", "50.0").out
    assert len(niah("show", "r", "1k").out.splitlines()) == 2
    first = niah("show", "r").out.split()[0]
    assert f"trial     {first}" in niah("show", "r", first).out
    assert "100 %" not in niah("show", "r", "500").out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("r", "3k"), "length '3k': no trial of this run; there are 1k, 8k"),
        (("r", "8k", "51"), "depth '51': no trial at 8k; there are 0, 50, 100"),
        (("r", "8k", "half"), "depth 'half': depths are percent"),
        (
            ("r", "zzz"),
            "no trial 'zzz' in this run; write the beginning of an id, or a cell like 8k 50",
        ),
        (("r", "0-1000-50.0-7"), "no trial '0-1000-50.0-7' in this run (did you mean '0-1000-50"),
        (
            ("r", "0-1000"),
            "6 ids begin so (0-1000-0-0, 0-1000-50-0, 0-1000-100-0 and 3 more); write more of it",
        ),
        (("r", "8k", "50", "1"), "name one trial, or a cell by length and depth, like 8k 50"),
        (("r", "--class", "wrnog"), "class 'wrnog': no trial of this run has it; there are right"),
        (
            ("r", "--outcome", "lost"),
            "outcome 'lost': no trial of this run has it; there are empty, error,",
        ),
        (("r", "--prompt"), "--prompt: that is 12 trials; name one of them"),
        (("--diff", "r", "other", "--wrong"), "choose among the trials of one RUN"),
        (("--task", "single", "--wrong"), "choose among the trials of one RUN"),
        (("--diff", "r"), "--diff: name two runs, the older one first"),
        (("--diff", "r", "other"), "the two runs have no scored trial in common"),
        (("none",), "no run here"),
    ],
)
def test_a_wrong_address_is_one_line_with_a_few_near_ones(
    niah: Niah, arguments: tuple[str, ...], line: str
) -> None:
    run(Path("results/r"), SMALL)
    run(Path("results/other"), header(lengths=(2_000,), epochs=1))
    ended = niah("show", *arguments)
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert line in ended.err
    assert len(ended.err) < 200


def test_wrong_outcome_and_class_choose(niah: Niah) -> None:
    niah("run", *READER, "head-tail", *GRID, "--name", "r")
    assert {
        line.split("  ")[-1].strip() for line in niah("show", "r", "--wrong").out.splitlines()
    } == {"It is not mentioned."}
    assert len(niah("show", "r", "--wrong").out.splitlines()) == 4
    assert len(niah("show", "r", "1k", "--wrong").out.splitlines()) == 2
    assert niah("show", "r", "--class", "not-there").out == niah("show", "r", "--wrong").out
    assert "not-there" in niah("show", "r", "--wrong").out  # absent is the control
    assert niah("show", "r", "--class", "absent").out == niah("show", "r", "--wrong").out
    assert len(niah("show", "r", "--outcome", "scored").out.splitlines()) == 12
    none = niah("show", "r", "--outcome", "refused")
    assert (none.exit_code, none.out) == (0, "")
    assert "no such trial" in none.err


def test_what_has_no_score_is_not_wrong() -> None:
    found = results(SMALL, lambda t: Outcome.REFUSED if t.epoch else 0.5)
    assert {r.outcome for r in chosen(found, wrong=True, outcomes=(), classes=())} == {
        Outcome.SCORED
    }


def test_a_length_in_plain_digits_is_an_id_where_the_run_has_no_such_length() -> None:
    one, two = (
        replace(
            results(SMALL)[0],
            trial=Trial(id=i, task="single", context_length=n, depth_percent=0, epoch=0),
        )
        for i, n in (("8000abcd", 1_000), ("b1", 2_000))
    )
    stored = {r.trial.id: r for r in (one, two)}
    assert addressed(stored, ("8000",)) == [one]
    assert addressed(stored, ("2000",)) == [two]
    with pytest.raises(ConfigError, match="length '8k': no trial"):
        addressed(stored, ("8k",))


@pytest.mark.slow
def test_a_difference_is_a_trial_that_both_scored_and_scored_apart(niah: Niah) -> None:
    niah("run", *READER, "head-tail", *GRID, "--name", "old")
    niah("run", *READER, "perfect", *GRID, "--name", "new")
    ended = niah("show", "--diff", "old", "new")
    heads = [line for line in ended.out.splitlines() if not line.startswith(" ")]
    assert [re.search(r"(\S+) tokens, depth 50 %, epoch (\d)", h).groups() for h in heads] == [  # type: ignore[union-attr]
        ("500", "0"), ("500", "1"), ("1,000", "0"), ("1,000", "1"),
    ]  # fmt: skip
    assert ended.out.count("It is not mentioned.") == 4
    assert ended.err == "0 lost, 4 gained, of 12 trials that both runs scored\n"
    assert niah("show", "--diff", "new", "old").err.startswith("4 lost, 0 gained")
    same = niah("show", "--diff", "new", "new")
    assert (same.out, same.err) == ("", "0 lost, 0 gained, of 12 trials that both runs scored\n")


def test_a_trial_without_a_score_in_one_run_is_no_difference() -> None:
    old = {r.trial.id: r for r in results(SMALL)}
    new = {
        r.trial.id: r
        for r in results(SMALL, lambda t: Outcome.ERROR if t.epoch else float(t.depth_percent == 0))
    }
    common, found = differences(old, new)
    assert (common, len(found)) == (6, 4)
    assert (differences(new, old)[0], len(differences(new, old)[1])) == (6, 4)
    assert [d.new for d in found] == by_cell(d.new for d in found)


def test_an_answer_is_cut_to_the_terminal_and_whole_lines_elsewhere(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = [
        replace(r, response=Response(text="瑪" * 200, stop_reason="stop")) for r in results(SMALL)
    ]
    write_log(Path("results/r"), SMALL, long)
    assert {line.count("瑪") for line in niah("show", "r").out.splitlines()} == {50}
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    from rich.cells import cell_len

    lines = niah("show", "r").out.splitlines()
    assert len(lines) == 12
    assert max(map(cell_len, lines)) <= 80
    assert all(line.endswith("…") for line in lines)
