"""A history: one line a run that merges, and an alarm where the model has changed, not where luck
has."""

from __future__ import annotations

import json
import subprocess
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Niah
from hypothesis import given
from hypothesis import strategies as st
from runs import header, result, trials

from niah.errors import RunError
from niah.records import Header, Response, Result
from niah.runlog.log import write_log
from niah.verdict.history import (
    MOST_BYTES,
    HistoryLine,
    line_of,
    lines_in,
    signal_of,
    text_of,
    thresholds_of,
)

H = header(lengths=[1_000, 2_000, 4_000, 8_000, 16_000], epochs=10)  # 250 trials
TRIALS = trials(H)
HARD = np.r_[np.full(75, 0.83), np.full(175, 0.999)]
WORSE = np.r_[np.full(75, 0.665), np.full(175, 0.997)]


def rows(right: np.ndarray, night: int, served: str = "m-1", of: Header = H) -> list[Result]:
    response = Response(text="1", stop_reason="stop", model=served)
    date = f"2026-{1 + night // 28:02}-{1 + night % 28:02}T03:00:00+00:00"
    every = zip(trials(of), right, strict=True)
    return [replace(result(t, float(r)), response=response, finished=date) for t, r in every]


def lines(shares: Callable[[int], np.ndarray], nights: int, seed: int = 0) -> list[HistoryLine]:
    drawn = np.random.default_rng(seed)
    return [line_of(H, rows(drawn.random(len(TRIALS)) < shares(n), n), 0.01) for n in range(nights)]


@given(
    st.lists(st.sampled_from([True, False, None]), min_size=25, max_size=25), st.integers(0, 300)
)
def test_a_line_holds_every_trial_and_is_read_as_it_was_written(
    right: list[bool | None], night: int
) -> None:
    of = header(lengths=[1_000], epochs=5)
    every = rows(np.array([bool(r) for r in right]), night, of=of)
    some = [
        r if known is not None else replace(r, score=None)
        for r, known in zip(every, right, strict=True)
    ]
    line = line_of(of, some, None)
    (read,) = lines_in(text_of(line), "f")
    assert read == line
    by_id = {r.trial.id: known for r, known in zip(some, right, strict=True)}
    told = dict(zip(sorted(by_id), zip(*read.bits(), strict=True), strict=True))
    assert {i: bool(r) if s else None for i, (r, s) in told.items()} == by_id


def test_a_line_of_250_trials_is_small_and_one_of_too_many_is_refused() -> None:
    (line,) = lines(lambda n: HARD, 1)
    assert len(text_of(line).encode()) <= MOST_BYTES
    large = header(lengths=[1_000], epochs=1_000)
    with pytest.raises(RunError, match="do not fit into a line"):
        line_of(large, rows(np.random.default_rng(0).random(5_000) < 0.5, 0, of=large), None)


def test_two_writers_merge_and_what_git_leaves_is_passed_over() -> None:
    texts = [text_of(line) for line in lines(lambda n: HARD, 5)]
    merged = "\n".join(
        [*texts[:3], "<<<<<<< ours", texts[3], "=======", texts[4], texts[2], ">>>>>>> theirs", ""]
    )
    assert [text_of(line) for line in lines_in(merged, "f")] == texts
    for broken in (
        "{}",
        '{"schema": 1}',
        texts[0].replace('"n":', '"n":1'),
        texts[0][:-9],
        "[" * 9_999,
    ):
        with pytest.raises(RunError, match="line 2: no run of a history"):
            lines_in(f"{texts[1]}\n{broken}\n", "f")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_loss_of_five_points_is_found_and_dated(seed: int) -> None:
    signal = signal_of(lines(lambda n: WORSE if n >= 20 else HARD, 30, seed))
    assert signal.exit_code == 1
    assert signal.alarm is not None and 20 <= signal.alarm <= 25
    assert signal.changed is not None and abs(signal.changed - 20) <= 2


def test_an_unchanged_model_and_a_better_one_exit_0_and_too_few_runs_3() -> None:
    quiet = signal_of(lines(lambda n: HARD, 30))
    assert (quiet.alarm, quiet.exit_code) == (None, 0)
    better = signal_of(lines(lambda n: np.full(250, 0.995) if n >= 15 else WORSE, 30))
    assert (better.alarm is not None, better.lost, better.exit_code) == (True, False, 0)
    assert signal_of(lines(lambda n: HARD, 7)).exit_code == 3


@pytest.mark.slow
def test_a_history_is_added_to_shown_and_checked(niah: Niah, tmp_path: Path) -> None:
    drawn = np.random.default_rng(5)
    for night in range(20):
        right = drawn.random(250) < (HARD if night < 12 else WORSE - 0.1)
        write_log(tmp_path / f"r{night}", H, rows(right, night, "m-1" if night < 14 else "m-2"))
        added = niah("history", "add", tmp_path / f"r{night}")
        assert added.exit_code == 0, added.err
    assert "already" in niah("history", "add", "r19").err
    (file,) = (tmp_path / "history").iterdir()
    assert file.read_text(encoding="utf-8").count("\n") == 20
    assert niah("history", "check").exit_code == 1
    shown = niah("history", "show", "--out", "h.png")
    assert shown.out.count("another model name") == 1
    assert "a loss, most likely from 2026-01-1" in shown.out
    assert (tmp_path / "h.png").stat().st_size > 10_000
    file.write_text(
        "".join(file.read_text(encoding="utf-8").splitlines(keepends=True)[:6]), encoding="utf-8"
    )
    assert niah("history", "check").exit_code == 3


def test_a_history_holds_one_recipe_and_finished_runs_only(niah: Niah, tmp_path: Path) -> None:
    other = header(lengths=[1_000], epochs=1, config={"seed": 7})
    write_log(tmp_path / "a", H, rows(HARD > 0.5, 0))
    write_log(tmp_path / "b", other, rows(np.full(5, True), 0, of=other))
    write_log(tmp_path / "c", H, rows(HARD > 0.5, 0)[:9])
    assert niah("history", "add", "a", "--file", "h.jsonl").exit_code == 0
    assert "another recipe" in niah("history", "add", "b", "--file", "h.jsonl").err
    assert "finish the run" in niah("history", "add", "c").err
    assert "no single one (none)" in niah("history", "check").err


def test_git_merges_two_writers_by_itself(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    texts = [text_of(line) + "\n" for line in lines(lambda n: HARD, 3)]
    file = tmp_path / "h.jsonl"
    git("init", "-q", "-b", "main")
    (tmp_path / ".gitattributes").write_text("*.jsonl merge=union\n", encoding="utf-8")
    file.write_text(texts[0], encoding="utf-8")
    for words in (("add", "."), ("commit", "-qm", "a"), ("checkout", "-qb", "other")):
        git(*words)
    file.write_text(texts[0] + texts[1], encoding="utf-8")
    for words in (("commit", "-qam", "b"), ("checkout", "-q", "main")):
        git(*words)
    file.write_text(texts[0] + texts[2], encoding="utf-8")
    for words in (("commit", "-qam", "c"), ("merge", "-q", "other")):
        git(*words)
    assert [
        json.loads(text_of(line)) for line in lines_in(file.read_text(encoding="utf-8"), "h")
    ] == [json.loads(t) for t in texts]


@pytest.mark.slow
def test_a_run_whose_server_names_no_model_is_read_and_added_once(
    niah: Niah, tmp_path: Path
) -> None:
    unnamed = [replace(r, response=None) for r in rows(HARD > 0.5, 0)]
    (read,) = lines_in(text_of(line_of(H, unnamed, None)), "f")
    assert read.served is None
    write_log(tmp_path / "a", H, unnamed)
    assert niah("history", "add", "a", "--file", "h.jsonl").exit_code == 0
    file = tmp_path / "h.jsonl"
    (line,) = lines_in(file.read_text(encoding="utf-8"), "f")
    file.write_text(
        text_of(replace(line, dollars=12.5)) + "\n", encoding="utf-8"
    )  # by another table of prices
    assert "already" in niah("history", "add", "a", "--file", "h.jsonl").err
    assert "nothing is said yet" in niah("history", "show", "h.jsonl", "--out", "h.svg").out
    assert "<title>Too few runs to say anything</title>" in (tmp_path / "h.svg").read_text(
        encoding="utf-8"
    )
    file.write_text("", encoding="utf-8")
    assert "holds no run to draw" in niah("history", "show", "h.jsonl", "--out", "h.png").err
    assert niah("history", "check", "h.jsonl").exit_code == 3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("date", 5),
        ("date", "yesterday"),
        ("recipe", []),
        ("trials", {}),
        ("model", None),
        ("served", 3),
        ("tokens", "many"),
        ("n", 250.0),
    ],
)
def test_a_line_with_a_value_of_another_kind_is_none(key: str, value: object) -> None:
    (line,) = lines(lambda n: HARD, 1)
    with pytest.raises(RunError, match="no run of a history"):
        lines_in(json.dumps({**json.loads(text_of(line)), key: value}), "f")


def test_a_loss_behind_a_gain_is_told() -> None:
    usual = np.full(250, 0.8)
    signal = signal_of(
        lines(lambda n: usual if n < 9 else usual + 0.12 if n < 14 else usual - 0.2, 20)
    )
    assert (signal.lost, signal.exit_code) == (True, 1)
    assert signal.changed == 14


def test_a_threshold_holds_a_few_years_in_memory_at_a_time() -> None:
    tracemalloc.start()
    thresholds_of(np.full(200, 0.8), 7)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # of the 47 MB that all years are drawn with, before anything is counted


def test_a_run_that_was_scored_again_is_no_second_run(niah: Niah, tmp_path: Path) -> None:
    write_log(tmp_path / "a", H, rows(HARD > 0.9, 0))
    assert niah("history", "add", "a", "--file", "h.jsonl").exit_code == 0
    write_log(tmp_path / "scored-again", H, rows(HARD > 0.5, 0))
    again = niah("history", "add", "scored-again", "--file", "h.jsonl")
    assert (
        again.exit_code,
        "as it was scored before; take out its line, of 2026-01-01T03" in again.err,
    ) == (2, True)
    assert len((tmp_path / "h.jsonl").read_text(encoding="utf-8").splitlines()) == 1


def test_a_run_whose_date_is_none_is_no_line(tmp_path: Path) -> None:
    for date in ("", "2026-01-01 03:00:00 UTC"):
        with pytest.raises(RunError, match="a history cannot date it"):
            line_of(H, [replace(r, finished=date) for r in rows(HARD > 0.5, 0)], None)
