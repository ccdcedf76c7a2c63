"""Lengths, depths, trials: what may be written, and what follows from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from niah.errors import ConfigError
from niah.generator.draw import Draw
from niah.generator.plan import depths_of, label_of, length_of, lengths_of, recipe_digest, trials_of


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("512", 512),
        ("8k", 8000),
        ("32K", 32000),
        ("128k", 128000),
        ("1M", 1000000),
        ("1.2M", 1200000),
        ("10萬", 100000),
        ("100万", 1000000),
        ("3千", 3000),
        (4096, 4096),
        ("1_000", 1000),
        ("10M", 10000000),
    ],
)
def test_lengths_are_read_as_people_write_them(text: str | int, tokens: int) -> None:
    assert length_of(text) == tokens


@pytest.mark.parametrize("text", ["0", "-5", "63", "1.5", "11M", "1kk", "", "many", "1.0001k", "1e3"])
def test_other_lengths_are_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ConfigError, match="whole tokens from 64 to 10,000,000"):
        length_of(text)


def test_lists_and_ranges() -> None:
    assert lengths_of("4k,1k,1k") == (1_000, 4_000)
    assert lengths_of([512, "1k"]) == (512, 1_000)
    assert depths_of("0:100:25") == (0, 25, 50, 75, 100)
    assert depths_of("0:1:0.1") == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert depths_of("100,0,12.5") == (0, 12.5, 100)
    assert depths_of([0, 50.0]) == (0, 50)


@pytest.mark.parametrize("text", ["101", "-1", "deep", "0:100", "0:100:0", "50:10:5", "", "nan"])
def test_other_depths_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"depth"):
        depths_of(text)


@pytest.mark.parametrize(
    ("tokens", "label"), [(512, "512"), (1_000, "1k"), (8_192, "8192"), (1_200_000, "1.2M"), (128_000, "128k")]
)
def test_labels(tokens: int, label: str) -> None:
    assert label_of(tokens) == label


def test_the_cheapest_trial_comes_first_and_then_needles_rise() -> None:
    trials = trials_of("single", "r", (1_000, 4_000), (0, 50, 100), 2)
    assert (trials[0].context_length, trials[0].depth_percent, trials[0].epoch) == (1_000, 0, 0)
    first_epoch = [t.context_length * t.depth_percent for t in trials[1:6]]
    assert first_epoch == sorted(first_epoch)
    assert [t.epoch for t in trials] == [0] * 6 + [1] * 6
    assert len({t.id for t in trials}) == 12


def test_the_id_of_a_trial_depends_on_its_recipe_and_its_cell_and_nothing_else() -> None:
    small = {t.id for t in trials_of("single", "r", (1_000,), (50,), 1)}
    assert small < {t.id for t in trials_of("single", "r", (500, 1_000), (0, 50), 3)}
    assert not small & {t.id for t in trials_of("single", "other", (1_000,), (50,), 1)}
    assert recipe_digest({"a": 1, "b": 2}) == recipe_digest({"b": 2, "a": 1})


@given(st.integers(0, 2**31), st.integers(1, 1_000))
def test_draws_repeat_and_stay_in_range(seed: int, limit: int) -> None:
    drawn = [Draw(seed, "p", 1).below(limit) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert 0 <= drawn[0] < limit
    assert sorted(Draw(seed, "p").shuffled(range(9))) == list(range(9))


def test_draws_are_the_same_for_ever() -> None:
    draw = Draw(0, "needle", "single", 1000, 50.0, 0)
    assert [draw.below(1_000_000) for _ in range(3)] == [494457, 481586, 444023]
