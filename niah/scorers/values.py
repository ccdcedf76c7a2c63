"""Scorers for one value: a whole number, a uuid, a word or name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import compress, pairwise

from niah.records import Score
from niah.scorers.clauses import Mention
from niah.scorers.decide import decide, no_value, one_value, wrong_score
from niah.scorers.expected import Expected
from niah.scorers.names import (
    in_longer_word,
    in_other_money,
    names_at,
    names_in,
    spaced,
    without_unit,
)
from niah.scorers.reading import Reading, is_claimed
from niah.scorers.reply import answer_in, lines_kept
from niah.scorers.words import HAN, asked_part, content_words, latin, phrase, spelling, vocabulary
from niah.text.normalise import fold
from niah.text.numerals import located_numbers, whole_numbers

_UUID = re.compile(
    r"(?<![0-9a-z-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-z-])"
)
_HEX = re.compile(r"(?<![0-9a-z])[0-9a-f]+(?:-[0-9a-f]+)+|(?<![0-9a-z])[0-9a-f]{8,}")
_LABELLED = re.compile(r"\b(?:id|uuid|key|value)-(?=[0-9a-f]{8}-)")
_DASH = re.compile(r"[‐‑‒–—−]")
_LEAST_BESIDE = 3  # digits of a number that is a second answer right beside the first
_LEAST_NEAR = 5  # digits of a number that is a misread target wherever it stands
_MOST_OF_NAME = 12  # Chinese characters, or half as many words, of an answer that is a name
_MOST_HEAD = 4  # words of an answer that stands alone in front
_MOST_OF_LIST = 80  # signs of an answer that is nothing but a list
_AN_ITEM = re.compile(
    r"(?:[A-ZÀ-Þ][\w'’.-]*(?: [A-Z][\w'’.-]*){0,2}|[\w'’-]{2,}|[\u3400-\u9fff]{2,6})"
)
_ITEM_NUMBER = re.compile(r"^[ \t]*\d{1,2}[.)、][ \t]+(?=\D)", re.MULTILINE)  # "1. Ilse"
_NO_COUNT = re.compile(
    r"其中[\d一二两兩三四五六七八九十]+[个個位名人]|一(?=[\u3400-\u9fff])(?![个個位名人])"
    r"|[\d一二两兩三四五六七八九十]{1,40}次(?![\d.])|[×x]\s?\d+\b|\b\d+\s?[×x](?!\w)"
)
_NOBODY_MET = r"没有?(?:人|遇到|碰到)"
_beside = phrase(r"\s*(?:[/,;、&]|{joint})\s*")
# between the items of a list, in an answer as it is written: ", and ", " or ", 或
_list_joint = phrase(
    r"\s*[,、;；/&\n]\s*(?:(?:{latin joint})\s+)?|\s+(?:{latin joint})\s+"
    r"|或(?:者)?(?!许|許)|和|还是|還是"
)
_GLOSS = re.compile(r"\s?[(（/]\s?")


def number(text: str, expected: Expected) -> Score:
    """Whether the one number that is given with the target's digits is the target (after RULER)."""
    answer, target = answer_in(text, expected.question), expected.target
    folded = spelt(answer)
    mentions = numbers_at(folded)
    asked = {str(v) for v in whole_numbers(expected.question)} - {target}
    values = _candidates(folded, [m for m in mentions if m.value not in asked], target)
    verdict = decide(Reading(folded, values, expected, spelt))
    plain = any(_is_plain(folded, m) for m in values if m.value == target)
    if verdict.values == {target} and not plain:
        return wrong_score("wrong", f"named {target} without giving it as the answer")
    near = {m.value for m in mentions if 2 * len(m.value) > len(target)} - asked
    alike = {m.value for m in values if len(m.value) == len(target)}
    return one_value(answer, verdict, expected, near, alike)


def count(text: str, expected: Expected) -> Score:
    """``number`` of a count: none is the 2. of a list, or 一 in 一下. Nobody is an abstention."""
    answer = _NO_COUNT.sub(" ", answer_in(text, expected.question))
    if len(_ITEM_NUMBER.findall(answer)) > 1:
        answer = _ITEM_NUMBER.sub("- ", answer)
    folded = spelt(answer)
    none = re.search(rf"({spelling('contrast')}\s*)?(?:{spelling('nobody')}|{_NOBODY_MET})", folded)
    # Two. Nobody else. Not: two are named, but nobody was met
    head = folded if none is None else "" if none[1] else folded[: none.start()]
    said = [*(value for value, _, _ in located_numbers(head)), *whole_numbers(folded[len(head) :])]
    if said == [0] or (none and not said):
        return wrong_score("not-there", "counted none")
    return number(answer, expected)


def numbers_at(folded: str) -> list[Mention]:
    """The whole numbers of a text with their places."""
    return [Mention(value=str(v), start=a, stop=b) for v, a, b in located_numbers(folded)]


def spelt(text: str) -> str:
    """Folded for numbers: line ends stay; a word may stick to its number, and 1-6-4-6-2 is one."""
    folded = re.sub(r"(?<=[a-z]{3})(?=\d)", " ", fold(lines_kept(text)))
    return re.sub(r"(?<![\d-])\d(?:[- ]\d){3,}(?![\d-])", lambda m: re.sub(r"\D", "", m[0]), folded)


def uuid(text: str, expected: Expected) -> Score:
    """Whether the one uuid given is the target, in either case (RULER and Lost in the Middle)."""
    answer, question = answer_in(text, expected.question), fold(expected.question)
    folded = _LABELLED.sub("", _DASH.sub("-", fold(lines_kept(answer))))
    mentions = [Mention(value=m[0], start=m.start(), stop=m.end()) for m in _UUID.finditer(folded)]
    # the key of the pair may be said again
    values = [m for m in mentions if m.value not in question or is_claimed(folded, m.start)]
    near = {h for h in _HEX.findall(folded) if h not in question}
    keyed = replace(expected, keys=tuple(k for k in expected.keys if not _UUID.fullmatch(fold(k))))
    verdict = decide(Reading(folded, values, keyed, fold))
    return one_value(answer, verdict, expected, near, {m.value for m in values})


def name(
    text: str,
    expected: Expected,
    others: Iterable[str] = (),
    *,
    place: bool = False,
    row: bool = False,
) -> Score:
    """Whether the target, or an alias of it, is the one name in the answer (after NoLiMa).

    ``others`` are names that were not planted and would be a second answer. A bare list of names is
    several answers, but for one word behind a ``place`` ("Lisbon, Portugal"); so is a ``row`` of
    names without commas. Case, width, script of Chinese, accents, hyphens and the spaces of speech
    recognition make no difference; "Anna" is not "Ann".
    """
    answer, target = answer_in(text, expected.question), expected.target
    folded = named_text(answer)
    mentions = _named(folded, expected, others)
    if not mentions:
        return _unknown_name(answer, expected)
    values = [replace(m, value=expected.aliases.get(m.value, m.value)) for m in mentions]
    reading = Reading(folded, values, expected, named_text)
    verdict = decide(reading)
    if verdict.values == {target} and not verdict.refused:
        found = {m.value for m in mentions}
        if (
            _offers_another(folded, found)
            or _is_list(answer, found, expected.question, place=place, row=row)
            or (not expected.wrong and _tells_of_another(answer, reading))
        ):
            return wrong_score("several", f"offered another answer beside {target}")
    return one_value(answer, verdict, expected, named={v.value for v in values})


def name_by_place(
    text: str, expected: Expected, others: Iterable[str] = (), *, place: bool = False
) -> Score:
    """``name`` of a place in a sequence: the last is only given where nothing else tells."""
    score = name(text, replace(expected, order=None), others, place=place)
    return name(text, expected, others, place=place) if score.answer_class == "several" else score


def named_text(text: str) -> str:
    """Folded for names, with its line ends kept."""
    return spaced(lines_kept(text))


def _candidates(folded: str, mentions: list[Mention], target: str) -> list[Mention]:
    """The numbers of the target's digits, or nearly so, or right beside one of these."""
    sizes = [(len(m.value), abs(len(m.value) - len(target))) for m in mentions]
    found = [off == 0 or (off <= 2 and size >= _LEAST_NEAR) for size, off in sizes]
    for i, (before, m) in enumerate(pairwise(mentions), 1):
        gap = folded[before.stop : m.start][:20]
        if found[i] != found[i - 1] and _beside().fullmatch(gap):
            found[i - 1] |= len(before.value) >= _LEAST_BESIDE
            found[i] |= len(m.value) >= _LEAST_BESIDE
    return [m for m in compress(mentions, found) if not _is_rough(folded, m, target)]


def _is_rough(folded: str, mention: Mention, target: str) -> bool:
    """Whether a number is the target said roughly, as in "7421830, about 7.42 million"."""
    value, before = mention.value, folded[max(0, mention.start - 20) : mention.start]
    if value == target or not value.endswith("000"):
        return False
    if abs(int(value) - int(target)) * 200 >= int(target):
        return False
    in_words = not re.fullmatch(r"[\d,. ]+", folded[mention.start : mention.stop])
    return in_words or bool(re.search(rf"(?:{spelling('roughly')}\W*|[~≈]\s*)$", before))


def _is_plain(folded: str, mention: Mention) -> bool:
    """Whether the digits make no other quantity: -42, "under 42", 42 million, 42+. A bullet may."""
    before, behind = folded[: mention.start], folded[mention.stop :][:40]
    signed = re.search(r"(?:^|[\s:(])[-−]$", before[-4:]) and not re.search(r"¶\s*-$", before[-4:])
    bound = re.search(rf"{spelling('bound')}\s*$", before[-16:])
    other = re.match(rf"\s*(?:%|\+(?!\s*\d+:)|{spelling('quantity')})", behind)
    return not (signed or bound or other or folded.startswith("0", mention.start))


def _named(folded: str, expected: Expected, others: Iterable[str]) -> list[Mention]:
    """The names that could be the answer; the number of a counted target also without its unit."""
    names = [*expected.targets, *expected.wrong, *expected.aliases, *others]
    spellings = (expected.target, *expected.aliases)
    asked, known = fold(expected.question), {*expected.wrong, *expected.targets}
    mentions = [
        m
        for m in names_at(folded, names)
        if not in_other_money(folded, m, spellings)
        and not in_longer_word(folded, m, expected.question)
        and (fold(m.value) not in asked or is_claimed(folded, m.start))
    ]
    glosses = [b for a, b in pairwise(mentions) if b.value not in known and _is_gloss(folded, a, b)]
    mentions = [m for m in mentions if m not in glosses]
    if not any(expected.aliases.get(m.value, m.value) == expected.target for m in mentions):
        bare = (place for spelling in spellings for place in without_unit(folded, spelling))
        mentions += [Mention(value=expected.target, start=a, stop=b) for a, b in bare]
    return mentions


def _is_gloss(folded: str, before: Mention, m: Mention) -> bool:
    """Whether a name stands in another script in brackets behind a name: Mumbai（孟買）."""
    other_script = folded[before.start].isascii() != folded[m.start].isascii()
    return other_script and _GLOSS.fullmatch(folded[before.stop : m.start]) is not None


def _unknown_name(answer: str, expected: Expected) -> Score:
    """Judge an answer without a known name: what is short enough to be a name is a wrong one."""
    score = no_value(answer, expected)
    size = len(re.findall(rf"[{HAN}]", answer)) + 2 * len(re.findall(r"[A-Za-z]+", answer))
    if score.answer_class == "off-format" and 0 < size <= _MOST_OF_NAME:
        given = " ".join(answer.split())
        return wrong_score("wrong", f"answered {given!r} instead of {expected.target}")
    return score


def _offers_another(folded: str, found: Iterable[str]) -> bool:
    """Whether an "or" stands beside a found name, with another word behind or before it."""
    names = "|".join(re.escape(spaced(n)) for n in found)
    joint = rf"(?: (?:{latin('alternative')}) |/|或者?(?!许)|还是)"
    offer = rf"(?:{names}){joint}[$€£¥]?\w|\w{joint}(?:{names})"
    return re.search(offer, folded) is not None


def _tells_of_another(answer: str, reading: Reading) -> bool:
    """Whether an unknown name is the answer by its place or by what is said of it.

    "The Atlantic; he left the Pacific for later"; or "Tess baked in Omaha and did billing in Des
    Moines" where billing was asked for. A name is a word with a capital that begins no clause.
    """
    expected = reading.expected
    asked = content_words(asked_part(fold(expected.question)))
    told = {s.clause for s in reading.statements}
    taken_up = set().union(*(asked & content_words(reading.clauses[i].text) for i in told))
    capitals = {fold(word) for word in re.findall(r"[A-ZÀ-Þ][\w'’-]+", answer)}
    known = fold(" ".join([expected.question, *expected.targets, *expected.aliases]))
    unknown = {word for word in capitals - vocabulary("interjection") if word not in known}
    for i, clause in enumerate(reading.clauses if unknown else ()):
        said = re.findall(r"[^\W\d_][\w'-]*", clause.text)
        if i in told or not unknown & set(said[1:]):
            continue
        head = clause.start == 0 and clause.behind[:1] in (".", ";") and len(said) <= _MOST_HEAD
        if head or (asked & content_words(clause.text)) - taken_up:
            return True
    return False


def _is_list(answer: str, found: Collection[str], question: str, *, place: bool, row: bool) -> bool:
    """Whether an answer is nothing but a list of names, or a ``row`` of three with spaces between.

    One may follow the name of a ``place``: Lisbon, Portugal.
    """
    text = answer.strip().strip(".。\"'*")
    parts = text.split()
    if row and len(parts) > 2:
        named = [p for p in parts if _AN_ITEM.fullmatch(p)]
        if all(p[0].isupper() or not p.isascii() for p in named):
            return len(named) == len(parts)
    items = [i for i in _list_joint().split(text) if i] if len(text) <= _MOST_OF_LIST else []
    if len(items) < 2 or not all(map(_AN_ITEM.fullmatch, items)):
        return False
    asked, spellings = content_words(asked_part(fold(question))), [spaced(f) for f in found]
    own = [bool(names_in(i, found)) or any(spaced(i) in s for s in spellings) for i in items]
    beside = [fold(i) for i, mine in zip(items, own, strict=True) if not mine]
    said = vocabulary("interjection")
    others = [i for i in beside if i not in said and not asked & content_words(i)]
    return len(others) > (place and own[0] and "," in text)
