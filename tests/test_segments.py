"""Segments never lose text, never grow long, and never end inside a word or a number."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from niah.generator.segments import MAX_WEIGHT, segments_of, weight

WORDS = st.sampled_from(
    [
        "hello",
        "GPT-4",
        "3.5",
        "12,345",
        "don't",
        "世界",
        "那我們",
        "就是說",
        "128k",
        "。",
        "對。",
        "so,",
        "Right.",
        "(well)",
    ]
)
SPEECH = st.lists(WORDS, min_size=1, max_size=60).flatmap(
    lambda words: st.lists(
        st.sampled_from([" ", ""]), min_size=len(words), max_size=len(words)
    ).map(lambda gaps: "".join(w + g for w, g in zip(words, gaps, strict=True)))
)


@given(st.text(max_size=400))
def test_no_visible_sign_is_lost_or_moved(text: str) -> None:
    joined = "".join(s.text for s in segments_of(text))
    expected = "".join(text.replace("\ufeff", "").split()).lstrip("/")
    assert "".join(joined.split()) == expected


@given(st.text(max_size=400))
def test_a_segment_is_one_stripped_line_that_begins_with_a_visible_sign_other_than_a_slash(
    text: str,
) -> None:
    for segment in segments_of(text):
        assert segment.text
        assert segment.text == segment.text.strip()
        assert len(segment.text.splitlines()) == 1
        assert not segment.text.startswith("/")


@given(SPEECH)
def test_segments_of_speech_stay_small_unless_one_word_is_long(text: str) -> None:
    for segment in segments_of(text):
        longest = max(
            weight(w)
            for w in re.split(r"\s|(?<=[\u4e00-\u9fff])|(?=[\u4e00-\u9fff])", segment.text)
            if w
        )
        assert weight(segment.text) <= MAX_WEIGHT + longest


@given(SPEECH)
def test_no_cut_falls_inside_a_word_or_a_number(text: str) -> None:
    whole = " ".join(text.split()).lstrip("/ ")
    place = 0
    for segment in segments_of(text)[:-1]:
        place = whole.index(segment.text, place) + len(segment.text)
        around = whole[place - 1 : place + 1]
        assert not re.fullmatch(r"[A-Za-z0-9]{2}", around), whole[place - 10 : place + 10]
        assert not re.match(r"\d[.,]\d", whole[place - 1 : place + 2])
        assert not re.match(r"\d[.,]\d", whole[place - 2 : place + 1])


def test_times_are_shared_out_and_meet() -> None:
    segments = segments_of("第一句話講得比較長一點點沒有關係 " * 6, 10.0, 70.0)
    assert segments[0].start_s == 10.0
    assert segments[-1].end_s == pytest.approx(70.0)
    for left, right in itertools.pairwise(segments):
        assert left.end_s == right.start_s


@given(
    st.lists(
        st.sampled_from(["Transformer", "3.5", "12,345", "GPT", "我們", "就是說這個", "2024"]),
        min_size=12,
        max_size=60,
    )
)
def test_running_text_without_any_break_is_cut_between_words(words: list[str]) -> None:
    latin_apart = [
        w for i, w in enumerate(words) if w[0] > "一" or i == 0 or words[i - 1][0] > "一"
    ]
    for segment in segments_of("".join(latin_apart)):
        for found in re.findall(r"[A-Za-z]+|\d[\d.,]*", segment.text):
            assert found.rstrip(".,") in latin_apart
