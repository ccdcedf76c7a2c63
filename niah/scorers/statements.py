"""What an answer says of one value, when it was said, and what the values of a list share.

"First 1, then 2" and "it changed from 1 to 2" tell an order; two lists side by side are pairs.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby, pairwise
from typing import TypeVar

from niah.scorers.clauses import Layout, Mention
from niah.scorers.reply import LINE
from niah.scorers.words import chinese, latin, spelling, words

OTHER, ASKED = "other", "asked"
EARLY, PLAIN, LATE, LAST = range(4)
_MOST_GAP = 40  # signs between two values of a list
M = TypeVar("M", Mention, "Statement")


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
    coupled: bool = False  # joined to the one before by "and" or "or"
    group: int = 0  # values of one list have the same number


def rank_of(gap: str, behind: str) -> int:
    """EARLY, PLAIN, LATE or LAST.

    ``gap`` stands between the value before and this one, ``behind`` between this one and the end of its clause.
    """
    for said in (_turned(gap), _timed(gap), _timed(behind)):
        if said is not None:
            return said
    return PLAIN


def _turned(gap: str) -> int | None:
    """By the word that turns from one value to the next: "to", "replaced"."""
    timed = [m.span() for m in words("early", "last").finditer(gap)]
    onward = [m.span() for m in words("onward").finditer(gap)]
    onward = [o for o in onward if not any(a <= o[0] and o[1] <= b and o != (a, b) for a, b in timed)]  # "used to be"
    back = [m.start() for m in words("backward").finditer(gap)]
    found = [(start, LATE) for start, _ in onward]
    found += [(at, EARLY) for at in back if not any(start <= at < stop for start, stop in onward)]
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
        left_open = len(group) == 2 and _between().search(before) is not None
        yield from (replace(s, group=number, denied=s.denied or left_open) for s in _shared(group, coupled))


def paired(layout: Layout, said: Sequence[Statement]) -> list[Statement]:
    """With the keys of "Oslo, 1; Riga, 2", of "Oslo, Riga and Lusaka are 1, 2 and 3", and of a table's first row."""
    places = sorted([*((k.start, "k") for k in layout.keys), *((s.start, "v") for s in said)])
    if 1 < len(said) == len(layout.keys) and "".join(kind for _, kind in places) == "kv" * len(said):
        return [_keyed(layout, s, k) for s, k in zip(said, layout.keys, strict=True)]
    named = [group for group in _groups(layout.text, layout.keys) if len(group) > 1]
    stops = [group[-1].stop for group in named]
    found: list[Statement] = []
    for _, members in groupby(said, key=lambda s: s.group):
        group = list(members)
        at = bisect_right(stops, group[0].start) - 1
        pairs = at >= 0 and len(named[at]) == len(group) and _side_by_side(layout, stops[at], group)
        found += [_keyed(layout, s, k) for s, k in zip(group, named[at], strict=True)] if pairs else group
    return found


def _side_by_side(layout: Layout, stop: int, group: Sequence[Statement]) -> bool:
    """Whether nothing but a verb stands between a list of keys that stops there and a list of values."""
    text, first, last = layout.text, group[0].start, group[-1].start
    joined = re.search(r"[.。;!?]", text[stop:first]) or any(stop <= k.start < last for k in layout.keys)
    return not joined and not words("alternative").search(text[first:last])


def _keyed(layout: Layout, s: Statement, key: Mention) -> Statement:
    return replace(s, key=ASKED if layout.is_asked(key) else OTHER, name=layout.spelt(key))


def _shared(group: Sequence[Statement], coupled: Sequence[bool]) -> list[Statement]:
    """The values of a list with what is said of it: its key, its denial, its time, and the question it takes up."""
    before, found = group[0], list[Statement]()
    for s, joined in zip(group, coupled, strict=True):
        before = replace(
            s,
            key=s.key or before.key,
            name=s.name or before.name,
            denied=s.denied or (before.denied and any(coupled)),
            rank=before.rank if joined and s.rank == PLAIN else s.rank,
            coupled=joined,
        )
        found.append(before)
    if any(coupled):  # "1 and 2 are for Oslo" says it of both
        found = [replace(s, key=s.key or before.key, name=s.name or before.name) for s in found]
    echoes, added, bare = max(s.echoes for s in found), any(s.added for s in found), all(s.bare for s in found)
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


@cache
def _joiner() -> re.Pattern[str]:
    """What stands between two items: ", ", " and ", " and the ", a line end with "2. "."""
    bullet = rf"(?:{LINE}\s*(?:[-*•+]|\d{{1,3}}[.):、])[\s*\"'`]*)?"
    joint = rf"(?:(?:{latin('joint')}|{chinese('joint')})?\s*)(?:(?:{latin('article')})\s+)?"
    return re.compile(rf"[\s,、;/|&\"'`*“”「」{LINE}]*{bullet}{joint}[\"'`*\s“”「」]*")


@cache
def _between() -> re.Pattern[str]:
    """between 1 and 2: neither is given."""
    return re.compile(rf"{spelling('between')}\s+(?:(?:{latin('article')})\s+)?$")
