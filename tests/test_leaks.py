"""Keys and values that the haystack says in any way are not drawn."""

from __future__ import annotations

import pytest
from conftest import site_of
from hypothesis import given
from hypothesis import strategies as st

from niah.generator.haystack import Corpus, Leaks, corpus_of
from niah.generator.segments import segments_of
from niah.generator.tokenizers import tokenizer_of
from niah.records import Transcript, Trial
from niah.tasks import task_of
from niah.tasks._planter import PLACES
from niah.text.normalise import fold
from niah.text.numerals import whole_numbers
from niah.text.seeded import Draw


def corpus(*lines: str) -> Corpus:
    segments = tuple(s for line in lines for s in segments_of(line))
    episode = Transcript(name="a", form="text", language="en", segments=segments)
    return corpus_of("a", "en", [episode], tokenizer_of("o200k_base"))


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("We flew to LISBON last year", "Lisbon"),
        ("We flew to Ｌｉｓｂｏｎ", "Lisbon"),
        ("the Lisbonite said", "Lisbon"),
        ("他昨天去了 蘇 黎 世 開會", "蘇黎世"),
        ("他昨天去了苏黎世开会", "蘇黎世"),
        ("他昨天去了蘇黎世開會", "苏黎世"),
        ("The Magic  Number", "magic number"),
        ("神奇数字", "神奇數字"),
    ],
)
def test_a_word_is_found_in_any_case_width_script_and_spacing(line: str, word: str) -> None:
    assert corpus("Hello there.", line).leaks.held([word, "Oslo", "奧斯陸"]) == {word}


@pytest.mark.parametrize(
    "line",
    [
        "it was 6,497,271 in all",
        "it was 6497271",
        "６４９７２７１",
        "6 497 271 they said",
        "六百四十九萬七千二百七十一",
        "六百四十九万七千二百七十一",
        "六四九七二七一",
        "649萬7271",
        "649万7271",
        "6.497.271 people",
        "6{,}497{,}271",
        "六四九七二七一 說了○遍",
    ],
)
def test_a_number_is_found_however_it_is_written(line: str) -> None:
    assert 6497271 in corpus("Hello there.", line).leaks.numbers


@given(
    st.integers(1_000_000, 9_999_999),
    st.sampled_from(["{:,}", "{}", "{:_}", "-{}-", "{}.0", "({:,}),"]),
)
def test_whatever_an_answer_may_look_like_is_a_leak(number: int, form: str) -> None:
    line = f"so it was {form.format(number)} then"
    assert number in whole_numbers(line)
    assert number in Leaks("", lambda: line)._long_numbers()


def test_small_numbers_are_no_leaks() -> None:
    assert (
        corpus("It cost 42 dollars in 1999, 三百二十 in all, and 9,999 more").leaks.numbers
        == frozenset()
    )


@pytest.mark.parametrize("language", PLACES)
def test_needles_avoid_what_the_haystack_says(language: str) -> None:
    said = PLACES[language][:60]
    other = {"zh-Hant": PLACES["zh-Hans"][:60], "zh-Hans": PLACES["zh-Hant"][:60]}.get(
        language, said
    )
    haystack = corpus(" ".join(said), " ".join(other))
    trial = Trial(id="t", task="single", context_length=1_000, depth_percent=50, epoch=0)
    for seed in range(100):
        planting = task_of("single").plant(Draw(seed, "needle"), site_of(trial, haystack, language))
        key = fold(planting.needles[0].key)
        assert not [p for p in (*said, *other) if fold(p) in key or key in fold(p)]


@pytest.mark.slow
@given(st.text())
def test_folding_twice_is_folding_once_for_words(text: str) -> None:
    assert fold(fold(text)) == fold(fold(fold(text)))
    assert fold(text.upper()).casefold() == fold(text.upper())
