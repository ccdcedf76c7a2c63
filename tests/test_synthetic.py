"""Made-up talk never repeats itself, stays within a segment, says nothing that a needle says, and
never changes."""

from __future__ import annotations

import hashlib
import itertools
import lzma
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from niah.errors import HaystackError, UnknownName
from niah.generator.segments import MAX_WEIGHT, segments_of, weight
from niah.generator.synthetic import (
    CHAPTERS,
    OF_TOPIC,
    SEASON,
    Pattern,
    Synthetic,
    _order,
    chapter,
    columns_of,
    grammar_of,
    head_of,
    spoken,
    vocabulary_of,
)
from niah.generator.tokenizers import tokenizer_of
from niah.tasks._planter import PLACES

LANGUAGES = spoken()  # en first
FORBIDDEN = ("magic", "number", "needle", "haystack", "password", "神奇", "數字", "数字")
LARGE_CHINESE = re.compile(r"[百千萬万億亿]|[零〇一二兩两三四五六七八九十]{5}")
SIX_DIGITS = re.compile(r"\d{6}|\d[\d,_'’ ]{4,}\d")
DIGESTS = {
    ("en", 0): "00ab99c85872103b",
    ("en", 524_287): "c16bddf2f832f940",
    ("zh-Hant", 0): "db8fe97e00e21bdd",
    ("zh-Hant", 524_287): "02f0d986db72075f",
    ("zh-Hans", 0): "62ea0d18571299b8",
    ("zh-Hans", 524_287): "6559b3d0a6f1ac4e",
}
Words = list[str]

languages = pytest.mark.parametrize("language", LANGUAGES)
numbers = st.integers(0, CHAPTERS - 1)


def slots(language: str) -> dict[str, list[Words]]:
    """Line of the vocabulary -> the words of each of its slots, with the text up to the next
    slot."""
    vocabulary, spoken = vocabulary_of(language), exchange_words(language)
    lines = [line for lines in vocabulary["lines"].values() for line in lines]
    return {
        line: [
            sorted(
                {words[0].replace(f"{{{slot}}}", word) for word in spoken[slot]}
                if slot in spoken
                else set(words)
            )
            for slot, words in columns_of(vocabulary, line)
        ]
        for line in lines
    }


def exchange_words(language: str) -> dict[str, set[str]]:
    """All words that lines share within an exchange."""
    grammar = grammar_of(language)
    spoken = {
        slot: {word for words in grammar.topics.values() for word in words[slot]}
        for slot in OF_TOPIC
    }
    heads = [head_of(thing, language) for thing in spoken["thing"]]
    spoken |= {
        "measure": {m for m, _ in heads},
        "noun": {n for _, n in heads},
        "before": {n for _, n in heads},
    }
    return spoken | {slot: {p[slot] for p in grammar.people} for slot in ("who", "he", "his")}


def patterns(language: str) -> list[Pattern]:
    return [pattern for of_role in grammar_of(language).patterns.values() for pattern in of_role]


def texts(language: str, number: int) -> list[str]:
    return [segment.text for segment in chapter(language, number)]


def without_spaces(text: str) -> str:
    return "".join(text.split())


def none_begins_another(words: Iterable[str]) -> bool:
    return not any(right.startswith(left) for left, right in itertools.pairwise(sorted(words)))


def may_be_alike(left: Sequence[Words], right: Sequence[Words]) -> bool:
    """Whether some choice of words gives both lines one text. A state is what one side is ahead of
    the other."""
    todo, seen = {(0, 0, "", True)}, set[tuple[int, int, str, bool]]()
    while todo:
        state = todo.pop()
        seen.add(state)
        i, j, ahead, is_left = state  # ``ahead`` is said by one only: the left one, or the right
        if (i, j, ahead) == (len(left), len(right), ""):
            return True
        behind, at = (right, j) if is_left else (left, i)
        if at == len(behind):
            behind, at, is_left = (left, i, False) if is_left else (right, j, True)
            if ahead or at == len(behind):
                continue
        for word in going_on(tuple(behind[at]), ahead):
            i2, j2 = (i, j + 1) if is_left else (i + 1, j)
            longer = len(word) > len(ahead)
            rest = word[len(ahead) :] if longer else ahead[len(word) :]
            state = (i2, j2, rest, is_left != longer)
            if state not in seen:
                todo.add(state)
    return False


@cache
def going_on(words: tuple[str, ...], ahead: str) -> list[str]:
    """The words that begin as ``ahead`` does, as far as both go."""
    return [word for word in words if word.startswith(ahead) or ahead.startswith(word)]


# No line twice: indices never run out of choices, different indices are different choices, and
# different choices are different texts within a pattern and across patterns.


@languages
def test_every_pattern_has_more_choices_than_uses_in_a_season(language: str) -> None:
    for pattern in patterns(language):
        assert pattern.size == math.prod(len(column) for column in pattern.columns)
        assert pattern.size >= pattern.uses * SEASON, pattern.columns[0][0]


@languages
def test_the_order_of_choices_is_a_permutation_that_changes_every_slot(language: str) -> None:
    for pattern in patterns(language):
        radices = tuple(map(len, pattern.columns))
        for season in (0, 1, 63):
            step, start = _order(pattern.seed, radices, season)
            assert math.gcd(step, pattern.size) == 1
            assert 0 <= start < pattern.size
            for radix in radices:
                step, digit = divmod(step, radix)
                assert 1 <= digit <= radix - 2  # neither it nor it plus a carry is a full round


@languages
def test_no_word_of_a_slot_begins_another_so_that_a_text_can_be_read_back(language: str) -> None:
    for line, columns in slots(language).items():
        for words in columns:
            bad = [(a, b) for a, b in itertools.pairwise(words) if b.startswith(a)]
            assert not bad, (line, bad)


@languages
def test_no_choice_of_words_gives_two_patterns_one_text(language: str) -> None:
    for left, right in itertools.combinations(slots(language).items(), 2):
        assert not may_be_alike(left[1], right[1]), (left[0], right[0])


def test_the_proof_of_unlike_patterns_sees_where_two_are_alike() -> None:
    assert may_be_alike([["a ", "b "], ["c d", "e"]], [["b c", "x"], [" d", "y"]])
    assert may_be_alike([["ab"]], [["a"], ["b"]])
    assert not may_be_alike([["a ", "b "], ["c d", "e"]], [["b c", "x"], [" e", "y"]])
    assert not may_be_alike([["a"], ["b"]], [["a"], ["b"], ["c"]])


@languages
def test_no_line_comes_twice_in_sixty_chapters_far_apart_or_next_to_each_other(
    language: str,
) -> None:
    chosen = [*range(25), *range(25, SEASON, SEASON // 30), *range(SEASON - 5, SEASON)]
    counts = Counter(line for number in chosen for line in texts(language, number))
    assert counts.total() >= 60 * 1_000
    assert counts.total() == len(counts)


@settings(max_examples=50)
@given(st.sampled_from(LANGUAGES), numbers, numbers)
def test_two_chapters_share_no_line_and_of_two_seasons_hardly_one(
    language: str, left: int, right: int
) -> None:
    shared = len(set(texts(language, left)) & set(texts(language, right)))
    assert left == right or shared <= (0 if left // SEASON == right // SEASON else 2)


@languages
def test_a_walk_stays_in_its_season(language: str) -> None:
    haystack = Synthetic(language, tokenizer_of("o200k_base"), keep=False)
    season = 5
    assert haystack.following(season * SEASON + SEASON - 1) == season * SEASON
    assert haystack.following(season * SEASON) == season * SEASON + 1


# Talk, and not a form with blanks


@languages
@pytest.mark.parametrize("number", [0, 4_711])
def test_phrases_come_again_hardly_more_often_than_in_speech(language: str, number: int) -> None:
    text = stretch(language, number, tokens=12_000)
    words, size = (text.split(), 4) if language == "en" else (list(without_spaces(text)), 5)
    phrases = Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))
    assert sum(n for n in phrases.values() if n > 1) / phrases.total() <= 0.05
    ratio = len(lzma.compress(text.encode())) / len(text.encode())
    assert ratio >= (0.33 if language == "en" else 0.38)


def stretch(language: str, number: int, tokens: int) -> str:
    counts = tokenizer_of("o200k_base").line_counts
    lines = [*texts(language, number), *texts(language, number + 1)]
    sizes = itertools.accumulate(counts("".join(f"{line}\n" for line in lines)))
    return "\n".join(line for line, size in zip(lines, sizes, strict=True) if size <= tokens)


@languages
def test_patterns_come_in_another_order_in_every_chapter(language: str) -> None:
    marks = [tuple(line[-1] for line in texts(language, number)) for number in range(3)]
    if language == "en":
        assert len(set(marks)) == 3  # full stops and question marks
    opened = {texts(language, number)[0][:2] for number in range(30)}
    assert len(opened) > 20


@languages
def test_a_change_of_topic_leads_over_from_what_was_spoken_of(language: str) -> None:
    vocabulary, spoken = vocabulary_of(language), exchange_words(language)
    led = 0
    for turn in vocabulary["lines"]["turn"]:
        parts = re.sub(
            r"\\{(\w+)\\}", lambda m: "(.+)" if m[1] == "before" else ".+", re.escape(turn)
        )
        lines = texts(language, 5)
        for i, line in enumerate(lines):
            found = re.fullmatch(parts, line)
            if found and found[1] in spoken["before"]:
                led += 1
                assert any(found[1] in earlier for earlier in lines[max(0, i - 40) : i]), line
    assert led >= 15


@languages
def test_a_person_of_an_exchange_is_he_or_she_throughout(language: str) -> None:
    grammar = grammar_of(language)
    assert {p["he"] for p in grammar.people} == (
        {"he", "she"} if language == "en" else {"他", "她"}
    )
    assert {(p["he"], p["his"]) for p in grammar.people} <= {
        ("he", "his"),
        ("she", "her"),
        ("他", "他"),
        ("她", "她"),
    }
    assert set(vocabulary_of(language)["women"]) <= {
        p["who"] for p in grammar.people if p["he"] in ("she", "她")
    }


# The form of a segment


@languages
def test_no_choice_of_words_weighs_more_than_a_segment_may(language: str) -> None:
    for line, columns in slots(language).items():
        worst = [max(words, key=weight) for words in columns]
        assert sum(map(weight, worst)) <= MAX_WEIGHT + 1e-9, (line, sum(map(weight, worst)), worst)


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
    assert len(times) == 2 * len(segments)
    assert times[0] == 0.0
    assert times == sorted(times)
    assert times == [round(t, 3) for t in times]
    assert all(s.start_s != s.end_s for s in segments)


# What must not be said


@languages
def test_whole_chapters_hold_no_word_of_a_needle_no_place_and_no_large_number(
    language: str,
) -> None:
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
        {w for columns in slots(language).values() for words in columns for w in words}
    )
    assert not [
        name for name in (*PLACES[language], *FORBIDDEN) if name.casefold() in text.casefold()
    ]


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_no_place_arises_where_two_slots_or_two_lines_meet(language: str) -> None:
    lines = list(slots(language).values())
    joints = [joint for columns in lines for joint in itertools.pairwise(columns)]
    joints.append(
        (
            [w for columns in lines for w in columns[-1]],
            [w for columns in lines for w in columns[0]],
        )
    )
    for left, right in joints:
        ends = {w[-n:] for w in map(without_spaces, left) for n in range(1, 8)}
        beginnings = {w[:n] for w in map(without_spaces, right) for n in range(1, 8)}
        for name in (*PLACES[language], *FORBIDDEN):
            assert not [
                i for i in range(1, len(name)) if name[:i] in ends and name[i:] in beginnings
            ], name


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
    with pytest.raises(
        UnknownName,
        match=r"unknown synthetic language 'zh-Hand'.*known: zh-Hans, zh-Hant and 1 more",
    ):
        chapter("zh-Hand", 0)


@pytest.mark.parametrize("number", [-1, CHAPTERS])
def test_a_chapter_that_does_not_exist_is_refused(number: int) -> None:
    with pytest.raises(HaystackError, match=f"no synthetic chapter {number}"):
        chapter("en", number)
