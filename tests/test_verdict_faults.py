"""What a hostile reader tried on the gate, and what it says now."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Niah
from runs import header, result, results, run, trials, wrong_in

from niah.errors import ConfigError, RunError
from niah.plotter.ci import junit_xml, outputs
from niah.plotter.report_text import finding_words, judgement_lines, report_lines
from niah.records import Header, Outcome, Response, Row, Trial, Usage
from niah.run import open_run
from niah.verdict.baseline import (
    baseline_from,
    baseline_json,
    baseline_of,
    check_consistent,
    mean_baseline,
)
from niah.verdict.decide import judge
from niah.verdict.effective import effective_length
from niah.verdict.evidence import Evidence, notes_on
from niah.verdict.gate_config import GateConfig, gate_config_of
from niah.verdict.grid import grid_of
from niah.verdict.pairs import pairs_of
from niah.verdict.power import outlook_of
from niah.verdict.records import Judgement, Verdict
from niah.verdict.report import report_of, weakest_region
from niah.verdict.sample import Sample

H = header(epochs=2)


def first(change: Callable[[Row], Row]) -> list[Row]:
    rows: list[Row] = list(results(H))
    return [change(rows[0]), *rows[1:]]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (lambda: first(lambda r: replace(r, answer_class="wrong")), "called wrong and scored 1"),
        (lambda: first(lambda r: replace(r, prompt_digest=None)), "a score and no prompt"),
        (
            lambda: first(lambda r: replace(r, prompt_digest=results(H)[1].prompt_digest)),
            "the same prompt",
        ),
        (
            lambda: first(lambda r: replace(r, expected_input_tokens=9_000)),
            "counted 1,000 of 9,000 tokens",
        ),
        (
            lambda: [*results(H), replace(results(H)[0], trial=replace(trials(H)[0], id="x"))],
            "at the same place",
        ),
    ],
)
def test_a_log_that_contradicts_itself_gets_no_verdict(
    rows: Callable[[], list[Row]], words: str
) -> None:
    check_consistent(H, results(H))
    with pytest.raises(RunError, match=words):
        check_consistent(H, rows())
    check_consistent(replace(H, imported="another tool"), rows())


def test_verify_scores_stored_answers_again(niah: Niah, tmp_path: Path) -> None:
    grid = ("--provider", "simulated", "--model", "perfect", "--lengths", "1k", "--epochs", "2")
    assert niah("run", *grid, "--name", "r").exit_code == 0
    Path("gate.toml").write_text("min_found = 0.5\n", encoding="utf-8")
    gate = ("gate", "r", "--config", "gate.toml", "--verify")
    assert "scored" not in niah(*gate).err
    log = tmp_path / "results" / "r" / "run.jsonl"
    *kept, last = log.read_text(encoding="utf-8").splitlines()
    table: dict[str, Any] = json.loads(last)
    table["response"]["text"] = "no idea"
    log.write_text("\n".join([*kept, json.dumps(table)]) + "\n", encoding="utf-8")
    refused = niah(*gate)
    assert refused.exit_code == 2
    assert "scored 1.0, and its stored answer scores 0.0 today" in refused.err
    table["trial"]["epoch"] = 7
    log.write_text("\n".join([*kept, json.dumps(table)]) + "\n", encoding="utf-8")
    assert "not what its recipe has at its place" in niah(*gate).err


def test_a_baseline_of_three_runs_is_their_mean(niah: Niah, tmp_path: Path) -> None:
    of = header(epochs=10)
    for name, wrong in (("a", 0), ("b", 10), ("c", 20)):
        run(tmp_path / "results" / name, of, wrong_in(wrong, of))
    assert niah("baseline", "save", "a", "b", "c", "--out", "b.json").exit_code == 0
    run(tmp_path / "results" / "new", of, wrong_in(30, of))
    told = niah("gate", "new", "--baseline", "b.json").out
    assert "sign-flip test over trials" in told
    each = [baseline_of(of, results(of, wrong_in(n, of))) for n in (0, 125)]
    assert sum(s or 0 for s in mean_baseline(each).scores.values()) == 187.5
    with pytest.raises(RunError, match="same recipe and trials"):
        mean_baseline([each[0], baseline_of(header(epochs=2), results(header(epochs=2)))])
    other = header(epochs=10, model="n")
    with pytest.raises(RunError, match="of one model, not of m, n"):
        mean_baseline([each[0], baseline_of(other, results(other))])


@pytest.mark.slow
def test_power_measures_flips_on_two_runs_of_one_model(niah: Niah, tmp_path: Path) -> None:
    of = header(epochs=10)
    run(tmp_path / "results" / "a", of, wrong_in(25, of))
    every = {t.id: i for i, t in enumerate(trials(of))}
    run(tmp_path / "results" / "b", of, lambda t: float(every[t.id] % 10 != 1))
    measured = niah("power", "ci", "--from", "a", "b")
    assert "give one of the two" in niah("power", "ci", "--from", "a", "b", "--flips", "9").err
    assert "where 10 % of trials flip each way by chance, as in 250 pairs" in measured.out
    assert "15 % of trials lost, 10 % gained" in measured.out
    assert "which is a guess" in niah("power", "ci").out


@pytest.mark.slow
def test_an_outlook_tells_the_chances_of_good_models_and_what_stands_in_their_way() -> None:
    of = header(epochs=10)
    chances = outlook_of(
        GateConfig(min_found=0.8, min_found_per_length=0.9), of, trials(of)
    ).chances
    assert [c.found for c in chances] == [0.99, 0.97, 0.95]
    assert chances[0].passes > chances[1].passes > chances[2].passes
    assert chances[2].bottleneck is not None
    assert chances[2].bottleneck.startswith("min_found_per_length")


def test_an_unfinished_run_has_an_exit_code_of_its_own(niah: Niah, tmp_path: Path) -> None:
    of = header(epochs=10)
    run(tmp_path / "results" / "r", of, lambda t: Outcome.ERROR if t.epoch == 1 else 1.0)
    Path("gate.toml").write_text("min_found = 0.9\n", encoding="utf-8")
    assert niah("gate", "r", "--config", "gate.toml").exit_code == 5


def test_a_report_says_first_how_far_a_model_reads(niah: Niah, tmp_path: Path) -> None:
    of = replace(header(epochs=10), claimed=128_000)
    run(tmp_path / "results" / "r", of, lambda t: float(t.context_length <= 16_000))
    assert niah("report", "r").out.splitlines()[0] == "reads 16k of 128k claimed (sure of 16k)"


def test_tokens_of_an_answer_below_nothing_are_no_log(niah: Niah, tmp_path: Path) -> None:
    row = result(trials(H)[0], 1.0)
    bad = replace(
        row, response=Response(text="1", stop_reason="stop", usage=Usage(input_tokens=-1))
    )
    folder = run(tmp_path / "results" / "r", H)
    with (folder / "run.jsonl").open("a", encoding="utf-8") as file:
        from dataclasses import asdict

        file.write(json.dumps({"kind": "result", **asdict(bad)}) + "\n")
    assert niah("gate", "r", "--baseline", "r").exit_code == 2


@pytest.mark.parametrize(("haystacks", "cells"), [(5, 50), (10, 25), (10, 100)])
def test_haystacks_that_differ_much_leave_the_lower_end_below_the_truth(
    haystacks: int, cells: int
) -> None:
    """95 % are found of them all, and each is harder or easier by a normal amount (sd 2 on the
    logit scale)."""
    chance, above = np.random.default_rng(1), 0
    effect = 2 * chance.standard_normal((200, haystacks, 1))
    scores = chance.random((200, haystacks, cells)) < 1 / (1 + np.exp(-(LOGIT_OF_95 + effect)))
    clusters = tuple(i // cells for i in range(haystacks * cells))
    for drawn in scores:
        low, high = Sample(scores=tuple(map(float, drawn.ravel())), clusters=clusters).interval()
        above += not low <= 0.95 <= high
    assert above <= 0.05 * 200


LOGIT_OF_95 = 4.5416  # mean of the logistic function of it plus 2 normal deviates: 0.95


@pytest.mark.parametrize("n", [20, 50])
def test_lengths_that_just_hold_are_seldom_called_surely_lost(n: int) -> None:
    chance, too_short = random.Random(1), 0  # noqa: S311 - seeded, for a simulation
    shares = {1_000: 0.97, 2_000: 0.93, 4_000: 0.856, 8_000: 0.856, 16_000: 0.856, 32_000: 0.5}
    for _ in range(300):
        found = {
            k: Sample(scores=tuple(float(chance.random() < p) for _ in range(n)))
            for k, p in shares.items()
        }
        too_short += (effective_length("absolute:0.856", found, {}).hopeful or 0) < 16_000
    assert too_short <= 0.04 * 300


def test_the_weakest_block_of_an_even_grid_is_no_more_than_chance() -> None:
    chance, of = random.Random(2), header()  # noqa: S311 - seeded, for a simulation
    p_values = []
    for _ in range(20):
        rows = results(of, lambda t: float(chance.random() < 0.95))
        region = weakest_region(grid_of(of, rows))
        p_values.append(1.0 if region is None else region.p)
    assert min(p_values) > 0.05
    lost = [
        replace(r, score=0.0) if r.trial.context_length == 64_000 and r.trial.epoch < 6 else r
        for r in rows
    ]
    assert (weak := weakest_region(grid_of(of, lost))) is not None
    assert weak.p < 1e-6


def in_nats(of: Header, nats: Callable[[int], float | None], model: str = "m-1") -> list[Row]:
    response = Response(text="1", stop_reason="stop", usage=Usage(input_tokens=1_000), model=model)
    return [replace(r, target_nats=nats(i), response=response) for i, r in enumerate(results(of))]


@pytest.mark.parametrize(
    ("after", "verdict", "words"),
    [
        (lambda i: 1 + i % 7 / 10 + i % 3 / 3, "fail", "+0.333 nats a right answer"),
        (lambda i: 1 + i % 7 / 10 + i % 3 / 100, "pass", "+0.01 nats a right answer"),
        (
            lambda i: 1 + i % 7 / 10 + i % 3 / 10,
            "inconclusive",
            "not even 100,000 more trials would decide",
        ),
        (
            lambda i: None if i == 5 else 1 + i % 7 / 10,
            "inconclusive",
            "1 trials tell none, so it cannot pass",
        ),
        (lambda i: None, "inconclusive", "too few trials tell a log-probability in both runs"),
    ],
)
@pytest.mark.parametrize("haystack_per", ["trial", "epoch"])
def test_a_gate_limits_the_loss_of_log_probability(
    after: Callable[[int], float | None], verdict: str, words: str, haystack_per: str
) -> None:
    of = header(epochs=12, haystack_per=haystack_per, lengths=(1_000,), depths=(0.0, 50.0))
    base = in_nats(of, lambda i: 1 + i % 7 / 10)
    stored = baseline_from(baseline_json(baseline_of(of, base), "2026-01-01"), "b.json")
    rows = in_nats(of, after)
    limits = GateConfig(max_nats_lost=0.1, drop_margin=0.9)
    judgement = judge(
        Evidence(header=of, results=tuple(rows), limits=limits, pairs=pairs_of(stored, of, rows))
    )
    (finding,) = [f for f in judgement.findings if f.gate == "max_nats_lost"]
    assert finding.verdict == verdict
    assert words in finding_words(finding)


def test_log_probabilities_without_a_baseline_are_refused(niah: Niah, tmp_path: Path) -> None:
    run(tmp_path / "results" / "r", H)
    Path("gate.toml").write_text("max_nats_lost = 0.1\nmin_found = 0.5\n", encoding="utf-8")
    assert "baseline" in niah("gate", "r", "--config", "gate.toml").err


def test_a_gate_says_that_the_server_names_another_model() -> None:
    before, after = in_nats(H, lambda i: None), in_nats(H, lambda i: None, "m-2")
    stored = baseline_from(baseline_json(baseline_of(H, before), "2026-01-01"), "b.json")
    notes = notes_on(
        Evidence(
            header=H, results=tuple(after), limits=GateConfig(), pairs=pairs_of(stored, H, after)
        ),
        stored,
    )
    assert "the server names another model than for the baseline: m-2, and m-1 before" in notes


def test_what_fails_stands_before_what_is_watched_and_what_holds() -> None:
    of = header(epochs=10)
    limits = GateConfig(min_found=0.5, min_found_per_length=0.5, drop_per_band=True)
    rows = results(of, lambda t: float(t.context_length < 128_000))
    pairs = pairs_of(
        baseline_of(of, results(of, lambda t: float(t.context_length < 128_000))), of, rows
    )
    first, *lines = judgement_lines(
        judge(Evidence(header=of, results=tuple(rows), limits=limits, pairs=pairs))
    )
    assert first == "FAIL  m (confidence 95 %, 1 of 10 gates)"
    assert [line.split()[0] for line in lines] == ["fail", "watched", "watched", *["pass"] * 7]


def judged_of(of: Header, rows: list[Row], **limits: Any) -> Judgement:
    return judge(Evidence(header=of, results=tuple(rows), limits=GateConfig(**limits)))


def test_a_length_with_scores_in_too_few_shared_haystacks_gets_no_verdict() -> None:
    of = header(epochs=5, haystack_per="epoch")

    def answer(trial: Trial) -> float | Outcome:
        hard = trial.context_length == 64_000
        return (
            Outcome.TRUNCATED
            if hard and trial.epoch == 4
            else float(not (hard and trial.epoch == 0))
        )

    rows: list[Row] = list(results(of, answer))
    found = {f.part: f for f in judged_of(of, rows, min_found_per_length=0.95).findings}
    assert found["64,000 tokens"].verdict is Verdict.INCONCLUSIVE
    assert "its trials share 4 haystacks, at least 5" in found["64,000 tokens"].reason
    assert found["1,000 tokens"].p_fail is not None  # all five of them
    these = judged_of(of, rows, min_found_per_length=0.95, haystacks="these")
    assert these.verdict is Verdict.FAIL
    (effective,) = judged_of(of, rows, min_effective_length="64k").findings
    assert "its trials share 4 haystacks" in effective.reason
    assert effective.p_fail is None


def test_a_report_counts_the_haystacks_that_have_a_score() -> None:
    of = header(epochs=5, haystack_per="epoch")
    lines = report_lines(
        report_of(of, results(of, lambda t: Outcome.TRUNCATED if t.epoch >= 2 else float(t.epoch)))
    )
    assert "trials share 2 haystacks: the intervals hold for those only" in lines


def test_a_gate_with_a_tolerated_loss_names_the_test_that_it_used() -> None:
    of = header(epochs=10)
    rows = results(of, wrong_in(10, of))
    pairs = pairs_of(baseline_of(of, results(of)), of, rows)
    for limit, test in ((0.0, "(exact McNemar test)"), (0.02, "(score test)")):
        evidence = Evidence(
            header=of, results=tuple(rows), limits=GateConfig(max_drop=limit), pairs=pairs
        )
        assert test in judge(evidence).findings[0].reason


def test_a_share_just_below_all_is_not_called_all() -> None:
    of = header(lengths=(1_000,), epochs=600)
    rows = results(of, wrong_in(1, of))
    judgement = judged_of(of, list(rows), min_found=0.5)
    assert "99.9 % found (n = 3,000); no gate asks" in junit_xml(
        judgement, grid_of(of, rows), "2026-01-01"
    )


def test_an_age_beyond_all_time_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigError, match="use minutes, hours or days"):
        gate_config_of({"max_age": "99999999999d"})


@pytest.mark.slow
def test_a_list_and_a_notebook_call_no_share_all_that_is_not(niah: Niah, tmp_path: Path) -> None:
    of = header(lengths=(1_000,), epochs=500)
    run(tmp_path / "results" / "r", of, wrong_in(1, of))
    assert "99.9 % found (n = 2500)" in repr(open_run("r"))
    told = niah("list").out
    assert " 99.9 % " in told
    assert " 99-100 " in told


def test_the_p_value_for_a_pipeline_is_that_of_the_whole_run_or_none() -> None:
    of = header(epochs=20)
    before = results(
        of, lambda t: float(t.depth_percent == 100 and t.epoch < 10)
    )  # 10 % of all, half of the tail
    limits = GateConfig(drop_per_band=True, drop_margin=0.3)
    judgement = judge(
        Evidence(
            header=of,
            results=tuple(before),
            limits=limits,
            pairs=pairs_of(baseline_of(of, before), of, before),
        )
    )
    whole, *bands = judgement.findings
    assert whole.p_fail is None  # a loss of 30 points could not be seen
    assert bands[-1].p_fail is not None
    assert "p_value=\n" in outputs(judgement, grid_of(of, before))


def test_refusals_in_one_shared_haystack_say_nothing_of_others() -> None:
    def said(epochs: int, **limits: Any) -> tuple[Verdict, str]:
        of = header(lengths=range(1_000, 41_000, 1_000), epochs=epochs, haystack_per="epoch")
        (finding,) = judged_of(of, list(results(of)), max_unscored=0.05, **limits).findings
        return finding.verdict, finding.reason

    verdict, reason = said(1)
    assert (verdict, "all trials share one haystack" in reason) == (Verdict.INCONCLUSIVE, True)
    assert said(1, haystacks="these")[0] is Verdict.PASS
    assert "share" not in said(5)[1].partition("have no score")[2]


def test_a_relative_length_within_its_own_base_is_said_to_be_one() -> None:
    of = header(lengths=(500, 1_000, 2_000))
    (finding,) = judged_of(
        of, list(results(of)), min_effective_length="1k", effective_rule="relative:0.85"
    ).findings
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "are the base of the rule relative:0.85" in finding.reason
