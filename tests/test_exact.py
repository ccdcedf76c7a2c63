"""The tests on counts, against scipy and against published figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from niah.verdict.exact import (
    at_least,
    at_most,
    holm,
    incomplete_beta,
    mcnemar,
    mcnemar_two_sided,
    normal_above,
    paired_interval,
    paired_z,
    sign_flip,
    student_above,
    student_quantile,
)
from niah.verdict.power import chance_to_fail, chance_to_pass, pairs_needed
from niah.verdict.sample import share_of, wilson

shares = st.floats(0.001, 0.999)
counts = st.integers(1, 3_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, shares)
def test_binomial_tails_are_those_of_scipy(count: tuple[int, int], share: float) -> None:
    k, n = count
    assert at_least(k, n, share) == pytest.approx(
        stats.binom.sf(k - 1, n, share), rel=1e-7, abs=1e-12
    )
    assert at_most(k, n, share) == pytest.approx(stats.binom.cdf(k, n, share), rel=1e-7, abs=1e-12)


@given(st.floats(0.5, 2_000), st.floats(0.5, 2_000), st.floats(0, 1))
def test_the_incomplete_beta_function_is_that_of_scipy(a: float, b: float, x: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-7, abs=1e-12)


@given(st.floats(-30, 30), st.integers(1, 500))
def test_student_and_normal_tails_are_those_of_scipy(t: float, freedom: int) -> None:
    assert student_above(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-7, abs=1e-12)
    assert normal_above(t) == pytest.approx(stats.norm.sf(t), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("freedom", [1, 2, 4, 9, 249])
def test_student_quantiles(freedom: int) -> None:
    assert student_quantile(0.025, freedom) == pytest.approx(stats.t.isf(0.025, freedom), rel=1e-9)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial_test(lost: int, gained: int) -> None:
    n = lost + gained
    expected = stats.binomtest(lost, n, 0.5, alternative="greater").pvalue if n else 1.0
    assert mcnemar(lost, gained) == pytest.approx(expected, rel=1e-9)
    both = stats.binomtest(lost, n, 0.5).pvalue if n else 1.0
    assert mcnemar_two_sided(lost, gained) == pytest.approx(both, rel=1e-9)


def test_five_losses_without_a_gain_are_the_fewest_that_decide() -> None:
    assert mcnemar(4, 0) > 0.05 >= mcnemar(5, 0)
    assert mcnemar(6, 0) > 0.01 >= mcnemar(7, 0)
    assert mcnemar(9, 9) > 0.5


@given(counts)
def test_wilson_is_that_of_scipy(count: tuple[int, int]) -> None:
    k, n = count
    expected = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert wilson(k, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9))
@settings(max_examples=30)
def test_the_sign_flip_test_is_the_permutation_test_of_scipy(differences: list[int]) -> None:
    moved = [d for d in differences if d]
    if len(moved) < 2:
        return
    expected = stats.permutation_test(
        (np.array(moved),),
        np.sum,
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
    )
    assert sign_flip(differences) == pytest.approx(expected.pvalue)


def test_many_differences_are_drawn_and_come_close() -> None:
    differences = [1.0] * 25 + [-1.0] * 12
    assert sign_flip(differences) == pytest.approx(
        stats.binomtest(25, 37, 0.5, alternative="greater").pvalue, abs=0.005
    )
    assert sign_flip([]) == 1.0
    assert sign_flip([0.0, 0.0]) == 1.0


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 300))
def test_a_paired_interval_holds_its_difference_and_ends_where_the_test_does(
    lost: int, gained: int, kept: int
) -> None:
    n = lost + gained + kept
    if not n:
        return
    low, high = paired_interval(lost, gained, n, 1.96)
    assert -1 <= low <= (lost - gained) / n <= high <= 1
    for end in (low, high):
        if abs(end) < 1 - 1e-6:
            assert abs(paired_z(lost, gained, n, end)) == pytest.approx(1.96, abs=1e-3)


@pytest.mark.parametrize(
    ("n", "gained", "margin"),
    [(50, 0.01, 0.05), (100, 0.05, 0.05), (250, 0.01, 0.03), (250, 0.0, 0.05)],
)
def test_a_loss_of_just_the_margin_passes_at_most_as_often_as_stated(
    n: int, gained: float, margin: float
) -> None:
    assert (
        chance_to_pass(n, margin + gained, gained, margin, 0.05) <= 0.058
    )  # a score test: near its level, not below


def test_holm_by_hand_and_never_below_the_plain_values() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(p <= c <= 1 for p, c in zip(p_values, corrected, strict=True))
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [corrected[i] for i in order] == sorted(corrected)


@pytest.mark.parametrize(
    ("n", "lost", "gained", "level", "power"),
    [
        (225, 0.03, 0.0, 0.05, 0.81), (150, 0.05, 0.0, 0.05, 0.87), (75, 0.05, 0.01, 0.05, 0.19),
        (450, 0.05, 0.02, 0.05, 0.74), (225, 0.10, 0.02, 0.01, 0.88),
        (1_225, 0.02, 0.005, 0.05, 0.95),
        (250, 0.06, 0.01, 0.05, 0.92), (100, 0.06, 0.01, 0.05, 0.44), (500, 0.04, 0.01, 0.05, 0.91),
    ],
)  # fmt: skip
def test_power_is_that_of_simulations_done_elsewhere(
    n: int, lost: float, gained: float, level: float, power: float
) -> None:
    assert chance_to_fail(n, lost, gained, level) == pytest.approx(power, abs=0.02)


@pytest.mark.parametrize("n", [30, 35, 120])
@pytest.mark.parametrize("shift", [0.05, 0.15, 0.3])
def test_the_normal_limit_of_the_sign_flip_test_is_near_that_of_scipy(n: int, shift: float) -> None:
    differences = np.random.default_rng(n).uniform(-0.5, 0.5, n) + shift
    expected = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", alternative="greater",
        n_resamples=9_999,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    assert sign_flip(differences.tolist()) == pytest.approx(expected.pvalue, abs=0.012)


def test_the_chance_to_fail_is_that_of_the_gate_which_passes_first() -> None:
    """Summed over every outcome, of 100 pairs: a loss of 3 points is inside a margin of 5."""
    n, lost, gained, total = 100, 0.04, 0.01, 0.0
    for b, c in ((b, c) for b in range(40) for c in range(20)):
        fails = mcnemar(b, c) <= 0.05 and normal_above(-paired_z(b, c, n, 0.05)) > 0.05
        total += fails * float(
            stats.multinomial.pmf([b, c, n - b - c], n, [lost, gained, 1 - lost - gained])
        )
    assert chance_to_fail(n, lost, gained, 0.05, 0.05) == pytest.approx(total, abs=1e-6)
    assert (
        chance_to_fail(5_000, lost, gained, 0.05, 0.05)
        < 0.01
        < 0.99
        < chance_to_fail(5_000, lost, gained, 0.05)
    )


@pytest.mark.parametrize(("lost", "gained"), [(0.06, 0.01), (0.05, 0.0), (0.055, 0.05)])
def test_more_pairs_than_needed_are_enough_too(lost: float, gained: float) -> None:
    needed = pairs_needed(lambda n: chance_to_fail(n, lost, gained, 0.05), 0.9)
    assert needed is not None
    step = max(1, needed // 200)
    assert all(
        chance_to_fail(n, lost, gained, 0.05) >= 0.9
        for n in range(needed, needed + 40 * step, 4 * step)
    )


def test_the_pairs_needed_are_the_fewest() -> None:
    def sees(n: int) -> float:
        return chance_to_fail(n, 0.06, 0.01, 0.05)

    needed = pairs_needed(sees, 0.9)
    assert needed is not None
    assert sees(needed) >= 0.9 > min(sees(n) for n in range(needed - 12, needed))
    assert pairs_needed(lambda n: 0.1, 0.9) is None


@pytest.mark.parametrize("n", [5, 10, 50, 200])
@pytest.mark.parametrize(
    "chances", [(0.01, 0.02, 0.07, 0.9), (0.1, 0.1, 0.1, 0.7), (0.7, 0.1, 0.1, 0.1)]
)
def test_the_interval_of_fractional_scores_holds_their_mean(
    n: int, chances: tuple[float, ...]
) -> None:
    """Resampling what was seen misses what was not: near 1, its lower end lies too high in every
    eighth run."""
    values = np.array([0.0, 0.5, 0.75, 1.0])
    drawn = np.random.default_rng(1).choice(values, p=chances, size=(1_000, n))
    truth = float(values @ np.array(chances))
    intervals = [share_of([float(s) for s in scores]) for scores in drawn]
    below, above = (
        sum(getattr(r, end) * sign > truth * sign for r in intervals)
        for end, sign in (("low", 1), ("high", -1))
    )
    assert max(below, above) <= 0.04 * len(intervals)
