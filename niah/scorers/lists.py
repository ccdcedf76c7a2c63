"""Values in a list share what is said of one of them; two lists side by side are pairs."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import groupby, pairwise
from typing import TypeVar

from niah.scorers.clauses import Layout, Mention
from niah.scorers.reply import LINE
from niah.scorers.statements import ASKED, OTHER, Statement
from niah.scorers.words import chinese, latin, spelling, words

_MOST_GAP = 40  # signs between two values of a list
M = TypeVar("M", "Mention", "Statement")


def grouped(text: str, said: Sequence[Statement]) -> list[Statement]:
    """The statements, with what the values of a list share."""
    found: list[Statement] = []
    for number, group in enumerate(_groups(text, said)):
        joints = ["", *(text[a.stop : b.start] for a, b in pairwise(group))]
        coupled = [replace(s, coupled=bool(_couples(j))) for s, j in zip(group, joints, strict=True)]
        left_open = len(group) == 2 and _between().search(text[max(0, group[0].start - _MOST_GAP) : group[0].start])
        found += [replace(s, denied=True) if left_open else s for s in _shared(coupled, number)]
    return found


def paired(layout: Layout, said: Sequence[Statement]) -> list[Statement]:
    """With the keys of "Oslo, Riga and Lusaka are 1, 2 and 3", and of a table with its keys in the first row."""
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


def _shared(group: Sequence[Statement], number: int) -> list[Statement]:
    """The values of a list with what is said of it: its key, its denial, and the question that it takes up."""
    coupled = any(s.coupled for s in group)
    key = name = None
    denied, found = False, []
    for s in group:
        if s.key is not None:
            key, name = s.key, s.name
        denied = s.denied or (denied and coupled)
        found.append(replace(s, key=s.key or key, name=s.name or name, denied=denied, group=number))
    if coupled:  # "1 and 2 are for Oslo" says it of both
        last = found[-1]
        found = [replace(s, key=s.key or last.key, name=s.name or last.name) for s in found]
    echoes, added, bare = any(s.echoes for s in found), any(s.added for s in found), all(s.bare for s in found)
    return [replace(s, echoes=echoes, added=added, bare=bare) for s in found] if len(found) > 1 else found


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


def _couples(joint: str) -> bool:
    return "、" in joint or words("joint").search(joint) is not None


@cache
def _between() -> re.Pattern[str]:
    """between 1 and 2: neither is given."""
    return re.compile(rf"{spelling('between')}\s+(?:(?:{latin('article')})\s+)?$")
