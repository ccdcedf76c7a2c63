"""Scorers for one value: a whole number, a uuid, a word or name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from niah.folding import fold
from niah.numerals import whole_numbers
from niah.records import Score
from niah.scorers.answers import Expected, one_value, says_absent, without_reasoning, wrong_score

_UUID = re.compile(r"(?<![0-9a-z-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-z-])")
_HEX = re.compile(r"(?<![0-9a-z])[0-9a-f]+(?:-[0-9a-f]+)+|(?<![0-9a-z])[0-9a-f]{8,}")
_QUANTITY = re.compile(r"\s*(?:thousand|million|billion|万|亿)")
_MOST_WORDS = 6  # a longer answer without a known name is no name
_MOST_HAN = 12


def number(text: str, expected: Expected) -> Score:
    """Whether the one number of the target's digits in the answer is the target (after RULER's values, parsed)."""
    answer = without_reasoning(text)
    target = expected.target
    numbers = {str(v) for v in whole_numbers(answer)}
    found = numbers_like(answer, target)
    near = {n for n in numbers if 2 * len(n) > len(target)}  # digits dropped or added
    if found == {target} and _other_quantity(answer, target):
        return wrong_score("wrong", f"named {target} without giving it as the answer")
    return one_value(answer, found, expected, near)


def numbers_like(answer: str, target: str) -> set[str]:
    """The numbers of an answer with as many digits as the target, without rough repetitions of it."""
    numbers = {str(v) for v in whole_numbers(answer)}
    return {n for n in numbers if len(n) == len(target) and not _rounds(n, target)}


def uuid(text: str, expected: Expected) -> Score:
    """Whether the one uuid in the answer is the target, in either case (after RULER and Lost in the Middle)."""
    answer, question = fold(without_reasoning(text)), fold(expected.question)
    found = set(_UUID.findall(answer)) - set(_UUID.findall(question))  # the key of a pair may be said again
    near = {h for h in _HEX.findall(answer) if h not in question} - found
    return one_value(answer, found, expected, near)


def name(text: str, expected: Expected, others: Iterable[str] = ()) -> Score:
    """Whether the target, or an alias of it, is the one name in the answer (NoLiMa's containment, with boundaries).

    ``others`` are names that were not planted and would be a second answer. Case, width, script of Chinese, hyphens and
    the spaces of speech recognition make no difference; "Anna" is not "Ann".
    """
    answer = without_reasoning(text)
    found = names_in(answer, [*expected.targets, *expected.wrong, *expected.aliases, *others])
    values = {expected.aliases.get(v, v) for v in found}
    if not values:
        score = one_value(answer, (), expected)
        if score.answer_class == "off-format" and _may_be_a_name(answer):
            return wrong_score("wrong", f"answered {' '.join(answer.split())!r} instead of {expected.target}")
        return score
    if values == {expected.target} and _offers_another(answer, found):
        return wrong_score("several", f"offered another answer beside {expected.target}")
    return one_value(answer, values, expected)


def names_in(answer: str, names: Iterable[str]) -> set[str]:
    """Those of the names that stand in the answer, and not only inside a longer one of them.

    Of names that fold to the same, the first one is given back.
    """
    folded = _spaced(answer)
    by_form: dict[str, str] = {}
    for candidate in names:
        by_form.setdefault(_spaced(candidate), candidate)
    found: set[str] = set()
    for form in sorted((f for f in by_form if f and f in folded), key=lambda f: (-len(f), f)):
        bounded = rf"(?<![a-z0-9]){re.escape(form)}(?![a-z0-9])"
        if re.search(bounded, folded):
            found.add(by_form[form])
            folded = re.sub(bounded, "\0", folded)
    return found


def _spaced(text: str) -> str:
    """Folded, with every hyphen, underscore and run of white space as one space."""
    return re.sub(r"[\s_\-‐‑–]+", " ", fold(text)).strip()


def _rounds(value: str, target: str) -> bool:
    """Whether a value is the target said roughly, as in "7421830, about 7.42 million"."""
    significant = value.rstrip("0")
    return value != target and len(significant) <= len(value) - 3 and abs(int(value) - int(target)) * 200 < int(target)


def _other_quantity(answer: str, target: str) -> bool:
    """Whether the answer makes another quantity of the digits: "-42", "42 million"."""
    spelt = fold(answer).replace(",", "")
    return bool(re.search(rf"[-−]{target}|{target}{_QUANTITY.pattern}", spelt))


def _offers_another(answer: str, found: Iterable[str]) -> bool:
    """Whether an "or" stands beside a found name, with another word behind or before it."""
    folded = _spaced(answer)
    names = "|".join(re.escape(_spaced(n)) for n in found)
    return bool(
        re.search(rf"(?:{names})(?: or |/|或者?|还是|、)\w", folded)
        or re.search(rf"\w(?: or |/|或者?|还是|、)(?:{names})", folded)
    )


def _may_be_a_name(answer: str) -> bool:
    """Whether an unknown answer is short enough to be a name."""
    han = len(re.findall(r"[\u3400-\u9fff]", answer))
    words = len(re.findall(r"[A-Za-z]+", answer))
    return han + words > 0 and han <= _MOST_HAN and words <= _MOST_WORDS and not says_absent(answer)
