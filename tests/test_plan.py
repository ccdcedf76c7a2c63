"""Lengths, depths, trials: what may be written, and what follows from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from niah.errors import ConfigError
from niah.experiment.recipe import recipe_digest
from niah.experiment.trials import Shape, cacheable_tokens, trials_of, waves_of
from niah.records import Trial
from niah.text.lengths import depths_of, label_of, length_of, lengths_of
from niah.text.seeded import Draw


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


@pytest.mark.parametrize(
    "text", ["0", "-5", "63", "1.5", "11M", "1kk", "", "many", "1.0001k", "1e3"]
)
def test_other_lengths_are_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ConfigError, match="whole tokens from 64 to 10,000,000"):
        length_of(text)


def test_lists_and_ranges() -> None:
    assert lengths_of("4k,1k,1k") == (1_000, 4_000)
    assert lengths_of([512, "1k"]) == (512, 1_000)
    assert lengths_of("10k:50k:20k") == (10_000, 30_000, 50_000)
    assert lengths_of("1k..10k") == (1_000, 2_000, 4_000, 8_000, 10_000)
    assert lengths_of("1k..1M:7") == (1_000, 3_200, 10_000, 32_000, 100_000, 320_000, 1_000_000)
    assert len(lengths_of("1k..64k:100")) == 100  # of which 14 would be the same to two digits
    assert len(lengths_of("1k..128k:35")) == 35
    assert lengths_of("512,1k..2k,1.5k..6k:3") == (512, 1_000, 1_500, 2_000, 3_000, 6_000)
    assert depths_of("0:100:25") == (0, 25, 50, 75, 100)
    assert depths_of("0:1:0.1") == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert depths_of("100,0,12.5") == (0, 12.5, 100)
    assert depths_of([0, 50.0]) == (0, 50)


@pytest.mark.parametrize(
    "text",
    [
        "64..70:100",
        "1k..1M:5000",
        "8k..1k",
        "50k:10k:10k",
        "1k..2k:1",
        "1k:2k",
        "1k:2k:x",
        "..",
        "1k..",
        ",",
        "9" * 400,
        "1k..1M:" + "9" * 5_000,
        [],
    ],
)
def test_other_lists_of_lengths_are_refused(text: str | list[str]) -> None:
    with pytest.raises(ConfigError, match=r"length"):
        lengths_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "101", "-1", "deep", "0:100", "0:100:0", "50:10:5", "", "nan",
        "0:100:1e-320", "0:100:1e-9", "0:100:1e-6",
    ],
)  # fmt: skip
def test_other_depths_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"depth"):
        depths_of(text)


@pytest.mark.parametrize(
    ("tokens", "label"),
    [(512, "512"), (1_000, "1k"), (8_192, "8192"), (1_200_000, "1.2M"), (128_000, "128k")],
)
def test_labels(tokens: int, label: str) -> None:
    assert label_of(tokens) == label


def waves(order: str, together: int = 8, shared: bool = True) -> list[list[tuple[int, int, float]]]:
    trials = trials_of("single", "r", (1_000, 4_000), (0, 50, 100), 2)
    made = waves_of(trials, order, seed=0, haystack_shared=shared, together=together)
    assert sorted(t.id for w in made for t in w) == sorted(t.id for t in trials)
    return [[(t.epoch, t.context_length, t.depth_percent) for t in wave] for wave in made]


def test_an_epoch_warms_the_cache_with_its_longest_prompt_and_then_needles_rise() -> None:
    found = waves("cache")
    assert found[0] == [(0, 4_000, 100)]
    assert found[2] == [(1, 4_000, 100)]
    for wave in (found[1], found[3]):
        places = [length * depth for _, length, depth in wave]
        assert places == sorted(places)


def test_one_at_a_time_needs_no_warm_up_and_nothing_shared_needs_no_order() -> None:
    assert [len(w) for w in waves("cache", together=1)] == [6, 6]
    assert [len(w) for w in waves("cache", shared=False)] == [12]


def test_other_orders() -> None:
    (by_length,) = waves("length")
    assert [n for _, n, _ in by_length] == sorted(n for _, n, _ in by_length)
    assert waves("shuffled") != [by_length]
    assert waves("shuffled") == waves("shuffled")


def brute_force(waves_: tuple[tuple[Trial, ...], ...], texts: dict[str, list[int]]) -> int:
    """Shared beginnings, token by token, against everything sent before."""
    seen: list[list[int]] = []
    served = 0
    for trial in (t for w in waves_ for t in w):
        mine = texts[trial.id]
        shared = (
            next(
                (i for i, (a, b) in enumerate(zip(mine, s, strict=False)) if a != b),
                min(len(mine), len(s)),
            )
            for s in seen
        )
        served += max(shared, default=0)
        seen.append(mine)
    return served


@given(st.sampled_from(["cache", "length", "shuffled"]), st.booleans(), st.integers(1, 3))
def test_the_cacheable_share_is_what_a_prefix_cache_would_serve(
    order: str, shared: bool, epochs: int
) -> None:
    trials = trials_of("single", "r", (100, 200, 400), (0, 25, 50, 100), epochs)
    made = waves_of(trials, order, seed=3, haystack_shared=shared, together=4)

    def shape(t: Trial) -> Shape:
        before = round(t.context_length * t.depth_percent / 100)
        stretch = t.epoch if shared else t.id
        return Shape(stretch=stretch, needle=t.id, before=before, tokens=t.context_length)

    texts = {}
    for number, t in enumerate(trials):
        s = shape(t)
        start = 1_000 * (t.epoch if shared else 100 + number)
        hay = list(range(start, start + t.context_length))
        texts[t.id] = [*hay[: s.before], -1 - number, *hay[s.before :], 10**9 + number]
    assert cacheable_tokens(made, shape) == brute_force(made, texts)


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
