"""Adaptive runs: a length may stop at any trial, and the answer is that of the full grid."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Niah
from hypothesis import given
from hypothesis import strategies as st
from runs import header, result, run
from server import Handler, answers_with, counted, serving, sweep_at
from test_sweep import READS, SOLVE, niah_process

from niah.records import Header, Result, Trial
from niah.runlog.log import write_log
from niah.verdict.exact import at_least
from niah.verdict.ladder import (
    LEAN,
    OPEN_MIND,
    Bracket,
    Held,
    Ladder,
    Rule,
    Step,
    bets,
    bracket_of,
    effective_of,
    next_length,
    soonest,
    step_of,
)
from niah.verdict.records import Verdict

RULE = Rule()
LENGTHS = (1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
GRID = ("--depths", "0:100:10", "--haystack", "en", "--provider", "simulated")


def rows_of(folder: Path) -> list[tuple[int, float, int]]:
    lines = [
        json.loads(line) for line in (folder / "run.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    trials = [line["trial"] for line in lines if line["kind"] == "result"]
    return [(t["context_length"], t["depth_percent"], t["epoch"]) for t in trials]


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.5, 0.856, 0.95]))
def test_both_bets_are_the_mean_likelihood_on_their_side(
    found: int, lost: int, threshold: float
) -> None:
    shares = (np.arange(20_000) + 0.5) / 20_000
    likelihood = found * np.log(shares / threshold) + lost * np.log((1 - shares) / (1 - threshold))
    below = np.exp(likelihood[shares < threshold]).mean()
    sure, alike = (np.where(shares > threshold, shares**lean, 0.0) for lean in (LEAN, 0))
    weight = (1 - OPEN_MIND) * sure / sure.sum() + OPEN_MIND * alike / alike.sum()
    above = (np.exp(likelihood) * weight).sum()
    assert bets(found, found + lost, found + lost, threshold) == pytest.approx(
        (above, below), rel=0.02
    )


@pytest.mark.parametrize("share", [0.856, 0.5])
def test_a_length_on_the_threshold_is_called_either_way_at_most_as_often_as_the_level_says(
    share: float,
) -> None:
    rule = Rule(threshold=share)
    drawn = np.random.default_rng(4).random((600, rule.most)) < share
    held = [step_of(1_000, list(map(float, row)), rule).held for row in drawn]
    for wrong in (Held.HOLDS, Held.FAILS):
        assert at_least(held.count(wrong), len(held), rule.level) > 0.01


@pytest.mark.parametrize(
    ("share", "threshold"), [(0.5, 0.3), (0.15, 0.3), (0.75, 0.5), (0.95, 0.8)]
)
def test_a_length_well_off_the_threshold_is_decided_wherever_that_lies(
    share: float, threshold: float
) -> None:
    rule = Rule(threshold=threshold)
    drawn = np.random.default_rng(4).random((100, rule.most)) < share
    held = [step_of(1_000, list(map(float, row)), rule).held for row in drawn]
    assert held.count(Held.HOLDS if share > threshold else Held.FAILS) >= 80


@given(st.lists(st.sampled_from([0.0, 1.0, 0.5, None]), max_size=110))
def test_what_comes_after_the_decision_changes_nothing(scores: list[float | None]) -> None:
    step = step_of(1_000, scores, RULE)
    assert step_of(1_000, scores[: step.tried], RULE) == step
    if step.held is not Held.OPEN:
        assert step_of(1_000, [*scores[: step.tried], 0.0, 0.0], RULE) == step


@given(st.lists(st.sampled_from([0.0, 1.0, None]), max_size=60))
def test_a_wave_holds_no_trial_that_might_not_be_needed(scores: list[float | None]) -> None:
    step = step_of(1_000, scores, RULE)
    if step.held is Held.OPEN:
        wave = soonest(step.found, step.n, step.tried, RULE)
        for rest in ([1.0] * (wave - 1), [0.0] * (wave - 1), [1.0, 0.0] * wave):
            assert step_of(1_000, [*scores, *rest[: wave - 1]], RULE).held is Held.OPEN


def searched(reader: dict[int, float], search: str) -> tuple[list[int], Bracket]:
    """The lengths that a search tries on a reader without chance, and its bracket."""
    steps: dict[int, Step] = {}
    tried = []
    while (length := next_length(LENGTHS, steps, search)) is not None:
        tried.append(length)
        steps[length] = step_of(length, [reader[length]] * 110, RULE)
    return tried, bracket_of(LENGTHS, steps, search)


@pytest.mark.parametrize(
    ("lost", "up", "bisect"),
    [
        (
            (16_000, 32_000),
            [1_000, 2_000, 4_000, 8_000, 16_000, 32_000],
            [4_000, 16_000, 8_000, 32_000],
        ),
        ((), [1_000, 2_000, 4_000, 8_000, 16_000, 32_000], [4_000, 16_000, 32_000]),
        (LENGTHS, [1_000, 2_000], [4_000, 1_000, 2_000]),
        ((4_000,), [1_000, 2_000, 4_000, 8_000], [4_000, 1_000, 2_000, 8_000]),
    ],
)
def test_a_search_goes_to_the_edge_and_one_step_beyond(
    lost: tuple[int, ...], up: list[int], bisect: list[int]
) -> None:
    reader = {n: float(n not in lost) for n in LENGTHS}
    for search, tried in (("up", up), ("bisect", bisect)):
        went, bracket = searched(reader, search)
        assert went == tried
        assert bracket.monotone is (None if not lost or lost == (32_000,) else lost != (4_000,))
        assert bracket.spared == tuple(n for n in LENGTHS if n not in tried)


def test_prompts_that_are_refused_end_a_length_and_nothing_longer_is_tried() -> None:
    steps = {1_000: step_of(1_000, [1.0] * 30, RULE), 2_000: step_of(2_000, [None] * 9, RULE)}
    assert steps[2_000].held is Held.UNSCORED
    assert steps[2_000].tried == 5
    assert next_length(LENGTHS, steps) is None


@pytest.mark.slow
def test_a_window_is_found_to_the_neighbouring_step_for_a_part_of_the_grid(
    niah: Niah, tmp_path: Path
) -> None:
    ended = niah("effective", "window:3000", *GRID, "--lengths", "1k..8k:9", "--name", "found")
    rows = rows_of(tmp_path / "results" / "found")
    assert ended.exit_code == 0
    assert "holds at 2.8k" in ended.out or "holds at 3.6k" in ended.out
    assert sum(n for n, _, _ in rows) < 0.25 * 110 * sum(
        {1000, 1300, 1700, 2200, 2800, 3600, 4800, 6200, 8000}
    )
    assert len({(n, epoch) for n, _, epoch in rows}) == len(
        rows
    )  # every trial has a haystack of its own
    again = niah("effective", "window:3000", *GRID, "--lengths", "1k..8k:9", "--name", "found")
    assert rows_of(tmp_path / "results" / "found") == rows
    assert "Nothing to do" in again.err


def test_an_adaptive_run_that_was_cut_at_any_line_goes_on_with_the_same_sequence(
    niah: Niah, tmp_path: Path
) -> None:
    command = ("run", *GRID, "--model", "window:1500", "--lengths", "1k,2k,3k", "--adaptive")
    niah(*command, "--name", "whole", "--concurrency", "1")
    log = tmp_path / "results" / "whole" / "run.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    for kept in (2, 11, 25, len(lines) - 1):
        folder = tmp_path / "results" / f"cut{kept}"
        folder.mkdir()
        (folder / "run.jsonl").write_bytes(b"".join(lines[:kept]) + lines[kept][:40])
        assert niah(*command, "--name", folder.name, "--concurrency", "8").exit_code == 0
        assert sorted(rows_of(folder)) == sorted(rows_of(log.parent))
        whole, cut = (
            json.loads((f / "grid.json").read_text(encoding="utf-8")) for f in (log.parent, folder)
        )
        assert cut == whole
        assert {(c["low"], c["high"], c["by_rule"]) for c in cut["cells"]} == {(None, None, True)}


@pytest.mark.slow
def test_an_adaptive_run_killed_again_and_again_goes_on_with_the_same_sequence(
    niah: Niah, tmp_path: Path
) -> None:
    reads_1500 = answers_with(
        lambda prompt: SOLVE(prompt) if counted(prompt) <= 1_500 else "no idea"
    )
    kill_at: list[int] = []
    processes: list[subprocess.Popen[bytes]] = []

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        if processes and kill_at and len(server.requests) >= kill_at[0]:
            kill_at.pop(0)
            processes[-1].kill()
        reads_1500(handler, body)

    grid = (
        "--lengths",
        "1k,2k,3k",
        "--depths",
        "0:100:10",
        "--adaptive",
        "--model",
        "m",
        "--concurrency",
        "1",
    )
    with serving(otherwise=answer, preflight=READS) as server:
        niah(*sweep_at(server), *grid, "--name", "whole")
        sent = len(server.requests)
        server.requests.clear()
        kill_at += [sent // 4, sent // 2, sent]
        for _ in range(3):
            processes.append(niah_process(*sweep_at(server), *grid, "--name", "cut", cwd=tmp_path))
            processes[-1].communicate()
        assert [p.returncode for p in processes] == [-9, -9, -9]
        assert niah(*sweep_at(server), *grid, "--name", "cut").exit_code == 0
        again = len(server.requests)
    results = tmp_path / "results"
    assert rows_of(results / "cut") == rows_of(results / "whole")
    assert (results / "cut/grid.json").read_bytes() == (results / "whole/grid.json").read_bytes()
    assert again <= sent + 3 * 3  # what was in flight, and two small requests of every start


@pytest.mark.slow
def test_a_short_claim_is_the_one_length_that_is_tried(niah: Niah) -> None:
    ended = niah(
        "effective", "perfect", "--provider", "simulated", "--haystack", "en", "--claimed", "800"
    )
    assert "holds at 800" in ended.out + ended.err


def test_an_adaptive_run_that_measured_nothing_is_unfinished(niah: Niah) -> None:
    ended = niah("effective", "perfect", *GRID, "--lengths", "1k", "--max-tokens", "10")
    assert (ended.exit_code, "nothing was measured" in ended.err) == (5, True), ended.err


def test_a_model_of_the_embedded_engine_is_no_config(niah: Niah) -> None:
    Path("own.gguf").write_bytes(b"\x00\xff")
    ended = niah("effective", "own.gguf", *GRID, "--lengths", "1k")
    assert (ended.exit_code, "unknown simulated model 'own.gguf'" in ended.err) == (2, True), (
        ended.err
    )


def test_an_adaptive_run_has_no_parts(niah: Niah) -> None:
    ended = niah(
        "run", *GRID, "--model", "perfect", "--adaptive", "--lengths", "1k,2k", "--shard", "2/2"
    )
    assert (ended.exit_code, "--shard has no meaning for an adaptive run" in ended.err) == (
        2,
        True,
    ), ended.err


@pytest.mark.slow
@pytest.mark.parametrize(("at_least_", "verdict"), [("1k", 0), ("2k", 1), ("8k", 1), ("1500", 3)])
def test_effective_exits_by_what_is_shown(niah: Niah, at_least_: str, verdict: int) -> None:
    ended = niah(
        "effective", "window:1200", *GRID, "--lengths", "1k,2k,8k", "--at-least", at_least_
    )
    assert ended.exit_code == verdict, ended.out


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--bisect",), "bisect has no meaning without adaptive"),
        (("--adaptive", "--epochs", "3"), "epochs has no meaning for an adaptive run"),
        (("--adaptive", "--controls"), "controls has no meaning for an adaptive run"),
        (("--adaptive", "--limit", "3"), "--limit has no meaning for an adaptive run"),
    ],
)
def test_what_an_adaptive_run_would_ignore_is_refused(
    niah: Niah, flags: tuple[str, ...], words: str
) -> None:
    ended = niah("run", *GRID, "--model", "perfect", *flags)
    assert ended.exit_code == 2
    assert words in ended.err


@pytest.mark.slow
def test_an_adaptive_run_is_no_baseline_and_passes_no_gate(niah: Niah) -> None:
    niah("run", *GRID, "--model", "perfect", "--lengths", "1k", "--adaptive", "--name", "a")
    assert "so it is no baseline" in niah("baseline", "save", "a").err
    Path("gate.toml").write_text("min_found = 0.5\n", encoding="utf-8")
    assert "no fixed grid" in niah("gate", "a", "--config", "gate.toml").err
    assert "reads 1k" in niah("report", "a").out


def adaptive_run(
    answer: Callable[[int, int], float], *, bisect: bool = False
) -> tuple[Header, list[Result]]:
    """An adaptive run of three lengths, answered by length and number of the trial there."""
    settings = {"adaptive": True, "threshold": 0.856, "trials_per_length": 110, "bisect": bisect}
    of = header(lengths=(1_000, 2_000, 4_000), haystack_per="trial", config=settings)
    rows = list[Result]()
    for _ in range(200):
        for length, depth, epoch in Ladder(of, rows).next:
            place: dict[str, Any] = {
                "context_length": length,
                "depth_percent": depth,
                "epoch": epoch,
            }
            before = sum(r.trial.context_length == length for r in rows)
            rows.append(
                result(
                    Trial(id=f"{length}-{epoch}-{before}", task="single", **place),
                    answer(length, before),
                )
            )
    return of, rows


def test_a_step_beyond_the_bracket_needs_4_to_1_and_shows_nothing_of_what_is_asked() -> None:
    of, rows = adaptive_run(lambda length, i: float(length != 2_000))
    found = effective_of(of, rows, at_least=1_500)
    first, _, probe = found.bracket.steps
    assert found.bracket.monotone is False
    assert probe.held is first.held is Held.HOLDS
    assert probe.n < first.n
    assert probe.evidence == pytest.approx(4, rel=0.2)
    assert found.verdict is Verdict.INCONCLUSIVE  # 4k holds again, and 1.5k may not


def test_a_step_beyond_the_bracket_that_is_lost_at_4_to_1_fails_nothing() -> None:
    of, rows = adaptive_run(
        lambda length, i: float(length == 1_000 or (i % 7 != 0 if length == 2_000 else i % 2))
    )
    found = effective_of(of, rows, at_least=4_000)
    assert [s.held for s in found.bracket.steps] == [Held.HOLDS, Held.LEVEL, Held.FAILS]
    assert found.bracket.steps[-1].evidence < 10  # a length of the search itself needs 10 to 1
    assert found.verdict is Verdict.INCONCLUSIVE


def test_a_step_beyond_the_bracket_that_is_surely_lost_fails_what_is_asked_behind_it() -> None:
    of, rows = adaptive_run(
        lambda length, i: float(length == 1_000 or (length == 2_000 and i % 7 != 0)), bisect=True
    )
    found = effective_of(of, rows, at_least=4_000)
    assert [s.held for s in found.bracket.steps] == [Held.HOLDS, Held.LEVEL, Held.FAILS]
    assert found.bracket.probe is found.bracket.steps[-1]
    assert found.verdict is Verdict.FAIL


@pytest.mark.slow
def test_figures_of_an_adaptive_run_have_no_interval_of_a_fixed_n_and_stand_beside_a_grid(
    niah: Niah, tmp_path: Path
) -> None:
    write_log(tmp_path / "results" / "a", *adaptive_run(lambda length, i: float(length != 2_000)))
    run(tmp_path / "results" / "g", header(lengths=(1_000, 2_000), epochs=2))
    told = json.loads(niah("report", "a", "--json").out)
    assert [share["low"] for share in (*told["by_length"].values(), *told["by_band"].values())] == [
        None
    ] * 6
    assert niah("plot", "a", "--curves").exit_code == 0
    for pair in (("g", "a"), ("a", "g")):
        (line,) = [
            line for line in niah("compare", *pair).out.splitlines() if "absolute:0.856" in line
        ]
        assert "not measured" in line
