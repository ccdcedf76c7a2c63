"""What an answer says of one value, and when it was said: "first 1, then 2", "it changed from 1 to 2"."""

from __future__ import annotations

from dataclasses import dataclass

from niah.scorers.words import words

OTHER, ASKED = "other", "asked"
EARLY, PLAIN, LATE, LAST = range(4)


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
