"""Made-up talk never repeats itself, stays within a segment, says nothing that a needle says, and never changes."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from niah.errors import HaystackError, UnknownName
from niah.generator.segments import MAX_WEIGHT, segments_of, weight
from niah.generator.synthetic import (
    CHAPTER_SENTENCES,
    CHAPTERS,
    Pattern,
    chapter,
    columns_of,
    spoken,
    talk_of,
    vocabulary_of,
)
from niah.tasks._names import PLACES

LANGUAGES = spoken()  # en first
FORBIDDEN = ("magic", "number", "needle", "haystack", "password", "神奇", "數字", "数字")
LARGE_CHINESE = re.compile(r"[百千萬万億亿]|[零〇一二兩两三四五六七八九十]{5}")
SIX_DIGITS = re.compile(r"\d{6}|\d[\d,_'’ ]{4,}\d")
DIGESTS = {
    ("en", 0): "8eae0342015efef7",
    ("en", 16_383): "9859eaa66253bce2",
    ("zh-Hant", 0): "045bbfcfe58d6418",
    ("zh-Hant", 16_383): "4900cff10a76b3d1",
    ("zh-Hans", 0): "a52c39103b188f36",
    ("zh-Hans", 16_383): "c805f24a23314bc2",
}
Columns = list[list[str]]

languages = pytest.mark.parametrize("language", LANGUAGES)
numbers = st.integers(0, CHAPTERS - 1)


def columns(language: str) -> dict[int, list[Columns]]:
    """Pattern -> its columns in each topic."""
    vocabulary = vocabulary_of(language)
    lines = [pattern["line"] for pattern in vocabulary["patterns"]]
    return {i: [columns_of(vocabulary, line, topic) for topic in vocabulary["topics"]] for i, line in enumerate(lines)}


def patterns(language: str) -> list[Pattern]:
    return [pattern for topic in talk_of(language).topics.values() for pattern in topic]


def without_spaces(text: str) -> str:
    return "".join(text.split())


def none_begins_another(words: Iterable[str]) -> bool:
    return not any(right.startswith(left) for left, right in itertools.pairwise(sorted(words)))


def never_alike(left: set[str], right: set[str]) -> bool:
    """No text that begins with one of the left words begins with one of the right words too."""
    beginnings = [{w[:n] for w in words for n in range(1, len(w) + 1)} for words in (left, right)]
    return not left & beginnings[1] and not right & beginnings[0]


# No sentence twice: indices never run out of choices, different indices are different choices, and different choices
# are different texts within a pattern and across patterns.


@languages
def test_every_pattern_has_more_choices_than_turns_in_all_chapters(language: str) -> None:
    for pattern in patterns(language):
        assert pattern.size == math.prod(len(column) for column in pattern.columns)
        assert pattern.size >= pattern.in_a_stretch * CHAPTERS


@languages
def test_the_order_of_choices_is_a_permutation_that_changes_every_slot(language: str) -> None:
    for pattern in patterns(language):
        assert math.gcd(pattern.step, pattern.size) == 1
        rest = pattern.step
        for column in pattern.columns:
            rest, digit = divmod(rest, len(column))
            assert 1 <= digit <= len(column) - 2  # neither it nor it plus a carry is a full round


@languages
def test_no_word_of_a_slot_begins_another_in_any_topic_so_that_a_text_can_be_read_back(language: str) -> None:
    for topics in columns(language).values():
        for slot in zip(*topics, strict=True):
            assert none_begins_another({word for column in slot for word in column})


@languages
def test_every_pattern_has_a_slot_that_shares_no_word_between_topics(language: str) -> None:
    for topics in columns(language).values():
        slots = [list(itertools.chain.from_iterable(set(c) for c in slot)) for slot in zip(*topics, strict=True)]
        assert any(len(words) == len(set(words)) for words in slots)


@languages
def test_two_patterns_differ_at_the_beginning_or_at_the_end_of_every_text(language: str) -> None:
    heads = [{w for topic in topics for w in topic[0]} for topics in columns(language).values()]
    tails = [{w[::-1] for topic in topics for w in topic[-1]} for topics in columns(language).values()]
    for i, j in itertools.combinations(range(len(heads)), 2):
        assert never_alike(heads[i], heads[j]) or never_alike(tails[i], tails[j])


@languages
def test_no_line_comes_twice_in_forty_chapters_far_apart_or_next_to_each_other(language: str) -> None:
    chosen = [*range(15), *range(15, CHAPTERS, CHAPTERS // 20), *range(CHAPTERS - 5, CHAPTERS)]
    seen: set[int] = set()
    for number in chosen:
        seen.update(hash(segment.text) for segment in chapter(language, number))
    assert len(chosen) >= 40
    assert len(seen) == len(chosen) * CHAPTER_SENTENCES


@settings(max_examples=50)
@given(st.sampled_from(LANGUAGES), numbers, numbers)
def test_two_chapters_share_no_line(language: str, left: int, right: int) -> None:
    shared = {s.text for s in chapter(language, left)} & {s.text for s in chapter(language, right)}
    assert not shared or left == right


# The form of a segment


@languages
def test_no_choice_of_words_weighs_more_than_a_segment_may(language: str) -> None:
    for topics in columns(language).values():
        for topic in topics:
            assert sum(max(weight(word) for word in column) for column in topic) <= MAX_WEIGHT + 1e-9


@languages
def test_a_sentence_is_one_segment_to_the_rest_of_niah(language: str) -> None:
    for segment in chapter(language, 4_711):
        assert [s.text for s in segments_of(segment.text)] == [segment.text]
        assert segment.text[0] not in "/ "
        assert weight(segment.text) <= MAX_WEIGHT + 1e-9


@settings(max_examples=30)
@given(st.sampled_from(LANGUAGES), numbers)
def test_times_begin_at_zero_and_never_run_back(language: str, number: int) -> None:
    segments = chapter(language, number)
    times = [t for s in segments for t in (s.start_s, s.end_s) if t is not None]
    assert len(times) == 2 * len(segments) == 2 * CHAPTER_SENTENCES
    assert times[0] == 0.0
    assert times == sorted(times)
    assert times == [round(t, 3) for t in times]
    assert all(s.start_s != s.end_s for s in segments)


@languages
def test_no_pattern_speaks_twice_in_a_row(language: str) -> None:
    rhythm = talk_of(language).rhythm
    assert all(left != right for left, right in itertools.pairwise((*rhythm, rhythm[0])))
    assert set(rhythm) == set(range(len(vocabulary_of(language)["patterns"])))
    assert len(rhythm) * len(talk_of(language).topics) == CHAPTER_SENTENCES


# What must not be said


@languages
def test_whole_chapters_hold_no_word_of_a_needle_no_place_and_no_large_number(language: str) -> None:
    for number in (0, 1, 8_191, CHAPTERS - 1):
        lines = "\n".join(segment.text for segment in chapter(language, number)).casefold()
        assert not SIX_DIGITS.search(lines)
        assert not LARGE_CHINESE.search(lines)
        joined = lines if language == "en" else without_spaces(lines)
        assert not [word for word in FORBIDDEN if word in joined]
        assert not [place for place in PLACES[language] if place.casefold() in joined]


@languages
def test_no_place_and_no_word_of_a_needle_stands_in_a_word_of_any_slot(language: str) -> None:
    text = "\n".join(
        {w for topics in columns(language).values() for slots in topics for column in slots for w in column}
    )
    assert not [name for name in (*PLACES[language], *FORBIDDEN) if name.casefold() in text.casefold()]


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_no_place_arises_where_two_slots_or_two_sentences_meet(language: str) -> None:
    sentences = [slots for topics in columns(language).values() for slots in topics]
    joints = [joint for slots in sentences for joint in itertools.pairwise(slots)]
    joints.append(([w for slots in sentences for w in slots[-1]], [w for slots in sentences for w in slots[0]]))
    for left, right in joints:
        ends = {w[-n:] for w in map(without_spaces, left) for n in range(1, 8)}
        beginnings = {w[:n] for w in map(without_spaces, right) for n in range(1, 8)}
        for name in (*PLACES[language], *FORBIDDEN):
            assert not [i for i in range(1, len(name)) if name[:i] in ends and name[i:] in beginnings], name


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_chinese_talk_has_no_full_width_signs(language: str) -> None:
    text = "".join(segment.text for segment in chapter(language, 12))
    assert re.fullmatch(r"[\u4e00-\u9fff0-9 ]+", text)


# The same on every machine


@pytest.mark.parametrize(("language", "number"), DIGESTS)
def test_a_chapter_is_the_same_on_every_machine(language: str, number: int) -> None:
    lines = "\n".join(f"{s.start_s:.3f} {s.end_s:.3f} {s.text}" for s in chapter(language, number))
    assert hashlib.sha256(lines.encode()).hexdigest()[:16] == DIGESTS[language, number]


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"unknown synthetic language 'zh-Hand'.*known: en, zh-Hans, zh-Hant"):
        chapter("zh-Hand", 0)


@pytest.mark.parametrize("number", [-1, CHAPTERS])
def test_a_chapter_that_does_not_exist_is_refused(number: int) -> None:
    with pytest.raises(HaystackError, match=f"no synthetic chapter {number}"):
        chapter("en", number)
