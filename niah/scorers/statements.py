"""What an answer says of one value: of which key, when, and what the values of a list share.

A key is told by where both stand: "Oslo's is 1", "Oslo: 1", "1 (Oslo)", "1, that is Oslo's".
"First 1, then 2" and "it changed from 1 to 2" tell an order; two lists side by side are pairs.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import TypeVar

from niah.scorers.clauses import Layout, Mention
from niah.scorers.words import is_small, phrase, words

OTHER, ASKED = "other", "asked"
EARLY, PLAIN, LATE, LAST = range(4)
_MOST_GAP = 40  # signs between two values of a list
_MOST_ASIDE = 16  # signs of an interjection between a value and "that is for Oslo"
_MOST_BEHIND = 4  # clauses
M = TypeVar("M", Mention, "Statement")
_joiner = phrase(  # between two items: ", ", " and ", " and the ", a line end with "2. "
    r"[\s,、;/|&\"'`*“”「」{LINE}]*(?:{LINE}\s*(?:[-*•+]|\d{1,3}[.):、])[\s*\"'`]*)?"
    r"(?:(?:{latin joint}|{chinese joint})?\s*)(?:(?:{latin article})\s+)?[\"'`*\s“”「」]*"
)
between = phrase(r"{between}\s+(?:(?:{latin article})\s+)?$")  # between 1 and 2: neither is given
_unknown_key = phrase(  # is for the Minsk
    r"\s*(?:{owned}\s+(?:(?:{latin article})\s+)?([a-z]\w+)|是(\w{2,8}?)的)"
)
_belong = phrase(r"[,\s]*{belonging}?\s*{belonging}\s*")
_refers = phrase(r"\s*(?:{conjunction})?\s*{reference}")  # but that


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One mention of a value and what is said of it."""

    value: str
    start: int
    stop: int
    clause: int
    sentence: int
    key: str | None = None  # ASKED, OTHER, or not said
    name: str | None = None  # of the key, as it stands in the answer
    denied: bool = False
    doubted: bool = False  # asked aloud, conceded, or only taken for the answer at first
    concluded: bool = False
    guessed: bool = False
    added: bool = False  # "also"
    bare: bool = False  # the clause is nothing but the value
    bold: bool = False
    echoes: int = 0  # words of the question that the clause takes up
    rank: int = PLAIN  # where it stands in time
    group: int = 0  # values of one list have the same number


def key_of(layout: Layout, mention: Mention, i: int) -> Mention | None:
    """The key of a value in clause ``i``: beside it, else of its sentence's topic, else behind."""
    return _beside(layout, mention, i) or _topic(layout, i) or _attribution(layout, i)


def names_unknown_key(after: str, question: str) -> bool:
    """Whether a value belongs to something that is not in the question: "42 is for Oslo"."""
    other = _unknown_key().match(after)
    name = (other[1] or other[2]) if other else ""
    if not name or name in question or is_small(name):
        return False
    # 42是主持人说的 names no key
    return not words("early", "late", "last", "unsaid", "truth").search(name)


def _beside(layout: Layout, mention: Mention, i: int) -> Mention | None:
    """Of several keys in a clause the one of a value: in turn, the nearest before, or the first."""
    keys, values = layout.keys_in(i), layout.values_in(i)
    if len(values) == len(keys) > 1:
        order = _order(keys, values)
        if order in ("kv" * len(keys), "vk" * len(keys)):
            return keys[values.index(mention)]
    return next((k for k in reversed(keys) if k.stop <= mention.start), keys[0] if keys else None)


def _order(keys: Iterable[Mention], values: Iterable[Mention | Statement]) -> str:
    """How keys and values follow each other: kvkv."""
    places = [*((k.start, "k") for k in keys), *((v.start, "v") for v in values)]
    return "".join(kind for _, kind in sorted(places))


def _topic(layout: Layout, i: int) -> Mention | None:
    """The key of the clause before that is about nothing else: "For Oslo, it is 42", "Oslo: 42"."""
    keys = layout.keys_in(i - 1) if i and not layout.values_in(i - 1) else []
    if not keys:
        return None
    clause, topic = layout.clauses[i], layout.clauses[i - 1]
    if ")" in clause.before:
        return None  # a bracket is about what stands before it
    told = any(layout.values_in(j) for j in range(max(0, i - _MOST_BEHIND), i - 1))
    if told and _takes_up(layout, i - 1):
        return None  # "1... sorry, that is Oslo's: 2"
    label = ":" in clause.before
    if clause.sentence != topic.sentence:
        return keys[-1] if label and clause.sentence - topic.sentence == 1 else None
    left = words("conjunction").sub(" ", layout.without(i - 1, keys)).replace("'s", " ")
    left = re.sub(r"\d{5,}", " ", left)  # a number, where times are read
    bare_list = not re.search(r"\w", left + layout.without(i, layout.values_in(i)))
    is_topic = (
        label
        or (is_small(left) and not bare_list)
        or ("—" in clause.before and not re.search(r"\w", left))
        or words("condition").match(topic.text.strip())
        or words("relative").match(clause.text.lstrip())
        or re.search(r"[(|]", clause.before)
    )
    return keys[-1] if is_topic else None


def _attribution(layout: Layout, i: int) -> Mention | None:
    """The key of a clause behind that takes a value up: "42, but that is for Oslo", "42 (Oslo)"."""
    for j, clause in enumerate(layout.clauses[i + 1 : i + 1 + _MOST_BEHIND], i + 1):
        if layout.values_in(j):
            return None
        if layout.keys_in(j):
            in_brackets = j == i + 1 and _is_in_brackets(layout, j)
            return layout.keys_in(j)[0] if in_brackets or _takes_up(layout, j) else None
        if len(clause.text) > _MOST_ASIDE:
            return None
    return None


def _is_in_brackets(layout: Layout, i: int) -> bool:
    """42 (Oslo). Not: 42 (Oslo: 43), 42 (all others hold 3)."""
    clause = layout.clauses[i]
    if not clause.before.startswith("(") or words("only", "negation").search(clause.text):
        return False
    return clause.behind.startswith(")") or not layout.values_in(i + 1)


def _takes_up(layout: Layout, i: int) -> bool:
    """that is for KEY; it is KEY's; 那是KEY的."""
    clause, key = layout.clauses[i], layout.keys_in(i)[0]
    head, tail = layout.text[clause.start : key.start], layout.text[key.stop : clause.stop]
    starts = _refers().match(head)
    if not starts or words("negation").search(clause.text):
        return False
    belongs = words("belonging").search(head[starts.end() - 1 :])
    return bool(belongs or re.match(r"'s\b|的", tail) or "'s" in head)


def rank_of(gap: str, behind: str) -> int:
    """EARLY, PLAIN, LATE or LAST, by the ``gap`` to the value before and what stands ``behind``."""
    ranks = (_turned(gap), _timed(gap), _timed(behind))
    return next((rank for rank in ranks if rank is not None), PLAIN)


def _turned(gap: str) -> int | None:
    """By the word that turns from one value to the next: "to", "replaced"."""
    timed = [m.span() for m in words("early", "last").finditer(gap)]
    late = max((start for start, _ in timed), default=-1)  # "and after the last change"
    onward = [
        (start, stop)
        for start, stop in (m.span() for m in words("onward").finditer(gap))
        # "used to be" turns to nothing
        if not any(a <= start and stop <= b and (a, b) != (start, stop) for a, b in timed)
    ]
    back = (m.start() for m in words("backward").finditer(gap))
    found = [(start, LATE) for start, _ in onward]
    found += [(at, EARLY) for at in back if at > late and not any(at in range(*o) for o in onward)]
    return max(found)[1] if found else None


def _timed(gap: str) -> int | None:
    """By the words of time; the strongest one counts."""
    ranks = (("last", LAST), ("early", EARLY), ("late", LATE))
    return next((rank for rule, rank in ranks if words(rule).search(gap)), None)


def grouped(text: str, said: Sequence[Statement]) -> Iterator[Statement]:
    """The statements, with what the values of a list share."""
    for number, group in enumerate(_groups(text, said)):
        joints = ["", *(text[a.stop : b.start] for a, b in pairwise(group))]
        coupled = ["、" in joint or words("joint").search(joint) is not None for joint in joints]
        before = text[max(0, group[0].start - _MOST_GAP) : group[0].start]
        left_open = len(group) == 2 and between().search(before) is not None
        for s in _shared(group, coupled):
            yield replace(s, group=number, denied=s.denied or left_open)


def paired(layout: Layout, said: Sequence[Statement]) -> list[Statement]:
    """With the keys of "Oslo, 1; Riga, 2", "Oslo and Riga are 1 and 2", and a table's first row."""
    if len(said) > 1 and _order(layout.keys, said) == "kv" * len(said):
        return [_keyed(layout, s, k) for s, k in zip(said, layout.keys, strict=True)]
    named = [group for group in _groups(layout.text, layout.keys) if len(group) > 1]
    stops, starts = [group[-1].stop for group in named], [group[0].start for group in named]
    found: list[Statement] = []
    for _, members in groupby(said, key=lambda s: s.group):
        group = list(members)
        at = bisect_right(stops, group[0].start) - 1
        pairs = at >= 0 and len(named[at]) == len(group) and _side_by_side(layout, stops[at], group)
        if not pairs and at + 1 < len(named) and len(named[at + 1]) == len(group):
            at += 1  # "1 and 2 belong to Oslo and Riga"
            pairs = _belong().fullmatch(layout.text[group[-1].stop : starts[at]]) is not None
        if pairs:
            group = [_keyed(layout, s, k) for s, k in zip(group, named[at], strict=True)]
        found += group
    return found


def _side_by_side(layout: Layout, stop: int, group: Sequence[Statement]) -> bool:
    """Whether only a verb stands between a list of keys that stops there and a list of values."""
    first, last = group[0].start, group[-1].start
    gap, listed = layout.text[stop:first], layout.text[first:last]
    parted = re.search(r"[.。;!?]", gap) or words("alternative").search(listed)
    return not parted and not any(stop <= k.start < last for k in layout.keys)


def _keyed(layout: Layout, s: Statement, key: Mention) -> Statement:
    return replace(s, key=ASKED if layout.is_asked(key) else OTHER, name=layout.spelt(key))


def _shared(group: Sequence[Statement], coupled: Sequence[bool]) -> list[Statement]:
    """The values of a list with what is said of all of it: key, denial, time, the question."""
    before, found = group[0], list[Statement]()
    for s, joined in zip(group, coupled, strict=True):
        before = replace(
            s,
            key=s.key or before.key,
            name=s.name or before.name,
            denied=s.denied or (before.denied and any(coupled)),
            rank=before.rank if joined and s.rank == PLAIN else s.rank,
        )
        found.append(before)
    if any(coupled):  # "1 and 2 are for Oslo" says it of both
        found = [replace(s, key=s.key or before.key, name=s.name or before.name) for s in found]
    echoes, bare = max(s.echoes for s in found), all(s.bare for s in found)
    added = any(s.added for s in found)
    return [replace(s, echoes=echoes, added=added, bare=bare) for s in found]


def _groups(text: str, mentions: Sequence[M]) -> Iterator[list[M]]:
    """Runs of mentions with nothing but commas, bullets and "and" between them."""
    group: list[M] = []
    for m in mentions:
        gap = text[group[-1].stop : m.start] if group else ""
        if group and (len(gap) > _MOST_GAP or not _joiner().fullmatch(gap)):
            yield group
            group = []
        group.append(m)
    if group:
        yield group
