"""When a value was said, by the words of time beside it: "first 1, then 2", "it changed from 1 to 2"."""

from __future__ import annotations

from niah.scorers.words import words

EARLY, PLAIN, LATE, LAST = range(4)


def rank_of(gap: str, behind: str) -> int:
    """EARLY, PLAIN, LATE or LAST.

    ``gap`` stands between the value before and this one, ``behind`` between this one and the end of its clause.
    """
    turned = _turned(gap)
    if turned is not None:
        return turned
    timed = _timed(gap)
    return timed if timed is not None else _timed(behind) or (PLAIN if _timed(behind) is None else EARLY)


def _turned(gap: str) -> int | None:
    """By the word that turns from one value to the next: "to", "replaced"."""
    timed = [m.span() for m in words("early").finditer(gap)]
    onward = [
        m for m in words("onward").finditer(gap) if not any(a < m.start() and m.end() <= b for a, b in timed)
    ]  # "used to be" turns to nothing
    found = [(m.start(), LATE) for m in onward]
    back = words("backward").finditer(gap)
    found += [(m.start(), EARLY) for m in back if not any(o.start() <= m.start() < o.end() for o in onward)]
    return max(found)[1] if found else None


def _timed(gap: str) -> int | None:
    """By the words of time; the strongest one counts."""
    for rule, rank in (("last", LAST), ("early", EARLY), ("late", LATE)):
        if words(rule).search(gap):
            return rank
    return None
