"""The gate: every verdict and exit code, and what it must never do."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import REPOSITORY, Ended, Niah
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import LENGTHS, header, result, results, run, trials, wrong_in
from scipy import stats

from niah.errors import ConfigError, RunError, UnknownName
from niah.plotter.ci import junit_xml, summary_markdown, workflow_commands
from niah.plotter.report_text import more_words
from niah.records import Header, Outcome, Part, Result, Trial
from niah.runlog.attempts import dollars_of
from niah.runlog.log import write_log
from niah.verdict.baseline import baseline_from, baseline_json, baseline_of, check_comparable
from niah.verdict.decide import judge
from niah.verdict.evidence import Evidence
from niah.verdict.gate_config import GateConfig, read_gate_config
from niah.verdict.grid import grid_of
from niah.verdict.pairs import Pair, Pairs, pairs_of
from niah.verdict.power import outlook_of
from niah.verdict.records import Judgement, Verdict
from niah.verdict.sample import Sample

Answer = Callable[[Trial], float | Outcome]
PEER_RESULTS = REPOSITORY.parent / "shared" / "peer-results"


def judged(
    stored: list[Result],
    of: Header | None = None,
    before: list[Result] | None = None,
    **limits: Any,
) -> Judgement:
    of = of or header()
    asked = GateConfig(**limits)
    these = asked.haystacks == "these"
    pairs = (
        None if before is None else pairs_of(baseline_of(of, before), of, stored, these_only=these)
    )
    return judge(Evidence(header=of, results=tuple(stored), limits=asked, pairs=pairs, dollars=0.5))


def verdict_on(answer: Answer, **limits: Any) -> Verdict:
    return judged(results(header(), answer), **limits).verdict


@pytest.mark.parametrize(
    ("wrong", "limits", "verdict"),
    [
        (0, {"min_found": 0.9}, "pass"),
        (60, {"min_found": 0.9}, "fail"),
        (25, {"min_found": 0.9}, "inconclusive"),
        (0, {"min_found_per_length": 0.9}, "pass"),
        (125, {"min_found_per_length": 0.9}, "fail"),
        (0, {"min_found_per_band": 0.9}, "pass"),
        (125, {"min_found_per_band": 0.9}, "fail"),
        (0, {"min_effective_length": "128k"}, "pass"),
        (0, {"min_effective_length": "128k", "effective_rule": "relative:0.85"}, "pass"),
        (0, {"min_effective_length": "128k", "effective_rule": "all-green:0.7"}, "pass"),
        (0, {"min_effective_length": "128k", "effective_rule": "all-green:0.9"}, "inconclusive"),
        (0, {"min_effective_length": "128k", "effective_rule": "all-green:1"}, "pass"),
        (1, {"min_effective_length": "128k", "effective_rule": "all-green:1"}, "fail"),
        (125, {"min_effective_length": "128k"}, "fail"),
        (0, {"min_effective_length": "256k"}, "inconclusive"),
        (0, {"max_unscored": 0.1}, "pass"),
        (0, {"max_p95_s": 2}, "pass"),
        (0, {"max_p95_s": 0.5}, "fail"),
        (0, {"max_cost": 1}, "pass"),
        (0, {"max_cost": 0.1}, "fail"),
        (0, {"min_trials": 250}, "pass"),
        (0, {"min_trials": 251}, "inconclusive"),
        (0, {"min_trials_per_length": 50}, "pass"),
        (0, {"min_trials_per_length": 51}, "inconclusive"),
        (0, {"max_hallucination": 0.1}, "inconclusive"),
    ],
)
def test_every_gate_alone(wrong: int, limits: dict[str, Any], verdict: str) -> None:
    assert verdict_on(wrong_in(wrong, header()), **limits) == verdict


def test_a_short_effective_length_fails_and_names_the_weakest() -> None:
    def lost(t: Trial) -> float:
        return float(t.context_length < 64_000)

    assert verdict_on(lost, min_effective_length="16k") is Verdict.PASS
    j = judged(results(header(), lost), min_effective_length="64k")
    assert j.verdict is Verdict.FAIL
    assert "the weakest of 4 has 0 % (n = 50)" in j.reasons[0]


@pytest.mark.parametrize(
    ("lost_at", "wanted", "verdict"),
    [
        (
            (64_000, 128_000),
            "256k",
            "fail",
        ),  # shorter lengths that are lost are proof against a longer one
        ((), "256k", "inconclusive"),  # and those that hold are none for it
        ((), "60k", "pass"),  # a longer one that holds is proof for a shorter one
        ((64_000, 128_000), "60k", "inconclusive"),  # and one that is lost is none against it
        ((16_000,), "60k", "fail"),
        ((16_000, 64_000, 128_000), "60k", "fail"),
        ((), "500", "pass"),
        ((1_000, 4_000, 16_000, 64_000, 128_000), "500", "inconclusive"),
    ],
)
@pytest.mark.parametrize("rule", ["absolute:0.856", "all-green:1"])
def test_an_effective_length_between_those_that_were_run(
    lost_at: tuple[int, ...], wanted: str, verdict: str, rule: str
) -> None:
    def lost(t: Trial) -> float:
        return float(t.context_length not in lost_at)

    assert verdict_on(lost, min_effective_length=wanted, effective_rule=rule) == verdict


def controls(kind: str, right: int, n: int) -> list[Result]:
    trial = trials(header())[0]
    return [
        result(replace(trial, id=f"{kind}{i}", epoch=i, control=kind), float(i < right))
        for i in range(n)
    ]


@pytest.mark.parametrize(
    ("kind", "right", "verdict"),
    [
        ("oracle", 10, "pass"), ("oracle", 8, "pass"), ("oracle", 6, "invalid"),
        ("closed-book", 0, "pass"),
        ("closed-book", 2, "pass"), ("closed-book", 4, "invalid"),
        ("absent", 0, "pass"),
    ],
)  # fmt: skip
def test_failed_controls_make_the_instrument_invalid(kind: str, right: int, verdict: str) -> None:
    assert (
        judged([*results(header()), *controls(kind, right, 10)], min_found=0.9).verdict == verdict
    )


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (Outcome.ERROR, "incomplete"),
        (Outcome.MISMATCH, "invalid"),
        (Outcome.EMPTY, "invalid"),
        (Outcome.REFUSED, "invalid"),
    ],
)
def test_controls_without_a_score_are_not_passed_over(outcome: Outcome, verdict: str) -> None:
    lost = [replace(result(r.trial, outcome)) for r in controls("oracle", 0, 10)]
    assert judged([*results(header()), *lost], min_found=0.9).verdict == verdict


def test_controls_that_are_planned_and_not_run_leave_the_run_incomplete() -> None:
    of = header(config={"controls": True})
    j = judged([*results(of), *controls("oracle", 10, 10)], of, min_found=0.9)
    assert j.verdict is Verdict.INCOMPLETE
    assert j.reasons == (
        "50 of 50 control trials absent have not been run",
        "10 of 10 control trials closed-book have not been run",
    )


def test_results_that_the_config_does_not_ask_for_are_refused() -> None:
    of = header(epochs=1)
    far = [result(replace(t, id=f"{t.id}x", context_length=999_999), 0.0) for t in trials(of)]
    with pytest.raises(RunError, match=r"at 999,999 tokens .* asks for 0"):
        judged([*results(of), *far], of, min_found=0.5)
    again = [result(replace(t, id=f"{t.id}x"), 1.0) for t in trials(of)]
    with pytest.raises(RunError, match=r"2 results at 1,000 tokens .* asks for 1"):
        judged([*results(of), *again], of, min_found=0.5)


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.TRUNCATED])
def test_losses_do_not_hide_in_trials_without_a_score(outcome: Outcome) -> None:
    of = header()
    gone = {t.id for t in trials(of)[:12]}
    j = judged(results(of, lambda t: outcome if t.id in gone else 1.0), before=results(of))
    assert j.verdict is Verdict.INCONCLUSIVE
    assert "12 had a score before and have none now" in j.reasons[0]


def test_a_length_without_any_pair_is_not_passed_over() -> None:
    of = header(lengths=range(1_000, 26_000, 1_000), depths=(0.0, 50.0, 100.0), epochs=4)

    def longest(t: Trial) -> float | Outcome:
        return Outcome.OVERFLOW if t.context_length == 25_000 else 1.0

    j = judged(results(of, longest), of, before=results(of), drop_per_length=True, drop_margin=0.1)
    assert j.verdict is Verdict.INCONCLUSIVE
    assert "25,000 tokens: no trial has a score in both runs; 12 had a score before" in j.reasons[0]


def test_a_baseline_that_could_not_answer_is_taken_at_its_best() -> None:
    of = header()

    def refused(t: Trial) -> float | Outcome:
        return Outcome.REFUSED if t.epoch > 1 else 1.0

    assert (
        judged(results(of, lambda t: float(t.epoch <= 1)), before=results(of, refused)).verdict
        is not Verdict.PASS
    )


def test_a_part_of_the_grid_is_no_comparison() -> None:
    of, small = header(), header(lengths=LENGTHS[:2])
    with pytest.raises(RunError, match=r"lengths was .* is"):
        pairs_of(baseline_of(of, results(of)), small, results(small))
    with pytest.raises(RunError, match="the baseline lacks 190 of 250 trials"):
        pairs_of(baseline_of(of, results(of)[:60]), of, results(of))
    assert pairs_of(baseline_of(of, results(of)), small, results(small), partly=True).n == 100


@pytest.mark.parametrize("score", [7.0, -0.5, float("nan"), True, "1", None])
def test_a_score_outside_0_to_1_is_refused_with_its_line(niah: Niah, score: object) -> None:
    path = run(Path("results/r"), header()) / "run.jsonl"
    lines = path.read_text().splitlines()
    lines[5] = json.dumps({**json.loads(lines[5]), "score": score})
    path.write_text("\n".join(lines) + "\n")
    ended = gate(niah, "r", min_found=0.9)
    assert (ended.exit_code, "run.jsonl:6:" in ended.err, "0 to 1" in ended.err) == (2, True, True)


@pytest.mark.parametrize("score", ["NaN", "9", '"x"', "true", "Infinity"])
def test_a_baseline_with_a_score_outside_0_to_1_is_refused(score: str) -> None:
    of = header(epochs=1)
    text = baseline_json(baseline_of(of, results(of)), "2026-01-02")
    with pytest.raises(RunError, match="niah baseline save"):
        baseline_from(text.replace("1.0]", f"{score}]", 1), "b")


def test_a_baseline_edited_by_hand_is_refused() -> None:
    of = header(epochs=1)
    text = baseline_json(baseline_of(of, results(of)), "2026-01-02")
    for old, new in (
        ("1.0]", "0.0]"),
        ('"schema": 1,\n  "version"', '"schema": 99,\n  "version"'),
        ('"model"', '"modell"'),
        ('"created": "2026-01-01"', '"created": 5'),
        ('"finished": null', '"finished": 5'),
        ('["0-1000-0.0-0"', "[5"),
    ):
        assert old in text
        with pytest.raises(RunError, match="niah baseline save"):
            baseline_from(text.replace(old, new, 1), "b")
    heard = text.replace('"recordings_digest": null', '"recordings_digest": []')
    with pytest.raises(RunError, match="the recordings of the haystack differ"):
        check_comparable(baseline_from(heard, "b"), replace(of, recordings_digest="r"), results(of))
    empty = baseline_json(baseline_of(of, []), "2026-01-02")
    with pytest.raises(RunError, match="it holds no trials"):
        baseline_from(empty, "b")


@pytest.mark.parametrize("n", [5, 10, 25])
def test_fractional_scores_need_as_much_evidence_as_whole_ones(n: int) -> None:
    """A true loss of 5 points, the margin, made of rare losses of .8: a pass is wrong at most about
    5 times of 100."""
    draw, of = np.random.default_rng(n), header(lengths=(1_000,), depths=(0.0,), epochs=n)
    every, passes = trials(of), 0
    for _ in range(400):
        lost = draw.random(n) < 0.05 / 0.8
        pairs = tuple(
            Pair(trial=t, before=0.8, after=0.0 if x else 0.8)
            for t, x in zip(every, lost, strict=True)
        )
        passes += Pairs(pairs=pairs, by_epoch=False).p_within(0.05) <= 0.05
    assert passes <= 400 * 0.08


def test_a_run_is_not_its_own_baseline(niah: Niah) -> None:
    run(Path("results/good"), header())
    ended = niah("gate", "good", "--baseline", "results/good")
    assert (ended.exit_code, "its own baseline" in ended.err) == (2, True)
    run(Path("results/newer"), replace(header(), created="2027-01-01"))
    assert "the baseline is the younger run" in niah("gate", "good", "--baseline", "newer").out


def dated(folder: Path, of: Header, last: str) -> None:
    """A run of which every trial was answered at noon of the second of June, but for the last
    one."""
    stored = [replace(r, finished="2026-06-02T12:00:00+00:00") for r in results(of)]
    write_log(folder, of, [*stored[:-1], replace(stored[-1], finished=last)])


def test_a_copy_of_the_baseline_under_another_name_is_refused(niah: Niah) -> None:
    dated(Path("results/good"), header(), "2026-06-02T13:30:00+00:00")
    dated(Path("results/copy"), header(), "2026-06-02T13:30:00+00:00")
    dated(Path("results/other"), header(), "2026-06-03T01:00:00+00:00")
    niah("baseline", "save", "good")
    for baseline in ("good", "baselines/good.json"):
        refused = niah("gate", "copy", "--baseline", baseline)
        assert (refused.exit_code, "is a copy of its baseline" in refused.err) == (2, True)
    passed = niah("gate", "other", "--baseline", "baselines/good.json")
    assert passed.exit_code == 0
    assert "answered from 2026-06-02 12:00 to 2026-06-03 01:00 UTC" in passed.out


def test_nothing_against_nothing_is_no_pass(niah: Niah) -> None:
    of = header()
    run(Path("results/blind"), of, lambda t: 0.0)
    run(Path("results/blind-too"), replace(of, created="2026-01-02"), lambda t: 0.0)
    ended = niah("gate", "blind-too", "--baseline", "blind")
    assert (ended.exit_code, "the baseline finds 0 % (n = 250)" in ended.out) == (3, True)
    assert "where so little is found" in niah("baseline", "save", "blind").err
    assert (
        judged(results(of, wrong_in(235, of)), of, before=results(of, wrong_in(235, of))).verdict
        == "inconclusive"
    )
    assert (
        judged(results(of, wrong_in(150, of)), of, before=results(of, wrong_in(150, of))).verdict
        == "pass"
    )
    assert (
        judged(results(of, lambda t: 0.0), of, before=results(of, wrong_in(235, of))).verdict
        == "fail"
    )


@pytest.mark.parametrize("simulated", [0, 1])
def test_a_simulated_reader_is_no_baseline_of_a_model(niah: Niah, simulated: int) -> None:
    names = ["real", "reader"]
    run(Path("results/real"), header())
    run(Path("results/reader"), header(config={"provider": "simulated", "model": "perfect"}))
    refused = niah("gate", names[simulated], "--baseline", names[1 - simulated])
    assert (refused.exit_code, "neither can tell" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("age", "now", "verdict"),
    [
        ("2h", "2026-06-02T15:30:00+00:00", "pass"),
        ("2h", "2026-06-02T15:30:01+00:00", "invalid"),
        ("90m", "2026-06-02T15:00:00+00:00", "pass"),
        ("1.5d", "2026-06-04T01:00:00+00:00", "pass"),
        ("1.5d", "2026-06-05T13:30:00+00:00", "invalid"),
        (None, "2030-01-01T00:00:00+00:00", "pass"),
    ],
)
def test_the_last_answer_decides_whether_a_run_is_stale(
    age: str | None, now: str, verdict: str
) -> None:
    first, *others, last = results(header())
    stored = [
        replace(first, finished="2026-06-01T12:00:00+00:00"),
        *others,
        replace(last, finished="2026-06-02T13:30:00"),  # without a zone: UTC
    ]
    limits = GateConfig.model_validate({"min_found": 0.9, "max_age": age})
    evidence = Evidence(
        header=header(), results=tuple(stored), limits=limits, now=datetime.fromisoformat(now)
    )
    assert judge(evidence).verdict == verdict


def test_a_run_that_does_not_say_when_it_was_answered_is_not_fresh() -> None:
    limits = GateConfig.model_validate({"min_found": 0.9, "max_age": "2d"})
    found = judge(
        Evidence(
            header=header(), results=tuple(results(header())), limits=limits, now=datetime.now(UTC)
        )
    )
    assert (found.verdict, "no trial says when" in found.reasons[0]) == (Verdict.INVALID, True)


@pytest.mark.parametrize(("right", "verdict"), [(40, "pass"), (20, "fail"), (36, "inconclusive")])
def test_hallucination_is_judged_on_the_needles_that_are_not_there(
    right: int, verdict: str
) -> None:
    stored = [*results(header()), *controls("absent", right, 40)]
    assert judged(stored, max_hallucination=0.1).verdict == verdict


def test_a_truncated_prompt_makes_the_run_invalid_whatever_was_found() -> None:
    stored = results(header())
    stored[7] = result(stored[7].trial, Outcome.MISMATCH)
    j = judged(stored, min_found=0.5)
    assert (j.verdict, j.exit_code) == (Verdict.INVALID, 4)
    assert "in 1 of 250 trials" in j.reasons[0]
    assert judged(stored, min_found=0.5, max_mismatch=0.01).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "outcome", [Outcome.REFUSED, Outcome.OVERFLOW, Outcome.TRUNCATED, Outcome.EMPTY]
)
def test_what_has_no_score_is_neither_found_nor_lost_but_never_ignored(outcome: Outcome) -> None:
    def some(t: Trial) -> float | Outcome:
        return outcome if t.context_length == 128_000 else 1.0

    assert verdict_on(some, min_found=0.9) is Verdict.INCONCLUSIVE
    assert verdict_on(some, min_found=0.9, max_unscored=0.1) is Verdict.FAIL
    assert (
        verdict_on(some, min_found=0.9, max_unscored=0.5) is Verdict.INCONCLUSIVE
    )  # at worst, 80 % are found
    assert verdict_on(some, min_found=0.7, max_unscored=0.5) is Verdict.PASS


def test_an_empty_or_incomplete_run_never_passes() -> None:
    assert judged([], min_found=0.1).verdict is Verdict.INCOMPLETE
    whole = results(header())
    assert judged(whole[:-1], min_found=0.1).verdict is Verdict.INCOMPLETE
    errors = [*whole[:-1], result(whole[-1].trial, Outcome.ERROR)]
    j = judged(errors, min_found=0.1)
    assert (j.verdict, j.exit_code) == (Verdict.INCOMPLETE, 5)
    assert (
        judged([result(r.trial, Outcome.OVERFLOW) for r in whole], min_found=0.1).verdict
        is not Verdict.PASS
    )


@given(
    st.sampled_from([o for o in Outcome if o is not Outcome.SCORED]),
    st.integers(1, 250),
    st.sampled_from(
        [{"min_found": 0.3}, {"min_found_per_band": 0.3}, {"min_effective_length": 4_000}]
    ),
)
@settings(max_examples=30)
def test_a_run_without_a_right_answer_never_passes(
    outcome: Outcome, unscored: int, limits: dict[str, Any]
) -> None:
    stored = [result(t, outcome if i < unscored else 0.0) for i, t in enumerate(trials(header()))]
    assert judged(stored, **limits).verdict is not Verdict.PASS


def test_a_loss_is_found_and_no_change_passes() -> None:
    of = header()
    assert (
        judged(results(of, wrong_in(12, of)), before=results(of, wrong_in(12, of))).verdict
        is Verdict.PASS
    )
    j = judged(results(of, wrong_in(13, of)), before=results(of))
    assert j.verdict is Verdict.FAIL
    assert "-5.2 points: 13 lost, 0 gained of 250 pairs (exact McNemar test)" in j.reasons[0]
    assert judged(results(of), before=results(of, wrong_in(13, of))).verdict is Verdict.PASS


def test_a_small_loss_that_is_real_but_inside_the_margin_passes() -> None:
    of = header(epochs=49)
    five = wrong_in(5, of)
    assert judged(results(of, five), of, before=results(of)).findings[0].p_fail <= 0.05  # type: ignore[operator]
    assert judged(results(of, five), of, before=results(of)).verdict is Verdict.PASS


def test_a_loss_is_judged_beyond_the_tolerated_one() -> None:
    of = header()
    before, after = results(of), results(of, wrong_in(25, of))
    assert judged(after, before=before, max_drop=0.05).verdict is Verdict.FAIL
    assert judged(after, before=before, max_drop=0.08).verdict is Verdict.INCONCLUSIVE


def test_too_few_shared_haystacks_are_never_a_verdict_unless_only_these_are_asked_about() -> None:
    of = header(epochs=4, haystack_per="epoch")
    before, after = results(of), results(of, lambda t: 0.0)
    j = judged(after, of, before=before, min_found=0.5)
    assert j.verdict is Verdict.INCONCLUSIVE
    assert "share 4 haystacks, at least 5" in j.reasons[0]
    assert judged(after, of, before=before, haystacks="these").verdict is Verdict.FAIL
    five = header(epochs=5, haystack_per="epoch")
    assert judged(results(five, lambda t: 0.0), five, before=results(five)).verdict is Verdict.FAIL


def test_one_hard_haystack_is_no_loss_everywhere() -> None:
    """All trials of one epoch lost: 25 independent losses would be one in thirty million."""
    of = header(haystack_per="epoch")
    hard = [result(t, float(t.epoch != 3)) for t in trials(of)]
    assert judged(hard, of, before=results(of)).verdict is Verdict.INCONCLUSIVE
    assert judged(hard, of, before=results(of), haystacks="these").verdict is Verdict.FAIL


def test_a_watched_band_fails_but_need_not_be_shown() -> None:
    of = header(epochs=4)  # 20 trials in head: too few to show anything

    def middle(t: Trial) -> float:
        return float(t.context_length < 64_000 or t.depth_percent != 50)

    j = judged(results(of), of, before=results(of), drop_per_band=True, drop_per_length=True)
    assert j.verdict is Verdict.PASS
    assert {f.verdict for f in j.findings if f.watched} == {Verdict.PASS, Verdict.INCONCLUSIVE}
    assert (
        judged(results(of, middle), of, before=results(of), drop_per_band=True).verdict
        is Verdict.FAIL
    )


def test_many_gates_do_not_make_a_false_alarm_more_likely() -> None:
    """At the limit itself, with nine gates on chance alone: fails at most as often as the level
    says."""
    draw, of, fails = np.random.default_rng(3), header(), 0
    every = trials(of)
    for _ in range(100):
        stored = [
            result(t, float(found))
            for t, found in zip(every, draw.random(len(every)) < 0.9, strict=True)
        ]
        j = judged(stored, of, min_found=0.9, min_found_per_length=0.9, min_found_per_band=0.9)
        fails += j.verdict is Verdict.FAIL
    assert (
        fails <= 10
    )  # 5 are allowed on average; more than 10 would happen once in a hundred times


def flipping_cells() -> tuple[Header, list[Result], list[Result]]:
    """105 cells of a large model, run twice at temperature 0: 18 flipped, 9 each way."""
    path = PEER_RESULTS / "repeat-pairs.csv"
    if not path.is_file():
        pytest.skip("published repeats are not on this machine")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    lengths = sorted({int(r["context_length"]) for r in rows})
    of = header(lengths=lengths, depths=sorted({float(r["depth_percent"]) for r in rows}), epochs=1)
    passed = {(int(r["context_length"]), float(r["depth_percent"])): r for r in rows}

    def runs(column: str) -> list[Result]:
        return results(of, lambda t: float(passed[t.context_length, t.depth_percent][column]))

    return of, runs("first_run_passed"), runs("second_run_passed")


@pytest.mark.parametrize(
    "limits", [{}, {"drop_per_length": True, "drop_per_band": True}, {"haystacks": "these"}]
)
@pytest.mark.parametrize("haystack_per", ["trial", "epoch"])
def test_real_cells_that_flip_are_no_fail(limits: dict[str, Any], haystack_per: str) -> None:
    of, first, second = flipping_cells()
    of = replace(of, config={**of.config, "haystack_per": haystack_per})
    for before, after in ((first, second), (second, first)):
        j = judged(after, of, before=before, **limits)
        assert j.verdict is not Verdict.FAIL
        assert "9 lost, 9 gained of 105 pairs" in j.findings[0].reason


def test_a_margin_that_the_flips_allow_passes() -> None:
    of, first, second = flipping_cells()
    assert judged(second, of, before=first, drop_margin=0.1).verdict is Verdict.PASS


@pytest.mark.slow
def test_a_run_of_too_few_trials_is_said_to_be_one_before_it_is_run() -> None:
    of = header(epochs=1)
    limits = GateConfig(
        min_found=0.9, min_found_per_length=0.9, drop_margin=0.05, drop_per_band=True
    )
    open_ = outlook_of(limits, of, trials(of)).undecided
    assert [f.gate for f in open_] == ["min_found", *["min_found_per_length"] * 5, "max_drop"]
    assert outlook_of(limits, header(), trials(header())).undecided == ()
    assert outlook_of(limits, header(), trials(header())).can_fail


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epochs", "watched", "never"),
    [(4, False, True), (5, False, False), (5, True, True), (10, True, False)],
)
def test_a_gate_that_nothing_can_fail_is_known_before(
    epochs: int, watched: bool, never: bool
) -> None:
    """Five shared haystacks decide one test, but not four: 1 of 32 signs is not below a quarter of
    5 %."""
    of = header(epochs=epochs, haystack_per="epoch")
    assert (
        outlook_of(GateConfig(drop_margin=0.05, drop_per_band=watched), of, trials(of)).can_fail
        is not never
    )


def test_baselines_are_small_and_come_back_equal() -> None:
    of = header(epochs=49)
    baseline = baseline_of(of, results(of, wrong_in(30, of)))
    text = baseline_json(baseline, "2026-01-02")
    assert len(text.encode()) < 80_000
    assert baseline_from(text, "b") == replace(baseline, saved="2026-01-02")
    assert "other" not in text
    with pytest.raises(RunError, match="its recipe digest is not that of its header"):
        baseline_from(text.replace('"seed": 0', '"seed": 1'), "b")
    for damaged in ("", "[]", "{}", text[:-20]):
        with pytest.raises(RunError, match="niah baseline save"):
            baseline_from(damaged, "b")


def test_cost_is_known_or_unknown_and_never_guessed() -> None:
    of = header(epochs=1)
    price = {"input": 2.0, "output": 10.0}
    assert dollars_of(of, results(of), price) == pytest.approx(25 * (1_000 * 2 + 10 * 10) / 1e6)
    untold = [replace(r, response=None) if i else r for i, r in enumerate(results(of))]
    assert dollars_of(of, untold, price) == pytest.approx((1_000 * 2 + 10 * 10) / 1e6)
    assert dollars_of(of, results(of), None) is None
    assert dollars_of(header(imported="x"), results(of), price) is None


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("min_foun = 0.9", UnknownName, "did you mean 'min_found'"),
        ("min_found = 1", ConfigError, "min_found = 1: use a share above 0 and below 1"),
        ("confidence = 1", ConfigError, "confidence = 1: use a number from 0.5 to below 1"),
        ("max_age = 'soon'", ConfigError, "use minutes, hours or days"),
        ("max_age = 2", ConfigError, "use minutes, hours or days"),
        ("max_age = '0d'", ConfigError, "use minutes, hours or days"),
        ("min_effective_length = 'long'", ConfigError, "length 'long'"),
        ("haystacks = 'some'", ConfigError, "haystacks"),
        ("min_found = ", ConfigError, "not a TOML file"),
        ("price = {input = 1, output = 2}", ConfigError, "price has no meaning without max_cost"),
        ("max_cost = 1\nprice = {inptu = 1}", ConfigError, "give input and output"),
        ("max_cost = 1\nprice = {input = -2, output = 1}", ConfigError, "not below 0"),
        ("max_cost = 1\nprice = {input = nan, output = 1}", ConfigError, "price"),
        ("max_p95_s = inf", ConfigError, "finite number"),
        ("max_drop = 0.5\ndrop_margin = 0.6", ConfigError, "their sum must be below 1"),
        ("effective_rule = 'absolute:0.9'", ConfigError, "no meaning without min_effective_length"),
    ],
)
def test_wrong_limits_are_one_line(
    tmp_path: Path, text: str, error: type[Exception], said: str
) -> None:
    (tmp_path / "gate.toml").write_text(text)
    with pytest.raises(error, match=said.replace("'", ".")):
        read_gate_config(tmp_path / "gate.toml")


def gate(niah: Niah, *arguments: str, **limits: object) -> Ended:
    lines = [f"{k} = {json.dumps(v)}" for k, v in limits.items()]
    Path("gate.toml").write_text("\n".join(lines), encoding="utf-8")
    return niah("gate", *arguments, "--config", "gate.toml")


def test_exit_codes_and_reasons_from_the_command_line(niah: Niah) -> None:
    of = header()
    run(Path("results/good"), of)
    run(Path("results/bad"), of, wrong_in(40, of))
    run(Path("results/cut"), of, lambda t: Outcome.MISMATCH if t.epoch == 1 else 1.0)
    run(Path("results/open"), of, lambda t: Outcome.ERROR if t.epoch == 1 else 1.0)
    passed = gate(niah, "good", min_found=0.9)
    assert (passed.exit_code, passed.out.split()[0]) == (0, "PASS")
    failed = gate(niah, "bad", "--baseline", "good", min_found=0.5)
    assert (failed.exit_code, failed.out.split()[0]) == (1, "FAIL")
    assert "-16.0 points: 40 lost, 0 gained of 250 pairs" in failed.out
    assert gate(niah, "cut", min_found=0.9).exit_code == 4
    opened = gate(niah, "open", min_found=0.9)
    assert (opened.exit_code, opened.out.split()[0]) == (5, "INCOMPLETE")
    assert gate(niah, "good", min_found=0.999).exit_code == 3
    assert "more trials would decide" in gate(niah, "good", min_found=0.999).out
    assert niah("gate", "good").exit_code == 2
    unused = gate(niah, "good", min_found=0.9, max_drop=0.1)
    assert (unused.exit_code, "gates against a baseline: give --baseline RUN" in unused.err) == (
        2,
        True,
    )
    assert niah("gate", "nothing", "--baseline", "good").exit_code == 2


def test_a_baseline_file_serves_as_the_older_run(niah: Niah) -> None:
    of = header()
    run(Path("results/good"), of)
    run(Path("results/bad"), of, wrong_in(40, of))
    run(Path("results/open"), of, lambda t: Outcome.ERROR if t.epoch == 1 else 1.0)
    assert niah("baseline", "save", "good").out.strip() == "baselines/good.json"
    assert niah("gate", "good", "--baseline", "baselines/good.json").exit_code == 0
    assert niah("gate", "bad", "--baseline", "baselines/good.json").exit_code == 1
    refused = niah("baseline", "save", "open")
    assert (refused.exit_code, "25 trials are missing or errors" in refused.err) == (2, True)
    run(Path("results/other"), header(config={"seed": 5}))
    refused = niah("gate", "other", "--baseline", "baselines/good.json")
    assert (refused.exit_code, "seed was 0, is 5" in refused.err) == (2, True)


def test_pipelines_get_junit_a_summary_outputs_and_annotations(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = header()
    run(Path("results/good"), of)
    run(Path("results/bad"), of, lambda t: float(t.depth_percent != 50))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    monkeypatch.setenv("GITHUB_OUTPUT", "outputs.txt")
    ended = gate(
        niah,
        "bad",
        "--baseline",
        "good",
        "--github",
        "--junit",
        "out/niah.xml",
        "--json",
        min_found_per_length=0.5,
    )
    verdict = json.loads(ended.out)
    assert (verdict["verdict"], verdict["exit_code"], ended.exit_code) == ("fail", 1, 1)
    root = ET.parse("out/niah.xml").getroot()  # noqa: S314 - our own file
    cases = {c.get("name"): c for c in root.iter("testcase")}
    assert set(cases) == {
        "verdict", "max_drop, whole run", *(f"length={n}" for n in LENGTHS),
        *(f"min_found_per_length, {n:,} tokens" for n in LENGTHS),
    }  # fmt: skip
    assert cases["max_drop, whole run"].find("failure") is not None
    assert cases["length=1000"].find("failure") is None
    assert {c.get("classname") for c in cases.values()} == {"niah.m"}
    assert root.find("testsuite").get("failures") == "2"  # type: ignore[union-attr]
    summary = Path("summary.md").read_text(encoding="utf-8")
    assert "### niah: fail" in summary
    assert "| 50 % | 🟥 0 | 🟥 0 | 🟥 0 | 🟥 0 | 🟥 0 |" in summary
    assert "| 100 % | 🟩 1 |" in summary
    assert Path("outputs.txt").read_text().splitlines()[:2] == ["verdict=fail", "mean=0.8000"]
    assert "::error title=niah max_drop%3A whole run::" in ended.err
    assert "20.0 points: 50 lost" in ended.err


def test_what_is_open_is_skipped_in_junit_and_what_is_invalid_an_error() -> None:
    of = header(epochs=1)
    open_ = judged(results(of), of, min_found=0.95)
    text = junit_xml(open_, grid_of(of, results(of)), "2026-01-02T03:04:05")
    assert text.startswith("<?xml")
    assert 'skipped="7"' in text  # verdict, gate, and the five lengths that no gate asks about
    cut = [result(t, Outcome.MISMATCH) for t in trials(of)]
    assert 'errors="1"' in junit_xml(judged(cut, of, min_found=0.9), grid_of(of, cut), "")
    assert "⬜ mismatch" in summary_markdown(judged(cut, of, min_found=0.9), grid_of(of, cut))
    assert next(iter(workflow_commands(open_))).startswith(
        "::warning title=niah min_found%3A whole run::"
    )


def test_a_model_may_be_named_anything(niah: Niah, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    monkeypatch.setenv("GITHUB_OUTPUT", "outputs.txt")
    run(
        Path("results/odd"),
        header(model="a|b\x0b<x>&\n::error::\\`$(id)`"),
        lambda t: float(t.epoch > 4),
    )
    run(Path("results/old"), header(model="c\n::error::d"))
    ended = gate(niah, "odd", "--baseline", "old", "--github", "--junit", "j.xml", min_found=0.1)
    assert not [line for line in ended.out.splitlines() if line.startswith("::")]
    root = ET.parse("j.xml").getroot()  # noqa: S314 - our own file
    counts = ("tests", "failures", "errors", "skipped")
    assert [root.get(c) for c in counts] == [root.find("testsuite").get(c) for c in counts]  # type: ignore[union-attr]
    assert root.find("testsuite").get("timestamp")  # type: ignore[union-attr]
    assert all(case.get("time") for case in root.iter("testcase"))
    failed = [case for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed
    assert not [case for case in failed if case.find("system-out") is not None]
    first = Path("summary.md").read_text(encoding="utf-8").splitlines()[0]
    assert first.endswith(r"a\|b &lt;x>& ::error::\\\`$(id)\`")


@pytest.mark.slow
def test_a_summary_stays_below_what_github_takes() -> None:
    of = header(lengths=range(1_000, 101_000, 1_000), depths=[i / 2 for i in range(101)], epochs=1)
    stored = results(of)
    assert (
        len(summary_markdown(judged(stored, of, min_found=0.9), grid_of(of, stored)).encode())
        < 2**20
    )
    assert "too many for a table" in summary_markdown(
        judged(stored, of, min_found=0.9), grid_of(of, stored)
    )


def test_github_without_its_files_is_one_line(niah: Niah, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    run(Path("results/good"), header())
    ended = gate(niah, "good", "--github", min_found=0.9)
    assert (ended.exit_code, "GITHUB_STEP_SUMMARY is not set" in ended.err) == (2, True)


def test_a_gate_loads_neither_plotting_nor_science_libraries(tmp_path: Path) -> None:
    run(tmp_path / "results" / "good", header())
    run(tmp_path / "results" / "old", header())
    program = (
        "import sys\nfrom niah.cli import main\ntry: main(['gate', 'good', '--baseline',"
        " 'old'])\nexcept SystemExit as e: assert e.code == 0, e.code\nprint([m for m in"
        " ('matplotlib', 'scipy', 'numpy', 'httpx', 'tiktoken', 'junitparser') if m in"
        " sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_plan_warns_where_a_gate_cannot_be_decided(niah: Niah) -> None:
    Path("gate.toml").write_text("min_found = 0.9\ndrop_margin = 0.05\n")
    grid = (
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--lengths",
        "1k,2k",
        "--depths",
        "0,50,100",
    )
    small = niah("plan", *grid, "--gate", "gate.toml")
    assert small.err.count("cannot pass gate.toml even if it is perfect") == 2
    assert "cannot fail gate.toml even if it finds nothing" in small.err
    assert "all trials share one haystack" in small.err
    large = niah("plan", *grid, "--epochs", "10", "--haystack-per", "trial", "--gate", "gate.toml")
    assert (large.err, "passes gate.toml" in large.out) == ("", True)


def test_power_counts_trials_tokens_and_price(niah: Niah) -> None:
    grid = (
        "--lengths",
        "1k,2k,4k,8k,16k",
        "--depths",
        "0:100:25",
        "--provider",
        "openai",
        "--price",
        "input=2,output=8",
    )
    ended = niah("power", *grid)
    assert ended.exit_code == 0, ended.err
    needed = int(ended.out.split(" pairs, ")[0].rsplit(" ", 1)[1])
    assert 235 <= needed <= 250
    row = next(line.split() for line in ended.out.splitlines() if line.strip().startswith("10 "))
    assert row[1] == "250"
    assert 90 <= int(row[2]) <= 93
    assert row[-1].startswith("$")
    for wrong in (("--drop", "0"), ("--confidence", "20"), ("--drop", "99", "--flips", "2")):
        assert niah("power", *wrong).exit_code == 2


def binomial_above(k: int, n: int, share: float) -> float:
    return float(stats.binom.sf(k - 1, n, share))


@pytest.mark.parametrize("limit", [0.01, 0.02, 0.03, 0.05, 0.1])
@pytest.mark.parametrize("n", [25, 60, 100, 150, 250, 500])
def test_a_loss_of_just_the_tolerated_one_fails_at_most_as_often_as_stated(
    limit: float, n: int
) -> None:
    trial = trials(header())[0]
    lost, kept = Pair(trial=trial, before=1.0, after=0.0), Pair(trial=trial, before=1.0, after=1.0)
    fails = next(
        k
        for k in range(n + 2)
        if k > n
        or Pairs(pairs=(lost,) * k + (kept,) * (n - k), by_epoch=False).p_drop(limit) <= 0.05
    )
    assert binomial_above(fails, n, limit) <= 0.05


def test_a_relative_gate_does_not_take_its_base_for_known() -> None:
    """Exactly .85 of the base at the long length: 150 runs, of which 5 % may fail."""
    of = header(lengths=(250, 500, 750, 1_000, 64_000))
    every, draw, fails = trials(of), np.random.default_rng(9), 0
    shares = np.array([0.8 * (0.85 if t.context_length > 1_000 else 1.0) for t in every])
    for _ in range(150):
        found = draw.random(len(every)) < shares
        stored = [result(t, float(x)) for t, x in zip(every, found, strict=True)]
        fails += (
            judged(stored, of, min_effective_length=64_000, effective_rule="relative:0.85").verdict
            is Verdict.FAIL
        )
    assert fails <= 14  # more would happen once in a hundred times


def test_hallucination_on_shared_haystacks_is_judged_by_haystacks() -> None:
    """Every absent needle of two of ten haystacks is answered: two witnesses, not ten."""
    of = header(haystack_per="epoch")
    trial = trials(of)[0]

    def absent(epochs: int) -> list[Result]:
        cells = [(e, n) for e in range(epochs) for n in LENGTHS]
        return [
            result(
                replace(trial, id=f"a{e}/{n}", epoch=e, context_length=n, control="absent"),
                float(e > 1),
            )
            for e, n in cells
        ]

    assert (
        judged([*results(of), *absent(10)], of, max_hallucination=0.1).verdict
        is Verdict.INCONCLUSIVE
    )
    few = header(haystack_per="epoch", epochs=4)
    j = judged([*results(few), *absent(4)], few, max_hallucination=0.1)
    assert "share 4 haystacks" in j.reasons[0]


@pytest.mark.parametrize("limits", [{}, {"min_found": 0.97}])
def test_five_haystacks_on_which_nothing_varies_prove_nothing_about_others(
    limits: dict[str, Any],
) -> None:
    of = header(epochs=5, haystack_per="epoch")
    before = None if limits else results(of)
    assert judged(results(of), of, before=before, **limits).verdict is Verdict.INCONCLUSIVE
    many = header(epochs=20, haystack_per="epoch")
    before = None if limits else results(many)
    assert judged(results(many), many, before=before, **limits).verdict is Verdict.PASS


def test_the_haystacks_that_would_decide_are_as_many_as_a_pass_takes() -> None:
    def shared(epochs: int) -> Judgement:
        of = header(epochs=epochs, haystack_per="epoch")
        return judged(results(of), of, before=results(of))

    more = shared(5).findings[0].more_trials
    assert more is not None
    epochs = 5 + more // 25
    assert epochs > 6
    assert shared(epochs).verdict is Verdict.PASS
    assert shared(epochs - 1).verdict is Verdict.INCONCLUSIVE


def test_shared_haystacks_that_differ_much_pass_at_their_limit_at_most_as_often_as_stated() -> None:
    draw, passes = np.random.default_rng(4), 0
    for _ in range(300):
        found = 1 / (
            1 + np.exp(-(4.05 + draw.normal(0, 1.5, 10)))
        )  # on average over haystacks, 95 %
        scores = (draw.random((10, 25)) < found[:, None]).astype(float)
        sample = Sample(
            scores=tuple(scores.ravel()), clusters=tuple(np.repeat(np.arange(10), 25).tolist())
        )
        passes += sample.p_above(0.95) <= 0.05
    assert passes <= 300 * 0.08


def test_a_share_without_a_score_just_above_its_limit_is_no_fail() -> None:
    of, every = header(), trials(header())

    def refused(count: int) -> Verdict:
        gone = {t.id for t in every[:count]}
        return verdict_on(lambda t: Outcome.REFUSED if t.id in gone else 1.0, max_unscored=0.05)

    assert [refused(n) for n in (0, 13, 40)] == [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL]
    assert judged(results(of), max_unscored=0.0).verdict is Verdict.PASS
    assert (
        verdict_on(lambda t: Outcome.REFUSED if t.id == every[0].id else 1.0, max_unscored=0.0)
        is Verdict.FAIL
    )


def test_a_reply_cut_off_counts_for_the_time_it_took() -> None:
    slow = [
        result(t, Outcome.TRUNCATED if i < 40 else 1.0, 600.0 if i < 40 else 1.0)
        for i, t in enumerate(trials(header()))
    ]
    j = judged(slow, max_p95_s=60)
    found = next(f for f in j.findings if f.gate == "max_p95_s")
    assert (found.verdict, found.measured, found.limit) == (Verdict.FAIL, 600.0, 60.0)


def test_measured_and_limit_are_in_one_unit() -> None:
    (found,) = judged(results(header()), min_effective_length="16k").findings
    assert (found.measured, found.limit) == (1.0, 0.856)


def test_all_green_asks_for_no_cell_that_an_extended_run_does_not_have() -> None:
    of = header(lengths=(1_000, 4_000), depths=(0.0, 50.0), epochs=2)
    parts = (
        Part(lengths=(1_000,), depths=(0.0, 50.0), epochs=2),
        Part(lengths=(4_000,), depths=(0.0,), epochs=2),
    )
    found = [
        r for r in results(of) if (r.trial.context_length, r.trial.depth_percent) != (4_000, 50)
    ]
    judgement = judged(
        found,
        replace(of, extended=parts),
        min_effective_length="4k",
        effective_rule="all-green:1",
    )
    assert judgement.verdict is Verdict.PASS


def test_what_would_decide_an_effective_length_counts_all_its_parts() -> None:
    of = header(epochs=4)
    (found,) = judged(
        results(of), of, min_effective_length="128k", effective_rule="all-green:0.9"
    ).findings
    assert found.more_trials is not None
    assert found.more_trials >= 25 * (
        29 - 4
    )  # 29 of 29 show 90 %, and there are 25 cells of four trials
    assert "with even odds" in more_words(found)


def test_runs_in_which_nothing_changed_have_an_interval() -> None:
    of = header(epochs=5, haystack_per="epoch")
    whole = pairs_of(baseline_of(of, results(of)), of, results(of)).summary()
    assert whole.low is not None
    assert whole.high is not None
    assert whole.low < -0.02 < 0.02 < whole.high


def test_repeats_of_another_tool_are_of_one_text() -> None:
    of = header(imported="x", epochs=6, haystack_per="epoch")
    pairs = pairs_of(baseline_of(of, results(of)), of, results(of, lambda t: 0.0))
    assert (pairs.epochs, pairs.decidable) == (1, False)
    assert (
        judged(results(of, lambda t: 0.0), of, before=results(of)).verdict is Verdict.INCONCLUSIVE
    )


def test_a_comparison_of_1225_fractional_pairs_is_quick_enough_to_have_no_draws(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("random.Random", None)  # drawing signs took seconds
    of = header(lengths=range(1_000, 36_000, 1_000), depths=range(0, 105, 3), epochs=1)
    draw = np.random.default_rng(5)
    before, after = (results(of, lambda t: float(draw.random())) for _ in range(2))
    assert judged(after, of, before=before, drop_per_length=False).verdict is not Verdict.INVALID
