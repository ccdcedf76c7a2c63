"""Scorers for several values: every one that was asked for, and no other.

Of pairs each under its own key, of a sequence each in its place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import combinations

from niah.records import Score
from niah.scorers.clauses import Mention, Mentions
from niah.scorers.decide import all_given, no_value, wrong_score
from niah.scorers.expected import Expected
from niah.scorers.names import names_at
from niah.scorers.reading import Reading
from niah.scorers.reply import answer_in
from niah.scorers.statements import Statement
from niah.scorers.values import named_text, numbers_at, spelt


def value_set(answer: str, found: Collection[str], expected: Expected) -> Score:
    """Judge the values of an answer against a set of targets.

    Recall is the share of targets given (RULER's string_match_all), precision the share of given
    values that are targets. The score is the smaller of the two: naming more than was asked does
    not help. An answer that also names most of the known wrong values has not chosen, and is wrong.
    """
    given, targets = set(found), set(expected.targets)
    if not given:
        return no_value(answer, expected)
    hits = len(given & targets)
    parts = {"recall": hits / len(targets), "precision": hits / len(given)}
    why = f"{hits} of {len(targets)} found, {len(given) - hits} other"
    if hits and 2 * len(given & set(expected.wrong)) > len(expected.wrong) > 0:
        return wrong_score("several", f"listed most of what was planted: {why}")
    kind, detail = _class_of(given, targets, expected)
    score = min(parts.values())
    return Score(value=score, answer_class=kind, explanation=why, detail=detail, parts=parts)


def number_set(text: str, expected: Expected) -> Score:
    """``value_set`` over whole numbers of the targets' digits."""
    answer = answer_in(text, expected.question)
    return _judged(answer, _numbers(answer, expected))[0]


def number_pairs(text: str, expected: Expected) -> Score:
    """Judge each value under its own key. ``expected.keys`` belong to the targets, in order.

    Where the answer labels its values, the labels bind; where it gives exactly as many as were
    asked for, their order does; otherwise it is judged as a set. ``parts`` holds recall and
    precision of the set, and the share of pairs.
    """
    answer = answer_in(text, expected.question)
    score, given = _judged(answer, _numbers(answer, expected))
    pairs = _pairs(given, expected)
    if pairs is None or not score.parts:
        return score
    own = zip(expected.keys, expected.targets, strict=True)
    right = sum(pairs.get(key) == target for key, target in own)
    share = right / len(expected.targets)
    score = replace(score, parts={**score.parts, "pairs": share})
    if share >= score.value:
        return score
    why = f"{score.explanation}, {right} of {len(expected.targets)} under their own key"
    kind = "wrong" if score.answer_class == "right" else score.answer_class
    detail = score.detail or "mixed up"
    return replace(score, value=share, answer_class=kind, explanation=why, detail=detail)


def name_set(text: str, expected: Expected, shape: str) -> Score:
    """``value_set`` over names; ``shape`` is a pattern of other values, in upper case."""
    answer = answer_in(text, expected.question)
    folded = named_text(answer)
    mentions = names_at(folded, [*expected.targets, *expected.wrong])
    known = {m.start for m in mentions}
    found = (m for m in re.finditer(shape, folded, re.IGNORECASE) if m.start() not in known)
    mentions += [Mention(value=m[0].upper(), start=m.start(), stop=m.end()) for m in found]
    return _judged(answer, _names(folded, mentions, expected))[0]


def name_sequence(text: str, expected: Expected, others: Iterable[str] = ()) -> Score:
    """1 for the targets in their order and nothing else, else 0: Sequential-NIAH's strict rule.

    Where an answer names them more than once, its last whole list counts. ``parts`` holds recall
    and precision of the set, and the share of the pairs of given targets in the right order.
    """
    answer = answer_in(text, expected.question)
    folded = named_text(answer)
    mentions = names_at(folded, [*expected.targets, *expected.wrong, *others])
    score, given = _judged(answer, _names(folded, mentions, expected), done_only=True)
    if not score.parts:
        return score
    place = {target: i for i, target in enumerate(expected.targets)}
    listed = [place[v] for v in _last_list([s.value for s in given]) if v in place]
    pairs = [a < b for a, b in combinations(listed, 2)]
    parts = {**score.parts, "order": sum(pairs) / len(pairs) if pairs else 0.0}
    why = f"{score.explanation}, {'in order' if all(pairs) else 'out of order'}"
    if score.value < 1:
        return replace(score, value=0.0, explanation=why, parts=parts)
    if not all(pairs):
        return replace(wrong_score("wrong", why, "out of order"), parts=parts)
    return replace(score, parts=parts)


def _last_list(values: Sequence[str]) -> list[str]:
    """The shortest end of a list that holds every value of it, each value where it comes first."""
    missing, at = set(values), len(values)
    while missing:
        at -= 1
        missing.discard(values[at])
    return list(dict.fromkeys(values[at:]))


def _numbers(answer: str, expected: Expected) -> Reading:
    """What is said of the numbers with as many digits as the targets."""
    folded = spelt(answer)
    alike = [m for m in numbers_at(folded) if len(m.value) == len(expected.target)]
    return Reading(folded, alike, expected.told_alike(), spelt)


def _names(folded: str, mentions: Mentions, expected: Expected) -> Reading:
    return Reading(folded, mentions, expected.told_alike(), named_text)


def _judged(
    answer: str, reading: Reading, *, done_only: bool = False
) -> tuple[Score, list[Statement]]:
    """The score of what is given, and what is said of it; ``done_only``: where it happened."""
    given, not_there = all_given(reading)
    if not_there:
        return wrong_score("not-there", "said that it is not there"), given
    if done_only:
        given = [s for s in given if not reading.says(s, "undone")]
    return value_set(answer, {s.value for s in given}, reading.expected), given


def _pairs(given: Sequence[Statement], expected: Expected) -> dict[str, str] | None:
    """The value of each key; None where neither labels nor order tell."""
    labelled = {named_text(s.name): s.value for s in given if s.name}
    if labelled:
        keys = {named_text(k): k for k in expected.keys}
        return {keys[name]: value for name, value in labelled.items() if name in keys}
    values = list(dict.fromkeys(s.value for s in given))
    if len(values) != len(expected.targets):
        return None
    return dict(zip(expected.keys, values, strict=True))


def _class_of(given: set[str], targets: set[str], expected: Expected) -> tuple[str, str | None]:
    if given == targets:
        return "right", None
    for value in sorted(given - targets):
        if known := expected.wrong.get(value):
            return known.answer_class, known.detail
    return "wrong", "incomplete" if given < targets else None
