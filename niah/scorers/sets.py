"""Scorers for several values: every one that was asked for, and no other."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from niah.records import Score
from niah.scorers.answers import Expected, Mention, answer_in, denied, no_value, wrong_score
from niah.scorers.values import mentions_of, number_mentions, numbers_like, spaced, spelt


def value_set(answer: str, found: Collection[str], expected: Expected) -> Score:
    """Judge the values of an answer against a set of targets.

    Recall is the share of targets given (RULER's string_match_all), precision the share of given values that are
    targets. The score is the smaller of the two: naming more than was asked does not help. An answer that also names
    most of the known wrong values has not chosen, and scores nought.
    """
    given, targets = set(found), set(expected.targets)
    if not given:
        return no_value(answer, expected.question)
    hits = len(given & targets)
    parts = {"recall": hits / len(targets), "precision": hits / len(given)}
    why = f"{hits} of {len(targets)} found, {len(given) - hits} other"
    if hits and 2 * len(given & set(expected.wrong)) > len(expected.wrong) > 0:
        return wrong_score("several", f"listed most of what was planted: {why}")
    answer_class, detail = _class_of(given, targets, expected)
    return Score(value=min(parts.values()), answer_class=answer_class, explanation=why, detail=detail, parts=parts)


def number_set(text: str, expected: Expected) -> Score:
    """``value_set`` over whole numbers of the targets' digits."""
    answer = answer_in(text)
    folded = spelt(answer)
    denials = denied(folded, number_mentions(folded), expected.question)
    return value_set(answer, numbers_like(answer, expected.target) - denials, expected)


def name_set(text: str, expected: Expected, shape: str | None = None, others: Iterable[str] = ()) -> Score:
    """``value_set`` over names; ``shape`` is a pattern of what else would be a value, in upper case."""
    answer = answer_in(text)
    folded = spaced(answer)
    mentions = mentions_of(answer, [*expected.targets, *expected.wrong, *others])
    if shape:
        found = re.finditer(shape, folded, re.IGNORECASE)
        mentions += [Mention(value=m[0].upper(), start=m.start(), stop=m.end()) for m in found]
    values = {m.value for m in mentions} - denied(folded, mentions, expected.question)
    return value_set(answer, values, expected)


def _class_of(given: set[str], targets: set[str], expected: Expected) -> tuple[str, str | None]:
    if given == targets:
        return "right", None
    for value in sorted(given - targets):
        if known := expected.wrong.get(value):
            return known.answer_class, known.detail
    return "wrong", "incomplete" if given < targets else None
