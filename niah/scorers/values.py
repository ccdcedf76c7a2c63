"""Scorers for one value: a whole number, a uuid, a word or name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from niah.folding import fold
from niah.numerals import located_numbers, whole_numbers
from niah.records import Score
from niah.scorers.answers import (
    Expected,
    Mention,
    answer_in,
    denied,
    one_value,
    says_absent,
    shares_words,
    wrong_score,
)

_UUID = re.compile(r"(?<![0-9a-z-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-z-])")
_HEX = re.compile(r"(?<![0-9a-z])[0-9a-f]+(?:-[0-9a-f]+)+|(?<![0-9a-z])[0-9a-f]{8,}")
_LABELLED = re.compile(r"\b(?:id|uuid|key|value)-(?=[0-9a-f]{8}-)")
_DASH = re.compile(r"[‐‑‒–—−]")
_QUANTITY = re.compile(r"\s*(?:thousand|million|billion|万|亿|%)")
_BESIDE = r"\s*(?:/|\bor\b|\band\b|[,;、&]|或者?|和|还是)\s*"
_LEAST_BESIDE = 3  # digits of a number that is a second answer where it stands right beside the first
_DIGIT = "0-9零〇一二三四五六七八九十百千万亿两"
_HAN = "\u3400-\u9fff"
_MOST_WORDS = 6  # a longer answer without a known name is no name
_MOST_HAN = 12
_MOST_OF_LIST = 80  # signs of an answer that is nothing but a list
_LIST = re.compile(r"\s*[,、;；/\n]\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+|或(?:者)?(?!许|許)|和|还是|還是")
_AN_ITEM = re.compile(r"(?:[A-Z][\w'’.-]*(?: [A-Z][\w'’.-]*){0,2}|[\w'’-]{2,}|[\u3400-\u9fff]{2,6})")
_NO_ITEM = ("yes", "sure", "obviously", "probably", "indeed", "thanks", "right", "correct", "sorry", "ok", "clearly")


def number(text: str, expected: Expected) -> Score:
    """Whether the one number of the target's digits in the answer is the target (after RULER's values, parsed)."""
    answer = answer_in(text)
    target, folded = expected.target, spelt(answer)
    mentions = number_mentions(folded)
    found = numbers_like(answer, target)
    denials = denied(folded, [m for m in mentions if m.value in found or _is_near(m.value, target)], expected.question)
    known = {str(v) for v in whole_numbers(expected.question)}
    near = {m.value for m in mentions if 2 * len(m.value) > len(target)} - known - denials
    if found - denials == {target}:
        if not any(_is_plain(folded, m) for m in mentions if m.value == target):
            return wrong_score("wrong", f"named {target} without giving it as the answer")
        others = {n for n in near - {target} if _is_near(n, target) and not _rounds(n, target)}
        if others or _another_beside(folded, mentions, target, known | denials):
            return wrong_score("several", f"gave another number beside {target}")
    return one_value(answer, found, expected, near, denials)


def numbers_like(answer: str, target: str) -> set[str]:
    """The numbers of an answer with as many digits as the target, without rough repetitions of it."""
    numbers = {m.value for m in number_mentions(spelt(answer))}
    return {n for n in numbers if len(n) == len(target) and not _rounds(n, target)}


def number_mentions(folded: str) -> list[Mention]:
    """The whole numbers of a text with their places."""
    return [Mention(value=str(v), start=start, stop=stop) for v, start, stop in located_numbers(folded)]


def spelt(text: str) -> str:
    """Folded for numbers: dots of an ellipsis are no decimal point, and a word may stick to its number."""
    return re.sub(r"(?<=[a-z]{3})(?=\d)", " ", fold(text.replace("…", " ")))


def uuid(text: str, expected: Expected) -> Score:
    """Whether the one uuid in the answer is the target, in either case (after RULER and Lost in the Middle)."""
    answer, question = answer_in(text), fold(expected.question)
    folded = _LABELLED.sub("", _DASH.sub("-", fold(answer)))
    mentions = [Mention(value=m[0], start=m.start(), stop=m.end()) for m in _UUID.finditer(folded)]
    found = {m.value for m in mentions} - set(_UUID.findall(question))  # the key of a pair may be said again
    near = {h for h in _HEX.findall(folded) if h not in question} - found
    return one_value(answer, found, expected, near, denied(folded, mentions, expected.question))


def name(text: str, expected: Expected, others: Iterable[str] = (), *, place: bool = False) -> Score:
    """Whether the target, or an alias of it, is the one name in the answer (NoLiMa's containment, with boundaries).

    ``others`` are names that were not planted and would be a second answer. A bare list of names is several answers,
    but for one word behind a ``place`` ("Lisbon, Portugal"). Case, width, script of Chinese, accents, hyphens and the
    spaces of speech recognition make no difference; "Anna" is not "Ann".
    """
    answer = answer_in(text)
    mentions = mentions_of(answer, [*expected.targets, *expected.wrong, *expected.aliases, *others])
    found = {m.value for m in mentions}
    denials = denied(spaced(answer), mentions, expected.question)
    values = {expected.aliases.get(v, v) for v in found - denials or found}
    refused = {expected.aliases.get(v, v) for v in denials} if not found - denials else set()
    if not values:
        score = one_value(answer, (), expected)
        if score.answer_class == "off-format" and _may_be_a_name(answer):
            return wrong_score("wrong", f"answered {' '.join(answer.split())!r} instead of {expected.target}")
        return score
    listed = _offers_another(answer, found) or _is_list(answer, found, expected.question, 1 if place else 0)
    if values == {expected.target} and not denials and listed:
        return wrong_score("several", f"offered another answer beside {expected.target}")
    return one_value(answer, values, expected, denials=refused)


def names_in(answer: str, names: Iterable[str]) -> set[str]:
    """Those of the names that stand in the answer, and not only inside a longer one of them.

    Of names that fold to the same, the first one is given back.
    """
    return {m.value for m in mentions_of(answer, names)}


def mentions_of(answer: str, names: Iterable[str]) -> list[Mention]:
    """``names_in`` with the places in the ``spaced`` answer. A whole number is found however it is written."""
    folded = spaced(answer)
    by_form: dict[str, str] = {}
    for candidate in names:
        by_form.setdefault(spaced(candidate), candidate)
    found: list[Mention] = []
    for form in [f for f in by_form if _number_of(f) is not None]:
        places = [(a, b) for v, a, b in located_numbers(folded) if v == _number_of(form)]
        found += [Mention(value=by_form[form], start=a, stop=b) for a, b in places if _stands_alone(folded, a, b)]
    for form in sorted((f for f in by_form if f and f in folded), key=lambda f: (-len(f), f)):
        if _number_of(form) is None:
            matches = list(re.finditer(_bounded(form), folded))
            found += [Mention(value=by_form[form], start=m.start(), stop=m.end()) for m in matches]
            folded = re.sub(_bounded(form), lambda m: "\0" * len(m[0]), folded)
    return found


def spaced(text: str) -> str:
    """Folded for names: hyphens and white space are one space, accents and the dots of U.S. are left out."""
    folded = re.sub(r"[\u00c0-\u024f\u1e00-\u1eff]", _without_accents, fold(text)).replace("’", "'")
    folded = re.sub(r"(?<=\b[a-z])\.(?=[a-z]\b)|(?<=\b[a-z]\.[a-z])\.", "", folded)
    folded = re.sub(r"[\s_\-‐‑–]+", " ", folded).strip()
    return re.sub(rf"(?<=[{_HAN}]) (?=[a-z0-9])|(?<=[a-z0-9]) (?=[{_HAN}])", "", folded)


def _without_accents(match: re.Match[str]) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", match[0]) if not unicodedata.combining(c))


def _bounded(form: str) -> str:
    """A name where it is no part of a longer word or number."""
    before = rf"(?<![{_DIGIT}])(?<!\d[.,:])" if re.match(rf"[{_DIGIT}]", form) else ""
    after = rf"(?![{_DIGIT}]|[.,:]\d)" if re.search(rf"[{_DIGIT}]$", form) else ""
    return rf"(?<![a-z0-9]){before}{re.escape(form)}{after}(?![a-z0-9])"


def _number_of(form: str) -> int | None:
    """The value of a name that is nothing but a whole number."""
    return next((v for v, start, stop in located_numbers(form) if (start, stop) == (0, len(form))), None)


def _stands_alone(folded: str, start: int, stop: int) -> bool:
    """Whether a number is no part of a time or a decimal fraction."""
    return not re.search(r"\d[:.]$", folded[:start]) and not re.match(r"[:.]\d", folded[stop:])


def _rounds(value: str, target: str) -> bool:
    """Whether a value is the target said roughly, as in "7421830, about 7.42 million"."""
    significant = value.rstrip("0")
    return value != target and len(significant) <= len(value) - 3 and abs(int(value) - int(target)) * 200 < int(target)


def _is_near(value: str, target: str) -> bool:
    """Whether a number has a digit or two more or fewer than the target."""
    return abs(len(value) - len(target)) <= 2 < len(value)


def _is_plain(folded: str, mention: Mention) -> bool:
    """Whether no other quantity is made of the digits: "-42", "42 million", "042", "42%"."""
    return not (
        re.search(r"[-−]$", folded[: mention.start])
        or re.match(r"0", folded[mention.start :])
        or _QUANTITY.match(folded, mention.stop)
    )


def _another_beside(folded: str, mentions: Collection[Mention], target: str, known: Collection[str]) -> bool:
    """Whether a further number stands right beside the target, in a list or behind an "or"."""
    for a in mentions:
        for b in mentions:
            pair = a.stop <= b.start and target in (a.value, b.value) and a.value != b.value
            if pair and re.fullmatch(_BESIDE, folded[a.stop : b.start]):
                other = b.value if a.value == target else a.value
                if len(other) >= _LEAST_BESIDE and other not in known and not _rounds(other, target):
                    return True
    return False


def _offers_another(answer: str, found: Iterable[str]) -> bool:
    """Whether an "or" stands beside a found name, with another word behind or before it."""
    folded = spaced(answer)
    names = "|".join(re.escape(spaced(n)) for n in found)
    joint = r"(?: or |/|或者?(?!许)|还是)"
    return bool(re.search(rf"(?:{names}){joint}\w", folded) or re.search(rf"\w{joint}(?:{names})", folded))


def _is_list(answer: str, found: Collection[str], question: str, gloss: int) -> bool:
    """Whether an answer is nothing but a list of names. ``gloss``: so many items may follow the found one."""
    text = answer.strip().strip(".。\"'*")
    items = [i for i in _LIST.split(text) if i]
    if len(text) > _MOST_OF_LIST or len(items) < 2 or not all(_AN_ITEM.fullmatch(i) for i in items):
        return False
    own = [bool(names_in(i, found)) for i in items]
    others = [i for i, mine in zip(items, own, strict=True) if not mine and _is_another(i, question)]
    return len(others) > (gloss if own[0] and "," in text else 0)


def _is_another(item: str, question: str) -> bool:
    """Whether an item of a list could be a name of its own."""
    return fold(item) not in _NO_ITEM and not shares_words(fold(item), fold(question))


def _may_be_a_name(answer: str) -> bool:
    """Whether an unknown answer is short enough to be a name."""
    han = len(re.findall(r"[\u3400-\u9fff]", answer))
    words = len(re.findall(r"[A-Za-z]+", answer))
    return han + words > 0 and han <= _MOST_HAN and words <= _MOST_WORDS and not says_absent(answer)
