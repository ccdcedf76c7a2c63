"""Which key a value belongs to, by where they stand: "Oslo's is 1", "Oslo: 1", "1 (Oslo)", "1, that is Oslo's"."""

from __future__ import annotations

import re
from functools import cache

from niah.scorers.clauses import Layout, Mention
from niah.scorers.words import is_small, latin, spelling, words

_MOST_ASIDE = 16  # signs of an interjection between a value and "that is for Oslo"
_MOST_BEHIND = 4  # clauses


def key_of(layout: Layout, mention: Mention, i: int) -> Mention | None:
    """The key of a value in clause ``i``: one beside it, else one that the sentence is about, else one behind."""
    return _beside(layout, mention, i) or _topic(layout, i) or _attribution(layout, i)


def names_unknown_key(after: str, question: str) -> bool:
    """Whether a value is said to belong to something that is not in the question: "42 is for Oslo"."""
    other = _unknown_key().match(after)
    name = (other[1] or other[2]) if other else ""
    if not name or name in question or is_small(name):
        return False
    return not words("early", "late", "last", "unsaid", "truth").search(name)  # 42是主持人说的 names no key


def _beside(layout: Layout, mention: Mention, i: int) -> Mention | None:
    """Of several keys in a clause the one of a value: in turn, else the nearest before it, else the first."""
    keys, values = layout.keys_in(i), layout.values_in(i)
    if 1 < len(keys) == len(values):
        places = sorted([*((k.start, "k") for k in keys), *((v.start, "v") for v in values)])
        order = "".join(kind for _, kind in places)
        if order in ("kv" * len(keys), "vk" * len(keys)):
            return keys[values.index(mention)]
    return next((k for k in reversed(keys) if k.stop <= mention.start), keys[0] if keys else None)


def _topic(layout: Layout, i: int) -> Mention | None:
    """The key of a clause before, that is about nothing else: "For Oslo, it is 42", "Oslo: 42", "Oslo (42)"."""
    keys = layout.keys_in(i - 1) if i and not layout.values_in(i - 1) else []
    if not keys:
        return None
    clause, topic = layout.clauses[i], layout.clauses[i - 1]
    if ")" in clause.before:
        return None  # a bracket is about what stands before it
    if _takes_up(layout, i - 1) and any(layout.values_in(j) for j in range(max(0, i - _MOST_BEHIND), i - 1)):
        return None  # "1... sorry, that is Oslo's: 2"
    label = ":" in clause.before
    if clause.sentence != topic.sentence:
        return keys[-1] if label and clause.sentence - topic.sentence == 1 else None
    left = words("conjunction").sub(" ", layout.without(i - 1, keys)).replace("'s", " ")
    left = re.sub(r"\d{5,}", " ", left)  # a number, where times are read
    about = is_small(left) and re.search(r"\w", left + layout.without(i, layout.values_in(i)))  # no bare list
    dashed = "—" in clause.before and not re.search(r"\w", left)
    led = words("condition").match(topic.text.strip()) or words("relative").match(clause.text.lstrip())
    return keys[-1] if label or about or dashed or led or re.search(r"[(|]", clause.before) else None


def _attribution(layout: Layout, i: int) -> Mention | None:
    """The key of a clause behind, that takes the value up: "42, but that is for Oslo", "42 (Oslo)"."""
    for j in range(i + 1, min(i + 1 + _MOST_BEHIND, len(layout.clauses))):
        if layout.values_in(j):
            return None
        if layout.keys_in(j):
            clause = layout.clauses[j]
            leads_on = not clause.behind.startswith(")") and layout.values_in(j + 1)  # "42 (Oslo: 43)"
            bracket = j == i + 1 and clause.before.startswith("(") and not leads_on
            return layout.keys_in(j)[0] if bracket or _takes_up(layout, j) else None
        if len(layout.clauses[j].text) > _MOST_ASIDE:
            return None
    return None


def _takes_up(layout: Layout, i: int) -> bool:
    """that is for KEY; it is KEY's; 那是KEY的."""
    clause, key = layout.clauses[i], layout.keys_in(i)[0]
    head, tail = layout.text[clause.start : key.start], layout.text[key.stop : clause.stop]
    starts = re.match(rf"\s*(?:{spelling('conjunction')})?\s*{spelling('reference')}", head)
    if not starts or words("negation").search(clause.text):
        return False
    return bool(words("belonging").search(head[starts.end() - 1 :]) or re.match(r"'s\b|的", tail) or "'s" in head)


@cache
def _unknown_key() -> re.Pattern[str]:
    """is for the Minsk; 是明斯克的."""
    return re.compile(rf"\s*(?:{spelling('owned')}\s+(?:(?:{latin('article')})\s+)?([a-z]\w+)|是(\w{{2,8}}?)的)")
